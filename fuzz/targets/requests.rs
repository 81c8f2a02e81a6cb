//! Requests: any JSON, through the checks, then through the encoder of every wire, for some provider's row.

use bytes::Bytes;
use libllm_proto::provider::rows;
use libllm_proto::wire::{self, Encoded, Operation, Target, Unsupported, Wire};
use libllm_proto::{ErrorKind, Request, json};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::input::{self, Knobs};

/// A request that is refused says why; one that is taken is said by each wire as JSON, with what routing set in it.
pub(crate) fn request(data: &[u8]) {
    let Some((knobs, text)) = input::split(data) else {
        return;
    };
    let request = match Request::parse(Bytes::copy_from_slice(text)) {
        Ok(request) => request,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
            assert!(error.message().len() <= 4096, "{error}");
            return;
        }
    };
    keeps_its_fields(&request);
    for wire in wire::KNOWN.iter().filter_map(|name| wire::find(name)) {
        encode(wire, &request, knobs);
    }
}

/// Changing one member leaves the others as they were written.
fn keeps_its_fields(request: &Request) {
    let others = |request: &Request| -> Vec<(String, Vec<u8>)> {
        let fields = request.fields().filter(|field| field.0 != "model");
        fields
            .map(|(key, text)| (key.to_owned(), text.to_vec()))
            .collect()
    };
    for (key, text) in request.fields() {
        assert!(json::check(text).is_ok(), "{key} is no JSON: {text:?}");
    }
    let renamed = request.with_model(MODEL).expect("a name is a name");
    assert_eq!(renamed.model(), Some(MODEL));
    assert_eq!(others(&renamed), others(request));
    assert_eq!(
        (renamed.n(), renamed.stream()),
        (request.n(), request.stream())
    );
}

fn encode(wire: &'static dyn Wire, request: &Request, knobs: Knobs) {
    let row = &rows()[usize::from(knobs.0[1]) % rows().len()];
    let target = Target {
        provider: row.id,
        model: MODEL,
        base_url: "https://h.example/v1",
        stream: knobs.bit(0),
        operation: match knobs.bit(2) && wire.speaks(Operation::Completion) {
            true => Operation::Completion,
            false => Operation::Chat,
        },
        quirks: &row.quirks,
        unsupported: match knobs.0[2] % 3 {
            0 => Unsupported::Drop,
            1 => Unsupported::Error,
            _ => Unsupported::Pass,
        },
        extra_body: knobs.bit(1).then_some(br#"{"extra":[1]}"#),
    };
    match wire.encode(request, &target) {
        Ok(encoded) => is_what_was_asked(wire, &encoded, &target),
        Err(error) => {
            assert_ne!(
                error.kind(),
                ErrorKind::Internal,
                "{}: {error}",
                wire.name()
            );
            assert!(error.message().len() <= 4096, "{error}");
        }
    }
}

fn is_what_was_asked(wire: &dyn Wire, encoded: &Encoded, target: &Target<'_>) {
    let uri = encoded.http.uri().to_string();
    assert!(uri.starts_with(target.base_url), "{uri}");
    let body = encoded.http.body();
    let shown = String::from_utf8_lossy(body);
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(body) {
        // A caller may nest as deep as we read, which is deeper than this reader does.
        assert!(
            error.to_string().contains("recursion"),
            "{}: {error}: {shown}",
            wire.name()
        );
        return;
    }
    // Numbers that no f64 holds travel as they were written.
    let Ok(said) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    // Some formats have the model and the wish for a stream in the path.
    if IN_PATH.contains(&wire.name()) {
        assert_eq!(uri.contains("stream"), target.stream, "{uri}");
    } else {
        assert_eq!(said["model"], MODEL, "{}: {shown}", wire.name());
        // Ollama streams unless it is told not to; the others do not unless they are told to.
        let streams = said["stream"].as_bool().unwrap_or(wire.name() == "ollama");
        assert_eq!(streams, target.stream, "{}: {shown}", wire.name());
    }
    assert!(
        target.extra_body.is_none() || !said["extra"].is_null(),
        "{}: {shown}",
        wire.name()
    );
}

const MODEL: &str = "a-\"model\"/\u{e9}";

const IN_PATH: &[&str] = &[
    "gemini",
    "vertex",
    "vertex_anthropic",
    "bedrock_converse",
    "bedrock_invoke",
];
