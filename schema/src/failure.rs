//! The JSON of an error: llm_error_json(), and the ERROR event.

use serde::{Deserialize, Serialize};

use crate::event::{Attempt, FinishReason, Usage};
use crate::words::words;

/// ERROR: why a request failed, and all that is known about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Failure {
    /// A constant such as LLM_ERR_TIMEOUT.
    pub status: String,
    /// The same, finer: rate_limited, overloaded, stream_truncated ..
    pub kind: String,
    /// One line for people; no key and no prompt in it.
    pub message: String,
    /// The provider's type of error.
    #[serde(rename = "type")]
    pub provider_type: Option<String>,
    /// The provider's code.
    pub code: Option<String>,
    /// The field of the request that the provider complains of.
    pub param: Option<String>,
    /// Who was asked last.
    pub provider: Option<String>,
    /// PROVIDER/MODEL that was asked last.
    pub target: Option<String>,
    /// The provider's HTTP status.
    pub http_status: Option<u16>,
    /// The provider's number for the request.
    pub request_id: Option<String>,
    /// How long the provider asked to wait.
    pub retry_after_ms: Option<u64>,
    /// Whether asking again, here or elsewhere, can help.
    pub retryable: bool,
    /// How far it had come.
    pub phase: Phase,
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
    /// What is known of the answer that broke off.
    pub partial: Option<Partial>,
    /// The provider's body, cut to what an event may hold.
    pub body: Option<String>,
}

words! {
    /// How far a request had come when it failed.
    Phase {
        /// Before anything was sent: arguments, configuration, limits.
        Local = "local",
        /// Name, TCP, TLS, proxy.
        Connect = "connect",
        /// Sending the request, up to the answer's head.
        Send = "send",
        /// After the head, before the first item.
        FirstItem = "first_item",
        /// After the first item.
        Stream = "stream",
        /// The consumer left the events unread.
        Consumer = "consumer",
    }
}

/// What is known of an answer that broke off.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Partial {
    /// The provider's name for the answer.
    pub id: Option<String>,
    /// The model as the provider names it.
    pub model: Option<String>,
    /// Why the first choice ended, if it had.
    pub finish_reason: Option<FinishReason>,
    /// Tokens.
    pub usage: Usage,
    /// The text of the first choice, where the library kept it.
    pub text: Option<String>,
}
