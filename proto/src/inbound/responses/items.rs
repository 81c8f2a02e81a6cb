//! Input items as messages of our own words: what the model said in one turn (reasoning, text, calls) is one message again.

use serde_json::json;
use serde_json::value::RawValue;

use super::read::UNKNOWN;
use crate::chat::body::{Body, raw};
use crate::chat::{Report, bad};
use crate::error::Result;
use crate::event::PartKind;
use crate::inbound::fields::{Fields, list, parse};
use crate::inbound::kept;

/// The messages said so far, and the turn of the model that may go on.
#[derive(Default)]
pub(super) struct Items {
    messages: Vec<Body>,
    turn: Turn,
}

#[derive(Default)]
struct Turn {
    texts: Vec<Box<RawValue>>,
    reasoning: String,
    calls: Vec<Box<RawValue>>,
    parts: Vec<Box<RawValue>>,
}

impl Items {
    pub(super) fn system(&mut self, text: &str) -> Result<()> {
        self.say("system", raw(&text)?)
    }

    pub(super) fn input(&mut self, input: &RawValue, report: &mut Report) -> Result<()> {
        if input.get().starts_with('"') {
            return self.say("user", input.to_owned());
        }
        for (number, mut item) in list(input, "input")?.into_iter().enumerate() {
            match item.kind()?.as_str() {
                "message" | "" => self.message(item, report)?,
                "function_call" => self.call(item)?,
                "function_call_output" => self.output(item, report)?,
                "reasoning" => self.reasoning(item, number)?,
                "item_reference" => {
                    let why = "earlier answers are not stored here: send the item itself";
                    return Err(bad(item.path(), why));
                }
                kind => {
                    let why =
                        format!("an item of type {kind:?} has no place in the provider's format");
                    report.dropped(item.path(), why)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<Body>> {
        self.flush()?;
        Ok(self.messages)
    }

    fn message(&mut self, mut item: Fields, report: &mut Report) -> Result<()> {
        let role: String = item.need("role")?;
        let content: Box<RawValue> = item.need("content")?;
        let path = item.at("content");
        item.rest(&["id", "status", "phase"], UNKNOWN, report)?;
        let assistant = role == "assistant";
        let content = match content.get().starts_with('"') {
            true if assistant => {
                let text: String = parse(content.get().as_bytes(), &path)?;
                self.turn
                    .texts
                    .push(raw(&json!({"type": "text", "text": text}))?);
                return Ok(());
            }
            true => content,
            false => {
                let mut parts = Vec::new();
                for part in list(&content, &path)? {
                    parts.extend(part_of(part, report)?);
                }
                if assistant {
                    self.turn.texts.append(&mut parts);
                    return Ok(());
                }
                raw(&parts)?
            }
        };
        match role.as_str() {
            "user" | "system" | "developer" => self.say(&role, content),
            other => {
                let why = format!("expected user, assistant, system or developer, found {other:?}");
                Err(bad(&path, why))
            }
        }
    }

    fn call(&mut self, mut item: Fields) -> Result<()> {
        let id: String = item.need("call_id")?;
        let name: String = item.need("name")?;
        let arguments: String = item.get("arguments")?.unwrap_or_default();
        let call = json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
        self.turn.calls.push(raw(&call)?);
        Ok(())
    }

    fn output(&mut self, mut item: Fields, report: &mut Report) -> Result<()> {
        let id: String = item.need("call_id")?;
        let output: Box<RawValue> = item.need("output")?;
        let (mut texts, mut others) = (Vec::new(), Vec::new());
        let content = match output.get().starts_with('"') {
            true => output,
            false => {
                for part in list(&output, &item.at("output"))? {
                    let path = part.path().to_owned();
                    let Some(part) = part_of(part, report)? else {
                        continue;
                    };
                    if part.get().starts_with(r#"{"type":"text""#) {
                        texts.push(part);
                    } else {
                        report.converted(path, "a tool's result is text there: the user says it");
                        others.push(part);
                    }
                }
                if texts.is_empty() {
                    raw(&"")?
                } else {
                    raw(&texts)?
                }
            }
        };
        self.flush()?;
        let mut message = Body::default();
        message.say("role", &"tool")?;
        message.say("tool_call_id", &id)?;
        message.set("content", content);
        self.messages.push(message);
        if !others.is_empty() {
            self.say("user", raw(&others)?)?;
        }
        Ok(())
    }

    fn reasoning(&mut self, mut item: Fields, number: usize) -> Result<()> {
        let sealed: Option<String> = item.get("encrypted_content")?;
        let mut text = String::new();
        for name in ["summary", "content"] {
            for mut piece in item.objects(name)? {
                text.push_str(&piece.get::<String>("text")?.unwrap_or_default());
            }
        }
        let ours = sealed.as_deref().and_then(kept::open);
        // What was thought comes before what was said: a new turn, unless the last one has only thought so far. A part that this library
        // sealed and that says nothing may sign what stands before it: a call of Gemini's.
        let signs = ours.is_some() && text.is_empty();
        if !signs && (!self.turn.texts.is_empty() || !self.turn.calls.is_empty()) {
            self.flush()?;
        }
        self.turn.reasoning.push_str(&text);
        if let Some(sealed) = sealed {
            let id: Option<String> = item.get("id")?;
            let data = || {
                let data = json!({"type": "reasoning", "id": id, "summary": [], "encrypted_content": sealed});
                kept::element(PartKind::Encrypted, "", number, &data.to_string())
            };
            self.turn.parts.extend(ours.or_else(data));
        }
        Ok(())
    }

    fn say(&mut self, role: &str, content: Box<RawValue>) -> Result<()> {
        self.flush()?;
        let mut message = Body::default();
        message.say("role", &role)?;
        message.set("content", content);
        self.messages.push(message);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let turn = std::mem::take(&mut self.turn);
        if turn.texts.is_empty() && turn.calls.is_empty() && turn.parts.is_empty() {
            return Ok(());
        }
        let mut message = Body::default();
        message.say("role", &"assistant")?;
        match turn.texts.is_empty() {
            false => message.say("content", &turn.texts)?,
            true if turn.calls.is_empty() => message.say("content", &"")?,
            true => message.set("content", raw(&())?),
        }
        if !turn.reasoning.is_empty() {
            message.say("reasoning", &turn.reasoning)?;
        }
        if !turn.calls.is_empty() {
            message.say("tool_calls", &turn.calls)?;
        }
        if !turn.parts.is_empty() {
            message.say("libllm_parts", &turn.parts)?;
        }
        self.messages.push(message);
        Ok(())
    }
}

/// A part of a message's content; text begins with its `type`.
fn part_of(mut part: Fields, report: &mut Report) -> Result<Option<Box<RawValue>>> {
    let mut said = Body::default();
    match part.kind()?.as_str() {
        "input_text" | "output_text" | "text" => {
            said.say("type", &"text")?;
            said.set("text", part.need::<Box<RawValue>>("text")?);
        }
        "refusal" => {
            said.say("type", &"refusal")?;
            said.set("refusal", part.need::<Box<RawValue>>("refusal")?);
        }
        "input_image" => {
            let url: Option<String> = part.get("image_url")?;
            let Some(url) = url else {
                report.dropped(part.path(), "the file is at OpenAI alone")?;
                return Ok(None);
            };
            let mut image = Body::default();
            image.say("url", &url)?;
            if let Some(detail) = part.take("detail") {
                image.set("detail", detail);
            }
            said.say("type", &"image_url")?;
            said.say("image_url", &image)?;
        }
        "input_file" => {
            let mut file = Body::default();
            let written = part.take("file_data").or_else(|| part.take("file_url"));
            let id = part.take("file_id");
            match (written, id) {
                (Some(data), _) => file.set("file_data", data),
                (None, Some(id)) => file.set("file_id", id),
                (None, None) => return Err(bad(part.path(), "holds no file")),
            }
            if let Some(name) = part.take("filename") {
                file.set("filename", name);
            }
            said.say("type", &"file")?;
            said.say("file", &file)?;
        }
        "input_audio" => {
            said.say("type", &"input_audio")?;
            said.set("input_audio", part.need::<Box<RawValue>>("input_audio")?);
        }
        kind => {
            let why = format!("a part of type {kind:?} has no place in the provider's format");
            report.dropped(part.path(), why)?;
            return Ok(None);
        }
    }
    part.rest(&["annotations", "logprobs", "detail"], UNKNOWN, report)?;
    raw(&said).map(Some)
}
