//! Answers to `rerank`, which all providers give in nearly the same words: places of documents in their new order.

use crate::error::Result;
use crate::event::Usage;
use crate::json::write::Object;
use crate::json::{Cursor, Kind, Str};
use crate::operation::{Answer, Said, lacks, readable};

/// One document's place.
#[derive(Default)]
struct Ranked<'a> {
    index: Option<u64>,
    score: Option<&'a [u8]>,
    document: Option<&'a [u8]>,
}

/// Hears an answer; `usage` reads what the provider counted, by the name of the member it is in.
pub(crate) fn hear(
    answer: &Answer<'_>,
    usage: fn(&[u8], &[u8]) -> Result<Option<Usage>>,
) -> Result<Said> {
    let mut said = Said::default();
    let mut ranked: Option<Vec<Ranked<'_>>> = None;
    let mut cursor = Cursor::new(answer.body);
    cursor.object(|key, cursor| {
        match (key, cursor.kind()?) {
            (b"id", _) => said.id = cursor.text()?.map(|id| id.owned()),
            (b"model", _) => said.model = cursor.text()?.map(|model| model.owned()),
            // Voyage's list is `data`.
            (b"results" | b"data", Kind::Array) => {
                let list = ranked.get_or_insert_default();
                cursor.array(|cursor| {
                    if cursor.kind()? == Kind::Object {
                        list.push(one(cursor)?);
                    }
                    Ok(())
                })?;
            }
            (b"usage" | b"meta", Kind::Object) => {
                let counted = usage(key, cursor.raw()?)?;
                said.usage = counted.or(said.usage.take());
            }
            _ => {}
        }
        Ok(())
    })?;
    cursor.end()?;
    let ranked = ranked.ok_or_else(|| lacks("results"))?;
    said.result = written(&said, &ranked);
    Ok(said)
}

fn one<'a>(cursor: &mut Cursor<'a>) -> Result<Ranked<'a>> {
    let mut one = Ranked::default();
    cursor.object(|key, cursor| {
        match (key, cursor.kind()?) {
            (b"index", _) => one.index = cursor.count()?,
            (b"relevance_score" | b"score", Kind::Number) => one.score = Some(cursor.raw()?),
            (b"document" | b"text", Kind::String | Kind::Object) => {
                one.document = Some(cursor.raw()?)
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(one)
}

fn written(said: &Said, ranked: &[Ranked<'_>]) -> Vec<u8> {
    let mut out = String::new();
    let mut answer = Object::begin(&mut out);
    answer
        .maybe("id", said.id.as_deref())
        .maybe("model", said.model.as_deref())
        .list("results", ranked, |object, one| {
            object
                .count("index", one.index)
                .raw("relevance_score", &text(one.score.unwrap_or(b"null")));
            match one.document {
                // Some say the text, some an object that holds it.
                Some(document @ [b'"', ..]) => {
                    object.made("document", |out| {
                        out.push_str("{\"text\":");
                        out.push_str(&text(document));
                        out.push('}');
                    });
                }
                Some(document) => {
                    object.raw("document", &text(document));
                }
                None => {}
            }
        });
    let usage = said.usage.as_ref();
    answer.object("usage", |object| {
        object
            .count("prompt_tokens", usage.and_then(|usage| usage.prompt_tokens))
            .count("total_tokens", usage.and_then(|usage| usage.total_tokens));
    });
    answer.end();
    readable(out.into_bytes())
}

fn text(json: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(json)
}

/// The text of a document that may be an object with a text in it.
pub(crate) fn document_text(json: &str) -> Option<String> {
    let mut cursor = Cursor::new(json.as_bytes());
    let mut found: Option<Str<'_>> = None;
    match cursor.kind().ok()? {
        Kind::String => found = cursor.text().ok()?,
        Kind::Object => cursor
            .object(|key, cursor| {
                if key == b"text" {
                    found = cursor.text()?;
                }
                Ok(())
            })
            .ok()?,
        _ => {}
    }
    found.map(|text| text.owned())
}
