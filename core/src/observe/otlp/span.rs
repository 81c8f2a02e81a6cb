//! A call as spans: one for the whole of it, as the conventions for generative AI want it, and below that one for each attempt. Tokens
//! and costs are said of the whole alone, so that no sum counts them twice.

use std::time::{Instant, SystemTime};

use libllm_proto::json::write::Object;

use super::attributes::{self, Attributes};
use super::{Told, content, names};
use crate::clock;
use crate::config::{Provider, Semconv};
use crate::log;
use crate::observe::{Account, Ended};
use crate::report::{self, Reason};
use crate::secret::Secret;
use crate::trace::Trace;
use crate::trail::Attempt;

/// Shorter keys are words, which spans are full of.
const KEY_MIN: usize = 8;
/// A name is no text; a script of `mock/...` can be one.
const NAME_MAX: usize = 120;
/// OTLP's numbers: a span that asks somebody else, and one that failed.
const CLIENT: u64 = 3;
const FAILED: u64 = 2;

/// What is told of a call; nothing if its trace is not.
pub(super) fn told(account: &Account, ended: &Ended<'_>, version: Semconv) -> Option<Told> {
    let (trace, asked) = account.told.as_ref()?;
    let times = Times::at(clock::wall(), clock::now());
    let mut json = String::with_capacity(2048);
    let whole = Whole {
        account,
        ended,
        names: names::of(version),
    };
    let own = Span {
        trace,
        id: trace.span?,
        parent: trace.parent,
        name: whole.name(),
        from: ended.record.began,
        to: ended.at,
        attributes: attributes::list(|list| whole.attributes(&asked.attributes, list)),
        failed: ended.error.map(|error| error.message()),
    };
    own.write(&times, &mut json);
    let mut spans = 1;
    for (number, attempt) in ended.record.attempts.iter().enumerate() {
        // Answers that were kept were asked of nobody.
        if attempt.span == 0 || attempt.reason == Reason::Cache {
            continue;
        }
        json.push(',');
        let canceled = attempt.kind == Some("canceled");
        let one = Span {
            trace,
            id: attempt.span,
            parent: trace.span,
            name: format!("attempt {}", attempt.target.text()),
            from: attempt.began,
            to: attempt.began + attempt.took,
            attributes: attributes::list(|list| describe(attempt, number, list)),
            // Who was asked beside another that answered first did nothing wrong.
            failed: attempt.message.as_deref().filter(|_| !canceled),
        };
        one.write(&times, &mut json);
        spans += 1;
    }
    // A provider may say it again, wherever it likes.
    let key = ended.record.key.as_ref().map(Secret::expose);
    if let Some(key) = key.filter(|key| key.len() >= KEY_MIN) {
        json = json.replace(key, "***");
    }
    let json = log::redact(&json).into_owned();
    Some(Told { json, spans })
}

struct Span<'s> {
    trace: &'s Trace,
    id: u64,
    parent: Option<u64>,
    name: String,
    from: Instant,
    to: Instant,
    attributes: String,
    failed: Option<&'s str>,
}

impl Span<'_> {
    fn write(&self, times: &Times, out: &mut String) {
        let mut span = Object::begin(out);
        span.text("traceId", &format!("{:032x}", self.trace.id))
            .text("spanId", &format!("{:016x}", self.id));
        if let Some(parent) = self.parent {
            span.text("parentSpanId", &format!("{parent:016x}"));
        }
        let state = self.trace.state.as_ref();
        if let Some(state) = state.and_then(|state| state.to_str().ok()) {
            span.text("traceState", state);
        }
        let name = &self.name[..self.name.floor_char_boundary(NAME_MAX)];
        span.count("flags", Some(self.trace.flags.into()))
            .text("name", name)
            .count("kind", Some(CLIENT))
            .text("startTimeUnixNano", &times.of(self.from))
            .text("endTimeUnixNano", &times.of(self.to))
            .raw("attributes", &self.attributes);
        span.object("status", |status| {
            if let Some(message) = self.failed {
                status.count("code", Some(FAILED)).text("message", message);
            }
        });
        span.end();
    }
}

struct Whole<'w> {
    account: &'w Account,
    ended: &'w Ended<'w>,
    names: &'w names::Names,
}

impl Whole<'_> {
    // The model that was asked last; if none was, as it was asked for.
    fn model(&self) -> &str {
        match self.ended.record.target.model() {
            "" => self.account.model.as_deref().unwrap_or_default(),
            model => model,
        }
    }

    fn name(&self) -> String {
        let name = format!(
            "{} {}",
            names::operation(self.account.operation),
            self.model()
        );
        name.trim_end().to_owned()
    }

    fn attributes(&self, asked: &str, list: &mut Attributes<'_>) {
        let (account, record, error) = (self.account, self.ended.record, self.ended.error);
        list.text("gen_ai.operation.name", names::operation(account.operation))
            .maybe(
                "gen_ai.provider.name",
                Some(names::provider(record.target.provider())),
            )
            .maybe("gen_ai.request.model", Some(self.model()))
            .maybe("gen_ai.conversation.id", account.session.as_deref())
            .flag("gen_ai.request.stream", account.stream)
            .written(asked);
        let first = record.first_item.filter(|_| account.stream);
        let response = &record.response;
        let finish = response.choices().iter();
        let finish = finish.map(|choice| choice.finish.map_or("error", |finish| finish.name()));
        list.maybe("gen_ai.response.id", response.id())
            .maybe("gen_ai.response.model", response.model())
            .texts("gen_ai.response.finish_reasons", finish)
            .number(
                "gen_ai.response.time_to_first_chunk",
                first.map(|first| first.as_secs_f64()),
            );
        if let Some(usage) = record.spent() {
            list.count("gen_ai.usage.input_tokens", usage.prompt_tokens)
                .count("gen_ai.usage.output_tokens", usage.completion_tokens)
                .count("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens)
                .count(self.names.cache_write, usage.cache_write_tokens)
                .count(
                    "gen_ai.usage.reasoning.output_tokens",
                    usage.reasoning_tokens,
                );
        }
        place(record.asked.as_deref(), list);
        list.maybe("error.type", error.map(|error| error.kind().name()));
        self.own(list);
        if account.capture {
            let made_id = |choice, index| report::tool_id(account.request, choice, index);
            let there = !response.choices().is_empty();
            let said = there.then(|| content::output(response, &made_id).to_string());
            list.maybe("gen_ai.output.messages", said.map(content::cut).as_deref());
        }
    }

    // What the conventions have no words for is under a name of our own.
    fn own(&self, list: &mut Attributes<'_>) {
        let (account, record) = (self.account, self.ended.record);
        let us = |time: std::time::Duration| time.as_micros() as u64;
        list.maybe("libllm.model", account.model.as_deref())
            .maybe("libllm.target", Some(record.target.text()))
            .maybe("libllm.request_id", record.request_id.as_deref())
            .maybe("libllm.tenant", account.tenant.as_deref())
            .texts("libllm.tags", account.tags.iter().map(String::as_str))
            .count("libllm.attempts", Some(record.attempts.len() as u64))
            .count("libllm.cost.microusd", record.cost.microusd)
            .count("libllm.overhead_us", self.ended.overhead().map(us))
            .count("libllm.dispatch_us", self.ended.dispatch().map(us))
            .count("libllm.queue_us", record.queued.map(us))
            .flag("libllm.cached", record.cached)
            .flag("libllm.incomplete", record.incomplete);
        for (name, value) in &account.metadata {
            list.text(&format!("libllm.metadata.{name}"), value);
        }
    }
}

fn describe(attempt: &Attempt, number: usize, list: &mut Attributes<'_>) {
    list.maybe(
        "gen_ai.provider.name",
        Some(names::provider(attempt.target.provider())),
    )
    .maybe("gen_ai.request.model", Some(attempt.target.model()));
    place(attempt.asked.as_deref(), list);
    list.count(
        "http.response.status_code",
        attempt.http_status.map(u64::from),
    )
    .count(
        "http.request.resend_count",
        Some(number as u64).filter(|n| *n > 0),
    )
    .maybe("error.type", attempt.kind)
    .text("libllm.attempt.reason", attempt.reason.name())
    .maybe(
        "libllm.attempt.cause",
        attempt.cause.map(|cause| cause.name()),
    );
}

fn place(provider: Option<&Provider>, list: &mut Attributes<'_>) {
    let url: Option<http::Uri> = provider.and_then(|provider| provider.base_url.parse().ok());
    let Some(url) = url else { return };
    let port = url.port_u16().or(match url.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    });
    list.maybe("server.address", url.host()).count(
        "server.port",
        port.map(u64::from).filter(|_| url.host().is_some()),
    );
}

/// The wall clock's time of moments that the monotonic one knows.
struct Times {
    wall: SystemTime,
    now: Instant,
}

impl Times {
    fn at(wall: SystemTime, now: Instant) -> Times {
        Times { wall, now }
    }

    fn of(&self, moment: Instant) -> String {
        let past = self.now.saturating_duration_since(moment);
        names::nanos(self.wall.checked_sub(past).unwrap_or(self.wall))
    }
}
