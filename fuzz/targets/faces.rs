//! Faces: whatever a caller posts, in each format, and streams that are passed on.

use bytes::Bytes;
use libllm_proto::inbound::{self, Events, Outline, Taker};
use libllm_proto::json;
use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Operation, Target, Unsupported};
use serde_json::Value;

use crate::input;

const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/messages", "/v1/responses"];
const MODEL: &str = "m";

/// What is read can be asked of any wire or is refused; what passes is the same JSON but for the model.
pub(crate) fn posted(data: &[u8]) {
    let Some((knobs, text)) = input::split(data) else {
        return;
    };
    let body = Bytes::copy_from_slice(text);
    let Ok(outline) = Outline::read(&body) else {
        return;
    };
    outline.request().expect("an outline is a request");
    let routed = inbound::routed(&body, br#"{"model":"m"}"#).expect("an object can be routed");
    json::check(&routed).expect("what is routed is JSON");
    // Numbers that no machine has are JSON, but none that this parser holds.
    if let Ok(routed) = serde_json::from_slice::<Value>(&routed) {
        assert_eq!(routed["model"], MODEL);
    }
    let face = inbound::of_path(PATHS[usize::from(knobs.0[1]) % PATHS.len()]).expect("a face");
    let echo = face.echo(&body).expect("an object has an echo");
    assert!(echo.is_empty() || json::check(format!("{{{}}}", &echo[1..]).as_bytes()).is_ok());
    let wires: Vec<_> = wire::KNOWN
        .iter()
        .filter_map(|name| wire::find(name))
        .collect();
    let wire = wires[usize::from(knobs.0[2]) % wires.len()];
    let taker = Taker {
        wire: wire.name(),
        unsupported: Unsupported::Drop,
    };
    let Ok(asked) = face.read(&body, taker) else {
        return;
    };
    let target = Target {
        provider: "p",
        model: MODEL,
        base_url: "https://h.example/v1",
        stream: outline.stream,
        operation: Operation::Chat,
        quirks: &Quirks::default(),
        unsupported: Unsupported::Drop,
        extra_body: None,
    };
    if let Ok(encoded) = wire.encode(&asked.request, &target) {
        json::check(encoded.http.body()).expect("what is sent is JSON");
    }
}

/// Bytes go through as they came, and only whole events before the end.
pub(crate) fn passed(data: &[u8]) {
    let Some((knobs, text)) = input::split(data) else {
        return;
    };
    for pieces in input::cuts(knobs, text) {
        let (mut all, mut out) = (Events::new(false), Vec::new());
        let (mut some, mut kept) = (Events::new(true), Vec::new());
        for piece in pieces {
            all.push(piece, &mut out);
            some.push(piece, &mut kept);
        }
        assert!(text.starts_with(&out));
        assert!(out.is_empty() || matches!(out[out.len() - 1], b'\n' | b'\r'));
        all.finish(&mut out);
        some.finish(&mut kept);
        assert_eq!(out, text);
        assert!(kept.len() <= out.len());
    }
}
