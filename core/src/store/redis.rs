//! One connection to a Redis that several processes share, which may be slow or gone at any time without a call noticing more than
//! a bounded wait.
//!
//! ```text
//!            ask            answered              late, broken
//!   Idle ---------> Opening ---------> Up ------------------------> Down (for PAUSE) --ask--> Opening
//!                      |  failed                                      ^
//!                      +----------------------------------------------+
//! ```
//! Whoever asks while it is down is told so at once. What it means that nobody answers is the asker's business.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::redis::aio::{ConnectionLike as _, MultiplexedConnection};
use ::redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, RedisConnectionInfo, ServerErrorKind, ToRedisArgs, Value,
};
use futures::channel::oneshot;
use futures::future::{Either, select};

use super::alone::Alone;
use crate::clock;
use crate::config::{RedisPlace, Shared};
use crate::metrics::SharedCounters;
use crate::process::Process;
use crate::runtime;
use crate::transport::{BoxFuture, Dialer};

/// A Redis, asked on one connection by all requests of a client. Lives as long as its last holder.
pub(crate) struct Redis {
    place: RedisPlace,
    /// What a name of ours begins with there.
    prefix: String,
    /// Nobody waits longer for anything.
    bound: Duration,
    dialer: Dialer,
    link: Mutex<Link>,
    /// Connections that were made.
    made: AtomicU64,
    /// What is to be told when it is there again.
    owed: Mutex<VecDeque<Owed>>,
    alone: Alone,
    process: &'static Process,
}

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// After that Redis is slow, and is left alone for a while.
    pub(crate) bound: Duration,
    /// An answer that comes so much later is of use all the same.
    pub(crate) grace: Duration,
}

/// A script that is to be run, now or when Redis is there again.
pub(crate) struct Owed {
    pub(crate) script: &'static Script,
    pub(crate) keys: Vec<String>,
    pub(crate) arguments: Vec<i64>,
    /// How often Redis would not run it.
    pub(crate) refusals: u32,
    /// It does nothing where it was run before.
    pub(crate) once: bool,
}

/// Nobody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Redis is gone, and was not asked.
    Unsent,
    /// It does not understand, or does nothing for anybody now: it is loading, full, or no primary.
    Refused,
    /// It is slow, or the connection broke: what it was asked may have been done.
    Unanswered,
}

/// A connection that stands, and which one it is.
#[derive(Clone)]
struct Connection {
    link: MultiplexedConnection,
    number: u64,
}

enum Link {
    Idle,
    /// Who waits for it.
    Opening(Vec<oneshot::Sender<()>>),
    Up(Connection),
    /// Not asked before then.
    Down {
        until: Instant,
    },
}

impl Redis {
    /// The Redis that a configuration names. Nothing is connected yet.
    pub(crate) fn new(shared: &Shared, process: &'static Process) -> Option<Arc<Redis>> {
        let place = shared.place.clone()?;
        process
            .counters
            .shared
            .links
            .fetch_add(1, Ordering::Relaxed);
        Some(Arc::new(Redis {
            place,
            prefix: shared.prefix.clone(),
            bound: shared.timeout,
            dialer: Dialer::default(),
            link: Mutex::new(Link::Idle),
            made: AtomicU64::new(0),
            owed: Mutex::default(),
            alone: Alone::default(),
            process,
        }))
    }

    /// A name of ours there.
    pub(crate) fn key(&self, name: &str) -> String {
        [self.prefix.as_str(), name].concat()
    }

    /// Whether it answered last.
    pub(crate) fn is_up(&self) -> bool {
        matches!(*crate::lock(&self.link), Link::Up(_))
    }

    /// What it answers, within the bound. Only on one of the engine's threads.
    async fn ask(self: &Arc<Redis>, command: &Cmd, patience: Patience) -> Result<Value, Lost> {
        match self.converse(command, patience).await? {
            Ok(value) => Ok(value),
            Err(error) => self.misunderstood(&error),
        }
    }

    /// What a script answers, which is sent once and then named by its hash. `keys` are whole names.
    pub(crate) async fn run(
        self: &Arc<Redis>,
        script: &Script,
        keys: &[&str],
        arguments: &[i64],
    ) -> Result<Value, Lost> {
        let patience = self.patience();
        self.run_for(script, keys, &arguments, patience).await
    }

    /// The same with arguments of any kind, for who is as patient as that.
    pub(crate) async fn run_for(
        self: &Arc<Redis>,
        script: &Script,
        keys: &[&str],
        arguments: &impl ToRedisArgs,
        patience: Patience,
    ) -> Result<Value, Lost> {
        let mut command = ::redis::cmd("EVALSHA");
        command.arg(script.hash());
        command.arg(keys.len()).arg(keys).arg(arguments);
        match self.converse(&command, patience).await? {
            Ok(value) => return Ok(value),
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {}
            Err(error) => return self.misunderstood(&error),
        }
        // It restarted, or never saw the script.
        let mut command = ::redis::cmd("EVAL");
        command.arg(script.text);
        command.arg(keys.len()).arg(keys).arg(arguments);
        self.ask(&command, patience).await
    }

    /// What whoever waits is ready to wait, and nothing beyond that.
    pub(crate) fn patience(&self) -> Patience {
        Patience {
            bound: self.bound,
            grace: Duration::ZERO,
        }
    }

    /// Nobody waits longer for anything.
    pub(crate) fn bound(&self) -> Duration {
        self.bound
    }

    /// What a script answers that answers two numbers.
    pub(crate) async fn run_pair(
        self: &Arc<Redis>,
        script: &Script,
        keys: &[&str],
        arguments: &[i64],
    ) -> Result<[i64; 2], Lost> {
        let value = self.run(script, keys, arguments).await?;
        ::redis::from_redis_value::<(i64, i64)>(value)
            .map(|(first, second)| [first, second])
            .map_err(|_| Lost::Unanswered)
    }

    /// Whether it is worth asking: it answered last, or nobody knows yet, or it was left alone for long enough.
    pub(crate) fn is_worth_asking(&self, now: Instant) -> bool {
        match &*crate::lock(&self.link) {
            Link::Down { until } => *until <= now,
            Link::Idle | Link::Opening(_) | Link::Up(_) => true,
        }
    }

    /// Asks without waiting for the answer; where there is no engine to do so any more, nobody is asked.
    pub(crate) fn behind(self: &Arc<Redis>, work: impl Future<Output = ()> + Send + 'static) {
        if !self.is_up() || !runtime::try_spawn_here(work) {
            self.count().skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has a script run without waiting for it. Where Redis is not there it is run when it is; of very many the oldest are forgotten.
    pub(crate) fn owe(self: &Arc<Redis>, owed: Owed) {
        let mut all = crate::lock(&self.owed);
        if all.len() >= OWED_MAX {
            all.pop_front();
        }
        all.push_back(owed);
        drop(all);
        self.settle_behind();
    }

    /// So much was spent of a budget without a word to Redis, which is told when it is there.
    pub(crate) fn spent_alone(
        self: &Arc<Redis>,
        key: String,
        field: u64,
        amount: u64,
        seconds: u64,
    ) {
        if !self.alone.add(key, field, amount, seconds) {
            self.count().skipped.fetch_add(1, Ordering::Relaxed);
        }
        if self.is_up() {
            self.settle_behind();
        }
    }

    fn settle_behind(self: &Arc<Redis>) {
        let redis = self.clone();
        self.behind(async move { redis.settle().await });
    }

    // Named, for one that opens a connection settles, and asks for a connection to do so.
    fn settling(self: Arc<Redis>) -> BoxFuture<'static, ()> {
        Box::pin(self.settle())
    }

    // One after the other. What was sent and is not answered may have been done, and is not sent again unless it is done once however
    // often it is sent; what was not done waits for the next turn, unless it is refused again and again.
    async fn settle(self: Arc<Redis>) {
        let patience = Patience {
            bound: self.bound.max(SETTLING),
            grace: Duration::ZERO,
        };
        while self.is_up() {
            let owed = crate::lock(&self.owed).pop_front();
            let Some(mut owed) = owed.or_else(|| self.alone.next(|name| self.key(name))) else {
                return;
            };
            let keys: Vec<&str> = owed.keys.iter().map(String::as_str).collect();
            let told = self.run_for(owed.script, &keys, &owed.arguments, patience);
            match told.await {
                Ok(_) => continue,
                Err(Lost::Unanswered) if !owed.once => return,
                Err(Lost::Refused) => owed.refusals += 1,
                Err(Lost::Unsent | Lost::Unanswered) => {}
            }
            match owed.refusals < REFUSALS_MAX {
                true if owed.once => self.alone.again(owed),
                true => crate::lock(&self.owed).push_front(owed),
                false => {}
            }
            return;
        }
    }

    pub(super) fn count(&self) -> &SharedCounters {
        &self.process.counters.shared
    }

    // The inner error is the server's word on this one command; a connection that fails is none.
    async fn converse(
        self: &Arc<Redis>,
        command: &Cmd,
        patience: Patience,
    ) -> Result<Result<Value, ::redis::RedisError>, Lost> {
        let until = clock::now() + patience.bound;
        let Some(Connection { mut link, number }) = self.link(until).await else {
            self.count().skipped.fetch_add(1, Ordering::Relaxed);
            return Err(Lost::Unsent);
        };
        self.count().asked.fetch_add(1, Ordering::Relaxed);
        let answer = Box::pin(link.req_packed_command(command));
        let answered = match select(answer, Box::pin(clock::sleep_until(until))).await {
            Either::Left((answered, _)) => answered,
            Either::Right(((), answer)) => {
                self.count().late.fetch_add(1, Ordering::Relaxed);
                self.broke(number, "no answer within shared.timeout_ms");
                // The connection is nobody's any more, and stands for as long as this waits.
                let grace = Box::pin(clock::sleep(patience.grace));
                return match select(answer, grace).await {
                    Either::Left((Ok(value), _)) => Ok(value.extract_error()),
                    _ => Err(Lost::Unanswered),
                };
            }
        };
        match answered {
            // What a server refuses comes as a value.
            Ok(value) => Ok(value.extract_error()),
            Err(error) if !error.is_unrecoverable_error() => Ok(Err(error)),
            Err(error) => {
                self.count().failed.fetch_add(1, Ordering::Relaxed);
                self.broke(number, &error.to_string());
                Err(Lost::Unanswered)
            }
        }
    }

    fn misunderstood(&self, error: &::redis::RedisError) -> Result<Value, Lost> {
        self.count().failed.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(target: "libllm", "shared redis refused a command: {error}");
        Err(Lost::Refused)
    }

    // The connection, if it stands by then.
    async fn link(self: &Arc<Redis>, until: Instant) -> Option<Connection> {
        let stands = {
            let mut link = crate::lock(&self.link);
            match &mut *link {
                Link::Up(link) => return Some(link.clone()),
                Link::Down { until } if clock::now() < *until => return None,
                Link::Opening(waiting) => {
                    let (tell, told) = oneshot::channel();
                    waiting.push(tell);
                    told
                }
                Link::Idle | Link::Down { .. } => {
                    let (tell, told) = oneshot::channel();
                    *link = Link::Opening(vec![tell]);
                    let redis = self.clone();
                    runtime::spawn_here(async move { redis.open().await });
                    told
                }
            }
        };
        let _ = select(stands, Box::pin(clock::sleep_until(until))).await;
        match &*crate::lock(&self.link) {
            Link::Up(link) => Some(link.clone()),
            _ => None,
        }
    }

    // Behind everybody's back: it may take longer than anybody waits.
    async fn open(self: Arc<Redis>) {
        let opening = Box::pin(self.connect());
        let opened = match select(opening, Box::pin(clock::sleep(OPENING))).await {
            Either::Left((opened, _)) => opened,
            Either::Right(_) => Err("no connection in time".to_owned()),
        };
        match opened {
            Ok(link) => {
                self.up(link);
                self.settling().await;
            }
            Err(why) => self.down(&why),
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let place = &self.place;
        let stream = self
            .dialer
            .raw(&place.host, place.port, place.tls.as_ref())
            .await?;
        let mut info = RedisConnectionInfo::default().set_db(place.database);
        if let Some(user) = &place.user {
            info = info.set_username(user);
        }
        if let Some(password) = &place.password {
            info = info.set_password(password.expose());
        }
        // Time is kept here.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
        let (link, driver) = made.map_err(|error| error.to_string())?;
        runtime::spawn_here(driver);
        Ok(link)
    }

    fn up(&self, made: MultiplexedConnection) {
        tracing::info!(target: "libllm", "shared redis answers");
        self.count().up.fetch_add(1, Ordering::Relaxed);
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.turn(Link::Up(Connection { link: made, number }));
    }

    // What was asked on an earlier connection, and ends late, says nothing about this one.
    fn broke(&self, number: u64, why: &str) {
        let stands = match &*crate::lock(&self.link) {
            Link::Up(link) => link.number == number,
            _ => false,
        };
        if stands {
            self.down(why);
        }
    }

    fn down(&self, why: &str) {
        let until = clock::now() + PAUSE;
        if self.turn(Link::Down { until }) {
            tracing::warn!(target: "libllm", "shared redis is gone or slow, this process goes on alone: {why}");
        }
    }

    // Says whether that is new.
    fn turn(&self, to: Link) -> bool {
        let stays = matches!(to, Link::Up(_));
        let before = std::mem::replace(&mut *crate::lock(&self.link), to);
        match before {
            Link::Up(_) => {
                self.count().up.fetch_sub(1, Ordering::Relaxed);
                true
            }
            // Those who wait look for themselves.
            Link::Opening(waiting) => {
                drop(waiting);
                true
            }
            Link::Idle => true,
            Link::Down { .. } => stays,
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.turn(Link::Idle);
        self.count().links.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redis({}:{})", self.place.host, self.place.port)
    }
}

/// A program in Lua that runs there as one step.
pub(crate) struct Script {
    text: &'static str,
    made: std::sync::OnceLock<::redis::Script>,
}

impl Script {
    pub(crate) const fn new(text: &'static str) -> Script {
        let made = std::sync::OnceLock::new();
        Script { text, made }
    }

    fn hash(&self) -> &str {
        let made = self.made.get_or_init(|| ::redis::Script::new(self.text));
        made.get_hash()
    }
}

// How long nobody is asked after it failed: short enough that limits are shared again soon, long enough that a server that is
// overloaded is left alone.
const PAUSE: Duration = Duration::from_secs(1);
// As many as end while it is away for a minute, of a process that is busy.
const OWED_MAX: usize = 10_000;
// What nothing will ever run must not keep others from it. A turn comes with each request that ends.
const REFUSALS_MAX: u32 = 1_000;
// Nobody waits for it.
const SETTLING: Duration = Duration::from_secs(1);
// Name, TCP, TLS, AUTH and SELECT.
const OPENING: Duration = Duration::from_secs(5);
