//! How many requests a shared connection carries, and how many more it may.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The seats of one connection, one a request.
#[derive(Debug)]
pub(crate) struct Seats {
    taken: AtomicUsize,
    /// How many the peer and we allow.
    allowed: AtomicUsize,
    /// How many of those it has shown to take: fewer once it refused one, and one more after as many answers.
    limit: AtomicUsize,
    answers: AtomicUsize,
}

impl Seats {
    /// One, until the peer has said how many.
    pub(crate) fn new() -> Seats {
        Seats {
            taken: AtomicUsize::new(0),
            allowed: AtomicUsize::new(1),
            limit: AtomicUsize::new(1),
            answers: AtomicUsize::new(0),
        }
    }

    /// Takes one, if there is one.
    pub(crate) fn enter(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let free = |taken: usize| (taken < limit).then_some(taken + 1);
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, free)
            .is_ok()
    }

    /// Gives one back; whether it was the last that was taken.
    pub(crate) fn leave(&self) -> bool {
        self.taken.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Whether none is taken.
    pub(crate) fn are_free(&self) -> bool {
        self.taken.load(Ordering::Relaxed) == 0
    }

    /// The peer and we now allow so many.
    pub(crate) fn allow(&self, allowed: usize) {
        if self.allowed.swap(allowed, Ordering::Relaxed) != allowed {
            self.limit.store(allowed, Ordering::Relaxed);
        }
    }

    /// The peer refused the request of one that is taken: it takes no more for now than it has.
    pub(crate) fn refused(&self) {
        let others = self.taken.load(Ordering::Relaxed).saturating_sub(1);
        self.limit.fetch_min(others.max(1), Ordering::Relaxed);
        self.answers.store(0, Ordering::Relaxed);
    }

    /// The peer answered a request: after a round of those it may take one more again.
    pub(crate) fn answered(&self) {
        let limit = self.limit.load(Ordering::Relaxed);
        if limit >= self.allowed.load(Ordering::Relaxed) {
            return;
        }
        if self.answers.fetch_add(1, Ordering::Relaxed) + 1 >= limit {
            self.answers.store(0, Ordering::Relaxed);
            self.limit.store(limit + 1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(seats: &Seats) -> usize {
        std::iter::repeat_with(|| seats.enter())
            .take_while(|entered| *entered)
            .count()
    }

    #[test]
    fn there_is_one_until_the_peer_allows_more() {
        let seats = Seats::new();
        assert_eq!(taken(&seats), 1);
        seats.allow(4);
        assert_eq!(taken(&seats), 3);
        assert!(!seats.leave() && !seats.are_free());
        assert!((0..3).map(|_| seats.leave()).eq([false, false, true]));
        assert!(seats.are_free());
    }

    #[test]
    fn what_the_peer_takes_back_is_no_longer_taken() {
        let seats = Seats::new();
        seats.allow(4);
        assert_eq!(taken(&seats), 4);
        seats.allow(2);
        assert!((0..2).all(|_| !seats.leave()));
        assert_eq!(taken(&seats), 0);
        seats.leave();
        assert_eq!(taken(&seats), 1);
    }

    #[test]
    fn a_refusal_holds_until_the_peer_has_answered_a_round() {
        let seats = Seats::new();
        seats.allow(4);
        assert_eq!(taken(&seats), 4);
        // The last of the four was too much.
        seats.refused();
        seats.leave();
        assert_eq!(taken(&seats), 0);
        (0..2).for_each(|_| seats.answered());
        assert_eq!(taken(&seats), 0);
        seats.answered();
        assert_eq!(taken(&seats), 1);
        // And never more than is allowed.
        (0..100).for_each(|_| seats.answered());
        assert_eq!(taken(&seats), 0);
    }

    #[test]
    fn saying_the_same_again_undoes_no_refusal() {
        let seats = Seats::new();
        seats.allow(3);
        assert_eq!(taken(&seats), 3);
        seats.refused();
        seats.allow(3);
        seats.leave();
        assert_eq!(taken(&seats), 0);
    }
}
