//! The list of models, in the caller's format.

use serde_json::{Value, json};

/// A name that a request may give as its model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name.
    pub id: String,
    /// Whose it is: a provider's id, or ours.
    pub owner: String,
}

/// The body of an answer to `GET /models`, or with `one` to `GET /models/ID`: as Anthropic's API prints it, or as OpenAI's does
/// (their references "List Models" and "models/list", read 2026-11-21).
pub fn models(all: &[Model], one: bool, anthropic: bool) -> Vec<u8> {
    let list: Vec<Value> = all
        .iter()
        .map(|model| match anthropic {
            true => json!({"type": "model", "id": model.id, "display_name": model.id, "created_at": "1970-01-01T00:00:00Z"}),
            false => json!({"id": model.id, "object": "model", "created": 0, "owned_by": model.owner}),
        })
        .collect();
    let ends = [all.first(), all.last()].map(|model| model.map(|model| model.id.as_str()));
    let body = match (list.first(), anthropic) {
        (Some(model), _) if one => model.clone(),
        (_, true) => {
            json!({"data": list, "has_more": false, "first_id": ends[0], "last_id": ends[1]})
        }
        (_, false) => json!({"object": "list", "data": list}),
    };
    body.to_string().into_bytes()
}
