//! Joins a script and a request into a reply: which head, which body, and when.

use std::sync::Arc;
use std::time::Duration;

use super::body::{Body, Cut};
use super::fault::Kind;
use super::pieces::{Pieces, words};
use super::script::{At, Failure, Page, RetryAfter, Script, What};
use super::stream::{Stream, Voice};
use super::{
    Ask, Dialect, anthropic, bedrock, cohere, cohere_v1, gemini, ollama, openai,
    openai_completions, openai_responses, results, unary,
};

/// What the caller knows beside the request itself.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Number of this request, for ids and jitter.
    pub number: u64,
    /// Which request of this script (and of this `x-mock-key`) it is, from 1; only `times` and `rate` read it.
    pub attempt: u32,
    /// Unix seconds, for `created`.
    pub created: u64,
}

/// One answer: its head, and its body step by step.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status; 0 where `cut_head` is set.
    pub status: u16,
    /// Header names, in lower case, with their values. Length, coding, date and connection are the transport's.
    pub headers: Vec<(&'static str, String)>,
    /// Bytes of the body where they are known before the first leaves.
    pub length: Option<usize>,
    /// When the head leaves, from the request's arrival.
    pub head_at: Duration,
    /// Instead of a head the connection breaks at `head_at`.
    pub cut_head: Option<Cut>,
    /// The body's steps.
    pub body: Body,
}

/// What an answer says about itself; every dialect prints it.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// A JSON string with its quotes.
    pub(super) model: String,
    pub(super) number: u64,
    pub(super) created: u64,
    pub(super) prompt_tokens: u32,
    pub(super) completion_tokens: u64,
    pub(super) reasoning_tokens: u64,
    /// Whether usage is told at all.
    pub(super) usage: bool,
    /// Whether the caller asked for usage in the stream.
    pub(super) include_usage: bool,
    pub(super) choices: u32,
    /// The script's own word for the end.
    pub(super) finish: Option<String>,
    pub(super) tools: bool,
    pub(super) refusal: Option<String>,
}

/// The reply of `script` to `ask`.
pub fn answer(script: &Arc<Script>, ask: &Ask, turn: Turn) -> Reply {
    if let Some(why) = ask.unsaid(script) {
        return refuse(ask.dialect, Kind::InvalidRequest, why, turn);
    }
    let fails = script.fails(turn.attempt);
    if let Some(failure) = script.failure.as_ref().filter(|_| fails) {
        return failed(script, failure, ask.dialect, turn);
    }
    let mut head_at = Duration::ZERO;
    let faults = if fails { script.faults.as_slice() } else { &[] };
    let before_head = faults.iter().take_while(|fault| fault.at == At::Head);
    let mut skip = 0;
    for fault in before_head {
        skip += 1;
        match fault.what {
            What::Stall(time) => head_at += time,
            What::Cut(cut) => return cut_before_head(head_at + script.ttft, cut),
            // `at=head` is refused for them.
            What::Error(_) | What::Garbage => {}
        }
    }
    let pieces = Pieces::new(Arc::clone(script), &ask.last_user_text);
    if !ask.operation.streams() || !ask.stream {
        let (total, faults) = (pieces.count(), &faults[skip..]);
        let make = || match ask.operation.streams() {
            true => {
                let facts = facts(script, ask, turn, &pieces);
                let object = unary::object(ask.dialect, &facts, pieces);
                ("application/json", object.into_bytes())
            }
            false => results::whole(script, ask, turn, pieces),
        };
        return unary::reply(
            script,
            faults,
            head_at,
            (ask.dialect, turn.number),
            total,
            make,
        );
    }
    let facts = facts(script, ask, turn, &pieces);
    let choices = facts.choices;
    let voice = voice(ask.dialect, facts);
    let stream = Stream {
        total: pieces.count(),
        voice,
        pieces,
        choices,
        fault: if fails { skip } else { script.faults.len() },
        start: head_at,
        seed: turn.number.wrapping_mul(0x1_0000_0000),
        opened: false,
        sent: 0,
        script: Arc::clone(script),
    };
    let mut headers = vec![("content-type", ask.dialect.stream_type().to_owned())];
    headers.push(("cache-control", "no-cache".to_owned()));
    headers.extend(request_id(ask.dialect, turn.number));
    Reply {
        status: 200,
        headers,
        length: None,
        head_at,
        cut_head: None,
        body: Body::stream(script, head_at, stream),
    }
}

/// What streams an answer in a dialect's words.
fn voice(dialect: Dialect, facts: Facts) -> Box<dyn Voice> {
    match dialect {
        Dialect::OpenaiChat => Box::new(openai::Chunks::new(facts)),
        Dialect::OpenaiCompletions => Box::new(openai_completions::Chunks::new(facts)),
        Dialect::OpenaiResponses => Box::new(openai_responses::Events::new(facts)),
        Dialect::Anthropic => Box::new(anthropic::Events::new(facts)),
        Dialect::Cohere => Box::new(cohere::Events::new(facts)),
        Dialect::CohereV1 => Box::new(cohere_v1::Lines::new(facts)),
        Dialect::Ollama => Box::new(ollama::Lines::new(facts, ollama::Said::Message)),
        Dialect::OllamaGenerate => Box::new(ollama::Lines::new(facts, ollama::Said::Response)),
        Dialect::Gemini => Box::new(gemini::Chunks::new(facts, false)),
        Dialect::GeminiArray => Box::new(gemini::Chunks::new(facts, true)),
        Dialect::Bedrock => Box::new(bedrock::Messages::new(facts)),
    }
}

/// The list of the models of these names, in the dialect's words.
pub fn listed<'a>(dialect: Dialect, names: impl Iterator<Item = &'a str>, turn: Turn) -> Reply {
    let body = results::list(dialect, names).into_bytes();
    whole(&Script::plain(), dialect, turn.number, 200, body)
}

/// A refusal that no script asked for: the request itself is wrong.
pub fn refuse(dialect: Dialect, kind: Kind, message: &str, turn: Turn) -> Reply {
    let body = error_body(dialect, kind, message, turn.number);
    let status = kind.status(dialect);
    let mut reply = whole(&Script::plain(), dialect, turn.number, status, body);
    reply.headers.extend(error_name(dialect, kind));
    reply
}

/// Amazon names an error in its head.
pub(super) fn error_name(dialect: Dialect, kind: Kind) -> Option<(&'static str, String)> {
    let named = dialect == Dialect::Bedrock;
    named.then(|| ("x-amzn-errortype", kind.amazon().to_owned()))
}

fn failed(script: &Script, failure: &Failure, dialect: Dialect, turn: Turn) -> Reply {
    let status = failure.status;
    let kind = failure.kind.unwrap_or(Kind::of_status(status));
    // RFC 9110 6.4.1: these have no content.
    let page = match status {
        204 | 304 => Page::Empty,
        _ => failure.body,
    };
    let mut reply = match page {
        Page::Json => {
            let body = error_body(dialect, kind, kind.message(dialect), turn.number);
            let mut reply = whole(script, dialect, turn.number, status, body);
            reply.headers.extend(error_name(dialect, kind));
            reply
        }
        Page::Html => {
            let mut reply = whole(script, dialect, turn.number, status, html(status));
            reply.headers[0].1 = "text/html".into();
            reply
        }
        Page::Empty => {
            let mut reply = whole(script, dialect, turn.number, status, Vec::new());
            reply.headers.remove(0);
            reply
        }
    };
    match failure.retry_after {
        Some(RetryAfter::Seconds(s)) => reply.headers.push(("retry-after", s.to_string())),
        Some(RetryAfter::Exact(time)) => {
            reply
                .headers
                .push(("retry-after-ms", time.as_millis().to_string()));
        }
        None => {}
    }
    if (300..400).contains(&status) {
        reply.headers.push(("location", "/moved".into()));
    }
    reply.head_at = script.ttft;
    reply
}

/// A reply whose body is known at once; the content type is its first header.
pub(super) fn whole(
    script: &Script,
    dialect: Dialect,
    number: u64,
    status: u16,
    body: Vec<u8>,
) -> Reply {
    Reply {
        status,
        headers: std::iter::once(("content-type", "application/json".to_owned()))
            .chain(request_id(dialect, number))
            .collect(),
        length: Some(body.len()),
        head_at: Duration::ZERO,
        cut_head: None,
        body: Body::whole(script, Duration::ZERO, Duration::ZERO, body, None),
    }
}

pub(super) fn error_body(dialect: Dialect, kind: Kind, message: &str, number: u64) -> Vec<u8> {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiCompletions | Dialect::OpenaiResponses => {
            openai::error(kind, message).into_bytes()
        }
        Dialect::Anthropic => anthropic::error(kind, message, number).into_bytes(),
        Dialect::Cohere | Dialect::CohereV1 => cohere::error(message, number).into_bytes(),
        Dialect::Ollama | Dialect::OllamaGenerate => ollama::error(message).into_bytes(),
        Dialect::Gemini => gemini::error(kind, message, kind.status(dialect)).into_bytes(),
        Dialect::GeminiArray => {
            let error = gemini::error(kind, message, kind.status(dialect));
            format!("[{error}\n]").into_bytes()
        }
        Dialect::Bedrock => bedrock::error(message).into_bytes(),
    }
}

/// A JSON string with its quotes.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn cut_before_head(head_at: Duration, cut: Cut) -> Reply {
    Reply {
        status: 0,
        headers: Vec::new(),
        length: None,
        head_at,
        cut_head: Some(cut),
        body: Body::empty(),
    }
}

fn facts(script: &Script, ask: &Ask, turn: Turn, pieces: &Pieces) -> Facts {
    let choices = match ask.dialect {
        Dialect::OpenaiChat | Dialect::OpenaiCompletions => script.choices.unwrap_or(ask.n),
        _ => 1,
    };
    let each = |tokens: u32| u64::from(tokens) * u64::from(choices);
    Facts {
        model: quoted(&ask.model),
        number: turn.number,
        created: turn.created,
        prompt_tokens: words(&ask.last_user_text),
        completion_tokens: each(pieces.count()),
        reasoning_tokens: each(script.reasoning),
        usage: script.usage,
        include_usage: ask.include_usage,
        choices,
        finish: script.finish.clone(),
        tools: !script.tools.is_empty(),
        refusal: script.refusal().map(str::to_owned),
    }
}

fn request_id(dialect: Dialect, number: u64) -> Option<(&'static str, String)> {
    let name = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiCompletions | Dialect::OpenaiResponses => {
            "x-request-id"
        }
        Dialect::Anthropic => "request-id",
        Dialect::Cohere | Dialect::CohereV1 => "x-debug-trace-id",
        Dialect::Bedrock => "x-amzn-requestid",
        Dialect::Ollama | Dialect::OllamaGenerate | Dialect::Gemini | Dialect::GeminiArray => {
            return None;
        }
    };
    Some((name, format!("req_mock{number:020}")))
}

/// What proxies and CDNs put in front of a failing provider.
fn html(status: u16) -> Vec<u8> {
    let title = match status {
        502 => "502 Bad Gateway".to_owned(),
        503 => "503 Service Temporarily Unavailable".to_owned(),
        504 => "504 Gateway Time-out".to_owned(),
        _ => status.to_string(),
    };
    format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    .into_bytes()
}
