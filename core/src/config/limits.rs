//! Attempts, bytes, threads: the numbers of `[retry]`, `[memory]`, `[runtime]`, and the mode of `[params]`.

use std::time::Duration;

use super::scope::Table;
use crate::error::Result;
use crate::policy::budget;
use libllm_proto::wire::Unsupported;

/// How often a request is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Attempts in total, over all targets.
    pub max_attempts: u32,
    /// What happens to an answer that is cut after its first item.
    pub on_partial: OnPartial,
    /// What may be spent on attempts beyond the first.
    pub(crate) budget: budget::Settings,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry {
            max_attempts: ATTEMPTS_DEFAULT,
            on_partial: OnPartial::Error,
            budget: budget::Settings::default(),
        }
    }
}

impl Retry {
    pub(super) fn read(root: &Table<'_>) -> Result<Retry> {
        let Some(table) = root.table("retry")? else {
            return Ok(Retry::default());
        };
        table.check(&["max_attempts", "on_partial", "budget"], &[])?;
        let max_attempts = max_attempts(&table)?.unwrap_or(ATTEMPTS_DEFAULT);
        Ok(Retry {
            max_attempts,
            on_partial: on_partial(&table)?.unwrap_or_default(),
            budget: super::health::budget(&table)?,
        })
    }
}

/// Reads `max_attempts`, which options may hold too.
pub(crate) fn max_attempts(table: &Table<'_>) -> Result<Option<u32>> {
    Ok(table
        .integer("max_attempts", 1..=ATTEMPTS_MAX)?
        .map(|attempts| attempts as u32))
}

/// Limits in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// That wait for the consumer, of one request.
    pub per_stream: usize,
    /// Of one queue that was made without a bound of its own.
    pub per_queue: Option<usize>,
    /// Of all queues; `None` leaves it to the process's other clients, then to [`PER_PROCESS_DEFAULT`].
    pub per_process: Option<usize>,
    /// One event of a provider.
    pub max_event: usize,
    /// One whole answer.
    pub max_answer: usize,
}

/// BEHAVIOUR.md section 9.
impl Default for Memory {
    fn default() -> Memory {
        Memory {
            per_stream: 256 << 10,
            per_queue: None,
            per_process: None,
            max_event: 32 << 20,
            max_answer: 256 << 20,
        }
    }
}

impl Memory {
    pub(super) fn read(root: &Table<'_>) -> Result<Memory> {
        let plain = Memory::default();
        let Some(table) = root.table("memory")? else {
            return Ok(plain);
        };
        table.check(
            &[
                "per_stream",
                "per_queue",
                "per_process",
                "max_event",
                "max_answer",
            ],
            &[],
        )?;
        let bytes = |key| {
            table
                .integer(key, BYTES_MIN..=BYTES_MAX)
                .map(|n| n.map(|n| n as usize))
        };
        Ok(Memory {
            per_stream: bytes("per_stream")?.unwrap_or(plain.per_stream),
            per_queue: bytes("per_queue")?,
            per_process: bytes("per_process")?,
            max_event: bytes("max_event")?.unwrap_or(plain.max_event),
            max_answer: bytes("max_answer")?.unwrap_or(plain.max_answer),
        })
    }
}

/// What the process's first client that says so sets for the engine; `None` leaves it to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// How many threads it has.
    pub threads: Option<usize>,
    /// How long a thread that many streams flow through waits from one turn to the next; zero: it serves each as it comes.
    pub turn: Option<Duration>,
}

impl Runtime {
    pub(super) fn read(root: &Table<'_>) -> Result<Runtime> {
        let Some(table) = root.table("runtime")? else {
            return Ok(Runtime::default());
        };
        table.check(&["threads", "turn_us"], &[])?;
        let threads = table.integer("threads", 1..=THREADS_MAX)?;
        let turn = table.integer("turn_us", 0..=TURN_US_MAX)?;
        Ok(Runtime {
            threads: threads.map(|threads| threads as usize),
            turn: turn.map(Duration::from_micros),
        })
    }
}

/// Reads `params.unsupported`.
pub(super) fn unsupported(root: &Table<'_>) -> Result<Unsupported> {
    let Some(table) = root.table("params")? else {
        return Ok(Unsupported::default());
    };
    table.check(&["unsupported", "check_limits"], &[])?;
    Ok(unsupported_word(&table)?.unwrap_or_default())
}

/// Reads `params.check_limits`.
pub(super) fn check_limits(root: &Table<'_>) -> Result<bool> {
    let params = root.table("params")?;
    let said = params.map(|params| params.flag("check_limits"));
    Ok(said.transpose()?.flatten().unwrap_or(false))
}

/// Reads `unsupported`, which options may hold too.
pub(crate) fn unsupported_word(table: &Table<'_>) -> Result<Option<Unsupported>> {
    let word = table.word("unsupported", &["drop", "error", "pass"], &[])?;
    Ok(word.map(|word| match word {
        "error" => Unsupported::Error,
        "pass" => Unsupported::Pass,
        _ => Unsupported::Drop,
    }))
}

/// What happens to an answer that is cut after its first item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPartial {
    /// It is an error.
    #[default]
    Error,
    /// It is void, and asked for again.
    Restart,
    /// A model that can is given what came, and goes on with it.
    Continue,
}

/// Reads `on_partial`, which options may hold too.
pub(crate) fn on_partial(table: &Table<'_>) -> Result<Option<OnPartial>> {
    let word = table.word("on_partial", &["error", "restart", "continue"], &[])?;
    Ok(word.map(|word| match word {
        "restart" => OnPartial::Restart,
        "continue" => OnPartial::Continue,
        _ => OnPartial::Error,
    }))
}

/// Bytes that may wait in all queues of a process (BEHAVIOUR.md section 9).
pub const PER_PROCESS_DEFAULT: usize = 512 << 20;

// BEHAVIOUR.md section 3: three attempts. More than ten is a storm, not a retry.
const ATTEMPTS_DEFAULT: u32 = 3;
const ATTEMPTS_MAX: u64 = 10;
// Less than a terminal event's 64 KiB cannot hold one error's body; a slip in the unit is caught at both ends.
const BYTES_MIN: u64 = 4 << 10;
const BYTES_MAX: u64 = 1 << 40;
const THREADS_MAX: u64 = 1024;
// Longer would be seen by whoever reads along.
const TURN_US_MAX: u64 = 10_000;
