//! How fast a target is, from how fast it was: peaks count at once, and fade.

use std::time::{Duration, Instant};

/// A duration that rises with a peak at once and falls slowly: what was slow once may be so again, but not for ever.
///
/// The peak EWMA of Finagle's balancer ("Aperture Load Balancers", 2016), with an idle decay: a target that nobody asks because it
/// was slow looks better with time, so that somebody finds out whether it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peak {
    value: Option<f64>,
    samples: u32,
    at: Instant,
}

impl Peak {
    pub(crate) fn new(now: Instant) -> Peak {
        Peak {
            value: None,
            samples: 0,
            at: now,
        }
    }

    /// It took this long.
    pub(crate) fn observe(&mut self, took: Duration, now: Instant) {
        let sample = took.as_secs_f64();
        let old = self.value.unwrap_or(sample);
        let age = now.saturating_duration_since(self.at).as_secs_f64();
        let keep = (-age / TAU).exp().min(1.0 - LEAST);
        let value = match sample >= old {
            true => sample,
            false => old * keep + sample * (1.0 - keep),
        };
        (self.value, self.at) = (Some(value), self.at.max(now));
        self.samples = self.samples.saturating_add(1);
    }

    /// It did not come within this long: it is no faster than that, and may be slower.
    pub(crate) fn missed(&mut self, waited: Duration, now: Instant) {
        if let Some(value) = self.at_least(waited) {
            (self.value, self.at) = (Some(value), self.at.max(now));
        }
    }

    /// It failed: never a reason to find it fast.
    pub(crate) fn failed(&mut self, took: Duration, now: Instant) {
        let doubled = self.value.unwrap_or(FAILED.as_secs_f64()) * 2.0;
        let value = doubled
            .max(took.as_secs_f64())
            .clamp(FAILED.as_secs_f64(), WORST.as_secs_f64());
        let value = self.value.map_or(value, |old| old.max(value));
        (self.value, self.at) = (Some(value), self.at.max(now));
    }

    fn at_least(&self, waited: Duration) -> Option<f64> {
        let waited = waited.as_secs_f64();
        match self.value {
            Some(value) if waited > value => Some(waited),
            // Before the first answer a short wait tells nothing.
            None if waited >= FAILED.as_secs_f64() => Some(waited),
            _ => None,
        }
    }

    /// What to expect now.
    #[cfg(test)]
    pub(crate) fn now(&self, now: Instant) -> Option<Duration> {
        let idle = now.saturating_duration_since(self.at);
        self.value.map(|value| faded(value, idle))
    }

    /// The value when it was last moved, and when that was.
    pub(crate) fn raw(&self) -> (Option<f64>, Instant) {
        (self.value, self.at)
    }

    /// Answers that it is made of.
    pub(crate) fn samples(&self) -> u32 {
        self.samples
    }
}

/// A value that nobody has moved for so long.
pub(crate) fn faded(value: f64, idle: Duration) -> Duration {
    let idle = u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX);
    Duration::try_from_secs_f64(faded_s(value, idle)).unwrap_or_default()
}

/// The same in seconds, of so many nanoseconds: a choice compares eight of these, and a `Duration` would be two divisions each.
pub(crate) fn faded_s(value: f64, idle_ns: u64) -> f64 {
    match idle_ns.checked_sub(GRACE.as_nanos() as u64) {
        Some(over) if over > 0 => value * halved(over as f64 * HALVINGS),
        _ => value,
    }
}

/// About one half to this power: exact for whole numbers, and a straight line between two of them, at most a sixteenth too much. A choice
/// compares eight of these, and `exp` took most of its time.
fn halved(times: f64) -> f64 {
    let times = times.min(1_000.0);
    let whole = times as u32;
    // The exponent of a double.
    let power = f64::from_bits(u64::from(1_023 - whole) << 52);
    power * (1.0 - (times - f64::from(whole)) * 0.5)
}

/// A mean that leans towards what came last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mean(Option<f64>);

impl Mean {
    pub(crate) fn observe(&mut self, sample: f64) {
        if sample.is_finite() {
            let old = self.0.unwrap_or(sample);
            self.0 = Some(old + (sample - old) * WEIGHT);
        }
    }

    pub(crate) fn now(&self) -> Option<f64> {
        self.0
    }
}

// Seconds after which a peak among other samples counts for a third: Finagle's default is 10.
const TAU: f64 = 10.0;
// Samples that come at once must count, too: of a thousand a second each would otherwise weigh nothing.
const LEAST: f64 = 0.02;
// Seconds without a sample after which it counts for half (and after 30 for a third): longer than a breaker's first opening, so that what
// failed is not sought for its speed when it comes back.
const HALVED: f64 = 20.8;
// In a nanosecond.
const HALVINGS: f64 = 1e-9 / HALVED;
const GRACE: Duration = Duration::from_secs(5);
// What a failure is at least and at most worth.
const FAILED: Duration = Duration::from_secs(1);
const WORST: Duration = Duration::from_secs(60);
// A speed varies from answer to answer by more than it changes.
const WEIGHT: f64 = 0.2;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_peak_counts_at_once_and_fades_among_samples() {
        let start = Instant::now();
        let mut peak = Peak::new(start);
        assert_eq!(peak.now(start), None);
        peak.observe(ms(100), start);
        peak.observe(ms(1_000), start + ms(10));
        assert_eq!(peak.now(start + ms(10)), Some(ms(1_000)));
        for second in 1..=40 {
            peak.observe(ms(100), start + ms(second * 1_000));
        }
        let now = peak.now(start + ms(40_000)).unwrap();
        assert!(now < ms(130) && now >= ms(100), "{now:?}");
        assert_eq!(peak.samples(), 42);
    }

    #[test]
    fn a_failure_never_improves_it() {
        let start = Instant::now();
        let mut peak = Peak::new(start);
        peak.failed(ms(1), start);
        assert_eq!(peak.now(start), Some(ms(2_000)));
        peak.observe(ms(100), start);
        let before = peak.now(start).unwrap();
        peak.failed(ms(1), start);
        assert!(peak.now(start).unwrap() >= before * 2);
        let mut slow = Peak::new(start);
        slow.observe(ms(90_000), start);
        slow.failed(ms(1), start);
        assert_eq!(slow.now(start), Some(ms(90_000)));
        slow.missed(ms(5), start);
        assert_eq!(slow.now(start), Some(ms(90_000)));
    }

    #[test]
    fn nobody_asks_and_it_looks_better_with_time() {
        let start = Instant::now();
        let mut peak = Peak::new(start);
        peak.observe(ms(10_000), start);
        assert_eq!(peak.now(start + GRACE), Some(ms(10_000)));
        let later = peak.now(start + ms(150_000)).unwrap();
        assert!(later < ms(100), "{later:?}");
    }

    #[test]
    fn halves_are_exact_and_between_them_it_falls_all_the_way() {
        for (times, expected) in [(0.0, 1.0), (1.0, 0.5), (2.0, 0.25), (3.5, 0.09375)] {
            assert_eq!(halved(times), expected, "{times}");
        }
        let steps: Vec<f64> = (0..2_000)
            .map(|step| halved(f64::from(step) / 7.0))
            .collect();
        assert!(steps.windows(2).all(|two| two[1] < two[0] && two[1] > 0.0));
        let apart = |step: i32| halved(f64::from(step) / 50.0) * (f64::from(step) / 50.0).exp2();
        assert!((0..500).all(|step| (0.999..1.07).contains(&apart(step))));
        assert!(halved(1e9) >= 0.0);
    }

    #[test]
    fn a_mean_leans_towards_the_last() {
        let mut mean = Mean::default();
        assert_eq!(mean.now(), None);
        mean.observe(100.0);
        mean.observe(f64::NAN);
        mean.observe(50.0);
        assert_eq!(mean.now(), Some(90.0));
    }
}
