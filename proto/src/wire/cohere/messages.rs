//! Messages of version 2: roles as Chat Completions have them, contents a string or typed parts.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::chat::{Content, Kept, Message, Part, Report, Role, Source, ToolCall};
use crate::error::Result;

/// One message.
#[derive(Debug, Serialize)]
pub(super) struct Turn {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<String>,
    #[serde(skip_serializing_if = "Words::is_none")]
    content: Words,
    /// What the model meant to do with its calls; the API takes it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_plan: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Words {
    None,
    Plain(String),
    Parts(Vec<Said>),
}

impl Words {
    fn is_none(&self) -> bool {
        matches!(self, Words::None)
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Text {
        text: String,
    },
    Thinking {
        thinking: String,
    },
    ImageUrl {
        image_url: Address,
    },
    /// A part of the format's own, as it was written.
    #[serde(untagged)]
    Raw(Box<RawValue>),
}

#[derive(Debug, Serialize)]
struct Address {
    url: String,
}

#[derive(Debug, Serialize)]
struct Call {
    id: String,
    r#type: &'static str,
    function: Function,
}

#[derive(Debug, Serialize)]
struct Function {
    name: String,
    arguments: String,
}

/// The conversation. `provider` is the target's id: parts that another provider said stay here.
pub(super) fn turns(
    messages: Vec<Message>,
    provider: &str,
    report: &mut Report,
) -> Result<Vec<Turn>> {
    let mut turns = Vec::with_capacity(messages.len());
    for message in messages {
        turns.push(turn(message, provider, report)?);
    }
    Ok(turns)
}

fn turn(mut message: Message, provider: &str, report: &mut Report) -> Result<Turn> {
    if message.name.take().is_some_and(|name| !name.is_empty()) {
        let path = format!("{}.name", message.path);
        report.dropped(path, "messages have no names there")?;
    }
    let tool_plan = plan(message.parts, &message.path, provider, report)?;
    let mut parts = Vec::new();
    if let Some(thinking) = message.reasoning.take() {
        parts.push(Said::Thinking { thinking });
    }
    let pictures = message.role == Role::User;
    for part in message.content {
        parts.extend(said(part, pictures, report)?);
    }
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    // A message that calls tools needs no words.
    let silent = parts.is_empty() && !message.tool_calls.is_empty();
    Ok(Turn {
        role,
        tool_call_id: message.tool_call_id.take(),
        content: match silent {
            true => Words::None,
            false => words(parts, message.plain),
        },
        tool_plan,
        tool_calls: message.tool_calls.into_iter().map(call).collect(),
    })
}

/// A single text is a string if the caller wrote one.
fn words(mut parts: Vec<Said>, plain: bool) -> Words {
    match parts.pop() {
        None => Words::Plain(String::new()),
        Some(Said::Text { text }) if plain && parts.is_empty() => Words::Plain(text),
        Some(last) => {
            parts.push(last);
            Words::Parts(parts)
        }
    }
}

fn said(part: Part, pictures: bool, report: &mut Report) -> Result<Option<Said>> {
    let Part { path, content, .. } = part;
    let image = |url| Said::ImageUrl {
        image_url: Address { url },
    };
    let inline = |media_type: &str, data: &str| format!("data:{media_type};base64,{data}");
    let why = match content {
        Content::Text(text) | Content::Refusal(text) => return Ok(Some(Said::Text { text })),
        Content::Foreign { json, .. } => return Ok(Some(Said::Raw(json))),
        Content::Image(Source::Url(url)) if pictures => return Ok(Some(image(url))),
        Content::Image(Source::Base64 { media_type, data }) if pictures => {
            return Ok(Some(image(inline(&media_type, &data))));
        }
        Content::File {
            source: Source::Base64 { media_type, data },
            ..
        } if pictures && media_type.starts_with("image/") => {
            return Ok(Some(image(inline(&media_type, &data))));
        }
        Content::Image(_) => "pictures are taken there from users, inline or by address",
        Content::File { .. } => "documents are text in `documents` there",
        Content::Audio { .. } => "sound is not taken there",
    };
    report.dropped(path, why).map(|()| None)
}

/// The plan among the parts of an earlier answer. A citation points to sources; nobody reads it again.
fn plan(
    parts: Vec<Kept>,
    path: &str,
    provider: &str,
    report: &mut Report,
) -> Result<Option<Box<RawValue>>> {
    let mut plan = None;
    for (number, part) in parts.into_iter().enumerate() {
        let ours = part.provider.as_deref().is_none_or(|by| by == provider);
        let why = match part.kind.as_str() {
            "citation" => continue,
            "plan" if ours && part.data.get().starts_with('"') => {
                plan = Some(part.data);
                continue;
            }
            _ if ours => "is not taken back there",
            _ => "another provider's part",
        };
        report.dropped(format!("{path}.libllm_parts[{number}]"), why)?;
    }
    Ok(plan)
}

fn call(call: ToolCall) -> Call {
    let arguments = match call.arguments.trim() {
        "" | "null" => "{}".to_owned(),
        _ => call.arguments,
    };
    Call {
        id: call.id,
        r#type: "function",
        function: Function {
            name: call.name,
            arguments,
        },
    }
}
