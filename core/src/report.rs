//! What a call says about itself: the JSON of ROUTE, DONE and ERROR events. Names here are ABI.

use std::time::{Duration, Instant};

use libllm_proto::event::{PartKind, Usage};
use libllm_proto::response::Response;
use libllm_proto::wire::Dropped;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Phase, Retry, Status};

/// Everything known about one call so far.
#[derive(Debug)]
pub(crate) struct Record {
    /// When the present attempt began.
    pub(crate) begun: Instant,
    /// How far it is; none between attempts.
    pub(crate) underway: Option<Phase>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) provider: String,
    pub(crate) target: String,
    pub(crate) dropped: Vec<Dropped>,
    pub(crate) request_id: Option<String>,
    pub(crate) connect: Option<Duration>,
    pub(crate) first_item: Option<Duration>,
    pub(crate) incomplete: bool,
    pub(crate) response: Response,
}

impl Record {
    pub(crate) fn new(now: Instant) -> Record {
        Record {
            begun: now,
            underway: None,
            // Most calls need one.
            attempts: Vec::with_capacity(1),
            provider: String::new(),
            target: String::new(),
            dropped: Vec::new(),
            request_id: None,
            connect: None,
            first_item: None,
            incomplete: false,
            response: Response::default(),
        }
    }
}

/// One try at one target.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Attempt {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) status: &'static str,
    pub(crate) kind: Option<&'static str>,
    pub(crate) http_status: Option<u16>,
    pub(crate) ms: f64,
    pub(crate) message: Option<String>,
}

#[derive(Serialize)]
struct Route<'a> {
    provider: &'a str,
    model: &'a str,
    attempt: u32,
    reason: &'a str,
    voids: bool,
    tried: &'a [Attempt],
}

#[derive(Serialize)]
struct Done<'a> {
    id: Option<&'a str>,
    model: Option<&'a str>,
    provider: &'a str,
    target: &'a str,
    finish_reason: Option<&'static str>,
    finish_reason_raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<Choice<'a>>,
    message: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    message_omitted: bool,
    incomplete: bool,
    usage: UsageView<'a>,
    cost: Cost,
    dropped: Vec<DroppedView<'a>>,
    request_id: Option<&'a str>,
    attempts: &'a [Attempt],
    timing: Timing,
    cached: bool,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    finish_reason: Option<&'static str>,
    finish_reason_raw: Option<&'a str>,
}

#[derive(Serialize)]
struct UsageView<'a> {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    source: &'static str,
    raw: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Cost {
    microusd: Option<u64>,
    source: &'static str,
}

#[derive(Serialize)]
struct DroppedView<'a> {
    param: &'a str,
    action: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct Timing {
    connect_ms: Option<f64>,
    ttft_ms: Option<f64>,
    total_ms: f64,
}

#[derive(Serialize)]
struct Failure<'a> {
    status: &'static str,
    kind: &'static str,
    message: &'a str,
    #[serde(rename = "type")]
    provider_type: Option<&'a str>,
    code: Option<&'a str>,
    param: Option<&'a str>,
    provider: Option<&'a str>,
    target: Option<&'a str>,
    http_status: Option<u16>,
    request_id: Option<&'a str>,
    retry_after_ms: Option<u64>,
    retryable: bool,
    phase: &'static str,
    attempts: &'a [Attempt],
    partial: Option<Partial<'a>>,
    body: Option<&'a str>,
}

#[derive(Serialize)]
struct Partial<'a> {
    id: Option<&'a str>,
    model: Option<&'a str>,
    finish_reason: Option<&'static str>,
    usage: UsageView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Serialize)]
struct Part<'a> {
    kind: &'static str,
    provider: &'a str,
    index: u32,
    data: &'a RawValue,
}

/// A terminal event is never held back, so it must be small: `llm.h` says 64 KiB.
const TERMINAL_MAX: usize = 64 << 10;

/// Why an attempt was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    First,
    Retry,
    Fallback,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::First => "first",
            Reason::Retry => "retry",
            Reason::Fallback => "fallback",
        }
    }
}

/// The id of a tool call whose wire has none.
pub(crate) fn tool_id(request: u64, choice: u32, index: u32) -> String {
    match choice {
        0 => format!("call_{request}_{index}"),
        _ => format!("call_{request}_{choice}_{index}"),
    }
}

/// A PART event's JSON. `json` is the provider's own and stays byte for byte.
pub(crate) fn part(provider: &str, kind: PartKind, index: u32, json: &str) -> String {
    let kind = kind.name();
    match serde_json::from_str::<&RawValue>(json) {
        Ok(data) => text(&Part {
            kind,
            provider,
            index,
            data,
        }),
        // A reader only hands on JSON that it has read.
        Err(_) => text(
            &serde_json::json!({"kind": kind, "provider": provider, "index": index, "data": json}),
        ),
    }
}

/// A ROUTE event's JSON.
pub(crate) fn route(record: &Record, model: &str, attempt: u32, reason: Reason) -> String {
    text(&Route {
        provider: &record.provider,
        model,
        attempt,
        reason: reason.name(),
        voids: false,
        tried: &record.attempts,
    })
}

/// A DONE event's JSON.
pub(crate) fn done(record: &Record, request: u64, with_text: bool, total: Duration) -> String {
    let response = &record.response;
    let choices = response.choices();
    let made_id = |choice, index| tool_id(request, choice, index);
    let first = choices.first();
    let mut done = Done {
        id: response.id(),
        model: response.model(),
        provider: &record.provider,
        target: &record.target,
        finish_reason: first
            .and_then(|choice| choice.finish)
            .map(|finish| finish.name()),
        finish_reason_raw: first.and_then(|choice| choice.finish_raw.as_deref()),
        choices: match choices.len() {
            0 | 1 => Vec::new(),
            _ => choices.iter().map(choice_view).collect(),
        },
        message: RawValue::from_string(response.message_json(with_text, &made_id)).ok(),
        message_omitted: false,
        incomplete: record.incomplete,
        usage: usage_view(response.usage()),
        cost: cost(response.usage()),
        dropped: record.dropped.iter().map(dropped_view).collect(),
        request_id: record.request_id.as_deref(),
        attempts: &record.attempts,
        timing: Timing {
            connect_ms: record.connect.map(ms),
            ttft_ms: record.first_item.map(ms),
            total_ms: ms(total),
        },
        cached: false,
    };
    let json = text(&done);
    // Whoever asked for the text gets it whole; arguments alone that are larger were delivered as events already.
    if json.len() <= TERMINAL_MAX || with_text {
        return json;
    }
    done.message = None;
    done.message_omitted = true;
    text(&done)
}

/// An ERROR event's JSON.
pub(crate) fn failed(record: &Record, error: &Error) -> String {
    let response = &record.response;
    let finish = response.choices().first().and_then(|choice| choice.finish);
    let partial = Partial {
        id: response.id(),
        model: response.model(),
        finish_reason: finish.map(|finish| finish.name()),
        usage: usage_view(response.usage()),
        text: response.text().filter(|text| !text.is_empty()),
    };
    failure(error, Some(record), Some(partial))
}

/// An error as JSON: the whole story if a call was made, else what is known of it.
pub fn bare(error: &Error) -> String {
    match error.report() {
        Some(report) => report.to_owned(),
        None => failure(error, None, None),
    }
}

/// The error that an ERROR event's JSON tells of.
pub fn parse(json: &str) -> Error {
    let told: Told = serde_json::from_str(json).unwrap_or_default();
    let kind = ErrorKind::from_name(&told.kind).unwrap_or(ErrorKind::Internal);
    let mut error = Error::new(kind, told.message)
        .with_provider(told.provider_type, told.code, told.param)
        .with_request_id(told.request_id)
        .with_retry_after(told.retry_after_ms.map(Duration::from_millis))
        .with_report(json);
    if let Some(status) = told.http_status {
        error = error.with_http_status(status);
    }
    if let Some(phase) = Phase::from_name(&told.phase) {
        error = error.with_phase(phase);
    }
    if let Some(body) = told.body {
        error = error.with_body(body);
    }
    match (told.retryable, error.retry()) {
        (false, _) => error.with_retry(Retry::Never),
        (true, Retry::Never) => error.with_retry(Retry::Backoff),
        _ => error,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    kind: String,
    message: String,
    #[serde(rename = "type")]
    provider_type: Option<String>,
    code: Option<String>,
    param: Option<String>,
    http_status: Option<u16>,
    request_id: Option<String>,
    retry_after_ms: Option<u64>,
    retryable: bool,
    phase: String,
    body: Option<String>,
}

fn failure(error: &Error, record: Option<&Record>, partial: Option<Partial<'_>>) -> String {
    let filled = |text: &&str| !text.is_empty();
    let mut failure = Failure {
        status: error.status().name(),
        kind: error.kind().name(),
        message: error.message(),
        provider_type: error.provider_type(),
        code: error.code(),
        param: error.param(),
        provider: record.map(|record| record.provider.as_str()).filter(filled),
        target: record.map(|record| record.target.as_str()).filter(filled),
        http_status: error.http_status(),
        request_id: error.request_id(),
        retry_after_ms: error.retry_after().map(|wait| wait.as_millis() as u64),
        retryable: error.retry() != Retry::Never,
        phase: error.phase().name(),
        attempts: record
            .map(|record| &record.attempts[..])
            .unwrap_or_default(),
        partial,
        body: error.body(),
    };
    let json = text(&failure);
    if json.len() <= TERMINAL_MAX {
        return json;
    }
    // Escaping can double a body's size; the head of it says most.
    failure.body = failure.body.map(|body| head(body, 16 << 10));
    if let Some(partial) = &mut failure.partial {
        partial.text = partial.text.map(|text| head(text, 8 << 10));
        partial.usage.raw = None;
    }
    text(&failure)
}

fn head(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// How one attempt ended.
pub(crate) fn attempt(
    provider: &str,
    model: &str,
    error: Option<&Error>,
    took: Duration,
) -> Attempt {
    Attempt {
        provider: provider.to_owned(),
        model: model.to_owned(),
        status: error.map_or(Status::Ok, Error::status).name(),
        kind: error.map(|error| error.kind().name()),
        http_status: error.and_then(Error::http_status),
        ms: ms(took),
        message: error.map(|error| error.message().to_owned()),
    }
}

fn choice_view(choice: &libllm_proto::response::Choice) -> Choice<'_> {
    Choice {
        index: choice.index,
        finish_reason: choice.finish.map(|finish| finish.name()),
        finish_reason_raw: choice.finish_raw.as_deref(),
    }
}

fn dropped_view(dropped: &Dropped) -> DroppedView<'_> {
    DroppedView {
        param: &dropped.param,
        action: dropped.action,
        why: &dropped.why,
    }
}

fn usage_view(usage: Option<&Usage>) -> UsageView<'_> {
    let get = |field: fn(&Usage) -> Option<u64>| usage.and_then(field);
    UsageView {
        prompt_tokens: get(|usage| usage.prompt_tokens),
        completion_tokens: get(|usage| usage.completion_tokens),
        total_tokens: get(|usage| usage.total_tokens),
        cached_tokens: get(|usage| usage.cached_tokens),
        cache_write_tokens: get(|usage| usage.cache_write_tokens),
        reasoning_tokens: get(|usage| usage.reasoning_tokens),
        source: if usage.is_some() {
            "reported"
        } else {
            "unknown"
        },
        raw: usage.and_then(|usage| serde_json::from_str(usage.raw.as_deref()?).ok()),
    }
}

fn cost(usage: Option<&Usage>) -> Cost {
    let microusd = usage.and_then(|usage| usage.cost_microusd);
    Cost {
        microusd,
        source: if microusd.is_some() {
            "provider"
        } else {
            "unknown"
        },
    }
}

// Microseconds are as fine as anything here is worth.
fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

fn text(value: &impl Serialize) -> String {
    // One allocation for what most reports need.
    let mut json = Vec::with_capacity(1024);
    // Plain structs of text and numbers always serialise, to UTF-8.
    let _ = serde_json::to_writer(&mut json, value);
    String::from_utf8(json).unwrap_or_default()
}
