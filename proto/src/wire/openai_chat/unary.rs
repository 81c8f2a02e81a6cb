//! What is asked in this format beside conversations, and where: at the places of OpenAI's API, and under a deployment of Azure's.

use super::azure::deployed;
use super::embeddings;
use crate::operation::{Operation, Unary};

/// At the places of the format.
pub(super) static PLAIN: [Unary; 1] = [Unary {
    operation: Operation::Embeddings,
    say: embeddings::say,
    hear: embeddings::hear,
}];

/// Under a deployment.
pub(super) static DEPLOYED: [Unary; 1] = [Unary {
    operation: Operation::Embeddings,
    say: |request, target| deployed(request, target, embeddings::say),
    hear: embeddings::hear,
}];
