//! The client: configuration, transports, and the one place that spawns calls.
//!
//! Long: what a client owns is put together in one place.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use libllm_proto::decoder::Limits;
use tracing::Instrument;
use zeroize::Zeroizing;

use crate::admit::{Gates, Pass};
use crate::cached::{Cache, Question, invalidate, second};
use crate::call::{self, Answered, Asked, Job};
use crate::chat::Chat;
use crate::clock;
use crate::config::{Config, SystemEnvironment};
use crate::error::{Error, ErrorKind, Result};
use crate::funds::Funds;
use crate::hooks::{self, Replan};
use crate::inbound::Caller;
use crate::metrics::{self, MetricsFormat};
use crate::observe::Listeners;
use crate::options::Options;
use crate::outlet::Answer;
use crate::plan::{self, Learnt};
use crate::policy::retry;
use crate::probe;
use crate::process::{self, Process};
use crate::queue::Queue;
use crate::reload::{self, Files, Seen};
use crate::request::Request;
use crate::route::Candidates;
use crate::runtime::{self, Engine};
use crate::setup::Setup;
use crate::store::{Redis, cooldowns};
use crate::ticket::Ticket;
use crate::transport::mock::Scripts;
use crate::transport::{self, Transport};
use crate::vitals::Roll;

/// Providers, keys, routes, limits, connections. Make one and share it: cloning is cheap, any thread may use it.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    number: u64,
    process: &'static Process,
    engine: Arc<Engine>,
    setup: Mutex<Arc<Setup>>,
    /// The way to those who issue credentials.
    control: Arc<dyn Transport>,
    scripts: Arc<dyn Transport>,
    /// How every target does, and what routing counts; outlives a reload.
    learnt: Learnt,
    /// What is kept of answers; outlives a reload.
    cache: Arc<Mutex<Arc<Cache>>>,
    /// What may be spent on trying again.
    funds: Arc<Funds>,
    /// Who may ask, and who waits for that; outlives a reload.
    gates: Arc<Gates>,
    draining: AtomicBool,
    /// One reload at a time: the configuration in force is one, whole.
    loading: Mutex<()>,
    /// How many configurations there were: whoever watches the files of an earlier one stops.
    loads: Arc<AtomicU64>,
}

/// A client, for as long as somebody else keeps it.
pub(crate) struct WeakClient(Weak<Inner>);

impl WeakClient {
    pub(crate) fn upgrade(&self) -> Option<Client> {
        self.0.upgrade().map(|inner| Client { inner })
    }
}

/// What is wanted of one call, beside the request.
pub(crate) struct Errand<'a> {
    /// When the host asked.
    pub(crate) began: Instant,
    pub(crate) queue: &'a Queue,
    pub(crate) options: &'a Options,
    pub(crate) user_data: usize,
    pub(crate) stream: bool,
    pub(crate) answer: Option<Arc<Mutex<Option<Answered>>>>,
    pub(crate) caller: Option<Box<Caller>>,
    pub(crate) replan: Option<Replan>,
}

/// How [`Client::drain`] waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Refuse new requests; [`ErrorKind::Busy`] while any is in flight.
    Stop,
    /// Wait this long, then cancel the rest.
    Within(Duration),
    /// Wait for ever.
    Forever,
}

impl Client {
    /// Makes a client from a configuration: JSON if the text begins with `{`, else TOML; `@PATH` names a file; an empty text
    /// or `{}` reads the environment. Starts no connection.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with line, key and what was expected.
    pub fn new(config: &str) -> Result<Client> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let (config, watch) = read(config)?;
        crate::log::from_environment(&SystemEnvironment);
        let process = process::current();
        let engine = process.runtime.start(config.runtime)?;
        let sockets = transport::open(&config, engine.threads())?;
        let roll = Arc::new(Roll::new(config.health.breaker));
        let listeners = Listeners::open(&config.telemetry, process, &engine, &roll, None)?;
        process
            .memory
            .configure(config.memory.per_process, config.memory.per_queue)?;
        process.clients.fetch_add(1, Ordering::AcqRel);
        let gates = Gates::new(process);
        let cache = Arc::new(Mutex::new(Arc::new(Cache::new(
            config.cache.max_bytes,
            process,
        ))));
        let shared = connected(&config, process, &engine, &roll, &cache);
        let funds = Funds::new(config.retry.budget, clock::now());
        let inner = Inner {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            process,
            setup: Mutex::new(Arc::new(Setup {
                sockets,
                shared,
                config: Arc::new(config),
                listeners,
            })),
            control: transport::control(engine.threads()),
            scripts: Arc::new(Scripts::default()),
            learnt: Learnt::new(roll, &gates),
            funds: Arc::new(funds),
            gates,
            cache,
            engine,
            draining: AtomicBool::new(false),
            loading: Mutex::default(),
            loads: Arc::default(),
        };
        let client = Client {
            inner: Arc::new(inner),
        };
        client.watch(watch);
        Ok(client)
    }

    /// Replaces keys, routes and limits at once; requests in flight keep the configuration they began with. A bad
    /// configuration changes nothing and says why.
    pub fn reload(&self, config: &str) -> Result<()> {
        self.inner.process.check("client")?;
        self.loaded(read(config).and_then(|read| self.load(read, || true)))
    }

    // Says how it went.
    fn loaded(&self, outcome: Result<bool>) -> Result<()> {
        if !matches!(outcome, Ok(false)) {
            self.inner.process.counters.reloaded(outcome.is_ok());
        }
        match &outcome {
            Ok(true) => tracing::info!(target: "libllm", "a new configuration is in force"),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(target: "libllm", "the configuration stays as it was: {error}");
            }
        }
        outcome.map(drop)
    }

    // Puts in force what was read, unless it is not `wanted` any more; says whether it did.
    fn load(&self, (config, watch): Read, wanted: impl Fn() -> bool) -> Result<bool> {
        let _one = crate::lock(&self.inner.loading);
        if !wanted() {
            return Ok(false);
        }
        let before = self.setup();
        self.inner.process.runtime.start(config.runtime)?;
        // New connections under new TLS settings; the old ones close when their requests end.
        let sockets = transport::open(&config, self.inner.engine.threads())?;
        let (process, engine) = (self.inner.process, &self.inner.engine);
        let (telemetry, roll) = (&config.telemetry, &self.inner.learnt.roll);
        let listeners = before.listeners.as_deref();
        let listeners = Listeners::open(telemetry, process, engine, roll, listeners)?;
        self.inner
            .process
            .memory
            .configure(config.memory.per_process, config.memory.per_queue)?;
        self.inner.learnt.roll.configure(config.health.breaker);
        self.inner.funds.configure(config.retry.budget);
        let mut cache = crate::lock(&self.inner.cache);
        *cache = cache.resized(config.cache.max_bytes);
        drop(cache);
        // One that is named as before is kept, with its connection.
        let shared = match config.shared == before.config.shared {
            true => before.shared.clone(),
            false => connected(&config, process, engine, roll, &self.inner.cache),
        };
        *crate::lock(&self.inner.setup) = Arc::new(Setup {
            config: Arc::new(config),
            sockets,
            shared,
            listeners,
        });
        self.watch(watch);
        Ok(true)
    }

    // From now on these files are watched, and no others; none, if the configuration does not say so.
    fn watch(&self, watch: Option<Watch>) {
        let loads = self.inner.loads.clone();
        let mine = loads.fetch_add(1, Ordering::AcqRel) + 1;
        let inner = Arc::downgrade(&self.inner);
        let held = inner.clone();
        let wanted = move || held.strong_count() > 0 && loads.load(Ordering::Acquire) == mine;
        if let Some(probe) = self.config().health.probe {
            let (wanted, inner) = (wanted.clone(), inner.clone());
            let inner = move || inner.upgrade().filter(|_| wanted());
            let asking = probe::run(probe, move || inner().map(|inner| Client { inner }));
            self.inner.engine.run(|| runtime::spawn_here(asking));
        }
        let Some(Watch { text, files, every }) = watch else {
            return;
        };
        let text = Arc::new(text);
        let still = wanted.clone();
        let load = move || {
            let (text, inner, wanted) = (text.clone(), inner.clone(), wanted.clone());
            // Nobody is kept alive by a file that takes long.
            move || {
                let read = read(&text);
                if let Some(inner) = inner.upgrade().filter(|_| wanted()) {
                    let client = Client { inner };
                    let _ = client.loaded(read.and_then(|read| client.load(read, &wanted)));
                }
            }
        };
        self.inner.engine.run(move || {
            runtime::spawn_here(reload::watch(files, every, still, load));
        });
    }

    /// A question to one model, in one line.
    pub fn chat(&self, model: &str, prompt: &str) -> Chat {
        Chat::new(self.clone(), Request::new(model).user(prompt).build())
    }

    /// A whole request.
    pub fn call(&self, request: Request) -> Chat {
        Chat::new(self.clone(), Ok(request))
    }

    /// Starts a request whose events go to `queue`; returns its number. After `Ok` exactly one terminal event is delivered,
    /// last, whatever happens. Does no I/O on the calling thread.
    pub fn submit(&self, request: Request, options: &Options, queue: &Queue) -> Result<u64> {
        let stream = request.stream().unwrap_or(true);
        self.start(queue, request, options, 0, stream, None, |_| {})
    }

    /// Like [`Client::submit`], for a request that is JSON text. `user_data` comes back in each event.
    pub fn submit_json(
        &self,
        queue: &Queue,
        request: &[u8],
        options: &Options,
        user_data: usize,
    ) -> Result<u64> {
        self.submit_seen(queue, request, options, user_data, |_| {})
    }

    /// Like [`Client::submit_json`]; `seen` learns the number before any event of the request can be polled.
    pub fn submit_seen(
        &self,
        queue: &Queue,
        request: &[u8],
        options: &Options,
        user_data: usize,
        seen: impl FnOnce(u64),
    ) -> Result<u64> {
        self.check()?;
        if invalidate::is_asked(options) {
            return self.invalidate(queue, request, options, user_data, None, seen);
        }
        let request = Request::parse_any(Bytes::copy_from_slice(request))?;
        let stream = request.stream().unwrap_or(true);
        self.start(queue, request, options, user_data, stream, None, seen)
    }

    /// Refuses new requests and waits for those in flight.
    pub fn drain(&self, how: Drain) -> Result<()> {
        self.inner.process.check("client")?;
        if how != Drain::Stop {
            runtime::refuse_blocking("draining a client")?;
        }
        self.inner.draining.store(true, Ordering::Release);
        let live = || self.inner.process.live.of_client(self.inner.number);
        let until = match how {
            Drain::Stop if live() > 0 => {
                return Err(Error::new(ErrorKind::Busy, "requests are still in flight"));
            }
            Drain::Stop => return Ok(()),
            Drain::Within(timeout) => clock::now().checked_add(timeout),
            Drain::Forever => None,
        };
        while live() > 0 {
            if until.is_some_and(|until| clock::now() >= until) {
                self.cancel_all();
            }
            // Nothing here is worth a wake-up of its own: a drain is the last thing a client does.
            clock::block(DRAIN_STEP);
        }
        self.flush(FLUSH_MAX);
        self.inner.process.journal.flush(FLUSH_MAX);
        Ok(())
    }

    // What is told of calls leaves now.
    fn flush(&self, timeout: Duration) {
        if let Some(listeners) = &self.setup().listeners {
            listeners.flush(timeout);
        }
    }

    /// Cancels everything in flight and refuses what comes; never blocks. Terminal events still reach the queues.
    pub fn close(&self) {
        if !self.is_foreign() {
            self.inner.draining.store(true, Ordering::Release);
            self.cancel_all();
            self.flush(Duration::ZERO);
        }
    }

    /// Counters as text.
    pub fn metrics(&self, format: MetricsFormat) -> Result<String> {
        self.inner.process.check("client")?;
        crate::lock(&self.inner.cache).measure();
        Ok(metrics::of(
            self.inner.process,
            &self.inner.learnt.roll,
            format,
        ))
    }

    /// Whether this client was made before a fork: nothing of it may be touched, not even to free it.
    pub fn is_foreign(&self) -> bool {
        !self.inner.process.is_current()
    }

    /// Refuses a client that was made before a fork, and one that is shutting down.
    pub(crate) fn check(&self) -> Result<()> {
        self.inner.process.check("client")?;
        if self.inner.draining.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the client is shutting down"));
        }
        Ok(())
    }

    /// Plans and begins one call.
    #[expect(
        clippy::too_many_arguments,
        reason = "the one private function behind every way to ask"
    )]
    pub(crate) fn start(
        &self,
        queue: &Queue,
        request: Request,
        options: &Options,
        user_data: usize,
        stream: bool,
        answer: Option<Arc<Mutex<Option<Answered>>>>,
        seen: impl FnOnce(u64),
    ) -> Result<u64> {
        let began = clock::now();
        self.check()?;
        let setup = self.setup();
        let config = &setup.config;
        // What cannot come in pieces is not asked for in pieces, whatever the request says.
        let stream = stream && options.streams();
        let candidates = self.candidates(config, &request, options, stream)?;
        let errand = Errand {
            began,
            queue,
            options,
            user_data,
            stream,
            answer,
            caller: None,
            replan: self.replan(config, options, stream, |candidates| candidates),
        };
        self.launch(&setup, request, candidates, errand, seen)
    }

    /// Who is asked.
    pub(crate) fn candidates(
        &self,
        config: &Config,
        request: &Request,
        options: &Options,
        stream: bool,
    ) -> Result<Candidates> {
        plan::candidates(config, &self.inner.learnt, request, options, stream)
    }

    /// How a request is planned anew that the host replaces; nothing if it is never asked.
    pub(crate) fn replan(
        &self,
        config: &Arc<Config>,
        options: &Options,
        stream: bool,
        placed: impl Fn(Candidates) -> Candidates + Send + Sync + 'static,
    ) -> Option<Replan> {
        if !config.hooks.of(options).before {
            return None;
        }
        let (config, options) = (config.clone(), options.clone());
        let learnt = self.inner.learnt.clone();
        Some(Box::new(move |request: &Request| {
            plan::candidates(&config, &learnt, request, &options, stream).map(&placed)
        }))
    }

    /// How every target does.
    pub(crate) fn roll(&self) -> &Arc<Roll> {
        &self.inner.learnt.roll
    }

    /// What requests are made with that begin now.
    pub(crate) fn setup(&self) -> Arc<Setup> {
        crate::lock(&self.inner.setup).clone()
    }

    /// What the client was told, as it is now.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.setup().config.clone()
    }

    /// Spawns one call that is planned.
    pub(crate) fn launch(
        &self,
        setup: &Setup,
        request: Request,
        mut candidates: Candidates,
        errand: Errand<'_>,
        seen: impl FnOnce(u64),
    ) -> Result<u64> {
        let Errand {
            began,
            queue,
            options,
            user_data,
            stream,
            answer,
            caller,
            replan,
        } = errand;
        let (config, shared) = (&*setup.config, setup.shared.clone());
        if answer.is_some() {
            hooks::refuse_unseen(config, &candidates)?;
        }
        let (trace, account) = setup.account(&request, options, stream, began);
        let (caches, said) = (&self.inner.cache, caller.as_deref());
        let question = Question::of(
            caches,
            config,
            options,
            said,
            shared.as_ref(),
            (self.asker(config, options), &candidates.notes),
        );
        let mut ticket = self.ticket(queue, user_data, options, config)?;
        let id = ticket.id();
        let pass = Pass::of(&self.inner.gates, config, &shared, &request, options);
        let job = Box::new(Job {
            began,
            handed: began,
            counted: config.telemetry.counts_targets(),
            captures: account.as_ref().is_some_and(|account| account.capture),
            request: candidates.settle(request),
            candidates,
            stream,
            retry: retry::Policy {
                max_attempts: options.max_attempts.unwrap_or(config.retry.max_attempts),
            },
            limits: limits(config),
            asked: Asked::of(options, config),
            catalog: config.catalog.clone(),
            funds: self.inner.funds.clone(),
            on_partial: options.on_partial.unwrap_or(config.retry.on_partial),
            sockets: setup.sockets.clone(),
            control: self.inner.control.clone(),
            scripts: self.inner.scripts.clone(),
            answer,
            caller,
            hooks: config.hooks.of(options),
            question,
            replan,
            rules: config.guardrails.clone(),
            trace,
            pass,
            shared,
        });
        self.inner.process.counters.submitted();
        seen(id);
        ticket.account = account.map(|account| account.numbered(id));
        self.spawn(config, job, ticket);
        Ok(id)
    }

    fn spawn(&self, config: &Config, mut job: Box<Job>, ticket: Ticket) {
        let span = tracing::info_span!(target: "libllm", "request", id = ticket.id());
        job.handed = clock::now();
        let refresh = config.catalog.refresh(job.handed);
        self.inner.engine.run(move || {
            refresh.into_iter().for_each(runtime::spawn_here);
            runtime::spawn_here(contained(call::run(job, ticket).instrument(span)));
        });
    }

    fn ticket(
        &self,
        queue: &Queue,
        user_data: usize,
        options: &Options,
        config: &Config,
    ) -> Result<Ticket> {
        let ticket = Ticket::issue(
            queue,
            self.inner.number,
            user_data,
            !options.no_coalesce,
            config.memory.per_stream,
        )?;
        if self.inner.draining.load(Ordering::Acquire) {
            ticket.live().cancel();
        }
        Ok(ticket)
    }

    /// Delivers an HTTP answer that no provider is needed for.
    pub(crate) fn answer(
        &self,
        queue: &Queue,
        user_data: usize,
        answer: Answer,
        seen: impl FnOnce(u64),
    ) -> Result<u64> {
        self.begin(queue, user_data, seen, |ticket, stall| {
            call::tell(answer, ticket, stall)
        })
    }

    /// A way back for who must not keep the client.
    pub(crate) fn weak(&self) -> WeakClient {
        WeakClient(Arc::downgrade(&self.inner))
    }

    /// What is kept of answers.
    pub(crate) fn cache(&self) -> Arc<Cache> {
        crate::lock(&self.inner.cache).clone()
    }

    /// What other processes share with this client, if anything.
    pub(crate) fn store(&self) -> Option<Arc<Redis>> {
        self.setup().shared.clone()
    }

    /// Begins what no provider is needed for.
    pub(crate) fn begin<F: Future<Output = ()> + Send + 'static>(
        &self,
        queue: &Queue,
        user_data: usize,
        seen: impl FnOnce(u64),
        work: impl FnOnce(Ticket, Duration) -> F + Send + 'static,
    ) -> Result<u64> {
        let config = self.config();
        let stall = config.timeouts.resolve(false).consumer_stall;
        let ticket = Ticket::issue(
            queue,
            self.inner.number,
            user_data,
            false,
            config.memory.per_stream,
        )?;
        let id = ticket.id();
        self.inner.process.counters.submitted();
        seen(id);
        self.inner.engine.run(move || {
            runtime::spawn_here(work(ticket, stall));
        });
        Ok(id)
    }

    fn cancel_all(&self) {
        let number = self.inner.number;
        self.inner
            .process
            .live
            .matching(|live| live.client == number)
            .iter()
            .for_each(|live| live.cancel());
    }
}

// Begun at once, so that the first call does not wait for it.
fn connected(
    config: &Config,
    process: &'static Process,
    engine: &Engine,
    roll: &Arc<Roll>,
    cache: &Arc<Mutex<Arc<Cache>>>,
) -> Option<Arc<Redis>> {
    let shared = Redis::new(&config.shared, process)?;
    let heeded = cooldowns::heed(Arc::downgrade(&shared), roll.clone());
    let void = second::heed(Arc::downgrade(&shared), Arc::downgrade(cache));
    engine.run(move || {
        runtime::spawn_here(heeded);
        runtime::spawn_here(void);
    });
    Some(shared)
}

fn limits(config: &Config) -> Limits {
    Limits {
        event: config.memory.max_event,
        answer: config.memory.max_answer as u64,
        ..Limits::default()
    }
}

// A panic ends its call, not the shard: the ticket has said so while it unwound.
fn contained(call: impl Future<Output = ()>) -> impl Future<Output = ()> {
    // No `async fn`: it would keep the call twice, where it was handed over and where it runs.
    AssertUnwindSafe(call).catch_unwind().map(|outcome| {
        if outcome.is_err() {
            tracing::error!(target: "libllm", "a call panicked");
        }
    })
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.process.clients.fetch_sub(1, Ordering::AcqRel);
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.inner.number)
    }
}

/// Frees [`crate::invoke`]'s client and stops the library's threads, waiting up to `timeout` (`None`: for ever). For leak
/// checkers; a process may just as well exit.
///
/// # Errors
/// [`ErrorKind::Busy`] while clients exist, [`ErrorKind::Timeout`].
pub fn shutdown(timeout: Option<Duration>) -> Result<()> {
    runtime::refuse_blocking("shutting the library down")?;
    let process = process::current();
    if let Some(client) = crate::lock(&process.default_client).take() {
        client.close();
    }
    if process.clients.load(Ordering::Acquire) > 0 {
        return Err(Error::new(
            ErrorKind::Busy,
            "clients still exist: free them first",
        ));
    }
    process.exporters.finish(FLUSH_MAX);
    process.runtime.stop(timeout)?;
    process.journal.flush(FLUSH_MAX);
    Ok(())
}

/// A configuration to be read again when its files change.
struct Watch {
    /// As it was given; it may hold keys.
    text: Zeroizing<String>,
    files: Files,
    every: Duration,
}

/// A configuration, and what is watched for it.
type Read = (Config, Option<Watch>);

fn read(text: &str) -> Result<Read> {
    let seen = Seen::new(&SystemEnvironment);
    let config = Config::parse(text, &seen)?;
    let watch = config.reload.watch.then(|| Watch {
        text: Zeroizing::new(text.to_owned()),
        files: seen.files(),
        every: config.reload.every,
    });
    Ok((config, watch))
}

const DRAIN_STEP: Duration = Duration::from_millis(2);
/// What a call log's last lines, and the last spans, are waited for: a disk or a collector that takes longer is one that does not take them.
const FLUSH_MAX: Duration = Duration::from_secs(2);
