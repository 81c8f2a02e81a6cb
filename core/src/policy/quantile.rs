//! In which time so many of a hundred answers begin: counts in buckets that grow by a tenth, of which old ones fade.

use std::time::Duration;

/// Times of the last few thousand answers.
#[derive(Clone, Debug)]
pub(crate) struct Quantile {
    counts: Vec<u32>,
    sum: u32,
}

impl Quantile {
    pub(crate) const fn new() -> Quantile {
        Quantile {
            counts: Vec::new(),
            sum: 0,
        }
    }

    /// An answer took this long to begin.
    pub(crate) fn observe(&mut self, took: Duration) {
        if self.sum >= KEPT {
            self.fade();
        }
        let bucket = bucket(took);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.sum += 1;
    }

    /// The time in which `percent` of a hundred answers begin, from above; `None` before `samples` of them are known.
    pub(crate) fn at(&self, percent: f64, samples: u32) -> Option<Duration> {
        if self.sum < samples.max(1) {
            return None;
        }
        let wanted = (f64::from(self.sum) * percent / 100.0).ceil() as u32;
        let mut below = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= wanted {
                return Some(top(bucket));
            }
        }
        None
    }

    fn fade(&mut self) {
        self.counts.iter_mut().for_each(|count| *count /= 2);
        self.sum = self.counts.iter().sum();
    }
}

fn bucket(took: Duration) -> usize {
    let ratio = took.as_secs_f64() / LEAST;
    let bucket = if ratio > 1.0 {
        ratio.ln() / GROWTH.ln()
    } else {
        0.0
    };
    (bucket.ceil() as usize).min(BUCKETS - 1)
}

fn top(bucket: usize) -> Duration {
    Duration::from_secs_f64(LEAST * GROWTH.powi(bucket as i32))
}

// A millisecond to half an hour.
const LEAST: f64 = 0.001;
const GROWTH: f64 = 1.1;
const BUCKETS: usize = 152;
const KEPT: u32 = 2048;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn says_a_percentile_within_a_tenth_and_nothing_of_too_few() {
        let mut quantile = Quantile::new();
        for ms in 1..=99 {
            quantile.observe(Duration::from_millis(ms * 10));
        }
        assert_eq!(quantile.at(95.0, 100), None);
        quantile.observe(Duration::from_secs(1));
        for (percent, ms) in [(50.0, 500), (95.0, 950), (99.9, 1_000)] {
            let said = quantile.at(percent, 100).unwrap();
            let (least, most) = (
                Duration::from_millis(ms),
                Duration::from_millis(ms * 11 / 10),
            );
            assert!(said >= least && said <= most, "{percent}: {said:?}");
        }
    }

    #[test]
    fn what_is_old_fades() {
        let mut quantile = Quantile::new();
        (0..KEPT).for_each(|_| quantile.observe(Duration::from_secs(30)));
        (0..KEPT * 8).for_each(|_| quantile.observe(Duration::from_millis(100)));
        assert!(quantile.at(95.0, 100).unwrap() < Duration::from_millis(120));
        assert!(quantile.sum <= KEPT);
    }

    #[test]
    fn any_duration_has_a_bucket() {
        let mut quantile = Quantile::new();
        for took in [Duration::ZERO, Duration::MAX, Duration::from_nanos(1)] {
            quantile.observe(took);
        }
        assert!(quantile.at(99.0, 1).unwrap() > Duration::from_secs(1_500));
    }
}
