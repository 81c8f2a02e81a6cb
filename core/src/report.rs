//! What a call says about itself: the JSON of ROUTE, DONE and ERROR events. Names here are ABI.
//!
//! Long: one record, and every member of the JSON that is made of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libllm_proto::base64;
use libllm_proto::event::{PartKind, Usage};
use libllm_proto::json::as_written;
use libllm_proto::json::write::Object;
use libllm_proto::response::{Choice, Response, Whole};
use libllm_proto::wire::Dropped;
use serde::Deserialize;

use crate::admit::Held;
use crate::chorus::Voices;
use crate::config::{Price, Provider};
use crate::cost::{Cost, Meter};
use crate::error::{Error, ErrorKind, Phase, Retry};
use crate::guard::Flag;
use crate::metrics::Pieces;
use crate::partial::{Continued, Paid};
use crate::policy::cause::Cause;
use crate::secret::Secret;
use crate::store::Waited;
use crate::target::Target;
use crate::trail::{self, Attempt};
use crate::vitals::Turn;

/// A refusal's status, and headers of it.
pub(crate) type Refused = (u16, Vec<(String, String)>);

/// Everything known about one call so far.
#[derive(Debug)]
pub(crate) struct Record {
    /// When the host asked.
    pub(crate) began: Instant,
    /// The operation's name, if figures are kept by target.
    pub(crate) counted: Option<&'static str>,
    /// What it waited for a limit of our own, if it did.
    pub(crate) queued: Option<Duration>,
    /// When the last bytes of an answer that came whole were read.
    pub(crate) last_bytes: Option<Instant>,
    /// When pieces came.
    pub(crate) pieces: Pieces,
    /// Why the present attempt was begun.
    pub(crate) reason: Reason,
    /// The key it used, where calls are told of.
    pub(crate) key: Option<Secret>,
    /// When it was.
    pub(crate) begun: Instant,
    /// How far it is; none between attempts.
    pub(crate) underway: Option<Phase>,
    pub(crate) attempts: Vec<Attempt>,
    /// The list of fallbacks that the present attempt's target is from.
    pub(crate) cause: Option<Cause>,
    pub(crate) target: Target,
    /// The name of the wire it speaks.
    pub(crate) wire: &'static str,
    pub(crate) dropped: Vec<Dropped>,
    /// The answer comes as a tool's arguments.
    pub(crate) answer_tool: bool,
    /// What guardrails found and let pass.
    pub(crate) flags: Vec<Flag>,
    /// Whether some of them look at the answer.
    pub(crate) screened: bool,
    pub(crate) request_id: Option<String>,
    pub(crate) connect: Option<Duration>,
    pub(crate) first_item: Option<Duration>,
    pub(crate) incomplete: bool,
    /// The provider refused, and the caller was told so by an answer.
    pub(crate) refused: Option<Error>,
    /// The head of the present attempt's refusal, where the caller speaks HTTP: its status, and what may go on of its headers.
    pub(crate) refusal: Option<Box<Refused>>,
    pub(crate) response: Response,
    /// What was begun before is gone on with.
    pub(crate) continued: Option<Box<Continued>>,
    /// What attempts before the present one took.
    pub(crate) paid: Option<Box<Paid>>,
    /// Whose answers there are, if several's.
    pub(crate) voices: Option<Box<Voices>>,
    /// What is paid for the target, where that is not what the catalog says.
    pub(crate) price: Option<Price>,
    /// How it is known what anything cost.
    pub(crate) meter: Option<Meter>,
    /// What it all cost; known at its end.
    pub(crate) cost: Cost,
    /// The present attempt, as its target counts it.
    pub(crate) turn: Option<Turn>,
    /// What it has of everything that is limited.
    pub(crate) held: Held,
    /// How long it has waited for Redis.
    pub(crate) waited: Waited,
    /// How long the present attempt may wait for its first item.
    pub(crate) patience: Duration,
    /// It was asked for by another request, which pays for it.
    pub(crate) cached: bool,
    /// Where it was kept then.
    pub(crate) from: Kept,
    /// The present attempt's number in its trace, and who it asks.
    pub(crate) span: u64,
    pub(crate) asked: Option<Arc<Provider>>,
    /// The answer comes in pieces.
    pub(crate) streams: bool,
}

/// Where an answer was kept that nobody was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kept {
    /// In this process.
    Memory,
    /// In the Redis that processes share.
    Redis,
    /// Nowhere: another request was getting it.
    Flight,
    /// In this process, as the answer to a question that is so much like this one.
    Semantic(f32),
}

impl Kept {
    fn name(self) -> &'static str {
        match self {
            Kept::Memory => "memory",
            Kept::Redis => "redis",
            Kept::Flight => "flight",
            Kept::Semantic(_) => "semantic",
        }
    }
}

impl Record {
    /// One more attempt is over. Most calls need one, and it is not there while they stream.
    pub(crate) fn tried(&mut self, attempt: Attempt) {
        if self.attempts.is_empty() {
            self.attempts.reserve_exact(1);
        }
        self.attempts.push(attempt);
    }

    pub(crate) fn new(now: Instant) -> Record {
        Record {
            began: now,
            counted: None,
            queued: None,
            last_bytes: None,
            pieces: Pieces::default(),
            reason: Reason::First,
            key: None,
            begun: now,
            held: Held::default(),
            underway: None,
            attempts: Vec::new(),
            cause: None,
            target: Target::default(),
            wire: "",
            dropped: Vec::new(),
            answer_tool: false,
            flags: Vec::new(),
            screened: false,
            request_id: None,
            connect: None,
            first_item: None,
            incomplete: false,
            refused: None,
            refusal: None,
            response: Response::default(),
            continued: None,
            paid: None,
            voices: None,
            price: None,
            meter: None,
            cost: Cost::default(),
            turn: None,
            waited: Waited::default(),
            patience: Duration::ZERO,
            cached: false,
            from: Kept::Memory,
            span: 0,
            asked: None,
            streams: false,
        }
    }

    /// Takes over what belongs to the call rather than to one of several attempts beside each other.
    pub(crate) fn inherit(&mut self, call: &mut Record) {
        self.began = call.began;
        self.counted = call.counted;
        self.streams = call.streams;
        self.queued = call.queued;
        self.screened |= call.screened;
        self.held.inherit(&mut call.held);
        self.inherit_tries(call);
    }

    /// What was tried before, and is over.
    pub(crate) fn inherit_tries(&mut self, before: &mut Record) {
        let mut attempts = std::mem::take(&mut before.attempts);
        attempts.append(&mut self.attempts);
        self.attempts = attempts;
        let mut flags = std::mem::take(&mut before.flags);
        flags.append(&mut self.flags);
        self.flags = flags;
        self.take_paid(before);
    }

    /// A piece of the answer came.
    pub(crate) fn piece(&mut self, at: Instant) {
        self.pieces.came(at);
    }
}

/// A terminal event is never held back, so it must be small: `llm.h` says 64 KiB.
const TERMINAL_MAX: usize = 64 << 10;

/// Why an attempt was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    First,
    Retry,
    Fallback,
    /// The one before it was slow.
    Hedge,
    /// What was delivered was cut, and is void.
    Restart,
    /// What was delivered was cut, and is gone on with.
    Continue,
    Cache,
}

impl Reason {
    /// All of them, in their order.
    pub(crate) const ALL: [Reason; 7] = [
        Reason::First,
        Reason::Retry,
        Reason::Fallback,
        Reason::Hedge,
        Reason::Restart,
        Reason::Continue,
        Reason::Cache,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::First => "first",
            Reason::Retry => "retry",
            Reason::Fallback => "fallback",
            Reason::Hedge => "hedge",
            Reason::Restart => "restart",
            Reason::Continue => "continue",
            Reason::Cache => "cache",
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
    written(json.len() + 128, |part| {
        part.text("kind", kind.name())
            .text("provider", provider)
            .count("index", Some(index.into()));
        match as_written(json) {
            Some(data) => part.raw("data", data),
            None => part.text("data", json),
        };
    })
}

/// A TOOL_CALL event's JSON.
pub(crate) fn tool_call(id: &str, name: &str) -> String {
    written(id.len() + name.len() + 32, |call| {
        call.text("id", id).text("name", name);
    })
}

/// A ROUTE event's JSON.
pub(crate) fn route(record: &Record, attempt: u32) -> String {
    written(256, |route| {
        route
            .text("provider", record.target.provider())
            .text("model", record.target.model())
            .count("attempt", Some(attempt.into()))
            .text("reason", record.reason.name());
        if let Some(cause) = record.cause {
            route.text("cause", cause.name());
        }
        route.flag("voids", record.reason == Reason::Restart).list(
            "tried",
            &record.attempts,
            trail::tell,
        );
    })
}

/// A DONE event's JSON.
pub(crate) fn done(record: &Record, request: u64, with_text: bool, total: Duration) -> String {
    let json = done_with(record, request, with_text, total, true);
    // Whoever asked for the text gets it whole; arguments alone that are larger were delivered as events already.
    if json.len() <= TERMINAL_MAX || with_text {
        return json;
    }
    done_with(record, request, with_text, total, false)
}

fn done_with(
    record: &Record,
    request: u64,
    with_text: bool,
    total: Duration,
    with_message: bool,
) -> String {
    let response = &record.response;
    let choices = response.choices();
    let first = choices.first();
    // One allocation for what most reports need.
    written(1024, |done| {
        done.maybe("id", response.id())
            .maybe("model", response.model())
            .text("provider", record.target.provider())
            .text("target", record.target.text());
        finish(first, done);
        // A race's first may have failed: then the only one is not number 0, and nobody should take it for that.
        if choices.len() > 1 || first.is_some_and(|only| only.index != 0) {
            done.list("choices", choices, |object, choice| {
                object.count("index", Some(choice.index.into()));
                finish(Some(choice), object);
                if let Some(target) = record.voice(choice.index) {
                    object.text("target", target.text());
                }
            });
        }
        if let Some(result) = response.result() {
            // There is no turn to append.
            done.raw("message", "null");
            if let Some(media_type) = &result.media_type {
                done.text("media_type", media_type);
            }
        } else if with_message {
            let made_id = |choice, index| tool_id(request, choice, index);
            done.made("message", |out| {
                response.write_message(with_text, &made_id, out)
            });
        } else {
            done.raw("message", "null").flag("message_omitted", true);
        }
        done.flag("incomplete", record.incomplete)
            .object("usage", |object| usage(response.usage(), true, object))
            .object("cost", |object| trail::cost(record.cost, object))
            .list("dropped", &record.dropped, |object, dropped| {
                object
                    .text("param", &dropped.param)
                    .text("action", dropped.action)
                    .text("why", &dropped.why);
            })
            .maybe("request_id", record.request_id.as_deref())
            .list("attempts", &record.attempts, trail::tell)
            .object("timing", |timing| {
                timing
                    .thousandths("connect_ms", record.connect.map(us))
                    .thousandths("ttft_ms", record.first_item.map(us))
                    .thousandths("total_ms", Some(us(total)));
            })
            .flag("cached", record.cached);
        if record.cached {
            done.object("cache", |cache| kept(record, cache));
        }
    })
}

/// Where an answer was kept that nobody was asked for.
pub(crate) fn kept(record: &Record, object: &mut Object<'_>) {
    object.text("source", record.from.name());
    if let Kept::Semantic(similarity) = record.from {
        object.raw("similarity", &format!("{similarity:.4}"));
    }
}

/// The JSON of a whole answer that is no conversation's turn: the result's own object with what we know beside, or its bytes in
/// base64.
pub(crate) fn whole(result: &Whole, done: &str) -> String {
    if let Some(media_type) = &result.media_type {
        return written(result.data.len() / 3 * 4 + done.len() + 128, |object| {
            object
                .text("object", "bytes")
                .text("media_type", media_type)
                .text("data", &base64::encode(&result.data))
                .raw("libllm", done);
        });
    }
    let mut json = String::from_utf8_lossy(&result.data).into_owned();
    let end = json.trim_end().len().saturating_sub(1);
    json.truncate(end);
    if !json.trim_end().ends_with('{') {
        json.push(',');
    }
    json.push_str("\"libllm\":");
    json.push_str(done);
    json.push('}');
    json
}

/// An ERROR event's JSON.
pub(crate) fn failed(record: &Record, error: &Error) -> String {
    failure(error, Some(record))
}

/// An error as JSON: the whole story if a call was made, else what is known of it.
pub fn bare(error: &Error) -> String {
    match error.report() {
        Some(report) => report.to_owned(),
        None => failure(error, None),
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

fn failure(error: &Error, record: Option<&Record>) -> String {
    let json = failure_within(error, record, None);
    if json.len() <= TERMINAL_MAX {
        return json;
    }
    // Escaping can double a body's size; the head of it says most.
    failure_within(error, record, Some(Bounds))
}

/// Long texts are cut.
#[derive(Clone, Copy)]
struct Bounds;

const BODY_HEAD: usize = 16 << 10;
const TEXT_HEAD: usize = 8 << 10;

fn failure_within(error: &Error, record: Option<&Record>, bounds: Option<Bounds>) -> String {
    let within = |text, max| match bounds {
        Some(Bounds) => head(text, max),
        None => text,
    };
    let filled = |text: &&str| !text.is_empty();
    written(1024, |failure| {
        let provider = record.map(|record| record.target.provider());
        let target = record.map(|record| record.target.text());
        failure
            .text("status", error.status().name())
            .text("kind", error.kind().name())
            .text("message", error.message())
            .maybe("type", error.provider_type())
            .maybe("code", error.code())
            .maybe("param", error.param())
            .maybe("provider", provider.filter(filled))
            .maybe("target", target.filter(filled))
            .count("http_status", error.http_status().map(u64::from))
            .maybe("request_id", error.request_id())
            .count(
                "retry_after_ms",
                error.retry_after().map(|wait| wait.as_millis() as u64),
            )
            .flag("retryable", error.retry() != Retry::Never)
            .text("phase", error.phase().name());
        let attempts = record.map(|record| &record.attempts[..]);
        failure.list("attempts", attempts.unwrap_or_default(), trail::tell);
        match record {
            None => failure.raw("partial", "null"),
            Some(record) => failure.object("partial", |partial| {
                let response = &record.response;
                let reason = response.choices().first().and_then(|choice| choice.finish);
                partial
                    .maybe("id", response.id())
                    .maybe("model", response.model())
                    .maybe("finish_reason", reason.map(|finish| finish.name()))
                    .object("usage", |object| {
                        usage(response.usage(), bounds.is_none(), object)
                    });
                if let Some(text) = response.text().filter(filled) {
                    partial.text("text", within(text, TEXT_HEAD));
                }
            }),
        };
        failure.maybe("body", error.body().map(|body| within(body, BODY_HEAD)));
    })
}

fn head(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

fn finish(choice: Option<&Choice>, object: &mut Object<'_>) {
    let reason = choice.and_then(|choice| choice.finish);
    let raw = choice.and_then(|choice| choice.finish_raw.as_deref());
    object
        .maybe("finish_reason", reason.map(|finish| finish.name()))
        .maybe("finish_reason_raw", raw);
}

fn usage(usage: Option<&Usage>, with_raw: bool, object: &mut Object<'_>) {
    let get = |field: fn(&Usage) -> Option<u64>| usage.and_then(field);
    let source = match usage {
        Some(_) => "reported",
        None => "unknown",
    };
    let raw = usage.and_then(|usage| as_written(usage.raw.as_deref()?));
    object
        .count("prompt_tokens", get(|usage| usage.prompt_tokens))
        .count("completion_tokens", get(|usage| usage.completion_tokens))
        .count("total_tokens", get(|usage| usage.total_tokens))
        .count("cached_tokens", get(|usage| usage.cached_tokens))
        .count("cache_write_tokens", get(|usage| usage.cache_write_tokens))
        .count("reasoning_tokens", get(|usage| usage.reasoning_tokens))
        .count(
            "audio_prompt_tokens",
            get(|usage| usage.audio_prompt_tokens),
        )
        .count(
            "audio_completion_tokens",
            get(|usage| usage.audio_completion_tokens),
        )
        .text("source", source)
        .raw("raw", raw.filter(|_| with_raw).unwrap_or("null"));
}

// Thousandths of a millisecond are as fine as anything here is worth.
fn us(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

fn written(size: usize, write: impl FnOnce(&mut Object<'_>)) -> String {
    let mut json = String::with_capacity(size);
    let mut object = Object::begin(&mut json);
    write(&mut object);
    object.end();
    json
}
