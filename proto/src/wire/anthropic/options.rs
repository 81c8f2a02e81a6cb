//! The members of a request that are neither messages nor tools, in the words of the Messages API.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::effort::{Granted, Wish};
use super::generation::Generation;
use super::turns::Conversation;
use crate::chat::body::{Body, raw};
use crate::chat::{Chat, Params, Report, ResponseFormat, Standing, standing};
use crate::error::Result;

/// Puts `max_tokens` and everything that bears on it into the body: thinking, effort, the answer's format, sampling.
pub(super) fn limits(
    chat: &mut Chat,
    generation: Generation,
    said: &Conversation,
    forced_tool: bool,
    body: &mut Body,
    report: &mut Report,
) -> Result<()> {
    let params = &mut chat.params;
    let newer = params.take::<u64>("max_completion_tokens")?;
    let older = params.take::<u64>("max_tokens")?;
    let thinking = params.take_raw("thinking");
    let own = own_thinking(thinking.as_deref());
    let mut thinks = own.thinks();
    if let Some(thinking) = thinking {
        body.set("thinking", thinking);
    }
    let mut max_tokens = newer.or(older).unwrap_or_else(|| {
        let tokens = MAX_TOKENS + own.budget_tokens.unwrap_or(0);
        report.converted(
            "max_tokens",
            format!("the format needs one: {tokens} was sent"),
        );
        tokens
    });
    let mut config: BTreeMap<String, Box<RawValue>> =
        params.take("output_config")?.unwrap_or_default();
    if let Some(effort) = params.take::<String>("reasoning_effort")? {
        let wish = Wish {
            effort: &effort,
            generation,
            said,
            forced_tool,
            own_thinking: body.has("thinking"),
        };
        match wish.granted(report)? {
            Granted::Nothing => {}
            Granted::Off => body.say("thinking", &json!({ "type": "disabled" }))?,
            Granted::Effort { effort, adaptive } => {
                config.entry("effort".into()).or_insert(raw(&effort)?);
                if adaptive {
                    thinks = true;
                    body.say("thinking", &json!({ "type": "adaptive" }))?;
                }
            }
            Granted::Budget(budget) => {
                thinks = true;
                body.say(
                    "thinking",
                    &json!({ "type": "enabled", "budget_tokens": budget }),
                )?;
                if max_tokens <= budget {
                    max_tokens += budget;
                    let why = format!(
                        "must exceed the {budget} tokens of thinking: {max_tokens} was sent"
                    );
                    report.converted("max_tokens", why);
                }
            }
        }
    }
    format(chat.response_format.take(), generation, &mut config, report)?;
    if !config.is_empty() {
        body.say("output_config", &config)?;
    }
    body.say("max_tokens", &max_tokens)?;
    sampling(params, generation, thinks, body, report)
}

/// What concerns us of the `thinking` that the caller wrote in the format's own words.
#[derive(Default, Deserialize)]
struct OwnThinking {
    #[serde(rename = "type")]
    kind: Option<String>,
    budget_tokens: Option<u64>,
}

impl OwnThinking {
    fn thinks(&self) -> bool {
        let kind = self.kind.as_deref();
        kind.is_some_and(|kind| kind != "disabled")
    }
}

/// Whether the caller asks for thinking in the format's own words, which allows no forced tool.
pub(super) fn thinks(params: &Params) -> bool {
    own_thinking(params.raw("thinking")).thinks()
}

/// What is malformed is the provider's to refuse.
fn own_thinking(written: Option<&RawValue>) -> OwnThinking {
    written
        .and_then(|json| serde_json::from_str(json.get()).ok())
        .unwrap_or_default()
}

fn format(
    format: Option<ResponseFormat>,
    generation: Generation,
    config: &mut BTreeMap<String, Box<RawValue>>,
    report: &mut Report,
) -> Result<()> {
    match format {
        None | Some(ResponseFormat::Text) => Ok(()),
        Some(ResponseFormat::JsonSchema { schema, .. })
            if generation.structured || report.passes() =>
        {
            let format = json!({ "type": "json_schema" });
            let mut members: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
            members.insert("type", raw(&format["type"])?);
            members.insert("schema", schema);
            config.entry("format".into()).or_insert(raw(&members)?);
            Ok(())
        }
        Some(ResponseFormat::JsonSchema { .. }) => {
            report.dropped("response_format", "this model has no structured outputs")
        }
        Some(ResponseFormat::JsonObject) => report.dropped(
            "response_format",
            "JSON without a schema cannot be asked of this model",
        ),
        Some(ResponseFormat::Foreign(kind)) => {
            report.dropped("response_format", format!("{kind:?} is not known there"))
        }
    }
}

fn sampling(
    params: &mut Params,
    generation: Generation,
    thinks: bool,
    body: &mut Body,
    report: &mut Report,
) -> Result<()> {
    let mut taken = Vec::new();
    for name in ["temperature", "top_p", "top_k"] {
        taken.extend(params.take_raw(name).map(|value| (name, value)));
    }
    for (name, value) in taken {
        let number: f64 = value.get().parse().unwrap_or_default();
        // Both models' defaults: saying them says nothing.
        let neutral = name != "top_k" && number == 1.0;
        if report.passes() {
            body.set(name, value);
        } else if neutral && (!generation.sampling || name == "top_p") {
            continue;
        } else if !generation.sampling {
            report.dropped(name, "this model takes no sampling parameters")?;
        } else if thinks && !neutral && !(name == "top_p" && number >= 0.95) {
            // Docs "Extended thinking", feature compatibility.
            report.dropped(name, "cannot be combined with thinking there")?;
        } else if name == "top_p" && body.has("temperature") && !generation.both_sampling {
            report.dropped(name, "this model takes temperature or top_p, not both")?;
        } else if name == "temperature" && number > 1.0 {
            report.clamped(name, "at most 1 there")?;
            body.say(name, &1)?;
        } else {
            body.set(name, value);
        }
    }
    Ok(())
}

/// Puts what is left into the body: what has a name of its own there, what nobody here knows, and nothing else.
pub(super) fn rest(params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    stop(params, body, report)?;
    user(params, body, report)?;
    service_tier(params, body, report)?;
    for (name, value) in std::mem::take(params).rest() {
        match standing(&name, &value) {
            Standing::Neutral => {}
            Standing::Known if !report.passes() => {
                report.dropped(name, "has no equal in the Messages format")?;
            }
            _ if body.has(&name) => {
                report.dropped(name.clone(), "is already said by another member")?;
            }
            Standing::Known | Standing::Foreign => body.set(&name, value),
        }
    }
    Ok(())
}

fn stop(params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    let mut stop = params.take_strings("stop")?;
    let all = stop.len();
    // The API refuses a sequence of blanks.
    stop.retain(|text| !text.trim().is_empty());
    if stop.len() < all {
        report.dropped("stop", "a sequence of blanks is not taken there")?;
    }
    if !stop.is_empty() {
        body.say("stop_sequences", &stop)?;
    }
    Ok(())
}

fn user(params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    let user = params.take::<String>("user")?;
    let id = params.take::<String>("safety_identifier")?.or(user);
    let written: Option<BTreeMap<String, Value>> = params.take("metadata")?;
    let mut metadata = written.unwrap_or_default();
    let own = metadata
        .remove("user_id")
        .and_then(|id| id.as_str().map(str::to_string));
    if !metadata.is_empty() {
        report.dropped("metadata", "only user_id is taken there")?;
    }
    if let Some(id) = own.or(id) {
        body.say("metadata", &json!({ "user_id": id }))?;
    }
    Ok(())
}

/// Anthropic docs "Service tiers": `auto` uses priority capacity where it was bought, `standard_only` never.
fn service_tier(params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    let Some(tier) = params.take::<String>("service_tier")? else {
        return Ok(());
    };
    let said = match tier.as_str() {
        "auto" | "standard_only" => tier.as_str(),
        "default" => "standard_only",
        "priority" => "auto",
        _ if report.passes() => tier.as_str(),
        _ => return report.dropped("service_tier", format!("{tier:?} is not offered there")),
    };
    if said != tier {
        report.converted("service_tier", format!("{said} was sent"));
    }
    body.say("service_tier", &said)
}

/// The format needs `max_tokens`. Every model that is still served writes at least this much; thinking counts, too.
const MAX_TOKENS: u64 = 8192;
