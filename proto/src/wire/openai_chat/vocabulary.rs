//! What services call things that speak this format with words of their own, and refuse OpenAI's: the quirk `vocabulary`. Members
//! that OpenAI's format knows and they do not are reported; what nobody here knows is theirs to judge.

use serde_json::value::RawValue;

use crate::chat::body::{Body, Members, raw};
use crate::chat::{Report, Standing, bad, standing};
use crate::error::Result;
use crate::operation::Operation;
use crate::provider::Vocabulary;
use crate::request::Request;
use crate::wire::Target;

mod mistral;

/// The words for one operation.
struct Words {
    /// Members of OpenAI's that are known.
    taken: &'static [&'static str],
    /// Those that have another name.
    renamed: &'static [(&'static str, &'static str)],
    /// Values that ask for what happens anyway, or that are said otherwise: member, value, and what is said in its place.
    values: &'static [(&'static str, &'static str, Option<&'static str>)],
}

/// The request in the target's own words; `None` where those are OpenAI's.
pub(super) fn fit(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Option<Request>> {
    let vocabulary = target.quirks.vocabulary;
    let words = words(vocabulary, target.operation).filter(|_| !report.passes());
    let Some(words) = words else {
        return Ok(None);
    };
    let members: Members =
        serde_json::from_slice(request.source()).map_err(|error| bad("the request", error))?;
    let mut body = Body::default();
    for (name, value) in members.0 {
        words.member(&name, value, &mut body, report)?;
    }
    if (vocabulary, target.operation) == (Vocabulary::Mistral, Operation::Chat) {
        mistral::conversation(&mut body, report)?;
    }
    Request::parse_any(body.into_bytes()).map(Some)
}

/// What stands before the operation's path.
pub(super) fn place(target: &Target<'_>) -> &'static str {
    match (target.quirks.vocabulary, target.operation) {
        // Vectors alone have a version in their path there.
        (Vocabulary::Perplexity, Operation::Embeddings) if !target.base_url.ends_with("/v1") => {
            "/v1"
        }
        _ => "",
    }
}

impl Words {
    fn member(
        &self,
        name: &str,
        value: Box<RawValue>,
        body: &mut Body,
        report: &mut Report,
    ) -> Result<()> {
        let said = self
            .values
            .iter()
            .find(|(known, written, _)| *known == name && *written == value.get());
        match said {
            Some((_, _, None)) => return Ok(()),
            Some((_, _, Some(other))) => {
                report.converted(name, format!("the provider's word for it is {other}"));
                return body.say(name, other);
            }
            None => {}
        }
        if let Some((_, theirs)) = self.renamed.iter().find(|(known, _)| *known == name) {
            if value.get() != "null" {
                report.converted(name, format!("the provider's name for it is {theirs}"));
                body.set(theirs, value);
            }
            return Ok(());
        }
        if self.taken.contains(&name) {
            body.set(name, value);
            return Ok(());
        }
        match standing(name, &value) {
            Standing::Foreign => body.set(name, value),
            Standing::Known if value.get() != "null" => {
                report.dropped(name, "the provider does not know it")?;
            }
            Standing::Known | Standing::Neutral => {}
        }
        Ok(())
    }
}

fn words(vocabulary: Vocabulary, operation: Operation) -> Option<&'static Words> {
    let (_, _, words) = ALL
        .iter()
        .find(|(who, what, _)| (*who, *what) == (vocabulary, operation))?;
    Some(words)
}

/// Mistral's OpenAPI description; Voyage's references "Text embeddings" and "Rerankers"; Perplexity's "Create embeddings"; read
/// 2026-11-22.
const ALL: &[(Vocabulary, Operation, Words)] = &[
    (
        Vocabulary::Mistral,
        Operation::Chat,
        Words {
            taken: &[
                "frequency_penalty",
                "max_completion_tokens",
                "max_tokens",
                "metadata",
                "n",
                "parallel_tool_calls",
                "prediction",
                "presence_penalty",
                "prompt_cache_key",
                "reasoning_effort",
                "stop",
                "temperature",
                "top_p",
            ],
            renamed: &[("seed", "random_seed")],
            values: &[],
        },
    ),
    (
        Vocabulary::Mistral,
        Operation::Embeddings,
        Words {
            taken: &["metadata"],
            renamed: &[("dimensions", "output_dimension")],
            values: &[],
        },
    ),
    (
        Vocabulary::Voyage,
        Operation::Embeddings,
        Words {
            taken: &[],
            renamed: &[("dimensions", "output_dimension")],
            // Numbers are what comes if nobody asks for base64.
            values: &[("encoding_format", "\"float\"", None)],
        },
    ),
    (
        Vocabulary::Voyage,
        Operation::Rerank,
        Words {
            taken: &[],
            renamed: &[("top_n", "top_k")],
            values: &[],
        },
    ),
    (
        Vocabulary::Perplexity,
        Operation::Embeddings,
        Words {
            taken: &[],
            renamed: &[],
            // What comes is base64 in any case, and becomes numbers here.
            values: &[
                ("encoding_format", "\"float\"", None),
                ("encoding_format", "\"base64\"", Some("base64_int8")),
            ],
        },
    ),
];

/// A list of values, as they are written.
fn list(json: &RawValue, path: &str) -> Result<Vec<Box<RawValue>>> {
    serde_json::from_str(json.get()).map_err(|error| bad(path, error))
}

/// Reads an object's members into a body, but for those that `take` takes.
fn object(
    json: &RawValue,
    path: &str,
    mut take: impl FnMut(&str, Box<RawValue>, &mut Body) -> Result<Option<Box<RawValue>>>,
) -> Result<Box<RawValue>> {
    let members: Members = serde_json::from_str(json.get()).map_err(|error| bad(path, error))?;
    let mut body = Body::default();
    for (name, value) in members.0 {
        if let Some(value) = take(&name, value, &mut body)? {
            body.set(&name, value);
        }
    }
    raw(&body)
}
