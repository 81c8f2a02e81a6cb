//! Faces towards callers: what they read of a request, and that an answer in each format says what the events said, however the
//! provider's bytes were cut.
#![cfg(all(feature = "openai", feature = "anthropic"))]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod requests;
#[path = "../support/mod.rs"]
mod support;

use bytes::Bytes;
use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::event::PartKind;
use libllm_proto::inbound::{self, Asked, Events, Facts, Inbound, Taker};
use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Exchange, Head, Operation, Target, Unsupported};
use libllm_proto::{Batch, Error, ErrorKind, Event, Finish, Usage};
use serde_json::{Value, json};
use support::{Heard, every_cut, hear};

const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/messages", "/v1/responses"];

fn face(path: &str) -> &'static dyn Inbound {
    inbound::of_path(path).unwrap()
}

fn taker(wire: &str) -> Taker<'_> {
    Taker {
        wire,
        unsupported: Unsupported::Drop,
    }
}

fn read(path: &str, body: &Value, wire: &str) -> Asked {
    let body = Bytes::from(body.to_string());
    face(path).read(&body, taker(wire)).unwrap()
}

fn said_of(asked: &Asked) -> Value {
    serde_json::from_slice(asked.request.source()).unwrap()
}

fn dropped(asked: &Asked) -> Vec<&str> {
    let all = asked.dropped.iter();
    all.map(|dropped| dropped.param.as_str()).collect()
}

fn facts(stream: bool) -> Facts {
    Facts {
        stream,
        include_usage: true,
        number: 7,
        created: 1_700_000_000,
        model: "asked".into(),
        provider: "p".into(),
        echo: Box::default(),
    }
}

/// An answer with everything in it.
fn events() -> Vec<Event<'static>> {
    vec![
        Event::Start {
            id: Some("id-1"),
            model: Some("model-1"),
        },
        Event::Reasoning("think "),
        Event::Reasoning("\"twice\"\n"),
        Event::Text("Hel"),
        Event::Text("lo \u{1f600}"),
        Event::ToolCall {
            index: 0,
            id: Some("call_a"),
            name: "get_weather",
        },
        Event::ToolArgs {
            index: 0,
            arguments: r#"{"city":"#,
        },
        Event::ToolArgs {
            index: 0,
            arguments: r#""Oslo"}"#,
        },
        Event::ToolCall {
            index: 1,
            id: None,
            name: "now",
        },
        Event::Usage(Usage {
            prompt_tokens: Some(12),
            completion_tokens: Some(5),
            total_tokens: Some(17),
            cached_tokens: Some(4),
            ..Usage::default()
        }),
        Event::Finish {
            reason: Some(Finish::ToolCalls),
            raw: Some("tool_calls"),
        },
    ]
}

/// The bytes of an answer whose events come `size` at a time.
fn written(path: &str, facts: Facts, events: &[Event<'_>], size: usize, finish: bool) -> Vec<u8> {
    let mut writer = face(path).writer(facts);
    let mut out = Vec::new();
    for some in events.chunks(size) {
        let mut batch = Batch::new();
        for event in some {
            batch.push(0, event.clone());
        }
        writer.write(&batch, &mut out);
    }
    if finish {
        writer.finish(&mut out);
    }
    out
}

fn heard(wire: &str, stream: bool, pieces: &[&[u8]]) -> Heard {
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream,
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    let mut head = Head::new(200);
    let content_type = if stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    head.headers
        .insert("content-type", content_type.parse().unwrap());
    hear(
        wire::find(wire).unwrap(),
        &exchange,
        &head,
        pieces,
        End::Clean,
    )
}

fn expected() -> Vec<(&'static str, u32, u32, String)> {
    vec![
        ("reasoning", 0, 0, "think \"twice\"\n".into()),
        ("text", 0, 0, "Hello \u{1f600}".into()),
        ("tool_call", 0, 0, "Some(\"call_a\") get_weather".into()),
        ("tool_args", 0, 0, r#"{"city":"Oslo"}"#.into()),
        ("tool_call", 0, 1, "Some(\"call_7_1\") now".into()),
    ]
}

/// A call without arguments is an empty object where the format cannot leave them out.
fn without_empty(heard: &Heard) -> Vec<(&'static str, u32, u32, String)> {
    let items = heard.items.iter();
    items
        .filter(|item| !(item.0 == "tool_args" && item.3 == "{}"))
        .cloned()
        .collect()
}

#[test]
fn a_written_stream_is_heard_as_what_was_said() {
    for (path, wire) in [(PATHS[0], "openai_chat"), (PATHS[1], "anthropic")] {
        for size in [1, 2, 3, 100] {
            let bytes = written(path, facts(true), &events(), size, true);
            every_cut(&bytes, |cut, pieces| {
                let heard = heard(wire, true, pieces);
                assert_eq!(without_empty(&heard), expected(), "{path} {size} {cut}");
                assert!(heard.ending.is_ok(), "{path} {cut}");
            });
        }
    }
}

#[test]
fn a_written_object_is_heard_as_what_was_said() {
    for (path, wire) in [(PATHS[0], "openai_chat"), (PATHS[1], "anthropic")] {
        for size in [1, 100] {
            let bytes = written(path, facts(false), &events(), size, true);
            let heard = heard(wire, false, &[&bytes]);
            assert_eq!(without_empty(&heard), expected(), "{path}");
            assert!(heard.ending.is_ok(), "{path}");
        }
    }
}

#[test]
fn a_prefix_of_a_stream_is_no_finished_answer() {
    for (path, wire) in [(PATHS[0], "openai_chat"), (PATHS[1], "anthropic")] {
        let all = events();
        for count in 0..=all.len() {
            let bytes = written(path, facts(true), &all[..count], 1, false);
            let heard = heard(wire, true, &[&bytes]);
            assert!(heard.ending.is_err(), "{path} {count}");
        }
        let bytes = written(path, facts(false), &all, 1, false);
        assert!(
            bytes.is_empty(),
            "{path}: nothing of an object before its end"
        );
    }
}

/// The data of each event of a stream.
fn data(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let lines = lines.filter(|line| *line != "[DONE]");
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_response_is_said_item_by_item_and_then_whole() {
    let bytes = written(PATHS[2], facts(true), &events(), 1, true);
    let said = data(&bytes);
    for (number, event) in said.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    let names: Vec<&str> = said
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let last = &said.last().unwrap()["response"];
    let whole: Value =
        serde_json::from_slice(&written(PATHS[2], facts(false), &events(), 1, true)).unwrap();
    assert_eq!(*last, whole);
    assert_eq!(whole["output"][1]["content"][0]["text"], "Hello \u{1f600}");
    assert_eq!(whole["output"][2]["arguments"], r#"{"city":"Oslo"}"#);
    assert_eq!(whole["output"][3]["arguments"], "{}");
    assert_eq!(whole["usage"]["input_tokens_details"]["cached_tokens"], 4);
    assert_eq!(whole["status"], "completed");
}

#[test]
fn usage_is_said_in_each_formats_terms() {
    let whole = |path: &str| -> Value {
        serde_json::from_slice(&written(path, facts(false), &events(), 9, true)).unwrap()
    };
    let chat = whole(PATHS[0]);
    assert_eq!(chat["usage"]["prompt_tokens"], 12);
    assert_eq!(chat["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
    let message = whole(PATHS[1]);
    assert_eq!(
        message["usage"],
        json!({"input_tokens": 8, "cache_read_input_tokens": 4, "output_tokens": 5})
    );
    let stream = written(PATHS[0], facts(true), &events(), 9, true);
    let chunks = data(&stream);
    assert_eq!(chunks.last().unwrap()["usage"]["total_tokens"], 17);
    assert_eq!(chunks.last().unwrap()["choices"], json!([]));
    let quiet = Facts {
        include_usage: false,
        ..facts(true)
    };
    let stream = written(PATHS[0], quiet, &events(), 9, true);
    assert!(
        data(&stream)
            .iter()
            .all(|chunk| chunk.get("usage").is_none())
    );
}

#[test]
fn several_answers_are_told_apart() {
    let mut writer = face(PATHS[0]).writer(facts(true));
    let (mut batch, mut out) = (Batch::new(), Vec::new());
    for choice in [1, 0] {
        batch.push(choice, Event::Text("x"));
        batch.push(
            choice,
            Event::Finish {
                reason: (choice == 0).then_some(Finish::Length),
                raw: Some("odd"),
            },
        );
    }
    writer.write(&batch, &mut out);
    writer.finish(&mut out);
    let ends: Vec<(Value, Value)> = data(&out)
        .iter()
        .map(|chunk| &chunk["choices"][0])
        .filter(|choice| choice["finish_reason"].is_string())
        .map(|choice| (choice["index"].clone(), choice["finish_reason"].clone()))
        .collect();
    assert_eq!(
        ends,
        [(json!(0), json!("length")), (json!(1), json!("odd"))]
    );
}

#[test]
fn the_end_of_an_answer_has_a_word_in_each_format() {
    for (finish, chat, message, response) in [
        (Finish::Stop, "stop", "end_turn", "completed"),
        (Finish::Length, "length", "max_tokens", "incomplete"),
        (Finish::ToolCalls, "tool_calls", "tool_use", "completed"),
        (
            Finish::ContentFilter,
            "content_filter",
            "refusal",
            "incomplete",
        ),
    ] {
        let events = [
            Event::Text("x"),
            Event::Finish {
                reason: Some(finish),
                raw: None,
            },
        ];
        let whole = |path: &str| -> Value {
            serde_json::from_slice(&written(path, facts(false), &events, 9, true)).unwrap()
        };
        assert_eq!(whole(PATHS[0])["choices"][0]["finish_reason"], chat);
        assert_eq!(whole(PATHS[1])["stop_reason"], message);
        assert_eq!(whole(PATHS[2])["status"], response);
    }
}

#[test]
fn anthropics_own_thinking_is_signed_in_its_own_place() {
    let events = [
        Event::Reasoning("hm"),
        Event::Part {
            kind: PartKind::Signature,
            index: 0,
            json: r#"{"type":"thinking","thinking":"hm","signature":"sig"}"#,
        },
        Event::Part {
            kind: PartKind::Redacted,
            index: 1,
            json: r#"{"type":"redacted_thinking","data":"opaque"}"#,
        },
        Event::Text("x"),
    ];
    let whole: Value =
        serde_json::from_slice(&written(PATHS[1], facts(false), &events, 9, true)).unwrap();
    assert_eq!(
        whole["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "opaque"},
            {"type": "text", "text": "x"},
        ])
    );
    let stream = written(PATHS[1], facts(true), &events, 1, true);
    let said = heard("anthropic", true, &[&stream]);
    let kinds: Vec<&str> = said.items.iter().map(|item| item.0).collect();
    assert_eq!(kinds, ["reasoning", "signature", "redacted", "text"]);
}

#[test]
fn every_kind_of_refusal_has_a_status_and_a_body_in_each_format() {
    for kind in ErrorKind::ALL {
        let error = Error::new(*kind, "because");
        for path in PATHS {
            let (status, body) = face(path).refusal(&error);
            assert!((400..600).contains(&status), "{kind:?}");
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"]["message"], "because");
            assert!(body["error"]["type"].is_string());
            let mut out = Vec::new();
            face(path).broken(&error, &mut out);
            assert!(out.ends_with(b"\n\n"));
            assert_eq!(data(&out).len(), 1);
        }
    }
    let error = Error::new(ErrorKind::RateLimited, "slow").with_request_id(Some("req_1".into()));
    let (status, body) = face(PATHS[1]).refusal(&error);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &body["request_id"]), (429, &json!("req_1")));
}

/// What a recorded-like answer of one format says when it is passed on event by event.
#[test]
fn passed_events_are_the_providers_bytes() {
    let bytes = written(PATHS[0], facts(true), &events(), 1, true);
    every_cut(&bytes, |cut, pieces| {
        let (mut passing, mut out) = (Events::new(false), Vec::new());
        for piece in pieces {
            passing.push(piece, &mut out);
        }
        passing.finish(&mut out);
        assert_eq!(out, bytes, "{cut}");
    });
}

/// A request through a face, another format's wire, that format's answer and back.
#[test]
fn a_conversation_crosses_formats_both_ways() {
    let quirks = Quirks::default();
    for (path, wire_name) in [
        (PATHS[1], "openai_chat"),
        (PATHS[0], "anthropic"),
        (PATHS[2], "anthropic"),
    ] {
        let body = match path {
            "/v1/responses" => json!({"model": "m", "input": "hi", "stream": true,
                "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]}),
            "/v1/messages" => {
                json!({"model": "m", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "hi"}],
                "tools": [{"name": "f", "input_schema": {"type": "object"}}]})
            }
            _ => {
                json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}],
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]})
            }
        };
        let asked = read(path, &body, wire_name);
        let wire = wire::find(wire_name).unwrap();
        let target = Target {
            provider: "p",
            model: "m",
            base_url: "http://h/v1",
            stream: true,
            operation: Operation::Chat,
            quirks: &quirks,
            unsupported: Unsupported::Error,
            extra_body: None,
        };
        let encoded = wire.encode(&asked.request, &target).unwrap();
        let sent: Value = serde_json::from_slice(encoded.http.body()).unwrap();
        assert!(sent["tools"].to_string().contains("\"f\""));
        // The provider's answer is what the other face writes.
        let home = PATHS
            .iter()
            .find(|home| face(home).wire() == wire_name)
            .unwrap();
        let answer = written(home, facts(true), &events(), 1, true);
        let exchange = Exchange {
            stream: true,
            operation: Operation::Chat,
            quirks: &quirks,
            packed: false,
            answer_tool: false,
        };
        let mut head = Head::new(200);
        head.headers
            .insert("content-type", "text/event-stream".parse().unwrap());
        let now = std::time::SystemTime::UNIX_EPOCH;
        let mut decoder = Decoder::new(wire, &exchange, head, Limits::default(), false, now);
        let (mut writer, mut out) = (face(path).writer(facts(false)), Vec::new());
        let mut batch = Batch::new();
        decoder.push(&answer, &mut batch).unwrap();
        decoder.finish(End::Clean, &mut batch).unwrap();
        writer.write(&batch, &mut out);
        writer.finish(&mut out);
        let whole: Value = serde_json::from_slice(&out).unwrap();
        let text = whole.to_string();
        assert!(
            text.contains("Hello \u{1f600}") && text.contains("get_weather"),
            "{text}"
        );
    }
}
