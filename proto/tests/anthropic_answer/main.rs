//! Answers of the Messages API, streamed and whole, however the bytes are cut.
#![cfg(feature = "anthropic")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod blocks;
#[path = "../support/mod.rs"]
mod support;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::provider::{Quirks, TerminalMarker};
use libllm_proto::wire::{self, Exchange, Head, Operation};
use libllm_proto::{Batch, ErrorKind, Event, Finish, Response, Usage};
use serde_json::{Value, json};
use support::{Heard, every_cut, hear};

fn head(content_type: &str) -> Head {
    let mut head = Head::new(200);
    head.headers
        .insert("content-type", content_type.parse().unwrap());
    head
}

fn hear_with(quirks: &Quirks, content_type: &str, pieces: &[&[u8]]) -> Heard {
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks,
        packed: false,
        answer_tool: false,
    };
    hear(
        wire::find("anthropic").unwrap(),
        &exchange,
        &head(content_type),
        pieces,
        End::Clean,
    )
}

/// Events as a server sends them, with padding of another length each time.
fn stream(events: &[Value]) -> Vec<u8> {
    let mut text = String::from(": keep-alive\n\n");
    for (number, event) in events.iter().enumerate() {
        let name = event["type"].as_str().unwrap();
        let data = event.to_string();
        let (padding, data) = (" ".repeat(number % 5), data.strip_suffix('}').unwrap());
        text.push_str(&format!("event: {name}\ndata: {data}{padding}}}\n\n"));
    }
    text.into_bytes()
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
           "content": [], "stop_reason": null, "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1}}})
}

fn begin(index: u32, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u32, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u32) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn end(reason: &str) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 7}}),
        json!({"type": "message_stop"}),
    ]
}

type Items<'a> = &'a [(&'a str, u32, &'a str)];

#[track_caller]
fn check(input: &[u8], content_type: &str, items: Items<'_>) {
    let items: Vec<_> = items
        .iter()
        .map(|(kind, index, words)| (*kind, 0, *index, words.to_string()))
        .collect();
    every_cut(input, |cut, pieces| {
        let heard = hear_with(&Quirks::PLAIN, content_type, pieces);
        assert!(heard.ending.is_ok(), "{cut}: {:?}", heard.ending);
        assert_eq!(heard.items, items, "{cut}");
    });
}

#[track_caller]
fn check_stream(body: &[Value], items: Items<'_>) {
    let mut events = vec![start(), json!({"type": "ping"})];
    events.extend(body.iter().cloned());
    events.extend(end("end_turn"));
    check(&stream(&events), "text/event-stream; charset=utf-8", items);
}

#[track_caller]
fn check_whole(content: Value, items: Items<'_>) {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
                         "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 2}});
    check(
        &serde_json::to_vec_pretty(&message).unwrap(),
        "application/json",
        items,
    );
}

fn fold(input: &[u8], content_type: &str) -> Response {
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        packed: false,
        answer_tool: false,
    };
    let wire = wire::find("anthropic").unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH;
    let mut decoder = Decoder::new(
        wire,
        &exchange,
        head(content_type),
        Limits::default(),
        false,
        now,
    );
    let (mut batch, mut response) = (Batch::new(), Response::default());
    decoder.push(input, &mut batch).unwrap();
    decoder.finish(End::Clean, &mut batch).unwrap();
    response.absorb(&batch);
    response.finish(true);
    response
}

#[test]
fn what_comes_decides_how_it_is_read_and_not_what_was_asked_for() {
    let mut events = vec![start(), begin(0, json!({"type": "text", "text": ""}))];
    events.push(delta(0, json!({"type": "text_delta", "text": "hi"})));
    events.extend(end("end_turn"));
    let whole = json!({"type": "message", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"});
    for (stream, content_type, body) in [
        (false, "text/event-stream", stream(&events)),
        (true, "application/json", whole.to_string().into_bytes()),
    ] {
        let exchange = Exchange {
            stream,
            operation: Operation::Chat,
            quirks: &Quirks::PLAIN,
            packed: false,
            answer_tool: false,
        };
        let wire = wire::find("anthropic").unwrap();
        let heard = hear(wire, &exchange, &head(content_type), &[&body], End::Clean);
        assert_eq!(heard.items, [("text", 0, 0, "hi".to_owned())]);
        assert!(heard.ending.is_ok(), "{content_type}");
    }
}

#[test]
fn citations_that_come_with_their_text_are_parts() {
    let [one, two] =
        ["u", "v"].map(|url| json!({"type": "web_search_result_location", "url": url}));
    check_stream(
        &[
            begin(
                0,
                json!({"type": "text", "text": "a", "citations": [one, two]}),
            ),
            stop(0),
        ],
        // Parts of one kind in a row are heard as one.
        &[("text", 0, "a"), ("citation", 0, &format!("{one}{two}"))],
    );
}

#[test]
fn usage_and_names_are_folded() {
    let mut events = vec![start()];
    events.extend(end("stop_sequence"));
    let response = fold(&stream(&events), "text/event-stream");
    assert_eq!(
        (response.id(), response.model()),
        (Some("msg_1"), Some("claude-x"))
    );
    let Usage {
        prompt_tokens,
        completion_tokens,
        total_tokens,
        cached_tokens,
        cache_write_tokens,
        ..
    } = response.usage().unwrap();
    assert_eq!(
        (prompt_tokens, completion_tokens, total_tokens),
        (&Some(15), &Some(7), &Some(22))
    );
    assert_eq!((cached_tokens, cache_write_tokens), (&Some(5), &None));
    assert_eq!(
        response.choices()[0].finish_raw.as_deref(),
        Some("stop_sequence")
    );
}

#[test]
fn stop_reasons_are_said_in_openai_terms() {
    for (reason, finish) in [
        ("end_turn", Some(Finish::Stop)),
        ("stop_sequence", Some(Finish::Stop)),
        ("pause_turn", Some(Finish::Stop)),
        ("max_tokens", Some(Finish::Length)),
        ("model_context_window_exceeded", Some(Finish::Length)),
        ("tool_use", Some(Finish::ToolCalls)),
        ("refusal", Some(Finish::ContentFilter)),
        ("a_new_reason", None),
    ] {
        let mut events = vec![start()];
        events.extend(end(reason));
        let response = fold(&stream(&events), "text/event-stream");
        let choice = &response.choices()[0];
        assert_eq!(
            (choice.finish, choice.finish_raw.as_deref()),
            (finish, Some(reason))
        );
    }
    let details = json!({"type": "refusal", "category": "cyber", "explanation": "not this"});
    let message = json!({"type": "message", "content": [], "stop_reason": "refusal", "stop_details": details});
    let response = fold(message.to_string().as_bytes(), "application/json");
    assert_eq!(
        (response.text(), response.choices()[0].refusal.as_str()),
        (Some(""), "not this")
    );
}

#[test]
fn unknown_events_are_kept_raw_counted_and_never_fatal() {
    let unknown = [
        json!({"type": "a_new_event", "x": 1}),
        begin(0, json!({"type": "a_new_block", "y": 1})),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "a_new_delta"}}),
        delta(9, json!({"type": "input_json_delta", "partial_json": "{"})),
    ];
    let mut events = vec![start()];
    events.extend(unknown.clone());
    events.push(stop(0));
    let mut input = stream(&events);
    input.extend_from_slice(b"data: [1]\n\ndata: \n\n");
    input.extend(stream(&end("end_turn")));
    let heard = hear_with(&Quirks::PLAIN, "text/event-stream", &[&input]);
    let part = r#"{"type":"a_new_block","y":1}"#.to_string();
    assert_eq!(
        (heard.items, heard.ending.unwrap().skipped),
        (vec![("server_tool", 0, 0, part)], 5)
    );

    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        packed: false,
        answer_tool: false,
    };
    let mut reader = wire::find("anthropic")
        .unwrap()
        .reader(&exchange, &head("text/event-stream"))
        .1;
    let mut batch = Batch::new();
    let data = unknown[0].to_string();
    let frame = libllm_proto::frame::Frame {
        name: b"a_new_event",
        data: data.as_bytes(),
    };
    reader.frame(frame, &mut batch).unwrap();
    assert_eq!(batch.iter().next(), Some((0, Event::Raw(data.as_bytes()))));
}

#[test]
fn errors_inside_the_stream_are_errors() {
    let error =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    for (event, kind) in [
        (
            format!("event: error\ndata: {error}\n\n"),
            ErrorKind::Overloaded,
        ),
        (format!("data: {error}\n\n"), ErrorKind::Overloaded),
        (
            "event: error\ndata: {\"message\":\"boom\"}\n\n".into(),
            ErrorKind::ProviderError,
        ),
        (
            "data: {\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}\n\n".into(),
            ErrorKind::RateLimited,
        ),
    ] {
        let mut input = stream(&[
            start(),
            delta(0, json!({"type": "text_delta", "text": "Hi"})),
        ]);
        input.extend_from_slice(event.as_bytes());
        every_cut(&input, |cut, pieces| {
            let heard = hear_with(&Quirks::PLAIN, "text/event-stream", pieces);
            assert_eq!(
                (heard.kind(), heard.text().as_str()),
                (Some(kind), "Hi"),
                "{cut}: {event}"
            );
        });
    }
    let heard = hear_with(
        &Quirks::PLAIN,
        "application/json",
        &[error.to_string().as_bytes()],
    );
    assert_eq!(heard.kind(), Some(ErrorKind::Overloaded));
}

#[test]
fn only_the_terminal_marker_proves_that_the_answer_is_whole() {
    let text = delta(0, json!({"type": "text_delta", "text": "Hi"}));
    let [finish, _] = end("end_turn");
    let quirk = |terminal_marker| Quirks {
        terminal_marker,
        ..Quirks::PLAIN
    };
    let hear = |terminal_marker, events: &[Value]| {
        hear_with(
            &quirk(terminal_marker),
            "text/event-stream",
            &[&stream(events)],
        )
    };
    for events in [
        &[][..],
        &[start()],
        &[start(), text.clone()],
        &[start(), text.clone(), finish.clone()],
    ] {
        assert_eq!(
            hear(TerminalMarker::Format, events).kind(),
            Some(ErrorKind::StreamTruncated)
        );
        assert!(
            hear(TerminalMarker::None, events)
                .ending
                .unwrap()
                .incomplete
        );
    }
    let done = hear(
        TerminalMarker::FinishReason,
        &[start(), text.clone(), finish],
    );
    assert!(!done.ending.unwrap().incomplete);
    assert_eq!(
        hear(TerminalMarker::FinishReason, &[start(), text]).kind(),
        Some(ErrorKind::StreamTruncated)
    );
    for body in ["", "{}", r#"{"type":"message","content":[]}"#] {
        let heard = hear_with(&Quirks::PLAIN, "application/json", &[body.as_bytes()]);
        assert_eq!(heard.kind(), Some(ErrorKind::EmptyResponse), "{body:?}");
    }
}

#[test]
fn floods_hit_a_named_limit() {
    let call = |index| {
        begin(
            index,
            json!({"type": "tool_use", "id": "a", "name": "f", "input": {}}),
        )
    };
    let closed: Vec<Value> = (0..1025)
        .flat_map(|index| [call(index), stop(index)])
        .collect();
    let open: Vec<Value> = (0..1025)
        .map(|index| begin(index, json!({"type": "text", "text": ""})))
        .collect();
    for events in [closed, open] {
        let heard = hear_with(&Quirks::PLAIN, "text/event-stream", &[&stream(&events)]);
        let error = heard.ending.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert!(
            error.message().starts_with("answer exceeds 1024 "),
            "{error}"
        );
    }
}

#[test]
fn the_turn_of_one_answer_is_said_again_byte_for_byte() {
    let mut events = vec![
        start(),
        begin(
            0,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        delta(
            0,
            json!({"type": "thinking_delta", "thinking": "é \u{1} \\ \"q\""}),
        ),
        delta(
            0,
            json!({"type": "signature_delta", "signature": "c2ln+/="}),
        ),
        stop(0),
        begin(
            1,
            json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}),
        ),
        delta(
            1,
            json!({"type": "input_json_delta", "partial_json": "{\"x\": 1.50}"}),
        ),
        stop(1),
    ];
    events.extend(end("tool_use"));
    let mut response = fold(&stream(&events), "text/event-stream");
    response.set_provider("anthropic");
    let turn = response.message_json(false, &|_, _| unreachable!("the provider gave an id"));
    let request = format!(
        r#"{{"max_tokens":9,"messages":[{{"role":"user","content":"hi"}},{turn},{{"role":"tool","tool_call_id":"toolu_1","content":"ok"}}]}}"#
    );
    let request = libllm_proto::Request::parse(request).unwrap();
    let target = wire::Target {
        provider: "anthropic",
        model: "claude-haiku-4-5",
        base_url: "https://h",
        stream: false,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        unsupported: wire::Unsupported::Error,
        extra_body: None,
    };
    let encoded = wire::find("anthropic")
        .unwrap()
        .encode(&request, &target)
        .unwrap();
    let body = std::str::from_utf8(encoded.http.body()).unwrap();
    let expected = concat!(
        r#"{"role":"assistant","content":[{"type":"thinking","thinking":"é \u0001 \\ \"q\"","signature":"c2ln+/="},"#,
        r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{"x": 1.50}}]}"#
    );
    assert!(body.contains(expected), "{body}");
    assert!(encoded.dropped.is_empty());
}

#[test]
fn a_whole_message_that_does_not_say_why_it_ended_is_an_answer() {
    let said = |content: Value| {
        json!({"type": "message", "id": "m", "role": "assistant", "model": "c", "content": content, "stop_reason": null})
            .to_string()
    };
    let quirks = Quirks::default();
    let body = said(json!([{"type": "text", "text": "Hi."}]));
    let heard = hear_with(&quirks, "application/json", &[body.as_bytes()]);
    assert_eq!(
        (heard.text(), heard.finish.as_deref()),
        ("Hi.".to_owned(), None)
    );
    assert!(!heard.ending.unwrap().incomplete);
    // One that holds nothing is none, and neither is one that broke off.
    let empty = said(json!([]));
    let cut = &body[..body.len() - 1];
    for (body, kind) in [
        (empty.as_str(), ErrorKind::EmptyResponse),
        (cut, ErrorKind::StreamTruncated),
    ] {
        let heard = hear_with(&quirks, "application/json", &[body.as_bytes()]);
        assert_eq!(heard.kind(), Some(kind), "{body}");
    }
}
