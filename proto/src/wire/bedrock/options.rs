//! The members of a request that are neither messages nor tools, in Converse's words.

use serde_json::json;
use serde_json::value::RawValue;

use super::reasoning::Wish;
use crate::chat::body::{Body, Members};
use crate::chat::{Chat, Params, Report, Standing, standing};
use crate::error::Result;

/// Puts them into the body.
pub(super) fn options(
    chat: &mut Chat,
    wish: &Wish<'_>,
    body: &mut Body,
    report: &mut Report,
) -> Result<()> {
    let params = &mut chat.params;
    let mut more = Body::default();
    let own = params.take::<Members>("additionalModelRequestFields")?;
    let mut granted = 0;
    if let Some(effort) = params.take::<String>("reasoning_effort")? {
        let said = wish.granted(&effort, report)?;
        granted = said.budget;
        for (name, value) in said.fields {
            more.say(name, &value)?;
        }
    }
    inference(params, granted, body, report)?;
    if let Some(tier) = params.take::<String>("service_tier")?
        && tier != "auto"
    {
        body.say("serviceTier", &json!({ "type": tier }))?;
    }
    if let Some(metadata) = params.take_raw("metadata").filter(|it| it.get() != "{}") {
        body.set("requestMetadata", metadata);
    }
    for (name, value) in std::mem::take(params).rest() {
        if OWN.contains(&name.as_str()) {
            body.set(&name, value);
            continue;
        }
        match standing(&name, &value) {
            Standing::Neutral => {}
            Standing::Known if !report.passes() => {
                report.dropped(name, "has no equal in Converse")?;
            }
            // What only the model knows.
            Standing::Known | Standing::Foreign => more.set(&name, value),
        }
    }
    for (name, value) in own.map(|members| members.0).unwrap_or_default() {
        more.set(&name, value);
    }
    match more.is_empty() {
        true => Ok(()),
        false => body.say("additionalModelRequestFields", &more),
    }
}

/// Members of the API's own, as the caller wrote them (service model, ConverseRequest).
const OWN: &[&str] = &[
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "outputConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
];

/// `inferenceConfig`: how long the answer may be, and how it is drawn. `granted` is what thinking may cost beside it.
fn inference(
    params: &mut Params,
    granted: u64,
    body: &mut Body,
    report: &mut Report,
) -> Result<()> {
    let own = params.take::<Members>("inferenceConfig")?;
    let mut config = Body::default();
    let newer = params.take_raw("max_completion_tokens");
    let older = params.take_raw("max_tokens");
    let limit: Option<Box<RawValue>> = newer.or(older);
    let number = limit
        .as_ref()
        .and_then(|limit| limit.get().parse::<u64>().ok());
    match (number, limit) {
        (Some(limit), _) if limit <= granted => {
            let limit = limit + granted;
            let why = format!("must exceed the {granted} tokens of thinking: {limit} was sent");
            report.converted("max_tokens", why);
            config.say("maxTokens", &limit)?;
        }
        (_, Some(limit)) => config.set("maxTokens", limit),
        (_, None) => {}
    }
    for (name, theirs) in [("temperature", "temperature"), ("top_p", "topP")] {
        let Some(value) = params.take_raw(name) else {
            continue;
        };
        if granted > 0 && value.get().parse() != Ok(1.0) {
            // Anthropic docs "Extended thinking", feature compatibility.
            report.dropped(name, "cannot be combined with thinking there")?;
            continue;
        }
        config.set(theirs, value);
    }
    let stop = params.take_strings("stop")?;
    if !stop.is_empty() {
        config.say("stopSequences", &stop)?;
    }
    for (name, value) in own.map(|members| members.0).unwrap_or_default() {
        config.set(&name, value);
    }
    match config.is_empty() {
        true => Ok(()),
        false => body.say("inferenceConfig", &config),
    }
}
