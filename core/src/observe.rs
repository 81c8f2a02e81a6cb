//! What is told of a call when it has ended: made once, out of its record, and handed to whoever counts, writes or sends it.

use std::time::{Duration, Instant};

use crate::error::{Error, Status};
use crate::process::Process;
use crate::report::Record;

/// A call that has ended.
#[derive(Clone, Copy)]
pub(crate) struct Ended<'c> {
    pub(crate) record: &'c Record,
    /// A refusal that was an answer to a caller who speaks HTTP is one all the same.
    pub(crate) error: Option<&'c Error>,
    /// For how long its host was waited for.
    hosted: Duration,
    /// When its last event left.
    pub(crate) at: Instant,
}

impl<'c> Ended<'c> {
    pub(crate) fn of(
        record: &'c Record,
        error: Option<&'c Error>,
        hosted: Duration,
        at: Instant,
    ) -> Ended<'c> {
        let error = error.or(record.refused.as_ref());
        Ended {
            record,
            error,
            hosted,
            at,
        }
    }

    /// Counts it.
    pub(crate) fn count(&self, process: &Process) {
        let Ended {
            record, error, at, ..
        } = *self;
        let status = error.map_or(Status::Ok, Error::status);
        let usage = record.response.usage();
        process.counters.finished(status, usage);
        let Some(operation) = record.counted.filter(|_| !record.attempts.is_empty()) else {
            return;
        };
        let targets = &process.counters.targets;
        let series = targets.of(&record.target, operation);
        series.ended(error, at - record.began);
        series.own_time(self.overhead(), record.queued);
        if let Some(first) = record.first_item {
            series.first_token.add(first.as_nanos() as u64);
        }
        if let Some(gaps) = &record.gaps {
            series.gap.merge(gaps);
        }
        if let Some(usage) = usage {
            series.used(usage, record.cost.microusd);
        }
        for attempt in &record.attempts {
            let failed = attempt.kind.map(|kind| (kind, attempt.status));
            match attempt.target == record.target {
                true => series.attempted(attempt.reason, failed),
                false => targets
                    .of(&attempt.target, operation)
                    .attempted(attempt.reason, failed),
            }
        }
    }

    /// Our own part of it: until the first attempt's request was handed to its connection, without what it waited for a limit or its host, and
    /// from the answer's last bytes to its last event. Of a call that failed, nothing: what was waited for there was not our work.
    pub(crate) fn overhead(&self) -> Option<Duration> {
        let record = self.record;
        let (sent, last) = (record.sent?, record.last_bytes?);
        let own = (sent - record.began) + self.at.saturating_duration_since(last);
        let aside = self.hosted + record.queued.unwrap_or_default();
        Some(own.saturating_sub(aside))
    }
}
