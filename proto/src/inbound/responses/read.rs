//! A Responses request in our own words. For another format's provider: to one of this format it goes as it came.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::items::Items;
use crate::chat::body::{Body, raw};
use crate::chat::{Report, bad};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::inbound::fields::Fields;
use crate::inbound::{Asked, Taker};
use crate::request::Request;

pub(super) fn read(body: &Bytes, taker: Taker<'_>) -> Result<Asked> {
    let mut fields = Fields::read(body, "")?;
    let mut report = Report::new(taker.unsupported);
    for name in ["previous_response_id", "conversation", "prompt"] {
        if fields.take(name).is_some() {
            return Err(stateless(name));
        }
    }
    if fields.get::<bool>("background")?.unwrap_or(false) {
        return Err(stateless("background"));
    }
    let mut said = Body::default();
    if let Some(model) = fields.take("model") {
        said.set("model", model);
    }
    let mut items = Items::default();
    if let Some(instructions) = fields.get::<String>("instructions")? {
        items.system(&instructions)?;
    }
    let input = fields
        .take("input")
        .ok_or_else(|| bad("input", "is missing"))?;
    items.input(&input, &mut report)?;
    said.say("messages", &items.finish()?)?;
    let tools = tools(&mut fields, &mut report)?;
    if !tools.is_empty() {
        said.say("tools", &tools)?;
    }
    choice(&mut fields, !tools.is_empty(), &mut said, &mut report)?;
    for (theirs, ours) in SAME {
        if let Some(value) = fields.take(theirs) {
            said.set(ours, value);
        }
    }
    if let Some(mut reasoning) = fields.object("reasoning")? {
        if let Some(effort) = reasoning.take("effort") {
            said.set("reasoning_effort", effort);
        }
        // Whatever a model thinks aloud is handed over unasked.
        reasoning.rest(&["summary", "generate_summary"], UNKNOWN, &mut report)?;
    }
    if let Some(text) = fields.object("text")? {
        format(text, &mut said, &mut report)?;
    }
    let stream = fields.get::<bool>("stream")?.unwrap_or(false);
    said.say("stream", &stream)?;
    // `store` is true where it is not said; nothing is stored here, and the answer says so.
    fields.rest(
        &["include", "store", "background", "stream_options"],
        UNKNOWN,
        &mut report,
    )?;
    Ok(Asked {
        request: Request::parse(said.into_bytes())?,
        dropped: report.finish(),
    })
}

/// Members that mean the same, with our name.
const SAME: [(&str, &str); 9] = [
    ("max_output_tokens", "max_completion_tokens"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("parallel_tool_calls", "parallel_tool_calls"),
    ("user", "user"),
    ("safety_identifier", "safety_identifier"),
    ("prompt_cache_key", "prompt_cache_key"),
    ("service_tier", "service_tier"),
    ("metadata", "metadata"),
];

/// The members of the request that its answer repeats, with what they are where nothing was said.
pub(super) fn echo(body: &[u8]) -> Result<Box<str>> {
    const REPEATED: [(&str, &str); 12] = [
        ("instructions", "null"),
        ("max_output_tokens", "null"),
        ("metadata", "{}"),
        ("parallel_tool_calls", "true"),
        ("reasoning", "{\"effort\":null,\"summary\":null}"),
        ("temperature", "null"),
        ("text", "{\"format\":{\"type\":\"text\"}}"),
        ("tool_choice", "\"auto\""),
        ("tools", "[]"),
        ("top_p", "null"),
        ("truncation", "\"disabled\""),
        ("user", "null"),
    ];
    let mut fields = Fields::read(body, "")?;
    let mut text = String::new();
    for (name, absent) in REPEATED {
        let value = fields.take(name);
        let value = value.as_deref().map_or(absent, RawValue::get);
        text.push_str(&format!(",\"{name}\":{}", value.replace(['\n', '\r'], " ")));
    }
    Ok(text.into())
}

fn tools(fields: &mut Fields, report: &mut Report) -> Result<Vec<Body>> {
    let mut tools = Vec::new();
    for mut tool in fields.objects("tools")? {
        let kind = tool.kind()?;
        if kind != "function" {
            report.dropped(
                tool.path(),
                format!("{kind} is a tool of OpenAI's Responses alone"),
            )?;
            continue;
        }
        let mut function = Body::default();
        function.say("name", &tool.need::<String>("name")?)?;
        for name in ["description", "parameters", "strict"] {
            if let Some(value) = tool.take(name) {
                function.set(name, value);
            }
        }
        let mut said = Body::default();
        said.say("type", &"function")?;
        said.say("function", &function)?;
        tool.rest(&[], UNKNOWN, report)?;
        tools.push(said);
    }
    Ok(tools)
}

fn choice(fields: &mut Fields, any: bool, said: &mut Body, report: &mut Report) -> Result<()> {
    let Some(choice) = fields.take("tool_choice") else {
        return Ok(());
    };
    let value: Value = if choice.get().starts_with('"') {
        serde_json::from_str(choice.get()).unwrap_or_default()
    } else {
        let mut choice = Fields::read(choice.get().as_bytes(), "tool_choice")?;
        match choice.kind()?.as_str() {
            "function" => {
                let name: String = choice.need("name")?;
                json!({"type": "function", "function": {"name": name}})
            }
            other => {
                return report.dropped("tool_choice", format!("{other:?} has no equal there"));
            }
        }
    };
    // Without tools there is nothing to choose from.
    if any {
        said.say("tool_choice", &value)
    } else {
        Ok(())
    }
}

fn format(mut text: Fields, said: &mut Body, report: &mut Report) -> Result<()> {
    if let Some(verbosity) = text.take("verbosity") {
        said.set("verbosity", verbosity);
    }
    if let Some(mut format) = text.object("format")? {
        match format.kind()?.as_str() {
            "text" | "" => {}
            "json_object" => said.say("response_format", &json!({"type": "json_object"}))?,
            "json_schema" => {
                let mut schema = Body::default();
                for name in ["name", "description", "schema", "strict"] {
                    if let Some(value) = format.take(name) {
                        schema.set(name, value);
                    }
                }
                let mut value = Body::default();
                value.say("type", &"json_schema")?;
                value.say("json_schema", &schema)?;
                said.set("response_format", raw(&value)?);
            }
            other => report.dropped(format.at("type"), format!("{other:?} is not known there"))?,
        }
        format.rest(&[], UNKNOWN, report)?;
    }
    text.rest(&[], UNKNOWN, report)
}

fn stateless(what: &str) -> Error {
    let message = format!("{what}: earlier answers are not stored here: send the whole input");
    Error::new(ErrorKind::Unsupported, message).with_retry(Retry::Elsewhere)
}

/// Why a member of this format is left out.
pub(super) const UNKNOWN: &str = "has no equal in the provider's format";
