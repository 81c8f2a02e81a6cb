//! How long a conversation is: `countTokens` (references of the Gemini API and of Vertex AI, read 2026-11-21).

use super::{body, gemini_place, vertex_place};
use crate::chat::Report;
use crate::chat::body::{Body, raw};
use crate::error::Result;
use crate::operation::tokens;
use crate::request::Request;
use crate::wire::{Encoded, Target, post};

/// Says a request of the Gemini API, which takes the whole one that would be sent.
pub(super) fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let mut report = Report::new(target.unsupported);
    let place = gemini_place(target);
    let model = place.strip_prefix(target.base_url).unwrap_or(&place);
    let mut asked = Body::default();
    asked.say("model", &model.trim_start_matches('/'))?;
    asked.merge(&body(request, target, &mut report)?)?;
    let mut body = Body::default();
    body.set("generateContentRequest", raw(&asked)?);
    finish(&place, body, report)
}

/// Says a request of Vertex AI, which knows the members that count.
pub(super) fn say_vertex(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let mut report = Report::new(target.unsupported);
    let whole = body(request, target, &mut report)?;
    const COUNTED: &[&str] = &["contents", "systemInstruction", "tools", "generationConfig"];
    let body = tokens::counted(&whole, |name| COUNTED.contains(&name))?;
    finish(&vertex_place(target), body, report)
}

fn finish(place: &str, body: Body, report: Report) -> Result<Encoded> {
    let url = format!("{place}:countTokens");
    Ok(Encoded {
        http: post(&url, "application/json", body.into_bytes())?,
        dropped: report.finish(),
    })
}
