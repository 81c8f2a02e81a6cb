//! Ollama's own format: Chat Completions requests in its words, its answers in ours.
#![cfg(feature = "ollama")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::provider::{Quirks, TerminalMarker};
use libllm_proto::wire::{self, Encoded, Exchange, Head, Operation, Target, Unsupported};
use libllm_proto::{Batch, Error, ErrorKind, Event, Request, Retry, Usage};
use serde_json::{Value, json};
use support::{Heard, cases, every_cut, stream_head, vectors};

fn encode(operation: Operation, mode: Unsupported, request: &Value) -> Result<Encoded, Error> {
    let target = Target {
        provider: "box",
        model: "qwen3:14b",
        base_url: "http://host/base",
        stream: false,
        operation,
        quirks: &Quirks::PLAIN,
        unsupported: mode,
        extra_body: None,
    };
    let request = Request::parse(request.to_string())?;
    wire::find("ollama").unwrap().encode(&request, &target)
}

/// The body, and the report as `param action`.
fn said(operation: Operation, mode: Unsupported, request: &Value) -> (Value, Vec<String>) {
    let encoded = encode(operation, mode, request).unwrap();
    let body = serde_json::from_slice(encoded.http.body()).unwrap();
    let report = encoded.dropped.iter();
    let report = report.map(|it| format!("{} {}", it.param, it.action));
    (body, report.collect())
}

/// A request with these members and a greeting becomes the greeting's body with those.
#[track_caller]
fn check(members: Value, expected: Value, report: &[&str]) {
    let join = |mut base: Value, more: Value| {
        let members = more.as_object().unwrap().clone();
        base.as_object_mut().unwrap().extend(members);
        base
    };
    let hi = json!([{"role": "user", "content": "hi"}]);
    let request = join(json!({ "messages": hi }), members);
    let base = json!({"model": "qwen3:14b", "messages": hi, "stream": false});
    let (body, told) = said(Operation::Chat, Unsupported::Drop, &request);
    assert_eq!(body, join(base, expected));
    assert_eq!(told, report);
}

#[test]
fn a_request_goes_to_the_path_of_its_operation() {
    let request = json!({"messages": [{"role": "user", "content": "hi"}], "stream": true});
    for (operation, path) in [
        (Operation::Chat, "http://host/base/api/chat"),
        (Operation::Completion, "http://host/base/api/generate"),
    ] {
        let encoded = encode(operation, Unsupported::Drop, &request).unwrap();
        assert_eq!(encoded.http.uri(), path);
        assert_eq!(encoded.http.method(), "POST");
        assert_eq!(encoded.http.headers()["content-type"], "application/json");
        assert_eq!(encoded.http.headers()["accept"], "application/json");
    }
}

#[test]
fn a_conversation_with_tools_and_pictures_is_said() {
    let request = json!({"messages": [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [
            {"type": "text", "text": "what is"}, {"type": "text", "text": "this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "image_url", "image_url": {"url": "https://h/p.png"}},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]},
        {"role": "assistant", "content": null, "reasoning_content": "hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1.50}"}},
                {"id": "c2", "type": "function", "function": {"name": "see", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "a cat"},
        {"role": "user", "name": "Bo", "content": "sure?"}]});
    let (body, report) = said(Operation::Chat, Unsupported::Drop, &request);
    let expected = json!([
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "what is\nthis?", "images": ["AAAA"]},
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [
            {"id": "c1", "function": {"name": "look", "arguments": {"at": 1.5}}},
            {"id": "c2", "function": {"name": "see", "arguments": {}}}]},
        {"role": "tool", "content": "a cat", "tool_name": "see", "tool_call_id": "c2"},
        {"role": "user", "content": "sure?"}]);
    assert_eq!(body["messages"], expected);
    let dropped = [
        "messages[1].content[3] dropped",
        "messages[1].content[4] dropped",
        "messages[4].name dropped",
    ];
    assert_eq!(report, dropped);
    let text = encode(Operation::Chat, Unsupported::Drop, &request).unwrap();
    let text = String::from_utf8(text.http.body().to_vec()).unwrap();
    assert!(
        text.contains(r#""arguments":{"at": 1.50}"#),
        "byte for byte: {text}"
    );
    let error = encode(Operation::Chat, Unsupported::Error, &request).unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unsupported, Retry::Elsewhere)
    );
}

#[test]
fn arguments_that_are_no_object_are_refused() {
    let call = json!({"id": "c", "function": {"name": "f", "arguments": "[1]"}});
    let request = json!({"messages": [{"role": "assistant", "tool_calls": [call]}]});
    let error = encode(Operation::Chat, Unsupported::Drop, &request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let place = "messages[0].tool_calls[0].function.arguments";
    assert!(error.message().starts_with(place), "{error}");
}

#[test]
fn members_find_their_places() {
    check(
        json!({"max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "seed": 1, "stop": "x", "frequency_penalty": 0.5,
            "presence_penalty": -1, "top_k": 3, "num_ctx": 10}),
        json!({"options": {"num_predict": 5, "temperature": 0.5, "top_p": 0.9, "seed": 1, "stop": ["x"], "frequency_penalty": 0.5,
            "presence_penalty": -1, "top_k": 3, "num_ctx": 10}}),
        &[],
    );
    // The caller's own options have the last word.
    check(
        json!({"max_tokens": 5, "max_completion_tokens": 6, "options": {"num_predict": 7, "num_gpu": 1}}),
        json!({"options": {"num_predict": 7, "num_gpu": 1}}),
        &[],
    );
    check(
        json!({"keep_alive": "5m", "logprobs": true, "top_logprobs": 2, "unheard": {"of": 1}}),
        json!({"keep_alive": "5m", "logprobs": true, "top_logprobs": 2, "unheard": {"of": 1}}),
        &[],
    );
    check(json!({"n": 1, "user": "u"}), json!({}), &["user dropped"]);
    check(
        json!({"extra_body": {"stream": true, "x": 1}}),
        json!({"stream": true, "x": 1}),
        &[],
    );
}

#[test]
fn effort_is_said_as_think() {
    for (effort, think, report) in [
        ("none", json!(false), &[][..]),
        ("minimal", json!("low"), &["reasoning_effort converted"]),
        ("high", json!("high"), &[]),
        ("xhigh", json!("max"), &["reasoning_effort converted"]),
    ] {
        check(
            json!({ "reasoning_effort": effort }),
            json!({ "think": think }),
            report,
        );
    }
    check(
        json!({"reasoning_effort": "odd"}),
        json!({}),
        &["reasoning_effort dropped"],
    );
    check(
        json!({"reasoning_effort": "high", "think": true}),
        json!({"think": true}),
        &["reasoning_effort dropped"],
    );
}

#[test]
fn answers_of_a_shape_are_asked_for() {
    check(json!({"response_format": {"type": "text"}}), json!({}), &[]);
    check(
        json!({"response_format": {"type": "json_object"}}),
        json!({"format": "json"}),
        &[],
    );
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    check(
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}),
        json!({ "format": schema }),
        &[],
    );
    check(
        json!({"response_format": {"type": "grammar"}}),
        json!({}),
        &["response_format dropped"],
    );
}

#[test]
fn tools_are_functions_without_a_choice() {
    let tool = json!({"type": "function", "function": {"name": "f", "strict": true}});
    let plain = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}});
    let strict = "tools[0].function.strict dropped";
    check(
        json!({ "tools": [tool] }),
        json!({ "tools": [plain] }),
        &[strict],
    );
    check(
        json!({"tools": [tool], "tool_choice": "required", "parallel_tool_calls": false}),
        json!({ "tools": [plain] }),
        &[strict, "tool_choice dropped", "parallel_tool_calls dropped"],
    );
    check(
        json!({"tools": [tool], "tool_choice": "none"}),
        json!({}),
        &[strict, "tool_choice converted"],
    );
    check(
        json!({"tools": [{"type": "custom", "custom": {"name": "c"}}, {"type": "web"}], "tool_choice": "auto"}),
        json!({}),
        &["tools[0] dropped", "tools dropped"],
    );
}

#[test]
fn a_completion_has_a_prompt() {
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
    let request = json!({"messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "def f("}, picture]},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": "):"}],
        "suffix": "return", "raw": true, "tools": [{"type": "function", "function": {"name": "f"}}]});
    let (body, report) = said(Operation::Completion, Unsupported::Drop, &request);
    let expected = json!({"model": "qwen3:14b", "prompt": "def f(\n):", "system": "be brief", "images": ["AA=="],
        "suffix": "return", "raw": true, "stream": false});
    assert_eq!(body, expected);
    assert_eq!(
        report,
        ["messages[2] dropped", "messages converted", "tools dropped"]
    );
}

fn exchange(quirks: &Quirks, stream: bool) -> Exchange<'_> {
    Exchange {
        stream,
        operation: Operation::Chat,
        quirks,
        packed: false,
        answer_tool: false,
    }
}

fn hear(body: &str, stream: bool, content_type: &str) -> Heard {
    let wire = wire::find("ollama").unwrap();
    let quirks = Quirks::default();
    let mut head = Head::new(200);
    head.headers
        .insert("content-type", content_type.parse().unwrap());
    support::hear(
        wire,
        &exchange(&quirks, stream),
        &head,
        &[body.as_bytes()],
        End::Clean,
    )
}

/// Everything that is no item: names, usage, the end.
fn facts(body: &str) -> (Option<String>, Option<Usage>, Option<String>) {
    let quirks = Quirks::default();
    let wire = wire::find("ollama").unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH;
    let (head, limits) = (stream_head("ollama"), Limits::default());
    let mut decoder = Decoder::new(wire, &exchange(&quirks, true), head, limits, false, now);
    let mut batch = Batch::new();
    decoder.push(body.as_bytes(), &mut batch).unwrap();
    decoder.finish(End::Clean, &mut batch).unwrap();
    let (mut names, mut usage, mut end) = (None, None, None);
    for (_, event) in batch.iter() {
        match event {
            Event::Start { model, .. } => {
                assert_eq!(names, None, "a model is named once");
                names = model.map(str::to_owned);
            }
            Event::Usage(said) => usage = Some(said),
            Event::Finish { reason, raw } => end = Some(format!("{reason:?} {raw:?}")),
            _ => {}
        }
    }
    (names, usage, end)
}

#[test]
fn counts_and_ends_are_read() {
    let end = |reason: &str| {
        let line = format!("{{\"message\":{{}},\"done\":true{reason}}}\n");
        facts(&line).2.unwrap()
    };
    assert_eq!(
        end(r#","done_reason":"stop""#),
        r#"Some(Stop) Some("stop")"#
    );
    assert_eq!(
        end(r#","done_reason":"length""#),
        r#"Some(Length) Some("length")"#
    );
    assert_eq!(end(r#","done_reason":"load""#), r#"None Some("load")"#);
    assert_eq!(end(""), "Some(Stop) None");
    let call = r#"{"message":{"tool_calls":[{"function":{"name":"f","arguments":{}}}]}}"#;
    let stop = r#"{"model":"m","message":{"content":""},"done":true,"done_reason":"stop","total_duration":9,"prompt_eval_count":3,"eval_count":4,"context":[1,2]}"#;
    let (model, usage, end) = facts(&format!("{call}\n{stop}\n"));
    assert_eq!(model.as_deref(), Some("m"));
    assert_eq!(end.unwrap(), r#"Some(ToolCalls) Some("stop")"#);
    let usage = usage.unwrap();
    assert_eq!(
        (usage.prompt_tokens, usage.completion_tokens),
        (Some(3), Some(4))
    );
    assert_eq!(usage.total_tokens, Some(7));
    let raw = r#"{"total_duration":9,"prompt_eval_count":3,"eval_count":4}"#;
    assert_eq!(usage.raw.as_deref(), Some(raw));
    let (model, _, _) = facts(
        "{\"model\":\"\",\"response\":\"\"}\n{\"model\":\"m\",\"response\":\"\"}\n{\"model\":\"m\",\"response\":\"\",\"done\":true}",
    );
    assert_eq!(model.as_deref(), Some("m"));
    // A prompt that was cached is not counted, and nobody knows its length.
    let (_, usage, _) = facts("{\"response\":\"\",\"done\":true,\"eval_count\":4}");
    let usage = usage.unwrap();
    assert_eq!((usage.prompt_tokens, usage.total_tokens), (None, Some(4)));
    assert_eq!(
        facts("{\"response\":\"\",\"done\":true,\"total_duration\":4}").1,
        None
    );
}

#[test]
fn calls_are_told_with_whatever_id_and_arguments_they_have() {
    let body = r#"{"message":{"tool_calls":[{"id":"i1","function":{"name":"a","arguments":{"x": 1}}},{"id":"","function":{"name":"b"}},
        {"function":{"name":"c","arguments":"{\"y\":2}"}},{"function":{"arguments":{}}},7,
        {"function":"none"},{"function":{"name":"d"}}]},"done":true}"#;
    let heard = hear(&body.replace('\n', " "), true, "application/x-ndjson");
    let items: Vec<_> = heard
        .items
        .iter()
        .map(|it| (it.0, it.2, it.3.as_str()))
        .collect();
    let expected = [
        ("tool_call", 0, "Some(\"i1\") a"),
        ("tool_args", 0, "{\"x\": 1}"),
        ("tool_call", 1, "None b"),
        ("tool_args", 1, "{}"),
        ("tool_call", 2, "None c"),
        ("tool_args", 2, "{\"y\":2}"),
        ("tool_call", 3, "None d"),
        ("tool_args", 3, "{}"),
    ];
    assert_eq!(items, expected);
}

#[test]
fn what_the_server_sends_is_what_is_read() {
    let whole =
        "{\"model\":\"m\",\"message\":{\"thinking\":\"t\",\"content\":\"hi\"},\n \"done\":true}";
    let heard = hear(whole, true, "application/json; charset=utf-8");
    assert_eq!((heard.text().as_str(), heard.ending.is_ok()), ("hi", true));
    let lines =
        "{\"response\":\"a\"}\n{\"response\":\"b\",\"done\":true}\n{\"response\":\"late\"}\n";
    let heard = hear(lines, false, "application/x-ndjson");
    assert_eq!((heard.text().as_str(), heard.ending.is_ok()), ("ab", true));
    let unfinished = hear(
        "{\"message\":{\"content\":\"a\"},\"done\":false}",
        false,
        "application/json",
    );
    assert_eq!(unfinished.kind(), Some(ErrorKind::EmptyResponse));
    let cut = hear(
        "{\"message\":{\"content\":\"a\"},\"do",
        false,
        "application/json",
    );
    assert_eq!(cut.kind(), Some(ErrorKind::StreamTruncated));
    // `/api/generate` thinks beside its answer, not in a message.
    let thought = "{\"response\":\"\",\"thinking\":\"hm\"}\n{\"response\":\"a\",\"done\":true}\n";
    let heard = hear(thought, true, "application/x-ndjson");
    let items: Vec<_> = heard.items.iter().map(|it| (it.0, it.3.as_str())).collect();
    assert_eq!(items, [("reasoning", "hm"), ("text", "a")]);
    let picture = "{\"message\":{\"images\":[\"AA\",\"BB\"]},\"done\":true}";
    let heard = hear(picture, true, "application/x-ndjson");
    let images: Vec<_> = heard.items.iter().map(|it| (it.0, it.2)).collect();
    assert_eq!(images, [("image", 0), ("image", 1)]);
}

#[test]
fn an_error_in_a_line_ends_the_answer() {
    let before = "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n";
    for (line, kind, message) in [
        (r#"{"error":"boom"}"#, ErrorKind::ProviderError, "boom"),
        (
            r#"{"error":{"message":"boom","code":429}}"#,
            ErrorKind::RateLimited,
            "boom",
        ),
        (r#"[{"error":"boom"}]"#, ErrorKind::ProviderError, "boom"),
        (
            r#"{"done":true,"error":"boom"}"#,
            ErrorKind::ProviderError,
            "boom",
        ),
    ] {
        let body = format!("{before}{line}\n{{\"done\":true}}\n");
        let quirks = Quirks::default();
        let (wire, head) = (wire::find("ollama").unwrap(), stream_head("ollama"));
        every_cut(body.as_bytes(), |cut, pieces| {
            let heard = support::hear(wire, &exchange(&quirks, true), &head, pieces, End::Clean);
            assert_eq!(heard.text(), "Hi", "{line}, {cut}");
            let error = heard.ending.unwrap_err();
            assert_eq!(
                (error.kind(), error.message()),
                (kind, message),
                "{line}, {cut}"
            );
        });
    }
    // An error that is null or says nothing is none.
    for nothing in ["null", "\"\"", "{}"] {
        let line = format!("{{\"response\":\"\",\"error\":{nothing},\"done\":true}}\n");
        assert!(
            hear(&line, true, "application/x-ndjson").ending.is_ok(),
            "{line}"
        );
    }
}

#[test]
fn a_missing_end_is_an_error_unless_the_row_says_otherwise() {
    let body = "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n{\"unknown\":1}\n";
    let wire = wire::find("ollama").unwrap();
    for (terminal_marker, expected) in [
        (TerminalMarker::Format, None),
        (TerminalMarker::FinishReason, None),
        (TerminalMarker::None, Some(true)),
    ] {
        let quirks = Quirks {
            terminal_marker,
            ..Quirks::default()
        };
        let head = stream_head("ollama");
        let heard = support::hear(
            wire,
            &exchange(&quirks, true),
            &head,
            &[body.as_bytes()],
            End::Clean,
        );
        assert_eq!(heard.text(), "Hi");
        let incomplete = heard.ending.as_ref().ok().map(|ending| ending.incomplete);
        assert_eq!(incomplete, expected, "{terminal_marker:?}");
        match heard.ending {
            Ok(ending) => assert_eq!(ending.skipped, 1),
            Err(error) => assert_eq!(error.kind(), ErrorKind::StreamTruncated),
        }
    }
}

/// JSON that no strict reader takes, in a line.
#[test]
fn a_line_that_is_no_json_ends_a_stream() {
    let quirks = Quirks::default();
    let (wire, head) = (wire::find("ollama").unwrap(), stream_head("ollama"));
    let mut passed = 0;
    for case in cases(&vectors("json_limits.json")) {
        let input = support::bytes(&case["input_b64"]);
        let word = case["expected"].as_str().unwrap();
        if input.contains(&b'\n') || input.first() == Some(&b'<') {
            continue;
        }
        let body = [&input[..], b"\n{\"response\":\"\",\"done\":true}\n"].concat();
        let heard = support::hear(wire, &exchange(&quirks, true), &head, &[&body], End::Clean);
        let blank = matches!(case["id"].as_str(), Some("empty" | "whitespace"));
        let status = heard.kind().map(ErrorKind::status);
        match word {
            "reject" | "reject_or_split" if !blank => {
                assert_eq!(
                    status,
                    Some(libllm_proto::Status::Protocol),
                    "{}",
                    case["id"]
                );
            }
            "error_object" => {
                assert_eq!(
                    status,
                    Some(libllm_proto::Status::Overloaded),
                    "{}",
                    case["id"]
                );
            }
            _ => assert!(heard.ending.is_ok(), "{}: {heard:?}", case["id"]),
        }
        passed += 1;
    }
    assert!(passed > 30, "{passed}");
}
