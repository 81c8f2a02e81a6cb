//! The time that a call takes in our own code until its provider is asked: the turns that its task was given, and no wait between
//! them. What waits is for a limit, a hook, a cache, a credential or behind other calls, and each of those is told where it is known.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::clock;

thread_local! {
    static TURN: Cell<Turn> = const { Cell::new(Turn::None) };
}

/// What this thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// No turn of a call that is timed.
    None,
    /// One whose provider was not asked yet.
    Runs,
    /// Its provider was asked, then.
    Sent(Instant),
}

/// The first attempt's request is handed to its connection now: if it is the call's whose turn this is, its time is taken.
pub(crate) fn sends() {
    if TURN.get() == Turn::Runs {
        TURN.set(Turn::Sent(clock::now()));
    }
}

/// One call's time, kept beside its task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    /// Of the host's thread and of the turns so far.
    took: Duration,
    /// From the host's thread to its first turn.
    dispatch: Duration,
    sent: bool,
}

impl Own {
    /// Of a call that began at `began` on the host's thread, left it at `handed` and is given its first turn at `now`.
    pub(crate) fn new(began: Instant, handed: Instant, now: Instant) -> Own {
        Own {
            took: handed.saturating_duration_since(began),
            dispatch: now.saturating_duration_since(handed),
            sent: false,
        }
    }

    /// Does one turn of the task. Once the provider was asked this costs nothing: a stream has many turns.
    pub(crate) fn during<T>(&mut self, turn: impl FnOnce() -> T) -> T {
        if self.sent {
            return turn();
        }
        TURN.set(Turn::Runs);
        let since = clock::now();
        let done = turn();
        match TURN.replace(Turn::None) {
            Turn::Sent(at) => self.ran(since, at, true),
            Turn::Runs | Turn::None => self.ran(since, clock::now(), false),
        }
        done
    }

    fn ran(&mut self, since: Instant, until: Instant, sent: bool) {
        self.took += until.saturating_duration_since(since);
        self.sent = sent;
    }

    /// Until its first attempt was handed to a connection, if it was.
    pub(crate) fn until_sent(&self) -> Option<Duration> {
        self.sent.then_some(self.took)
    }

    /// What it waited for the engine's thread.
    pub(crate) fn dispatch(&self) -> Duration {
        self.dispatch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_hosts_thread_and_the_turns_count_and_no_wait_between_them() {
        let began = clock::now();
        let at = |ms: u32| began + MS * ms;
        let mut own = Own::new(began, at(2), at(10));
        assert_eq!((own.until_sent(), own.dispatch()), (None, 8 * MS));
        own.ran(at(10), at(11), false);
        assert_eq!(own.until_sent(), None);
        own.ran(at(5000), at(5004), true);
        assert_eq!(own.until_sent(), Some(7 * MS));
    }

    #[test]
    fn what_is_asked_in_a_turn_ends_its_time_once() {
        let began = clock::now();
        let mut own = Own::new(began, began, began);
        own.during(|| assert_eq!(TURN.get(), Turn::Runs));
        assert_eq!(own.until_sent(), None);
        own.during(sends);
        let took = own.until_sent();
        assert!(took.is_some());
        // Whatever follows is the provider's.
        own.during(|| {
            assert_eq!(TURN.get(), Turn::None);
            sends();
        });
        assert_eq!(own.until_sent(), took);
    }

    #[test]
    fn what_no_timed_call_sends_is_nobodys() {
        sends();
        assert_eq!(TURN.get(), Turn::None);
    }
}
