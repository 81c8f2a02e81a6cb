//! Vectors: `/api/embed` (docs/api.md, "Generate embeddings"). What the older `/api/embeddings` answers is heard, too: servers that
//! speak for Ollama still send it.

use crate::chat::Report;
use crate::chat::body::Body;
use crate::error::Result;
use crate::event::Usage;
use crate::json::{Cursor, Kind};
use crate::operation::embeddings::{List, counted};
use crate::operation::wish::{Input, Wish, unsupported};
use crate::operation::{Answer, Said, lacks, readable};
use crate::request::Request;
use crate::wire::{Encoded, Target, post};

/// Says the request.
pub(super) fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let (mut wish, mut report) = (Wish::read(request)?, Report::new(target.unsupported));
    let mut body = Body::default();
    body.say("model", &target.model)?;
    let inputs = wish.inputs()?.into_iter().map(|input| match input {
        Input::Text(text) => Ok(text),
        Input::Own(_) => Err(unsupported("input: the provider takes texts")),
    });
    let inputs: Vec<String> = inputs.collect::<Result<_>>()?;
    body.say("input", &inputs)?;
    if wish.is_packed()? {
        report.dropped("encoding_format", "the provider sends numbers")?;
    }
    wish.drop_foreign(&mut report)?;
    let body = wish.finish(body, target)?;
    let url = format!("{}/api/embed", target.base_url);
    Ok(Encoded {
        http: post(&url, "application/json", body)?,
        dropped: report.finish(),
    })
}

/// Hears the answer.
pub(super) fn hear(answer: &Answer<'_>) -> Result<Said> {
    let mut said = Said::default();
    let mut list = List::begin(answer.body.len());
    let mut found = false;
    let mut cursor = Cursor::new(answer.body);
    cursor.object(|key, cursor| {
        match (key, cursor.kind()?) {
            (b"model", _) => said.model = cursor.text()?.map(|model| model.owned()),
            (b"embeddings", Kind::Array) => {
                found = true;
                cursor.array(|cursor| {
                    list.push(cursor.raw()?);
                    Ok(())
                })?;
            }
            (b"embedding", Kind::Array) => {
                found = true;
                list.push(cursor.raw()?);
            }
            (b"prompt_eval_count", _) => {
                said.usage = cursor.count()?.map(|count| {
                    counted(Usage {
                        prompt_tokens: Some(count),
                        ..Usage::default()
                    })
                });
            }
            _ => {}
        }
        Ok(())
    })?;
    cursor.end()?;
    if !found {
        return Err(lacks("vectors"));
    }
    said.result = readable(list.end(said.model.as_deref(), said.usage.as_ref()));
    Ok(said)
}
