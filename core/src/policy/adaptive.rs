//! How many requests a target takes at once, found out by how it answers.
//!
//! Refusals for load cut the number to seven tenths (CUBIC's factor, as botocore's adaptive mode uses it); first items that come later
//! than they do at best pull it down in proportion (the gradient of Netflix's concurrency-limits and Envoy's filter of that name), and
//! what is left of room is tried out by the square root of the number.

use std::time::{Duration, Instant};

/// The number and what it is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adaptive {
    limit: f64,
    /// Seconds to the first item at best, in the last span and in this one: a target that has become slower for good is not throttled
    /// for ever.
    best: [Option<f64>; 2],
    span: Option<Instant>,
    cut_at: Option<Instant>,
}

/// How an attempt went, as far as load shows in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The first item came after this long.
    Answered(Duration),
    /// Refused for load, or not answered in time.
    Overloaded,
    /// It says nothing about load.
    Nothing,
}

impl Default for Adaptive {
    fn default() -> Adaptive {
        Adaptive {
            limit: FIRST,
            best: [None; 2],
            span: None,
            cut_at: None,
        }
    }
}

impl Adaptive {
    /// How many may be under way.
    pub(crate) fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// An attempt is over; `in_flight` were under way, it included.
    pub(crate) fn ended(&mut self, sign: Sign, in_flight: u32, now: Instant) {
        match sign {
            Sign::Nothing => {}
            Sign::Overloaded => {
                // Those that were sent before the cut say nothing about it.
                let rest = Duration::from_secs_f64(self.best().unwrap_or(1.0)).max(CUT_REST);
                if self.cut_at.is_none_or(|at| now >= at + rest) {
                    self.limit = (self.limit * CUT).max(LEAST);
                    self.cut_at = Some(now);
                }
            }
            Sign::Answered(took) => {
                self.turn(now);
                self.answered(took.as_secs_f64().max(1e-6), f64::from(in_flight.max(1)));
            }
        }
    }

    // What is best is seen while there is room: each span begins with less than the last one had.
    fn turn(&mut self, now: Instant) {
        let span = *self.span.get_or_insert(now);
        if now >= span + SPAN {
            self.span = Some(now);
            self.best = [self.best[1], None];
            self.limit = (self.limit * MEASURE).max(LEAST);
        }
    }

    fn best(&self) -> Option<f64> {
        self.best.into_iter().flatten().reduce(f64::min)
    }

    fn answered(&mut self, took: f64, in_flight: f64) {
        self.best[1] = Some(self.best[1].map_or(took, |best| best.min(took)));
        let best = self.best().unwrap_or(took);
        let gradient = (best * TOLERANCE / took).clamp(0.5, 1.0);
        let aim = self.limit * gradient + self.limit.sqrt();
        // Room that nobody uses proves nothing.
        if aim > self.limit && in_flight * 2.0 < self.limit {
            return;
        }
        // All that are under way together go the whole way.
        self.limit = (self.limit + (aim - self.limit) / in_flight).clamp(LEAST, MOST);
    }
}

// What is best is measured while few are under way; from there it is a matter of seconds.
const FIRST: f64 = 4.0;
const LEAST: f64 = 1.0;
const MOST: f64 = 10_000.0;
const CUT: f64 = 0.7;
const CUT_REST: Duration = Duration::from_millis(100);
// A first item may come half as late again as at best before that is taken for a queue (Envoy's default buffer is a quarter of the
// minimum; models vary more than services do).
const TOLERANCE: f64 = 1.5;
// Envoy measures its minimum anew each minute.
const MEASURE: f64 = 0.4;
const SPAN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    /// A target that serves `capacity` requests at once in 200 ms each; more of them wait for their turn. Runs it under as many
    /// callers as the limit lets through, for so many rounds.
    fn run(adaptive: &mut Adaptive, capacity: f64, rounds: usize, callers: u32) -> u32 {
        let mut now = Instant::now();
        for _ in 0..rounds {
            let in_flight = adaptive.limit().min(callers);
            let took = 0.2 * (f64::from(in_flight) / capacity).max(1.0);
            for _ in 0..in_flight {
                adaptive.ended(
                    Sign::Answered(Duration::from_secs_f64(took)),
                    in_flight,
                    now,
                );
            }
            now += Duration::from_secs_f64(took);
        }
        adaptive.limit()
    }

    #[test]
    fn finds_what_a_target_can_do() {
        for capacity in [8.0, 40.0, 200.0] {
            let limit = f64::from(run(&mut Adaptive::default(), capacity, 200, u32::MAX));
            assert!(
                (capacity..capacity * 2.5).contains(&limit),
                "{capacity}: {limit}"
            );
        }
    }

    #[test]
    fn follows_a_target_that_becomes_smaller() {
        let mut adaptive = Adaptive::default();
        let before = run(&mut adaptive, 100.0, 200, u32::MAX);
        let after = run(&mut adaptive, 20.0, 50, u32::MAX);
        assert!(before >= 100 && after <= 50, "{before} {after}");
    }

    #[test]
    fn does_not_drift_away_under_load_that_never_ends() {
        let mut adaptive = Adaptive::default();
        // Half an hour.
        let limit = run(&mut adaptive, 40.0, 6_000, u32::MAX);
        assert!((40..=100).contains(&limit), "{limit}");
    }

    #[test]
    fn does_not_grow_on_room_that_nobody_uses() {
        assert_eq!(run(&mut Adaptive::default(), 1_000.0, 250, 3), 6);
    }

    #[test]
    fn a_refusal_cuts_once_for_all_that_were_sent_before() {
        let mut adaptive = Adaptive::default();
        let now = Instant::now();
        for _ in 0..20 {
            adaptive.ended(Sign::Overloaded, 4, now);
        }
        assert_eq!(adaptive.limit(), 2);
        for second in 1..100 {
            adaptive.ended(Sign::Overloaded, 1, now + Duration::from_secs(second));
        }
        assert_eq!(adaptive.limit(), 1);
        adaptive.ended(Sign::Nothing, 1, now);
        assert_eq!(adaptive.limit(), 1);
    }
}
