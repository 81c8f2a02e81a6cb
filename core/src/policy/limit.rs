//! How much may be used in any minute: a window that slides, not a bucket that fills.
//!
//! A bucket of n that gains n a minute lets 2 n through in its first minute: both what it held and what it gained. Whoever counts by
//! the minute (a provider, or the one who pays) then sees the limit broken. Here no 60 seconds ever hold more than n, wherever they
//! begin. Uses are counted in slots of a second, so what was used counts for 60 to 61 seconds. `governor` is such a bucket (GCRA), and
//! has no way to give back what an estimate took too much; with it, tokens could not be reconciled.

use std::collections::VecDeque;
use std::time::Duration;

/// What was used of one limit in the last minute. Times are counted from any moment that is the same for all of them: several windows
/// are looked at for each request, at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    used: u64,
    /// Oldest first: which second, and how much.
    slots: VecDeque<(u64, u64)>,
}

/// What keeps a use out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// It fits after this long, if nothing more comes.
    For(Duration),
    /// It is more than the whole limit.
    Ever,
}

/// Which second a use is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u64);

impl Window {
    /// Whether `amount` fits under `limit`.
    pub(crate) fn room(&mut self, limit: u64, amount: u64, now: Duration) -> Result<(), Full> {
        if amount > limit {
            return Err(Full::Ever);
        }
        self.forget(now);
        let mut over = self.used.saturating_add(amount).saturating_sub(limit);
        if over == 0 {
            return Ok(());
        }
        for (second, used) in &self.slots {
            over = over.saturating_sub(*used);
            if over == 0 {
                let free = Duration::from_secs(second + KEPT);
                return Err(Full::For(free.saturating_sub(now)));
            }
        }
        // The slots add up to `used`, which is more than what is over.
        Err(Full::Ever)
    }

    /// Counts a use, whether it fits or not.
    pub(crate) fn take(&mut self, amount: u64, now: Duration) -> Slot {
        let second = now.as_secs();
        self.used = self.used.saturating_add(amount);
        match self.slots.back_mut() {
            // Clocks of several threads may differ by a little: what is late counts with the last.
            Some((last, used)) if *last >= second => {
                *used = used.saturating_add(amount);
                Slot(*last)
            }
            _ => {
                self.slots.push_back((second, amount));
                Slot(second)
            }
        }
    }

    /// Replaces what a use was thought to take by what it took. What has slid out of the window is over.
    pub(crate) fn correct(&mut self, slot: Slot, taken: u64, used: u64) {
        let Ok(at) = self
            .slots
            .binary_search_by_key(&slot.0, |(second, _)| *second)
        else {
            return;
        };
        let counted = &mut self.slots[at].1;
        let before = *counted;
        *counted = before.saturating_add(used).saturating_sub(taken);
        self.used = match counted.checked_sub(before) {
            Some(more) => self.used.saturating_add(more),
            None => self.used.saturating_sub(before - *counted),
        };
    }

    /// What was used in the last minute.
    pub(crate) fn used(&mut self, now: Duration) -> u64 {
        self.forget(now);
        self.used
    }

    fn forget(&mut self, now: Duration) {
        let second = now.as_secs();
        while let Some((first, used)) = self.slots.front()
            && first + KEPT <= second
        {
            self.used = self.used.saturating_sub(*used);
            self.slots.pop_front();
        }
    }
}

/// How many seconds after its slot began a use is forgotten: a whole minute after the slot's end.
pub(crate) const KEPT: u64 = 61;

#[cfg(test)]
mod tests {
    use super::*;

    // Some time after the moment that all are counted from.
    const START: Duration = Duration::from_secs(1_000);

    fn after(start: Duration, ms: u64) -> Duration {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn no_minute_holds_more_than_the_limit() {
        let start = START;
        let mut window = Window::default();
        let mut passed = Vec::new();
        // Asked 20 times a second for five minutes.
        for ms in (0..300_000).step_by(50) {
            let now = after(start, ms);
            if window.room(100, 1, now).is_ok() {
                window.take(1, now);
                passed.push(ms);
            }
        }
        for from in &passed {
            let minute = passed
                .iter()
                .filter(|at| (*from..from + 60_000).contains(at));
            assert!(minute.count() <= 100, "from {from} ms");
        }
        // And little less than it may.
        assert!(passed.len() >= 490, "{}", passed.len());
    }

    #[test]
    fn says_exactly_when_there_is_room() {
        let start = START;
        let mut window = Window::default();
        window.take(60, after(start, 500));
        window.take(40, after(start, 2_500));
        let now = after(start, 3_000);
        for (amount, wait) in [(1, 58), (60, 58), (61, 60), (100, 60)] {
            let full = Full::For(Duration::from_secs(wait));
            assert_eq!(window.room(100, amount, now), Err(full), "{amount}");
            assert_eq!(
                window
                    .clone()
                    .room(100, amount, now + Duration::from_secs(wait)),
                Ok(())
            );
        }
        assert_eq!(window.room(100, 101, now), Err(Full::Ever));
        assert_eq!(window.room(100, 0, now), Ok(()));
    }

    #[test]
    fn an_estimate_gives_way_to_what_was_used() {
        let start = START;
        let mut window = Window::default();
        let slot = window.take(90, start);
        assert!(window.room(100, 20, start).is_err());
        window.correct(slot, 90, 30);
        assert_eq!(window.used(start), 30);
        assert!(window.room(100, 70, start).is_ok());
        // More than was thought.
        window.correct(slot, 0, 80);
        assert_eq!(window.used(start), 110);
        assert!(matches!(window.room(100, 1, start), Err(Full::For(_))));
        // Long over: there is nothing to correct.
        let later = after(start, 61_000);
        assert_eq!(window.used(later), 0);
        window.correct(slot, 0, 5);
        assert_eq!(window.used(later), 0);
    }

    #[test]
    fn what_is_more_than_a_number_holds_wraps_nowhere() {
        let start = START;
        let mut window = Window::default();
        window.take(5, start);
        window.take(u64::MAX, start);
        assert!(window.room(u64::MAX - 1, 1, start).is_err());
        window.take(u64::MAX, after(start, 1_000));
        assert_eq!(window.used(start), u64::MAX);
        assert_eq!(window.used(after(start, 70_000)), 0);
    }

    #[test]
    fn a_clock_that_lags_counts_with_the_last() {
        let start = START;
        let mut window = Window::default();
        let late = window.take(1, after(start, 5_000));
        assert_eq!(window.take(1, after(start, 3_000)), late);
        assert_eq!(window.used(after(start, 5_000)), 2);
    }
}
