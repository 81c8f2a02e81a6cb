//! Vectors: `batchEmbedContents` of the Gemini API, `predict` of Vertex AI (ai.google.dev, "Embeddings"; cloud.google.com/vertex-ai,
//! "Text embeddings API", read 2026-11-21).

use serde_json::json;

use super::usage::usage;
use super::{gemini_place, vertex_place};
use crate::chat::Report;
use crate::chat::body::{Body, raw};
use crate::error::Result;
use crate::event::Usage;
use crate::json::{Cursor, Kind};
use crate::operation::embeddings::{List, counted};
use crate::operation::wish::{Input, Wish};
use crate::operation::{Answer, Said, lacks, readable};
use crate::request::Request;
use crate::wire::{Encoded, Target};

/// Says a request of the Gemini API: one for each text.
pub(super) fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let (mut wish, mut report) = (Wish::read(request)?, Report::new(target.unsupported));
    wish.numbers(&mut report)?;
    let inputs = wish.inputs()?;
    let task = task(&mut wish, "taskType")?;
    let dimensions = wish.params.take_raw("dimensions");
    let title = wish.params.take_raw("title");
    let place = gemini_place(target);
    // The body names the model as the path does, without the version before it.
    let model = place.strip_prefix(target.base_url).unwrap_or(&place);
    let model = model.trim_start_matches('/');
    let mut requests = Vec::with_capacity(inputs.len());
    for input in inputs {
        let mut one = Body::default();
        one.say("model", &model)?;
        match input {
            Input::Text(text) => one.say("content", &json!({ "parts": [{ "text": text }] }))?,
            Input::Own(content) => one.set("content", content),
        }
        if let Some(task) = &task {
            one.say("taskType", task)?;
        }
        if let Some(dimensions) = &dimensions {
            one.set("outputDimensionality", dimensions.clone());
        }
        if let Some(title) = &title {
            one.set("title", title.clone());
        }
        requests.push(raw(&one)?);
    }
    let mut body = Body::default();
    body.say("requests", &requests)?;
    let place = format!("{place}:batchEmbedContents");
    wish.post_vectors(body, target, report, &place)
}

/// Says a request of Vertex AI.
pub(super) fn say_vertex(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let (mut wish, mut report) = (Wish::read(request)?, Report::new(target.unsupported));
    wish.numbers(&mut report)?;
    let task = task(&mut wish, "task_type")?;
    let title = wish.params.take_raw("title");
    // Its members have names of their own (docs "Multimodal embeddings API").
    let multimodal = target.model.contains("multimodalembedding");
    let mut instances = Vec::new();
    for input in wish.inputs()? {
        let mut one = Body::default();
        match input {
            Input::Text(text) if multimodal => one.say("text", &text)?,
            Input::Text(text) => one.say("content", &text)?,
            Input::Own(instance) => one.merge(instance.get().as_bytes())?,
        }
        if let Some(task) = &task {
            one.say("task_type", task)?;
        }
        if let Some(title) = &title {
            one.set("title", title.clone());
        }
        instances.push(raw(&one)?);
    }
    let mut body = Body::default();
    body.say("instances", &instances)?;
    let mut parameters = Body::default();
    if let Some(dimensions) = wish.params.take_raw("dimensions") {
        let name = match multimodal {
            true => "dimension",
            false => "outputDimensionality",
        };
        parameters.set(name, dimensions);
    }
    if let Some(truncate) = wish.params.take_raw("autoTruncate") {
        parameters.set("autoTruncate", truncate);
    }
    if !parameters.is_empty() {
        body.say("parameters", &parameters)?;
    }
    let place = format!("{}:predict", vertex_place(target));
    wish.post_vectors(body, target, report, &place)
}

/// What the texts are for: in Google's own words, or those of others that mean the same.
fn task(wish: &mut Wish, own: &str) -> Result<Option<String>> {
    let said: Option<String> = wish.params.take("input_type")?;
    let said = match wish.params.take::<String>(own)? {
        Some(own) => return Ok(Some(own)),
        None => said,
    };
    Ok(said.map(|said| match said.as_str() {
        "query" | "search_query" => "RETRIEVAL_QUERY".to_owned(),
        "document" | "search_document" => "RETRIEVAL_DOCUMENT".to_owned(),
        other => other.to_ascii_uppercase(),
    }))
}

/// Hears the Gemini API: one vector or several.
pub(super) fn hear(answer: &Answer<'_>) -> Result<Said> {
    let mut said = Said::default();
    let mut list = List::begin(answer.body.len());
    let mut found = false;
    let mut cursor = Cursor::new(answer.body);
    cursor.object(|key, cursor| {
        match (key, cursor.kind()?) {
            (b"embeddings", Kind::Array) => {
                cursor.array(|cursor| match values(cursor, &mut list)? {
                    true => {
                        found = true;
                        Ok(())
                    }
                    // The vectors behind it would pass for others'.
                    false => Err(lacks("a vector")),
                })?;
            }
            (b"embedding", Kind::Object) => found |= values(cursor, &mut list)?,
            (b"usageMetadata", _) => said.usage = usage(cursor.raw()?)?.map(counted),
            _ => {}
        }
        Ok(())
    })?;
    cursor.end()?;
    if !found {
        return Err(lacks("vectors"));
    }
    said.result = readable(list.end(None, said.usage.as_ref()));
    Ok(said)
}

/// Hears Vertex AI.
pub(super) fn hear_vertex(answer: &Answer<'_>) -> Result<Said> {
    let mut said = Said::default();
    let mut list = List::begin(answer.body.len());
    let (mut found, mut tokens) = (false, None::<u64>);
    let mut cursor = Cursor::new(answer.body);
    cursor.object(|key, cursor| {
        if key != b"predictions" || cursor.kind()? != Kind::Array {
            return Ok(());
        }
        cursor.array(|cursor| {
            let mut any = false;
            if cursor.kind()? == Kind::Object {
                cursor.object(|key, cursor| {
                    let (vectors, count) = prediction(key, cursor, &mut list)?;
                    any |= vectors;
                    if let Some(count) = count {
                        tokens = Some(tokens.unwrap_or(0).saturating_add(count));
                    }
                    Ok(())
                })?;
            }
            found |= any;
            match any {
                true => Ok(()),
                // The vectors behind it would pass for others'.
                false => Err(lacks("a vector")),
            }
        })
    })?;
    cursor.end()?;
    if !found {
        return Err(lacks("vectors"));
    }
    said.usage = tokens.map(|tokens| {
        counted(Usage {
            prompt_tokens: Some(tokens),
            ..Usage::default()
        })
    });
    said.result = readable(list.end(None, said.usage.as_ref()));
    Ok(said)
}

/// Adds the vectors of a prediction's member: whether it has any, and what it counts. A text and a picture of one instance have a
/// vector each, in the order in which they come, and a film has several (docs "Multimodal embeddings API", read 2026-11-22).
fn prediction(key: &[u8], cursor: &mut Cursor<'_>, list: &mut List) -> Result<(bool, Option<u64>)> {
    let mut any = false;
    match (key, cursor.kind()?) {
        (b"embeddings", Kind::Object) => {
            let embeddings = cursor.raw()?;
            let any = values(&mut Cursor::new(embeddings), list)?;
            return Ok((any, token_count(embeddings)?));
        }
        (b"textEmbedding" | b"imageEmbedding", Kind::Array) => {
            list.push(cursor.raw()?);
            any = true;
        }
        (b"videoEmbeddings", Kind::Array) => cursor.array(|cursor| {
            any |= member(cursor, b"embedding", list)?;
            Ok(())
        })?,
        _ => {}
    }
    Ok((any, None))
}

/// Adds the vector of an object; whether it has one.
fn values(cursor: &mut Cursor<'_>, list: &mut List) -> Result<bool> {
    member(cursor, b"values", list)
}

/// Adds the vector that an object has by this name; whether it has one.
fn member(cursor: &mut Cursor<'_>, name: &[u8], list: &mut List) -> Result<bool> {
    let mut found = false;
    if cursor.kind()? != Kind::Object {
        cursor.skip()?;
        return Ok(false);
    }
    cursor.object(|key, cursor| {
        if key == name && cursor.kind()? == Kind::Array {
            list.push(cursor.raw()?);
            found = true;
        }
        Ok(())
    })?;
    Ok(found)
}

/// `statistics.token_count`.
fn token_count(embeddings: &[u8]) -> Result<Option<u64>> {
    let mut count = None;
    Cursor::new(embeddings).object(|key, cursor| {
        if key != b"statistics" || cursor.kind()? != Kind::Object {
            return Ok(());
        }
        cursor.object(|key, cursor| {
            if key == b"token_count" {
                count = cursor.count()?;
            }
            Ok(())
        })
    })?;
    Ok(count)
}
