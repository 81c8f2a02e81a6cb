//! Rankings: `/v2/rerank` and `/v1/rerank` (docs.cohere.com, "Rerank", read 2026-11-21).

use serde_json::value::RawValue;

use super::usage::usage;
use crate::chat::body::Body;
use crate::chat::{Report, bad};
use crate::error::Result;
use crate::event::Usage;
use crate::operation::embeddings::counted;
use crate::operation::rerank::document_text;
use crate::operation::wish::Wish;
use crate::operation::{Answer, Said, rerank};
use crate::request::Request;
use crate::wire::{Encoded, Target};

/// Says a request of version 2, whose documents are texts.
pub(super) fn say_v2(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let (mut wish, mut report) = (Wish::read_loose(request)?, Report::new(target.unsupported));
    let mut body = Body::default();
    if let Some(documents) = wish.params.take_raw("documents") {
        body.say("documents", &texts(&documents, &mut report)?)?;
    }
    if wish
        .params
        .take_raw("return_documents")
        .is_some_and(|said| said.get() == "true")
    {
        report.dropped(
            "return_documents",
            "this version of the API gives places alone",
        )?;
    }
    body.say("model", &target.model)?;
    let place = format!("{}/v2/rerank", target.base_url);
    wish.post(body, target, report, &place)
}

/// Says a request of version 1.
pub(super) fn say_v1(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let report = Report::new(target.unsupported);
    let mut body = Body::default();
    body.say("model", &target.model)?;
    let place = format!("{}/v1/rerank", target.base_url);
    Wish::read_loose(request)?.post(body, target, report, &place)
}

fn texts(documents: &RawValue, report: &mut Report) -> Result<Vec<String>> {
    let list: Vec<&RawValue> =
        serde_json::from_str(documents.get()).map_err(|error| bad("documents", error))?;
    let mut texts = Vec::with_capacity(list.len());
    for (number, document) in list.iter().enumerate() {
        let json = document.get();
        if json.starts_with('{') {
            report.converted(format!("documents[{number}]"), "said as a text");
        }
        texts.push(document_text(json).unwrap_or_else(|| json.to_owned()));
    }
    Ok(texts)
}

/// Hears the answer of either version.
pub(super) fn hear(answer: &Answer<'_>) -> Result<Said> {
    rerank::hear(answer, |key, json| match key {
        b"meta" => Ok(usage(json)?.map(counted)),
        _ => Ok(None::<Usage>),
    })
}
