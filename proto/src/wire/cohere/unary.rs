//! What is asked of Cohere beside conversations.

use super::{embed, rerank};
use crate::operation::{Operation, Unary, models};

/// Of version 2.
pub(super) static V2: [Unary; 3] = [
    Unary {
        operation: Operation::Embeddings,
        say: embed::say_v2,
        hear: embed::hear,
    },
    Unary {
        operation: Operation::Rerank,
        say: rerank::say_v2,
        hear: rerank::hear,
    },
    MODELS,
];

/// Of version 1.
pub(super) static V1: [Unary; 3] = [
    Unary {
        operation: Operation::Embeddings,
        say: embed::say_v1,
        hear: embed::hear,
    },
    Unary {
        operation: Operation::Rerank,
        say: rerank::say_v1,
        hear: rerank::hear,
    },
    MODELS,
];

/// Which only version 1 has (docs.cohere.com, "List Models": a page holds 1,000 at most).
const MODELS: Unary = Unary {
    operation: Operation::Models,
    say: |request, target| {
        let more = [("page_size", "1000")];
        models::say(request, target, "/v1/models", "page_token", &more)
    },
    hear: |answer| models::hear(answer, b"models", b"name", ""),
};
