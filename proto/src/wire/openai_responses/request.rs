//! The body of `/responses`, out of a Chat Completions request.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;
use serde_json::value::RawValue;

use super::{input, tools};
use crate::chat::body::{Body, raw};
use crate::chat::{Chat, Params, Report, ResponseFormat, Standing, Unsaid, standing};
use crate::error::Result;
use crate::request::Request;
use crate::wire::{Dropped, Target};

/// The body of a request, and what did not fit.
pub(super) fn body(request: &Request, target: &Target<'_>) -> Result<(Bytes, Vec<Dropped>)> {
    let mut report = Report::new(target.unsupported);
    let mut chat = Chat::read(request)?;
    chat.leave_out(&[Unsaid::CacheMarkers, Unsaid::Failures], &mut report)?;
    let mut body = Body::default();
    body.say("model", &target.model)?;
    let messages = std::mem::take(&mut chat.messages);
    body.say("input", &input::items(messages, target, &mut report)?)?;
    tools::tools(&mut chat, &mut body, &mut report)?;
    text(&mut chat, &mut body, &mut report)?;
    limit(&mut chat.params, &mut body, &mut report)?;
    let reasons = reasoning(&mut chat.params, target.model, &mut body, &mut report)?;
    let keeps = store(&mut chat.params, &mut body)?;
    include(&mut chat.params, reasons && !keeps, &mut body)?;
    rest(&mut chat.params, &mut body, &mut report)?;
    if target.stream {
        body.say("stream", &true)?;
    }
    let own = chat.extra_body.as_deref().map(|json| json.get().as_bytes());
    for extra in [own, target.extra_body].into_iter().flatten() {
        body.merge(extra)?;
    }
    Ok((body.into_bytes().into(), report.finish()))
}

/// `text`: the answer's format and how wordy it is.
fn text(chat: &mut Chat, body: &mut Body, report: &mut Report) -> Result<()> {
    let mut text: BTreeMap<String, Box<RawValue>> = chat.params.take("text")?.unwrap_or_default();
    let mut format = Body::default();
    match chat.response_format.take() {
        None => {}
        Some(ResponseFormat::Text) => format.say("type", &"text")?,
        Some(ResponseFormat::JsonObject) => format.say("type", &"json_object")?,
        Some(ResponseFormat::JsonSchema {
            name,
            schema,
            strict,
            description,
        }) => {
            format.say("type", &"json_schema")?;
            format.say("name", &name.as_deref().unwrap_or("answer"))?;
            if let Some(description) = description {
                format.say("description", &description)?;
            }
            format.set("schema", schema);
            if let Some(strict) = strict {
                format.say("strict", &strict)?;
            }
        }
        Some(ResponseFormat::Foreign(kind)) => {
            report.dropped("response_format", format!("{kind:?} is not known there"))?;
        }
    }
    if !format.is_empty() {
        text.entry("format".into()).or_insert(raw(&format)?);
    }
    if let Some(verbosity) = chat.params.take_raw("verbosity") {
        text.entry("verbosity".into()).or_insert(verbosity);
    }
    if text.is_empty() {
        return Ok(());
    }
    body.say("text", &text)
}

fn limit(params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    let newer = params.take::<u64>("max_completion_tokens")?;
    let older = params.take::<u64>("max_tokens")?;
    let Some(limit) = newer.or(older) else {
        return Ok(());
    };
    let fit = if report.passes() {
        limit
    } else {
        limit.max(LIMIT_MIN)
    };
    if fit != limit {
        report.clamped("max_tokens", format!("at least {LIMIT_MIN} there"))?;
    }
    body.say("max_output_tokens", &fit)
}

/// API reference, "Create a model response", `max_output_tokens`: smaller ones are refused.
const LIMIT_MIN: u64 = 16;

/// `reasoning`: the caller's own with the effort of Chat Completions. Says whether the model is going to reason, as far as one can know.
fn reasoning(
    params: &mut Params,
    model: &str,
    body: &mut Body,
    report: &mut Report,
) -> Result<bool> {
    let own: Option<BTreeMap<String, Box<RawValue>>> = params.take("reasoning")?;
    let mut said = own.unwrap_or_default();
    if let Some(effort) = params.take_raw("reasoning_effort") {
        if said.contains_key("effort") {
            report.dropped("reasoning_effort", "is already said by `reasoning`")?;
        } else {
            said.insert("effort".into(), effort);
        }
    }
    if said.is_empty() {
        return Ok(reasons(model));
    }
    body.say("reasoning", &said)?;
    Ok(true)
}

/// Whether a model of this name is known to reason. Models that do not refuse to be asked for encrypted reasoning (error of the API:
/// "Encrypted content is not supported with this model").
fn reasons(model: &str) -> bool {
    let name = model
        .rsplit('/')
        .next()
        .unwrap_or(model)
        .to_ascii_lowercase();
    let name = name.strip_prefix("openai.").unwrap_or(&name);
    let generation = name.strip_prefix("gpt-").and_then(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<u32>().ok()
    });
    match generation {
        Some(generation) => generation >= 5 && !name.contains("-chat"),
        None => ["o1", "o3", "o4", "codex"]
            .iter()
            .any(|known| name.starts_with(known)),
    }
}

/// A Chat Completion is not stored unless that is asked for; a response is stored unless that is declined. Says whether it is.
fn store(params: &mut Params, body: &mut Body) -> Result<bool> {
    let store = params.take::<bool>("store")?;
    // Both of these are kept at the provider, which refuses them otherwise.
    let kept = ["conversation", "background"].map(|name| params.has(name));
    if store.is_none() && kept.contains(&true) {
        return Ok(true);
    }
    let store = store.unwrap_or(false);
    body.say("store", &store)?;
    Ok(store)
}

/// `include`: the caller's own, and what else must be asked for by name. What is not stored comes back with the conversation, so the
/// model's earlier reasoning must be in it, encrypted.
fn include(params: &mut Params, encrypted: bool, body: &mut Body) -> Result<()> {
    let mut include = params.take_strings("include")?;
    let logprobs = params.take::<bool>("logprobs")? == Some(true);
    let wanted = [
        (encrypted, "reasoning.encrypted_content"),
        (logprobs, "message.output_text.logprobs"),
    ];
    for (wanted, name) in wanted {
        if wanted && !include.iter().any(|said| said == name) {
            include.push(name.to_owned());
        }
    }
    if include.is_empty() {
        return Ok(());
    }
    body.say("include", &include)
}

/// What both formats call by the same name, what nobody here knows, and nothing else.
fn rest(params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    if let Some(options) = params.take_raw("web_search_options") {
        web_search(&options, body, report)?;
    }
    for (name, value) in std::mem::take(params).rest() {
        let known = standing(&name, &value);
        if SAME.contains(&name.as_str()) {
            body.set(&name, value);
            continue;
        }
        match known {
            Standing::Neutral => {}
            Standing::Known if !report.passes() => {
                report.dropped(name, "has no equal in the Responses format")?;
            }
            _ if body.has(&name) => {
                report.dropped(name, "is already said by another member")?;
            }
            Standing::Known | Standing::Foreign => body.set(&name, value),
        }
    }
    Ok(())
}

/// API reference, "Create chat completion" and "Create a model response": members that mean the same in both.
const SAME: &[&str] = &[
    "metadata",
    "moderation",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "temperature",
    "top_logprobs",
    "top_p",
    "user",
];

/// What is an option of Chat Completions' search models is a tool here.
fn web_search(options: &RawValue, body: &mut Body, report: &mut Report) -> Result<()> {
    let mut tool = json!({ "type": "web_search" });
    let options: serde_json::Value = serde_json::from_str(options.get()).unwrap_or_default();
    if let Some(size) = options.get("search_context_size") {
        tool["search_context_size"] = size.clone();
    }
    if let Some(place) = options
        .get("user_location")
        .and_then(|place| place.get("approximate"))
    {
        tool["user_location"] = place.clone();
        if tool["user_location"].is_object() {
            tool["user_location"]["type"] = "approximate".into();
        }
    }
    report.converted("web_search_options", "searching the web is a tool there");
    body.append("tools", &tool)
}
