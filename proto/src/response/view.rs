//! Answers as Chat Completions prints them.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::Usage;

#[derive(Serialize)]
pub(super) struct Completion<'r> {
    pub(super) id: Option<&'r str>,
    pub(super) object: &'static str,
    pub(super) model: Option<&'r str>,
    pub(super) choices: Vec<ChoiceView<'r>>,
    pub(super) usage: Option<UsageView>,
}

#[derive(Serialize)]
pub(super) struct ChoiceView<'r> {
    pub(super) index: u32,
    pub(super) message: Message<'r>,
    pub(super) finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Message<'r> {
    pub(super) role: &'static str,
    pub(super) content: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<&'r str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<CallView<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) libllm_parts: Vec<PartView<'r>>,
}

#[derive(Serialize)]
pub(super) struct CallView<'r> {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) function: Function<'r>,
    /// Said only where it is not: such a call must not be run, and no provider takes it back.
    #[serde(skip_serializing_if = "Clone::clone")]
    pub(super) complete: bool,
}

#[derive(Serialize)]
pub(super) struct Function<'r> {
    pub(super) name: &'r str,
    pub(super) arguments: &'r str,
}

#[derive(Serialize)]
pub(super) struct PartView<'r> {
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<&'r str>,
    pub(super) index: u32,
    pub(super) data: &'r RawValue,
}

#[derive(Serialize)]
pub(super) struct UsageView {
    pub(super) prompt_tokens: Option<u64>,
    pub(super) completion_tokens: Option<u64>,
    pub(super) total_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt_tokens_details: Option<PromptDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Serialize)]
pub(super) struct PromptDetails {
    pub(super) cached_tokens: u64,
}

#[derive(Serialize)]
pub(super) struct CompletionDetails {
    pub(super) reasoning_tokens: u64,
}

impl From<&Usage> for UsageView {
    fn from(usage: &Usage) -> UsageView {
        UsageView {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.total_tokens,
            prompt_tokens_details: usage
                .cached_tokens
                .map(|cached_tokens| PromptDetails { cached_tokens }),
            completion_tokens_details: usage
                .reasoning_tokens
                .map(|reasoning_tokens| CompletionDetails { reasoning_tokens }),
        }
    }
}
