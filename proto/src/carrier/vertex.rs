//! Claude on Vertex AI: Anthropic's body without the model, which is in the path of rawPredict and streamRawPredict
//! (cloud.google.com/vertex-ai, "Use Anthropic's Claude models", read 2026-11-21).

use std::time::SystemTime;

use super::readdress;
use crate::chat::body::Body;
use crate::error::{Error, Result};
use crate::frame::Framing;
use crate::operation::{self, Operation, Unary, tokens};
use crate::request::Request;
use crate::wire::anthropic::Anthropic;
use crate::wire::{Encoded, Exchange, Head, Reader, Target, Wire, segment};

/// Anthropic's format, carried by Vertex AI.
#[derive(Clone, Copy, Debug, Default)]
pub struct VertexAnthropic;

impl Wire for VertexAnthropic {
    fn name(&self) -> &'static str {
        "vertex_anthropic"
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        Unary::find(&ALL, operation)
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        let mut encoded = Anthropic.encode(request, target)?;
        let (method, accept) = match target.stream {
            true => ("streamRawPredict", "text/event-stream"),
            false => ("rawPredict", "application/json"),
        };
        let model = segment(target.model);
        let base = target.base_url;
        let url = format!("{base}/publishers/anthropic/models/{model}:{method}");
        readdress(&mut encoded, &url, accept, |body| {
            body.remove("model");
            versioned(body)
        })?;
        Ok(encoded)
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        Anthropic.reader(exchange, head)
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        Anthropic.error(exchange, head, body, now)
    }
}

/// What is asked there beside conversations.
static ALL: [Unary; 1] = [Unary {
    operation: Operation::CountTokens,
    say: say_count,
    hear: |answer| tokens::hear(answer, b"input_tokens"),
}];

/// The place stands for a model, so the body names it ("Count tokens for Claude models", read 2026-11-22).
fn say_count(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let mut encoded = operation::encode(&Anthropic, request, target)?;
    let base = target.base_url;
    let url = format!("{base}/publishers/anthropic/models/count-tokens:rawPredict");
    readdress(&mut encoded, &url, "application/json", versioned)?;
    Ok(encoded)
}

fn versioned(body: &mut Body) -> Result<()> {
    match body.has("anthropic_version") {
        true => Ok(()),
        false => body.say("anthropic_version", &VERSION),
    }
}

/// The only one there is.
const VERSION: &str = "vertex-2023-10-16";
