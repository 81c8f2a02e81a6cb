//! What the blocks of an answer mean.

use serde_json::json;

use super::*;

#[test]
fn thinking_comes_back_signed_and_text_after_it() {
    check_stream(
        &[
            begin(
                0,
                json!({"type": "thinking", "thinking": "", "signature": ""}),
            ),
            delta(
                0,
                json!({"type": "thinking_delta", "thinking": "Let \"me\"\n"}),
            ),
            delta(0, json!({"type": "thinking_delta", "thinking": "see"})),
            delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
            delta(0, json!({"type": "signature_delta", "signature": "bmF0"})),
            stop(0),
            begin(1, json!({"type": "redacted_thinking", "data": "ZQ=="})),
            stop(1),
            begin(2, json!({"type": "text", "text": ""})),
            delta(2, json!({"type": "text_delta", "text": "So"})),
            delta(2, json!({"type": "text_delta", "text": ""})),
            delta(2, json!({"type": "text_delta", "text": ": 😀"})),
            stop(2),
        ],
        &[
            ("reasoning", 0, "Let \"me\"\nsee"),
            (
                "signature",
                0,
                r#"{"type":"thinking","thinking":"Let \"me\"\nsee","signature":"c2lnbmF0"}"#,
            ),
            (
                "redacted",
                1,
                r#"{"data":"ZQ==","type":"redacted_thinking"}"#,
            ),
            ("text", 0, "So: 😀"),
        ],
    );
}

#[test]
fn thinking_that_was_left_out_keeps_its_signature_and_unsigned_thinking_makes_no_part() {
    check_stream(
        &[
            begin(0, json!({"type": "thinking", "thinking": ""})),
            delta(0, json!({"type": "signature_delta", "signature": "s"})),
            stop(0),
            begin(1, json!({"type": "thinking", "thinking": "be"})),
            delta(1, json!({"type": "thinking_delta", "thinking": "gun"})),
            stop(1),
        ],
        &[
            (
                "signature",
                0,
                r#"{"type":"thinking","thinking":"","signature":"s"}"#,
            ),
            ("reasoning", 0, "begun"),
        ],
    );
}

#[test]
fn calls_count_from_zero_and_always_have_arguments() {
    check_stream(
        &[
            begin(0, json!({"type": "text", "text": "Calling."})),
            stop(0),
            begin(
                1,
                json!({"type": "tool_use", "id": "a", "name": "f", "input": {}}),
            ),
            delta(1, json!({"type": "input_json_delta", "partial_json": ""})),
            delta(
                1,
                json!({"type": "input_json_delta", "partial_json": "{\"x\":"}),
            ),
            delta(
                1,
                json!({"type": "input_json_delta", "partial_json": "\"\\n\"}"}),
            ),
            stop(1),
            begin(
                2,
                json!({"type": "tool_use", "id": "b", "name": "g", "input": {}}),
            ),
            delta(2, json!({"type": "input_json_delta", "partial_json": ""})),
            stop(2),
            begin(
                3,
                json!({"type": "tool_use", "id": "c", "name": "h", "input": {"y": 1}}),
            ),
            stop(3),
        ],
        &[
            ("text", 0, "Calling."),
            ("tool_call", 0, "Some(\"a\") f"),
            ("tool_args", 0, "{\"x\":\"\\n\"}"),
            ("tool_call", 1, "Some(\"b\") g"),
            ("tool_args", 1, "{}"),
            ("tool_call", 2, "Some(\"c\") h"),
            ("tool_args", 2, "{\"y\":1}"),
        ],
    );
}

#[test]
fn blocks_are_told_apart_by_their_index() {
    let args = |json: &str| json!({"type": "input_json_delta", "partial_json": json});
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    check_stream(
        &[
            begin(0, call("a")),
            begin(1, call("b")),
            delta(1, args("{\"n\"")),
            delta(0, args("{")),
            delta(1, args(":1}")),
            delta(0, args("}")),
            stop(0),
            stop(1),
        ],
        &[
            ("tool_call", 0, "Some(\"a\") f"),
            ("tool_call", 1, "Some(\"b\") f"),
            ("tool_args", 1, "{\"n\""),
            ("tool_args", 0, "{"),
            ("tool_args", 1, ":1}"),
            ("tool_args", 0, "}"),
        ],
    );
}

#[test]
fn what_runs_at_the_provider_is_a_part() {
    let result = json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result", "url": "u"}]});
    let citation = json!({"type": "web_search_result_location", "cited_text": "c", "url": "u"});
    check_stream(
        &[
            begin(
                0,
                json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
            ),
            delta(
                0,
                json!({"type": "input_json_delta", "partial_json": "{\"query\""}),
            ),
            delta(
                0,
                json!({"type": "input_json_delta", "partial_json": ": \"q\"}"}),
            ),
            stop(0),
            begin(1, result.clone()),
            stop(1),
            begin(2, json!({"type": "text", "text": "", "citations": []})),
            delta(2, json!({"type": "citations_delta", "citation": citation})),
            delta(2, json!({"type": "text_delta", "text": "It is."})),
            stop(2),
            begin(
                3,
                json!({"type": "mcp_tool_use", "id": "m", "name": "n", "server_name": "x", "input": {"a": 1}}),
            ),
            stop(3),
        ],
        &[
            (
                "server_tool",
                0,
                r#"{"id":"s","input":{"query": "q"},"name":"web_search","type":"server_tool_use"}"#,
            ),
            ("server_tool", 1, &result.to_string()),
            ("citation", 2, &citation.to_string()),
            ("text", 0, "It is."),
            (
                "server_tool",
                3,
                r#"{"id":"m","input":{"a":1},"name":"n","server_name":"x","type":"mcp_tool_use"}"#,
            ),
        ],
    );
}

#[test]
fn a_compacted_conversation_and_a_block_of_a_new_kind_are_parts() {
    let summary = |text: &str| json!({"type": "compaction_delta", "content": text});
    check_stream(
        &[
            begin(0, json!({"type": "compaction", "content": null})),
            delta(0, summary("They \"asked\"\n")),
            delta(0, summary("for a name.")),
            stop(0),
            begin(1, json!({"type": "text", "text": "Ada"})),
            stop(1),
            begin(2, json!({"type": "later", "of": {"a": 1}, "note": "x"})),
            delta(
                2,
                json!({"type": "later_delta", "note": "y", "more": [2], "of": {"a": 2}}),
            ),
            json!({"type": "content_block_delta", "index": 2}),
            stop(2),
        ],
        &[
            (
                "server_tool",
                0,
                r#"{"content":"They \"asked\"\nfor a name.","type":"compaction"}"#,
            ),
            ("text", 0, "Ada"),
            (
                "server_tool",
                2,
                r#"{"note":"xy","of":{"a":2},"type":"later","more":[2]}"#,
            ),
        ],
    );
}

#[test]
fn a_message_may_begin_with_all_that_it_says() {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {"x": 1}});
    let begun = |id: &str| {
        let content = json!([{"type": "text", "text": "On."}, call(id)]);
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "content": content, "stop_reason": "tool_use",
               "usage": {"input_tokens": 0, "output_tokens": 0}}})
    };
    let said = [
        ("text", 0, 0, "On.".to_string()),
        ("tool_call", 0, 0, "Some(\"a\") f".to_string()),
        ("tool_args", 0, 0, r#"{"x":1}"#.to_string()),
    ];
    // Said twice, it counts once.
    for events in [
        vec![begun("a"), json!({"type": "message_stop"})],
        vec![begun("a"), begun("a"), json!({"type": "message_stop"})],
    ] {
        let input = stream(&events);
        let heard = hear_with(&Quirks::PLAIN, "text/event-stream", &[&input]);
        assert_eq!(heard.items, said);
        assert_eq!(heard.finish.as_deref(), Some("tool_use"));
        assert!(!heard.ending.unwrap().incomplete);
    }
    let late = [
        start(),
        begin(0, json!({"type": "text", "text": "Off."})),
        begun("a"),
        stop(0),
    ];
    let heard = hear_with(&Quirks::PLAIN, "text/event-stream", &[&stream(&late)]);
    assert_eq!(heard.items, [("text", 0, 0, "Off.".to_string())]);
}

#[test]
fn a_whole_message_has_them_too() {
    let compaction = json!({"type": "compaction", "content": "They asked."});
    let later = json!({"type": "later", "of": 1});
    let body = json!({"type": "message", "content": [compaction, later, {"no": "type"}], "stop_reason": "end_turn"});
    check(
        body.to_string().as_bytes(),
        "application/json",
        &[
            ("server_tool", 0, &compaction.to_string()),
            ("server_tool", 1, &later.to_string()),
        ],
    );
}

#[test]
fn a_whole_message_says_the_same() {
    let thinking = json!({"signature": "s", "thinking": "hm", "type": "thinking"});
    let call = json!({"id": "a", "input": {"x": [1]}, "name": "f", "type": "tool_use"});
    let content = json!([thinking, {"type": "text", "text": "Hi"}, call, {"type": "tool_use", "id": "b", "name": "g", "input": null}]);
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    // A part is the provider's text with the provider's blanks.
    let indented = |value: &Value| pretty(value).replace('\n', "\n    ");
    check_whole(
        content,
        &[
            ("reasoning", 0, "hm"),
            ("signature", 0, &indented(&thinking)),
            ("text", 0, "Hi"),
            ("tool_call", 0, "Some(\"a\") f"),
            (
                "tool_args",
                0,
                &indented(&call["input"]).replace("\n    ", "\n      "),
            ),
            ("tool_call", 1, "Some(\"b\") g"),
            ("tool_args", 1, "{}"),
        ],
    );
    check_whole(json!([]), &[]);
}

#[test]
fn a_surrogate_pair_cut_between_two_deltas_is_one_character() {
    let text = |text: &str| {
        format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}}"#
        )
    };
    let thought = |text: &str| {
        format!(
            r#"{{"type":"content_block_delta","index":1,"delta":{{"type":"thinking_delta","thinking":"{text}"}}}}"#
        )
    };
    let frames = [
        start().to_string(),
        text("a"),
        text("b\\ud83d"),
        text("\\ude00c\\ud83d"),
        json!({"type": "content_block_stop", "index": 0}).to_string(),
        thought("x"),
        thought("\\ud83d"),
        thought("\\ude00"),
        delta(1, json!({"type": "signature_delta", "signature": "s"})).to_string(),
        json!({"type": "content_block_stop", "index": 1}).to_string(),
        end("end_turn")[0].to_string(),
        end("end_turn")[1].to_string(),
    ];
    // No `event:` lines and no beginnings of blocks: some proxies leave both out.
    let input: String = frames
        .iter()
        .map(|frame| format!("data: {frame}\n\n"))
        .collect();
    check(
        input.as_bytes(),
        "text/event-stream",
        &[
            ("text", 0, "ab😀c\u{fffd}"),
            ("reasoning", 0, "x😀"),
            (
                "signature",
                1,
                r#"{"type":"thinking","thinking":"x\ud83d\ude00","signature":"s"}"#,
            ),
        ],
    );
}

#[test]
fn blocks_whose_index_was_left_out_are_counted() {
    let begin = |data: &str| json!({"type": "content_block_start", "content_block": {"type": "redacted_thinking", "data": data}});
    check_stream(
        &[begin("YQ=="), begin("Yg==")],
        &[
            (
                "redacted",
                0,
                r#"{"data":"YQ==","type":"redacted_thinking"}"#,
            ),
            (
                "redacted",
                1,
                r#"{"data":"Yg==","type":"redacted_thinking"}"#,
            ),
        ],
    );
}
