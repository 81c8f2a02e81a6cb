//! Anthropic Messages: one endpoint, streamed or not. Written from the API reference and docs of platform.claude.com, read
//! 2026-11-21.
//!
//! A Chat Completions request is translated; what does not fit is reported. `thinking`, `output_config`, `top_k`, `container`
//! and whatever else the API knows by a name that Chat Completions lacks travels as the caller wrote it.

use std::time::SystemTime;

use http::HeaderValue;

use crate::answer_tool;
use crate::chat::body::Body;
use crate::chat::{Chat, Report, ResponseFormat};
use crate::error::{Error, Result};
use crate::frame::Framing;
use crate::operation::Unary;
use crate::refusal;
use crate::request::Request;
use crate::wire::{Encoded, Exchange, Head, Operation, Reader, Target, Wire};

mod block;
mod body;
mod effort;
mod generation;
mod options;
mod other;
mod parts;
mod push;
mod reader;
mod said;
mod tools;
mod turns;
mod unary;
mod usage;
mod whole;

use generation::Generation;
use reader::MessagesReader;

/// The Messages format.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anthropic;

impl Wire for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        Unary::find(&unary::ALL, operation)
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        let mut report = Report::new(target.unsupported);
        let (body, answer_tool) = body(request, target, &mut report)?;
        let accept = if target.stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        let url = format!("{}/v1/messages", target.base_url);
        let mut http = super::post(&url, accept, body)?;
        http.headers_mut()
            .insert("anthropic-version", HeaderValue::from_static(VERSION));
        if answer_tool {
            answer_tool::mark(&mut http);
        }
        Ok(Encoded {
            http,
            dropped: report.finish(),
        })
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        // A server may answer a wish for a stream with JSON, an error above all; what it sends is what is read.
        let streamed = match head.content_type().as_str() {
            "text/event-stream" => true,
            "application/json" => false,
            _ => exchange.stream,
        };
        let framing = if streamed {
            Framing::Sse
        } else {
            Framing::Body
        };
        (
            framing,
            Box::new(MessagesReader::new(
                streamed,
                exchange.quirks.terminal_marker,
            )),
        )
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}

/// The body of a request, and whether its answer comes as a tool's arguments.
fn body(request: &Request, target: &Target<'_>, report: &mut Report) -> Result<(Vec<u8>, bool)> {
    let mut chat = Chat::read(request)?;
    let said = turns::conversation(&mut chat, target.provider, report)?;
    let mut body = Body::default();
    body.say("model", &target.model)?;
    if !said.system.is_empty() {
        body.say("system", &said.system)?;
    }
    body.say("messages", &said.turns)?;
    let generation = Generation::of(target.model);
    let by_tool = match chat.response_format {
        Some(ResponseFormat::JsonObject) => generation.object_by_tool,
        _ => !generation.structured && generation.tools,
    };
    let answer_tool = by_tool
        && !report.passes()
        && !options::thinks(&chat.params)
        && answer_tool::demand(&mut chat, report)?;
    let forced_tool = tools::tools(&mut chat, answer_tool, generation, &mut body, report)?;
    options::limits(&mut chat, generation, &said, forced_tool, &mut body, report)?;
    options::rest(&mut chat.params, &mut body, report)?;
    if target.stream {
        body.say("stream", &true)?;
    }
    let own = chat.extra_body.as_deref().map(|json| json.get().as_bytes());
    for extra in [own, target.extra_body].into_iter().flatten() {
        body.merge(extra)?;
    }
    Ok((body.into_bytes(), answer_tool))
}

/// The version whose sampling parameters and key header this wire speaks; a configured header may ask for another.
const VERSION: &str = "2023-06-01";
