//! The body of `/v1/chat`.

use super::super::params;
use super::{history, tools};
use crate::chat::body::{Body, raw};
use crate::chat::{Chat, Report, ResponseFormat, Unsaid};
use crate::error::Result;
use crate::request::Request;
use crate::wire::{Dropped, Target};

/// The body of a request, and what did not fit.
pub(in super::super) fn body(
    request: &Request,
    target: &Target<'_>,
) -> Result<(Vec<u8>, Vec<Dropped>)> {
    let mut report = Report::new(target.unsupported);
    let mut chat = Chat::read(request)?;
    chat.leave_out(&[Unsaid::CacheMarkers, Unsaid::Failures], &mut report)?;
    let mut body = Body::default();
    body.say("model", &target.model)?;
    let messages = std::mem::take(&mut chat.messages);
    history::conversation(messages, &mut body, &mut report)?;
    tools::tools(&mut chat, &mut body, &mut report)?;
    format(chat.response_format.take(), &mut body, &mut report)?;
    if chat.params.take::<bool>("logprobs")? == Some(true) {
        report.dropped("logprobs", "has no equal in this version of the format")?;
    }
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
            said.set("schema", schema);
        }
    }
    body.set("response_format", raw(&said)?);
    Ok(())
}
