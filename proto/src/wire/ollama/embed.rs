//! Vectors: `/api/embed` (docs/api.md, "Generate embeddings"). What the older `/api/embeddings` answers is heard, too: servers that
//! speak for Ollama still send it.

use crate::chat::Report;
use crate::chat::body::Body;
use crate::error::Result;
use crate::event::Usage;
use crate::json::{Cursor, Kind};
use crate::operation::embeddings::{List, counted};
use crate::operation::wish::Wish;
use crate::operation::{Answer, Said, lacks, readable};
use crate::request::Request;
use crate::wire::{Encoded, Target};

/// Says the request.
pub(super) fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let (mut wish, mut report) = (Wish::read(request)?, Report::new(target.unsupported));
    let mut body = Body::default();
    body.say("model", &target.model)?;
    body.say("input", &wish.texts()?)?;
    wish.numbers(&mut report)?;
    let place = format!("{}/api/embed", target.base_url);
    wish.post_vectors(body, target, report, &place)
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
