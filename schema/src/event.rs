//! The JSON of a stream's events.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::request::ToolCallParam;
use crate::words::words;

/// TOOL_CALL: a call begins. Its arguments follow as TOOL_ARGS of the same `index`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ToolCallStart {
    /// Goes back in the tool message's `tool_call_id`.
    pub id: String,
    /// The function's name.
    pub name: String,
}

/// ROUTE: which target is asked now, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Route {
    /// Who is asked.
    pub provider: String,
    /// For which model.
    pub model: String,
    /// 1 for the first try.
    pub attempt: u32,
    /// Why.
    pub reason: RouteReason,
    /// The list of fallbacks that it is from; only if it is from one.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    pub cause: Option<FallbackCause>,
    /// Whether what was delivered before is void.
    pub voids: bool,
    /// What was tried before.
    pub tried: Vec<Attempt>,
}

words! {
    /// Why a target is asked.
    RouteReason {
        /// The request's first target.
        First = "first",
        /// The same target again.
        Retry = "retry",
        /// Another target.
        Fallback = "fallback",
        /// Another target beside one that is slow.
        Hedge = "hedge",
        /// What was delivered was cut, and is void.
        Restart = "restart",
        /// What was delivered was cut, and what comes now goes on with it.
        Continue = "continue",
        /// Nobody is asked: the answer is from the cache, or another request's that is on its way.
        Cache = "cache",
    }
}

words! {
    /// Which list of fallbacks a target is from.
    FallbackCause {
        /// Whatever may be tried elsewhere.
        Any = "any",
        /// The request is longer than the model's window.
        ContextWindow = "context_window",
        /// The provider's filter refused it.
        ContentPolicy = "content_policy",
        /// It holds what the model cannot see or hear.
        Modality = "modality",
    }
}

/// PART: what must survive byte for byte but is no text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Whose it is: parts go back to their own provider only.
    pub provider: String,
    /// The provider's number of the content block, or a running number.
    pub index: u32,
    /// The provider's own JSON.
    pub data: Value,
}

words! {
    /// What a part carries.
    PartKind {
        /// Reasoning with its signature.
        Signature = "signature",
        /// Reasoning that nobody may read.
        Redacted = "redacted",
        /// Encrypted reasoning.
        Encrypted = "encrypted",
        /// A source of what was said.
        Citation = "citation",
        /// A tool that the provider runs itself.
        ServerTool = "server_tool",
        /// An image.
        Image = "image",
        /// Sound.
        Audio = "audio",
        /// A plan of tool calls.
        Plan = "plan",
    }
}

/// DONE: how a request ended that ended well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Done {
    /// The provider's name for the answer.
    pub id: Option<String>,
    /// The model as the provider names it.
    pub model: Option<String>,
    /// Who answered.
    pub provider: String,
    /// PROVIDER/MODEL that was asked.
    pub target: String,
    /// Why the first choice ended; null where the provider's word has no equal.
    pub finish_reason: Option<FinishReason>,
    /// The provider's own word for it.
    pub finish_reason_raw: Option<String>,
    /// How each choice ended; only if there are others than number 0.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    pub choices: Vec<ChoiceEnd>,
    /// The turn to append to `messages`; with its text only if that was asked for; null of other operations.
    pub message: Option<Message>,
    /// What the bytes of a RESULT are that is not JSON.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    pub media_type: Option<String>,
    /// The message is left out: it is larger than an event may be, and was delivered as events.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    pub message_omitted: bool,
    /// The provider sends no sign of the end, so that a cut would not show.
    pub incomplete: bool,
    /// Tokens.
    pub usage: Usage,
    /// What it cost.
    pub cost: Cost,
    /// Parameters that were not sent as they were written.
    pub dropped: Vec<Dropped>,
    /// The provider's, from its headers.
    pub request_id: Option<String>,
    /// Every try, in order; the last one succeeded.
    pub attempts: Vec<Attempt>,
    /// How long it took.
    pub timing: Timing,
    /// Whether it comes from the cache.
    pub cached: bool,
    /// What of the cache it comes from; only if it does.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    pub cache: Option<CacheHit>,
}

/// Where an answer was kept that nobody was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct CacheHit {
    /// Where.
    pub source: Option<CachePlace>,
    /// How alike the question was that it answers: the cosine of their vectors. Only if that was another one.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    pub similarity: Option<f64>,
}

words! {
    /// Where an answer was kept.
    CachePlace {
        /// In this process.
        Memory = "memory",
        /// In the Redis that processes share.
        Redis = "redis",
        /// Nowhere yet: another request was getting it.
        Flight = "flight",
        /// In this process, as the answer to a question that is almost the same.
        Semantic = "semantic",
    }
}

words! {
    /// Why an answer ended, in OpenAI's words.
    FinishReason {
        /// The model had said all.
        Stop = "stop",
        /// The limit of tokens.
        Length = "length",
        /// The model wants tools called.
        ToolCalls = "tool_calls",
        /// Stopped by moderation.
        ContentFilter = "content_filter",
    }
}

/// How one of several answers ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ChoiceEnd {
    /// Which.
    pub index: u32,
    /// Why; null where the provider's word has no equal.
    pub finish_reason: Option<FinishReason>,
    /// The provider's own word for it.
    pub finish_reason_raw: Option<String>,
    /// Whose answer it is; only where several targets were asked for theirs.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// What the model said, as a message to append to `messages`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Message {
    /// Always "assistant".
    pub role: String,
    /// The text.
    pub content: Option<String>,
    /// The reasoning, where the provider shows it.
    pub reasoning: Option<String>,
    /// The refusal, if it was one.
    pub refusal: Option<String>,
    /// Tools to call.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    pub tool_calls: Vec<ToolCallParam>,
    /// What must go back as it came.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    pub libllm_parts: Vec<Value>,
}

/// Tokens; null is unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Usage {
    /// Of what was asked, cached ones included.
    pub prompt_tokens: Option<u64>,
    /// Of the answer, reasoning included.
    pub completion_tokens: Option<u64>,
    /// Both together.
    pub total_tokens: Option<u64>,
    /// Of the prompt, read from the provider's cache.
    pub cached_tokens: Option<u64>,
    /// Of the prompt, written to the provider's cache.
    pub cache_write_tokens: Option<u64>,
    /// Of the answer, reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Of the prompt, sound.
    pub audio_prompt_tokens: Option<u64>,
    /// Of the answer, sound.
    pub audio_completion_tokens: Option<u64>,
    /// Who says so.
    pub source: Source,
    /// The provider's own object.
    pub raw: Value,
}

/// What an answer cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Cost {
    /// In millionths of a US dollar; null is unknown.
    pub microusd: Option<u64>,
    /// Who says so.
    pub source: Source,
}

words! {
    /// Who says a number.
    Source {
        /// The provider, with the answer.
        Reported = "reported",
        /// The provider names its price itself.
        Provider = "provider",
        /// Tokens at the prices of the catalog, or of the target.
        Catalog = "catalog",
        /// Nothing: another request has paid for it.
        Cache = "cache",
        /// Nobody.
        Unknown = "unknown",
    }
}

/// A parameter that was not sent as it was written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Dropped {
    /// Its name, such as `logit_bias`.
    pub param: String,
    /// What was done.
    pub action: DroppedAction,
    /// Why.
    pub why: String,
}

words! {
    /// What was done about a parameter that a provider cannot take.
    DroppedAction {
        /// Left out.
        Dropped = "dropped",
        /// Cut to what the provider takes.
        Clamped = "clamped",
        /// Said in another way.
        Converted = "converted",
    }
}

/// One try at one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Attempt {
    /// Who was asked.
    pub provider: String,
    /// For which model.
    pub model: String,
    /// Why it was made.
    pub reason: RouteReason,
    /// The list of fallbacks that its target is from; only if it is from one.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    pub cause: Option<FallbackCause>,
    /// How it ended: LLM_OK, or a constant such as LLM_ERR_TIMEOUT.
    pub status: String,
    /// The kind of its error.
    pub kind: Option<String>,
    /// Its HTTP status.
    pub http_status: Option<u16>,
    /// Milliseconds it took.
    pub ms: f64,
    /// Its error in words.
    pub message: Option<String>,
    /// What its target said that it used; only if it did.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    pub tokens: Option<Tokens>,
    /// What that cost; only with `tokens`.
    #[cfg_attr(feature = "schemars", schemars(extend("x-absent" = true)))]
    pub cost: Option<Cost>,
}

/// Tokens that an attempt used; null is unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Tokens {
    /// Of what was asked, cached ones included.
    pub prompt: Option<u64>,
    /// Of the answer, reasoning included.
    pub completion: Option<u64>,
    /// Of the prompt, read from the provider's cache.
    pub cached: Option<u64>,
    /// Of the prompt, written to the provider's cache.
    pub cache_write: Option<u64>,
    /// Of the answer, reasoning.
    pub reasoning: Option<u64>,
}

/// How long it took, in milliseconds; null where it does not apply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Timing {
    /// To a connection, if a new one was made.
    pub connect_ms: Option<f64>,
    /// To the first token.
    pub ttft_ms: Option<f64>,
    /// To the end.
    pub total_ms: f64,
}
