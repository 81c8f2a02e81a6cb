//! Chat Completions requests in the words of Cohere's chat, versions 2 and 1.
#![cfg(feature = "cohere")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Encoded, Operation, Target, Unsupported};
use libllm_proto::{Error, ErrorKind, Request, Retry};
use serde_json::{Value, json};

fn encode(wire: &str, mode: Unsupported, request: &Value) -> Result<Encoded, Error> {
    let target = Target {
        provider: "cohere",
        model: "command-a",
        base_url: "https://host/base",
        stream: true,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        unsupported: mode,
        extra_body: None,
    };
    let request = Request::parse(request.to_string())?;
    wire::find(wire).unwrap().encode(&request, &target)
}

/// The body, and the report as `param action`.
fn said(wire: &str, request: &Value) -> (Value, Vec<String>) {
    let encoded = encode(wire, Unsupported::Drop, request).unwrap();
    let body = serde_json::from_slice(encoded.http.body()).unwrap();
    let report = encoded.dropped.iter();
    let report = report.map(|it| format!("{} {}", it.param, it.action));
    (body, report.collect())
}

/// A request with these members and a greeting becomes the greeting's body with those.
#[track_caller]
fn check(wire: &str, members: Value, expected: Value, report: &[&str]) {
    let join = |mut base: Value, more: Value| {
        let members = more.as_object().unwrap().clone();
        base.as_object_mut().unwrap().extend(members);
        base
    };
    let hi = json!([{"role": "user", "content": "hi"}]);
    let request = join(json!({ "messages": hi }), members);
    let base = match wire {
        "cohere" => json!({"model": "command-a", "messages": hi, "stream": true}),
        _ => json!({"model": "command-a", "message": "hi", "stream": true}),
    };
    let (body, told) = said(wire, &request);
    assert_eq!(body, join(base, expected));
    assert_eq!(told, report);
}

#[test]
fn each_version_has_its_path() {
    let request = json!({"messages": [{"role": "user", "content": "hi"}]});
    for (wire, path, accept) in [
        ("cohere", "/v2/chat", "text/event-stream"),
        ("cohere_v1", "/v1/chat", "application/stream+json"),
    ] {
        let http = encode(wire, Unsupported::Drop, &request).unwrap().http;
        assert_eq!(http.uri().to_string(), format!("https://host/base{path}"));
        assert_eq!(http.headers()["accept"], accept);
    }
}

#[test]
fn completions_are_not_known() {
    for name in ["cohere", "cohere_v1"] {
        let wire = wire::find(name).unwrap();
        assert!(wire.speaks(Operation::Chat) && !wire.speaks(Operation::Completion));
        let request = Request::parse(r#"{"messages":[{"role":"user","content":"hi"}]}"#).unwrap();
        let target = Target {
            provider: "cohere",
            model: "m",
            base_url: "https://h",
            stream: false,
            operation: Operation::Completion,
            quirks: &Quirks::PLAIN,
            unsupported: Unsupported::Drop,
            extra_body: None,
        };
        let error = wire.encode(&request, &target).unwrap_err();
        assert_eq!(
            (error.kind(), error.retry()),
            (ErrorKind::Unsupported, Retry::Elsewhere)
        );
        assert!(error.message().contains("completion"), "{error}");
    }
}

#[test]
fn a_conversation_of_version_2_keeps_its_roles() {
    let request = json!({"messages": [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [
            {"type": "text", "text": "what is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "image_url", "image_url": {"url": "https://h/p.png"}},
            {"type": "file", "file": {"file_data": "JVBERi0", "filename": "a.pdf"}},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            {"type": "file", "file": {"file_data": "data:image/png;base64,BBBB"}},
            {"type": "file", "file": {"file_data": "data:text/csv;base64,BBBB"}}]},
        {"role": "assistant", "content": "", "reasoning": "hm",
            "libllm_parts": [{"kind": "plan", "provider": "cohere", "data": "look \u{e9}"}, {"kind": "citation", "data": {}},
                {"kind": "signature", "provider": "anthropic", "data": {}}],
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1.50}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "document", "document": {"data": {"text": "a cat"}}}]},
        {"role": "assistant", "tool_calls": [{"id": "c2", "function": {"name": "see", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "a dog"},
        {"role": "user", "name": "Bo", "content": "sure?"},
        {"role": "assistant", "content": [{"type": "text", "text": "yes"}, {"type": "image_url", "image_url": {"url": "https://h/q.png"}},
            {"type": "file", "file": {"file_data": "data:image/png;base64,CCCC"}}]}]});
    let (body, report) = said("cohere", &request);
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let expected = json!([
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "what is this?"}, image("data:image/png;base64,AAAA"), image("https://h/p.png"),
            image("data:image/png;base64,BBBB")]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": ""}], "tool_plan": "look \u{e9}",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1.50}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "document", "document": {"data": {"text": "a cat"}}}]},
        {"role": "assistant", "tool_calls": [{"id": "c2", "type": "function", "function": {"name": "see", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "a dog"},
        {"role": "user", "content": "sure?"},
        {"role": "assistant", "content": [{"type": "text", "text": "yes"}]}]);
    assert_eq!(body["messages"], expected);
    let dropped = [
        "messages[1].content[3] dropped",
        "messages[1].content[4] dropped",
        "messages[1].content[6] dropped",
        "messages[2].libllm_parts[2] dropped",
        "messages[6].name dropped",
        "messages[7].content[1] dropped",
        "messages[7].content[2] dropped",
    ];
    assert_eq!(report, dropped);
    let error = encode("cohere", Unsupported::Error, &request).unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unsupported, Retry::Elsewhere)
    );
}

#[test]
fn members_find_their_names() {
    for wire in ["cohere", "cohere_v1"] {
        check(
            wire,
            json!({"max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 1, "stop": ["x"], "frequency_penalty": 0.5}),
            json!({"max_tokens": 5, "temperature": 0.5, "p": 0.9, "k": 3, "seed": 1, "stop_sequences": ["x"], "frequency_penalty": 0.5}),
            &[],
        );
        check(
            wire,
            json!({"frequency_penalty": -1, "presence_penalty": 1.5, "n": 1, "user": "u", "safety_mode": "OFF"}),
            json!({"frequency_penalty": 0.0, "presence_penalty": 1.0, "safety_mode": "OFF"}),
            &[
                "frequency_penalty clamped",
                "presence_penalty clamped",
                "user dropped",
            ],
        );
        check(
            wire,
            json!({"extra_body": {"stream": false, "x": 1}}),
            json!({"stream": false, "x": 1}),
            &[],
        );
        check(
            wire,
            json!({"response_format": {"type": "json_object"}}),
            json!({"response_format": {"type": "json_object"}}),
            &[],
        );
        check(
            wire,
            json!({"response_format": {"type": "grammar"}}),
            json!({}),
            &["response_format dropped"],
        );
    }
    check(
        "cohere",
        json!({"logprobs": true}),
        json!({"logprobs": true}),
        &[],
    );
    check(
        "cohere_v1",
        json!({"logprobs": true}),
        json!({}),
        &["logprobs dropped"],
    );
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}});
    check(
        "cohere",
        format.clone(),
        json!({"response_format": {"type": "json_object", "json_schema": schema}}),
        &[],
    );
    check(
        "cohere_v1",
        format,
        json!({"response_format": {"type": "json_object", "schema": schema}}),
        &[],
    );
}

#[test]
fn effort_turns_thinking_on_or_off() {
    check(
        "cohere",
        json!({"reasoning_effort": "none"}),
        json!({"thinking": {"type": "disabled"}}),
        &[],
    );
    check(
        "cohere",
        json!({"reasoning_effort": "low"}),
        json!({"thinking": {"type": "enabled"}}),
        &["reasoning_effort converted"],
    );
    let own = json!({"type": "enabled", "token_budget": 9});
    check(
        "cohere",
        json!({"reasoning_effort": "low", "thinking": own}),
        json!({ "thinking": own }),
        &["reasoning_effort dropped"],
    );
    check(
        "cohere_v1",
        json!({"reasoning_effort": "low"}),
        json!({}),
        &["reasoning_effort dropped"],
    );
}

#[test]
fn tools_and_the_choice_among_them_are_said() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
    let strict = json!({"type": "function", "function": {"name": "s", "strict": true, "parameters": {"type": "object"}}});
    let (f, g) = (tool("f"), tool("g"));
    for (choice, expected, report) in [
        (json!("auto"), Value::Null, &[][..]),
        (json!("none"), json!("NONE"), &[]),
        (json!("required"), json!("REQUIRED"), &[]),
        (
            json!({"type": "tool", "name": "f"}),
            Value::Null,
            &["tool_choice dropped"],
        ),
        (
            json!({"type": "function", "function": {"name": "h"}}),
            Value::Null,
            &["tool_choice dropped"],
        ),
    ] {
        let mut body = json!({"tools": [f, g]});
        if !expected.is_null() {
            body["tool_choice"] = expected;
        }
        check(
            "cohere",
            json!({"tools": [f, g], "tool_choice": choice}),
            body,
            report,
        );
    }
    check(
        "cohere",
        json!({"tools": [f, g], "tool_choice": {"type": "function", "function": {"name": "g"}}, "parallel_tool_calls": false}),
        json!({"tools": [g], "tool_choice": "REQUIRED"}),
        &["tool_choice converted", "parallel_tool_calls dropped"],
    );
    check(
        "cohere",
        json!({"tools": [strict, f]}),
        json!({"tools": [tool("s"), f], "strict_tools": true}),
        &["tools converted"],
    );
    check(
        "cohere",
        json!({"tools": [{"type": "custom", "custom": {"name": "c"}}]}),
        json!({}),
        &["tools[0] dropped"],
    );
}

#[test]
fn a_conversation_of_version_1_has_a_history() {
    let call = |id: &str, name: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{\"at\":1}"}});
    let mut request = json!({"messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"},
            {"type": "image_url", "image_url": {"url": "https://h/p.png"}}]},
        {"role": "assistant", "content": "looking", "tool_calls": [call("c1", "look"), call("c2", "see")]},
        {"role": "tool", "tool_call_id": "c2", "content": "{\"cat\":true}"},
        {"role": "tool", "tool_call_id": "c1", "content": "nothing"}]});
    let said_call = |name: &str| json!({"name": name, "parameters": {"at": 1}});
    let results = json!([
        {"call": said_call("see"), "outputs": [{"cat": true}]},
        {"call": said_call("look"), "outputs": [{"output": "nothing"}]}]);
    let history = json!([
        {"role": "USER", "message": "a\nb"},
        {"role": "CHATBOT", "message": "looking", "tool_calls": [said_call("look"), said_call("see")]}]);
    let (body, report) = said("cohere_v1", &request);
    let expected = json!({"model": "command-a", "message": "", "preamble": "be brief", "chat_history": history,
        "tool_results": results, "stream": true});
    assert_eq!(body, expected);
    assert_eq!(report, ["messages[1].content[2] dropped"]);
    // Objects are results; whatever else a tool says is the text of one.
    for (content, outputs) in [
        (r#"[{"a":1},{"b":2}]"#, json!([{"a": 1}, {"b": 2}])),
        (r#"[{"a":1},2]"#, json!([{"output": r#"[{"a":1},2]"#}])),
        ("[]", json!([{"output": "[]"}])),
    ] {
        let mut other = request.clone();
        other["messages"][4]["content"] = content.into();
        let (body, _) = said("cohere_v1", &other);
        assert_eq!(body["tool_results"][1]["outputs"], outputs);
    }

    let more = [
        json!({"role": "assistant", "content": "a cat"}),
        json!({"role": "system", "content": "now"}),
        json!({"role": "user", "content": "sure?"}),
    ];
    request["messages"].as_array_mut().unwrap().extend(more);
    let (body, _) = said("cohere_v1", &request);
    assert_eq!(body["message"], "sure?");
    assert_eq!(body["tool_results"], Value::Null);
    assert_eq!(
        body["chat_history"][2],
        json!({"role": "TOOL", "tool_results": results})
    );
    assert_eq!(
        body["chat_history"][4],
        json!({"role": "SYSTEM", "message": "now"})
    );

    let ends = json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]});
    let error = encode("cohere_v1", Unsupported::Drop, &ends).unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unsupported, Retry::Elsewhere)
    );
    let stray = json!({"messages": [{"role": "tool", "tool_call_id": "x", "content": "b"}]});
    let error = encode("cohere_v1", Unsupported::Drop, &stray).unwrap_err();
    assert!(
        error.message().starts_with("messages[0].tool_call_id"),
        "{error}"
    );
}

#[test]
fn tools_of_version_1_are_a_list_of_parameters() {
    let tool = json!({"type": "function", "function": {"name": "f", "description": "does", "parameters": {"type": "object",
        "properties": {"a": {"type": "string", "description": "an a"}, "b": {"type": "integer"}}, "required": ["a"]}}});
    let said = json!({"name": "f", "description": "does", "parameter_definitions": {
        "a": {"type": "str", "description": "an a", "required": true}, "b": {"type": "int", "required": false}}});
    check(
        "cohere_v1",
        json!({ "tools": [tool] }),
        json!({ "tools": [said] }),
        &[],
    );
    let deep = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
        "a": {"type": "array", "items": {"type": "string"}}, "b": {"type": "boolean", "enum": [true]}}}}});
    let flat = json!({"name": "f", "description": "", "parameter_definitions": {
        "a": {"type": "list", "required": false}, "b": {"type": "bool", "required": false}}});
    check(
        "cohere_v1",
        json!({"tools": [deep], "tool_choice": "required"}),
        json!({ "tools": [flat] }),
        &[
            "tools[0].function.parameters converted",
            "tool_choice dropped",
        ],
    );
    // Either is more than a type can say.
    for (property, kind) in [
        (json!({"type": "array"}), "list"),
        (json!({"type": "string", "enum": ["x"]}), "str"),
    ] {
        let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": property}}}});
        let flat = json!({"name": "f", "description": "", "parameter_definitions": {"a": {"type": kind, "required": false}}});
        check(
            "cohere_v1",
            json!({ "tools": [tool] }),
            json!({ "tools": [flat] }),
            &["tools[0].function.parameters converted"],
        );
    }
    check(
        "cohere_v1",
        json!({"tools": [tool], "tool_choice": "none"}),
        json!({}),
        &["tool_choice converted"],
    );
}
