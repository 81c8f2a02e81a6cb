//! One message of the conversation.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::part::{self, Content, Part};
use super::{bad, read};
use crate::error::Result;

/// One message of the conversation.
#[derive(Debug)]
pub struct Message {
    /// Where it was in the request, for reports: `messages[3]`.
    pub path: String,
    /// Who speaks.
    pub role: Role,
    /// The caller wrote `developer` for [`Role::System`].
    pub developer: bool,
    /// What is said; empty where only tools are called.
    pub content: Vec<Part>,
    /// The content was a string, not a list.
    pub plain: bool,
    /// The speaker's name among several of one role.
    pub name: Option<String>,
    /// Calls the model made in this turn.
    pub tool_calls: Vec<ToolCall>,
    /// The call this message is the result of.
    pub tool_call_id: Option<String>,
    /// The model's earlier reasoning as text, whichever name the caller gave it.
    pub reasoning: Option<String>,
    /// Parts of an earlier answer that go back as they came (`libllm_parts`).
    pub parts: Vec<Kept>,
    /// A cache marker on the message, meant for its last part.
    pub cache_control: Option<Box<RawValue>>,
    /// The tool failed; a member that some providers know.
    pub is_error: Option<bool>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `system` or `developer`.
    System,
    /// `user`.
    User,
    /// `assistant`.
    Assistant,
    /// `tool`, or `function` as it was once called.
    Tool,
}

/// A call the model made in an earlier turn.
#[derive(Debug)]
pub struct ToolCall {
    /// What its result refers to.
    pub id: String,
    /// The function.
    pub name: String,
    /// The arguments as the model wrote them: JSON text, or what should have been.
    pub arguments: String,
    /// It is a call of a `custom` tool: the arguments are free text.
    pub custom: bool,
    /// A cache marker.
    pub cache_control: Option<Box<RawValue>>,
}

/// A part of an earlier answer that goes back as it came.
#[derive(Debug, Deserialize)]
pub struct Kept {
    /// `signature`, `redacted`, `encrypted`, `citation`, `server_tool`, `image`, `audio`, `plan` or
    /// `custom_tool`.
    pub kind: String,
    /// Who said it, and alone understands it.
    #[serde(default)]
    pub provider: Option<String>,
    /// Its place in the answer.
    #[serde(default)]
    pub index: u64,
    /// The provider's own JSON.
    pub data: Box<RawValue>,
}

#[derive(Deserialize)]
struct Written {
    role: String,
    #[serde(default)]
    content: Option<Box<RawValue>>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<WrittenCall>>,
    #[serde(default)]
    function_call: Option<WrittenFunction>,
    #[serde(default)]
    tool_call_id: Option<String>,
    #[serde(default)]
    reasoning_content: Option<Box<RawValue>>,
    #[serde(default)]
    reasoning: Option<Box<RawValue>>,
    #[serde(default)]
    libllm_parts: Option<Vec<Kept>>,
    #[serde(default)]
    cache_control: Option<Box<RawValue>>,
    #[serde(default)]
    is_error: Option<bool>,
}

#[derive(Deserialize)]
struct WrittenCall {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<WrittenFunction>,
    #[serde(default)]
    custom: Option<WrittenCustom>,
    #[serde(default)]
    cache_control: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct WrittenFunction {
    name: String,
    #[serde(default)]
    arguments: String,
}

#[derive(Deserialize)]
struct WrittenCustom {
    name: String,
    #[serde(default)]
    input: String,
}

/// Reads `messages`.
pub(super) fn read_all(json: &[u8]) -> Result<Vec<Message>> {
    let list: Vec<Box<RawValue>> = read(json, "messages")?;
    let mut legacy = Legacy::default();
    let messages = list.iter().enumerate().map(|(number, json)| {
        let path = format!("messages[{number}]");
        let written: Written = read(json.get().as_bytes(), &path)?;
        message(written, path, &mut legacy)
    });
    messages.collect()
}

fn message(written: Written, path: String, legacy: &mut Legacy) -> Result<Message> {
    let role = match written.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        other => {
            return Err(bad(
                &format!("{path}.role"),
                format!("unknown role {other:?}"),
            ));
        }
    };
    let mut name = written.name;
    let mut tool_call_id = written.tool_call_id;
    if written.role == "function" {
        tool_call_id = Some(legacy.result());
        name = None;
    }
    if role == Role::Tool && tool_call_id.is_none() {
        return Err(bad(&format!("{path}.tool_call_id"), "is missing"));
    }
    let mut tool_calls = Vec::new();
    for (number, call) in written.tool_calls.into_iter().flatten().enumerate() {
        tool_calls.push(tool_call(call, &format!("{path}.tool_calls[{number}]"))?);
    }
    if let Some(WrittenFunction { name, arguments }) = written.function_call {
        tool_calls.push(ToolCall {
            id: legacy.call(),
            name,
            arguments,
            custom: false,
            cache_control: None,
        });
    }
    let (mut content, plain) = part::read_content(written.content.as_deref(), &path)?;
    if let Some(refusal) = written.refusal.filter(|text| !text.is_empty()) {
        content.push(Part::new(
            format!("{path}.refusal"),
            Content::Refusal(refusal),
        ));
    }
    // A name that holds something else than text is another format's; it says nothing to us.
    let text = |json: Option<Box<RawValue>>| serde_json::from_str::<String>(json?.get()).ok();
    let reasoning = text(written.reasoning_content).or_else(|| text(written.reasoning));
    Ok(Message {
        path,
        role,
        developer: written.role == "developer",
        content,
        plain,
        name,
        tool_calls,
        tool_call_id,
        reasoning: reasoning.filter(|text| !text.is_empty()),
        parts: written.libllm_parts.unwrap_or_default(),
        cache_control: written.cache_control,
        is_error: written.is_error,
    })
}

fn tool_call(call: WrittenCall, path: &str) -> Result<ToolCall> {
    let (name, arguments, custom) = match (call.function, call.custom) {
        (Some(function), _) => (function.name, function.arguments, false),
        (None, Some(custom)) => (custom.name, custom.input, true),
        (None, None) => return Err(bad(&format!("{path}.function"), "is missing")),
    };
    let id = call.id.filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| bad(&format!("{path}.id"), "is missing"))?;
    Ok(ToolCall {
        id,
        name,
        arguments,
        custom,
        cache_control: call.cache_control,
    })
}

/// Gives calls of the time before they had ids a number: a `function` message answers the call before it.
#[derive(Default)]
struct Legacy(u32);

impl Legacy {
    fn call(&mut self) -> String {
        self.0 += 1;
        self.result()
    }

    fn result(&self) -> String {
        format!("call_function_{}", self.0)
    }
}
