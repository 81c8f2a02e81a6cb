//! What is asked of Ollama beside conversations.

use super::embed;
use crate::operation::{Operation, Unary, models};

/// All of it.
pub(super) static ALL: [Unary; 2] = [
    Unary {
        operation: Operation::Embeddings,
        say: embed::say,
        hear: embed::hear,
    },
    Unary {
        operation: Operation::Models,
        say: |request, target| models::say(request, target, "/api/tags", "page", &[]),
        hear: |answer| models::hear(answer, b"models", b"name", ""),
    },
];
