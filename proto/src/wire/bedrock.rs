//! Amazon Bedrock's Converse and ConverseStream. Written from the Bedrock Runtime API reference and its published service model,
//! read 2026-11-21.
//!
//! A Chat Completions request is translated; what does not fit is reported. `guardrailConfig`, `performanceConfig`,
//! `additionalModelRequestFields` and whatever else the API knows by a name that Chat Completions lacks travels as the caller wrote
//! it; what only the model knows (`top_k`, `thinking`) goes into `additionalModelRequestFields`.

use std::time::SystemTime;

use bytes::Bytes;

use crate::answer_tool;
use crate::chat::body::Body;
use crate::chat::{Chat, Report, ResponseFormat, Unsaid};
use crate::error::{Error, Result};
use crate::frame::Framing;
use crate::operation::Unary;
use crate::provider::Quirks;
use crate::refusal;
use crate::request::Request;
use crate::wire::{Encoded, Exchange, Head, Operation, Reader, Target, Wire, segment};

mod block;
mod body;
pub(crate) mod count;
mod members;
mod options;
mod parts;
mod reader;
mod reasoning;
mod structure;
mod tools;
mod turns;
mod usage;

pub(crate) use reader::Blocks;
use reasoning::Wish;
use structure::Structure;

/// The Converse format.
#[derive(Clone, Copy, Debug, Default)]
pub struct Converse;

impl Wire for Converse {
    fn name(&self) -> &'static str {
        "bedrock_converse"
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        Unary::find(&count::ALL, operation)
    }

    fn counts(&self, model: &str, _: &Quirks) -> bool {
        count::model(model).is_some()
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        super::check_operation(self, target.operation)?;
        let mut report = Report::new(target.unsupported);
        let body = converse(request, target, Documents::Taken, &mut report)?;
        let (operation, accept) = match target.stream {
            true => ("converse-stream", EVENT_STREAM),
            false => ("converse", "application/json"),
        };
        let model = segment(target.model);
        let url = format!("{}/model/{model}/{operation}", target.base_url);
        let http = body.post(&url, accept)?;
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

/// A request, but for where it goes; `extra_body` is in it.
pub(crate) struct Asked {
    pub(crate) body: Body,
    /// Its answer comes as a tool's arguments.
    answer_tool: bool,
}

impl Asked {
    pub(crate) fn post(self, url: &str, accept: &'static str) -> Result<http::Request<Bytes>> {
        let mut http = super::post(url, accept, self.body.into_bytes())?;
        if self.answer_tool {
            answer_tool::mark(&mut http);
        }
        Ok(http)
    }
}

/// What becomes of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Documents {
    Taken,
    /// The body is the model's own, which knows none.
    Left,
}

/// Says a request.
pub(crate) fn converse(
    request: &Request,
    target: &Target<'_>,
    documents: Documents,
    report: &mut Report,
) -> Result<Asked> {
    let mut chat = Chat::read(request)?;
    if documents == Documents::Left && !report.passes() {
        parts::leave_documents(&mut chat, report)?;
    }
    chat.leave_out(&[Unsaid::Names], report)?;
    let said = turns::conversation(&mut chat, target.provider, report)?;
    let mut body = Body::default();
    body.say("messages", &said.turns)?;
    if !said.system.is_empty() {
        body.say("system", &said.system)?;
    }
    let structure = Structure::of(target.model);
    let by_tool = match chat.response_format {
        Some(ResponseFormat::JsonObject) => Structure::gives_any_object(target.model),
        _ => structure == Structure::Tool,
    };
    let answer_tool = by_tool && !report.passes() && answer_tool::demand(&mut chat, report)?;
    let wish = Wish {
        model: target.model,
        forced_tool: tools::tools(&mut chat, &mut body, said.calls, report)?,
        prefilled: said.prefilled,
        thoughtless_calls: said.thoughtless_calls,
    };
    structure.say(chat.response_format.take(), &mut body, report)?;
    options::options(&mut chat, &wish, &mut body, report)?;
    let own = chat.extra_body.as_deref().map(|json| json.get().as_bytes());
    for extra in [own, target.extra_body].into_iter().flatten() {
        body.merge(extra)?;
    }
    Ok(Asked { body, answer_tool })
}

/// The media type of ConverseStream's answers.
pub(crate) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
