//! What is counted of limits and of those who wait under them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::page::{Family, Figure};

/// What is counted at the gates.
#[derive(Debug, Default)]
pub(crate) struct AdmissionCounters {
    pub(crate) waiting: AtomicU64,
    pub(crate) waited: AtomicU64,
    pub(crate) refused: AtomicU64,
}

impl AdmissionCounters {
    #[rustfmt::skip]
    pub(super) fn families(&self, out: &mut Vec<Family>) {
        let count = |name, help, count: &AtomicU64| {
            Family::counter(name, help, &[]).with(Figure::Count(count.load(Ordering::Relaxed)))
        };
        let waiting = self.waiting.load(Ordering::Relaxed) as f64;
        out.extend([
            count("admission_waited_total", "Times that a request waited for room under a limit.", &self.waited),
            count("admission_refused_total", "Requests that a limit or a budget refused.", &self.refused),
            Family::gauge("admission_waiting", "Requests that wait for room under a limit.", &[]).with(Figure::Level(waiting)),
        ]);
    }
}
