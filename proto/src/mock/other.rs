//! What a body asks beside conversations; `results.rs` answers it.

use serde_json::{Value, json};

use super::{Ask, AskError, Dialect, form};
use crate::operation::Operation;

/// What is asked about, as far as answers differ by it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wish {
    /// Texts to be embedded, or documents to be ranked.
    pub(super) texts: Vec<String>,
    /// Numbers in a vector.
    pub(super) dimensions: Option<usize>,
    /// The format that was asked for, in the request's own word.
    pub(super) format: String,
    /// Kinds of numbers, for Cohere.
    pub(super) kinds: Vec<String>,
    pub(super) top: Option<usize>,
    pub(super) with_documents: bool,
    /// One text, and not a list of them.
    pub(super) single: bool,
    /// Vertex AI's `predict`.
    pub(super) instances: bool,
}

impl Ask {
    /// Reads what is asked beside a conversation.
    pub(super) fn other(
        dialect: Dialect,
        operation: Operation,
        named: Option<String>,
        body: &[u8],
    ) -> Result<Ask, AskError> {
        let body: Value = match operation {
            Operation::Transcription => form::read(body)?,
            _ => serde_json::from_slice(body).map_err(|error| error.to_string())?,
        };
        let model = match named.or_else(|| text(&body["model"])) {
            Some(model) => model,
            None => return Err("missing field `model`".into()),
        };
        let mut ask = match operation {
            Operation::CountTokens => {
                // Counting takes no `max_tokens`, an answer needs one.
                let mut asked = match &body["generateContentRequest"] {
                    Value::Null => body.clone(),
                    inner => inner.clone(),
                };
                asked["max_tokens"] = json!(1);
                Ask::read(dialect, Some(model), asked.to_string().as_bytes())?
            }
            _ => Ask::chat(dialect, &model, false, ""),
        };
        ask.operation = operation;
        ask.stream = false;
        ask.n = body["n"].as_u64().unwrap_or(1).clamp(1, 16) as u32;
        let (about, wish) = wish(dialect, operation, &body)?;
        if let Some(about) = about {
            ask.last_user_text = about;
        }
        ask.wish = wish;
        Ok(ask)
    }
}

/// What a script's `echo` repeats, where it is not a conversation's last text; and the rest.
fn wish(
    dialect: Dialect,
    operation: Operation,
    body: &Value,
) -> Result<(Option<String>, Wish), AskError> {
    let missing = |name: &str| format!("missing field `{name}`");
    let mut wish = Wish::default();
    let field = match (operation, dialect) {
        (Operation::Embeddings, Dialect::Cohere | Dialect::CohereV1) => "texts",
        (Operation::Embeddings, Dialect::Gemini) => return vectors_of(body),
        (Operation::Rerank, _) => "query",
        (Operation::Images, _) => "prompt",
        (Operation::Transcription, _) => "file",
        (Operation::CountTokens, _) => return Ok((None, wish)),
        _ => "input",
    };
    wish.single = body[field].is_string();
    let about = texts(&body[field]).ok_or_else(|| missing(field))?;
    wish.texts = match operation {
        Operation::Rerank => texts(&body["documents"]).ok_or_else(|| missing("documents"))?,
        _ => about.clone(),
    };
    let number = |name: &str| body[name].as_u64().map(|number| number as usize);
    wish.dimensions = number("dimensions").or(number("output_dimension"));
    wish.top = number("top_n");
    wish.with_documents = body["return_documents"] == true;
    wish.kinds = texts(&body["embedding_types"]).unwrap_or_default();
    let format = match operation {
        Operation::Embeddings => &body["encoding_format"],
        _ => &body["response_format"],
    };
    wish.format = text(format).unwrap_or_default();
    if wish
        .dimensions
        .is_some_and(|count| !(1..=DIMENSIONS_MAX).contains(&count))
    {
        return Err(format!("dimensions: expected 1 to {DIMENSIONS_MAX}"));
    }
    Ok((Some(about.join(" ")), wish))
}

/// Google's three ways to ask for vectors.
fn vectors_of(body: &Value) -> Result<(Option<String>, Wish), AskError> {
    let mut wish = Wish::default();
    let parts = |content: &Value| {
        let parts = content["parts"].as_array().into_iter().flatten();
        parts
            .filter_map(|part| text(&part["text"]))
            .collect::<String>()
    };
    let first = match (&body["requests"], &body["instances"]) {
        (Value::Array(requests), _) => {
            wish.texts = requests.iter().map(|one| parts(&one["content"])).collect();
            &requests.first().unwrap_or(&Value::Null)["outputDimensionality"]
        }
        (_, Value::Array(instances)) => {
            wish.instances = true;
            let said = |one: &Value| text(&one["content"]).unwrap_or_default();
            wish.texts = instances.iter().map(said).collect();
            &body["parameters"]["outputDimensionality"]
        }
        _ => {
            wish.single = true;
            wish.texts = vec![parts(&body["content"])];
            &body["outputDimensionality"]
        }
    };
    wish.dimensions = first
        .as_u64()
        .map(|count| (count as usize).clamp(1, DIMENSIONS_MAX));
    Ok((Some(wish.texts.join(" ")), wish))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A text, or a list of what are texts, have a text or are written as JSON.
fn texts(value: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => text(&other["text"]).unwrap_or_else(|| other.to_string()),
    };
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(list) => Some(list.iter().map(one).collect()),
        _ => None,
    }
}

/// As many as the largest that is known (4,096), and half as many again.
const DIMENSIONS_MAX: usize = 6144;
