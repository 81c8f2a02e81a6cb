//! The pace of a shard that many streams flow through: it turns at most once in a while, for all that came meanwhile.
//!
//! A token of 20 ms is small beside what it costs to be woken for it, here and at the consumer's: with a hundred streams a shard
//! was woken 4,000 times a second for 5,000 tokens (bench/, scenario paced). A token then waits half a turn in the mean, and a
//! request that is submitted meanwhile does not wait.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::clock;

/// From so many streams on. Fewer are served as they come.
const MANY: usize = 8;
/// The length of a turn, where nobody says another: a twentieth of a token's 20 ms, and a fifth of the wake-ups.
pub(crate) const TURN_DEFAULT: Duration = Duration::from_micros(1000);

thread_local! {
    static TURN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static FLOWING: Cell<usize> = const { Cell::new(0) };
    static TURNED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// A stream whose first item was delivered and whose next is waited for, on this thread.
#[derive(Debug)]
pub(crate) struct Flowing(());

impl Flowing {
    pub(crate) fn new() -> Flowing {
        FLOWING.set(FLOWING.get() + 1);
        Flowing(())
    }
}

impl Drop for Flowing {
    fn drop(&mut self) {
        FLOWING.set(FLOWING.get().saturating_sub(1));
    }
}

/// Sets the length of the calling shard's turns.
pub(crate) fn set_turn(turn: Duration) {
    TURN.set(turn);
}

/// Lets the calling shard sleep until its next turn is due, or its thread is unparked.
pub(crate) fn rest() {
    if FLOWING.get() < MANY {
        return;
    }
    let now = clock::now();
    let due = TURNED.get().map(|turned| turned + TURN.get());
    let Some(left) = due.and_then(|due| due.checked_duration_since(now)) else {
        return TURNED.set(Some(now));
    };
    std::thread::park_timeout(left);
    TURNED.set(Some(clock::now()));
}
