//! What is asked of Anthropic beside conversations: its models, and how long a conversation is (API reference, "List Models" and
//! "Count tokens in a Message", read 2026-11-21).

use http::HeaderValue;

use super::{VERSION, body};
use crate::chat::Report;
use crate::error::Result;
use crate::operation::{Operation, Unary, models, tokens};
use crate::provider::TokenCounts;
use crate::request::Request;
use crate::wire::{Encoded, Target, post};

/// All of it.
pub(super) static ALL: [Unary; 2] = [
    Unary {
        operation: Operation::Models,
        say: say_models,
        hear: |answer| models::hear(answer, b"data", b"id", ""),
    },
    Unary {
        operation: Operation::CountTokens,
        say: say_count,
        hear: |answer| tokens::hear(answer, b"input_tokens"),
    },
];

fn say_models(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let more = [("limit", "1000")];
    let mut encoded = models::say(request, target, "/v1/models", "after_id", &more)?;
    versioned(&mut encoded);
    Ok(encoded)
}

/// The conversation as it would be sent, but for what says how it is to be answered.
fn say_count(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let mut report = Report::new(target.unsupported);
    let (whole, _) = body(request, target, &mut report)?;
    let counted = tokens::counted(&whole, |name| !ANSWERING.contains(&name))?;
    // Beside another's format the version is in the base URL.
    let version = match target.quirks.token_counts {
        TokenCounts::Messages => "",
        _ => "/v1",
    };
    let url = format!("{}{version}/messages/count_tokens", target.base_url);
    let mut encoded = Encoded {
        http: post(&url, "application/json", counted.into_bytes())?,
        dropped: report.finish(),
    };
    versioned(&mut encoded);
    Ok(encoded)
}

fn versioned(encoded: &mut Encoded) {
    let version = HeaderValue::from_static(VERSION);
    encoded
        .http
        .headers_mut()
        .insert("anthropic-version", version);
}

/// Members of a request for an answer that counting does not know.
const ANSWERING: &[&str] = &[
    "max_tokens",
    "metadata",
    "service_tier",
    "stop_sequences",
    "stream",
    "temperature",
    "top_k",
    "top_p",
];
