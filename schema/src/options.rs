//! The keys of `options_json`: what one request wishes, beside the fields of `llm_options`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::words::words;

/// Wishes for one request. What is not said is left to the target, the provider and the client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Options {
    /// For the whole request, retries included. 0: the default, negative: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    /// Until the first token; then the next target is tried. 0: the default, negative: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_timeout_ms: Option<i64>,
    /// Between two pieces of an answer. 0: the default, negative: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<i64>,
    /// Attempts in total, over all targets: 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// Models or aliases that are asked after the request's own targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallbacks: Option<Vec<String>>,
    /// What happens to an answer that is cut after its first item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_partial: Option<OnPartial>,
    /// What happens to a parameter that a provider cannot take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<Unsupported>,
    /// Hold the request against what is known of the model before it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_limits: Option<bool>,
    /// Added to every attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// Another place for the first target's provider, which gets neither its key nor its configured headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The key for that place, or for the first target's provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// Sent as `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Merged into the request's body last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_body: Option<Map<String, Value>>,
    /// What the cache is to it: true, false, "refresh", or an object of `refresh`, `ttl`, `tags`, `key` and `semantic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Value>,
    /// How the model's targets are chosen among, this once; words as `models.A.strategy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Words that rules look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Whose conversation it is: what should stay at one target does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// On whose behalf the request is made: rules, limits and budgets look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// More words that rules look at, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// The trace that it belongs to, as the header of that name says it (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What goes with `traceparent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
}

words! {
    /// What happens to an answer that is cut after its first item.
    OnPartial {
        /// The request fails, and the error says what came.
        Error = "error",
        /// What came is void, as a ROUTE event says, and the request is made again.
        Restart = "restart",
        /// A model that can is given what came and goes on with it, as a ROUTE event says; else the request fails.
        Continue = "continue",
    }
}

words! {
    /// What happens to a parameter that a provider cannot take.
    Unsupported {
        /// It is left out, and DONE says so.
        Drop = "drop",
        /// The request fails.
        Error = "error",
        /// It is sent all the same where the format has a place for it.
        Pass = "pass",
    }
}
