//! What is counted by provider, model and operation. A call finds its place once, at its end; what is there is added to without a lock.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use libllm_proto::event::Usage;

use super::page::{Family, Figure};
use super::spread::{LONG, SHORT, Spread, TOKENS};
use crate::error::{Error, Status};
use crate::report::Reason;
use crate::target::Target;

/// So many models and operations are told apart; what comes after them counts as the model `other` of its provider.
pub(crate) const SERIES_MAX: usize = 512;
/// A label is no place for a text; a script of `mock/...` can be one.
const LABEL_MAX: usize = 120;
const OTHER: &str = "other";

/// Everything that is counted by target.
#[derive(Debug, Default)]
pub(crate) struct Targets(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<Box<str>, Vec<Arc<Series>>>,
    count: usize,
}

impl Known {
    fn find(&self, name: &str, operation: &str) -> Option<Arc<Series>> {
        let all = self.by_name.get(name)?;
        let found = all.iter().find(|series| series.operation == operation);
        found.cloned()
    }

    fn add(&mut self, target: &Target, operation: &'static str) -> Arc<Series> {
        if let Some(series) = self.find(target.text(), operation) {
            return series;
        }
        let series = Arc::new(Series::new(target, operation));
        let all = self.by_name.entry(target.text().into()).or_default();
        all.push(series.clone());
        self.count += 1;
        series
    }
}

impl Targets {
    /// The place of a target and an operation.
    pub(crate) fn of(&self, target: &Target, operation: &'static str) -> Arc<Series> {
        if target.text().len() > LABEL_MAX {
            // Names that are alike as far as labels go are one.
            let (provider, model) = (label(target.provider()), label(target.model()));
            return self.named(&Target::new(&provider, &model), operation);
        }
        self.named(target, operation)
    }

    fn named(&self, target: &Target, operation: &'static str) -> Arc<Series> {
        let read = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = read.find(target.text(), operation) {
            return series;
        }
        drop(read);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.count < SERIES_MAX {
            return known.add(target, operation);
        }
        // Providers are as many as configurations name; a process that changes those without end is held to as many again.
        let provider = match known.count < 2 * SERIES_MAX {
            true => target.provider(),
            false => OTHER,
        };
        known.add(&Target::new(provider, OTHER), operation)
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Series>> {
        let read = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = read.by_name.values().flatten().cloned().collect();
        all.sort_by(|a, b| a.order().cmp(&b.order()));
        all
    }
}

/// What one target did for one operation.
#[derive(Debug)]
pub(crate) struct Series {
    target: Target,
    pub(crate) operation: &'static str,
    /// Calls that ended well.
    pub(crate) duration: Spread,
    failures: Mutex<Vec<Arc<Failure>>>,
    attempts: [AtomicU64; Reason::ALL.len()],
    tokens: [AtomicU64; TOKEN_KINDS.len()],
    cost_microusd: AtomicU64,
    pub(crate) first_token: Spread,
    /// The same of streams alone.
    pub(crate) first_chunk: Spread,
    pub(crate) gap: Spread,
    overhead: Spread,
    dispatch: Spread,
    queue_wait: Spread,
    pub(crate) prompt: Spread,
    pub(crate) completion: Spread,
}

/// Errors of one kind. There are as many as kinds.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: &'static str,
    status: Status,
    /// Attempts that ended so.
    attempts: AtomicU64,
    /// Calls that ended so.
    pub(crate) duration: Spread,
}

/// Kinds of tokens: their labels, and where they are.
type TokenKind = (&'static str, fn(&Usage) -> Option<u64>);
const TOKEN_KINDS: [TokenKind; 5] = [
    ("prompt", |usage| usage.prompt_tokens),
    ("completion", |usage| usage.completion_tokens),
    ("cached", |usage| usage.cached_tokens),
    ("cache_write", |usage| usage.cache_write_tokens),
    ("reasoning", |usage| usage.reasoning_tokens),
];

impl Series {
    fn new(target: &Target, operation: &'static str) -> Series {
        Series {
            target: target.clone(),
            operation,
            duration: Spread::new(LONG),
            failures: Mutex::default(),
            attempts: Default::default(),
            tokens: Default::default(),
            cost_microusd: AtomicU64::new(0),
            first_token: Spread::new(LONG),
            first_chunk: Spread::new(LONG),
            gap: Spread::new(LONG),
            overhead: Spread::new(SHORT),
            dispatch: Spread::new(SHORT),
            queue_wait: Spread::new(SHORT),
            prompt: Spread::new(TOKENS),
            completion: Spread::new(TOKENS),
        }
    }

    fn order(&self) -> (&str, &'static str) {
        (self.target.text(), self.operation)
    }

    pub(crate) fn provider(&self) -> String {
        self.target.provider().to_owned()
    }

    pub(crate) fn model(&self) -> String {
        self.target.model().to_owned()
    }

    /// A call ended.
    pub(crate) fn ended(&self, error: Option<&Error>, took: Duration) {
        match error {
            None => self.duration.add(ns(took)),
            Some(error) => self
                .failure(error.kind().name(), error.status())
                .duration
                .add(ns(took)),
        }
    }

    /// An attempt was made, and how it failed, if it did.
    pub(crate) fn attempted(&self, reason: Reason, failed: Option<(&'static str, Status)>) {
        self.attempts[reason as usize].fetch_add(1, Ordering::Relaxed);
        if let Some((kind, status)) = failed {
            let failure = self.failure(kind, status);
            failure.attempts.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Our own time.
    pub(crate) fn own_time(
        &self,
        overhead: Option<Duration>,
        dispatch: Option<Duration>,
        queued: Option<Duration>,
    ) {
        let times = [
            (&self.overhead, overhead),
            (&self.dispatch, dispatch),
            (&self.queue_wait, queued),
        ];
        for (spread, time) in times {
            if let Some(time) = time {
                spread.add(ns(time));
            }
        }
    }

    /// Tokens and what they cost.
    pub(crate) fn used(&self, usage: &Usage, cost_microusd: Option<u64>) {
        for (sum, (_, count)) in self.tokens.iter().zip(TOKEN_KINDS) {
            if let Some(count) = count(usage).filter(|count| *count > 0) {
                sum.fetch_add(count, Ordering::Relaxed);
            }
        }
        if let Some(cost) = cost_microusd {
            self.cost_microusd.fetch_add(cost, Ordering::Relaxed);
        }
        if let Some(count) = usage.prompt_tokens {
            self.prompt.add(count);
        }
        if let Some(count) = usage.completion_tokens {
            self.completion.add(count);
        }
    }

    /// How many tokens of each kind.
    #[cfg(feature = "otlp")]
    pub(crate) fn tokens(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let sums = self.tokens.iter().map(|sum| sum.load(Ordering::Relaxed));
        TOKEN_KINDS.iter().map(|(kind, _)| *kind).zip(sums)
    }

    /// Its errors so far.
    pub(crate) fn failures(&self) -> Vec<Arc<Failure>> {
        crate::lock(&self.failures).clone()
    }

    fn failure(&self, kind: &'static str, status: Status) -> Arc<Failure> {
        let mut failures = crate::lock(&self.failures);
        if let Some(failure) = failures.iter().find(|failure| failure.kind == kind) {
            return failure.clone();
        }
        let failure = Arc::new(Failure {
            kind,
            status,
            attempts: AtomicU64::new(0),
            duration: Spread::new(LONG),
        });
        failures.push(failure.clone());
        failure
    }
}

fn ns(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

/// A name as far as a label goes.
pub(super) fn label(text: &str) -> String {
    text[..text.floor_char_boundary(LABEL_MAX)].to_owned()
}

/// What is told of all targets.
pub(super) fn families(targets: &Targets, out: &mut Vec<Family>) {
    let first = out.len();
    out.extend(empty());
    for series in targets.all() {
        if let [
            calls,
            errors,
            attempts,
            tokens,
            cost,
            duration,
            first_token,
            gap,
            overhead,
            dispatch,
            queue,
        ] = &mut out[first..]
        {
            series.outcomes(calls, duration, errors);
            let reasons = Reason::ALL.iter().map(|reason| reason.name());
            series.counts(attempts, reasons.zip(&series.attempts));
            let kinds = TOKEN_KINDS.iter().map(|(kind, _)| *kind);
            series.counts(tokens, kinds.zip(&series.tokens));
            let sum = series.cost_microusd.load(Ordering::Relaxed);
            cost.push(series.labels(None), Figure::Count(sum));
            series.times(first_token, &series.first_token);
            series.times(gap, &series.gap);
            series.times(overhead, &series.overhead);
            series.times(dispatch, &series.dispatch);
            series.times(queue, &series.queue_wait);
        }
    }
}

#[rustfmt::skip]
fn empty() -> [Family; 11] {
    [
        Family::counter("target_requests_total", "Requests ended, by the target that was asked last.", BY_STATUS),
        Family::counter("target_errors_total", "Attempts that failed, by kind of error.", BY_KIND),
        Family::counter("target_attempts_total", "Attempts, by why they were begun.", BY_REASON),
        Family::counter("tokens_total", "Tokens that providers reported, by kind.", BY_KIND),
        Family::counter("cost_microusd_total", "What answers cost, in millionths of a US dollar, as far as it is known.", BY),
        Family::histogram("request_duration_seconds", "From the host's call to the last event.", BY_STATUS),
        Family::histogram("time_to_first_token_seconds", "From the host's call to the first item.", BY),
        Family::histogram("inter_token_seconds", "Between two pieces of one streamed answer, as they came.", BY),
        Family::histogram("overhead_seconds", "Our own part of a request: the time in our code before the provider was asked, and after its last byte.", BY),
        Family::histogram("dispatch_seconds", "From the host's thread to the engine's, turns of other requests before it included.", BY),
        Family::histogram("queue_wait_seconds", "What requests waited for a limit of our own, of those that did.", BY),
    ]
}

impl Series {
    fn labels(&self, more: Option<&'static str>) -> Vec<Cow<'static, str>> {
        let mut values = vec![
            self.provider().into(),
            self.model().into(),
            self.operation.into(),
        ];
        values.extend(more.map(Into::into));
        values
    }

    // Errors of several kinds have one status.
    fn outcomes(&self, calls: &mut Family, duration: &mut Family, errors: &mut Family) {
        let mut by_status = vec![(Status::Ok.name(), self.duration.snapshot())];
        for failure in self.failures() {
            let count = [(failure.kind, &failure.attempts)];
            self.counts(errors, count.into_iter());
            let (status, snapshot) = (failure.status.name(), failure.duration.snapshot());
            match by_status.iter_mut().find(|(known, _)| *known == status) {
                Some((_, sum)) => sum.merge(&snapshot),
                None => by_status.push((status, snapshot)),
            }
        }
        for (status, snapshot) in by_status.into_iter().filter(|(_, all)| all.count() > 0) {
            calls.push(self.labels(Some(status)), Figure::Count(snapshot.count()));
            duration.push(self.labels(Some(status)), Figure::Spread(snapshot));
        }
    }

    fn counts<'c>(
        &self,
        family: &mut Family,
        all: impl Iterator<Item = (&'static str, &'c AtomicU64)>,
    ) {
        for (label, count) in all {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                family.push(self.labels(Some(label)), Figure::Count(count));
            }
        }
    }

    fn times(&self, family: &mut Family, spread: &Spread) {
        let snapshot = spread.snapshot();
        if snapshot.count() > 0 {
            family.push(self.labels(None), Figure::Spread(snapshot));
        }
    }
}

const BY: &[&str] = &["provider", "model", "operation"];
const BY_STATUS: &[&str] = &["provider", "model", "operation", "status"];
const BY_KIND: &[&str] = &["provider", "model", "operation", "kind"];
const BY_REASON: &[&str] = &["provider", "model", "operation", "reason"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_beyond_the_limit_are_others_of_their_provider() {
        let targets = Targets::default();
        for number in 0..SERIES_MAX + 5 {
            let target = Target::new("house", &format!("m{number}"));
            targets.of(&target, "chat").attempted(Reason::First, None);
        }
        let first = targets.of(&Target::new("house", "m0"), "chat");
        assert_eq!(first.model(), "m0", "what was there stays");
        let other = targets.of(&Target::new("house", "new"), "chat");
        assert_eq!(
            (other.provider().as_str(), other.model().as_str()),
            ("house", OTHER)
        );
        assert_eq!(other.attempts[0].load(Ordering::Relaxed), 5);
        for number in 0..2 * SERIES_MAX {
            targets.of(&Target::new(&format!("p{number}"), "m"), "chat");
        }
        assert_eq!(targets.all().len(), 2 * SERIES_MAX + 1);
        let last = targets.of(&Target::new("one-more", "m"), "chat");
        assert_eq!(
            (last.provider().as_str(), last.model().as_str()),
            (OTHER, OTHER)
        );
    }

    #[test]
    fn errors_of_one_status_are_one_sample_and_kinds_stay_apart() {
        use crate::error::ErrorKind::{ServerError, Unavailable};
        let targets = Targets::default();
        let series = targets.of(&Target::new("house", "m"), "chat");
        for kind in [ServerError, Unavailable, Unavailable] {
            let error = Error::new(kind, "x");
            series.attempted(Reason::First, Some((kind.name(), error.status())));
            series.ended(Some(&error), Duration::from_millis(5));
        }
        let mut out = Vec::new();
        families(&targets, &mut out);
        let text = super::super::page::prometheus(&out);
        let by = r#"provider="house",model="m",operation="chat""#;
        for line in [
            format!(r#"libllm_target_requests_total{{{by},status="LLM_ERR_OVERLOADED"}} 3"#),
            format!(r#"libllm_target_errors_total{{{by},kind="unavailable"}} 2"#),
            format!(r#"libllm_target_errors_total{{{by},kind="server_error"}} 1"#),
        ] {
            assert!(text.contains(&line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(label(&"é".repeat(100)).len(), LABEL_MAX);
        let targets = Targets::default();
        let long = |end| Target::new("house", &format!("{}{end}", "x".repeat(LABEL_MAX)));
        let (one, other) = (targets.of(&long(1), "chat"), targets.of(&long(2), "chat"));
        assert!(Arc::ptr_eq(&one, &other) && one.model().len() == LABEL_MAX);
    }
}
