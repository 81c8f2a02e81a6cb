//! The turns of a conversation: content blocks as messages of our own words. Results of tools become messages of their own, which
//! go before what else the user says in that turn.

use serde_json::json;
use serde_json::value::RawValue;

use super::read::UNKNOWN;
use crate::chat::body::{Body, raw};
use crate::chat::{Report, bad};
use crate::error::Result;
use crate::event::PartKind;
use crate::inbound::fields::{Fields, list, parse};
use crate::inbound::kept;

/// The messages said so far.
#[derive(Default)]
pub(super) struct Turns {
    messages: Vec<Body>,
}

impl Turns {
    pub(super) fn finish(self) -> Vec<Body> {
        self.messages
    }

    /// The system text: a string, or blocks of text.
    pub(super) fn system(&mut self, json: &RawValue, report: &mut Report) -> Result<()> {
        let content = match json.get().starts_with('"') {
            true => json.to_owned(),
            false => {
                let mut parts = Vec::new();
                for mut block in list(json, "system")? {
                    match block.kind()?.as_str() {
                        "text" => parts.push(self.text(block, report)?),
                        kind => report.dropped(block.path(), no_place(kind))?,
                    }
                }
                raw(&parts)?
            }
        };
        if content.get() != "[]" && content.get() != "\"\"" {
            self.say("system", content)?;
        }
        Ok(())
    }

    pub(super) fn turn(&mut self, mut turn: Fields, report: &mut Report) -> Result<()> {
        let role: String = turn.need("role")?;
        let content: Box<RawValue> = turn.need("content")?;
        let path = turn.at("content");
        turn.rest(&[], UNKNOWN, report)?;
        let blocks = match content.get().starts_with('"') {
            true => None,
            false => Some(list(&content, &path)?),
        };
        match (role.as_str(), blocks) {
            ("user" | "assistant" | "system", None) => self.say(&role, content),
            ("user", Some(blocks)) => self.user(blocks, report),
            ("assistant", Some(blocks)) => self.assistant(blocks, report),
            ("system", Some(_)) => self.system(&content, report),
            (other, _) => Err(bad(
                &turn_path(&path),
                format!("expected user or assistant, found {other:?}"),
            )),
        }
    }

    fn user(&mut self, blocks: Vec<Fields>, report: &mut Report) -> Result<()> {
        let mut parts = Vec::new();
        for mut block in blocks {
            let kind = block.kind()?;
            if kind == "tool_result" {
                parts.extend(self.tool_result(block, report)?);
            } else if let Some(part) = self.part(&kind, block, report)? {
                parts.push(part);
            }
        }
        if parts.is_empty() {
            return Ok(());
        }
        self.say("user", raw(&parts)?)
    }

    /// Says the result; gives what no tool's message can hold, to be said by the user.
    fn tool_result(&mut self, mut block: Fields, report: &mut Report) -> Result<Vec<Body>> {
        let id: String = block.need("tool_use_id")?;
        let (mut texts, mut others) = (Vec::new(), Vec::new());
        let content = match block.take("content") {
            None => raw(&"")?,
            Some(text) if text.get().starts_with('"') => text,
            Some(written) => {
                for mut inner in list(&written, &block.at("content"))? {
                    let kind = inner.kind()?;
                    let path = inner.path().to_owned();
                    if kind == "text" {
                        texts.push(self.text(inner, report)?);
                    } else if let Some(part) = self.part(&kind, inner, report)? {
                        report.converted(path, "a tool's result is text there: the user says it");
                        others.push(part);
                    }
                }
                raw(&texts)?
            }
        };
        let mut message = Body::default();
        message.say("role", &"tool")?;
        message.say("tool_call_id", &id)?;
        message.set(
            "content",
            if content.get() == "[]" {
                raw(&"")?
            } else {
                content
            },
        );
        if block.get::<bool>("is_error")? == Some(true) {
            message.say("is_error", &true)?;
        }
        marker(&mut block, &mut message);
        block.rest(&[], UNKNOWN, report)?;
        self.messages.push(message);
        Ok(others)
    }

    fn assistant(&mut self, blocks: Vec<Fields>, report: &mut Report) -> Result<()> {
        let (mut texts, mut calls, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        let mut reasoning = String::new();
        for (number, mut block) in blocks.into_iter().enumerate() {
            match block.kind()?.as_str() {
                "text" => texts.push(self.text(block, report)?),
                "tool_use" => calls.push(self.tool_use(block, report)?),
                "thinking" => {
                    let text: String = block.get("thinking")?.unwrap_or_default();
                    let signature: String = block.get("signature")?.unwrap_or_default();
                    reasoning.push_str(&text);
                    if let Some(part) = kept::open(&signature) {
                        parts.push(part);
                    } else if !signature.is_empty() {
                        let data =
                            json!({"type": "thinking", "thinking": text, "signature": signature});
                        let kind = PartKind::Signature;
                        parts.extend(kept::element(kind, "", number, &data.to_string()));
                    }
                }
                "redacted_thinking" => {
                    let data: String = block.need("data")?;
                    parts.extend(kept::open(&data).or_else(|| {
                        let data = json!({"type": "redacted_thinking", "data": data});
                        kept::element(PartKind::Redacted, "", number, &data.to_string())
                    }));
                }
                kind => report.dropped(block.path(), no_place(kind))?,
            }
        }
        let mut message = Body::default();
        message.say("role", &"assistant")?;
        match texts.is_empty() {
            false => message.say("content", &texts)?,
            true if calls.is_empty() => message.say("content", &"")?,
            true => message.set("content", raw(&())?),
        }
        if !reasoning.is_empty() {
            message.say("reasoning", &reasoning)?;
        }
        if !calls.is_empty() {
            message.say("tool_calls", &calls)?;
        }
        if !parts.is_empty() {
            message.say("libllm_parts", &parts)?;
        }
        self.messages.push(message);
        Ok(())
    }

    fn tool_use(&self, mut block: Fields, report: &mut Report) -> Result<Body> {
        let (id, name): (String, String) = (block.need("id")?, block.need("name")?);
        let input = block.take("input");
        let arguments = input.as_deref().map_or("{}", RawValue::get);
        let mut call = Body::default();
        call.say("id", &id)?;
        call.say("type", &"function")?;
        call.say("function", &json!({"name": name, "arguments": arguments}))?;
        marker(&mut block, &mut call);
        block.rest(&["caller"], UNKNOWN, report)?;
        Ok(call)
    }

    fn text(&self, mut block: Fields, report: &mut Report) -> Result<Body> {
        let text: Box<RawValue> = block.need("text")?;
        parse::<String>(text.get().as_bytes(), &block.at("text"))?;
        let mut part = Body::default();
        part.say("type", &"text")?;
        part.set("text", text);
        marker(&mut block, &mut part);
        // A citation points from an answer to its sources; nobody reads it again.
        block.rest(&["citations"], UNKNOWN, report)?;
        Ok(part)
    }

    fn part(&self, kind: &str, mut block: Fields, report: &mut Report) -> Result<Option<Body>> {
        let mut part = Body::default();
        match kind {
            "text" => return self.text(block, report).map(Some),
            "image" => {
                let url = source(&mut block)?;
                part.say("type", &"image_url")?;
                match url {
                    Source::Url(url) => part.say("image_url", &json!({"url": url}))?,
                    Source::Uploaded | Source::Text(_) => {
                        report.dropped(block.path(), "the file is at Anthropic alone")?;
                        return Ok(None);
                    }
                }
            }
            "document" => {
                let name: Option<String> = block.get("title")?;
                match source(&mut block)? {
                    Source::Text(text) => {
                        part.say("type", &"text")?;
                        part.say("text", &text)?;
                    }
                    Source::Url(url) => {
                        let name = name.unwrap_or_else(|| "document.pdf".to_owned());
                        part.say("type", &"file")?;
                        part.say("file", &json!({"file_data": url, "filename": name}))?;
                    }
                    Source::Uploaded => {
                        report.dropped(block.path(), "the file is at Anthropic alone")?;
                        return Ok(None);
                    }
                }
            }
            other => {
                report.dropped(block.path(), no_place(other))?;
                return Ok(None);
            }
        }
        marker(&mut block, &mut part);
        block.rest(&["context", "citations", "title"], UNKNOWN, report)?;
        Ok(Some(part))
    }

    fn say(&mut self, role: &str, content: Box<RawValue>) -> Result<()> {
        let mut message = Body::default();
        message.say("role", &role)?;
        message.set("content", content);
        self.messages.push(message);
        Ok(())
    }
}

enum Source {
    /// An address, perhaps of data.
    Url(String),
    Text(String),
    Uploaded,
}

fn source(block: &mut Fields) -> Result<Source> {
    let mut source = block
        .object("source")?
        .ok_or_else(|| bad(&block.at("source"), "is missing"))?;
    Ok(match source.kind()?.as_str() {
        "url" => Source::Url(source.need("url")?),
        "base64" => {
            let (media_type, data): (String, String) =
                (source.need("media_type")?, source.need("data")?);
            Source::Url(format!("data:{media_type};base64,{data}"))
        }
        "text" => Source::Text(source.need("data")?),
        "file" => Source::Uploaded,
        "content" => match source.take("content") {
            Some(text) if text.get().starts_with('"') => {
                Source::Text(parse(text.get().as_bytes(), &source.at("content"))?)
            }
            Some(blocks) => {
                let mut text = String::new();
                for mut block in list(&blocks, &source.at("content"))? {
                    text.push_str(&block.get::<String>("text")?.unwrap_or_default());
                }
                Source::Text(text)
            }
            None => return Err(bad(&source.at("content"), "is missing")),
        },
        other => {
            let why = format!("unknown kind {other:?}");
            return Err(bad(&source.at("type"), why));
        }
    })
}

/// A cache marker: whether it can be said is the wire's to know, and the row's.
pub(super) fn marker(from: &mut Fields, to: &mut Body) {
    if let Some(marker) = from.take("cache_control") {
        to.set("cache_control", marker);
    }
}

fn no_place(kind: &str) -> String {
    format!("a block of type {kind:?} has no place in the provider's format")
}

fn turn_path(content: &str) -> String {
    content.replace(".content", ".role")
}
