//! What the cache counts of itself, for `metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::{Family, Figure};

/// How requests that the cache may answer fared, in this process.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) joins: AtomicU64,
    /// What the second level had, had not, did not say, and said too late.
    pub(super) shared_hits: AtomicU64,
    pub(super) shared_misses: AtomicU64,
    pub(super) shared_unavailable: AtomicU64,
    pub(super) shared_late: AtomicU64,
    /// Questions that are almost the same, those that are not, and those whose vector did not come.
    pub(super) semantic_hits: AtomicU64,
    pub(super) semantic_misses: AtomicU64,
    pub(super) semantic_failures: AtomicU64,
    /// What all clients keep.
    pub(super) bytes: AtomicU64,
    pub(super) entries: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    #[rustfmt::skip]
    pub(crate) fn families(&self, out: &mut Vec<Family>) {
        let count = |name, help, count: &AtomicU64| {
            Family::counter(name, help, &[]).with(Figure::Count(count.load(Ordering::Relaxed)))
        };
        let level = |name, help, level: &AtomicU64| {
            Family::gauge(name, help, &[]).with(Figure::Level(level.load(Ordering::Relaxed) as f64))
        };
        out.extend([
            count("cache_hits_total", "Requests answered from the cache.", &self.hits),
            count("cache_misses_total", "Requests that the cache might have answered, and whose answer was asked for.", &self.misses),
            count("cache_joins_total", "Requests that waited for the answer to another one that was on its way.", &self.joins),
            count("cache_semantic_hits_total", "Requests answered with the answer to a question that is almost the same.", &self.semantic_hits),
            count("cache_semantic_misses_total", "Questions to which no other was near enough.", &self.semantic_misses),
            count("cache_semantic_failures_total", "Questions whose vector did not come.", &self.semantic_failures),
            level("cache_bytes", "Bytes of answers that are kept.", &self.bytes),
            level("cache_entries", "Answers that are kept.", &self.entries),
        ]);
        out.extend(self.shared().into_iter().map(|(name, help, count)| {
            Family::counter(name, help, &[]).with(Figure::Count(count))
        }));
    }
}
