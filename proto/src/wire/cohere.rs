//! Cohere's Chat API: version 2 (`/v2/chat`, server-sent events) and version 1 (`/v1/chat`, lines of JSON), streamed or not.
//! Written from docs.cohere.com ("Chat", "Chat with Streaming", and the same of v1), read 2026-11-21, and the response schema of
//! its SDK.
//!
//! A Chat Completions request is translated; what does not fit is reported. `documents`, `citation_options`, `safety_mode`,
//! `thinking`, `k` and whatever else the API knows by a name that Chat Completions lacks travels as the caller wrote it.

use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::frame::Framing;
use crate::operation::Unary;
use crate::refusal;
use crate::request::Request;
use crate::wire::{Encoded, Exchange, Head, Operation, Reader, Target, Wire};

mod embed;
mod messages;
mod params;
mod push;
mod reader;
mod request;
mod rerank;
mod said;
mod tools;
mod unary;
mod usage;
mod v1;
mod whole;

/// Version 2 of the format.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cohere;

impl Wire for Cohere {
    fn name(&self) -> &'static str {
        "cohere"
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        Unary::find(&unary::V2, operation)
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        let (body, dropped) = request::body(request, target)?;
        let accept = if target.stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        let http = super::post(&format!("{}/v2/chat", target.base_url), accept, body)?;
        Ok(Encoded { http, dropped })
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
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
        let marker = exchange.quirks.terminal_marker;
        (framing, Box::new(reader::Events::new(streamed, marker)))
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}

/// Version 1 of the format.
#[derive(Clone, Copy, Debug, Default)]
pub struct CohereV1;

impl Wire for CohereV1 {
    fn name(&self) -> &'static str {
        "cohere_v1"
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        Unary::find(&unary::V1, operation)
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        let (body, dropped) = v1::request::body(request, target)?;
        let accept = if target.stream {
            "application/stream+json"
        } else {
            "application/json"
        };
        let http = super::post(&format!("{}/v1/chat", target.base_url), accept, body)?;
        Ok(Encoded { http, dropped })
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        // The API sends events instead of lines to those who ask for them, and some who stand between do it unasked.
        let framing = match head.content_type().as_str() {
            "text/event-stream" => Framing::Sse,
            "application/stream+json" | "application/x-ndjson" => Framing::Ndjson,
            "application/json" => Framing::Body,
            _ if exchange.stream => Framing::Ndjson,
            _ => Framing::Body,
        };
        let streamed = framing != Framing::Body;
        let marker = exchange.quirks.terminal_marker;
        (framing, Box::new(v1::reader::Lines::new(streamed, marker)))
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}
