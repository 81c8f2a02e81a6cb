//! Answers of Cohere's chat, versions 2 and 1, in our words.
#![cfg(feature = "cohere")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::provider::{Quirks, TerminalMarker};
use libllm_proto::wire::{self, Exchange, Head, Operation};
use libllm_proto::{Batch, ErrorKind, Event, Usage};
use serde_json::Value;
use support::{Heard, every_cut};

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
    let pushed = decoder.push(body.as_bytes(), &mut batch);
    let _ = pushed.and_then(|_| decoder.finish(End::Clean, &mut batch));
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
fn half_a_character_is_told_when_its_text_ends() {
    let body = events(
        &[
            r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi\ud83d"}}}}"#,
            r#"{"type":"content-end","index":0}"#,
            r#"{"type":"content-start","index":1,"delta":{"message":{"content":{"type":"thinking","thinking":"so"}}}}"#,
            r#"{"type":"content-end","index":1}"#,
        ],
        r#"{"finish_reason":"COMPLETE"}"#,
    );
    let heard = hear("cohere", EVENTS, &body);
    let expected = [("text", 0, "Hi\u{fffd}"), ("reasoning", 0, "so")];
    assert_eq!(items(&heard), expected);
    assert_eq!(heard.ending.unwrap().skipped, 0);
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
    // Of an answer that breaks off or fails, the number of what is generated is all there is.
    for last in ["", r#"{"message":"too late"}"#] {
        let cut = format!("{}\n{}\n{last}\n", lines[0], lines[2]);
        assert!(hear("cohere_v1", LINES, &cut).ending.is_err());
        let (id, ..) = facts("cohere_v1", LINES, &cut);
        assert_eq!(id.as_deref(), Some("g"), "{last}");
    }
    // Where the connection is lost nothing more is read, and the number is said all the same.
    let quirks = Quirks::default();
    let wire = wire::find("cohere_v1").unwrap();
    let mut decoder = Decoder::new(
        wire,
        &exchange(&quirks),
        head(LINES),
        Limits::default(),
        false,
        std::time::SystemTime::UNIX_EPOCH,
    );
    let (mut batch, mut ids) = (Batch::new(), Vec::new());
    decoder.push(lines[0].as_bytes(), &mut batch).unwrap();
    decoder.push(b"\n", &mut batch).unwrap();
    let lost = decoder
        .finish(End::Lost("reset".to_owned()), &mut batch)
        .unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::ConnectionLost);
    for (_, event) in batch.iter() {
        if let Event::Start { id, .. } = event {
            ids.extend(id.map(str::to_owned));
        }
    }
    assert_eq!(ids, ["g"]);
    // The same as events, for those who asked for them.
    let sse: String = body
        .lines()
        .map(|line| format!("data: {line}\n\n"))
        .collect();
    assert_eq!(hear("cohere_v1", EVENTS, &sse).text(), "Hi there");
}

#[test]
fn another_number_is_another_call_of_version_1() {
    let piece = |index: u32, text: &str| {
        format!(
            "{{\"event_type\":\"tool-calls-chunk\",\"tool_call_delta\":{{\"index\":{index},\"parameters\":\"{text}\"}}}}\n"
        )
    };
    let body = [piece(0, "{"), piece(0, "}"), piece(1, "[]")].concat();
    let heard = hear("cohere_v1", LINES, &body);
    let mut arguments = items(&heard);
    arguments.retain(|(kind, _, _)| *kind == "tool_args");
    let expected = [("tool_args", 0, "{}"), ("tool_args", 1, "[]")];
    assert_eq!(arguments, expected);
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
