//! Messages as Ollama's API has them: text is one string, pictures lie beside it, arguments are objects.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::chat::body::Body;
use crate::chat::{Content, Message, Part, Report, Role, Source, ToolCall, bad};
use crate::error::Result;

/// One message.
#[derive(Debug, Default, Serialize)]
pub(super) struct Turn {
    role: &'static str,
    content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call>,
    /// The function whose result this is: models are told results by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct Call {
    id: String,
    function: Function,
}

#[derive(Debug, Serialize)]
struct Function {
    name: String,
    arguments: Box<RawValue>,
}

/// The conversation for `/api/chat`.
pub(super) fn turns(messages: Vec<Message>, report: &mut Report) -> Result<Vec<Turn>> {
    // Names of the functions that were called, by the id of the call.
    let mut called = HashMap::new();
    let mut turns = Vec::with_capacity(messages.len());
    for mut message in messages {
        let path = std::mem::take(&mut message.path);
        if message.name.take().is_some_and(|name| !name.is_empty()) {
            report.dropped(format!("{path}.name"), "messages have no names there")?;
        }
        kept(&message, &path, report)?;
        let mut turn = said(std::mem::take(&mut message.content), report)?;
        match message.role {
            Role::System => turn.role = "system",
            Role::User => turn.role = "user",
            Role::Tool => {
                turn.role = "tool";
                let id = message.tool_call_id.take();
                turn.tool_name = id.as_ref().and_then(|id| called.get(id).cloned());
                turn.tool_call_id = id;
            }
            Role::Assistant => {
                turn.role = "assistant";
                turn.thinking = message.reasoning.take();
                for (number, call) in message.tool_calls.into_iter().enumerate() {
                    called.insert(call.id.clone(), call.name.clone());
                    turn.tool_calls.push(tool_call(call, &path, number)?);
                }
            }
        }
        turns.push(turn);
    }
    Ok(turns)
}

/// The prompt for `/api/generate`, which knows a system text and a prompt, and no conversation.
pub(super) fn prompt(messages: Vec<Message>, body: &mut Body, report: &mut Report) -> Result<()> {
    let (mut system, mut prompt, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for mut message in messages {
        let path = std::mem::take(&mut message.path);
        match message.role {
            Role::System => {
                let turn = said(message.content, report)?;
                system.push(turn.content);
            }
            Role::User => {
                let turn = said(message.content, report)?;
                prompt.push(turn.content);
                images.extend(turn.images);
            }
            Role::Assistant | Role::Tool => {
                report.dropped(path, "a completion has a prompt and no conversation there")?;
            }
        }
    }
    if prompt.len() > 1 {
        report.converted("messages", "several messages were sent as one prompt");
    }
    body.say("prompt", &prompt.join("\n"))?;
    if !system.is_empty() {
        body.say("system", &system.join("\n"))?;
    }
    if !images.is_empty() {
        body.say("images", &images)?;
    }
    Ok(())
}

/// What a message says: its texts, each on a line of its own, and its pictures.
fn said(parts: Vec<Part>, report: &mut Report) -> Result<Turn> {
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for Part { path, content, .. } in parts {
        match content {
            Content::Text(text) | Content::Refusal(text) => texts.push(text),
            Content::Image(Source::Base64 { data, .. }) => images.push(data),
            Content::File {
                source: Source::Base64 { media_type, data },
                ..
            } if media_type.starts_with("image/") => images.push(data),
            Content::Image(_) => {
                report.dropped(path, "pictures are sent along there, not by address")?;
            }
            Content::File { .. } => report.dropped(path, "documents are not taken there")?,
            Content::Audio { .. } => report.dropped(path, "sound is not taken there")?,
            Content::Foreign { kind, .. } => {
                report.dropped(path, format!("{kind:?} is not known there"))?;
            }
        }
    }
    Ok(Turn {
        content: texts.join("\n"),
        images,
        ..Turn::default()
    })
}

/// Parts of an earlier answer: the API takes none of them back. A citation points to sources; nobody reads it again.
fn kept(message: &Message, path: &str, report: &mut Report) -> Result<()> {
    for (number, part) in message.parts.iter().enumerate() {
        if part.kind != "citation" {
            let path = format!("{path}.libllm_parts[{number}]");
            report.dropped(path, "is not taken back there")?;
        }
    }
    Ok(())
}

fn tool_call(call: ToolCall, path: &str, number: usize) -> Result<Call> {
    let text = match call.arguments.trim() {
        "" | "null" => "{}",
        text => text,
    };
    let arguments: Option<Box<RawValue>> = serde_json::from_str(text).ok();
    let arguments = arguments.filter(|_| text.starts_with('{'));
    let Some(arguments) = arguments else {
        let path = format!("{path}.tool_calls[{number}].function.arguments");
        return Err(bad(&path, "expected the text of a JSON object"));
    };
    Ok(Call {
        id: call.id,
        function: Function {
            name: call.name,
            arguments,
        },
    })
}
