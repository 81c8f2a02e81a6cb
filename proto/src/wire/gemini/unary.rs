//! What is asked of Google's models beside conversations.

use super::{count, embed};
use crate::operation::{Operation, Unary, models, tokens};

/// At the Gemini API.
pub(super) static GEMINI: [Unary; 3] = [
    Unary {
        operation: Operation::Embeddings,
        say: embed::say,
        hear: embed::hear,
    },
    Unary {
        operation: Operation::Models,
        // A page holds 1,000 at most (reference of models.list).
        say: |request, target| {
            let more = [("pageSize", "1000")];
            models::say(request, target, "/models", "pageToken", &more)
        },
        hear: |answer| models::hear(answer, b"models", b"name", "models/"),
    },
    Unary {
        operation: Operation::CountTokens,
        say: count::say,
        hear: |answer| tokens::hear(answer, b"totalTokens"),
    },
];

/// At Vertex AI.
pub(super) static VERTEX: [Unary; 2] = [
    Unary {
        operation: Operation::Embeddings,
        say: embed::say_vertex,
        hear: embed::hear_vertex,
    },
    Unary {
        operation: Operation::CountTokens,
        say: count::say_vertex,
        hear: |answer| tokens::hear(answer, b"totalTokens"),
    },
];
