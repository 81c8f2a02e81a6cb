//! Answers of Gemini's generateContent in our words.
#![cfg(feature = "gemini")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::provider::{Quirks, TerminalMarker};
use libllm_proto::wire::{self, Exchange, Head, Operation};
use libllm_proto::{Batch, ErrorKind, Event, Usage};
use support::{Heard, every_cut};

const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json; charset=UTF-8";

fn head(content_type: &str) -> Head {
    let mut head = Head::new(200);
    let value = content_type.parse().unwrap();
    head.headers.insert("content-type", value);
    head
}

fn hear_in(pieces: &[&[u8]], content_type: &str, stream: bool, quirks: &Quirks) -> Heard {
    let exchange = Exchange {
        stream,
        operation: Operation::Chat,
        quirks,
        packed: false,
        answer_tool: false,
    };
    let wire = wire::find("gemini").unwrap();
    support::hear(wire, &exchange, &head(content_type), pieces, End::Clean)
}

fn hear(content_type: &str, stream: bool, body: &str) -> Heard {
    hear_in(&[body.as_bytes()], content_type, stream, &Quirks::PLAIN)
}

/// Chunks as an event stream.
fn events(chunks: &[&str]) -> String {
    chunks
        .iter()
        .map(|it| format!("data: {it}\r\n\r\n"))
        .collect()
}

/// Chunks as the array that a stream is without `alt=sse`.
fn array(chunks: &[&str]) -> String {
    format!("[{}\n]\n", chunks.join("\n,\r\n"))
}

/// A candidate with these parts, and with this end if there is one.
fn candidate(index: u32, parts: &str, end: &str) -> String {
    let end = match end {
        "" => String::new(),
        end => format!(",\"finishReason\":\"{end}\""),
    };
    format!("{{\"content\":{{\"parts\":[{parts}],\"role\":\"model\"}}{end},\"index\":{index}}}")
}

fn chunk(candidates: &str) -> String {
    format!("{{\"candidates\":[{candidates}]}}")
}

fn items(heard: &Heard) -> Vec<(&str, u32, u32, &str)> {
    let items = heard.items.iter();
    items.map(|it| (it.0, it.1, it.2, it.3.as_str())).collect()
}

/// What is no item: names, usage and ends.
fn facts(body: &str) -> (Vec<String>, Option<Usage>, Vec<(u32, String)>) {
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        packed: false,
        answer_tool: false,
    };
    let wire = wire::find("gemini").unwrap();
    let (limits, now) = (Limits::default(), std::time::SystemTime::UNIX_EPOCH);
    let mut decoder = Decoder::new(wire, &exchange, head(EVENTS), limits, false, now);
    let mut batch = Batch::new();
    decoder.push(body.as_bytes(), &mut batch).unwrap();
    decoder.finish(End::Clean, &mut batch).unwrap();
    let (mut names, mut usage, mut ends) = (Vec::new(), None, Vec::new());
    for (choice, event) in batch.iter() {
        match event {
            Event::Start { id, model } => names.push(format!("{id:?} {model:?}")),
            Event::Usage(said) => usage = Some(said),
            Event::Finish { reason, raw } => ends.push((choice, format!("{reason:?} {raw:?}"))),
            _ => {}
        }
    }
    (names, usage, ends)
}

const SIGNED: &str =
    r#"{"functionCall":{"name":"f","args":{"a": 1.0}},"thoughtSignature":"c2ln\/PT0="}"#;

#[test]
fn a_stream_reads_the_same_in_both_framings_and_however_it_is_cut() {
    let thought = candidate(0, r#"{"text":"Hm \ud83d","thought":true}"#, "");
    let more = candidate(0, r#"{"text":"\ude00.","thought":true},{"text":"Let"}"#, "");
    let calls = format!(
        "{{\"text\":\" me.\"}},{SIGNED},{{\"functionCall\":{{\"name\":\"g\",\"id\":\"x1\"}}}}"
    );
    let chunks = [
        chunk(&thought),
        chunk(&more),
        chunk(&candidate(0, &calls, "STOP")),
        r#"{"usageMetadata":{"promptTokenCount":3,"totalTokenCount":3}}"#.to_owned(),
    ];
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    let expected = [
        ("reasoning", 0, 0, "Hm \u{1f600}."),
        ("text", 0, 0, "Let me."),
        ("tool_call", 0, 0, "None f"),
        ("tool_args", 0, 0, r#"{"a": 1.0}"#),
        ("signature", 0, 4, SIGNED),
        ("tool_call", 0, 1, r#"Some("x1") g"#),
        ("tool_args", 0, 1, "{}"),
    ];
    for (content_type, body) in [(EVENTS, events(&chunks)), (JSON, array(&chunks))] {
        every_cut(body.as_bytes(), |how, pieces| {
            let heard = hear_in(pieces, content_type, true, &Quirks::PLAIN);
            assert_eq!(items(&heard), expected, "{content_type}, {how}");
            assert_eq!(heard.finish.as_deref(), Some("STOP"));
            assert!(!heard.ending.unwrap().incomplete);
        });
    }
}

#[test]
fn a_whole_answer_reads_as_its_stream_does() {
    let parts = format!(r#"{{"text":"Hi"}},{SIGNED}"#);
    let body = chunk(&candidate(0, &parts, "STOP"));
    let whole = hear(JSON, false, &body);
    let stream = hear(EVENTS, true, &events(&[&body]));
    assert_eq!(whole.items, stream.items);
    // A server may answer a wish for a stream with one object.
    assert_eq!(hear(JSON, true, &body).items, stream.items);
    assert_eq!(whole.finish, stream.finish);
    assert!(whole.ending.is_ok());
}

#[test]
fn only_a_reason_for_every_candidate_ends_a_stream() {
    let first = candidate(0, r#"{"text":"a"}"#, "STOP");
    let second = candidate(1, r#"{"text":"b"}"#, "");
    let end = candidate(1, r#"{"text":"c"}"#, "MAX_TOKENS");
    let open = events(&[&chunk(&format!("{first},{second}"))]);
    let heard = hear(EVENTS, true, &open);
    assert_eq!(heard.kind(), Some(ErrorKind::StreamTruncated));
    assert_eq!(heard.items.len(), 2, "what came is kept");
    let closed = format!("{open}{}", events(&[&chunk(&end)]));
    let heard = hear(EVENTS, true, &closed);
    assert!(heard.ending.is_ok());
    assert_eq!(items(&heard)[1], ("text", 1, 0, "bc"));
    let quirks = |terminal_marker| Quirks {
        terminal_marker,
        ..Quirks::PLAIN
    };
    let none = quirks(TerminalMarker::None);
    let heard = hear_in(&[open.as_bytes()], EVENTS, true, &none);
    assert!(heard.ending.unwrap().incomplete);
    let early = quirks(TerminalMarker::FinishReason);
    let more = format!("{closed}data: no json\n\n");
    assert!(
        hear_in(&[more.as_bytes()], EVENTS, true, &early)
            .ending
            .is_ok()
    );
    assert_eq!(
        hear(JSON, true, "[{\"candidates\":[]}").kind(),
        Some(ErrorKind::StreamTruncated)
    );
    assert_eq!(
        hear(JSON, false, "{}").kind(),
        Some(ErrorKind::EmptyResponse)
    );
}

#[test]
fn names_are_said_once_and_the_last_counts_win() {
    let text = candidate(0, r#"{"text":"a"}"#, "STOP");
    let first = format!(
        r#"{{"candidates":[{text}],"modelVersion":"g-1","responseId":"r","usageMetadata":{{"promptTokenCount":7,"totalTokenCount":7}}}}"#
    );
    let last = r#"{"modelVersion":"g-1","responseId":"r","usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"totalTokenCount":12,"thoughtsTokenCount":3}}"#;
    let idle = r#"{"usageMetadata":{"trafficType":"ON_DEMAND"}}"#;
    let (names, usage, ends) = facts(&events(&[&first, last, idle]));
    assert_eq!(names, [r#"Some("r") Some("g-1")"#]);
    let usage = usage.unwrap();
    assert_eq!(
        (
            usage.completion_tokens,
            usage.reasoning_tokens,
            usage.total_tokens
        ),
        (Some(5), Some(3), Some(12))
    );
    assert!(usage.raw.unwrap().contains("thoughtsTokenCount"));
    assert_eq!(ends, [(0, r#"Some(Stop) Some("STOP")"#.to_owned())]);
}

#[test]
fn a_prompt_that_is_refused_is_an_answer_without_a_candidate() {
    let body = r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT","blockReasonMessage":"no"},"usageMetadata":{"promptTokenCount":7}}"#;
    for (content_type, stream, body) in [
        (JSON, false, body.to_owned()),
        (EVENTS, true, events(&[body])),
        (JSON, true, array(&[body])),
    ] {
        let heard = hear(content_type, stream, &body);
        assert_eq!(items(&heard), [("refusal", 0, 0, "no")]);
        assert_eq!(heard.finish.as_deref(), Some("PROHIBITED_CONTENT"));
        assert!(heard.ending.is_ok());
    }
    // Ratings alone refuse nothing.
    let rated = r#"{"promptFeedback":{"safetyRatings":[]}}"#;
    assert_eq!(
        hear(JSON, false, rated).kind(),
        Some(ErrorKind::EmptyResponse)
    );
}

#[test]
fn an_answer_that_is_blocked_behind_its_text_ends_there() {
    let text = chunk(&candidate(0, r#"{"text":"a"}"#, ""));
    let block = r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}"#;
    let heard = hear(EVENTS, true, &events(&[&text, block]));
    assert_eq!(items(&heard), [("text", 0, 0, "a")]);
    assert_eq!(heard.finish.as_deref(), Some("PROHIBITED_CONTENT"));
    assert!(heard.ending.is_ok());
    let (_, _, ends) = facts(&events(&[&text, block]));
    let blocked = r#"Some(ContentFilter) Some("PROHIBITED_CONTENT")"#;
    assert_eq!(ends, [(0, blocked.to_owned())]);
    // Of two, that which had not ended.
    let one = candidate(0, r#"{"text":"a"}"#, "STOP");
    let two = chunk(&format!("{one},{}", candidate(1, r#"{"text":"b"}"#, "")));
    let (_, _, ends) = facts(&events(&[&two, block]));
    assert_eq!(ends.len(), 2);
    assert_eq!(ends[1], (1, blocked.to_owned()));
    // What was whole before stays so.
    let (_, _, ends) = facts(&events(&[&chunk(&one), block]));
    assert_eq!(ends, [(0, r#"Some(Stop) Some("STOP")"#.to_owned())]);
}

#[test]
fn a_name_that_comes_later_is_said_later() {
    let first = r#"{"responseId":"r","modelVersion":"","candidates":[{"index":0,"content":{"parts":[{"text":"a"}]}}]}"#;
    let last = r#"{"responseId":"r","modelVersion":"g-1","candidates":[{"index":0,"finishReason":"STOP"}]}"#;
    let (names, _, _) = facts(&events(&[first, last]));
    assert_eq!(names, [r#"Some("r") None"#, r#"None Some("g-1")"#]);
}

#[test]
fn the_number_of_a_candidate_is_bounded() {
    for number in [128, u32::MAX] {
        let far = chunk(&candidate(number, r#"{"text":"a"}"#, "STOP"));
        let heard = hear(EVENTS, true, &events(&[&far]));
        assert_eq!(heard.kind(), Some(ErrorKind::LimitExceeded), "{number}");
    }
}

#[test]
fn members_that_are_null_are_not_there() {
    let body = r#"{"candidates":[{"content":{"parts":[{"text":"u","inlineData":null,"functionCall":null,"toolCall":null}]},"finishReason":"STOP"}]}"#;
    let heard = hear(JSON, false, body);
    assert_eq!(heard.text(), "u");
    assert_eq!(heard.items.len(), 1);
    assert!(heard.ending.is_ok());
}

#[test]
fn what_is_no_text_is_kept_byte_for_byte() {
    let parts = [
        r#"{"inlineData":{"mimeType":"image/png","data":"aGk="},"thoughtSignature":"s"}"#,
        r#"{"inlineData":{"mimeType":"audio/L16;rate=24000","data":"aGk="}}"#,
        r#"{"executableCode":{"language":"PYTHON","code":"1"}}"#,
        r#"{"codeExecutionResult":{"outcome":"OUTCOME_OK"}}"#,
        r#"{"text":"","thoughtSignature":"s"}"#,
        r#"{"text":"t","thought":true,"thoughtSignature":"s"}"#,
    ];
    let body = format!(
        r#"{{"candidates":[{{"content":{{"parts":[{}]}},"finishReason":"STOP","groundingMetadata":{{"webSearchQueries":["q"]}},"citationMetadata":{{}}}}]}}"#,
        parts.join(",")
    );
    let heard = hear(JSON, false, &body);
    let expected = [
        ("image", 0, 0, parts[0]),
        ("audio", 0, 1, parts[1]),
        ("server_tool", 0, 2, parts[2]),
        ("server_tool", 0, 3, parts[3]),
        ("signature", 0, 4, parts[4]),
        ("reasoning", 0, 0, "t"),
        ("signature", 0, 5, parts[5]),
        ("citation", 0, 6, r#"{"webSearchQueries":["q"]}"#),
    ];
    assert_eq!(items(&heard), expected);
}

#[test]
fn an_error_inside_a_stream_ends_it_whatever_its_shape() {
    let text = chunk(&candidate(0, r#"{"text":"a"}"#, ""));
    let error =
        r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
    for (content_type, body) in [
        (EVENTS, events(&[&text, error])),
        (EVENTS, events(&[&text, &format!("[{error}]")])),
        (JSON, array(&[&text, error])),
    ] {
        let heard = hear(content_type, true, &body);
        assert_eq!(heard.text(), "a");
        let error = heard.ending.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.message(), "The model is overloaded.");
    }
}

#[test]
fn what_nobody_knows_is_counted_and_skipped() {
    let parts = r#"{"novel":1},{"functionCall":{}},{},5,{"text":"a"}"#;
    let body = events(&[
        "[]",
        "7",
        r#"{"novel":true}"#,
        &chunk(&candidate(0, parts, "STOP")),
    ]);
    let heard = hear(EVENTS, true, &body);
    assert_eq!(items(&heard), [("text", 0, 0, "a")]);
    assert_eq!(heard.ending.unwrap().skipped, 7);
}

#[test]
fn a_call_that_nothing_closed_is_whole_when_the_model_stopped() {
    let begun = r#"{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$.a","stringValue":"x","willContinue":true}],"willContinue":true},"thoughtSignature":"c2ln"}"#;
    let part = r#"{"functionCall":{"name":"f","args":{"a":"x"}},"thoughtSignature":"c2ln"}"#;
    for (end, arguments, more) in [
        ("STOP", r#"{"a":"x"}"#, vec![("signature", 0, 0, part)]),
        // It was cut off, and says so.
        ("MAX_TOKENS", r#"{"a":"x"#, vec![]),
    ] {
        let chunks = [
            chunk(&candidate(0, begun, "")),
            format!(r#"{{"candidates":[{{"finishReason":"{end}","index":0}}]}}"#),
        ];
        let body = events(&[&chunks[0], &chunks[1]]);
        let mut expected = vec![
            ("tool_call", 0, 0, "None f"),
            ("tool_args", 0, 0, arguments),
        ];
        expected.extend(more);
        let heard = hear(EVENTS, true, &body);
        assert_eq!(items(&heard), expected, "{end}");
        assert_eq!(heard.finish.as_deref(), Some(end));
        let (_, _, ends) = facts(&body);
        let reason = match end {
            "STOP" => "ToolCalls",
            _ => "Length",
        };
        assert_eq!(ends, [(0, format!("Some({reason}) Some({end:?})"))]);
    }
}

#[test]
fn arguments_that_come_in_pieces_are_one_object_and_signed_as_one() {
    let call = |json: &str| chunk(&candidate(0, &format!("{{\"functionCall\":{json}}}"), ""));
    let signed =
        r#"{"functionCall":{"name":"f","id":"c1","willContinue":true},"thoughtSignature":"c2ln"}"#;
    let piece = |path: &str, said: &str| {
        call(&format!(
            r#"{{"partialArgs":[{{"jsonPath":"{path}",{said}}}],"willContinue":true}}"#
        ))
    };
    let chunks = [
        chunk(&candidate(0, r#"{"text":"Let me."}"#, "")),
        chunk(&candidate(0, signed, "")),
        piece(
            "$.city",
            r#""stringValue":"New \ud83d","willContinue":true"#,
        ),
        piece(
            "$.city",
            r#""stringValue":"\ude00 York","willContinue":true"#,
        ),
        piece("$.city", r#""stringValue":"""#),
        piece("$.days[0].n", r#""numberValue":1.50"#),
        piece("$.days[1].n", r#""nullValue":"NULL_VALUE""#),
        call("{}"),
        call(r#"{"name":"g","partialArgs":[{"jsonPath":"$.b","boolValue":true}]}"#),
        chunk(&candidate(
            0,
            r#"{"functionCall":{"name":"h","args":{}}}"#,
            "STOP",
        )),
    ];
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    let args = r#"{"city":"New \ud83d\ude00 York","days":[{"n":1.50},{"n":null}]}"#;
    let part = format!(
        r#"{{"functionCall":{{"name":"f","args":{args},"id":"c1"}},"thoughtSignature":"c2ln"}}"#
    );
    let expected = [
        ("text", 0, 0, "Let me."),
        ("tool_call", 0, 0, r#"Some("c1") f"#),
        ("tool_args", 0, 0, args),
        ("signature", 0, 1, part.as_str()),
        ("tool_call", 0, 1, "None g"),
        ("tool_args", 0, 1, r#"{"b":true}"#),
        ("tool_call", 0, 2, "None h"),
        ("tool_args", 0, 2, "{}"),
    ];
    let whole = events(&chunks);
    every_cut(whole.as_bytes(), |how, pieces| {
        let heard = hear_in(pieces, EVENTS, true, &Quirks::PLAIN);
        assert_eq!(items(&heard), expected, "{how}");
        assert!(heard.ending.is_ok(), "{how}");
    });
    // What was cut off is not made to look as if it had ended.
    let cut = [chunks[1], chunks[2], END];
    let heard = hear(EVENTS, true, &events(&cut));
    assert_eq!(items(&heard)[1].3, r#"{"city":"New \ud83d"#);
}

const END: &str = r#"{"candidates":[{"finishReason":"MAX_TOKENS","index":0}]}"#;
