//! Chat Completions: the format of OpenAI and of most others, with the dialects they have made of it.
//!
//! A request goes out as it came in but for what routing changes (`encode`); an answer is read frame by frame (`reader`, `walk`),
//! whether it is a stream or one JSON object, whatever was asked for. Legacy completions differ in the request (`completions`) and
//! have their text beside the choice's number; all else is the same.

use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::frame::Framing;
use crate::operation::Unary;
use crate::provider::{Quirks, TokenCounts};
use crate::refusal;
use crate::request::Request;
use crate::wire::{Encoded, Exchange, Head, Operation, Reader, Target, Wire};

mod audio;
mod azure;
mod calls;
mod choice;
mod completions;
mod count;
mod embeddings;
mod encode;
mod extra;
mod finish;
mod form;
mod images;
mod message;
mod messages;
mod moderation;
mod reader;
mod rerank;
mod sink;
#[cfg(test)]
mod tests;
mod unary;
mod usage;
mod vocabulary;
mod walk;

/// The wire `openai_chat`.
#[derive(Debug)]
pub struct OpenaiChat;

impl Wire for OpenaiChat {
    fn name(&self) -> &'static str {
        "openai_chat"
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        Unary::find(&unary::PLAIN, operation)
    }

    fn counts(&self, _: &str, quirks: &Quirks) -> bool {
        quirks.token_counts == TokenCounts::Tokenize
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        encode::encode(request, target)
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        read(exchange, head, false)
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}

/// The wire `azure_openai`: Chat Completions of Azure's deployments.
#[derive(Debug)]
pub struct AzureOpenai;

impl Wire for AzureOpenai {
    fn name(&self) -> &'static str {
        "azure_openai"
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        Unary::find(&unary::DEPLOYED, operation)
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        azure::deployed(request, target, encode::encode)
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        read(exchange, head, false)
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}

/// The wire `openai_completions`.
#[derive(Debug)]
pub struct OpenaiCompletions;

impl Wire for OpenaiCompletions {
    fn name(&self) -> &'static str {
        "openai_completions"
    }

    fn speaks(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Chat | Operation::Completion)
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        let (body, dropped) = completions::body(request, target)?;
        let accept = if target.stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        let url = format!("{}/completions", target.base_url);
        Ok(Encoded {
            http: super::post(&url, accept, body)?,
            dropped,
        })
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        read(exchange, head, true)
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}

fn read(exchange: &Exchange<'_>, head: &Head, completes: bool) -> (Framing, Box<dyn Reader>) {
    // Servers answer with JSON where a stream was asked for and with a stream where JSON was: what they say they send counts.
    // JSON under another name shows in its first byte, which is the decoder's to see.
    let json = head.is_json();
    let framing = if json { Framing::Body } else { Framing::Sse };
    (
        framing,
        Box::new(reader::Chat::new(exchange, json, completes)),
    )
}
