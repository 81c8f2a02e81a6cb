//! Chat Completions requests in the words of the Messages API: one list of cases, body and report compared whole.
#![cfg(feature = "anthropic")]
#![allow(clippy::unwrap_used, missing_docs)]

mod messages;
mod options;

use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Encoded, Operation, Target, Unsupported};
use libllm_proto::{Error, ErrorKind, Request, Retry};
use serde_json::{Value, json};

const OLD: &str = "claude-haiku-4-5";
const NEW: &str = "claude-opus-5";

fn encode(model: &str, mode: Unsupported, request: &Value) -> Result<Encoded, Error> {
    let request = Request::parse(request.to_string())?;
    let target = Target {
        provider: "anthropic",
        model,
        base_url: "https://host/base",
        stream: false,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        unsupported: mode,
        extra_body: None,
    };
    wire::find("anthropic").unwrap().encode(&request, &target)
}

/// The body without `model`, and the report as `param action`.
fn said(model: &str, mode: Unsupported, request: &Value) -> (Value, Vec<String>) {
    let encoded = encode(model, mode, request).unwrap();
    let mut body: Value = serde_json::from_slice(encoded.http.body()).unwrap();
    assert_eq!(
        body.as_object_mut().unwrap().remove("model"),
        Some(model.into())
    );
    let report = encoded
        .dropped
        .iter()
        .map(|it| format!("{} {}", it.param, it.action));
    (body, report.collect())
}

/// A request with these members and a greeting, and what becomes of them.
#[track_caller]
fn check(model: &str, members: Value, expected: Value, report: &[&str]) {
    check_mode(model, Unsupported::Drop, members, expected, report);
}

#[track_caller]
fn check_mode(model: &str, mode: Unsupported, members: Value, expected: Value, report: &[&str]) {
    let hi = json!([{"role": "user", "content": "hi"}]);
    let with = |given: Value, defaults: Value| {
        let mut all = defaults;
        all.as_object_mut()
            .unwrap()
            .extend(given.as_object().unwrap().clone());
        all
    };
    let request = with(members, json!({"messages": hi, "max_tokens": 9}));
    let (body, said) = said(model, mode, &request);
    assert_eq!(
        body,
        with(expected, json!({"messages": hi, "max_tokens": 9}))
    );
    assert_eq!(said, report);
}

/// These messages, and the system text and turns they become.
#[track_caller]
fn check_messages(messages: Value, system: Value, turns: Value, report: &[&str]) {
    let mut expected = json!({"messages": turns});
    if !system.is_null() {
        expected["system"] = system;
    }
    check(OLD, json!({"messages": messages}), expected, report);
}

#[test]
fn the_request_goes_to_one_path_with_the_version() {
    let hi = json!({"messages": [{"role": "user", "content": "hi"}]});
    let encoded = encode(OLD, Unsupported::Drop, &hi).unwrap();
    assert_eq!(
        (
            encoded.http.method().as_str(),
            encoded.http.uri().to_string().as_str()
        ),
        ("POST", "https://host/base/v1/messages")
    );
    let header = |name: &str| encoded.http.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("anthropic-version"), "2023-06-01");
    assert_eq!(
        (header("content-type"), header("accept")),
        ("application/json".into(), "application/json".into())
    );
    assert_eq!(header("accept-encoding"), "identity");
    let target = Target {
        provider: "anthropic",
        model: OLD,
        base_url: "https://host",
        stream: true,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        unsupported: Unsupported::Drop,
        extra_body: Some(br#"{"max_tokens":1,"x":[1.0]}"#),
    };
    let request = json!({"messages": [{"role": "user", "content": "hi"}], "extra_body": {"max_tokens": 5, "y": null}});
    let request = Request::parse(request.to_string()).unwrap();
    let encoded = wire::find("anthropic")
        .unwrap()
        .encode(&request, &target)
        .unwrap();
    assert_eq!(encoded.http.headers()["accept"], "text/event-stream");
    let body = std::str::from_utf8(encoded.http.body()).unwrap();
    // Both are merged in last, the target's after the request's own, numbers as they were written.
    assert!(
        body.ends_with(r#""max_tokens":1,"stream":true,"y":null,"x":[1.0]}"#),
        "{body}"
    );
}

#[test]
fn what_does_not_fit_is_an_error_if_that_is_wanted() {
    let hi = json!([{"role": "user", "content": "hi"}]);
    for members in [
        json!({"messages": hi, "seed": 4}),
        json!({"messages": hi, "temperature": 2}),
        json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}]}),
    ] {
        let error = encode(OLD, Unsupported::Error, &members).unwrap_err();
        assert_eq!(
            (error.kind(), error.retry()),
            (ErrorKind::Unsupported, Retry::Elsewhere),
            "{error}"
        );
    }
}

#[test]
fn mistakes_are_named_by_path_and_reason() {
    let user = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    let call = |call: Value| json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [call]}]});
    for (request, expected) in [
        (
            json!({"messages": [{"role": "narrator", "content": "x"}]}),
            "messages[0].role: unknown role \"narrator\"",
        ),
        (
            json!({"messages": [{"role": "tool", "content": "x"}]}),
            "messages[0].tool_call_id: is missing",
        ),
        (
            user(json!([{"type": "image_url"}])),
            "messages[0].content[0].image_url: is missing",
        ),
        (
            user(json!([{"type": "image_url", "image_url": {"url": "ftp://h"}}])),
            "messages[0].content[0].image_url.url: expected an http, https or data address",
        ),
        (
            user(json!([{"type": "image_url", "image_url": {"url": "data:image/png,abc"}}])),
            "messages[0].content[0].image_url.url: the data address is not base64",
        ),
        (
            user(json!([{"type": "file", "file": {}}])),
            "messages[0].content[0].file: has neither file_data nor file_id",
        ),
        (
            user(json!([{"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}])),
            "messages[0].content[0].file.file_data: expected base64 of UTF-8 text",
        ),
        (
            user(json!([{"type": "file", "file": {"file_data": "data:text/plain;base64,a*"}}])),
            "messages[0].content[0].file.file_data: expected base64 of UTF-8 text",
        ),
        (
            call(json!({"id": "c", "function": {"name": "f", "arguments": "{\"a\":"}})),
            "messages[1].tool_calls[0].function.arguments: expected the text of a JSON object",
        ),
        (
            call(json!({"id": "c", "function": {"name": "f", "arguments": "[1]"}})),
            "messages[1].tool_calls[0].function.arguments: expected the text of a JSON object",
        ),
        (
            call(json!({"function": {"name": "f", "arguments": "{}"}})),
            "messages[1].tool_calls[0].id: is missing",
        ),
        (
            json!({"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function"}]}),
            "tools[0].function: is missing",
        ),
        (
            json!({"messages": [{"role": "user", "content": "a"}], "tool_choice": "maybe"}),
            "tool_choice: expected auto, none, required or an object, found \"maybe\"",
        ),
        (
            json!({"messages": [{"role": "user", "content": "a"}], "response_format": {"type": "json_schema"}}),
            "response_format.json_schema: is missing",
        ),
    ] {
        let error = encode(OLD, Unsupported::Drop, &request).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::InvalidArgument, expected)
        );
    }
}
