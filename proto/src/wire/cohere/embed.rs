//! Vectors: `/v2/embed` and `/v1/embed` (docs.cohere.com, "Embed", read 2026-11-21).

use serde_json::value::RawValue;

use super::usage::usage;
use crate::chat::Report;
use crate::chat::body::Body;
use crate::error::Result;
use crate::json::{Cursor, Kind};
use crate::operation::embeddings::{List, counted};
use crate::operation::wish::{Input, Wish, unsupported};
use crate::operation::{Answer, Said, lacks, readable};
use crate::request::Request;
use crate::wire::{Encoded, Target};

/// Says a request of version 2.
pub(super) fn say_v2(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let mut wish = Wish::read(request)?;
    let mut report = Report::new(target.unsupported);
    let mut body = Body::default();
    body.say("model", &target.model)?;
    let (mut texts, mut own): (Vec<String>, Vec<Box<RawValue>>) = Default::default();
    for input in wish.inputs()? {
        match input {
            Input::Text(text) => texts.push(text),
            Input::Own(value) => own.push(value),
        }
    }
    match (texts.is_empty(), own.is_empty()) {
        (false, false) => {
            let message = "input: texts and what is none go in requests of their own";
            return Err(unsupported(message));
        }
        (true, false) => body.say("inputs", &own)?,
        _ => body.say("texts", &texts)?,
    }
    options(&mut wish, &mut body, &mut report)?;
    let place = format!("{}/v2/embed", target.base_url);
    wish.post_vectors(body, target, report, &place)
}

/// Says a request of version 1.
pub(super) fn say_v1(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let mut wish = Wish::read(request)?;
    let mut report = Report::new(target.unsupported);
    let mut body = Body::default();
    body.say("model", &target.model)?;
    body.say("texts", &wish.texts()?)?;
    options(&mut wish, &mut body, &mut report)?;
    let place = format!("{}/v1/embed", target.base_url);
    wish.post_vectors(body, target, report, &place)
}

/// What both versions know, in OpenAI's words where those have it.
fn options(wish: &mut Wish, body: &mut Body, report: &mut Report) -> Result<()> {
    let kind: Option<String> = wish.params.take("input_type")?;
    let kind = match kind.as_deref() {
        Some("query") => "search_query",
        Some("document") => "search_document",
        Some(kind) => kind,
        None => {
            // Models from the third version on refuse a request that does not say.
            report.converted("input_type", "said to be search_document");
            "search_document"
        }
    };
    body.say("input_type", &kind)?;
    if let Some(dimensions) = wish.params.take_raw("dimensions") {
        body.set("output_dimension", dimensions);
    }
    let packed = wish.is_packed()?;
    match wish.params.take_raw("embedding_types") {
        Some(types) => body.set("embedding_types", types),
        None if packed => body.say("embedding_types", &["base64"])?,
        None => body.say("embedding_types", &["float"])?,
    }
    Ok(())
}

/// Hears the answer of either version: lists by kind of number, or one list of floats (version 1, if it was not told).
pub(super) fn hear(answer: &Answer<'_>) -> Result<Said> {
    let mut said = Said::default();
    let mut kinds: Vec<(String, &[u8])> = Vec::new();
    let mut cursor = Cursor::new(answer.body);
    cursor.object(|key, cursor| {
        match key {
            b"id" => said.id = cursor.text()?.map(|id| id.owned()),
            b"meta" => said.usage = usage(cursor.raw()?)?.map(counted),
            b"embeddings" => match cursor.kind()? {
                Kind::Array => kinds = vec![("float".to_owned(), cursor.raw()?)],
                Kind::Object => {
                    kinds.clear();
                    cursor.object(|kind, cursor| {
                        if cursor.kind()? == Kind::Array {
                            let name = String::from_utf8_lossy(kind).into_owned();
                            kinds.push((name, cursor.raw()?));
                        }
                        Ok(())
                    })?;
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    })?;
    cursor.end()?;
    // Plain numbers go first; what is asked for beside them has its name in the answer.
    kinds.sort_by_key(|(name, _)| name != "float");
    let lists: Vec<(&str, Vec<&[u8]>)> = kinds
        .iter()
        .map(|(name, list)| Ok((name.as_str(), elements(list)?)))
        .collect::<Result<_>>()?;
    let Some(((_, first), others)) = lists.split_first() else {
        return Err(lacks("vectors"));
    };
    let mut list = List::begin(answer.body.len());
    for (number, vector) in first.iter().enumerate() {
        let others: Vec<(&str, &[u8])> = others
            .iter()
            .filter_map(|(name, list)| Some((*name, *list.get(number)?)))
            .collect();
        list.push_kinds(vector, &others);
    }
    said.result = readable(list.end(None, said.usage.as_ref()));
    Ok(said)
}

fn elements(list: &[u8]) -> Result<Vec<&[u8]>> {
    let mut elements = Vec::new();
    Cursor::new(list).array(|cursor| {
        elements.push(cursor.raw()?);
        Ok(())
    })?;
    Ok(elements)
}
