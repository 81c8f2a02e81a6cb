//! One figure at a time, for choices that compare several targets: only what a strategy needs is read, and no time is made of what
//! is only compared.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::Vitals;
use crate::policy::View;
use crate::policy::pace::faded_s;
use crate::policy::view::{Figures, Fit, Moment, left};

impl Vitals {
    /// Nothing speaks against it, whatever the time is; so it is nearly always.
    pub(crate) fn is_untroubled(&self) -> bool {
        let seen = &self.seen;
        let load = |time: &AtomicU64| time.load(Ordering::Relaxed);
        load(&seen.open_until) | load(&seen.unavailable_until) | load(&seen.locked_until) == 0
    }
}

impl Figures for Vitals {
    fn fit(&self, now: Instant) -> Fit {
        if self.is_untroubled() {
            return Fit::Well;
        }
        let seen = &self.seen;
        let load = |time: &AtomicU64| time.load(Ordering::Relaxed);
        let (open, away) = (load(&seen.open_until), load(&seen.unavailable_until));
        let locked = load(&seen.locked_until);
        let now = self.stamp(now);
        match open {
            _ if now < away || now < locked => Fit::Away,
            0 => Fit::Well,
            open if now < open || now < load(&seen.probe_until) => Fit::Away,
            _ => Fit::Probe,
        }
    }

    fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn ttft(&self, now: &Moment) -> Option<f64> {
        let bits = self.seen.ttft.load(Ordering::Relaxed);
        let at = self.seen.ttft_at.load(Ordering::Relaxed);
        let idle = now.since(self.base).saturating_sub(at);
        (bits != 0).then(|| faded_s(f64::from_bits(bits), idle))
    }

    fn tokens_per_s(&self) -> Option<f32> {
        let speed = self.seen.speed.load(Ordering::Relaxed);
        (speed != 0).then(|| f32::from_bits(speed))
    }

    fn failures(&self) -> u32 {
        self.seen.failures.load(Ordering::Relaxed)
    }

    fn left(&self, now: Instant) -> f64 {
        let stamp = || self.stamp(now);
        left(
            self.seen.requests.get(stamp),
            self.seen.tokens.get(stamp),
            self.in_flight(),
        )
    }

    fn view(&self, now: Instant) -> View {
        Vitals::view(self, now)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::error::{Error, ErrorKind};
    use crate::policy::breaker;

    /// Whatever has happened to a target, each figure by itself is what the whole view says.
    #[test]
    fn one_figure_is_what_all_together_say() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let vitals = Arc::new(Vitals::new(breaker::Settings::default(), start));
        let agree = |now: Instant| {
            let (one, all) = (&*vitals, vitals.view(now));
            assert_eq!(one.fit(now), all.fit(now), "{all:?}");
            assert_eq!(one.in_flight(), all.in_flight);
            assert_eq!(one.tokens_per_s(), all.tokens_per_s);
            assert_eq!(one.failures(), all.failures);
            assert_eq!(one.left(now), all.left(now));
            let moment = Moment::new(now);
            let (one, all) = (one.ttft(&moment), all.ttft(&moment));
            assert_eq!(one.is_some(), all.is_some());
            let apart = one.unwrap_or_default() - all.unwrap_or_default();
            assert!(apart.abs() < 1e-8, "{one:?} {all:?}");
        };
        agree(at(0));
        let mut turn = vitals.begin(at(0));
        turn.first(at(200));
        agree(at(250));
        turn.end(None, Some(100), at(1_000));
        agree(at(1_000));
        agree(at(60_000));
        let limited = Error::new(ErrorKind::RateLimited, "made up");
        let limited = limited.with_retry_after(Some(Duration::from_millis(500)));
        vitals.begin(at(1_000)).end(Some(&limited), None, at(1_001));
        [1_001, 1_500, 1_501]
            .into_iter()
            .for_each(|ms| agree(at(ms)));
        for _ in 0..5 {
            let down = Error::new(ErrorKind::Connect, "made up");
            vitals.begin(at(2_000)).end(Some(&down), None, at(2_001));
        }
        // Open, and at some time waiting for a probe, which is then under way.
        let fits: Vec<Fit> = [2_001, 4_000, 20_000]
            .map(|ms| {
                agree(at(ms));
                vitals.fit(at(ms))
            })
            .to_vec();
        assert_eq!(fits, [Fit::Away, Fit::Away, Fit::Probe]);
        let probe = vitals.begin(at(20_000));
        agree(at(20_001));
        assert_eq!(vitals.fit(at(20_001)), Fit::Away);
        drop(probe);
        let refused = Error::new(ErrorKind::Auth, "made up");
        vitals
            .begin(at(20_002))
            .end(Some(&refused), None, at(20_003));
        [20_003, 80_002, 80_004]
            .into_iter()
            .for_each(|ms| agree(at(ms)));
    }
}
