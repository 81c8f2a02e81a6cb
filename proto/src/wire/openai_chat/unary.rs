//! What is asked in this format beside conversations, and where: at the places of OpenAI's API, and under a deployment of Azure's.

use super::azure::deployed;
use super::{audio, count, embeddings, images, moderation, rerank};
use crate::operation::{Operation, Unary, models, tokens};

/// At the places of the format.
pub(super) static PLAIN: [Unary; 8] = [
    Unary {
        operation: Operation::Embeddings,
        say: embeddings::say,
        hear: embeddings::hear,
    },
    Unary {
        operation: Operation::Rerank,
        say: rerank::say,
        hear: rerank::hear,
    },
    Unary {
        operation: Operation::Models,
        say: |request, target| models::say(request, target, "/models", "after", &[]),
        hear: |answer| models::hear(answer, b"data", b"id", ""),
    },
    Unary {
        operation: Operation::Moderation,
        say: moderation::say,
        hear: moderation::hear,
    },
    Unary {
        operation: Operation::CountTokens,
        say: count::say,
        hear: |answer| tokens::hear(answer, b"count"),
    },
    Unary {
        operation: Operation::Images,
        say: images::say,
        hear: images::hear,
    },
    Unary {
        operation: Operation::Speech,
        say: audio::say_speech,
        hear: audio::hear_speech,
    },
    Unary {
        operation: Operation::Transcription,
        say: audio::say_transcription,
        hear: audio::hear_transcription,
    },
];

/// Under a deployment.
pub(super) static DEPLOYED: [Unary; 4] = [
    Unary {
        operation: Operation::Embeddings,
        say: |request, target| deployed(request, target, embeddings::say),
        hear: embeddings::hear,
    },
    Unary {
        operation: Operation::Images,
        say: |request, target| deployed(request, target, images::say),
        hear: images::hear,
    },
    Unary {
        operation: Operation::Speech,
        say: |request, target| deployed(request, target, audio::say_speech),
        hear: audio::hear_speech,
    },
    Unary {
        operation: Operation::Transcription,
        say: |request, target| deployed(request, target, audio::say_transcription),
        hear: audio::hear_transcription,
    },
];
