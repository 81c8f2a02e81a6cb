//! What is asked of Cohere beside conversations.

use super::embed;
use crate::operation::{Operation, Unary};

/// Of version 2.
pub(super) static V2: [Unary; 1] = [Unary {
    operation: Operation::Embeddings,
    say: embed::say_v2,
    hear: embed::hear,
}];

/// Of version 1.
pub(super) static V1: [Unary; 1] = [Unary {
    operation: Operation::Embeddings,
    say: embed::say_v1,
    hear: embed::hear,
}];
