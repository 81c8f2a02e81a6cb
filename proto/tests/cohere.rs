//! Cohere's chat, versions 2 and 1: Chat Completions requests in its words, its answers in ours.
#![cfg(feature = "cohere")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::provider::{Quirks, TerminalMarker};
use libllm_proto::wire::{self, Encoded, Exchange, Head, Operation, Target, Unsupported};
use libllm_proto::{Batch, Error, ErrorKind, Event, Request, Retry, Usage};
use serde_json::{Value, json};
use support::{Heard, every_cut};

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
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]},
        {"role": "assistant", "content": "", "reasoning": "hm",
            "libllm_parts": [{"kind": "plan", "provider": "cohere", "data": "look \u{e9}"}, {"kind": "citation", "data": {}},
                {"kind": "signature", "provider": "anthropic", "data": {}}],
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1.50}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "document", "document": {"data": {"text": "a cat"}}}]},
        {"role": "assistant", "tool_calls": [{"id": "c2", "function": {"name": "see", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "a dog"},
        {"role": "user", "name": "Bo", "content": "sure?"}]});
    let (body, report) = said("cohere", &request);
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let expected = json!([
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "what is this?"}, image("data:image/png;base64,AAAA"), image("https://h/p.png")]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": ""}], "tool_plan": "look \u{e9}",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1.50}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "document", "document": {"data": {"text": "a cat"}}}]},
        {"role": "assistant", "tool_calls": [{"id": "c2", "type": "function", "function": {"name": "see", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "a dog"},
        {"role": "user", "content": "sure?"}]);
    assert_eq!(body["messages"], expected);
    let dropped = [
        "messages[1].content[3] dropped",
        "messages[1].content[4] dropped",
        "messages[2].libllm_parts[2] dropped",
        "messages[6].name dropped",
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
    check(
        "cohere_v1",
        json!({"tools": [tool], "tool_choice": "none"}),
        json!({}),
        &["tool_choice converted"],
    );
}

fn exchange(quirks: &Quirks) -> Exchange<'_> {
    Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks,
    }
}

fn head(content_type: &str) -> Head {
    let mut head = Head::new(200);
    head.headers
        .insert("content-type", content_type.parse().unwrap());
    head
}

const EVENTS: &str = "text/event-stream";
const LINES: &str = "application/stream+json";
const JSON: &str = "application/json";

fn hear(wire: &str, content_type: &str, body: &str) -> Heard {
    let (wire, quirks) = (wire::find(wire).unwrap(), Quirks::default());
    support::hear(
        wire,
        &exchange(&quirks),
        &head(content_type),
        &[body.as_bytes()],
        End::Clean,
    )
}

/// The items as kind, index and words.
fn items(heard: &Heard) -> Vec<(&str, u32, &str)> {
    heard
        .items
        .iter()
        .map(|it| (it.0, it.2, it.3.as_str()))
        .collect()
}

/// Everything that is no item: the id, usage, the end.
fn facts(
    wire: &str,
    content_type: &str,
    body: &str,
) -> (Option<String>, Option<Usage>, Option<String>) {
    let (wire, quirks) = (wire::find(wire).unwrap(), Quirks::default());
    let now = std::time::SystemTime::UNIX_EPOCH;
    let limits = Limits::default();
    let mut decoder = Decoder::new(
        wire,
        &exchange(&quirks),
        head(content_type),
        limits,
        false,
        now,
    );
    let mut batch = Batch::new();
    decoder.push(body.as_bytes(), &mut batch).unwrap();
    decoder.finish(End::Clean, &mut batch).unwrap();
    let (mut names, mut usage, mut end) = (None, None, None);
    for (_, event) in batch.iter() {
        match event {
            Event::Start { id, .. } => names = names.or(id.map(str::to_owned)),
            Event::Usage(said) => usage = Some(said),
            Event::Finish { reason, raw } => end = Some(format!("{reason:?} {raw:?}")),
            _ => {}
        }
    }
    (names, usage, end)
}

/// Events of version 2, the last of which is the end.
fn events(deltas: &[&str], end: &str) -> String {
    let event = |data: &&str| format!("data: {data}\n\n");
    let end = format!("data: {{\"type\":\"message-end\",\"delta\":{end}}}\n\n");
    deltas.iter().map(event).chain([end]).collect()
}

#[test]
fn ends_have_our_words() {
    for (word, v2, v1) in [
        ("COMPLETE", "Some(Stop)", "Some(Stop)"),
        ("STOP_SEQUENCE", "Some(Stop)", "Some(Stop)"),
        ("MAX_TOKENS", "Some(Length)", "Some(Length)"),
        ("TOOL_CALL", "Some(ToolCalls)", "Some(ToolCalls)"),
        ("ERROR_LIMIT", "Some(Length)", "Some(Length)"),
        ("ERROR_TOXIC", "Some(ContentFilter)", "Some(ContentFilter)"),
        ("USER_CANCEL", "None", "None"),
    ] {
        let body = events(&[], &format!("{{\"finish_reason\":\"{word}\"}}"));
        let end = facts("cohere", EVENTS, &body).2.unwrap();
        assert_eq!(end, format!("{v2} Some({word:?})"));
        let line = format!("{{\"event_type\":\"stream-end\",\"finish_reason\":\"{word}\"}}\n");
        let end = facts("cohere_v1", LINES, &line).2.unwrap();
        assert_eq!(end, format!("{v1} Some({word:?})"));
    }
    for word in ["ERROR", "TIMEOUT"] {
        let body = events(&[], &format!("{{\"finish_reason\":\"{word}\"}}"));
        let error = hear("cohere", EVENTS, &body).ending.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ProviderError);
        assert!(error.message().ends_with(word), "{error}");
    }
}

#[test]
fn a_stream_of_version_2_is_read() {
    let body = events(
        &[
            r#"{"id":"i","type":"message-start","delta":{"message":{"content":[],"tool_plan":"","tool_calls":[]}}}"#,
            r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I \"w"}}}"#,
            r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"ill"}}}"#,
            r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"a","function":{"name":"f","arguments":"{"}}}}}"#,
            r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"}"}}}}}"#,
            r#"{"type":"tool-call-end","index":0}"#,
            r#"{"type":"tool-call-start","index":1,"delta":{"message":{"tool_calls":{"id":"b","function":{"name":"g","arguments":""}}}}}"#,
            r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":"Hi"}}}}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":" there"}}}}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":", Bo"}}}}"#,
            r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":2}}}}"#,
            r#"{"type":"citation-start","index":1,"delta":{"message":{"citations":[{"start":3,"end":4}]}}}"#,
            r#"{"type":"something-new","index":1}"#,
        ],
        r#"{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":1},"tokens":{"input_tokens":5,"output_tokens":6},"cached_tokens":4}}"#,
    );
    let heard = hear("cohere", EVENTS, &body);
    let expected = [
        ("plan", 0, "\"I \\\"will\""),
        ("tool_call", 0, "Some(\"a\") f"),
        ("tool_args", 0, "{}"),
        ("tool_call", 1, "Some(\"b\") g"),
        ("text", 0, "Hi there, Bo"),
        ("citation", 0, "{\"start\":0,\"end\":2}"),
        ("citation", 1, "{\"start\":3,\"end\":4}"),
        ("tool_args", 1, "{}"),
    ];
    assert_eq!(items(&heard), expected);
    assert_eq!(heard.ending.as_ref().unwrap().skipped, 1);
    let (id, usage, end) = facts("cohere", EVENTS, &body);
    assert_eq!(
        (id.as_deref(), end.as_deref()),
        (Some("i"), Some(r#"Some(ToolCalls) Some("TOOL_CALL")"#))
    );
    let usage = usage.unwrap();
    assert_eq!(
        (usage.prompt_tokens, usage.total_tokens, usage.cached_tokens),
        (Some(5), Some(11), Some(4))
    );
}

#[test]
fn a_message_of_version_2_is_read_whole() {
    let body = r#"{"id":"i","message":{"role":"assistant","tool_plan":"first","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}],
        "tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","function":{"name":"g"}}],
        "citations":[{"start":0}]},"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":5,"output_tokens":6}}}"#;
    let heard = hear("cohere", JSON, body);
    let expected = [
        ("reasoning", 0, "hm"),
        ("text", 0, "Hi"),
        ("plan", 0, "\"first\""),
        ("tool_call", 0, "Some(\"a\") f"),
        ("tool_args", 0, "{\"x\":1}"),
        ("tool_call", 1, "Some(\"b\") g"),
        ("tool_args", 1, "{}"),
        ("citation", 0, "{\"start\":0}"),
    ];
    assert_eq!(items(&heard), expected);
    assert!(heard.ending.is_ok());
    assert_eq!(
        facts("cohere", JSON, body).2.unwrap(),
        r#"Some(ToolCalls) Some("COMPLETE")"#
    );
    let plain = r#"{"id":"i","message":{"content":"Hi"},"finish_reason":"COMPLETE"}"#;
    assert_eq!(hear("cohere", JSON, plain).text(), "Hi");
    // JSON where events were promised.
    assert_eq!(hear("cohere", EVENTS, plain).text(), "Hi");
    for (nothing, kind) in [
        ("{}", ErrorKind::EmptyResponse),
        ("[]", ErrorKind::EmptyResponse),
        (r#"{"message":{"content":[]}}"#, ErrorKind::EmptyResponse),
        (
            r#"{"message":{"content":[]},"fin"#,
            ErrorKind::StreamTruncated,
        ),
        (
            r#"{"message":{"content":[]},"finish_reason":"ERROR"}"#,
            ErrorKind::ProviderError,
        ),
        (r#"{"id":"i","message":"boom"}"#, ErrorKind::ProviderError),
    ] {
        assert_eq!(
            hear("cohere", JSON, nothing).kind(),
            Some(kind),
            "{nothing}"
        );
    }
}

#[test]
fn a_stream_of_version_1_is_read() {
    let lines = [
        r#"{"is_finished":false,"event_type":"stream-start","generation_id":"g"}"#,
        r#"{"is_finished":false,"event_type":"search-results","documents":[]}"#,
        r#"{"is_finished":false,"event_type":"text-generation","text":"Hi"}"#,
        r#"{"is_finished":false,"event_type":"text-generation","text":" there"}"#,
        r#"{"is_finished":false,"event_type":"citation-generation","citations":[{"start":0},{"start":1}]}"#,
        r#"{"is_finished":false,"event_type":"something-new"}"#,
    ];
    let end = r#"{"is_finished":true,"event_type":"stream-end","response":{"response_id":"r","text":"Hi there","generation_id":"g",
        "meta":{"tokens":{"input_tokens":5,"output_tokens":6}}},"finish_reason":"COMPLETE"}"#.replace('\n', "");
    let body = format!("{}\n{end}\n", lines.join("\n"));
    let heard = hear("cohere_v1", LINES, &body);
    let expected = [
        ("server_tool", 0, lines[1]),
        ("text", 0, "Hi there"),
        ("citation", 0, "{\"start\":0}"),
        ("citation", 1, "{\"start\":1}"),
    ];
    assert_eq!(items(&heard), expected);
    assert_eq!(heard.ending.unwrap().skipped, 1);
    let (id, usage, _) = facts("cohere_v1", LINES, &body);
    assert_eq!(
        (id.as_deref(), usage.unwrap().total_tokens),
        (Some("r"), Some(11))
    );
    // The same as events, for those who asked for them.
    let sse: String = body
        .lines()
        .map(|line| format!("data: {line}\n\n"))
        .collect();
    assert_eq!(hear("cohere_v1", EVENTS, &sse).text(), "Hi there");
}

#[test]
fn calls_of_version_1_come_whole_or_in_pieces() {
    let whole = r#"{"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":{"x":1}},{"name":"g","parameters":{}}]}"#;
    let end = r#"{"event_type":"stream-end","finish_reason":"COMPLETE","response":{"tool_calls":[{"name":"f","parameters":{"x":1}},{"name":"g","parameters":{}}]}}"#;
    let piece = |index: u32, key: &str, text: &str| {
        let text = Value::from(text);
        format!(
            "{{\"event_type\":\"tool-calls-chunk\",\"tool_call_delta\":{{\"index\":{index},\"{key}\":{text}}}}}\n"
        )
    };
    let pieces = [
        "{\"event_type\":\"tool-calls-chunk\",\"text\":\"I will\"}\n".to_owned(),
        piece(0, "name", "f"),
        piece(0, "parameters", "{\"x\""),
        piece(0, "parameters", ":1}"),
        piece(1, "name", "g"),
        piece(1, "parameters", "{}"),
    ];
    let unary = r#"{"text":"","finish_reason":"COMPLETE","tool_calls":[{"name":"f","parameters":{"x":1}},{"name":"g","parameters":{}}]}"#;
    for (content_type, body) in [
        (LINES, format!("{whole}\n{end}\n")),
        (LINES, format!("{}{whole}\n{end}\n", pieces.concat())),
        (LINES, format!("{end}\n")),
        (JSON, unary.to_owned()),
    ] {
        let heard = hear("cohere_v1", content_type, &body);
        let expected = [
            ("tool_call", 0, "None f"),
            ("tool_args", 0, "{\"x\":1}"),
            ("tool_call", 1, "None g"),
            ("tool_args", 1, "{}"),
        ];
        assert_eq!(items(&heard), expected, "{body}");
        let end = facts("cohere_v1", content_type, &body).2.unwrap();
        assert_eq!(end, r#"Some(ToolCalls) Some("COMPLETE")"#);
    }
}

#[test]
fn an_error_inside_a_stream_ends_the_answer() {
    let told = r#"{"type":"message-end","delta":{"finish_reason":"ERROR","usage":{},"error":"boom","error_type":"ODD"}}"#;
    let start =
        r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}}"#;
    let v1 = r#"{"event_type":"text-generation","text":"Hi"}"#;
    let v1_end =
        r#"{"is_finished":true,"event_type":"stream-end","finish_reason":"ERROR","error":"boom"}"#;
    for (wire, content_type, body, kind) in [
        (
            "cohere",
            EVENTS,
            format!("data: {start}\n\ndata: {told}\n\ndata: [DONE]\n\n"),
            "ODD",
        ),
        (
            "cohere",
            EVENTS,
            format!("data: {start}\n\ndata: {{\"id\":\"i\",\"message\":\"boom\"}}\n\n"),
            "",
        ),
        ("cohere_v1", LINES, format!("{v1}\n{v1_end}\n"), ""),
        (
            "cohere_v1",
            LINES,
            format!("{v1}\n{{\"message\":\"boom\"}}\n"),
            "",
        ),
        (
            "cohere_v1",
            LINES,
            format!("{v1}\n{{\"error\":{{\"message\":\"boom\"}}}}\n"),
            "",
        ),
    ] {
        let (wire, quirks) = (wire::find(wire).unwrap(), Quirks::default());
        every_cut(body.as_bytes(), |cut, pieces| {
            let heard = support::hear(
                wire,
                &exchange(&quirks),
                &head(content_type),
                pieces,
                End::Clean,
            );
            assert_eq!(heard.text(), "Hi", "{body}, {cut}");
            let error = heard.ending.unwrap_err();
            assert_eq!(
                (error.kind(), error.message()),
                (ErrorKind::ProviderError, "boom"),
                "{body}, {cut}"
            );
            assert_eq!(
                error.provider_type().unwrap_or_default(),
                kind,
                "{body}, {cut}"
            );
        });
    }
}

#[test]
fn a_missing_end_is_an_error_unless_the_row_says_otherwise() {
    let v2 = "data: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"Hi\"}}}}\n\ndata: [DONE]\n\n";
    let v1 = "{\"event_type\":\"text-generation\",\"text\":\"Hi\"}\n";
    for (wire, content_type, body) in [("cohere", EVENTS, v2), ("cohere_v1", LINES, v1)] {
        for (terminal_marker, expected) in [
            (TerminalMarker::Format, None),
            (TerminalMarker::None, Some(true)),
        ] {
            let quirks = Quirks {
                terminal_marker,
                ..Quirks::default()
            };
            let found = wire::find(wire).unwrap();
            let heard = support::hear(
                found,
                &exchange(&quirks),
                &head(content_type),
                &[body.as_bytes()],
                End::Clean,
            );
            assert_eq!(heard.text(), "Hi");
            let incomplete = heard.ending.as_ref().ok().map(|ending| ending.incomplete);
            assert_eq!(incomplete, expected, "{wire} {terminal_marker:?}");
            let kind = heard.kind();
            let cut = expected.is_none().then_some(ErrorKind::StreamTruncated);
            assert_eq!(kind, cut, "{wire} {terminal_marker:?}");
        }
    }
}

/// The fast path gives what parsing gives: pieces that look alike and are not.
#[test]
fn pieces_that_look_alike_are_told_apart() {
    let text = |text: &str| {
        format!(
            "{{\"type\":\"content-delta\",\"index\":0,\"delta\":{{\"message\":{{\"content\":{{\"text\":\"{text}\"}}}}}}}}"
        )
    };
    let thought = |text: &str| text.replace("\"text\"", "\"thinking\"");
    let deltas = [
        text("a"),
        text("b\\ud83d"),
        text("\\ude00"),
        thought(&text("t")),
        thought(&text("u")),
        text(""),
        text("c"),
        text("\\n"),
    ];
    let deltas: Vec<&str> = deltas.iter().map(String::as_str).collect();
    let heard = hear(
        "cohere",
        EVENTS,
        &events(&deltas, "{\"finish_reason\":\"COMPLETE\"}"),
    );
    let expected = [
        ("text", 0, "ab\u{1f600}"),
        ("reasoning", 0, "tu"),
        ("text", 0, "c\n"),
    ];
    assert_eq!(items(&heard), expected);
    // A name that says error goes before what the data looks like.
    let body = format!("data: {0}\n\nevent: error\ndata: {0}\n\n", text("a"));
    let heard = hear("cohere", EVENTS, &body);
    assert_eq!(
        (heard.text().as_str(), heard.kind()),
        ("a", Some(ErrorKind::ProviderError))
    );
}
