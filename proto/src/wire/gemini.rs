//! Gemini's generateContent, streamed or not: the Gemini API (AI Studio), and Vertex AI, where the same bodies lie at another path.
//! Written from the references of ai.google.dev and cloud.google.com/vertex-ai, read 2026-11-21.
//!
//! A Chat Completions request is translated; what does not fit is reported. `generationConfig`, `safetySettings`, `toolConfig`,
//! `cachedContent`, `labels` and whatever else the API knows by a name that Chat Completions lacks travels as the caller wrote it.

use std::time::SystemTime;

use crate::chat::body::Body;
use crate::chat::{Chat, Report, Unsaid};
use crate::error::{Error, Result};
use crate::frame::Framing;
use crate::operation::Unary;
use crate::refusal;
use crate::request::Request;
use crate::wire::{Encoded, Exchange, Head, Operation, Reader, Target, Wire, segment};

mod config;
mod contents;
mod count;
mod embed;
mod finish;
mod generation;
mod parts;
mod reader;
mod said;
mod streamed;
mod thinking;
mod tools;
mod unary;
mod usage;

use generation::Generation;

/// The format at the Gemini API's paths.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gemini;

/// The format at Vertex AI's paths: the base URL ends in a project and a location.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vertex;

impl Wire for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        Unary::find(&unary::GEMINI, operation)
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        encode(request, target, &gemini_place(target))
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        reader(exchange, head)
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}

impl Wire for Vertex {
    fn name(&self) -> &'static str {
        "vertex"
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        Unary::find(&unary::VERTEX, operation)
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        encode(request, target, &vertex_place(target))
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        reader(exchange, head)
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}

/// Where a model lies at the Gemini API.
fn gemini_place(target: &Target<'_>) -> String {
    // A tuned model's name says that it is one.
    let (folder, model) = match target.model.split_once('/') {
        Some((folder @ ("models" | "tunedModels"), model)) => (folder, model),
        _ => ("models", target.model),
    };
    format!("{}/{folder}/{}", target.base_url, segment(model))
}

/// Where a model lies at Vertex AI.
fn vertex_place(target: &Target<'_>) -> String {
    let model = segment(target.model);
    format!("{}/publishers/google/models/{model}", target.base_url)
}

fn encode(request: &Request, target: &Target<'_>, place: &str) -> Result<Encoded> {
    let mut report = Report::new(target.unsupported);
    let body = body(request, target, &mut report)?;
    let (method, accept) = match target.stream {
        true => ("streamGenerateContent?alt=sse", "text/event-stream"),
        false => ("generateContent", "application/json"),
    };
    let http = super::post(&format!("{place}:{method}"), accept, body)?;
    let dropped = report.finish();
    Ok(Encoded { http, dropped })
}

/// Without `alt=sse`, which a proxy may lose, a stream is one JSON array.
fn reader(exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
    let framing = match head.content_type().as_str() {
        "text/event-stream" => Framing::Sse,
        "application/json" if exchange.stream => Framing::JsonArray,
        "application/json" => Framing::Body,
        _ if exchange.stream => Framing::Sse,
        _ => Framing::Body,
    };
    let streamed = framing != Framing::Body;
    let marker = exchange.quirks.terminal_marker;
    (framing, Box::new(reader::Candidates::new(streamed, marker)))
}

fn body(request: &Request, target: &Target<'_>, report: &mut Report) -> Result<Vec<u8>> {
    let mut chat = Chat::read(request)?;
    chat.leave_out(&[Unsaid::Names, Unsaid::CacheMarkers], report)?;
    let generation = Generation::of(target.model);
    let said = contents::conversation(&mut chat, target.provider, generation, report)?;
    let mut body = Body::default();
    if !said.system.is_empty() {
        body.say("systemInstruction", &said.system)?;
    }
    body.say("contents", &said.turns)?;
    tools::tools(&mut chat, &mut body, report)?;
    config::config(&mut chat, generation, &mut body, report)?;
    let own = chat.extra_body.as_deref().map(|json| json.get().as_bytes());
    for extra in [own, target.extra_body].into_iter().flatten() {
        body.merge(extra)?;
    }
    Ok(body.into_bytes())
}
