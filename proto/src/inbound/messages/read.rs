//! A Messages request in our own words. For another format's provider: to one of this format it goes as it came.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::blocks::{self, Turns};
use crate::chat::body::{Body, raw};
use crate::chat::{Report, bad};
use crate::error::Result;
use crate::inbound::fields::Fields;
use crate::inbound::{Asked, Taker};
use crate::request::Request;

pub(super) fn read(body: &Bytes, taker: Taker<'_>) -> Result<Asked> {
    let mut fields = Fields::read(body, "")?;
    let mut report = Report::new(taker.unsupported);
    let mut said = Body::default();
    if let Some(model) = fields.take("model") {
        said.set("model", model);
    }
    let mut turns = Turns::default();
    if let Some(system) = fields.take("system") {
        turns.system(&system, &mut report)?;
    }
    for turn in fields.objects("messages")? {
        turns.turn(turn, &mut report)?;
    }
    said.say("messages", &turns.finish())?;
    let tools = tools(&mut fields, &mut report)?;
    if !tools.is_empty() {
        said.say("tools", &tools)?;
    }
    choice(&mut fields, !tools.is_empty(), &mut said, &mut report)?;
    for (theirs, ours) in [
        ("max_tokens", "max_tokens"),
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("stop_sequences", "stop"),
    ] {
        if let Some(value) = fields.take(theirs) {
            said.set(ours, value);
        }
    }
    if !is_strict(taker.wire)
        && let Some(value) = fields.take("top_k")
    {
        said.set("top_k", value);
    }
    if let Some(mut metadata) = fields.object("metadata")? {
        if let Some(user) = metadata.take("user_id") {
            said.set("user", user);
        }
        metadata.rest(&[], UNKNOWN, &mut report)?;
    }
    match fields.get::<String>("service_tier")?.as_deref() {
        // What every service does unasked.
        None | Some("auto") => {}
        Some("standard_only") => said.say("service_tier", &"default")?,
        Some(tier) => report.dropped("service_tier", format!("{tier:?} is not offered there"))?,
    }
    thinking(&mut fields, &mut said, &mut report)?;
    let stream = fields.get::<bool>("stream")?.unwrap_or(false);
    said.say("stream", &stream)?;
    fields.rest(&[], UNKNOWN, &mut report)?;
    Ok(Asked {
        request: Request::parse(said.into_bytes())?,
        dropped: report.finish(),
    })
}

fn tools(fields: &mut Fields, report: &mut Report) -> Result<Vec<Body>> {
    let mut tools = Vec::new();
    for mut tool in fields.objects("tools")? {
        let kind = tool.kind()?;
        if !matches!(kind.as_str(), "" | "custom") {
            let why = format!("{kind} runs at Anthropic alone");
            report.dropped(tool.path(), why)?;
            continue;
        }
        let mut function = Body::default();
        function.say("name", &tool.need::<String>("name")?)?;
        for (theirs, ours) in [
            ("description", "description"),
            ("input_schema", "parameters"),
            ("strict", "strict"),
        ] {
            if let Some(value) = tool.take(theirs) {
                function.set(ours, value);
            }
        }
        let mut said = Body::default();
        said.say("type", &"function")?;
        said.say("function", &function)?;
        blocks::marker(&mut tool, &mut said);
        tool.rest(&[], UNKNOWN, report)?;
        tools.push(said);
    }
    Ok(tools)
}

fn choice(fields: &mut Fields, any: bool, said: &mut Body, report: &mut Report) -> Result<()> {
    let Some(mut choice) = fields.object("tool_choice")? else {
        return Ok(());
    };
    let kind = choice.kind()?;
    let parallel = !choice
        .get::<bool>("disable_parallel_tool_use")?
        .unwrap_or(false);
    let value: Value = match kind.as_str() {
        "auto" => json!("auto"),
        "any" => json!("required"),
        "none" => json!("none"),
        "tool" => {
            let name: String = choice.need("name")?;
            json!({"type": "function", "function": {"name": name}})
        }
        other => {
            let why = format!("expected auto, any, tool or none, found {other:?}");
            return Err(bad(&choice.at("type"), why));
        }
    };
    // Without tools there is nothing to choose from; a tool of Anthropic's own may have been all there was.
    if any {
        said.say("tool_choice", &value)?;
        if !parallel {
            said.say("parallel_tool_calls", &false)?;
        }
    }
    choice.rest(&[], UNKNOWN, report)
}

/// How much to think and what the answer must look like.
fn thinking(fields: &mut Fields, said: &mut Body, report: &mut Report) -> Result<()> {
    let mut effort: Option<String> = None;
    let mut format: Option<Fields> = fields.object("output_format")?;
    if let Some(mut config) = fields.object("output_config")? {
        effort = config.get("effort")?;
        format = config.object("format")?.or(format);
        config.rest(&[], UNKNOWN, report)?;
    }
    if let Some(mut thinking) = fields.object("thinking")? {
        let kind = thinking.kind()?;
        let budget: Option<u64> = thinking.get("budget_tokens")?;
        thinking.rest(&["display"], UNKNOWN, report)?;
        match (kind.as_str(), budget) {
            ("disabled", _) => effort = None,
            (_, Some(budget)) if effort.is_none() => {
                // What the other direction makes of these words, turned around.
                let word = match budget {
                    0..=1024 => "minimal",
                    1025..=2048 => "low",
                    2049..=8192 => "medium",
                    _ => "high",
                };
                effort = Some(word.to_owned());
                report.converted("thinking", format!("reasoning_effort {word} was asked for"));
            }
            _ if effort.is_none() => {
                effort = Some("medium".to_owned());
                report.converted("thinking", "reasoning_effort medium was asked for");
            }
            _ => {}
        }
    }
    if let Some(effort) = effort {
        said.say("reasoning_effort", &effort)?;
    }
    let Some(mut format) = format else {
        return Ok(());
    };
    match format.kind()?.as_str() {
        "json_schema" => {
            let mut schema = Body::default();
            schema.say("name", &"answer")?;
            schema.set("schema", format.need::<Box<RawValue>>("schema")?);
            schema.say("strict", &true)?;
            let mut value = Body::default();
            value.say("type", &"json_schema")?;
            value.say("json_schema", &schema)?;
            said.set("response_format", raw(&value)?);
        }
        other => report.dropped(format.at("type"), format!("{other:?} is not known there"))?,
    }
    format.rest(&["name"], UNKNOWN, report)
}

/// Why a member of this format is left out.
pub(super) const UNKNOWN: &str = "has no equal in the provider's format";

/// Whether it is a wire whose servers refuse members that they do not know.
fn is_strict(wire: &str) -> bool {
    wire.starts_with("openai_") || wire == "azure_openai"
}
