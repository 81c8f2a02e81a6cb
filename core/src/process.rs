//! Everything that belongs to one process: the runtime, the live requests, the log's sink. Found by process id, without a
//! lock: after `fork()` a lock may be held for ever by a thread that does not exist in the child.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::SystemTime;

use once_cell::race::OnceBox;

use crate::client::Client;
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::live::Registry;
use crate::log;
use crate::metrics::{Counters, Family, Figure};
use crate::observe::{Exporters, Waiting};
use crate::runtime::Slot;

/// The state of one process. Never freed: whoever runs in it may hold a reference.
#[derive(Default)]
pub(crate) struct Process {
    pid: u32,
    /// When it began, as far as we know: since then is counted.
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "told with spans"))]
    born: Option<SystemTime>,
    /// The engine's threads, from the first client to `shutdown`.
    pub(crate) runtime: Slot,
    /// Requests between submission and their terminal event.
    pub(crate) live: Registry,
    /// Where log lines go.
    pub(crate) log: log::Slot,
    /// What is counted for `metrics`.
    pub(crate) counters: Counters,
    /// The client behind `invoke`.
    pub(crate) default_client: Mutex<Option<Client>>,
    /// How many clients exist.
    pub(crate) clients: AtomicUsize,
    /// Lines of call logs that wait to be written.
    pub(crate) journal: Waiting,
    /// Who sends what is told of calls.
    pub(crate) exporters: Exporters,
    /// Bytes that wait in all queues.
    pub(crate) memory: Memory,
    // A forked child's own state hangs off its parent's.
    child: OnceBox<Process>,
}

// This process's number, once asked for, if somebody says when it changes; 0 otherwise.
static KNOWN: AtomicU32 = AtomicU32::new(0);
static TOLD: AtomicBool = AtomicBool::new(false);

/// Whoever calls this calls [`forked`] in each child before anything else there; from now on the kernel is not asked for the
/// process's number at each call.
#[doc(hidden)]
pub fn tells_of_forks() {
    TOLD.store(true, Ordering::Release);
}

/// This is a new process. Async-signal-safe.
#[doc(hidden)]
pub fn forked() {
    KNOWN.store(0, Ordering::Release);
}

fn pid() -> u32 {
    match KNOWN.load(Ordering::Acquire) {
        0 => {
            let pid = std::process::id();
            if TOLD.load(Ordering::Acquire) {
                KNOWN.store(pid, Ordering::Release);
            }
            pid
        }
        known => known,
    }
}

/// This process's state, made at the first call.
pub(crate) fn current() -> &'static Process {
    static FIRST: OnceBox<Process> = OnceBox::new();
    let pid = pid();
    let mut slot = &FIRST;
    loop {
        let process = slot.get_or_init(|| {
            Box::new(Process {
                pid,
                born: Some(clock::wall()),
                ..Process::default()
            })
        });
        if process.pid == pid {
            return process;
        }
        slot = &process.child;
    }
}

impl Process {
    /// Whether the caller runs in this process, and not in a child forked from it.
    pub(crate) fn is_current(&self) -> bool {
        self.pid == pid()
    }

    /// Since when is counted.
    #[cfg(feature = "otlp")]
    pub(crate) fn born(&self) -> SystemTime {
        self.born.unwrap_or_else(clock::wall)
    }

    /// What is told of it to whoever asks for its metrics.
    pub(crate) fn families(&self) -> Vec<Family> {
        let mut all = self.counters.families();
        let gauge = |name, help, level: usize| {
            Family::gauge(name, help, &[]).with(Figure::Level(level as f64))
        };
        let live = self.live.count();
        all.push(gauge(
            "requests_live",
            "Requests between their start and their last event, now.",
            live,
        ));
        let waiting = self.memory.waiting();
        all.push(gauge(
            "queue_waiting_bytes",
            "Bytes that wait in queues for their consumer, now.",
            waiting,
        ));
        all
    }

    /// Refuses handles that were made before a fork.
    pub(crate) fn check(&self, what: &str) -> Result<()> {
        if self.is_current() {
            return Ok(());
        }
        let message =
            format!("{what} belongs to the process that made it; make a new one after fork()");
        Err(Error::new(ErrorKind::Forked, message))
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Process({})", self.pid)
    }
}

/// Bytes that wait in all queues of the process, bounded. A request over the bound holds something in its own queue, so that
/// queue's next poll lets it go on: nothing has to be woken from here.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes: AtomicUsize,
    max: AtomicUsize,
    // As clients asked for; 0 until one does.
    asked_max: AtomicUsize,
    asked_queue: AtomicUsize,
}

impl Default for Memory {
    fn default() -> Memory {
        let max = crate::config::PER_PROCESS_DEFAULT;
        Memory {
            bytes: AtomicUsize::new(0),
            max: AtomicUsize::new(max),
            asked_max: AtomicUsize::new(0),
            asked_queue: AtomicUsize::new(0),
        }
    }
}

impl Memory {
    /// Sets the bounds of the process: the first client that names one does, and one that asks for another is refused.
    pub(crate) fn configure(
        &self,
        per_process: Option<usize>,
        per_queue: Option<usize>,
    ) -> Result<()> {
        settle(&self.asked_max, per_process, "memory.per_process")?;
        settle(&self.asked_queue, per_queue, "memory.per_queue")?;
        if let Some(max) = per_process {
            self.max.store(max, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The bound of a queue whose maker names none.
    pub(crate) fn per_queue(&self) -> usize {
        match self.asked_queue.load(Ordering::Relaxed) {
            0 => crate::queue::MAX_BYTES_DEFAULT,
            asked => asked,
        }
    }

    /// Whether more may wait.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) < self.max.load(Ordering::Relaxed)
    }

    /// Bytes that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts bytes that now wait.
    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes that were taken or thrown away.
    pub(crate) fn sub(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn settle(place: &AtomicUsize, asked: Option<usize>, key: &str) -> Result<()> {
    let Some(asked) = asked else { return Ok(()) };
    match place.compare_exchange(0, asked, Ordering::Relaxed, Ordering::Relaxed) {
        Err(before) if before != asked => {
            let message = format!("{key} = {asked}: the process's first client set it to {before}");
            Err(Error::new(ErrorKind::Config, message))
        }
        _ => Ok(()),
    }
}
