//! Vectors of Titan, Nova and Cohere behind InvokeModel (Bedrock user guide, "Amazon Titan Embeddings", "Amazon Nova embeddings",
//! "Cohere Embed", read 2026-11-21). Whose answer it is shows in its members.

use serde_json::json;

use super::counts::Counts;
use crate::chat::Report;
use crate::chat::body::Body;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::event::Usage;
use crate::json::{Cursor, Kind};
use crate::operation::embeddings::{List, counted};
use crate::operation::wish::{Input, Wish};
use crate::operation::{Answer, Operation, Said, Unary, lacks, readable};
use crate::request::Request;
use crate::wire::{self, Encoded, Target, segment};

/// All that is asked of models there beside conversations.
pub(super) static ALL: [Unary; 1] = [Unary {
    operation: Operation::Embeddings,
    say,
    hear,
}];

fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let model = segment(target.model);
    let url = format!("{}/model/{model}/invoke", target.base_url);
    if target.model.contains("cohere.") {
        let mut encoded = (cohere(target.model)?.say)(request, target)?;
        super::readdress(&mut encoded, &url, "application/json", |body| {
            body.remove("model");
            Ok(())
        })?;
        return Ok(encoded);
    }
    let (mut wish, mut report) = (Wish::read(request)?, Report::new(target.unsupported));
    wish.numbers(&mut report)?;
    let dimensions = wish.params.take_raw("dimensions");
    let mut body = Body::default();
    match (target.model.contains("amazon.nova"), wish.input()?) {
        (true, input) => {
            let mut params = Body::default();
            let purpose: Option<String> = wish.params.take("input_type")?;
            params.say("embeddingPurpose", &purpose_of(purpose))?;
            if let Some(dimensions) = dimensions {
                params.set("embeddingDimension", dimensions);
            }
            match input {
                Input::Text(text) => {
                    params.say("text", &json!({ "truncationMode": "END", "value": text }))?;
                }
                Input::Own(own) => params.merge(own.get().as_bytes())?,
            }
            body.say("taskType", &"SINGLE_EMBEDDING")?;
            body.say("singleEmbeddingParams", &params)?;
        }
        (false, input) => {
            match input {
                Input::Text(text) => body.say("inputText", &text)?,
                Input::Own(own) => body.merge(own.get().as_bytes())?,
            }
            if let Some(dimensions) = dimensions {
                body.set("dimensions", dimensions);
            }
            if wish.params.take_raw("input_type").is_some() {
                report.dropped("input_type", "the model does not know it")?;
            }
        }
    }
    wish.post_vectors(body, target, report, &url)
}

/// What Nova makes vectors for; in its own words, or those of others that mean the same.
fn purpose_of(said: Option<String>) -> String {
    match said.as_deref() {
        None | Some("document" | "search_document") => "GENERIC_INDEX".to_owned(),
        Some("query" | "search_query") => "GENERIC_RETRIEVAL".to_owned(),
        Some(other) => other.to_ascii_uppercase(),
    }
}

/// How Cohere's own API asks; its models take the same body here, in the words of its first version.
fn cohere(model: &str) -> Result<&'static Unary> {
    let name = match model.contains("embed-v4") {
        true => "cohere",
        false => "cohere_v1",
    };
    let unary = wire::find(name).and_then(|wire| wire.unary(Operation::Embeddings));
    unary.ok_or_else(|| {
        let message = format!("model {model} needs wire {name}, which is not in this build");
        Error::new(ErrorKind::Unsupported, message).with_retry(Retry::Elsewhere)
    })
}

fn hear(answer: &Answer<'_>) -> Result<Said> {
    let mut said = Said::default();
    let mut list = List::begin(answer.body.len());
    let (mut found, mut foreign) = (false, false);
    let mut tokens = None;
    let mut cursor = Cursor::new(answer.body);
    cursor.object(|key, cursor| {
        match (key, cursor.kind()?) {
            // Titan.
            (b"embedding", Kind::Array) => {
                list.push(cursor.raw()?);
                found = true;
            }
            (b"inputTextTokenCount", _) => tokens = cursor.count()?,
            (b"embeddings", Kind::Object) => foreign = true,
            (b"embeddings", Kind::Array) => cursor.array(|cursor| match cursor.kind()? {
                // Nova.
                Kind::Object => {
                    found = true;
                    cursor.object(|key, cursor| {
                        if key == b"embedding" && cursor.kind()? == Kind::Array {
                            list.push(cursor.raw()?);
                        }
                        Ok(())
                    })
                }
                _ => {
                    foreign = true;
                    cursor.skip()
                }
            })?,
            _ => {}
        }
        Ok(())
    })?;
    cursor.end()?;
    let counts = Counts::of_head(answer.head);
    let tokens = tokens.or(counts.input);
    let usage = tokens.map(|tokens| {
        counted(Usage {
            prompt_tokens: Some(tokens),
            completion_tokens: counts.output,
            ..Usage::default()
        })
    });
    if foreign {
        let mut said = (cohere("")?.hear)(answer)?;
        said.usage = said.usage.or(usage);
        return Ok(said);
    }
    if !found {
        return Err(lacks("vectors"));
    }
    said.usage = usage;
    said.result = readable(list.end(None, said.usage.as_ref()));
    Ok(said)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn purposes_have_words_of_their_own() {
        assert_eq!(purpose_of(None), "GENERIC_INDEX");
        assert_eq!(purpose_of(Some("query".to_owned())), "GENERIC_RETRIEVAL");
        assert_eq!(purpose_of(Some("clustering".to_owned())), "CLUSTERING");
    }
}
