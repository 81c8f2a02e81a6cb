//! JSON of a schema where the model has no structured outputs: a tool is sent that it must call, and the tool's arguments are the
//! answer's text, however the bytes are cut.
#![cfg(all(feature = "anthropic", feature = "bedrock", feature = "gemini"))]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::decoder::End;
use libllm_proto::operation;
use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Encoded, Exchange, Head, Operation, Target, Unsupported};
use libllm_proto::{Error, ErrorKind, Request};
use serde_json::{Value, json};
use support::{Heard, every_cut, hear};

/// A model of each wire that must be made to.
const OLD: &[(&str, &str)] = &[
    ("anthropic", "claude-sonnet-4-20250514"),
    ("vertex_anthropic", "claude-sonnet-4@20250514"),
    ("bedrock_invoke", "anthropic.claude-3-5-haiku-20241022-v1:0"),
    (
        "bedrock_converse",
        "anthropic.claude-3-5-haiku-20241022-v1:0",
    ),
    ("bedrock_converse", "us.amazon.nova-lite-v1:0"),
    ("bedrock_invoke", "us.amazon.nova-lite-v1:0"),
];

fn schema() -> Value {
    json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})
}

fn encode(wire: &str, model: &str, more: Value, mode: Unsupported) -> Result<Encoded, Error> {
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema()}});
    let mut request = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "response_format": format});
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    let request = Request::parse(request.to_string())?;
    let target = Target {
        provider: "p",
        model,
        base_url: "https://h",
        stream: false,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        unsupported: mode,
        extra_body: None,
    };
    operation::encode(wire::find(wire).unwrap(), &request, &target)
}

/// The names of the tools and the choice, in either format's words, and the report.
fn offered(wire: &str, model: &str, more: Value) -> (Vec<String>, Value, Vec<String>, bool) {
    let encoded = encode(wire, model, more, Unsupported::Drop).unwrap();
    let body: Value = serde_json::from_slice(encoded.http.body()).unwrap();
    assert!(body.get("output_config").is_none() && body.get("outputConfig").is_none());
    let config = body.get("toolConfig").unwrap_or(&body);
    let mut names = Vec::new();
    for tool in config["tools"].as_array().into_iter().flatten() {
        let tool = tool.get("toolSpec").unwrap_or(tool);
        if tool["name"] == "json_answer" {
            let said = tool["input_schema"].as_object();
            let said = said.map_or(&tool["inputSchema"]["json"], |_| &tool["input_schema"]);
            assert_eq!(*said, schema());
            assert!(!tool["description"].as_str().unwrap().is_empty());
        }
        names.push(tool["name"].as_str().unwrap().to_owned());
    }
    let choice = config.get("toolChoice").or(config.get("tool_choice"));
    let report = encoded.dropped.iter();
    let report = report.map(|it| format!("{} {}", it.param, it.action));
    let choice = choice.cloned().unwrap_or_default();
    (names, choice, report.collect(), encoded.answers_by_tool())
}

fn any(choice: &Value) -> bool {
    choice["type"] == "any" || choice["any"].is_object()
}

#[test]
fn a_schema_becomes_a_tool_that_must_be_called() {
    for (wire, model) in OLD {
        let (names, choice, report, marked) = offered(wire, model, json!({}));
        assert_eq!(names, ["json_answer"], "{wire} {model}");
        assert!(any(&choice), "{wire} {model}: {choice}");
        assert_eq!(report, ["response_format converted"], "{wire} {model}");
        assert!(marked, "{wire} {model}");
    }
}

#[test]
fn tools_of_the_callers_may_be_called_first() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    for (wire, model) in OLD {
        let (names, choice, _, marked) = offered(wire, model, json!({"tools": tools}));
        assert_eq!(names, ["f", "json_answer"]);
        assert!(any(&choice) && marked, "{wire} {model}");
        let none = json!({"tools": tools, "tool_choice": "none"});
        let (_, choice, _, marked) = offered(wire, model, none);
        let named = choice
            .get("name")
            .unwrap_or_else(|| &choice["tool"]["name"]);
        assert_eq!(named, "json_answer", "{wire} {model}");
        assert!(marked);
        for forced in [
            json!("required"),
            json!({"type": "function", "function": {"name": "f"}}),
        ] {
            let asked = json!({"tools": tools, "tool_choice": forced});
            let (names, _, report, marked) = offered(wire, model, asked);
            assert_eq!(names, ["f"], "{wire} {model}");
            assert_eq!(report, ["response_format dropped"]);
            assert!(!marked);
        }
    }
}

#[test]
fn an_answer_is_given_once_where_nothing_else_may_be_called() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    for (wire, model) in [OLD[0], OLD[1], OLD[2]] {
        for (more, once) in [
            (json!({}), true),
            (json!({"tools": tools, "tool_choice": "none"}), true),
            // The caller's own may be called in parallel, unless the caller says otherwise.
            (json!({"tools": tools}), false),
            (json!({"tools": tools, "parallel_tool_calls": false}), true),
        ] {
            let (_, choice, _, _) = offered(wire, model, more);
            let said = &choice["disable_parallel_tool_use"];
            assert_eq!(*said == true, once, "{wire}: {choice}");
        }
    }
}

#[test]
fn what_cannot_be_forced_is_reported() {
    let array = json!({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "array"}}}});
    let own = json!({"tools": [{"type": "function", "function": {"name": "json_answer", "description": "d", "parameters": schema()}}]});
    for (wire, model) in OLD {
        for more in [&array, &own] {
            let (_, _, report, marked) = offered(wire, model, more.clone());
            assert_eq!(report, ["response_format dropped"], "{wire} {model}");
            assert!(!marked);
        }
        let error = encode(wire, model, array.clone(), Unsupported::Error).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        // A tool is another way to say it, and no loss.
        let strict = encode(wire, model, json!({}), Unsupported::Error).unwrap();
        assert!(strict.answers_by_tool());
    }
    let thinking =
        json!({"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 1024}});
    let (names, _, report, marked) = offered("anthropic", OLD[0].1, thinking);
    assert!(names.is_empty() && !marked);
    assert_eq!(report, ["response_format dropped"]);
    let effort = json!({"reasoning_effort": "low"});
    let (_, _, report, marked) = offered("anthropic", OLD[0].1, effort);
    let expected = ["response_format converted", "reasoning_effort dropped"];
    assert_eq!(report, expected);
    assert!(marked);
}

fn heard(wire: &str, stream: bool, content_type: &str, pieces: &[&[u8]]) -> Heard {
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream,
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: true,
    };
    let mut head = Head::new(200);
    let value = content_type.parse().unwrap();
    head.headers.insert("content-type", value);
    let wire = wire::find(wire).unwrap();
    hear(wire, &exchange, &head, pieces, End::Clean)
}

fn block(index: u32, begin: Value, deltas: &[&str]) -> String {
    let mut said = format!(
        "data: {}\n\n",
        json!({"type": "content_block_start", "index": index, "content_block": begin})
    );
    for delta in deltas {
        let delta = json!({"type": "input_json_delta", "partial_json": delta});
        let delta = json!({"type": "content_block_delta", "index": index, "delta": delta});
        said.push_str(&format!("data: {delta}\n\n"));
    }
    let stop = json!({"type": "content_block_stop", "index": index});
    format!("{said}data: {stop}\n\n")
}

fn call(id: &str, name: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": name, "input": {}})
}

#[test]
fn arguments_of_the_tool_are_text_however_the_stream_is_cut() {
    let start =
        json!({"type": "message_start", "message": {"id": "m", "model": "c", "content": []}});
    let end = json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}});
    let around = |blocks: &str| {
        format!("data: {start}\n\n{blocks}data: {end}\n\ndata: {{\"type\":\"message_stop\"}}\n\n")
    };
    let answer = block(
        0,
        call("t", "json_answer"),
        &["{\"a\"", ":", " 1, \"b\": \"\u{1f600}\"}"],
    );
    let alone = around(&answer);
    every_cut(alone.as_bytes(), |cut, pieces| {
        let heard = heard("anthropic", true, "text/event-stream", pieces);
        let items: Vec<_> = heard.items.iter().map(|item| item.0).collect();
        assert_eq!(items, ["text"], "{cut}");
        assert_eq!(heard.text(), "{\"a\": 1, \"b\": \"\u{1f600}\"}", "{cut}");
        assert!(heard.ending.is_ok());
    });
    // A call of the caller's own stays one, and is counted as if it were alone.
    let both = around(&format!(
        "{answer}{}",
        block(1, call("u", "f"), &["{\"x\":2}"])
    ));
    every_cut(both.as_bytes(), |cut, pieces| {
        let heard = heard("anthropic", true, "text/event-stream", pieces);
        let calls: Vec<_> = heard.items.iter().skip(1).cloned().collect();
        let expected = vec![
            ("tool_call", 0, 0, "Some(\"u\") f".to_owned()),
            ("tool_args", 0, 0, "{\"x\":2}".to_owned()),
        ];
        assert_eq!(calls, expected, "{cut}");
    });
    for end in 0..alone.len() - 2 {
        let heard = heard(
            "anthropic",
            true,
            "text/event-stream",
            &[&alone.as_bytes()[..end]],
        );
        assert!(
            heard.ending.is_err(),
            "a prefix of {end} bytes is no answer"
        );
    }
}

#[test]
fn an_answer_in_one_piece_is_text_with_a_text_s_end() {
    let use_block =
        json!({"toolUse": {"toolUseId": "t", "name": "json_answer", "input": {"a": 1}}});
    let converse = json!({"output": {"message": {"role": "assistant", "content": [use_block]}}, "stopReason": "tool_use",
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}});
    let message = json!({"id": "m", "type": "message", "model": "c", "stop_reason": "tool_use", "content":
        [{"type": "tool_use", "id": "t", "name": "json_answer", "input": {"a": 1}}]});
    for (wire, body) in [
        ("bedrock_converse", &converse),
        ("bedrock_invoke", &message),
        ("anthropic", &message),
        ("vertex_anthropic", &message),
    ] {
        let body = body.to_string();
        let heard = heard(wire, false, "application/json", &[body.as_bytes()]);
        assert_eq!(heard.text(), "{\"a\":1}", "{wire}");
        assert_eq!(heard.items.len(), 1, "{wire}");
        assert_eq!(heard.finish.as_deref(), Some("tool_use"), "{wire}");
        assert!(heard.ending.is_ok());
    }
}
