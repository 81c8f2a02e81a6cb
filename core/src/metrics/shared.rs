//! What is counted of Redis, where processes share one.

use std::sync::atomic::{AtomicU64, Ordering};

use super::page::{Family, Figure};

/// What is counted of Redis, where processes share one.
#[derive(Debug, Default)]
pub(crate) struct SharedCounters {
    /// Connections that clients want, and those that stand: with fewer of these, a process goes on alone.
    pub(crate) links: AtomicU64,
    pub(crate) up: AtomicU64,
    pub(crate) asked: AtomicU64,
    /// Answers that did not come in time.
    pub(crate) late: AtomicU64,
    /// Connections that broke, and commands that were refused.
    pub(crate) failed: AtomicU64,
    /// What was not even asked, because nobody would have answered.
    pub(crate) skipped: AtomicU64,
}

impl SharedCounters {
    #[rustfmt::skip]
    pub(super) fn families(&self, out: &mut Vec<Family>) {
        let count = |name, help, count: &AtomicU64| {
            Family::counter(name, help, &[]).with(Figure::Count(count.load(Ordering::Relaxed)))
        };
        let level = |name, help, level: &AtomicU64| {
            Family::gauge(name, help, &[]).with(Figure::Level(level.load(Ordering::Relaxed) as f64))
        };
        out.extend([
            count("shared_asked_total", "Commands sent to the shared Redis.", &self.asked),
            count("shared_late_total", "Commands that the shared Redis did not answer in time.", &self.late),
            count("shared_failed_total", "Commands that failed with the shared Redis's connection, or that it refused.", &self.failed),
            count("shared_skipped_total", "Commands that were not sent while the shared Redis was gone.", &self.skipped),
            level("shared_links", "Connections to a shared Redis that clients want.", &self.links),
            level("shared_links_up", "Connections to a shared Redis that stand; with fewer than wanted, limits are this process's own share.", &self.up),
        ]);
    }
}
