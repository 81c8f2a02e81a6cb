//! Bodies of `/api/chat` and `/api/generate`.

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{messages, options};
use crate::chat::body::{Body, raw};
use crate::chat::{Chat, Report, ResponseFormat, Tool, ToolChoice, Unsaid};
use crate::error::Result;
use crate::request::Request;
use crate::wire::{Dropped, Operation, Target};

/// The body of a request, and what did not fit.
pub(super) fn body(request: &Request, target: &Target<'_>) -> Result<(Vec<u8>, Vec<Dropped>)> {
    let mut report = Report::new(target.unsupported);
    let mut chat = Chat::read(request)?;
    chat.leave_out(&[Unsaid::CacheMarkers, Unsaid::Failures], &mut report)?;
    let mut body = Body::default();
    body.say("model", &target.model)?;
    let messages = std::mem::take(&mut chat.messages);
    match target.operation {
        Operation::Completion => {
            match chat.params.take_raw("prompt") {
                Some(prompt) => body.set("prompt", prompt),
                None => messages::prompt(messages, &mut body, &mut report)?,
            }
            if !chat.tools.is_empty() {
                report.dropped("tools", "a completion calls no tools there")?;
            }
        }
        _ => {
            body.say("messages", &messages::turns(messages, &mut report)?)?;
            tools(&mut chat, &mut body, &mut report)?;
        }
    }
    format(chat.response_format.take(), &mut body, &mut report)?;
    options::options(&mut chat.params, &mut body, &mut report)?;
    // Without it the API streams.
    body.say("stream", &target.stream)?;
    let own = chat.extra_body.as_deref().map(|json| json.get().as_bytes());
    for extra in [own, target.extra_body].into_iter().flatten() {
        body.merge(extra)?;
    }
    Ok((body.into_bytes(), report.finish()))
}

#[derive(Serialize)]
#[serde(tag = "type", content = "function", rename_all = "snake_case")]
enum Offered {
    Function(Function),
}

#[derive(Serialize)]
struct Function {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    parameters: Box<RawValue>,
}

fn tools(chat: &mut Chat, body: &mut Body, report: &mut Report) -> Result<()> {
    let mut said = Vec::with_capacity(chat.tools.len());
    for tool in std::mem::take(&mut chat.tools) {
        match tool {
            Tool::Function {
                path,
                name,
                description,
                parameters,
                strict,
                ..
            } => {
                if strict == Some(true) {
                    report.dropped(format!("{path}.function.strict"), "is not known there")?;
                }
                let parameters = match parameters {
                    Some(schema) => schema,
                    None => raw(&json!({ "type": "object", "properties": {} }))?,
                };
                said.push(Offered::Function(Function {
                    name,
                    description,
                    parameters,
                }));
            }
            Tool::Custom { path, .. } => {
                report.dropped(path, "tools of free text are not known there")?;
            }
            Tool::Foreign(_) => report.dropped("tools", "tools are functions there")?,
        }
    }
    let parallel = chat.params.take::<bool>("parallel_tool_calls")?;
    match chat.tool_choice.take() {
        None | Some(ToolChoice::Auto) => {}
        _ if said.is_empty() => {}
        // What is not offered is not called.
        Some(ToolChoice::None) => {
            report.converted("tool_choice", "no choice is known there: no tool was sent");
            said.clear();
        }
        Some(_) => report.dropped("tool_choice", "no choice is known there")?,
    }
    if parallel == Some(false) && !said.is_empty() {
        report.dropped("parallel_tool_calls", "is not known there")?;
    }
    if said.is_empty() {
        return Ok(());
    }
    body.say("tools", &said)
}

fn format(format: Option<ResponseFormat>, body: &mut Body, report: &mut Report) -> Result<()> {
    match format {
        None | Some(ResponseFormat::Text) => Ok(()),
        Some(ResponseFormat::JsonObject) => body.say("format", &"json"),
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            body.set("format", schema);
            Ok(())
        }
        Some(ResponseFormat::Foreign(kind)) => {
            report.dropped("response_format", format!("{kind:?} is not known there"))
        }
    }
}
