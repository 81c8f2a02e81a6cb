//! A conversation in the words of version 1: the last message, what was said before it, and results of tools. Calls have no ids
//! there: a result repeats the call that it answers.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::chat::body::Body;
use crate::chat::{Content, Message, Part, Report, Role, ToolCall, bad};
use crate::error::{Error, ErrorKind, Result, Retry};

#[derive(Serialize)]
struct Turn {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_results: Vec<Outcome>,
}

#[derive(Clone, Serialize)]
struct Call {
    name: String,
    parameters: Box<RawValue>,
}

#[derive(Serialize)]
struct Outcome {
    call: Call,
    outputs: Vec<Value>,
}

/// Puts the conversation into the body.
pub(super) fn conversation(
    messages: Vec<Message>,
    body: &mut Body,
    report: &mut Report,
) -> Result<()> {
    let mut said = Said::default();
    for message in messages {
        said.add(message, report)?;
    }
    let last = said.turns.pop();
    let last = last.filter(|last| matches!(last.role, "USER" | "TOOL"));
    let last = last.ok_or_else(|| {
        let message = "messages: the last one is the user's or a tool's in this format";
        Error::new(ErrorKind::Unsupported, message).with_retry(Retry::Elsewhere)
    })?;
    // With results of tools the message is empty: the question is in the history.
    body.say("message", &last.message.unwrap_or_default())?;
    if !said.preamble.is_empty() {
        body.say("preamble", &said.preamble.join("\n"))?;
    }
    if !said.turns.is_empty() {
        body.say("chat_history", &said.turns)?;
    }
    if !last.tool_results.is_empty() {
        body.say("tool_results", &last.tool_results)?;
    }
    Ok(())
}

/// A conversation that is being put together.
#[derive(Default)]
struct Said {
    /// System texts before the first turn.
    preamble: Vec<String>,
    turns: Vec<Turn>,
    /// Calls of earlier turns by their ids.
    called: HashMap<String, Call>,
}

impl Said {
    fn add(&mut self, mut message: Message, report: &mut Report) -> Result<()> {
        unsaid(&mut message, report)?;
        let text = texts(std::mem::take(&mut message.content), report)?;
        match message.role {
            Role::System if self.turns.is_empty() => self.preamble.push(text),
            Role::System => self.turns.push(Turn::new("SYSTEM", text)),
            Role::User => self.turns.push(Turn::new("USER", text)),
            Role::Assistant => {
                let mut turn = Turn::new("CHATBOT", text);
                for (number, it) in message.tool_calls.into_iter().enumerate() {
                    let id = it.id.clone();
                    let call = call(it, &format!("{}.tool_calls[{number}]", message.path))?;
                    self.called.insert(id, call.clone());
                    turn.tool_calls.push(call);
                }
                self.turns.push(turn);
            }
            Role::Tool => {
                let id = message.tool_call_id.take().unwrap_or_default();
                let call = self.called.get(&id).cloned().ok_or_else(|| {
                    let path = format!("{}.tool_call_id", message.path);
                    bad(&path, "names no call of an earlier message")
                })?;
                let outputs = outputs(&text);
                self.result(Outcome { call, outputs });
            }
        }
        Ok(())
    }

    /// Results of one turn's calls stand together.
    fn result(&mut self, outcome: Outcome) {
        if let Some(last) = self.turns.last_mut().filter(|last| last.role == "TOOL") {
            return last.tool_results.push(outcome);
        }
        self.turns.push(Turn {
            role: "TOOL",
            message: None,
            tool_calls: Vec::new(),
            tool_results: vec![outcome],
        });
    }
}

impl Turn {
    fn new(role: &'static str, text: String) -> Turn {
        Turn {
            role,
            message: Some(text),
            tool_calls: Vec::new(),
            tool_results: Vec::new(),
        }
    }
}

/// What a message holds that has no place there.
fn unsaid(message: &mut Message, report: &mut Report) -> Result<()> {
    let path = &message.path;
    if message.name.take().is_some_and(|name| !name.is_empty()) {
        report.dropped(format!("{path}.name"), "messages have no names there")?;
    }
    if message.reasoning.take().is_some() {
        let why = "reasoning is not taken back there";
        report.dropped(format!("{path}.reasoning"), why)?;
    }
    for (number, part) in message.parts.iter().enumerate() {
        // A citation points to sources; nobody reads it again.
        if part.kind != "citation" {
            let path = format!("{path}.libllm_parts[{number}]");
            report.dropped(path, "is not taken back there")?;
        }
    }
    Ok(())
}

fn texts(parts: Vec<Part>, report: &mut Report) -> Result<String> {
    let mut texts = Vec::new();
    for Part { path, content, .. } in parts {
        match content {
            Content::Text(text) | Content::Refusal(text) => texts.push(text),
            _ => report.dropped(path, "messages are text there")?,
        }
    }
    Ok(texts.join("\n"))
}

fn call(call: ToolCall, path: &str) -> Result<Call> {
    let text = match call.arguments.trim() {
        "" | "null" => "{}",
        text => text,
    };
    let parameters: Option<Box<RawValue>> = serde_json::from_str(text).ok();
    let parameters = parameters
        .filter(|_| text.starts_with('{'))
        .ok_or_else(|| {
            let path = format!("{path}.function.arguments");
            bad(&path, "expected the text of a JSON object")
        })?;
    Ok(Call {
        name: call.name,
        parameters,
    })
}

/// A result is a list of objects there.
fn outputs(text: &str) -> Vec<Value> {
    match serde_json::from_str(text) {
        Ok(Value::Array(list)) if !list.is_empty() && list.iter().all(Value::is_object) => list,
        Ok(object @ Value::Object(_)) => vec![object],
        _ => vec![json!({ "output": text })],
    }
}
