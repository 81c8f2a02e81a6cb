use serde_json::{Value, json};

use super::*;

fn fold(events: &[Event<'_>], whole: bool) -> Response {
    let mut response = Response::default();
    response.set_provider("anthropic");
    // One batch an event: what is folded does not depend on how reads were cut.
    for event in events {
        let mut batch = Batch::new();
        batch.push(0, event.clone());
        response.absorb(&batch);
    }
    response.finish(whole);
    response
}

fn make_id(choice: u32, index: u32) -> String {
    format!("call_7_{choice}_{index}")
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

const CALLS: &[Event<'static>] = &[
    Event::Start {
        id: Some(""),
        model: Some("m-1"),
    },
    Event::Start {
        id: Some("msg"),
        model: Some("m-2"),
    },
    Event::Reasoning("Hm"),
    Event::Part {
        kind: PartKind::Signature,
        index: 0,
        json: r#"{"type":"thinking", "signature":"s"}"#,
    },
    Event::Text("Calling."),
    Event::ToolCall {
        index: 0,
        id: Some("a"),
        name: "f",
    },
    Event::ToolCall {
        index: 1,
        id: None,
        name: "g",
    },
    Event::ToolArgs {
        index: 0,
        arguments: r#"{"x":"#,
    },
    Event::ToolArgs {
        index: 0,
        arguments: "1}",
    },
    Event::Finish {
        reason: Some(Finish::ToolCalls),
        raw: Some("tool_use"),
    },
];

#[test]
fn the_turn_to_append_holds_what_the_model_must_see_again() {
    let response = fold(CALLS, true);
    let turn = response.message_json(true, &make_id);
    assert!(
        turn.contains(r#""data":{"type":"thinking", "signature":"s"}"#),
        "byte for byte: {turn}"
    );
    let expected = json!({
        "role": "assistant",
        "content": "Calling.",
        "reasoning": "Hm",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
            {"id": "call_7_0_1", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
        "libllm_parts": [
            {"kind": "signature", "provider": "anthropic", "index": 0, "data": {"type": "thinking", "signature": "s"}},
        ],
    });
    assert_eq!(parsed(&turn), expected);
    let bare = parsed(&response.message_json(false, &make_id));
    assert_eq!(
        (&bare["content"], &bare["reasoning"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(bare["tool_calls"], expected["tool_calls"]);
}

#[test]
fn calls_are_complete_only_if_they_parse_and_the_answer_is_whole() {
    let complete = |response: &Response| -> Vec<bool> {
        response.choices()[0]
            .tool_calls
            .iter()
            .map(|call| call.complete)
            .collect()
    };
    assert_eq!(complete(&fold(CALLS, true)), [true, true]);
    assert_eq!(complete(&fold(CALLS, false)), [false, false]);
    let cut = fold(&CALLS[..8], true);
    assert_eq!(complete(&cut), [false, true]);
    let turn = parsed(&cut.message_json(true, &make_id));
    assert_eq!(turn["tool_calls"][0]["complete"], false);
    assert_eq!(turn["tool_calls"][1].get("complete"), None);
}

#[test]
fn the_first_name_that_says_something_counts() {
    let response = fold(CALLS, true);
    assert_eq!(
        (response.id(), response.model()),
        (Some("msg"), Some("m-1"))
    );
}

#[test]
fn text_is_kept_only_if_wanted() {
    let mut batch = Batch::new();
    CALLS.iter().for_each(|event| batch.push(0, event.clone()));
    let mut response = Response::default();
    response.keep_text(false);
    response.absorb(&batch);
    response.finish(true);
    assert_eq!(response.text(), Some(""));
    assert_eq!(response.choices()[0].reasoning, "");
    assert_eq!(response.choices()[0].tool_calls[0].arguments, r#"{"x":1}"#);
    assert_eq!(response.choices()[0].parts.len(), 1);
}

#[test]
fn a_completion_has_every_choice_and_no_invented_number() {
    let mut batch = Batch::new();
    batch.push(1, Event::Text("b"));
    batch.push(0, Event::Text("a"));
    batch.push(1, Event::Refusal("no"));
    batch.push(
        0,
        Event::Finish {
            reason: Some(Finish::Stop),
            raw: Some("stop"),
        },
    );
    batch.push(
        1,
        Event::Finish {
            reason: None,
            raw: Some("odd"),
        },
    );
    let mut response = Response::default();
    response.absorb(&batch);
    response.finish(true);
    assert_eq!(
        parsed(&response.chat_completion_json(&make_id)),
        json!({"id": null, "object": "chat.completion", "model": null, "usage": null, "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"},
            {"index": 1, "message": {"role": "assistant", "content": "b", "refusal": "no"}, "finish_reason": null},
        ]})
    );
    assert_eq!(response.choices()[1].finish_raw.as_deref(), Some("odd"));

    let mut batch = Batch::new();
    let usage = Usage {
        prompt_tokens: Some(5),
        cached_tokens: Some(0),
        ..Usage::default()
    };
    batch.push(0, Event::Usage(Usage::default()));
    batch.push(0, Event::Usage(usage));
    response.absorb(&batch);
    assert_eq!(
        parsed(&response.chat_completion_json(&make_id))["usage"],
        json!({"prompt_tokens": 5, "completion_tokens": null, "total_tokens": null,
               "prompt_tokens_details": {"cached_tokens": 0}})
    );
}

#[test]
fn an_answer_of_nothing_is_still_a_turn() {
    let response = Response::default();
    assert_eq!(response.text(), None);
    assert_eq!(
        response.message_json(true, &make_id),
        r#"{"role":"assistant","content":null}"#
    );
}

#[test]
fn the_turn_can_be_appended_to_a_request() {
    let turn = fold(CALLS, true).message_json(true, &make_id);
    let request = format!(r#"{{"messages":[{{"role":"user","content":"hi"}},{turn}]}}"#);
    let request = crate::Request::parse(request).unwrap();
    let chat = crate::chat::Chat::read(&request).unwrap();
    let message = &chat.messages[1];
    assert_eq!(message.tool_calls[1].id, "call_7_0_1");
    assert_eq!(
        message.parts[0].data.get(),
        r#"{"type":"thinking", "signature":"s"}"#
    );
    assert_eq!(message.reasoning.as_deref(), Some("Hm"));
}
