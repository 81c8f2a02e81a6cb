//! What scripts answer, without sockets: bytes in the dialects, the schedule, every fault.

use std::time::Duration;

use serde_json::Value;

use super::*;

mod faults;
mod grammar;

const TURN: Turn = Turn {
    number: 7,
    attempt: 1,
    created: 1_700_000_000,
};

fn ask(dialect: Dialect, script: &str, stream: bool) -> Ask {
    Ask::chat(dialect, script, stream, "good day")
}

fn reply(dialect: Dialect, script: &str, stream: bool, attempt: u32) -> Reply {
    let found = Scripts::default().find(script).unwrap();
    answer(
        &found,
        &ask(dialect, script, stream),
        Turn { attempt, ..TURN },
    )
}

fn steps(dialect: Dialect, script: &str) -> Vec<Step> {
    reply(dialect, script, true, 1).body.collect()
}

/// All bytes of a body, and the cut that ended it.
fn drained(reply: Reply) -> (Vec<u8>, Option<Cut>) {
    let mut all = Vec::new();
    let mut cut = None;
    for step in reply.body {
        match step {
            Step::Bytes(bytes) => all.extend_from_slice(&bytes),
            Step::Cut(how) => cut = Some(how),
            Step::Until(_) => {}
        }
    }
    (all, cut)
}

/// The data of every event, `[DONE]` left out.
fn events(dialect: Dialect, script: &str) -> Vec<Value> {
    let (bytes, _) = drained(reply(dialect, script, true, 1));
    let text = String::from_utf8(bytes).unwrap();
    let data = text
        .split_terminator("\n\n")
        .filter_map(|event| event.split_once("data: "));
    data.filter(|(_, data)| *data != "[DONE]")
        .map(|(_, data)| serde_json::from_str(data).unwrap())
        .collect()
}

fn object(dialect: Dialect, script: &str) -> Value {
    let (bytes, _) = drained(reply(dialect, script, false, 1));
    serde_json::from_slice(&bytes).unwrap()
}

fn strings(events: &[Value], pointer: &str) -> String {
    events
        .iter()
        .filter_map(|event| event.pointer(pointer)?.as_str())
        .collect()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn chat_stream_is_byte_for_byte_this() {
    let (bytes, cut) = drained(reply(Dialect::OpenaiChat, "tokens=1", true, 1));
    let head = r#"data: {"id":"chatcmpl-mock00000000000000000007","object":"chat.completion.chunk","created":1700000000,"model":"tokens=1","service_tier":"default","system_fingerprint":"fp_mock","choices":["#;
    let usage = r#"{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#;
    let expected = [
        head,
        r#"{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        "\n\n",
        head,
        r#"{"index":0,"delta":{"content":"w0"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        "\n\n",
        head,
        r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}"#,
        "\n\n",
        head,
        r#"],"usage":"#,
        usage,
        "}\n\n",
        "data: [DONE]\n\n",
    ];
    assert_eq!(String::from_utf8(bytes).unwrap(), expected.concat());
    assert_eq!(cut, None);
}

#[test]
fn messages_stream_is_byte_for_byte_this() {
    let (bytes, _) = drained(reply(Dialect::Anthropic, "reasoning=1;tokens=1", true, 1));
    let expected = r#"event: message_start
data: {"type":"message_start","message":{"model":"reasoning=1;tokens=1","id":"msg_mock00000000000000000007","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1,"output_tokens_details":{"thinking_tokens":1}}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"r0"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"bW9jay1zaWduYXR1cmU00000000000000000007=="}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"w0"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},"usage":{"input_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2,"output_tokens_details":{"thinking_tokens":1}}}

event: message_stop
data: {"type":"message_stop"}

"#;
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn tools_stream_in_pieces_and_join_to_the_script() {
    let script = r#"tool=f:{"city":"Zürich"};tool=g"#;
    let chat = events(Dialect::OpenaiChat, script);
    let call = "/choices/0/delta/tool_calls/0";
    let of = |index: u64| -> Vec<Value> {
        let number = format!("{call}/index");
        let mine = |event: &&Value| event.pointer(&number).and_then(Value::as_u64) == Some(index);
        chat.iter().filter(mine).cloned().collect()
    };
    assert_eq!(strings(&of(0), &format!("{call}/function/name")), "f");
    assert_eq!(
        strings(&of(0), &format!("{call}/function/arguments")),
        r#"{"city":"Zürich"}"#
    );
    assert_eq!(strings(&of(1), &format!("{call}/function/name")), "g");
    assert_eq!(strings(&of(1), &format!("{call}/id")), "call_mock7x0x1");
    assert_eq!(strings(&chat, "/choices/0/finish_reason"), "tool_calls");

    let messages = events(Dialect::Anthropic, script);
    assert_eq!(strings(&messages, "/content_block/name"), "fg");
    assert_eq!(
        strings(&messages, "/delta/partial_json"),
        r#"{"city":"Zürich"}{}"#
    );
    assert_eq!(strings(&messages, "/delta/stop_reason"), "tool_use");

    let whole = object(Dialect::OpenaiChat, script);
    let first = &whole["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(first["function"]["arguments"], r#"{"city":"Zürich"}"#);
    let whole = object(Dialect::Anthropic, script);
    assert_eq!(whole["content"][0]["input"]["city"], "Zürich");
    assert_eq!(whole["content"][1]["input"], serde_json::json!({}));
}

#[test]
fn streamed_and_whole_answers_say_the_same() {
    for script in [
        "echo",
        "text=a%0Ab  c",
        "tokens=40",
        "refusal=I can not",
        "reasoning=3;n=2",
    ] {
        let chat = events(Dialect::OpenaiChat, script);
        let whole = object(Dialect::OpenaiChat, script);
        let first: Vec<_> = (chat.iter())
            .filter(|event| event.pointer("/choices/0/index") == Some(&Value::from(0)))
            .cloned()
            .collect();
        for field in ["content", "refusal", "reasoning_content"] {
            let said = strings(&first, &format!("/choices/0/delta/{field}"));
            let expected = whole["choices"][0]["message"][field]
                .as_str()
                .unwrap_or_default();
            assert_eq!(said, expected, "{script} {field}");
        }
        assert_eq!(chat.last().unwrap()["usage"], whole["usage"], "{script}");

        let messages = events(Dialect::Anthropic, script);
        let whole = object(Dialect::Anthropic, script);
        let said = strings(&messages, "/delta/thinking") + &strings(&messages, "/delta/text");
        let blocks = whole["content"].as_array().unwrap();
        let expected = strings(blocks, "/thinking") + &strings(blocks, "/text");
        assert_eq!(said, expected, "{script}");
        assert_eq!(
            strings(&messages, "/delta/stop_reason"),
            whole["stop_reason"],
            "{script}"
        );
    }
}

#[test]
fn choices_usage_and_finish_follow_script_and_request() {
    let chat = events(Dialect::OpenaiChat, "tokens=2;n=3;finish=length");
    assert_eq!(
        strings(&chat, "/choices/0/finish_reason"),
        "length".repeat(3)
    );
    assert_eq!(chat.last().unwrap()["usage"]["completion_tokens"], 6);
    assert_eq!(
        object(Dialect::OpenaiChat, "n=3")["choices"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert!(
        object(Dialect::OpenaiChat, "echo;usage=none")
            .get("usage")
            .is_none()
    );
    assert!(
        object(Dialect::Anthropic, "echo;usage=none")
            .get("usage")
            .is_none()
    );
    let silent = events(Dialect::OpenaiChat, "echo;usage=none");
    assert!(silent.iter().all(|event| event.get("usage").is_none()));
    let mut unasked = ask(Dialect::OpenaiChat, "echo", true);
    unasked.include_usage = false;
    let script = Scripts::default().find("echo").unwrap();
    let (bytes, _) = drained(answer(&script, &unasked, TURN));
    assert!(!String::from_utf8(bytes).unwrap().contains("usage"));
}

#[test]
fn tokens_leave_on_an_absolute_schedule() {
    let script = "tokens=3;ttft=20ms;pace=5ms;stall=1s;at=2";
    let times: Vec<_> = (steps(Dialect::OpenaiChat, script).into_iter())
        .filter_map(|step| match step {
            Step::Until(time) => Some(time),
            _ => None,
        })
        .collect();
    // Role chunk at once; tokens at 20 and 25 ms; a second of silence from 25 ms; the third keeps its distance.
    assert_eq!(times, [ms(20), ms(25), ms(1025), ms(1030)]);
    let kinds = |script: &str| -> String {
        (steps(Dialect::OpenaiChat, script).iter())
            .map(|step| match step {
                Step::Until(_) => 'u',
                Step::Bytes(_) => 'b',
                Step::Cut(_) => 'c',
            })
            .collect()
    };
    assert_eq!(kinds("tokens=64"), "b");
    assert_eq!(kinds("tokens=3;pace=5ms"), "bubub");
    assert_eq!(kinds("tokens=3;ttft=9ms;cut=rst;at=3"), "bubc");
}

#[test]
fn a_long_answer_without_pace_leaves_in_bounded_writes() {
    let sizes: Vec<_> = (steps(Dialect::OpenaiChat, "tokens=20000").iter())
        .map(|step| match step {
            Step::Bytes(bytes) => bytes.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(sizes.len() > 5 && sizes.iter().all(|size| *size < 300 * 1024));
}

#[test]
fn jitter_delays_by_less_than_its_size_and_is_the_same_again() {
    let run = || steps(Dialect::OpenaiChat, "tokens=50;pace=10ms;jitter=4ms");
    assert_eq!(run(), run());
    let late = (run().iter())
        .filter_map(|step| match step {
            Step::Until(time) => Some(time.as_micros() % 10_000),
            _ => None,
        })
        .inspect(|late| assert!(*late < 4000, "{late}"))
        .collect::<std::collections::BTreeSet<_>>();
    assert!(late.len() > 40, "jitter varies");
}

#[test]
fn chunk_cuts_every_write_and_loses_nothing() {
    let whole = drained(reply(Dialect::Anthropic, "tokens=5", true, 1)).0;
    let cut = steps(Dialect::Anthropic, "tokens=5;chunk=3");
    assert!(
        cut.iter()
            .all(|step| matches!(step, Step::Bytes(b) if b.len() <= 3))
    );
    let again = drained(reply(Dialect::Anthropic, "tokens=5;chunk=3", true, 1)).0;
    assert_eq!(whole.len() + "chunk=3;".len(), again.len());
}

#[test]
fn silence_is_filled_with_keep_alives() {
    let script = "tokens=1;ttft=35ms;keepalive=10ms;stall=15ms;at=1";
    let text = String::from_utf8(drained(reply(Dialect::OpenaiChat, script, true, 1)).0).unwrap();
    assert_eq!(text.matches(": keep-alive\n\n").count(), 3 + 1);
    let text = String::from_utf8(drained(reply(Dialect::Anthropic, script, true, 1)).0).unwrap();
    assert_eq!(text.matches("event: ping\n").count(), 1 + 3 + 1);
    let whole = reply(Dialect::OpenaiChat, script, false, 1);
    assert_eq!((whole.head_at, whole.length), (ms(0), None));
    let (bytes, _) = drained(whole);
    assert!(bytes.starts_with(b"\n\n\n\n{"), "4 blank lines in 50 ms");
}

#[test]
fn a_wrong_request_is_refused_in_its_dialect() {
    let refused = refuse(
        Dialect::Anthropic,
        Kind::InvalidRequest,
        "messages: \"none\"",
        TURN,
    );
    assert_eq!(refused.status, 400);
    let body: Value = serde_json::from_slice(&drained(refused).0).unwrap();
    assert_eq!(body["error"]["message"], "messages: \"none\"");
}
