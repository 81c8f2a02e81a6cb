//! The library's log, which is `tracing` inside, to a callback, a queue or standard error.
//!
//! A Rust host needs none of this: its own subscriber gets our spans and events. Ours is installed for the whole process when a
//! sink is first set, never before, and sees events of this library alone.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! let lines = Arc::new(Mutex::new(Vec::new()));
//! let sink = lines.clone();
//! libllm::log::set(3, Some(Arc::new(move |level, target, message| {
//!     sink.lock().unwrap().push(format!("{level} {target} {message}"));
//! })))?;
//! libllm::log::set(0, None)?; // when this returns, the sink is not running, and will not run again
//! # Ok::<(), libllm::Error>(())
//! ```

use std::cell::Cell;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};

use crate::config::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::process;
use crate::queue::Queue;

mod redact;
mod subscriber;

pub use redact::redact;

/// What takes log lines: level (1 error to 5 trace), target, message. Runs on any thread; must not block.
pub type Sink = Arc<dyn Fn(i32, &str, &str) + Send + Sync>;

/// Sends lines up to `level` to `sink`; `None` or level 0 sends them nowhere. When it returns, the sink before is not running and
/// will not run again.
///
/// # Errors
/// [`ErrorKind::WouldDeadlock`] from inside a sink; [`ErrorKind::Unsupported`] if the host has a `tracing` subscriber of its own: our
/// lines go there.
pub fn set(level: i32, sink: Option<Sink>) -> Result<()> {
    replace(level, sink.map(Deliver::Call))
}

/// The same, as events in `queue`. Lines that come while it is full are dropped; the next one that fits says how many.
///
/// # Errors
/// As [`set`].
pub fn to_queue(level: i32, queue: Option<&Queue>) -> Result<()> {
    replace(level, queue.cloned().map(Deliver::Queue))
}

/// Logs to standard error as `LLM_LOG` asks (`debug`, or `libllm=debug` among other targets), if no sink is set.
pub(crate) fn from_environment(environment: &dyn Environment) {
    let slot = &process::current().log;
    if slot.level.load(Ordering::Relaxed) != OFF {
        return;
    }
    let asked = environment
        .var("LLM_LOG")
        .and_then(|text| level_named(&text));
    if let Some(level) = asked.filter(|level| *level != OFF) {
        // A host with its own subscriber gets the lines there.
        let _ = replace(level, Some(Deliver::Stderr));
    }
}

/// The place of a process's one sink.
#[derive(Default)]
pub(crate) struct Slot {
    level: AtomicI32,
    current: Mutex<Option<Arc<Current>>>,
    lost: AtomicU64,
}

/// A sink in use.
struct Current {
    deliver: Deliver,
    running: Mutex<usize>,
    idle: Condvar,
}

enum Deliver {
    Call(Sink),
    Queue(Queue),
    Stderr,
}

thread_local! {
    /// This thread is inside a sink: what that does is not logged, or it would never end.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn replace(level: i32, deliver: Option<Deliver>) -> Result<()> {
    if INSIDE.get() {
        let message = "the log was set from inside its own sink";
        return Err(Error::new(ErrorKind::WouldDeadlock, message));
    }
    let deliver = deliver.filter(|_| level > OFF);
    if deliver.is_some() && !install() {
        let message =
            "this process has a tracing subscriber of its own: the library's lines go there";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let level = if deliver.is_some() {
        level.min(TRACE)
    } else {
        OFF
    };
    let new = deliver.map(|deliver| {
        Arc::new(Current {
            deliver,
            running: Mutex::new(0),
            idle: Condvar::new(),
        })
    });
    let slot = &process::current().log;
    let old = {
        let mut current = crate::lock(&slot.current);
        slot.level.store(level, Ordering::Relaxed);
        std::mem::replace(&mut *current, new)
    };
    // `tracing` remembers which events are wanted.
    tracing::callsite::rebuild_interest_cache();
    if let Some(old) = old {
        old.wait_until_idle();
    }
    Ok(())
}

/// Makes our subscriber the process's, once; false if another is.
fn install() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| tracing::subscriber::set_global_default(subscriber::Lines).is_ok())
}

impl Slot {
    /// Up to which level lines are wanted.
    fn level(&self) -> i32 {
        self.level.load(Ordering::Relaxed)
    }

    fn wants(&self, level: i32) -> bool {
        level <= self.level() && !INSIDE.get()
    }

    fn line(&self, level: i32, target: &str, message: &str) {
        let Some(running) = self.enter() else { return };
        match &running.0.deliver {
            Deliver::Call(sink) => sink(level, target, &redact(message)),
            Deliver::Queue(queue) => self.push(queue, level, &redact(message)),
            Deliver::Stderr => {
                let name = LEVELS.get(level as usize).copied().unwrap_or_default();
                // Nobody is left to tell when standard error is gone.
                // Past std's lock: a child forked while it was held would wait for it for ever.
                let line = format!("{name} {target}: {}\n", redact(message));
                let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
            }
        }
    }

    fn push(&self, queue: &Queue, level: i32, message: &str) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let pushed = match lost {
            0 => queue.push_log(level, message),
            lost => queue.push_log(
                level,
                &format!("{message} (after {lost} lines that were lost)"),
            ),
        };
        if !pushed {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }

    // No lock is held while a sink runs; it is counted instead.
    fn enter(&self) -> Option<Running> {
        let current = crate::lock(&self.current);
        let sink = current.as_ref()?.clone();
        // Counted before another sink can take its place, so that whoever replaces it sees the run.
        *crate::lock(&sink.running) += 1;
        drop(current);
        INSIDE.set(true);
        Some(Running(sink))
    }
}

impl Current {
    fn wait_until_idle(&self) {
        let mut running = crate::lock(&self.running);
        while *running > 0 {
            running = self
                .idle
                .wait(running)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

/// One run of a sink; ends also when the sink panics.
struct Running(Arc<Current>);

impl Drop for Running {
    fn drop(&mut self) {
        INSIDE.set(false);
        let mut running = crate::lock(&self.0.running);
        *running -= 1;
        if *running == 0 {
            self.0.idle.notify_all();
        }
    }
}

/// The level that a filter such as `info` or `hyper=warn,libllm=debug` gives to this library.
fn level_named(filter: &str) -> Option<i32> {
    let level = |name: &str| {
        let name = name.trim();
        LEVELS
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))
            .map(|level| level as i32)
    };
    let mut found = None;
    for part in filter.split(',') {
        match part.split_once('=') {
            Some((target, name)) if target.trim() == subscriber::TARGET => return level(name),
            Some(_) => {}
            None => found = level(part).or(found),
        }
    }
    found
}

const LEVELS: &[&str] = &["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
const OFF: i32 = 0;
const TRACE: i32 = 5;

#[cfg(test)]
mod tests;
