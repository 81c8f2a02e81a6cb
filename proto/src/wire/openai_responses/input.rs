//! Messages of a conversation as the items of `input`.

use serde::Serialize;
use serde_json::value::RawValue;

use super::kept::Earlier;
use crate::chat::{Content, Message, Part, Report, Role, Source, ToolCall};
use crate::error::Result;
use crate::wire::Target;

/// One item. Every member that a type needs is there, and none that it lacks.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Item {
    Message {
        role: String,
        content: Words,
    },
    Call {
        r#type: &'static str,
        call_id: String,
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        arguments: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        input: Option<String>,
    },
    Output {
        r#type: &'static str,
        call_id: String,
        output: Words,
    },
    /// An item of an earlier answer, as it came.
    Raw(Box<RawValue>),
}

/// A string, or typed parts.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Words {
    Plain(String),
    Parts(Vec<Said>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Said {
    InputText {
        text: String,
    },
    InputImage {
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<String>,
        detail: String,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<String>,
    },
    /// A part of the format's own, as it was written.
    #[serde(untagged)]
    Raw(Box<RawValue>),
}

/// The conversation.
pub(super) fn items(
    messages: Vec<Message>,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Vec<Item>> {
    let mut items = Vec::with_capacity(messages.len());
    // Calls of free text: their results have a type of their own.
    let mut custom = Vec::new();
    for mut message in messages {
        if message.name.take().is_some_and(|name| !name.is_empty()) {
            let path = format!("{}.name", message.path);
            report.dropped(path, "messages have no names there")?;
        }
        match message.role {
            Role::System => {
                let written = if message.developer {
                    "developer"
                } else {
                    "system"
                };
                let role = target.quirks.system_role.unwrap_or(written).to_owned();
                let content = words(message.content, message.plain, report)?;
                items.push(Item::Message { role, content });
            }
            Role::User => items.push(Item::Message {
                role: "user".to_owned(),
                content: words(message.content, message.plain, report)?,
            }),
            Role::Tool => {
                let call_id = message.tool_call_id.take().unwrap_or_default();
                let r#type = match custom.contains(&call_id) {
                    true => "custom_tool_call_output",
                    false => "function_call_output",
                };
                items.push(Item::Output {
                    r#type,
                    call_id,
                    output: words(message.content, message.plain, report)?,
                });
            }
            Role::Assistant => {
                let said = assistant(message, target.provider, &mut custom, report)?;
                items.extend(said);
            }
        }
    }
    Ok(items)
}

/// A turn of the model's: what it said, what it called, and what it left to be sent back, each in its place.
fn assistant(
    mut message: Message,
    provider: &str,
    custom: &mut Vec<String>,
    report: &mut Report,
) -> Result<Vec<Item>> {
    let parts = std::mem::take(&mut message.parts);
    let earlier = Earlier::read(parts, &message.path, provider, custom, report)?;
    if message.reasoning.take().is_some() && earlier.is_empty() {
        let why = "reasoning goes back encrypted only";
        report.dropped(format!("{}.reasoning", message.path), why)?;
    }
    let mut others = Vec::new();
    let silent = message.content.is_empty();
    let text = spoken(message.content, report)?;
    let alone = message.tool_calls.is_empty() && earlier.is_empty();
    if !text.is_empty() || (alone && !silent) {
        others.push(Item::Message {
            role: "assistant".to_owned(),
            content: Words::Plain(text),
        });
    }
    for call in message.tool_calls {
        others.push(self::call(call, custom));
    }
    Ok(earlier.with(others))
}

/// What the model said is text.
fn spoken(parts: Vec<Part>, report: &mut Report) -> Result<String> {
    let mut said = String::new();
    for part in parts {
        match part.content {
            Content::Text(text) | Content::Refusal(text) => said.push_str(&text),
            _ => report.dropped(part.path, "an assistant's turn is text there")?,
        }
    }
    Ok(said)
}

fn call(call: ToolCall, custom: &mut Vec<String>) -> Item {
    if call.custom {
        custom.push(call.id.clone());
        return Item::Call {
            r#type: "custom_tool_call",
            call_id: call.id,
            name: call.name,
            arguments: None,
            input: Some(call.arguments),
        };
    }
    let arguments = match call.arguments.trim() {
        "" | "null" => "{}".to_owned(),
        _ => call.arguments,
    };
    Item::Call {
        r#type: "function_call",
        call_id: call.id,
        name: call.name,
        arguments: Some(arguments),
        input: None,
    }
}

/// A single text is a string if the caller wrote one.
fn words(content: Vec<Part>, plain: bool, report: &mut Report) -> Result<Words> {
    let mut parts = Vec::with_capacity(content.len());
    for part in content {
        parts.extend(said(part, report)?);
    }
    Ok(match (parts.pop(), plain) {
        (None, true) => Words::Plain(String::new()),
        (None, false) => Words::Parts(parts),
        (Some(Said::InputText { text }), true) if parts.is_empty() => Words::Plain(text),
        (Some(last), _) => {
            parts.push(last);
            Words::Parts(parts)
        }
    })
}

fn said(part: Part, report: &mut Report) -> Result<Option<Said>> {
    let detail = part.detail.unwrap_or_else(|| "auto".to_owned());
    Ok(Some(match part.content {
        Content::Text(text) | Content::Refusal(text) => Said::InputText { text },
        Content::Foreign { json, .. } => Said::Raw(json),
        Content::Image(source) => picture(source, detail),
        Content::File { source, .. } if is_picture(&source) => picture(source, detail),
        Content::File { source, name } => document(source, name),
        Content::Audio { .. } => {
            report.dropped(part.path, "sound is not taken there")?;
            return Ok(None);
        }
    }))
}

fn is_picture(source: &Source) -> bool {
    matches!(source, Source::Base64 { media_type, .. } if media_type.starts_with("image/"))
}

fn inline(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}

fn picture(source: Source, detail: String) -> Said {
    let (image_url, file_id) = match source {
        Source::Url(url) => (Some(url), None),
        Source::Base64 { media_type, data } => (Some(inline(&media_type, &data)), None),
        Source::Uploaded(id) => (None, Some(id)),
    };
    Said::InputImage {
        image_url,
        file_id,
        detail,
    }
}

fn document(source: Source, name: Option<String>) -> Said {
    let (mut file_id, mut file_url, mut file_data, mut filename) = (None, None, None, name);
    match source {
        Source::Url(url) => file_url = Some(url),
        Source::Uploaded(id) => file_id = Some(id),
        Source::Base64 { media_type, data } => {
            // The API tells what inline data is by the name's ending.
            let unnamed = match media_type.as_str() {
                "application/pdf" => "file.pdf",
                _ => "file.txt",
            };
            filename.get_or_insert_with(|| unnamed.to_owned());
            file_data = Some(inline(&media_type, &data));
        }
    }
    // A name belongs to inline data; a file elsewhere has its own.
    if file_data.is_none() {
        filename = None;
    }
    Said::InputFile {
        file_id,
        file_url,
        filename,
        file_data,
    }
}
