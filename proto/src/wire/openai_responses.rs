//! OpenAI Responses: one endpoint, streamed or not. Written from OpenAI's API reference ("Responses", "Streaming events"), read
//! 2026-11-21.
//!
//! A Chat Completions request is translated; what does not fit is reported. Whatever the API knows by a name that Chat Completions
//! lack (`previous_response_id`, `truncation`, `include`) travels as the caller wrote it, and so does a request that is in this
//! format already ([`Operation::Responses`]).

use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::frame::Framing;
use crate::operation::Unary;
use crate::provider::{Quirks, TokenCounts};
use crate::refusal;
use crate::request::Request;
use crate::wire::{Encoded, Exchange, Head, Operation, Reader, Target, Wire};

mod count;
mod finish;
mod input;
mod item;
mod kept;
mod own;
mod reader;
mod request;
mod said;
mod speech;
mod tools;
mod usage;
mod whole;

use reader::Events;

/// The Responses format.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenaiResponses;

impl Wire for OpenaiResponses {
    fn name(&self) -> &'static str {
        "openai_responses"
    }

    fn speaks(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Chat | Operation::Responses)
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        Unary::find(&count::ALL, operation)
    }

    fn counts(&self, _: &str, quirks: &Quirks) -> bool {
        quirks.token_counts == TokenCounts::Responses
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        let (body, dropped) = match target.operation {
            Operation::Responses => own::body(request, target)?,
            _ => request::body(request, target)?,
        };
        let accept = if target.stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        let url = format!("{}/responses", target.base_url);
        Ok(Encoded {
            http: super::post(&url, accept, body)?,
            dropped,
        })
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        // What a server says it sends counts, not what was asked for.
        let streamed = match head.media_type() {
            "" => exchange.stream,
            _ => !head.is_json(),
        };
        let framing = if streamed {
            Framing::Sse
        } else {
            Framing::Body
        };
        let marker = exchange.quirks.terminal_marker;
        (framing, Box::new(Events::new(streamed, marker)))
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}
