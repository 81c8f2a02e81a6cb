//! A request of a caller's on its way to a provider.

use bytes::Bytes;
use libllm_proto::inbound::Taker;
use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Dropped, Operation, Target, Unsupported};
use libllm_proto::{Error, operation};
use serde_json::Value;

use super::face;

/// What became of it.
pub(crate) struct Asked {
    /// What the provider is sent.
    pub(crate) body: String,
    /// What did not fit.
    pub(crate) dropped: Vec<Dropped>,
}

/// Reads the request by its face, and says it by the wire; the provider is called as the wire is.
pub(crate) fn ask(
    path: &str,
    (wire, model): (&str, &str),
    request: &Value,
    unsupported: Unsupported,
) -> Result<Asked, Error> {
    let taker = Taker { wire, unsupported };
    let read = face(path).read(&Bytes::from(request.to_string()), taker)?;
    let operation = match wire {
        "openai_completions" => Operation::Completion,
        _ => Operation::Chat,
    };
    let target = Target {
        provider: wire,
        model,
        base_url: "https://host",
        stream: false,
        operation,
        quirks: &Quirks::PLAIN,
        unsupported,
        extra_body: None,
    };
    let encoded = operation::encode(wire::find(wire).unwrap(), &read.request, &target)?;
    let mut dropped = read.dropped;
    dropped.extend(encoded.dropped);
    let body = encoded.http.body().to_vec();
    Ok(Asked {
        body: String::from_utf8(body).unwrap(),
        dropped,
    })
}
