//! The body of `/v2/chat`.

use serde_json::json;

use super::{messages, params, tools};
use crate::chat::body::{Body, raw};
use crate::chat::{Chat, Report, ResponseFormat, Unsaid};
use crate::error::Result;
use crate::request::Request;
use crate::wire::{Dropped, Target};

/// The body of a request, and what did not fit.
pub(super) fn body(request: &Request, target: &Target<'_>) -> Result<(Vec<u8>, Vec<Dropped>)> {
    let mut report = Report::new(target.unsupported);
    let mut chat = Chat::read(request)?;
    chat.leave_out(&[Unsaid::CacheMarkers, Unsaid::Failures], &mut report)?;
    let mut body = Body::default();
    body.say("model", &target.model)?;
    let messages = std::mem::take(&mut chat.messages);
    let turns = messages::turns(messages, target.provider, &mut report)?;
    body.say("messages", &turns)?;
    tools::tools(&mut chat, &mut body, &mut report)?;
    format(chat.response_format.take(), &mut body, &mut report)?;
    thinking(&mut chat, &mut body, &mut report)?;
    params::params(&mut chat.params, &mut body, &mut report)?;
    body.say("stream", &target.stream)?;
    let own = chat.extra_body.as_deref().map(|json| json.get().as_bytes());
    for extra in [own, target.extra_body].into_iter().flatten() {
        body.merge(extra)?;
    }
    Ok((body.into_bytes(), report.finish()))
}

fn format(format: Option<ResponseFormat>, body: &mut Body, report: &mut Report) -> Result<()> {
    let mut said = Body::default();
    match format {
        None | Some(ResponseFormat::Text) => return Ok(()),
        Some(ResponseFormat::Foreign(kind)) => {
            let why = format!("{kind:?} is not known there");
            return report.dropped("response_format", why);
        }
        Some(ResponseFormat::JsonObject) => said.say("type", &"json_object")?,
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            said.say("type", &"json_object")?;
            said.set("json_schema", schema);
        }
    }
    body.set("response_format", raw(&said)?);
    Ok(())
}

/// `reasoning_effort` in the words of `thinking`, which is on or off. A `thinking` of the caller's own goes first.
fn thinking(chat: &mut Chat, body: &mut Body, report: &mut Report) -> Result<()> {
    let own = chat.params.take_raw("thinking");
    let effort = chat.params.take::<String>("reasoning_effort")?;
    match (own, effort.as_deref()) {
        (None, None) => Ok(()),
        (Some(own), effort) => {
            body.set("thinking", own);
            match effort {
                None => Ok(()),
                Some(_) => report.dropped("reasoning_effort", "is already said by `thinking`"),
            }
        }
        (None, Some("none")) => body.say("thinking", &json!({ "type": "disabled" })),
        (None, Some(_)) => {
            let why = "thinking is on or off there, without degrees";
            report.converted("reasoning_effort", why);
            body.say("thinking", &json!({ "type": "enabled" }))
        }
    }
}
