//! An answer that was not asked for as a stream: one JSON object when all of it is there.

use std::time::Duration;

use super::answer::{Facts, Reply, error_body, error_name, whole};
use super::body::Body;
use super::pieces::Pieces;
use super::script::{At, Fault, Script, What};
use super::{
    Dialect, anthropic, bedrock, cohere, cohere_v1, gemini, ollama, openai, openai_completions,
    openai_responses,
};

/// No JSON, no UTF-8, and nothing a lenient reader could repair.
pub(super) const GARBAGE: &[u8] = b"{\"garbage\":\xff\xfe<html>]\x00";

/// The reply to a unary request: the same schedule as the stream's, all of it before the object leaves. `make` gives the media
/// type and the bytes of an answer of `total` tokens.
pub(super) fn reply(
    script: &Script,
    faults: &[Fault],
    start: Duration,
    (dialect, number): (Dialect, u64),
    total: u32,
    make: impl FnOnce() -> (&'static str, Vec<u8>),
) -> Reply {
    let mut stalled = start;
    let time_of = |tokens: u32| {
        script.ttft
            + script
                .pace
                .saturating_mul(tokens.min(total).saturating_sub(1))
    };
    let mut garbage = false;
    let mut cut = None;
    for fault in faults {
        let at = match fault.at {
            At::Head => 0,
            At::Token(at) => at.min(total),
        };
        match fault.what {
            What::Stall(time) => stalled += time,
            What::Garbage => garbage = true,
            What::Cut(how) => {
                cut = Some((at, how));
                break;
            }
            What::Error(kind) => {
                let body = error_body(dialect, kind, kind.message(dialect), number);
                let mut reply = whole(script, dialect, number, kind.status(dialect), body);
                reply.headers.extend(error_name(dialect, kind));
                reply.head_at = stalled + time_of(at);
                return reply;
            }
        }
    }
    let (media_type, mut bytes) = match garbage {
        true => ("application/json", GARBAGE.to_vec()),
        false => make(),
    };
    let mut at = stalled + time_of(total);
    if let Some((tokens, _)) = cut {
        at = stalled + time_of(tokens);
        // The object's share that the tokens are of the answer's, and never all of it.
        let share = bytes.len() as u64 * u64::from(tokens) / (u64::from(total) + 1);
        bytes.truncate(share as usize);
    }
    let mut reply = whole(script, dialect, number, 200, Vec::new());
    reply.headers[0].1 = media_type.to_owned();
    // Keep-alives need a head to follow, and what is cut or kept alive has no length to announce.
    reply.head_at = if script.keepalive.is_some() {
        start
    } else {
        at
    };
    reply.length = (script.keepalive.is_none() && cut.is_none()).then_some(bytes.len());
    reply.body = Body::whole(script, reply.head_at, at, bytes, cut.map(|(_, how)| how));
    reply
}

/// The object in the dialect's words.
pub(super) fn object(dialect: Dialect, facts: &Facts, pieces: Pieces) -> String {
    match dialect {
        Dialect::OpenaiChat => openai::whole(facts, pieces),
        Dialect::OpenaiCompletions => openai_completions::whole(facts, pieces),
        Dialect::OpenaiResponses => openai_responses::whole(facts, pieces),
        Dialect::Anthropic => anthropic::whole(facts, pieces),
        Dialect::Cohere => cohere::whole(facts, pieces),
        Dialect::CohereV1 => cohere_v1::whole(facts, pieces),
        Dialect::Ollama => ollama::whole(facts, ollama::Said::Message, pieces),
        Dialect::OllamaGenerate => ollama::whole(facts, ollama::Said::Response, pieces),
        Dialect::Gemini | Dialect::GeminiArray => gemini::whole(facts, pieces),
        Dialect::Bedrock => bedrock::whole(facts, pieces),
    }
}
