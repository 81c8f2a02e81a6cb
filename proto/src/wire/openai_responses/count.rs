//! How long a conversation is (API reference, "Get input token counts", and its schema `TokenCountsBody`, read 2026-11-22).

use super::request;
use crate::error::Result;
use crate::operation::{Operation, Unary, tokens};
use crate::request::Request;
use crate::wire::{Encoded, Target, post};

/// What is asked at the place beside answers.
pub(super) static ALL: [Unary; 1] = [Unary {
    operation: Operation::CountTokens,
    say,
    hear: |answer| tokens::hear(answer, b"input_tokens"),
}];

/// The conversation as it would be sent, but for what says how it is to be answered.
fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let (whole, dropped) = request::body(request, target)?;
    let body = tokens::counted(&whole, |name| !ANSWERING.contains(&name))?;
    let url = format!("{}/responses/input_tokens", target.base_url);
    let http = post(&url, "application/json", body.into_bytes())?;
    Ok(Encoded { http, dropped })
}

/// Members of `CreateResponse` that `TokenCountsBody` lacks.
const ANSWERING: &[&str] = &[
    "background",
    "context_management",
    "include",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "moderation",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "top_logprobs",
    "top_p",
    "user",
];
