//! Bedrock's InvokeModel and InvokeModelWithResponseStream: the body of whoever made the model, answers in events of AWS whose
//! payload is that body's piece in base64 (Bedrock user guide, "Inference request parameters and response fields for foundation
//! models", and API reference, read 2026-11-21).

use std::time::SystemTime;

use serde_json::value::RawValue;

use super::readdress;
use crate::chat::Report;
use crate::chat::body::{Body, Members};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::frame::Framing;
use crate::operation::{Operation, Unary};
use crate::provider::Quirks;
use crate::refusal;
use crate::request::Request;
use crate::wire::bedrock::{self, Documents, EVENT_STREAM, converse};
use crate::wire::{self, Encoded, Exchange, Head, Reader, Target, Wire, segment};

mod answer;
mod count;
mod counts;
mod embed;
mod family;
mod pieces;
mod prompt;
mod template;

use family::Family;

/// The formats of several vendors, carried by Bedrock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Invoke;

impl Wire for Invoke {
    fn name(&self) -> &'static str {
        "bedrock_invoke"
    }

    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        match operation {
            Operation::CountTokens => Some(&count::UNARY),
            _ => Unary::find(&embed::ALL, operation),
        }
    }

    fn counts(&self, model: &str, _: &Quirks) -> bool {
        bedrock::count::model(model).is_some()
    }

    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded> {
        wire::check_operation(self, target.operation)?;
        let (operation, accept) = match target.stream {
            true => ("invoke-with-response-stream", EVENT_STREAM),
            false => ("invoke", "application/json"),
        };
        let model = segment(target.model);
        let url = format!("{}/model/{model}/{operation}", target.base_url);
        let family = Family::of(target.model);
        let mut encoded = match family {
            Family::Prompt(form) => prompt::encode(form, request, target, &url)?,
            Family::Nova => nova(request, target, &url)?,
            Family::Wire { name, .. } => carried(name, target.model)?.encode(request, target)?,
        };
        readdress(&mut encoded, &url, accept, |body| {
            for name in ["model", "stream", "stream_options"] {
                body.remove(name);
            }
            match family {
                Family::Wire {
                    version: Some(version),
                    ..
                } if !body.has("anthropic_version") => body.say("anthropic_version", &version),
                _ => Ok(()),
            }
        })?;
        Ok(encoded)
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
        let reader = answer::Answer::new(streamed, exchange, head);
        (framing, Box::new(reader))
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}

/// The wire whose body this model takes.
fn carried(name: &'static str, model: &str) -> Result<&'static dyn Wire> {
    wire::find(name).ok_or_else(|| {
        let message = format!("model {model} needs wire {name}, which is not in this build");
        Error::new(ErrorKind::Unsupported, message).with_retry(Retry::Elsewhere)
    })
}

/// Amazon's own models take Converse's body, with a version in it and without documents (Nova 2 guide, "Using the Invoke API", read
/// 2026-11-22).
fn nova(request: &Request, target: &Target<'_>, url: &str) -> Result<Encoded> {
    let mut report = Report::new(target.unsupported);
    let mut asked = converse(request, target, Documents::Left, &mut report)?;
    for (theirs, ours) in OPERATION {
        if asked.body.has(theirs) && !report.passes() {
            asked.body.remove(theirs);
            report.dropped(*ours, "it belongs to Converse, and not to the model's body")?;
        }
    }
    if let Some(more) = asked.body.get(MORE) {
        asked.body.remove(MORE);
        own_members(&mut asked.body, &more)?;
    }
    asked.body.say("schemaVersion", &"messages-v1")?;
    let http = asked.post(url, "application/json")?;
    let dropped = report.finish();
    Ok(Encoded { http, dropped })
}

// What only the model knows: here the body is its own. How it reasons stands beside how long the answer may be (Nova 2 guide, "Request
// and response schema").
fn own_members(body: &mut Body, more: &RawValue) -> Result<()> {
    let mut inference = Body::default();
    if let Some(said) = body.get(INFERENCE) {
        inference.merge(said.get().as_bytes())?;
    }
    let members: Members = serde_json::from_str(more.get())
        .map_err(|error| Error::new(ErrorKind::InvalidArgument, format!("{MORE}: {error}")))?;
    for (name, value) in members.0 {
        match name.as_str() {
            "reasoningConfig" => inference.set(&name, value),
            INFERENCE => inference.merge(value.get().as_bytes())?,
            _ => body.set(&name, value),
        }
    }
    match inference.is_empty() {
        true => Ok(()),
        false => body.say(INFERENCE, &inference),
    }
}

/// Members of Converse's that are the operation's own (API reference, Converse and InvokeModel: there they are headers, if anything), and
/// what the caller calls them.
const OPERATION: &[(&str, &str)] = &[
    ("requestMetadata", "metadata"),
    ("serviceTier", "service_tier"),
    (
        "additionalModelResponseFieldPaths",
        "additionalModelResponseFieldPaths",
    ),
    ("guardrailConfig", "guardrailConfig"),
    ("outputConfig", "outputConfig"),
    ("performanceConfig", "performanceConfig"),
    ("promptVariables", "promptVariables"),
];
const MORE: &str = "additionalModelRequestFields";
const INFERENCE: &str = "inferenceConfig";
