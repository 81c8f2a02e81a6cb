//! The bell: how a consumer learns that its queue has events. A shard rings at most once per reactor turn, when it parks:
//! a wake-up across cores costs more than everything else a token costs (measured, see bench/).

use std::cell::RefCell;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::queue::Shared;
use crate::runtime;
use crate::sync::{self, AtomicBool, Mutex};

#[cfg_attr(llm_loom, path = "bell/model.rs")]
mod signal;

use signal::Signal;

/// Called on a library thread when a queue goes from empty to non-empty.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// One queue's bell.
pub(crate) struct Bell {
    signal: Signal,
    /// Whether anybody looks at the descriptor itself; otherwise it is written only for a consumer that sleeps in poll.
    watched: AtomicBool,
    /// Whether the consumer sleeps.
    pub(crate) sleeping: AtomicBool,
    /// Whether the descriptor was written since it was read last. Set after the write, so that no write is left unread.
    written: AtomicBool,
    /// Somebody asked for an early return from poll.
    pub(crate) wakeup: AtomicBool,
    /// Whether this turn already means to ring.
    marked: AtomicBool,
    wake: Mutex<Option<Wake>>,
    has_wake: AtomicBool,
    /// Whether the wake callback is due at the next transition.
    armed: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> Result<Bell> {
        Ok(Bell {
            signal: Signal::new()?,
            watched: AtomicBool::new(false),
            sleeping: AtomicBool::new(false),
            written: AtomicBool::new(false),
            wakeup: AtomicBool::new(false),
            marked: AtomicBool::new(false),
            wake: Mutex::new(None),
            has_wake: AtomicBool::new(false),
            armed: AtomicBool::new(true),
        })
    }

    /// The descriptor, from now on kept readable while events wait.
    pub(crate) fn watch(&self) -> RawFd {
        self.watched.store(true, Ordering::SeqCst);
        self.signal.descriptor()
    }

    /// Says that events wait.
    pub(crate) fn ring(&self) {
        self.ring_descriptor();
        if self.has_wake() && self.armed.swap(false, Ordering::AcqRel) {
            self.call_wake();
        }
    }

    /// Makes the descriptor readable, and each time a new edge of it. Async-signal-safe.
    pub(crate) fn write(&self) {
        // Before, so that whoever wakes at once reads it; after, in case it was read in between.
        self.written.swap(true, Ordering::SeqCst);
        self.signal.give();
        self.written.swap(true, Ordering::SeqCst);
    }

    /// Makes the descriptor unreadable: everything was taken. A write at this very moment stays, for nothing, and is read
    /// the next time.
    pub(crate) fn clear(&self) {
        let written = self.written.swap(false, Ordering::SeqCst);
        // Whoever watches or slept must find it quiet, or would spin while a writer is between its two lines.
        if written || self.watched.load(Ordering::SeqCst) || self.sleeping.load(Ordering::SeqCst) {
            self.signal.take();
        }
    }

    /// Whether a wake callback is set.
    pub(crate) fn has_wake(&self) -> bool {
        self.has_wake.load(Ordering::Acquire)
    }

    /// Rings for whoever looks at the descriptor or sleeps on it.
    pub(crate) fn ring_descriptor(&self) {
        if self.watched.load(Ordering::SeqCst) || self.sleeping.load(Ordering::SeqCst) {
            self.write();
        }
    }

    /// The next transition calls the wake callback again.
    pub(crate) fn arm(&self) {
        self.armed.swap(true, Ordering::AcqRel);
    }

    /// Sleeps until the bell rings; false when a signal handler ran.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        self.signal.wait(timeout)
    }

    /// Replaces the wake callback. When this returns the old one is not running and will not run again.
    pub(crate) fn set_wake(&self, wake: Option<Wake>) -> Result<()> {
        if IN_WAKE.with(|inside| *inside.borrow()) {
            let message = "a wake callback cannot replace itself";
            return Err(Error::new(ErrorKind::WouldDeadlock, message));
        }
        self.has_wake.store(wake.is_some(), Ordering::Release);
        let old = std::mem::replace(&mut *crate::lock(&self.wake), wake);
        self.arm();
        drop(old);
        Ok(())
    }

    // The lock is held while the callback runs: it is the barrier of `set_wake`, and nothing else takes it.
    fn call_wake(&self) {
        let wake = crate::lock(&self.wake);
        let Some(call) = &*wake else { return };
        IN_WAKE.with(|inside| *inside.borrow_mut() = true);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call()));
        IN_WAKE.with(|inside| *inside.borrow_mut() = false);
        // A log line may ring this very bell.
        drop(wake);
        if outcome.is_err() {
            tracing::error!("a queue's wake callback panicked");
        }
    }
}

impl std::fmt::Debug for Bell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bell({:?})", self.signal)
    }
}

sync::thread_local! {
    static IN_WAKE: RefCell<bool> = const { RefCell::new(false) };
    static DUE: RefCell<Due> = const { RefCell::new(Due { queues: Vec::new(), bytes: 0, since: None }) };
}

/// Whether the caller is a wake callback.
pub(crate) fn in_wake() -> bool {
    IN_WAKE.with(|inside| *inside.borrow())
}

/// Queues to be rung when this thread parks.
struct Due {
    queues: Vec<Arc<Shared>>,
    bytes: usize,
    since: Option<Instant>,
}

/// At the latest after this many bytes: a busy turn must not starve its consumers.
const BYTES_MAX: usize = 64 * 1024;
/// At the latest after this long, for the same reason. Shorter would wake a consumer several times in a turn that serves a
/// hundred streams.
const WAIT_MAX: Duration = Duration::from_micros(1000);

/// Remembers that `queue` has events, to be rung at the end of this turn; off the engine's threads, at once.
pub(crate) fn mark(queue: &Arc<Shared>, bytes: usize, at: Instant) {
    if !runtime::on_runtime_thread() {
        return announce(queue);
    }
    let now = DUE.with(|due| {
        let mut due = due.borrow_mut();
        if !queue.bell.marked.swap(true, Ordering::AcqRel) {
            due.queues.push(queue.clone());
        }
        due.bytes += bytes;
        let since = *due.since.get_or_insert(at);
        // A wake callback runs under a lock that ringing takes.
        !in_wake() && (due.bytes >= BYTES_MAX || at.saturating_duration_since(since) >= WAIT_MAX)
    });
    if now {
        flush();
    }
}

/// Rings from any thread; the wake callback runs on one of the engine's all the same.
pub(crate) fn announce(queue: &Arc<Shared>) {
    queue.bell.ring_descriptor();
    if queue.bell.has_wake()
        && let Some(engine) = crate::process::current().runtime.get()
    {
        let queue = queue.clone();
        engine.run(move || queue.ring_again());
    }
}

/// Rings the queues that this thread marked; called as it parks.
pub(crate) fn flush_bells() {
    flush();
    // What a wake callback marked in between: nothing else would end the park for it.
    if DUE.with(|due| !due.borrow().queues.is_empty()) {
        flush();
    }
}

fn flush() {
    let queues = DUE.with(|due| {
        let mut due = due.borrow_mut();
        due.bytes = 0;
        due.since = None;
        std::mem::take(&mut due.queues)
    });
    for queue in &queues {
        // Before the look at it: what comes after marks it anew.
        queue.bell.marked.swap(false, Ordering::SeqCst);
        queue.ring_if_waiting();
    }
    keep(queues);
}

// The list's memory is used again; a wake callback may have marked more.
fn keep(mut queues: Vec<Arc<Shared>>) {
    queues.clear();
    DUE.with(|due| {
        let mut due = due.borrow_mut();
        queues.append(&mut due.queues);
        due.queues = queues;
    });
}
