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
use support::{Heard, aws, every_cut, hear};

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
fn json_without_a_schema_is_any_object_by_the_same_tool() {
    let json = json!({"response_format": {"type": "json_object"}});
    let newer = [
        ("anthropic", "claude-sonnet-4-5"),
        (
            "bedrock_converse",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
    ];
    for (wire, model) in OLD.iter().chain(&newer) {
        let encoded = encode(wire, model, json.clone(), Unsupported::Drop).unwrap();
        let body: Value = serde_json::from_slice(encoded.http.body()).unwrap();
        let config = body.get("toolConfig").unwrap_or(&body);
        let tool = &config["tools"][0];
        let tool = tool.get("toolSpec").unwrap_or(tool);
        assert_eq!(tool["name"], "json_answer", "{wire} {model}");
        let schema = match tool.get("input_schema") {
            Some(schema) => schema,
            None => &tool["inputSchema"]["json"],
        };
        assert_eq!(
            *schema,
            json!({"type": "object", "additionalProperties": true})
        );
        let choice = config.get("toolChoice").or(config.get("tool_choice"));
        assert!(any(choice.unwrap()) && encoded.answers_by_tool());
        let report: Vec<_> = encoded.dropped.iter().map(|it| it.action).collect();
        assert_eq!(report, ["converted"], "{wire} {model}");
        // It is no loss, so it is not refused either.
        assert!(encode(wire, model, json.clone(), Unsupported::Error).is_ok());
    }
    for (wire, model) in [
        ("anthropic", "claude-opus-5"),
        ("anthropic", "claude-2.1"),
        ("anthropic", "other-model"),
        ("bedrock_converse", "anthropic.claude-opus-5"),
        ("bedrock_converse", "meta.llama3-8b-instruct-v1:0"),
    ] {
        let encoded = encode(wire, model, json.clone(), Unsupported::Drop).unwrap();
        let report: Vec<_> = encoded.dropped.iter().map(|it| it.action).collect();
        assert_eq!(report, ["dropped"], "{wire} {model}");
        assert!(!encoded.answers_by_tool());
        let refused = encode(wire, model, json.clone(), Unsupported::Error).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "{wire} {model}");
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

fn event(name: &str, payload: &Value) -> Vec<u8> {
    aws::event(name, &payload.to_string())
}

/// Blocks of text and of calls, as each wire says them whole and in pieces.
fn told(wire: &str, blocks: &[(&str, &str)], stop: &str) -> Vec<(&'static str, Vec<u8>)> {
    let input = |json: &str| serde_json::from_str::<Value>(json).unwrap();
    if wire == "bedrock_converse" {
        let mut content = Vec::new();
        let mut stream = event("messageStart", &json!({"role": "assistant"}));
        for (index, (name, said)) in blocks.iter().enumerate() {
            let (start, delta, block) = match *name {
                "" => (None, json!({"text": said}), json!({"text": said})),
                name => (
                    Some(json!({"toolUse": {"toolUseId": "t", "name": name}})),
                    json!({"toolUse": {"input": said}}),
                    json!({"toolUse": {"toolUseId": "t", "name": name, "input": input(said)}}),
                ),
            };
            content.push(block);
            if let Some(start) = start {
                let start = json!({"contentBlockIndex": index, "start": start});
                stream.extend(event("contentBlockStart", &start));
            }
            let delta = json!({"contentBlockIndex": index, "delta": delta});
            stream.extend(event("contentBlockDelta", &delta));
            let stop = json!({"contentBlockIndex": index});
            stream.extend(event("contentBlockStop", &stop));
        }
        stream.extend(event("messageStop", &json!({"stopReason": stop})));
        let usage = json!({"inputTokens": 1, "outputTokens": 2, "totalTokens": 3});
        stream.extend(event("metadata", &json!({"usage": usage})));
        let message = json!({"role": "assistant", "content": content});
        let whole =
            json!({"output": {"message": message}, "stopReason": stop, "usage": usage}).to_string();
        return vec![
            ("application/json", whole.into_bytes()),
            ("application/vnd.amazon.eventstream", stream),
        ];
    }
    let (mut content, mut pieces) = (Vec::new(), Vec::new());
    pieces.push(
        json!({"type": "message_start", "message": {"id": "m", "model": "c", "content": []}}),
    );
    for (index, (name, said)) in blocks.iter().enumerate() {
        let (begin, delta, block) = match *name {
            "" => (
                json!({"type": "text", "text": ""}),
                json!({"type": "text_delta", "text": said}),
                json!({"type": "text", "text": said}),
            ),
            name => (
                call("t", name),
                json!({"type": "input_json_delta", "partial_json": said}),
                json!({"type": "tool_use", "id": "t", "name": name, "input": input(said)}),
            ),
        };
        content.push(block);
        pieces.push(json!({"type": "content_block_start", "index": index, "content_block": begin}));
        pieces.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        pieces.push(json!({"type": "content_block_stop", "index": index}));
    }
    pieces.push(json!({"type": "message_delta", "delta": {"stop_reason": stop}}));
    pieces.push(json!({"type": "message_stop"}));
    let whole = json!({"id": "m", "type": "message", "model": "c", "stop_reason": stop, "content": content}).to_string();
    let stream = match wire {
        "bedrock_invoke" => {
            let events = pieces.iter().map(Value::to_string);
            let events: Vec<String> = events.collect();
            let events: Vec<&str> = events.iter().map(String::as_str).collect();
            ("application/vnd.amazon.eventstream", aws::chunks(&events))
        }
        _ => {
            let events = pieces.iter().map(|piece| format!("data: {piece}\n\n"));
            ("text/event-stream", events.collect::<String>().into_bytes())
        }
    };
    vec![("application/json", whole.into_bytes()), stream]
}

const TALKERS: [&str; 4] = [
    "anthropic",
    "vertex_anthropic",
    "bedrock_converse",
    "bedrock_invoke",
];

#[test]
fn what_is_said_around_the_tool_is_no_part_of_its_json() {
    let around = [
        ("", "I will answer in JSON."),
        ("json_answer", "{\"a\":1}"),
        ("", "There you are."),
    ];
    let own_first = [("", "Let me see."), ("f", "{}"), around[1]];
    for wire in TALKERS {
        for (content_type, body) in told(wire, &around, "tool_use") {
            every_cut(&body, |cut, pieces| {
                let heard = heard(wire, true, content_type, pieces);
                assert_eq!(heard.text(), "{\"a\":1}", "{wire} {content_type} {cut}");
                let kinds: Vec<_> = heard.items.iter().map(|item| item.0).collect();
                assert_eq!(kinds, ["reasoning", "text", "reasoning"], "{wire} {cut}");
                assert_eq!(heard.items[0].3, around[0].1);
                assert_eq!(heard.items[2].3, around[2].1);
                assert!(heard.ending.is_ok(), "{wire} {cut}");
            });
        }
        for (content_type, body) in told(wire, &own_first, "tool_use") {
            let heard = heard(wire, true, content_type, &[&body]);
            assert_eq!(heard.text(), "{\"a\":1}", "{wire} {content_type}");
            assert!(heard.items.iter().any(|item| item.0 == "tool_call"));
        }
    }
}

#[test]
fn text_is_the_answer_where_the_tool_is_not_called() {
    for wire in TALKERS {
        for (blocks, stop) in [
            (&[("", "I would rather "), ("", "not.")][..], "end_turn"),
            (&[("", "I would rather not."), ("f", "{}")][..], "tool_use"),
        ] {
            for (content_type, body) in told(wire, blocks, stop) {
                let heard = heard(wire, true, content_type, &[&body]);
                assert_eq!(heard.text(), "I would rather not.", "{wire} {content_type}");
                assert!(heard.items.iter().all(|item| item.0 != "reasoning"));
                // What was cut off before anybody knew is no answer, and nothing of it was told.
                let cut = &body[..body.len() / 2];
                let broken = self::heard(wire, true, content_type, &[cut]);
                assert!(broken.ending.is_err() && broken.text().is_empty(), "{wire}");
            }
        }
    }
}
