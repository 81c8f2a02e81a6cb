//! Answers of Bedrock, of Converse and of InvokeModel, in our words.
#![cfg(feature = "bedrock")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::provider::{Quirks, TerminalMarker};
use libllm_proto::wire::{self, Exchange, Head, Operation};
use libllm_proto::{Batch, ErrorKind, Event, Usage};
use support::aws::{chunks, event, events, exception};
use support::{Heard, every_cut};

const EVENTS: &str = "application/vnd.amazon.eventstream";
const JSON: &str = "application/json";

fn head(content_type: &str) -> Head {
    let mut head = Head::new(200);
    let value = content_type.parse().unwrap();
    head.headers.insert("content-type", value);
    head
}

fn exchange(stream: bool, quirks: &Quirks) -> Exchange<'_> {
    Exchange {
        stream,
        operation: Operation::Chat,
        quirks,
        packed: false,
        answer_tool: false,
    }
}

fn hear_with(wire: &str, quirks: &Quirks, pieces: &[&[u8]]) -> Heard {
    let wire = wire::find(wire).unwrap();
    support::hear(
        wire,
        &exchange(true, quirks),
        &head(EVENTS),
        pieces,
        End::Clean,
    )
}

fn hear(wire: &str, stream: &[u8]) -> Heard {
    hear_with(wire, &Quirks::PLAIN, &[stream])
}

fn hear_whole(wire: &str, body: &str) -> Heard {
    let wire = wire::find(wire).unwrap();
    let exchange = exchange(false, &Quirks::PLAIN);
    support::hear(wire, &exchange, &head(JSON), &[body.as_bytes()], End::Clean)
}

/// What was counted, and how it ended in our words.
fn facts(wire: &str, head: Head, body: &[u8]) -> (Option<Usage>, Option<String>) {
    let stream = head.content_type() == EVENTS;
    let quirks = Quirks::PLAIN;
    let (limits, now) = (Limits::default(), std::time::SystemTime::UNIX_EPOCH);
    let wire = wire::find(wire).unwrap();
    let mut decoder = Decoder::new(wire, &exchange(stream, &quirks), head, limits, false, now);
    let mut batch = Batch::new();
    decoder.push(body, &mut batch).unwrap();
    decoder.finish(End::Clean, &mut batch).unwrap();
    let (mut usage, mut end) = (None, None);
    for (_, event) in batch.iter() {
        match event {
            Event::Usage(said) => usage = Some(said),
            Event::Finish { reason, raw } => end = Some(format!("{reason:?} {raw:?}")),
            _ => {}
        }
    }
    (usage, end)
}

fn items(heard: &Heard) -> Vec<(&str, u32, &str)> {
    let items = heard.items.iter();
    items.map(|it| (it.0, it.2, it.3.as_str())).collect()
}

const STREAM: &[(&str, &str)] = &[
    ("messageStart", r#"{"p":"a","role":"assistant"}"#),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"Hm\ud83d"}}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"\ude00"}}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"c2\/ln"}}}"#,
    ),
    ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":1,"delta":{"citation":{"title":"t"}}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":1,"delta":{"text":"Let "}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":1,"delta":{"text":"me"}}"#,
    ),
    ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
    (
        "contentBlockStart",
        r#"{"contentBlockIndex":2,"start":{"toolUse":{"name":"f","toolUseId":"t_1"}}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":2,"delta":{"toolUse":{"input":""}}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a\":"}}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":2,"delta":{"toolUse":{"input":"1}"}}}"#,
    ),
    ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
    (
        "contentBlockStart",
        r#"{"contentBlockIndex":3,"start":{"toolUse":{"name":"g","toolUseId":"t_2"}}}"#,
    ),
    ("contentBlockStop", r#"{"contentBlockIndex":3}"#),
    (
        "contentBlockStart",
        r#"{"contentBlockIndex":4,"start":{"toolUse":{"name":"h","toolUseId":"t_3"}}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":4,"delta":{"toolUse":{"input":"{\"b\":2}"}}}"#,
    ),
    ("contentBlockStop", r#"{"contentBlockIndex":4}"#),
    ("messageStop", r#"{"stopReason":"tool_use"}"#),
    (
        "metadata",
        r#"{"metrics":{"latencyMs":1},"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}"#,
    ),
];

#[test]
fn a_stream_reads_the_same_however_it_is_cut() {
    let expected = [
        ("reasoning", 0, "Hm\u{1f600}"),
        (
            "signature",
            0,
            r#"{"reasoningContent":{"reasoningText":{"text":"Hm\ud83d\ude00","signature":"c2\/ln"}}}"#,
        ),
        ("citation", 1, r#"{"title":"t"}"#),
        ("text", 0, "Let me"),
        ("tool_call", 0, r#"Some("t_1") f"#),
        ("tool_args", 0, r#"{"a":1}"#),
        ("tool_call", 1, r#"Some("t_2") g"#),
        ("tool_args", 1, "{}"),
        ("tool_call", 2, r#"Some("t_3") h"#),
        ("tool_args", 2, r#"{"b":2}"#),
    ];
    let stream = events(STREAM);
    every_cut(&stream, |how, pieces| {
        let heard = hear_with("bedrock_converse", &Quirks::PLAIN, pieces);
        assert_eq!(items(&heard), expected, "{how}");
        assert_eq!(heard.finish.as_deref(), Some("tool_use"));
        assert!(!heard.ending.unwrap().incomplete);
    });
    // The same events in the body of Amazon's own models.
    let pieces: Vec<String> = STREAM
        .iter()
        .map(|(name, json)| format!("{{\"{name}\":{json}}}"))
        .collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    assert_eq!(items(&hear("bedrock_invoke", &chunks(&pieces))), expected);
    let (usage, end) = facts("bedrock_converse", head(EVENTS), &stream);
    assert_eq!(usage.unwrap().total_tokens, Some(5));
    assert_eq!(end.unwrap(), r#"Some(ToolCalls) Some("tool_use")"#);
}

#[test]
fn a_whole_answer_holds_every_kind_of_block() {
    let blocks = [
        r#"{"reasoningContent":{"reasoningText":{"text":"Hm","signature":"s"}}}"#,
        r#"{"reasoningContent":{"redactedContent":"AAA="}}"#,
        r#"{"text":"a"}"#,
        r#"{"citationsContent":{"content":[{"text":"b"},{"text":"c"}],"citations":[{"title":"t"}]}}"#,
        r#"{"toolUse":{"toolUseId":"t","name":"f","input":{"a": 1.0}}}"#,
        r#"{"toolUse":{"toolUseId":"u","name":"web","input":{},"type":"server_tool_use"}}"#,
        r#"{"toolResult":{"toolUseId":"u","content":[]}}"#,
        r#"{"image":{"format":"png","source":{"bytes":"aGk="}}}"#,
        r#"{"novel":1}"#,
    ];
    let body = format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{}]}}}},"stopReason":"guardrail_intervened","usage":{{"inputTokens":1,"outputTokens":1,"totalTokens":2}}}}"#,
        blocks.join(",")
    );
    let expected = [
        ("reasoning", 0, "Hm"),
        ("signature", 0, blocks[0]),
        ("redacted", 1, blocks[1]),
        ("text", 0, "abc"),
        ("citation", 3, r#"{"title":"t"}"#),
        ("tool_call", 0, r#"Some("t") f"#),
        ("tool_args", 0, r#"{"a": 1.0}"#),
        ("server_tool", 5, blocks[5]),
        ("server_tool", 6, blocks[6]),
        ("image", 7, blocks[7]),
    ];
    for wire in ["bedrock_converse", "bedrock_invoke"] {
        let heard = hear_whole(wire, &body);
        assert_eq!(items(&heard), expected, "{wire}");
        assert_eq!(heard.ending.unwrap().skipped, 1);
    }
    let (_, end) = facts("bedrock_converse", head(JSON), body.as_bytes());
    assert_eq!(
        end.unwrap(),
        r#"Some(ContentFilter) Some("guardrail_intervened")"#
    );
    assert_eq!(
        hear_whole("bedrock_converse", "{}").kind(),
        Some(ErrorKind::EmptyResponse)
    );
}

#[test]
fn tools_of_the_providers_side_and_pictures_are_put_together() {
    let stream = events(&[
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":0,"start":{"toolUse":{"name":"web","toolUseId":"u","type":"server_tool_use"}}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"q\":"}}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"1}"}}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":1,"start":{"toolResult":{"toolUseId":"u"}}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"toolResult":[{"text":"a"}]}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"toolResult":[{"text":"b"}]}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":2,"start":{"image":{"format":"png"}}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":2,"delta":{"image":{"source":{"bytes":"aGk="}}}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":3,"delta":{"reasoningContent":{"redactedContent":"AA"}}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":3,"delta":{"reasoningContent":{"redactedContent":"AA"}}}"#,
        ),
        ("messageStop", r#"{"stopReason":"end_turn"}"#),
    ]);
    let heard = hear("bedrock_converse", &stream);
    let expected = [
        (
            "server_tool",
            0,
            r#"{"toolUse":{"name":"web","toolUseId":"u","type":"server_tool_use","input":{"q":1}}}"#,
        ),
        (
            "server_tool",
            1,
            r#"{"toolResult":{"toolUseId":"u","content":[{"text":"a"},{"text":"b"}]}}"#,
        ),
        (
            "image",
            2,
            r#"{"image":{"format":"png","source":{"bytes":"aGk="}}}"#,
        ),
        (
            "redacted",
            3,
            r#"{"reasoningContent":{"redactedContent":"AAAA"}}"#,
        ),
    ];
    assert_eq!(items(&heard), expected);
    assert!(heard.ending.is_ok(), "counts may be missing");
}

#[test]
fn only_message_stop_ends_a_stream() {
    let whole = events(STREAM);
    let cut = events(&STREAM[..STREAM.len() - 2]);
    let heard = hear("bedrock_converse", &cut);
    assert_eq!(heard.kind(), Some(ErrorKind::StreamTruncated));
    assert!(!heard.items.is_empty(), "what came is kept");
    let inside = hear("bedrock_converse", &whole[..whole.len() - 1]);
    assert_eq!(inside.kind(), Some(ErrorKind::StreamTruncated));
    let quirks = Quirks {
        terminal_marker: TerminalMarker::None,
        ..Quirks::PLAIN
    };
    let heard = hear_with("bedrock_converse", &quirks, &[&cut]);
    assert!(heard.ending.unwrap().incomplete);
}

#[test]
fn exceptions_end_a_stream_with_what_they_say() {
    for (name, kind) in [
        ("throttlingException", ErrorKind::RateLimited),
        ("serviceUnavailableException", ErrorKind::Unavailable),
        ("validationException", ErrorKind::InvalidRequest),
        ("modelStreamErrorException", ErrorKind::ProviderError),
        ("internalServerException", ErrorKind::ProviderError),
    ] {
        let mut stream = events(&STREAM[5..8]);
        stream.extend(exception(
            name,
            r#"{"message":"slow down","originalStatusCode":1}"#,
        ));
        let error = hear("bedrock_converse", &stream).ending.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}");
        assert_eq!(error.message(), "slow down");
        let mut stream = chunks(&[r#"{"outputText":"a","index":0}"#]);
        stream.extend(exception(name, r#"{"message":"slow down"}"#));
        let heard = hear("bedrock_invoke", &stream);
        assert_eq!(
            (heard.text().as_str(), heard.kind()),
            ("a", Some(kind)),
            "{name}"
        );
    }
}

#[test]
fn a_refusals_type_stands_in_a_header_or_in_the_body() {
    let wire = wire::find("bedrock_converse").unwrap();
    let (quirks, now) = (Quirks::PLAIN, std::time::SystemTime::UNIX_EPOCH);
    let mut head = Head::new(400);
    let name = "x-amzn-errortype";
    let value = "ServiceQuotaExceededException:http://internal.amazon.com/coral/";
    head.headers.insert(name, value.parse().unwrap());
    let exchange = exchange(true, &quirks);
    let error = wire.error(&exchange, &head, br#"{"Message":"too much"}"#, now);
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Quota, "too much")
    );
    assert_eq!(error.provider_type(), Some("ServiceQuotaExceededException"));
    let body =
        br#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"no\n"}"#;
    let error = wire.error(&exchange, &Head::new(403), body, now);
    assert_eq!((error.kind(), error.message()), (ErrorKind::Auth, "no\n"));
    assert_eq!(error.provider_type(), Some("UnrecognizedClientException"));
}

const METRICS: &str = r#""amazon-bedrock-invocationMetrics":{"inputTokenCount":7,"outputTokenCount":9,"invocationLatency":1}"#;

#[test]
fn texts_in_pieces_are_read_whoever_writes_them() {
    let streams: [(&[String], &str, (u64, u64)); 5] = [
        (
            &[
                r#"{"outputText":"Hi \ud83d","index":0.0,"inputTextTokenCount":3.0}"#.into(),
                r#"{"outputText":"\ude00","index":0.0,"totalOutputTextTokenCount":2.0,"completionReason":"FINISH"}"#.into(),
            ],
            r#"Some(Stop) Some("FINISH")"#,
            (3, 2),
        ),
        (
            &[
                r#"{"generation":"Hi ","prompt_token_count":3,"generation_token_count":1,"stop_reason":null}"#.into(),
                r#"{"generation":"😀","prompt_token_count":null,"generation_token_count":2,"stop_reason":"length"}"#.into(),
            ],
            r#"Some(Length) Some("length")"#,
            (3, 2),
        ),
        (
            &[
                r#"{"outputs":[{"text":"Hi ","stop_reason":null}]}"#.into(),
                format!(r#"{{"outputs":[{{"text":"😀","stop_reason":"stop"}}],{METRICS}}}"#),
            ],
            r#"Some(Stop) Some("stop")"#,
            (7, 9),
        ),
        (
            &[
                r#"{"text":"Hi ","is_finished":false}"#.into(),
                format!(r#"{{"text":"😀","is_finished":true,"finish_reason":"COMPLETE",{METRICS}}}"#),
            ],
            r#"Some(Stop) Some("COMPLETE")"#,
            (7, 9),
        ),
        (
            &[
                r#"{"choices":[{"text":"Hi ","stop_reason":null}]}"#.into(),
                format!(r#"{{"choices":[{{"text":"😀","stop_reason":"stop"}}],{METRICS}}}"#),
            ],
            r#"Some(Stop) Some("stop")"#,
            (7, 9),
        ),
    ];
    for (pieces, end, counts) in streams {
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let stream = chunks(&pieces);
        every_cut(&stream, |how, cut| {
            let heard = hear_with("bedrock_invoke", &Quirks::PLAIN, cut);
            assert_eq!(
                items(&heard),
                [("text", 0, "Hi 😀")],
                "{how}: {}",
                pieces[0]
            );
            assert!(heard.ending.is_ok());
        });
        let (usage, said) = facts("bedrock_invoke", head(EVENTS), &stream);
        let usage = usage.unwrap();
        let told = (
            usage.prompt_tokens.unwrap(),
            usage.completion_tokens.unwrap(),
        );
        assert_eq!((said.as_deref(), told), (Some(end), counts));
        let cut = hear("bedrock_invoke", &chunks(&pieces[..1]));
        assert_eq!(cut.kind(), Some(ErrorKind::StreamTruncated));
    }
}

#[test]
fn texts_that_come_whole_are_read_whoever_writes_them() {
    for (body, end) in [
        (
            r#"{"inputTextTokenCount":3,"results":[{"tokenCount":2,"outputText":"Hi","completionReason":"LENGTH"}]}"#,
            r#"Some(Length) Some("LENGTH")"#,
        ),
        (
            r#"{"generation":"Hi","prompt_token_count":3,"generation_token_count":2,"stop_reason":"stop"}"#,
            r#"Some(Stop) Some("stop")"#,
        ),
        (
            r#"{"outputs":[{"text":"Hi","stop_reason":"length"}]}"#,
            r#"Some(Length) Some("length")"#,
        ),
        (
            r#"{"generations":[{"finish_reason":"ERROR_TOXIC","id":"x","text":"Hi"}],"id":"y","prompt":"p"}"#,
            r#"Some(ContentFilter) Some("ERROR_TOXIC")"#,
        ),
    ] {
        let heard = hear_whole("bedrock_invoke", body);
        assert_eq!(items(&heard), [("text", 0, "Hi")], "{body}");
        // What the body does not count stands in the head.
        let mut head = head(JSON);
        for (name, count) in [("input", "3"), ("output", "2")] {
            let name = format!("x-amzn-bedrock-{name}-token-count");
            let name = http::HeaderName::try_from(name).unwrap();
            head.headers.insert(name, count.parse().unwrap());
        }
        let (usage, said) = facts("bedrock_invoke", head, body.as_bytes());
        let usage = usage.unwrap();
        let counts = (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.total_tokens,
        );
        assert_eq!(counts, (Some(3), Some(2), Some(5)), "{body}");
        assert_eq!(said.as_deref(), Some(end));
    }
}

/// What an answer says of its id and its model, each time that it does.
fn names(head: Head, body: &[u8]) -> Vec<String> {
    let quirks = Quirks::PLAIN;
    let stream = head.content_type() == EVENTS;
    let (limits, now) = (Limits::default(), std::time::SystemTime::UNIX_EPOCH);
    let wire = wire::find("bedrock_invoke").unwrap();
    let mut decoder = Decoder::new(wire, &exchange(stream, &quirks), head, limits, false, now);
    let mut batch = Batch::new();
    decoder.push(body, &mut batch).unwrap();
    decoder.finish(End::Clean, &mut batch).unwrap();
    let names = batch.iter().filter_map(|(_, event)| match event {
        Event::Start { id, model } => Some(format!("{id:?} {model:?}")),
        _ => None,
    });
    names.collect()
}

#[test]
fn claudes_text_completions_are_read() {
    let whole = r#"{"type":"completion","completion":" Hi","stop_reason":"stop_sequence","stop":"\n\nHuman:"}"#;
    let old = r#"{"completion":" Hi","stop_reason":"max_tokens"}"#;
    for (body, end) in [(whole, "stop_sequence"), (old, "max_tokens")] {
        let heard = hear_whole("bedrock_invoke", body);
        assert_eq!(items(&heard), [("text", 0, " Hi")], "{body}");
        assert_eq!(heard.finish.as_deref(), Some(end));
        assert!(heard.ending.is_ok());
        assert_eq!(names(head(JSON), body.as_bytes()), [""; 0]);
    }
    let pieces = [
        r#"{"type":"completion","id":"compl_1","completion":" H","stop_reason":null,"model":"claude-2.1"}"#,
        r#"{"type":"completion","id":"compl_1","completion":"i","stop_reason":null,"model":"claude-2.1"}"#,
        r#"{"type":"completion","id":"compl_1","completion":"","stop_reason":"stop_sequence","model":"claude-2.1"}"#,
    ];
    let stream = chunks(&pieces);
    every_cut(&stream, |how, cut| {
        let heard = hear_with("bedrock_invoke", &Quirks::PLAIN, cut);
        assert_eq!(items(&heard), [("text", 0, " Hi")], "{how}");
        assert_eq!(heard.finish.as_deref(), Some("stop_sequence"));
    });
    let said = names(head(EVENTS), &stream);
    assert_eq!(said, [r#"Some("compl_1") Some("claude-2.1")"#]);
    let cut = hear("bedrock_invoke", &chunks(&pieces[..2]));
    assert_eq!(cut.kind(), Some(ErrorKind::StreamTruncated));
}

#[test]
fn texts_say_their_id_and_their_model_where_they_have_one() {
    for (body, expected) in [
        (
            r#"{"generations":[{"finish_reason":"COMPLETE","id":"x","text":"Hi"}],"id":"y","prompt":"p"}"#,
            r#"Some("y") None"#,
        ),
        (
            r#"{"id":"c","model":"m","object":"text_completion","choices":[{"index":0,"text":"Hi","finish_reason":"stop"}]}"#,
            r#"Some("c") Some("m")"#,
        ),
    ] {
        assert_eq!(names(head(JSON), body.as_bytes()), [expected]);
    }
    // What comes later is said later.
    let pieces = [
        r#"{"model":"m","choices":[{"index":0,"text":"Hi"}]}"#,
        r#"{"id":"c","model":"m","choices":[{"index":0,"text":"","finish_reason":"stop"}]}"#,
    ];
    let said = names(head(EVENTS), &chunks(&pieces));
    assert_eq!(said, [r#"None Some("m")"#, r#"Some("c") None"#]);
}

#[test]
#[cfg(all(feature = "anthropic", feature = "cohere", feature = "openai"))]
fn other_wires_bodies_are_carried() {
    let anthropic = [
        r#"{"type":"message_start","message":{"id":"m","model":"c","usage":{"input_tokens":1,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#,
    ];
    let end = format!(r#"{{"type":"message_stop",{METRICS}}}"#);
    let mut pieces = anthropic.to_vec();
    let cut = hear("bedrock_invoke", &chunks(&pieces));
    assert_eq!(cut.kind(), Some(ErrorKind::StreamTruncated));
    pieces.push(&end);
    let stream = chunks(&pieces);
    assert_eq!(items(&hear("bedrock_invoke", &stream)), [("text", 0, "Hi")]);
    let usage = facts("bedrock_invoke", head(EVENTS), &stream).0.unwrap();
    assert_eq!(
        usage.prompt_tokens,
        Some(1),
        "the body's own counts go first"
    );
    let cohere = [
        r#"{"is_finished":false,"event_type":"text-generation","text":"Hi"}"#,
        r#"{"is_finished":true,"event_type":"stream-end","finish_reason":"COMPLETE"}"#,
    ];
    let heard = hear("bedrock_invoke", &chunks(&cohere));
    assert_eq!(items(&heard), [("text", 0, "Hi")]);
    assert!(heard.ending.is_ok());
    let mistral = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi","tool_calls":[{"id":"t","function":{"name":"f","arguments":"{}"}}]},"stop_reason":"tool_calls"}]}"#;
    let heard = hear_whole("bedrock_invoke", mistral);
    assert_eq!(heard.finish.as_deref(), Some("tool_calls"));
    assert_eq!(items(&heard)[1], ("tool_call", 0, r#"Some("t") f"#));
}

#[test]
fn a_piece_that_is_no_base64_is_no_answer() {
    let stream = event("chunk", r#"{"bytes":"a*"}"#);
    assert_eq!(
        hear("bedrock_invoke", &stream).kind(),
        Some(ErrorKind::Protocol)
    );
    let odd = [event("novel", r#"{"a":1}"#), chunks(&["[]", r#"{"a":1}"#])].concat();
    let heard = hear("bedrock_invoke", &odd);
    assert_eq!(heard.kind(), Some(ErrorKind::StreamTruncated));
    assert_eq!(
        hear_whole("bedrock_invoke", "{}").kind(),
        Some(ErrorKind::EmptyResponse)
    );
}
