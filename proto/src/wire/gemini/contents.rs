//! Messages of a conversation as contents: an instruction, and turns of user and model.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::generation::Generation;
use super::parts::{self, Part, Returned};
use crate::chat::body::raw;
use crate::chat::{Chat, Content, Message, Report, Role, ToolCall, bad};
use crate::error::Result;

/// A conversation in the words of the API.
pub(super) struct Conversation {
    pub(super) system: Instruction,
    pub(super) turns: Vec<Turn>,
}

/// What the model is told before the conversation.
#[derive(Debug, Default, Serialize)]
pub(super) struct Instruction {
    parts: Vec<Part>,
}

impl Instruction {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

/// One turn.
#[derive(Debug, Serialize)]
pub(super) struct Turn {
    role: &'static str,
    parts: Vec<Part>,
}

/// Takes the messages out of `chat`. `provider` is the target's id: what another provider signed stays here.
pub(super) fn conversation(
    chat: &mut Chat,
    provider: &str,
    generation: Generation,
    report: &mut Report,
) -> Result<Conversation> {
    let mut said = Said {
        provider,
        generation,
        called: HashMap::new(),
        system: Instruction::default(),
        turns: Vec::new(),
    };
    for message in std::mem::take(&mut chat.messages) {
        said.add(message, report)?;
    }
    let Said { system, turns, .. } = said;
    Ok(Conversation { system, turns })
}

/// A call that was made: its function, and the id that the provider gave it, if it goes back with one.
struct Called {
    name: String,
    id: Option<String>,
}

struct Said<'p> {
    provider: &'p str,
    generation: Generation,
    /// By the caller's id.
    called: HashMap<String, Called>,
    system: Instruction,
    turns: Vec<Turn>,
}

impl Said<'_> {
    fn add(&mut self, mut message: Message, report: &mut Report) -> Result<()> {
        match message.role {
            Role::System => {
                if !self.turns.is_empty() {
                    let why = "system text goes before the conversation there";
                    report.converted(message.path.clone(), why);
                }
                for part in message.content {
                    match part.content {
                        Content::Text(text) if text.is_empty() => {}
                        Content::Text(text) => self.system.parts.push(Part::Text(text)),
                        _ => report.dropped(part.path, "system text is text only there")?,
                    }
                }
                Ok(())
            }
            Role::User => {
                let content = std::mem::take(&mut message.content);
                let parts = parts::parts(content, report)?;
                self.append("user", parts);
                Ok(())
            }
            Role::Tool => {
                let parts = self.result(message, report)?;
                self.append("user", parts);
                Ok(())
            }
            Role::Assistant => {
                let parts = self.answer(message, report)?;
                self.append("model", parts);
                Ok(())
            }
        }
    }

    /// What one side says in several messages is one turn: results of parallel calls must be.
    fn append(&mut self, role: &'static str, mut parts: Vec<Part>) {
        if parts.is_empty() {
            return;
        }
        match self.turns.last_mut() {
            Some(last) if last.role == role => last.parts.append(&mut parts),
            _ => self.turns.push(Turn { role, parts }),
        }
    }

    /// The result of a call. The API knows results by the function's name, and by an id where the call had one.
    fn result(&self, message: Message, report: &mut Report) -> Result<Vec<Part>> {
        let id = message.tool_call_id.unwrap_or_default();
        let (name, id) = match self.called.get(&id) {
            Some(called) => (called.name.clone(), called.id.clone()),
            None => (message.name.unwrap_or(id), None),
        };
        let mut text = String::new();
        let mut others = Vec::new();
        for part in message.content {
            match part.content {
                Content::Text(more) | Content::Refusal(more) => text.push_str(&more),
                content => others.extend(parts::part(part.path, content, report)?),
            }
        }
        let response = match serde_json::from_str::<Box<RawValue>>(&text) {
            Ok(json) if json.get().starts_with('{') && message.is_error != Some(true) => json,
            // The two keys that the reference of FunctionResponse names.
            _ if message.is_error == Some(true) => raw(&json!({ "error": text }))?,
            _ => raw(&json!({ "output": text }))?,
        };
        let inside = match self.generation.results_have_parts() {
            true => std::mem::take(&mut others),
            false => Vec::new(),
        };
        let result = Part::FunctionResponse {
            id,
            name,
            response,
            parts: inside,
        };
        others.insert(0, result);
        Ok(others)
    }

    /// A turn of the model: what it signed goes back as it was, at the place where it was.
    fn answer(&mut self, mut message: Message, report: &mut Report) -> Result<Vec<Part>> {
        let path = message.path.clone();
        let kept = std::mem::take(&mut message.parts);
        let mut returned = Returned::read(kept, &path, self.provider, report)?;
        if message.reasoning.take().is_some() && !returned.thinks() {
            let why = "reasoning without a signature cannot be sent back";
            report.dropped(format!("{path}.reasoning"), why)?;
        }
        let mut text = String::new();
        let mut others = Vec::new();
        for part in message.content {
            match part.content {
                Content::Text(more) | Content::Refusal(more) => text.push_str(&more),
                content => others.extend(parts::part(part.path, content, report)?),
            }
        }
        let mut said = returned.around(&text, &path, report)?;
        said.append(&mut others);
        let mut first = true;
        for (number, call) in message.tool_calls.into_iter().enumerate() {
            let path = format!("{path}.tool_calls[{number}]");
            said.push(self.call(call, &path, &mut returned, first, report)?);
            first = false;
        }
        returned.rest(&path, report)?;
        Ok(said)
    }

    fn call(
        &mut self,
        call: ToolCall,
        path: &str,
        returned: &mut Returned,
        first: bool,
        report: &mut Report,
    ) -> Result<Part> {
        let text = match call.arguments.trim() {
            "" | "null" => "{}",
            text => text,
        };
        let args: Option<Box<RawValue>> = serde_json::from_str(text).ok();
        let Some(args) = args.filter(|_| text.starts_with('{')) else {
            let path = format!("{path}.function.arguments");
            return Err(bad(&path, "expected the text of a JSON object"));
        };
        let (signed, id) = match returned.call(&call.name, &args) {
            Some((json, id)) => (Some(json), id),
            None => (None, None),
        };
        let name = call.name.clone();
        self.called.insert(call.id, Called { name, id });
        if let Some(json) = signed {
            return Ok(Part::Raw(json));
        }
        let mut signature = None;
        if first && self.generation.signs_calls() {
            let why = "a call without the model's signature was sent with the one that the provider offers for that";
            report.converted(path, why);
            signature = Some(UNSIGNED);
        }
        let name = call.name;
        Ok(Part::call(name, args, signature))
    }
}

/// In place of a signature that is not there: the history comes from another model (docs "Thought signatures", FAQ).
const UNSIGNED: &str = "skip_thought_signature_validator";
