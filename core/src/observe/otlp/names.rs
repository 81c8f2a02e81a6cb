//! The words of OpenTelemetry's conventions for generative AI: those of version 1.41, and those of their own repository since
//! (github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/client-inference.md at 024a4f9).

use std::time::SystemTime;

use super::attributes;
use crate::config::{Otlp, SERVICE, Semconv};

/// What differs between versions.
pub(super) struct Names {
    pub(super) duration: &'static str,
    pub(super) first_chunk: &'static str,
    pub(super) chunk: &'static str,
    /// Sizes of requests, told apart by an attribute, or by two names.
    pub(super) tokens: Tokens,
    /// The span's attribute for tokens that a provider's cache keeps from now on.
    pub(super) cache_write: &'static str,
    pub(super) schema: Option<&'static str>,
}

/// How tokens are told.
pub(super) enum Tokens {
    /// As one distribution of both kinds.
    One(&'static str),
    /// As one of each, and as sums of the kinds that are counted here under these names.
    Each {
        input: &'static str,
        output: &'static str,
        sums: &'static [(&'static str, &'static str)],
    },
}

/// The words of a version.
pub(super) fn of(version: Semconv) -> &'static Names {
    match version {
        Semconv::V1_41 => &V1_41,
        Semconv::Latest => &LATEST,
    }
}

static V1_41: Names = Names {
    duration: "gen_ai.client.operation.duration",
    first_chunk: "gen_ai.client.operation.time_to_first_chunk",
    chunk: "gen_ai.client.operation.time_per_output_chunk",
    tokens: Tokens::One("gen_ai.client.token.usage"),
    cache_write: "gen_ai.usage.cache_creation.input_tokens",
    schema: Some("https://opentelemetry.io/schemas/1.41.0"),
};

static LATEST: Names = Names {
    duration: "gen_ai.client.inference.duration",
    first_chunk: "gen_ai.client.inference.time_to_first_chunk",
    chunk: "gen_ai.client.inference.time_per_output_chunk",
    tokens: Tokens::Each {
        input: "gen_ai.client.inference.operation.input_tokens",
        output: "gen_ai.client.inference.operation.output_tokens",
        sums: &[
            ("prompt", "gen_ai.client.inference.usage.input_tokens"),
            ("completion", "gen_ai.client.inference.usage.output_tokens"),
            (
                "cached",
                "gen_ai.client.inference.usage.cache_read.input_tokens",
            ),
            (
                "cache_write",
                "gen_ai.client.inference.usage.cache_write.input_tokens",
            ),
            (
                "reasoning",
                "gen_ai.client.inference.usage.reasoning.output_tokens",
            ),
        ],
    },
    cache_write: "gen_ai.usage.cache_write.input_tokens",
    schema: None,
};

/// An operation in the conventions' words, where they have one.
pub(super) fn operation(name: &str) -> &str {
    match name {
        "completion" => "text_completion",
        "responses" => "chat",
        other => other,
    }
}

/// A provider in the conventions' words, where they have one.
pub(super) fn provider(id: &str) -> &str {
    let known = PROVIDERS.binary_search_by_key(&id, |(known, _)| known);
    known.map_or(id, |at| PROVIDERS[at].1)
}

/// Ids of built-in rows, in order, whose names are others there.
const PROVIDERS: [(&str, &str); 13] = [
    ("azure", "azure.ai.openai"),
    ("azure_deployments", "azure.ai.openai"),
    ("bedrock", "aws.bedrock"),
    ("bedrock_invoke", "aws.bedrock"),
    ("codestral", "mistral_ai"),
    ("cohere_openai", "cohere"),
    ("gemini", "gcp.gemini"),
    ("gemini_openai", "gcp.gemini"),
    ("mistral", "mistral_ai"),
    ("moonshot", "moonshot_ai"),
    ("vertex", "gcp.vertex_ai"),
    ("vertex_anthropic", "gcp.vertex_ai"),
    ("xai", "x_ai"),
];

/// What is said of this process, as JSON. The number of the instance tells the sums of two processes of one service apart.
pub(super) fn resource(to: &Otlp) -> String {
    let said = |name: &str| to.resource.iter().any(|(known, _)| known == name);
    let list = attributes::list(|list| {
        for (name, value) in &to.resource {
            list.text(name, value);
        }
        if !said(SERVICE) {
            list.text(SERVICE, "libllm");
        }
        if !said(INSTANCE) {
            list.text(INSTANCE, &format!("{:032x}", fastrand::u128(..)));
        }
        list.text("telemetry.sdk.name", "libllm")
            .text("telemetry.sdk.language", "rust")
            .text("telemetry.sdk.version", VERSION)
            .count("process.pid", Some(std::process::id().into()));
    });
    format!(r#"{{"attributes":{list}}}"#)
}

/// The scope in which all is told.
pub(super) fn scope() -> String {
    format!(r#"{{"name":"libllm","version":"{VERSION}"}}"#)
}

/// Nanoseconds since 1970, as a text: 64 bits are no number in JSON.
pub(super) fn nanos(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_nanos().to_string()
}

const INSTANCE: &str = "service.instance.id";
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_in_order_and_rows_of_ours() {
        assert!(PROVIDERS.is_sorted_by_key(|(id, _)| *id));
        for (id, name) in PROVIDERS {
            assert!(libllm_proto::provider::find(id).is_some(), "{id}");
            assert_eq!(provider(id), name);
        }
        assert_eq!(provider("openai"), "openai");
    }
}
