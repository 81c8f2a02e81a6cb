//! The members of a request that are neither messages nor tools: most of them are `options` of the model.

use crate::chat::body::{Body, Members};
use crate::chat::{Params, Report, Standing, standing};
use crate::error::Result;

/// Puts them into the body.
pub(super) fn options(params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    let own = params.take::<Members>("options")?;
    let mut options = Body::default();
    let newer = params.take_raw("max_completion_tokens");
    let older = params.take_raw("max_tokens");
    if let Some(limit) = newer.or(older) {
        options.set("num_predict", limit);
    }
    let stop = params.take_strings("stop")?;
    if !stop.is_empty() {
        options.say("stop", &stop)?;
    }
    think(params, body, report)?;
    for (name, value) in std::mem::take(params).rest() {
        if OF_THE_MODEL.contains(&name.as_str()) {
            options.set(&name, value);
            continue;
        }
        // The API has these two beside the options.
        let has = matches!(name.as_str(), "logprobs" | "top_logprobs");
        match standing(&name, &value) {
            Standing::Neutral => {}
            Standing::Known if !has && !report.passes() => {
                report.dropped(name, "has no equal in Ollama's format")?;
            }
            _ if body.has(&name) => {
                report.dropped(name, "is already said by another member")?;
            }
            Standing::Known | Standing::Foreign => body.set(&name, value),
        }
    }
    for (name, value) in own.map(|members| members.0).unwrap_or_default() {
        options.set(&name, value);
    }
    if !options.is_empty() {
        body.say("options", &options)?;
    }
    Ok(())
}

/// `reasoning_effort` in the words of `think`: off, or one of four levels. A `think` of the caller's own goes first.
fn think(params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    let own = params.take_raw("think");
    let effort = params.take::<String>("reasoning_effort")?;
    if let Some(own) = own {
        body.set("think", own);
        return match effort {
            None => Ok(()),
            Some(_) => report.dropped("reasoning_effort", "is already said by `think`"),
        };
    }
    let Some(effort) = effort else {
        return Ok(());
    };
    let level = match effort.as_str() {
        "none" => return body.say("think", &false),
        "low" | "medium" | "high" | "max" => effort.as_str(),
        "minimal" => "low",
        "xhigh" => "max",
        _ => {
            let why = format!("{effort:?} is no level there");
            return report.dropped("reasoning_effort", why);
        }
    };
    if level != effort {
        report.converted("reasoning_effort", format!("{level} was sent"));
    }
    body.say("think", &level)
}

/// What the API takes among its `options` (openapi.yaml, `ModelOptions`; docs/api.md, "Generate request (With options)"). Beside
/// them it would be ignored without a word.
const OF_THE_MODEL: &[&str] = &[
    "frequency_penalty",
    "min_p",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "num_ctx",
    "num_keep",
    "num_predict",
    "presence_penalty",
    "repeat_last_n",
    "repeat_penalty",
    "seed",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
];
