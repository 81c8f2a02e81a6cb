//! A histogram of fixed bounds that any thread adds to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The bounds of a histogram and their unit.
#[derive(Debug)]
pub(crate) struct Scale {
    /// Upper bounds, in the unit that is added; one more bucket holds what is above them.
    bounds: &'static [u64],
    /// How many of it are one of the unit that is told.
    unit: f64,
}

/// Times of answers. The bounds of OpenTelemetry's conventions for generative AI, 1.41: 0.01 s, doubled up to 81.92 s.
pub(crate) static LONG: &Scale = &Scale {
    bounds: &[
        10_000_000,
        20_000_000,
        40_000_000,
        80_000_000,
        160_000_000,
        320_000_000,
        640_000_000,
        1_280_000_000,
        2_560_000_000,
        5_120_000_000,
        10_240_000_000,
        20_480_000_000,
        40_960_000_000,
        81_920_000_000,
    ],
    unit: 1e9,
};

/// Times of our own: 30 and 150 us, which a median and a 99th percentile are held to, are among the bounds.
pub(crate) static SHORT: &Scale = &Scale {
    bounds: &[
        10_000,
        20_000,
        30_000,
        50_000,
        75_000,
        100_000,
        150_000,
        250_000,
        500_000,
        1_000_000,
        2_500_000,
        10_000_000,
        100_000_000,
        1_000_000_000,
        10_000_000_000,
    ],
    unit: 1e9,
};

/// Numbers of tokens; OpenTelemetry's bounds: powers of four up to 4^13.
pub(crate) static TOKENS: &Scale = &Scale {
    bounds: &[
        1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
        67_108_864,
    ],
    unit: 1.0,
};

/// Above the most bounds that a scale has.
const BUCKETS_MAX: usize = 16;

impl Scale {
    fn bucket(&self, value: u64) -> usize {
        self.bounds.partition_point(|bound| *bound < value)
    }

    fn told(&self, value: u64) -> f64 {
        value as f64 / self.unit
    }
}

/// How often which size came.
#[derive(Debug)]
pub(crate) struct Spread {
    scale: &'static Scale,
    buckets: [AtomicU64; BUCKETS_MAX],
    sum: AtomicU64,
}

impl Spread {
    pub(crate) fn new(scale: &'static Scale) -> Spread {
        debug_assert!(scale.bounds.len() < BUCKETS_MAX);
        Spread {
            scale,
            buckets: Default::default(),
            sum: AtomicU64::new(0),
        }
    }

    /// One more of this size.
    pub(crate) fn add(&self, value: u64) {
        self.buckets[self.scale.bucket(value)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// All of a tally.
    pub(crate) fn merge(&self, tally: &Tally) {
        if tally.max().is_none() {
            return;
        }
        for (bucket, count) in self.buckets.iter().zip(tally.buckets) {
            if count > 0 {
                bucket.fetch_add(count.into(), Ordering::Relaxed);
            }
        }
        self.sum.fetch_add(tally.sum, Ordering::Relaxed);
    }

    /// What is in it now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let counts = self.buckets[..=self.scale.bounds.len()].iter();
        Snapshot {
            scale: self.scale,
            counts: counts.map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// The same of one call alone, on [`LONG`]: counted by its own task, and added once.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    buckets: [u32; BUCKETS_MAX],
    sum: u64,
    /// One more than the largest of them; 0 if there is none.
    above: u64,
}

impl Tally {
    /// One more of this size.
    pub(crate) fn add(&mut self, value: u64) {
        self.buckets[LONG.bucket(value)] += 1;
        self.sum += value;
        self.above = self.above.max(value.saturating_add(1));
    }

    /// The largest of them.
    pub(crate) fn max(&self) -> Option<u64> {
        self.above.checked_sub(1)
    }
}

/// When the last piece of an answer came, and the times between them. Each token touches it: what is on its way there is not in the
/// processor's cache any more, and one place is found sooner than three.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    last: Option<Instant>,
    pub(crate) gaps: Tally,
}

impl Pieces {
    /// One more.
    pub(crate) fn came(&mut self, at: Instant) {
        if let Some(last) = self.last.replace(at) {
            let gap = at.saturating_duration_since(last);
            self.gaps.add(gap.as_nanos() as u64);
        }
    }
}

/// What was in a histogram.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    scale: &'static Scale,
    counts: Vec<u64>,
    sum: u64,
}

impl Snapshot {
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all sizes, in the unit that is told.
    pub(crate) fn sum(&self) -> f64 {
        self.scale.told(self.sum)
    }

    /// Adds another of the same scale.
    pub(crate) fn merge(&mut self, other: &Snapshot) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum += other.sum;
    }

    /// Upper bounds, and how many are in each bucket: one more than bounds.
    #[cfg(feature = "otlp")]
    pub(crate) fn buckets(&self) -> (impl Iterator<Item = f64> + '_, &[u64]) {
        let bounds = self.scale.bounds.iter();
        (bounds.map(|bound| self.scale.told(*bound)), &self.counts)
    }

    /// The upper bound of each bucket, none for the last, and how many are at or below it.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (Option<f64>, u64)> + '_ {
        let mut below = 0;
        self.counts.iter().enumerate().map(move |(place, count)| {
            below += count;
            let bound = self.scale.bounds.get(place);
            (bound.map(|bound| self.scale.told(*bound)), below)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_what_is_above_all_to_the_last() {
        let spread = Spread::new(SHORT);
        for ns in [0, 30_000, 30_001, u64::MAX >> 8] {
            spread.add(ns);
        }
        let told: Vec<_> = spread.snapshot().cumulative().collect();
        assert_eq!(told[2], (Some(0.00003), 2));
        assert_eq!(told[3], (Some(0.00005), 3));
        assert_eq!(told.last(), Some(&(None, 4)));
    }

    #[test]
    fn a_tally_is_added_whole() {
        let mut tally = Tally::default();
        tally.add(15_000_000);
        tally.add(100_000_000_000);
        let spread = Spread::new(LONG);
        spread.merge(&tally);
        let snapshot = spread.snapshot();
        assert_eq!((snapshot.count(), snapshot.sum()), (2, 100.015));
        assert_eq!(snapshot.cumulative().nth(1), Some((Some(0.02), 1)));
        assert_eq!(tally.max(), Some(100_000_000_000));
        let nothing = Tally::default();
        assert_eq!(nothing.max(), None);
        spread.merge(&nothing);
        assert_eq!(spread.snapshot().count(), 2);
    }
}
