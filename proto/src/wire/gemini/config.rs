//! The members of a request that are neither messages nor tools: most of them belong to `generationConfig`.

use std::collections::BTreeMap;

use serde_json::json;
use serde_json::value::RawValue;

use super::generation::Generation;
use super::thinking::thinking;
use crate::chat::body::{Body, Members};
use crate::chat::{Chat, Params, Report, ResponseFormat, Standing, standing};
use crate::error::Result;

/// Puts them into the body.
pub(super) fn config(
    chat: &mut Chat,
    generation: Generation,
    body: &mut Body,
    report: &mut Report,
) -> Result<()> {
    let params = &mut chat.params;
    let own = params.take::<Members>("generationConfig")?;
    let mut config = Body::default();
    let newer = params.take_raw("max_completion_tokens");
    let older = params.take_raw("max_tokens");
    if let Some(limit) = newer.or(older) {
        config.set("maxOutputTokens", limit);
    }
    for (name, theirs) in SAME {
        if let Some(value) = params.take_raw(name) {
            config.set(theirs, value);
        }
    }
    // One is what happens anyway.
    if let Some(n) = params.take_raw("n").filter(|n| n.get() != "1") {
        config.set("candidateCount", n);
    }
    let stop = params.take_strings("stop")?;
    if !stop.is_empty() {
        config.say("stopSequences", &stop)?;
    }
    logprobs(params, &mut config)?;
    modalities(params, &mut config, report)?;
    if let Some(effort) = params.take::<String>("reasoning_effort")?
        && let Some(thinking) = thinking(&effort, generation, report)?
    {
        config.say("thinkingConfig", &thinking)?;
    }
    format(chat.response_format.take(), &mut config, report)?;
    for (name, value) in own.map(|members| members.0).unwrap_or_default() {
        config.set(&name, value);
    }
    if !config.is_empty() {
        body.say("generationConfig", &config)?;
    }
    rest(&mut chat.params, body, report)
}

/// Chat Completions' name and the API's, where the value is the same.
const SAME: &[(&str, &str)] = &[
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
];

fn logprobs(params: &mut Params, config: &mut Body) -> Result<()> {
    let asked = params.take::<bool>("logprobs")? == Some(true);
    let top = params.take_raw("top_logprobs");
    if asked {
        config.say("responseLogprobs", &true)?;
        if let Some(top) = top.filter(|top| top.get() != "0") {
            config.set("logprobs", top);
        }
    }
    Ok(())
}

/// What the answer is made of: `modalities`, and the voice of `audio`.
fn modalities(params: &mut Params, config: &mut Body, report: &mut Report) -> Result<()> {
    let asked: Option<Vec<String>> = params.take("modalities")?;
    let audio: Option<BTreeMap<String, Box<RawValue>>> = params.take("audio")?;
    if let Some(asked) = asked
        && asked != ["text"]
    {
        let names: Vec<String> = asked.iter().map(|name| name.to_ascii_uppercase()).collect();
        config.say("responseModalities", &names)?;
    }
    let Some(mut audio) = audio else {
        return Ok(());
    };
    if let Some(name) = audio.remove("voice") {
        let voice: BTreeMap<_, _> = [("voiceName", name)].into();
        let voice = json!({ "voiceConfig": { "prebuiltVoiceConfig": voice } });
        config.say("speechConfig", &voice)?;
    }
    match audio.is_empty() {
        true => Ok(()),
        false => report.dropped("audio", "of sound only the voice can be chosen there"),
    }
}

fn format(format: Option<ResponseFormat>, config: &mut Body, report: &mut Report) -> Result<()> {
    const JSON: &str = "application/json";
    match format {
        None | Some(ResponseFormat::Text) => Ok(()),
        Some(ResponseFormat::JsonObject) => config.say("responseMimeType", &JSON),
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            config.say("responseMimeType", &JSON)?;
            // JSON Schema; `responseSchema` would be the subset of OpenAPI.
            config.set("responseJsonSchema", schema);
            Ok(())
        }
        Some(ResponseFormat::Foreign(kind)) => {
            report.dropped("response_format", format!("{kind:?} is not known there"))
        }
    }
}

/// What is left: what nobody here knows goes into the body.
fn rest(params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    for (name, value) in std::mem::take(params).rest() {
        match standing(&name, &value) {
            Standing::Neutral => {}
            Standing::Known if !report.passes() => {
                report.dropped(name, "has no equal in Gemini's format")?;
            }
            _ if name == "toolConfig" && body.has(&name) => {
                report.dropped("tool_choice", "is already said by `toolConfig`")?;
                body.set(&name, value);
            }
            _ if name == "tools" || name == "contents" || body.has(&name) => {
                report.dropped(name, "is already said by another member")?;
            }
            Standing::Known | Standing::Foreign => body.set(&name, value),
        }
    }
    Ok(())
}
