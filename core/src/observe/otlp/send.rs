//! The task that sends what waits: in batches, again after a while where the collector says or shows that it may take it later, and never
//! more of it than is bounded.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use libllm_proto::json::write::Object;

use super::{Outbox, Running, State, figures, names};
use crate::clock::{self, Alarm};
use crate::lock;
use crate::metrics::Count;
use crate::transport::control::Posted;

/// Sends until nobody tells any more and all is sent, or given up.
pub(super) async fn serve(outbox: Arc<Outbox>, running: Running) {
    let mut sender = Sender {
        delay: outbox.to.every.min(DELAY),
        metrics_at: clock::now() + outbox.to.every,
        spans_from: clock::now(),
        held: None,
        failing: false,
        outbox,
    };
    while sender.turn().await {}
    drop(running);
}

struct Sender {
    outbox: Arc<Outbox>,
    /// How long spans wait for company.
    delay: Duration,
    /// When metrics are sent next.
    metrics_at: Instant,
    /// Before then no spans are sent: the collector could not take them.
    spans_from: Instant,
    /// What it could not take.
    held: Option<Batch>,
    /// It has been said.
    failing: bool,
}

/// Spans of several calls.
struct Batch {
    body: String,
    spans: u64,
    tries: u32,
}

/// What is wanted now.
struct Wanted {
    asked: u64,
    closed: bool,
}

/// What came of a batch.
enum Outcome {
    /// But for so many of them.
    Taken(u64),
    /// Perhaps later, after this long at the earliest.
    Later(Option<Duration>, String),
    Refused(String),
}

impl Sender {
    async fn turn(&mut self) -> bool {
        let wanted = self.wait().await;
        let urgent = wanted.closed || wanted.asked > self.outbox.done.load(Ordering::Acquire);
        let due = self.due(&lock(&self.outbox.state));
        if urgent || due <= clock::now() {
            self.spans(wanted.closed).await;
        }
        if urgent || clock::now() >= self.metrics_at {
            self.metrics_at = clock::now() + self.outbox.to.every;
            let body = figures::told(&self.outbox);
            if let Outcome::Later(_, why) | Outcome::Refused(why) = self.post(METRICS, body).await {
                self.complain(&why);
            }
        }
        self.outbox.done.fetch_max(wanted.asked, Ordering::AcqRel);
        !wanted.closed
    }

    // Until there is something to do.
    async fn wait(&self) -> Wanted {
        let mut alarm = Alarm::default();
        poll_fn(|cx| {
            loop {
                self.outbox.sender.register(cx.waker());
                let at = {
                    let state = lock(&self.outbox.state);
                    let flushed = self.outbox.done.load(Ordering::Acquire);
                    let at = self.due(&state).min(self.metrics_at);
                    if state.closed || state.asked > flushed || at <= clock::now() {
                        return Poll::Ready(Wanted {
                            asked: state.asked,
                            closed: state.closed,
                        });
                    }
                    at
                };
                if alarm.poll(cx, Some(at)).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    // When spans are sent, as it looks now.
    fn due(&self, state: &State) -> Instant {
        let waited = match (&self.held, state.since) {
            (Some(_), _) => self.spans_from,
            (None, Some(since)) if !state.fills_a_batch() => since + self.delay,
            (None, Some(since)) => since,
            (None, None) => return self.metrics_at,
        };
        waited.max(self.spans_from)
    }

    async fn spans(&mut self, last: bool) {
        while let Some(mut batch) = self.held.take().or_else(|| self.batch()) {
            batch.tries += 1;
            match self.post(TRACES, batch.body.clone()).await {
                Outcome::Taken(refused) => {
                    (self.spans_from, self.failing) = (clock::now(), false);
                    self.count(Count::SpansSent, batch.spans.saturating_sub(refused));
                    self.count(Count::SpansLost, refused);
                }
                Outcome::Refused(why) => {
                    self.count(Count::SpansLost, batch.spans);
                    self.complain(&why);
                }
                Outcome::Later(after, why) => {
                    self.complain(&why);
                    let usual = (AGAIN * 2u32.pow(batch.tries - 1)).min(AGAIN_MAX);
                    let wait = after.map_or(usual, |after| after.min(AFTER_MAX));
                    self.spans_from = clock::now() + wait;
                    match batch.tries < TRIES && !last {
                        true => self.held = Some(batch),
                        false => self.count(Count::SpansLost, batch.spans),
                    }
                    break;
                }
            }
        }
        // Nobody will try again.
        while let Some(left) = last.then(|| self.batch()).flatten() {
            self.count(Count::SpansLost, left.spans);
        }
    }

    fn batch(&self) -> Option<Batch> {
        let calls = lock(&self.outbox.state).batch();
        let spans = calls.iter().map(|call| call.spans).sum();
        let calls: Vec<&str> = calls.iter().map(|call| call.json.as_str()).collect();
        (!calls.is_empty()).then(|| Batch {
            body: self.envelope(&calls.join(",")),
            spans,
            tries: 0,
        })
    }

    fn envelope(&self, spans: &str) -> String {
        let mut out = String::with_capacity(spans.len() + 1024);
        let mut root = Object::begin(&mut out);
        root.list("resourceSpans", [()], |resource, ()| {
            resource.raw("resource", &self.outbox.resource).list(
                "scopeSpans",
                [()],
                |scope, ()| {
                    scope
                        .raw("scope", &names::scope())
                        .raw("spans", &format!("[{spans}]"));
                    if let Some(schema) = names::of(self.outbox.to.semconv).schema {
                        scope.text("schemaUrl", schema);
                    }
                },
            );
        });
        root.end();
        out
    }

    async fn post(&self, path: &str, body: String) -> Outcome {
        let url = format!("{}{path}", self.outbox.to.endpoint);
        let headers = &self.outbox.to.headers;
        let posting = self.outbox.fetcher.post(&url, headers, body, TIMEOUT);
        match posting.await {
            Ok(Posted { status, body, .. }) if (200..300).contains(&status) => {
                let (refused, why) = rejected(&body).unwrap_or_default();
                if refused > 0 {
                    tracing::warn!(target: "libllm", "telemetry.otlp: {refused} of what was sent are refused: {why}");
                }
                Outcome::Taken(refused)
            }
            // Those that may be tried again (OTLP 1.9, "Retryable Response Codes").
            Ok(Posted { status, after, .. }) if matches!(status, 429 | 502 | 503 | 504) => {
                Outcome::Later(after, format!("it answers with status {status}"))
            }
            Ok(Posted { status, .. }) => {
                Outcome::Refused(format!("it answers with status {status}"))
            }
            Err(why) => Outcome::Later(None, why),
        }
    }

    fn count(&self, count: Count, more: u64) {
        self.outbox.process.counters.add(count, more);
    }

    fn complain(&mut self, why: &str) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(target: "libllm", "telemetry.otlp: {why}");
        }
    }
}

// What a collector took of the rest, it may say (OTLP 1.9, "Partial Success"). 64 bits are a text in JSON; not everybody knows.
fn rejected(body: &[u8]) -> Option<(u64, String)> {
    let said: serde_json::Value = serde_json::from_slice(body).ok()?;
    let partial = &said["partialSuccess"];
    let count = &partial["rejectedSpans"];
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    let why = partial["errorMessage"].as_str().unwrap_or_default();
    (count > 0).then(|| (count, why.chars().take(WHY_MAX).collect()))
}

const TRACES: &str = "/v1/traces";
const METRICS: &str = "/v1/metrics";
/// OpenTelemetry's own (OTEL_BSP_SCHEDULE_DELAY, OTEL_EXPORTER_OTLP_TIMEOUT).
const DELAY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);
/// A batch is given up after so many tries; between them a second, doubled up to half a minute.
const TRIES: u32 = 5;
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(30);
/// Who wants to be left alone for longer is not believed.
const AFTER_MAX: Duration = Duration::from_secs(600);
const WHY_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_may_take_a_part() {
        let said = |body: &str| rejected(body.as_bytes());
        let told = said(r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#);
        assert_eq!(told, Some((3, "too old".to_owned())));
        assert_eq!(
            said(r#"{"partialSuccess":{"rejectedSpans":2}}"#).unwrap().0,
            2
        );
        for whole in [
            "",
            "{}",
            r#"{"partialSuccess":{}}"#,
            r#"{"partialSuccess":{"rejectedSpans":0}}"#,
        ] {
            assert_eq!(said(whole), None, "{whole}");
        }
    }
}
