//! The JSON of a whole answer: llm_response_json().

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Done, FinishReason, Message};

/// A whole answer in the shape of OpenAI's chat completions, with what the library knows beside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ChatCompletion {
    /// The provider's name for the answer.
    pub id: Option<String>,
    /// Always "chat.completion".
    pub object: String,
    /// Seconds since 1970.
    pub created: Option<u64>,
    /// The model as the provider names it.
    pub model: Option<String>,
    /// All n answers.
    pub choices: Vec<Completed>,
    /// Tokens, in OpenAI's shape.
    pub usage: Option<CompletionUsage>,
    /// What a DONE event tells.
    pub libllm: Done,
}

/// One of n answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Completed {
    /// Which.
    pub index: u32,
    /// What it said: the turn to append to `messages`.
    pub message: Message,
    /// Why it ended; null where the provider's word has no equal.
    pub finish_reason: Option<FinishReason>,
}

/// Tokens in OpenAI's shape; null is unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct CompletionUsage {
    /// Of what was asked.
    pub prompt_tokens: Option<u64>,
    /// Of the answer.
    pub completion_tokens: Option<u64>,
    /// Both together.
    pub total_tokens: Option<u64>,
    /// Which of the prompt's were cached, as an object.
    pub prompt_tokens_details: Value,
    /// Which of the answer's were reasoning, as an object.
    pub completion_tokens_details: Value,
}
