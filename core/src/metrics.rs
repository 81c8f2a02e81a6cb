//! What is counted of a process, as JSON or Prometheus text: requests, tokens, times and costs, as a whole and by target.
//!
//! Another part's own numbers: one that only grows is a row of [`Count`]; what is looked up when somebody asks (a breaker's state) is a
//! [`Family`] that `Client::metrics` adds. Both need a row in `schema/src/tables.rs`, from which the bindings' names are made, and
//! one in docs/observability.md.

use std::sync::atomic::{AtomicU64, Ordering};

use libllm_proto::event::Usage;

use crate::cached;
use crate::clock;
use crate::error::Status;
use crate::process::Process;
use crate::vitals::Roll;

mod admission;
mod health;
mod page;
mod shared;
mod spread;
mod targets;

pub(crate) use admission::AdmissionCounters;
#[cfg(feature = "otlp")]
pub(crate) use health::families as health;
#[cfg(feature = "otlp")]
pub(crate) use page::Kind as FigureKind;
pub(crate) use page::{Family, Figure};
pub(crate) use shared::SharedCounters;
pub(crate) use spread::Pieces;
pub(crate) use targets::Targets;

/// How [`crate::Client::metrics`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsFormat {
    /// One JSON object.
    Json,
    /// Prometheus text exposition format, version 0.0.4.
    Prometheus,
}

/// A number of the whole process that only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Requests,
    Attempts,
    PromptTokens,
    CompletionTokens,
    Reloads,
    ReloadsRefused,
    CallLogLost,
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "told with spans"))]
    SpansSent,
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "told with spans"))]
    SpansLost,
}

/// Names and meanings, in the order of [`Count`].
const COUNTS: [(&str, &str); 9] = [
    ("requests_total", "Requests accepted."),
    (
        "attempts_total",
        "Attempts at targets, retries and fallbacks included.",
    ),
    (
        "prompt_tokens_total",
        "Prompt tokens that providers reported.",
    ),
    (
        "completion_tokens_total",
        "Completion tokens that providers reported.",
    ),
    ("reloads_total", "Configurations that took another's place."),
    (
        "reloads_refused_total",
        "Configurations that were bad and changed nothing.",
    ),
    (
        "call_log_lost_total",
        "Lines of call logs that could not be written, or not soon enough.",
    ),
    (
        "otlp_spans_total",
        "Spans that a collector of OpenTelemetry took.",
    ),
    (
        "otlp_spans_lost_total",
        "Spans that a collector of OpenTelemetry did not take, or not soon enough.",
    ),
];

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    counts: [AtomicU64; COUNTS.len()],
    ended: [AtomicU64; STATUSES],
    pub(crate) targets: Targets,
    pub(crate) shared: SharedCounters,
    pub(crate) tries: TryCounters,
    pub(crate) admission: AdmissionCounters,
    /// What the cache did.
    pub(crate) cache: cached::Counters,
}

/// What is counted of attempts beyond a request's first.
#[derive(Debug, Default)]
pub(crate) struct TryCounters {
    /// Second attempts beside a slow one, and those of them that won.
    pub(crate) hedged: AtomicU64,
    pub(crate) hedges_won: AtomicU64,
    /// What was not tried again, because a budget was empty.
    pub(crate) unpaid: AtomicU64,
    /// Keys that a provider refused.
    pub(crate) keys_refused: AtomicU64,
}

impl TryCounters {
    fn sums(&self) -> [(&'static str, &'static str, u64); 4] {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            (
                "hedges_total",
                "Second attempts beside a slow first one.",
                get(&self.hedged),
            ),
            (
                "hedges_won_total",
                "Second attempts that answered before the first one.",
                get(&self.hedges_won),
            ),
            (
                "retries_unpaid_total",
                "Attempts that were not made because a retry budget was empty.",
                get(&self.unpaid),
            ),
            (
                "keys_refused_total",
                "Keys put aside because their provider refused them.",
                get(&self.keys_refused),
            ),
        ]
    }
}

const STATUSES: usize = Status::ALL.len();

impl Counters {
    /// So many more.
    pub(crate) fn add(&self, count: Count, more: u64) {
        self.counts[count as usize].fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn submitted(&self) {
        self.add(Count::Requests, 1);
    }

    /// A configuration took another's place, or was bad and did not.
    pub(crate) fn reloaded(&self, good: bool) {
        let count = match good {
            true => Count::Reloads,
            false => Count::ReloadsRefused,
        };
        self.add(count, 1);
    }

    pub(crate) fn attempted(&self) {
        self.add(Count::Attempts, 1);
    }

    pub(crate) fn finished(&self, status: Status, usage: Option<&Usage>) {
        if let Some(place) = Status::ALL.iter().position(|known| *known == status) {
            self.ended[place].fetch_add(1, Ordering::Relaxed);
        }
        if let Some(usage) = usage {
            self.add(Count::PromptTokens, usage.prompt_tokens.unwrap_or(0));
            self.add(
                Count::CompletionTokens,
                usage.completion_tokens.unwrap_or(0),
            );
        }
    }

    /// Everything, now.
    pub(crate) fn families(&self) -> Vec<Family> {
        let get = |count: &AtomicU64| Figure::Count(count.load(Ordering::Relaxed));
        let counts = COUNTS.iter().zip(&self.counts);
        let mut all: Vec<Family> = counts
            .map(|((name, help), count)| Family::counter(name, help, &[]).with(get(count)))
            .collect();
        let mut ended = Family::counter("ended_total", "Requests ended, by status.", &["status"]);
        for (status, count) in Status::ALL.iter().zip(&self.ended) {
            if count.load(Ordering::Relaxed) > 0 {
                ended.push([status.name()], get(count));
            }
        }
        all.push(ended);
        targets::families(&self.targets, &mut all);
        self.shared.families(&mut all);
        self.admission.families(&mut all);
        self.cache.families(&mut all);
        for (name, help, count) in self.tries.sums() {
            all.push(Family::counter(name, help, &[]).with(Figure::Count(count)));
        }
        all
    }
}

/// All numbers of a process, and of the targets that one client has asked, as text.
pub(crate) fn of(process: &Process, roll: &Roll, format: MetricsFormat) -> String {
    let mut families = process.families();
    families.extend(health::families(&roll.all(), clock::now()));
    match format {
        MetricsFormat::Json => page::json(&families),
        MetricsFormat::Prometheus => page::prometheus(&families),
    }
}
