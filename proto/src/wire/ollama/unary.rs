//! What is asked of Ollama beside conversations.

use super::embed;
use crate::operation::{Operation, Unary};

/// All of it.
pub(super) static ALL: [Unary; 1] = [Unary {
    operation: Operation::Embeddings,
    say: embed::say,
    hear: embed::hear,
}];
