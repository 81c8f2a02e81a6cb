//! Counters of the process, as JSON or Prometheus text. Histograms, per-target figures and cost belong to a later version.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use libllm_proto::event::Usage;

use crate::error::Status;

/// How [`crate::Client::metrics`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsFormat {
    /// One JSON object.
    Json,
    /// Prometheus text exposition format, version 0.0.4.
    Prometheus,
}

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    submitted: AtomicU64,
    attempts: AtomicU64,
    prompt_tokens: AtomicU64,
    completion_tokens: AtomicU64,
    ended: [AtomicU64; STATUSES],
    reloads: AtomicU64,
    reloads_refused: AtomicU64,
    pub(crate) shared: SharedCounters,
    pub(crate) tries: TryCounters,
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
                "hedges",
                "Second attempts beside a slow first one.",
                get(&self.hedged),
            ),
            (
                "hedges_won",
                "Second attempts that answered before the first one.",
                get(&self.hedges_won),
            ),
            (
                "retries_unpaid",
                "Attempts that were not made because a retry budget was empty.",
                get(&self.unpaid),
            ),
            (
                "keys_refused",
                "Keys put aside because their provider refused them.",
                get(&self.keys_refused),
            ),
        ]
    }
}

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
    fn sums(&self) -> [(&'static str, &'static str, u64); 4] {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            (
                "shared_asked",
                "Commands sent to the shared Redis.",
                get(&self.asked),
            ),
            (
                "shared_late",
                "Commands that the shared Redis did not answer in time.",
                get(&self.late),
            ),
            (
                "shared_failed",
                "Commands that failed with the shared Redis's connection, or that it refused.",
                get(&self.failed),
            ),
            (
                "shared_skipped",
                "Commands that were not sent while the shared Redis was gone.",
                get(&self.skipped),
            ),
        ]
    }

    fn levels(&self) -> [(&'static str, &'static str, u64); 2] {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            (
                "shared_links",
                "Connections to a shared Redis that clients want.",
                get(&self.links),
            ),
            (
                "shared_links_up",
                "Connections to a shared Redis that stand; with fewer than wanted, limits are this process's own share.",
                get(&self.up),
            ),
        ]
    }
}

const STATUSES: usize = Status::ALL.len();

impl Counters {
    pub(crate) fn submitted(&self) {
        self.submitted.fetch_add(1, Ordering::Relaxed);
    }

    /// A configuration took another's place, or was bad and did not.
    pub(crate) fn reloaded(&self, good: bool) {
        let counter = match good {
            true => &self.reloads,
            false => &self.reloads_refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn attempted(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn finished(&self, status: Status, usage: Option<&Usage>) {
        if let Some(place) = Status::ALL.iter().position(|known| *known == status) {
            self.ended[place].fetch_add(1, Ordering::Relaxed);
        }
        if let Some(usage) = usage {
            self.prompt_tokens
                .fetch_add(usage.prompt_tokens.unwrap_or(0), Ordering::Relaxed);
            self.completion_tokens
                .fetch_add(usage.completion_tokens.unwrap_or(0), Ordering::Relaxed);
        }
    }

    pub(crate) fn text(&self, format: MetricsFormat) -> String {
        match format {
            MetricsFormat::Json => self.json(),
            MetricsFormat::Prometheus => self.prometheus(),
        }
    }

    fn ended(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let count = |(place, status): (usize, &Status)| {
            (status.name(), self.ended[place].load(Ordering::Relaxed))
        };
        Status::ALL
            .iter()
            .enumerate()
            .map(count)
            .filter(|(_, count)| *count > 0)
    }

    fn sums(&self) -> [(&'static str, &'static str, u64); 6] {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("requests", "Requests accepted.", get(&self.submitted)),
            (
                "attempts",
                "Attempts at targets, retries and fallbacks included.",
                get(&self.attempts),
            ),
            (
                "prompt_tokens",
                "Prompt tokens that providers reported.",
                get(&self.prompt_tokens),
            ),
            (
                "completion_tokens",
                "Completion tokens that providers reported.",
                get(&self.completion_tokens),
            ),
            (
                "reloads",
                "Configurations that took another's place.",
                get(&self.reloads),
            ),
            (
                "reloads_refused",
                "Configurations that were bad and changed nothing.",
                get(&self.reloads_refused),
            ),
        ]
    }

    fn all_sums(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let sums = self.sums().into_iter().chain(self.tries.sums());
        sums.chain(self.shared.sums())
    }

    fn json(&self) -> String {
        let mut object = serde_json::Map::new();
        for (name, _, value) in self.all_sums() {
            object.insert(format!("{name}_total"), value.into());
        }
        for (name, _, value) in self.shared.levels() {
            object.insert(name.to_owned(), value.into());
        }
        let ended = self
            .ended()
            .map(|(name, count)| (name.to_owned(), count.into()));
        object.insert(
            "ended_total".into(),
            serde_json::Value::Object(ended.collect()),
        );
        serde_json::Value::Object(object).to_string()
    }

    fn prometheus(&self) -> String {
        let mut text = String::new();
        for (name, help, value) in self.all_sums() {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "# HELP libllm_{name}_total {help}\n# TYPE libllm_{name}_total counter"
            );
            let _ = writeln!(text, "libllm_{name}_total {value}");
        }
        for (name, help, value) in self.shared.levels() {
            let _ = writeln!(
                text,
                "# HELP libllm_{name} {help}\n# TYPE libllm_{name} gauge\nlibllm_{name} {value}"
            );
        }
        text.push_str("# HELP libllm_ended_total Requests ended, by status.\n# TYPE libllm_ended_total counter\n");
        for (name, count) in self.ended() {
            let _ = writeln!(text, "libllm_ended_total{{status=\"{name}\"}} {count}");
        }
        text
    }
}
