//! What is asked of Google's models beside conversations.

use super::embed;
use crate::operation::{Operation, Unary};

/// At the Gemini API.
pub(super) static GEMINI: [Unary; 1] = [Unary {
    operation: Operation::Embeddings,
    say: embed::say,
    hear: embed::hear,
}];

/// At Vertex AI.
pub(super) static VERTEX: [Unary; 1] = [Unary {
    operation: Operation::Embeddings,
    say: embed::say_vertex,
    hear: embed::hear_vertex,
}];
