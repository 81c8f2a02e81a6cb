//! Amazon Bedrock's Converse and ConverseStream. Written from the Bedrock Runtime API reference and its published service model,
//! read 2026-11-21.
//!
//! A Chat Completions request is translated; what does not fit is reported. `guardrailConfig`, `performanceConfig`,
//! `additionalModelRequestFields` and whatever else the API knows by a name that Chat Completions lacks travels as the caller wrote
//! it; what only the model knows (`top_k`, `thinking`) goes into `additionalModelRequestFields`.

use std::time::SystemTime;

use crate::chat::body::Body;
use crate::chat::{Chat, Report};
use crate::error::{Error, Result};
use crate::frame::Framing;
use crate::refusal;
use crate::request::Request;
use crate::wire::{Encoded, Exchange, Head, Reader, Target, Wire, segment};

mod block;
mod body;
mod members;
mod options;
mod parts;
mod reader;
mod reasoning;
mod tools;
mod turns;
mod usage;

pub(crate) use reader::Blocks;

/// The Converse format.
#[derive(Clone, Copy, Debug, Default)]
pub struct Converse;

impl Wire for Converse {
    fn name(&self) -> &'static str {
        "bedrock_converse"
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        let mut report = Report::new(target.unsupported);
        let body = converse(request, target, &mut report)?;
        let (operation, accept) = match target.stream {
            true => ("converse-stream", EVENT_STREAM),
            false => ("converse", "application/json"),
        };
        let model = segment(target.model);
        let url = format!("{}/model/{model}/{operation}", target.base_url);
        let http = super::post(&url, accept, body.into_bytes())?;
        let dropped = report.finish();
        Ok(Encoded { http, dropped })
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        let streamed = match head.content_type().as_str() {
            EVENT_STREAM => true,
            "application/json" => false,
            _ => exchange.stream,
        };
        let framing = match streamed {
            true => Framing::EventStream,
            false => Framing::Body,
        };
        let marker = exchange.quirks.terminal_marker;
        (framing, Box::new(Blocks::new(streamed, marker)))
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}

/// The body of a request; `extra_body` is in it.
pub(crate) fn converse(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Body> {
    let mut chat = Chat::read(request)?;
    let said = turns::conversation(&mut chat, target.provider, report)?;
    let mut body = Body::default();
    body.say("messages", &said.turns)?;
    if !said.system.is_empty() {
        body.say("system", &said.system)?;
    }
    let forced_tool = tools::tools(&mut chat, &mut body, said.calls, report)?;
    options::options(&mut chat, target.model, forced_tool, &mut body, report)?;
    let own = chat.extra_body.as_deref().map(|json| json.get().as_bytes());
    for extra in [own, target.extra_body].into_iter().flatten() {
        body.merge(extra)?;
    }
    Ok(body)
}

/// The media type of ConverseStream's answers.
pub(crate) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
