//! The engine's threads: current-thread runtimes as shards, named `llm-rt-N`, with every asynchronous signal blocked.
//!
//! Shards rather than one work-stealing pool: a third cheaper at low concurrency and equal at high (measured, see bench/).

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::Poll;
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};

use crate::error::{Error, ErrorKind, Result};
use crate::sync::{self, AtomicBool, AtomicWaker};
use crate::{bell, config, pace};

#[cfg(all(test, llm_loom))]
pub(crate) mod races;

sync::thread_local! {
    static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Whether the caller is one of the engine's threads, where nothing may block.
pub fn on_runtime_thread() -> bool {
    SHARD.with(|shard| shard.get().is_some())
}

/// Refuses a blocking call made from a callback on one of the engine's threads.
pub(crate) fn refuse_blocking(what: &str) -> Result<()> {
    if !on_runtime_thread() {
        return Ok(());
    }
    let message = format!("{what} blocks and was called on a library thread, from a callback");
    Err(Error::new(ErrorKind::WouldDeadlock, message))
}

/// The place of the process's one engine.
#[derive(Debug, Default)]
pub(crate) struct Slot(Mutex<Option<Arc<Engine>>>);

impl Slot {
    /// The engine, started if need be. What differs from the running one's is refused.
    pub(crate) fn start(&self, wanted: config::Runtime) -> Result<Arc<Engine>> {
        let mut slot = crate::lock(&self.0);
        if let Some(engine) = &*slot {
            engine.agrees(wanted)?;
            return Ok(engine.clone());
        }
        let threads = wanted.threads.unwrap_or(1);
        let turn = wanted.turn.unwrap_or(pace::TURN_DEFAULT);
        let engine = Arc::new(Engine::start(threads, turn)?);
        *slot = Some(engine.clone());
        Ok(engine)
    }

    /// The running engine.
    pub(crate) fn get(&self) -> Option<Arc<Engine>> {
        crate::lock(&self.0).clone()
    }

    /// Stops the engine and joins its threads, if they stop within the time.
    pub(crate) fn stop(&self, timeout: Option<Duration>) -> Result<()> {
        let mut slot = crate::lock(&self.0);
        let Some(engine) = &*slot else { return Ok(()) };
        engine.stop(timeout)?;
        *slot = None;
        Ok(())
    }
}

/// The engine's threads.
#[derive(Debug)]
pub(crate) struct Engine {
    shards: Vec<Shard>,
    turn: Duration,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Shard {
    inbox: Arc<Inbox>,
    stop: Mutex<Option<tokio::sync::oneshot::Sender<()>>>,
    ended: Mutex<mpsc::Receiver<()>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    fn start(threads: usize, turn: Duration) -> Result<Engine> {
        // New threads inherit the mask, so it is set here, and there is no moment in which a signal could reach them.
        let old = block_signals()?;
        let shards = (0..threads)
            .map(|number| Shard::start(number, turn))
            .collect::<Result<Vec<_>>>();
        restore_signals(&old)?;
        Ok(Engine {
            shards: shards?,
            turn,
            next: AtomicUsize::new(0),
        })
    }

    fn agrees(&self, wanted: config::Runtime) -> Result<()> {
        let (threads, turn) = (self.shards.len(), self.turn);
        let refused = match wanted {
            config::Runtime {
                threads: Some(n), ..
            } if n != threads => format!(
                "runtime.threads = {n}: the process's threads are set by its first client, to {threads}"
            ),
            config::Runtime {
                turn: Some(other), ..
            } if other != turn => format!(
                "runtime.turn_us = {}: the process's turns are set by its first client, to {}",
                other.as_micros(),
                turn.as_micros()
            ),
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::Config, refused))
    }

    /// How many shards there are.
    pub(crate) fn threads(&self) -> usize {
        self.shards.len()
    }

    /// Runs `work` on the next shard's thread. Once the engine has stopped it is dropped instead.
    pub(crate) fn run(&self, work: impl FnOnce() + Send + 'static) {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        self.shards[next].inbox.push(Box::new(work));
    }

    /// Does what belongs to no call, beside the calls of the next shard.
    #[cfg(feature = "otlp")]
    pub(crate) fn keep(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.run(move || spawn_here(work));
    }

    fn stop(&self, timeout: Option<Duration>) -> Result<()> {
        let until = timeout.map(|timeout| crate::clock::now() + timeout);
        for shard in &self.shards {
            drop(crate::lock(&shard.stop).take());
        }
        for shard in &self.shards {
            let ended = crate::lock(&shard.ended);
            let outcome = match until {
                Some(until) => {
                    ended.recv_timeout(until.saturating_duration_since(crate::clock::now()))
                }
                None => ended.recv().map_err(Into::into),
            };
            if outcome == Err(mpsc::RecvTimeoutError::Timeout) {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    "a library thread did not stop in time",
                ));
            }
            if let Some(thread) = crate::lock(&shard.thread).take() {
                // A panic there was caught and reported where it happened.
                let _ = thread.join();
            }
        }
        Ok(())
    }
}

impl Shard {
    fn start(number: usize, turn: Duration) -> Result<Shard> {
        let failed = |error| {
            Error::new(
                ErrorKind::Internal,
                format!("cannot start a library thread: {error}"),
            )
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .on_thread_park(before_park)
            .build()
            .map_err(failed)?;
        let inbox = Arc::new(Inbox::default());
        let served = inbox.clone();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (end, ended) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(format!("llm-rt-{number}"))
            .spawn(move || {
                SHARD.with(|shard| shard.set(Some(number)));
                pace::set_turn(turn);
                runtime.spawn(serve(served.clone()));
                // The sender is dropped, never used: both mean stop.
                let _ = runtime.block_on(stopped);
                drop(runtime);
                served.close();
                bell::flush_bells();
                drop(end);
            })
            .map_err(failed)?;
        let _ = inbox.thread.set(thread.thread().clone());
        Ok(Shard {
            inbox,
            stop: Mutex::new(Some(stop)),
            ended: Mutex::new(ended),
            thread: Mutex::new(Some(thread)),
        })
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// Work on its way to a shard. However much comes before the shard looks, it is woken once: tokio's own way in writes to the
/// reactor's descriptor at each spawn from another thread.
#[derive(Default)]
struct Inbox {
    work: sync::Mutex<Option<Vec<Work>>>,
    closed: AtomicBool,
    waker: AtomicWaker,
    /// The shard's, to end its rest.
    thread: OnceLock<Thread>,
}

impl Inbox {
    fn push(&self, work: Work) {
        let first = {
            let mut waiting = crate::lock(&self.work);
            if self.closed.load(Ordering::Acquire) {
                drop(waiting);
                return drop(work);
            }
            let waiting = waiting.get_or_insert_default();
            waiting.push(work);
            waiting.len() == 1
        };
        if first {
            self.waker.wake();
            if let Some(thread) = self.thread.get() {
                thread.unpark();
            }
        }
    }

    fn close(&self) {
        let left = {
            let mut waiting = crate::lock(&self.work);
            self.closed.store(true, Ordering::Release);
            waiting.take()
        };
        drop(left);
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox")
    }
}

// A few at a time: what thousands of calls need to begin with is then not needed by all of them at once.
const BEGIN_MAX: usize = 32;

async fn serve(inbox: Arc<Inbox>) {
    let mut work = VecDeque::new();
    poll_fn(|cx| {
        inbox.waker.register(cx.waker());
        // All of it, each time: only the first to come into an empty inbox wakes us.
        if let Some(waiting) = &mut *crate::lock(&inbox.work) {
            work.extend(waiting.drain(..));
        }
        let count = work.len().min(BEGIN_MAX);
        work.drain(..count).for_each(|work: Work| work());
        if !work.is_empty() {
            cx.waker().wake_by_ref();
        }
        Poll::<()>::Pending
    })
    .await;
}

fn before_park() {
    bell::flush_bells();
    pace::rest();
}

/// The shard of the calling thread; 0 elsewhere.
pub(crate) fn shard() -> usize {
    SHARD.with(|shard| shard.get().unwrap_or(0))
}

/// Spawns work that belongs to a connection on the calling thread's shard.
pub(crate) fn spawn_here(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

/// The same, if the calling thread is a shard's that still turns; says whether it is.
pub(crate) fn try_spawn_here(work: impl Future<Output = ()> + Send + 'static) -> bool {
    match tokio::runtime::Handle::try_current() {
        Ok(shard) => {
            shard.spawn(work);
            true
        }
        Err(_) => false,
    }
}

/// Starts a helper thread with signals blocked as on the shards.
pub(crate) fn spawn_thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let old = block_signals()?;
    let spawned = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body);
    restore_signals(&old)?;
    spawned.map(drop).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("cannot start a library thread: {error}"),
        )
    })
}

// Synchronous signals stay with the thread that causes them; SIGPROF is how profilers see us.
const NOT_BLOCKED: [Signal; 7] = [
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGABRT,
    Signal::SIGTRAP,
    Signal::SIGPROF,
];

fn block_signals() -> Result<SigSet> {
    let mut blocked = SigSet::all();
    NOT_BLOCKED
        .iter()
        .for_each(|signal| blocked.remove(*signal));
    let mut old = SigSet::empty();
    pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&blocked), Some(&mut old)).map_err(mask_failed)?;
    Ok(old)
}

fn restore_signals(old: &SigSet) -> Result<()> {
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(old), None).map_err(mask_failed)
}

fn mask_failed(error: nix::errno::Errno) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("cannot set the signal mask: {error}"),
    )
}
