//! A conversation in Mistral's words, where its OpenAPI description (read 2026-11-22) knows other members of messages, parts and
//! tools than OpenAI's.

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{list, object};
use crate::chat::Report;
use crate::chat::body::{Body, raw};
use crate::error::Result;

/// Says messages, tools and how they are answered.
pub(super) fn conversation(body: &mut Body, report: &mut Report) -> Result<()> {
    if let Some(effort) = body.get("reasoning_effort")
        && !matches!(effort.get(), "\"none\"" | "\"high\"" | "null")
    {
        report.clamped("reasoning_effort", "the efforts there are none and high")?;
        body.say("reasoning_effort", &"high")?;
    }
    if let Some(temperature) = body.get("temperature")
        && temperature
            .get()
            .parse()
            .is_ok_and(|number: f64| number > 1.5)
    {
        report.clamped("temperature", "at most 1.5 there")?;
        body.say("temperature", &1.5)?;
    }
    if let Some(tools) = body.get("tools").filter(|it| it.get() != "null") {
        let mut said = Vec::new();
        for (number, json) in list(&tools, "tools")?.into_iter().enumerate() {
            said.extend(tool(&json, format!("tools[{number}]"), report)?);
        }
        body.say("tools", &said)?;
    }
    if let Some(messages) = body.get("messages") {
        let messages = list(&messages, "messages")?;
        let (last, mut told) = (messages.len().saturating_sub(1), Told::default());
        let mut said = Vec::with_capacity(messages.len());
        for (number, json) in messages.iter().enumerate() {
            said.push(message(json, number, number == last, &mut told, report)?);
        }
        body.say("messages", &said)?;
    }
    Ok(())
}

/// What was reported of some message: in long conversations the next one is likely to be the same.
#[derive(Default)]
struct Told(Vec<&'static str>);

impl Told {
    fn first(&mut self, what: &'static str) -> bool {
        let first = !self.0.contains(&what);
        if first {
            self.0.push(what);
        }
        first
    }

    fn dropped(&mut self, path: &str, what: &'static str, report: &mut Report) -> Result<()> {
        match self.first(what) {
            true => report.dropped(format!("{path}.{what}"), "the provider does not know it"),
            false => Ok(()),
        }
    }
}

/// A function must have parameters; free text and cache markers are not known.
fn tool(json: &RawValue, path: String, report: &mut Report) -> Result<Option<Box<RawValue>>> {
    if kind(json).as_deref() == Some("custom") {
        report.dropped(path, "tools of free text are not known there")?;
        return Ok(None);
    }
    let unmarked = |name: &str, value, report: &mut Report| match name {
        "cache_control" => {
            report.dropped(format!("{path}.{name}"), "the provider caches by itself")?;
            Ok(None)
        }
        _ => Ok(Some(value)),
    };
    let said = object(json, &path, |name, value, _| {
        if name != "function" {
            return unmarked(name, value, report);
        }
        let mut has_parameters = false;
        let function = object(&value, &path, |name, value, _| {
            has_parameters |= name == "parameters";
            unmarked(name, value, report)
        })?;
        if has_parameters {
            return Ok(Some(function));
        }
        object(&function, &path, |name, value, function| {
            if name == "name" {
                function.say("parameters", &json!({ "type": "object", "properties": {} }))?;
            }
            Ok(Some(value))
        })
        .map(Some)
    })?;
    Ok(Some(said))
}

fn message(
    json: &RawValue,
    number: usize,
    is_last: bool,
    told: &mut Told,
    report: &mut Report,
) -> Result<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Outline {
        role: String,
        #[serde(default)]
        content: Option<Box<RawValue>>,
        #[serde(default)]
        tool_calls: Option<Vec<serde::de::IgnoredAny>>,
    }
    let path = format!("messages[{number}]");
    let outline: Outline =
        serde_json::from_str(json.get()).map_err(|error| crate::chat::bad(&path, error))?;
    let silent = outline
        .content
        .is_none_or(|content| content.get() == "null");
    let said = object(json, &path, |name, value, said| {
        match name {
            // What it refused to say it has said.
            "refusal" if silent && value.get() != "null" => said.set("content", value),
            "content" if value.get() == "null" && said.has("content") => {}
            "content" if value.get().starts_with('[') => {
                let mut parts = Vec::new();
                for json in list(&value, &path)? {
                    parts.push(part(&json, &path, told, report)?);
                }
                said.say("content", &parts)?;
            }
            "name" if outline.role != "tool" => told.dropped(&path, "name", report)?,
            "cache_control" => told.dropped(&path, "cache_control", report)?,
            "refusal" | "audio" | "annotations" => {}
            _ => return Ok(Some(value)),
        }
        Ok(None)
    })?;
    let calls = outline.tool_calls.is_some_and(|calls| !calls.is_empty());
    if !is_last || outline.role != "assistant" || calls {
        return Ok(said);
    }
    // An answer that is begun must be said to be one (docs, "Prefix").
    let mut begun = false;
    object(&said, &path, |name, value, said| {
        begun |= name == "prefix";
        if name == "role" && !begun {
            said.say("prefix", &true)?;
        }
        Ok(Some(value))
    })
}

fn part(
    json: &RawValue,
    path: &str,
    told: &mut Told,
    report: &mut Report,
) -> Result<Box<RawValue>> {
    // What is not written as OpenAI writes it is the provider's own.
    let written: Option<Written> = serde_json::from_str(json.get()).ok();
    let said = match (kind(json).as_deref(), written) {
        (
            Some("file"),
            Some(Written {
                file: Some(file), ..
            }),
        ) => match (file.file_data, file.file_id) {
            (Some(data), _) => {
                let mut said = json!({ "type": "document_url", "document_url": data });
                if let Some(name) = file.filename {
                    said["document_name"] = name.into();
                }
                said
            }
            (None, Some(id)) => json!({ "type": "file", "file_id": id }),
            (None, None) => return Ok(json.to_owned()),
        },
        (
            Some("input_audio"),
            Some(Written {
                input_audio: Some(sound),
                ..
            }),
        ) => {
            json!({ "type": "input_audio", "input_audio": sound.data })
        }
        (
            Some("refusal"),
            Some(Written {
                refusal: Some(text),
                ..
            }),
        ) => {
            json!({ "type": "text", "text": text })
        }
        _ => {
            return object(json, path, |name, value, _| match name {
                "cache_control" => {
                    told.dropped(path, "cache_control", report)?;
                    Ok(None)
                }
                _ => Ok(Some(value)),
            });
        }
    };
    raw(&said)
}

/// A part as OpenAI writes it, as far as Mistral says it otherwise.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    file: Option<File>,
    #[serde(default)]
    input_audio: Option<Sound>,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    file_data: Option<String>,
    #[serde(default)]
    file_id: Option<String>,
    #[serde(default)]
    filename: Option<String>,
}

#[derive(Deserialize)]
struct Sound {
    data: String,
}

fn kind(json: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Kind {
        r#type: String,
    }
    serde_json::from_str(json.get())
        .ok()
        .map(|kind: Kind| kind.r#type)
}
