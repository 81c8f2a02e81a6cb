//! Ollama's own API: `/api/chat`, and `/api/generate` for the operation `completion`; lines of JSON, or one object. Written from
//! docs/openapi.yaml and docs/api.md of github.com/ollama/ollama, read 2026-11-21.
//!
//! A Chat Completions request is translated; what does not fit is reported. `think`, `keep_alive`, `options`, `suffix` and
//! whatever else the API knows by a name that Chat Completions lacks travels as the caller wrote it.

use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::frame::Framing;
use crate::operation::Unary;
use crate::refusal;
use crate::request::Request;
use crate::wire::{Encoded, Exchange, Head, Operation, Reader, Target, Wire};

mod embed;
mod encode;
mod messages;
mod options;
mod reader;
mod unary;

/// The format of Ollama's own API.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ollama;

impl Wire for Ollama {
    fn name(&self) -> &'static str {
        "ollama"
    }

    fn speaks(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Chat | Operation::Completion)
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        Unary::find(&unary::ALL, operation)
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        let (body, dropped) = encode::body(request, target)?;
        let path = match target.operation {
            Operation::Completion => "/api/generate",
            _ => "/api/chat",
        };
        let accept = if target.stream {
            "application/x-ndjson"
        } else {
            "application/json"
        };
        let http = super::post(&format!("{}{path}", target.base_url), accept, body)?;
        Ok(Encoded { http, dropped })
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        let streamed = match head.content_type().as_str() {
            "application/json" => false,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => true,
            _ => exchange.stream,
        };
        let framing = if streamed {
            Framing::Ndjson
        } else {
            Framing::Body
        };
        let marker = exchange.quirks.terminal_marker;
        (framing, Box::new(reader::Lines::new(streamed, marker)))
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}
