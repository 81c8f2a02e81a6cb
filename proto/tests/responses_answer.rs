//! Answers in OpenAI's Responses format, in our words.
#![cfg(feature = "responses")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::provider::{Quirks, TerminalMarker};
use libllm_proto::wire::{self, Exchange, Head, Operation};
use libllm_proto::{Batch, ErrorKind, Event, Retry, Usage};
use serde_json::{Value, json};
use support::{Heard, every_cut};

const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

fn exchange(quirks: &Quirks) -> Exchange<'_> {
    Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks,
        packed: false,
        answer_tool: false,
    }
}

fn head(content_type: &str) -> Head {
    let mut head = Head::new(200);
    head.headers
        .insert("content-type", content_type.parse().unwrap());
    head
}

fn hear_by(content_type: &str, quirks: &Quirks, body: &str) -> Heard {
    let wire = wire::find("openai_responses").unwrap();
    let pieces = [body.as_bytes()];
    support::hear(
        wire,
        &exchange(quirks),
        &head(content_type),
        &pieces,
        End::Clean,
    )
}

fn hear(content_type: &str, body: &str) -> Heard {
    hear_by(content_type, &Quirks::default(), body)
}

/// Events, each with its name as OpenAI sends it.
fn events(list: &[Value]) -> String {
    let event = |data: &Value| {
        let name = data["type"].as_str().unwrap();
        format!("event: {name}\ndata: {data}\n\n")
    };
    list.iter().map(event).collect()
}

/// The same without names, and with numbers in the place of nothing: as others send them.
fn bare(list: &[Value]) -> String {
    list.iter()
        .map(|data| format!("data: {data}\n\n"))
        .collect()
}

fn completed(output: Value) -> Value {
    json!({"type": "response.completed", "response": {"id": "r", "model": "m", "status": "completed", "output": output}})
}

fn added(index: u32, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: u32, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

fn message(text: &str) -> Value {
    json!({"type": "message", "id": "m1", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

/// The items as kind, index and words.
fn items(heard: &Heard) -> Vec<(&str, u32, &str)> {
    let items = heard.items.iter();
    items.map(|it| (it.0, it.2, it.3.as_str())).collect()
}

/// Id, model, usage and the end, which are no items.
fn facts(content_type: &str, body: &str) -> (Vec<String>, Option<Usage>, String) {
    let (wire, quirks) = (wire::find("openai_responses").unwrap(), Quirks::default());
    let now = std::time::SystemTime::UNIX_EPOCH;
    let (limits, head) = (Limits::default(), head(content_type));
    let mut decoder = Decoder::new(wire, &exchange(&quirks), head, limits, false, now);
    let mut batch = Batch::new();
    let pushed = decoder.push(body.as_bytes(), &mut batch);
    let _ = pushed.and_then(|_| decoder.finish(End::Clean, &mut batch).map(|_| ()));
    let (mut names, mut usage, mut end) = (Vec::new(), None, String::new());
    for (_, event) in batch.iter() {
        match event {
            Event::Start { id, model } => {
                names = [id, model]
                    .into_iter()
                    .flatten()
                    .map(str::to_owned)
                    .collect();
            }
            Event::Usage(said) => usage = Some(said),
            Event::Finish { reason, raw } => end = format!("{reason:?} {raw:?}"),
            _ => {}
        }
    }
    (names, usage, end)
}

#[test]
fn a_streamed_and_a_whole_answer_say_the_same() {
    let reasoning = json!({"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "so"}], "encrypted_content": "e+/=="});
    let search = json!({"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search", "query": "q"}});
    let call = json!({"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": "{\"a\": 1}"});
    let text = json!({"type": "message", "id": "m1", "role": "assistant", "content": [
        {"type": "output_text", "text": "Hi", "annotations": [{"type": "url_citation", "url": "u"}]}, {"type": "refusal", "refusal": "no"}]});
    let output = json!([reasoning, search, text, call]);
    let stream = [
        added(0, json!({"type": "reasoning", "id": "rs", "summary": []})),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "item_id": "rs", "summary_index": 0, "delta": "so"}),
        done(0, reasoning.clone()),
        added(
            1,
            json!({"type": "web_search_call", "id": "ws", "status": "in_progress"}),
        ),
        json!({"type": "response.web_search_call.searching", "output_index": 1, "item_id": "ws"}),
        done(1, search.clone()),
        added(2, json!({"type": "message", "id": "m1", "content": []})),
        json!({"type": "response.output_text.delta", "output_index": 2, "item_id": "m1", "content_index": 0, "delta": "H"}),
        json!({"type": "response.output_text.delta", "output_index": 2, "item_id": "m1", "content_index": 0, "delta": "i"}),
        json!({"type": "response.output_text.annotation.added", "output_index": 2, "item_id": "m1", "annotation": {"type": "url_citation", "url": "u"}}),
        json!({"type": "response.refusal.delta", "output_index": 2, "item_id": "m1", "content_index": 1, "delta": "no"}),
        done(2, text.clone()),
        added(
            3,
            json!({"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": ""}),
        ),
        json!({"type": "response.function_call_arguments.delta", "output_index": 3, "item_id": "fc", "delta": "{\"a\":"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 3, "item_id": "fc", "delta": " 1}"}),
        json!({"type": "response.function_call_arguments.done", "output_index": 3, "item_id": "fc", "arguments": "{\"a\": 1}"}),
        done(3, call.clone()),
        completed(output.clone()),
    ];
    let whole = hear(JSON, &completed(output)["response"].to_string());
    let (sealed, search) = (reasoning.to_string(), search.to_string());
    let expected = [
        ("reasoning", 0, "so"),
        ("encrypted", 0, sealed.as_str()),
        ("server_tool", 1, search.as_str()),
        ("text", 0, "Hi"),
        ("citation", 2, r#"{"type":"url_citation","url":"u"}"#),
        ("refusal", 0, "no"),
        ("tool_call", 0, r#"Some("c1") f"#),
        ("tool_args", 0, r#"{"a": 1}"#),
    ];
    assert_eq!(items(&whole), expected);
    assert_eq!(whole.finish.as_deref(), Some("completed"));
    for body in [events(&stream), bare(&stream)] {
        every_cut(body.as_bytes(), |cut, pieces| {
            let (wire, quirks) = (wire::find("openai_responses").unwrap(), Quirks::default());
            let heard = support::hear(wire, &exchange(&quirks), &head(EVENTS), pieces, End::Clean);
            assert_eq!(items(&heard), expected, "{cut}");
            assert!(!heard.ending.unwrap().incomplete, "{cut}");
        });
    }
}

#[test]
fn whatever_no_event_has_said_is_said_by_a_later_one() {
    let call = json!({"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": "{}"});
    let expected = [
        ("text", 0, "Hi"),
        ("tool_call", 0, r#"Some("c1") f"#),
        ("tool_args", 0, "{}"),
    ];
    let delta = json!({"type": "response.output_text.delta", "item_id": "m1", "content_index": 0, "delta": "Hi"});
    for (case, stream) in [
        (
            "the last event alone",
            vec![completed(json!([message("Hi"), call]))],
        ),
        (
            "items without deltas",
            vec![
                done(0, message("Hi")),
                done(1, call.clone()),
                completed(json!([])),
            ],
        ),
        (
            "a part of them",
            vec![
                done(0, message("Hi")),
                completed(json!([message("Hi"), call])),
            ],
        ),
        (
            "deltas without items",
            vec![
                delta.clone(),
                done(1, call.clone()),
                completed(json!([message("Hi"), call])),
            ],
        ),
        (
            "texts without deltas",
            vec![
                added(0, json!({"type": "message", "id": "m1", "content": []})),
                json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hi"}),
                done(0, message("Hi")),
                completed(json!([message("Hi"), call])),
            ],
        ),
        (
            "a call that is named at its end",
            vec![
                done(0, message("Hi")),
                added(1, json!({"type": "function_call", "id": "fc"})),
                json!({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{}"}),
                done(1, call.clone()),
                completed(json!([])),
            ],
        ),
        (
            "names that change from event to event",
            vec![
                added(0, json!({"type": "message", "id": "a", "content": []})),
                json!({"type": "response.output_text.delta", "output_index": 0, "item_id": "b", "delta": "Hi"}),
                done(
                    0,
                    json!({"type": "message", "id": "c", "content": [{"type": "output_text", "text": "Hi"}]}),
                ),
                added(
                    1,
                    json!({"type": "function_call", "id": "d", "call_id": "c1", "name": "f", "arguments": ""}),
                ),
                json!({"type": "response.function_call_arguments.delta", "output_index": 1, "item_id": "e", "delta": "{}"}),
                done(1, call.clone()),
                completed(json!([message("Hi"), call])),
            ],
        ),
        (
            "no places",
            vec![
                json!({"type": "response.output_item.added", "item": {"type": "message", "id": "a", "content": []}}),
                json!({"type": "response.output_text.delta", "item_id": "a", "delta": "Hi"}),
                json!({"type": "response.output_item.done", "item": {"type": "message", "id": "a", "content": [{"type": "output_text", "text": "Hi"}]}}),
                json!({"type": "response.output_item.added", "item": {"type": "function_call", "id": "d", "call_id": "c1", "name": "f", "arguments": ""}}),
                json!({"type": "response.function_call_arguments.delta", "item_id": "d", "delta": "{}"}),
                json!({"type": "response.output_item.done", "item": call.clone()}),
                completed(json!([message("Hi"), call])),
            ],
        ),
        (
            "the answer in the place of events",
            vec![completed(json!([message("Hi"), call]))["response"].clone()],
        ),
    ] {
        let body = bare(&stream);
        let heard = hear(EVENTS, &body);
        assert_eq!(items(&heard), expected, "{case}");
        assert!(heard.ending.is_ok(), "{case}");
        assert!(
            facts(EVENTS, &body).2.starts_with("Some(ToolCalls)"),
            "{case}"
        );
    }
}

#[test]
fn pieces_of_calls_come_as_they_are_read_each_to_its_own_call() {
    let begin = |id: &str, call: &str| json!({"type": "response.output_item.added", "item": {"type": "function_call", "id": id, "call_id": call, "name": "f", "arguments": ""}});
    let piece = |id: &str, text: &str| json!({"type": "response.function_call_arguments.delta", "item_id": id, "delta": text});
    // The connection breaks off before any of them is done.
    let heard = hear(
        EVENTS,
        &bare(&[
            begin("a", "c1"),
            begin("b", "c2"),
            piece("a", "{"),
            piece("b", "[1"),
            piece("a", "}"),
            piece("b", "]"),
        ]),
    );
    let expected = [
        ("tool_call", 0, r#"Some("c1") f"#),
        ("tool_call", 1, r#"Some("c2") f"#),
        ("tool_args", 0, "{"),
        ("tool_args", 1, "[1"),
        ("tool_args", 0, "}"),
        ("tool_args", 1, "]"),
    ];
    assert_eq!(items(&heard), expected);
    assert_eq!(heard.ending.unwrap_err().kind(), ErrorKind::StreamTruncated);
}

#[test]
fn citations_that_came_by_themselves_are_not_said_again() {
    let citations = ["u", "v", "w"].map(|url| json!({"type": "url_citation", "url": url}));
    let message = json!({"type": "message", "id": "m1", "role": "assistant", "content": [{"type": "output_text", "text": "Hi", "annotations": citations}]});
    let [one, two, three] = &citations;
    let heard = hear(
        EVENTS,
        &bare(&[
            added(0, json!({"type": "message", "id": "m1", "content": []})),
            json!({"type": "response.output_text.delta", "output_index": 0, "item_id": "m1", "content_index": 0, "delta": "Hi"}),
            json!({"type": "response.output_text.annotation.added", "output_index": 0, "item_id": "m1", "annotation": one}),
            done(0, message.clone()),
            completed(json!([message])),
        ]),
    );
    // Parts of one kind in a row are heard as one.
    let all = format!("{one}{two}{three}");
    let expected = [("text", 0, "Hi"), ("citation", 0, all.as_str())];
    assert_eq!(items(&heard), expected);
}

#[test]
fn tools_of_free_text_and_pictures_go_through_byte_for_byte() {
    let custom = r#"{"type":"custom_tool_call","id":"ctc","call_id":"c1","name":"patch","input":"*** Begin \u0022x"}"#;
    let picture = r#"{"type":"image_generation_call", "id":"ig","result":"aGk="}"#;
    let novel = r#"{"type":"novel_call","x":1.50}"#;
    let body = format!(
        r#"{{"object":"response","status":"completed","output":[{custom},{picture},{novel}]}}"#
    );
    let heard = hear(JSON, &body);
    let expected = [
        ("custom_tool", 0, custom),
        ("image", 1, picture),
        ("server_tool", 2, novel),
    ];
    assert_eq!(items(&heard), expected);
    // Only functions are calls in our words.
    assert_eq!(facts(JSON, &body).2, r#"Some(Stop) Some("completed")"#);
}

#[test]
fn reasoning_comes_as_summary_or_as_itself_and_never_twice() {
    let item = json!({"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        "content": [{"type": "reasoning_text", "text": "c"}], "encrypted_content": ""});
    let whole = hear(JSON, &completed(json!([item]))["response"].to_string());
    assert_eq!(items(&whole), [("reasoning", 0, "abc")]);
    let stream = [
        added(0, json!({"type": "reasoning", "id": "rs"})),
        json!({"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "c"}),
        json!({"type": "response.reasoning_text.done", "output_index": 0, "content_index": 0, "text": "c"}),
        done(0, item.clone()),
        completed(json!([item])),
    ];
    assert_eq!(
        items(&hear(EVENTS, &events(&stream))),
        [("reasoning", 0, "c")]
    );
}

#[test]
fn a_refusal_comes_in_its_pieces() {
    let piece = |text| json!({"type": "response.refusal.delta", "output_index": 0, "content_index": 0, "delta": text});
    let cut = hear(EVENTS, &events(&[piece("I can"), piece("not.")]));
    assert_eq!(items(&cut), [("refusal", 0, "I cannot.")]);
    let error = cut.ending.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamTruncated);
}

#[test]
fn reasoning_and_text_at_one_place_are_two_items() {
    let said = json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]});
    let stream = [
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hm"}),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"}),
        completed(json!([said, message("Hi")])),
    ];
    assert_eq!(
        items(&hear(EVENTS, &events(&stream))),
        [("reasoning", 0, "hm"), ("text", 0, "Hi")],
        "what was said is not said again"
    );
}

#[test]
fn ends_have_our_words() {
    let end = |response: Value| facts(JSON, &response.to_string()).2;
    let output = json!([message("Hi")]);
    for (status, details, expected) in [
        ("completed", Value::Null, r#"Some(Stop) Some("completed")"#),
        (
            "incomplete",
            json!({"reason": "max_output_tokens"}),
            r#"Some(Length) Some("max_output_tokens")"#,
        ),
        (
            "incomplete",
            json!({"reason": "content_filter"}),
            r#"Some(ContentFilter) Some("content_filter")"#,
        ),
        (
            "incomplete",
            json!({"reason": "novel"}),
            r#"None Some("novel")"#,
        ),
        ("incomplete", Value::Null, r#"None Some("incomplete")"#),
        ("queued", Value::Null, r#"None Some("queued")"#),
    ] {
        let response = json!({"object": "response", "status": status, "incomplete_details": details, "output": output});
        assert_eq!(end(response), expected, "{status}");
    }
    // A server that leaves the status as it was when it began still ends with the right event.
    let body = bare(&[
        json!({"type": "response.incomplete", "response": {"status": "in_progress", "output": [], "incomplete_details": {"reason": "max_output_tokens"}}}),
    ]);
    assert_eq!(
        facts(EVENTS, &body).2,
        r#"Some(Length) Some("max_output_tokens")"#
    );
    let promise = r#"{"object":"response","id":"r","status":"queued","output":[]}"#;
    assert!(
        hear(JSON, promise).ending.unwrap().incomplete,
        "the answer is elsewhere"
    );
}

#[test]
fn usage_counts_what_was_cached_and_reasoned() {
    let usage = json!({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1}, "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 15, "cost": 0.0000086});
    let body = json!({"id": "r", "model": "m", "status": "completed", "output": [message("Hi")], "usage": usage}).to_string();
    let (names, said, _) = facts(JSON, &body);
    assert_eq!(names, ["r", "m"]);
    let said = said.unwrap();
    assert_eq!(said.raw.as_deref(), Some(usage.to_string().as_str()));
    let expected = Usage {
        prompt_tokens: Some(10),
        completion_tokens: Some(5),
        total_tokens: Some(15),
        cached_tokens: Some(4),
        cache_write_tokens: Some(1),
        reasoning_tokens: Some(3),
        cost_microusd: Some(9),
        ..Usage::default()
    };
    assert_eq!(Usage { raw: None, ..said }, expected);
    let ticks = json!({"status": "completed", "output": [], "usage": {"input_tokens": 1, "output_tokens": 2, "cost_in_usd_ticks": 37756000}});
    let said = facts(JSON, &ticks.to_string()).1.unwrap();
    assert_eq!(
        (said.cost_microusd, said.total_tokens),
        (Some(3776), Some(3))
    );
    let odd =
        json!({"status": "completed", "output": [], "usage": {"input_tokens": 1, "cost": -0.5}});
    assert_eq!(facts(JSON, &odd.to_string()).1.unwrap().cost_microusd, None);
    let none = json!({"status": "completed", "output": [], "usage": {}});
    assert_eq!(facts(JSON, &none.to_string()).1, None);
}

#[test]
fn errors_stand_in_events_of_their_own_or_in_the_response() {
    let flat = json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": null, "sequence_number": 2});
    let nested = json!({"type": "error", "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "slow down"}});
    let failed = json!({"type": "response.failed", "response": {"id": "r", "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow down"},
        "output": [], "usage": {"input_tokens": 1, "output_tokens": 2}}});
    let before = [
        json!({"type": "response.created", "response": {"id": "r", "model": "m", "status": "in_progress"}}),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"}),
    ];
    for last in [flat, nested, failed.clone()] {
        let stream = [&before[..], std::slice::from_ref(&last)].concat();
        for body in [events(&stream), bare(&stream)] {
            let heard = hear(EVENTS, &body);
            assert_eq!(
                items(&heard),
                [("text", 0, "Hi")],
                "what came before is not lost"
            );
            let error = heard.ending.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::RateLimited, "{last}");
            assert_eq!(error.message(), "slow down");
        }
    }
    assert_eq!(
        facts(EVENTS, &bare(std::slice::from_ref(&failed)))
            .1
            .unwrap()
            .total_tokens,
        Some(3)
    );
    let whole = hear(JSON, &failed["response"].to_string())
        .ending
        .unwrap_err();
    assert_eq!(whole.kind(), ErrorKind::RateLimited);
    for (status, named) in [("failed", "failed"), ("cancelled", "cancelled")] {
        let body = json!({"object": "response", "status": status, "error": null, "output": []})
            .to_string();
        let error = hear(JSON, &body).ending.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ProviderError);
        assert_ne!(error.retry(), Retry::Never);
        assert!(error.message().contains(named));
    }
}

#[test]
fn a_missing_end_is_an_error_unless_the_row_says_otherwise() {
    let body = bare(&[done(0, message("Hi"))]) + "data: [DONE]\n\n";
    let heard = hear(EVENTS, &body);
    assert_eq!(heard.kind(), Some(ErrorKind::StreamTruncated));
    let quirks = Quirks {
        terminal_marker: TerminalMarker::None,
        ..Quirks::PLAIN
    };
    let heard = hear_by(EVENTS, &quirks, &body);
    assert!(heard.ending.unwrap().incomplete);
    assert_eq!(hear(JSON, "{}").kind(), Some(ErrorKind::EmptyResponse));
}

#[test]
fn unknown_events_are_skipped_and_counted_and_known_ones_are_not() {
    let stream = [
        json!({"type": "response.novel.delta", "delta": "x"}),
        json!({"type": "response.code_interpreter_call_code.delta", "output_index": 0, "delta": "x"}),
        json!({"type": "response.shell_call_output_content.delta", "output_index": 1, "delta": {"stdout": "x"}}),
        json!({"type": "response.web_search_call.searching", "output_index": 2}),
        json!({"type": "response.mcp_list_tools.in_progress"}),
        json!({"type": "keepalive"}),
        completed(json!([message("Hi")])),
    ];
    let heard = hear(EVENTS, &events(&stream));
    assert_eq!(items(&heard), [("text", 0, "Hi")]);
    assert_eq!(heard.ending.unwrap().skipped, 1);
}

#[test]
fn an_answer_of_too_many_items_is_an_error_that_says_so() {
    let items: Vec<Value> = (0..5000)
        .map(|number| added(number, json!({"type": "message"})))
        .collect();
    let error = hear(EVENTS, &bare(&items)).ending.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.message().contains("items"), "{}", error.message());
    // What is no item is none.
    let body = format!(
        r#"{{"status":"completed","output":[{}null]}}"#,
        "0,".repeat(100_000)
    );
    assert!(hear(JSON, &body).ending.is_ok());
}
