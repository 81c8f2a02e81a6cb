//! The members of a request that both versions of the format have by the same names.

use crate::chat::body::Body;
use crate::chat::{Params, Report, Standing, standing};
use crate::error::Result;

/// Puts them into the body; last of all, because what is left is reported.
pub(super) fn params(params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    let newer = params.take_raw("max_completion_tokens");
    let older = params.take_raw("max_tokens");
    if let Some(limit) = newer.or(older) {
        body.set("max_tokens", limit);
    }
    let stop = params.take_strings("stop")?;
    if !stop.is_empty() {
        body.say("stop_sequences", &stop)?;
    }
    for (theirs, ours) in [("top_p", "p"), ("top_k", "k")] {
        if let Some(value) = params.take_raw(theirs) {
            body.set(ours, value);
        }
    }
    for name in ["temperature", "seed"] {
        if let Some(value) = params.take_raw(name) {
            body.set(name, value);
        }
    }
    for name in ["frequency_penalty", "presence_penalty"] {
        penalty(name, params, body, report)?;
    }
    if params.take::<bool>("logprobs")? == Some(true) {
        body.say("logprobs", &true)?;
    }
    for (name, value) in std::mem::take(params).rest() {
        match standing(&name, &value) {
            Standing::Neutral => {}
            Standing::Known if !report.passes() => {
                report.dropped(name, "has no equal in Cohere's format")?;
            }
            _ if body.has(&name) => {
                report.dropped(name, "is already said by another member")?;
            }
            Standing::Known | Standing::Foreign => body.set(&name, value),
        }
    }
    Ok(())
}

/// Chat Completions allow -2 to 2, Cohere 0 to 1.
fn penalty(name: &str, params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    let Some(value) = params.take_raw(name) else {
        return Ok(());
    };
    let number = value.get().parse::<f64>().unwrap_or_default();
    let fit = number.clamp(0.0, 1.0);
    if fit == number || report.passes() {
        body.set(name, value);
        return Ok(());
    }
    report.clamped(name, "0 to 1 there")?;
    body.say(name, &fit)
}
