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
    let mut instances = Vec::new();
    for input in wish.inputs()? {
        let mut one = Body::default();
        match input {
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
        parameters.set("outputDimensionality", dimensions);
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
                found = true;
                cursor.array(|cursor| values(cursor, &mut list).map(drop))?;
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
        found = true;
        cursor.array(|cursor| {
            if cursor.kind()? != Kind::Object {
                return cursor.skip();
            }
            cursor.object(|key, cursor| {
                if key != b"embeddings" || cursor.kind()? != Kind::Object {
                    return Ok(());
                }
                let embeddings = cursor.raw()?;
                values(&mut Cursor::new(embeddings), &mut list)?;
                if let Some(count) = token_count(embeddings)? {
                    tokens = Some(tokens.unwrap_or(0).saturating_add(count));
                }
                Ok(())
            })
        })
    })?;
    cursor.end()?;
    if !found {
        return Err(lacks("predictions"));
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

/// Adds the vector of an object; whether it has one.
fn values(cursor: &mut Cursor<'_>, list: &mut List) -> Result<bool> {
    let mut found = false;
    if cursor.kind()? != Kind::Object {
        cursor.skip()?;
        return Ok(false);
    }
    cursor.object(|key, cursor| {
        if key == b"values" && cursor.kind()? == Kind::Array {
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
