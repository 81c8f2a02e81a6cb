//! Streams cut short at every byte: what was heard is a prefix of what the whole says, and nothing is finished before the
//! format's terminal marker.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::ErrorKind;
use libllm_proto::decoder::End;
use libllm_proto::provider::Quirks;
use libllm_proto::wire::{Exchange, Operation, Wire};
use support::{Heard, bytes, cases, hear, other_wires, stream_head, vectors, wires};

/// A stream with everything in it: a name for it, its dialect, its bytes.
fn rich() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let chat = r#"data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}

: waiting

data: {"choices":[{"index":0,"delta":{"reasoning_content":"let me é\u00e9"}}]}

data: {"choices":[{"index":0,"delta":{"content":"Hi \ud83d"}},{"index":1,"delta":{"content":"other"}}]}

data: {"choices":[{"index":0,"delta":{"content":"\ude00 there"}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"f","arguments":""}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}},{"index":1,"id":"t2","function":{"name":"g","arguments":"{}"}}]}}]}

data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}

data: [DONE]

"#;
    let messages = r#"event: message_start
data: {"type":"message_start","message":{"id":"m1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":3,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"let me é\u00e9"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: ping
data: {"type": "ping"}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi \ud83d"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"\ude00 there"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":9}}

event: message_stop
data: {"type":"message_stop"}

"#;
    let cohere = r#"event: message-start
data: {"id":"c1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}

event: tool-plan-delta
data: {"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will \ud83d"}}}

event: tool-plan-delta
data: {"type":"tool-plan-delta","delta":{"message":{"tool_plan":"\ude00."}}}

event: content-start
data: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}

event: content-delta
data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"let me é\u00e9"}}}}

event: content-end
data: {"type":"content-end","index":0}

event: content-start
data: {"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":""}}}}

event: content-delta
data: {"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"Hi \ud83d"}}}}

event: content-delta
data: {"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"\ude00 there"}}}}

event: citation-start
data: {"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":2,"text":"Hi","sources":[]}}}}

event: citation-end
data: {"type":"citation-end","index":0}

event: content-end
data: {"type":"content-end","index":1}

event: tool-call-start
data: {"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"t1","type":"function","function":{"name":"f","arguments":""}}}}}

event: tool-call-delta
data: {"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"a\":"}}}}}

event: tool-call-delta
data: {"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"1}"}}}}}

event: tool-call-end
data: {"type":"tool-call-end","index":0}

event: message-end
data: {"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"tokens":{"input_tokens":1,"output_tokens":2}}}}

data: [DONE]

"#;
    let lines = r#"{"is_finished":false,"event_type":"stream-start","generation_id":"g"}
{"is_finished":false,"event_type":"text-generation","text":"Hi \ud83d"}
{"is_finished":false,"event_type":"text-generation","text":"\ude00 there"}
{"is_finished":false,"event_type":"citation-generation","citations":[{"start":0,"end":2,"text":"Hi","document_ids":["d"]}]}

{"is_finished":false,"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"name":"f"}}
{"is_finished":false,"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"parameters":"{\"a\":"}}
{"is_finished":false,"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"parameters":"1}"}}
{"is_finished":false,"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":{"a":1}}]}
{"is_finished":true,"event_type":"stream-end","response":{"response_id":"r","text":"Hi there","tool_calls":[{"name":"f","parameters":{"a":1}}],"meta":{"tokens":{"input_tokens":1,"output_tokens":2}}},"finish_reason":"COMPLETE"}
"#;
    let ollama = r#"{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"","thinking":"let me é\u00e9"},"done":false}
{"model":"m","created_at":"2026-01-01T00:00:01Z","message":{"role":"assistant","content":"Hi \ud83d"},"done":false}

{"model":"m","created_at":"2026-01-01T00:00:02Z","message":{"role":"assistant","content":"\ude00 there"},"done":false}
{"model":"m","created_at":"2026-01-01T00:00:03Z","message":{"role":"assistant","content":"","tool_calls":[{"function":{"index":0,"name":"f","arguments":{"a":1}}},{"function":{"name":"g"}}]},"done":false}
{"model":"m","created_at":"2026-01-01T00:00:04Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":3,"prompt_eval_count":1,"eval_count":2}
"#;
    let responses = r#"event: response.created
data: {"type":"response.created","response":{"id":"r1","model":"m","status":"in_progress","output":[]},"sequence_number":0}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]},"sequence_number":1}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":"let me é\u00e9","sequence_number":2}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"let me éé"}],"encrypted_content":"c2Vj"},"sequence_number":3}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":1,"item":{"id":"msg_1","type":"message","status":"in_progress","content":[],"role":"assistant"},"sequence_number":4}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"Hi \ud83d","sequence_number":5,"obfuscation":"xY"}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"\ude00 there","sequence_number":6,"obfuscation":"z"}

event: response.output_text.annotation.added
data: {"type":"response.output_text.annotation.added","item_id":"msg_1","output_index":1,"content_index":0,"annotation_index":0,"annotation":{"type":"url_citation","url":"https://h"},"sequence_number":7}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":1,"item":{"id":"msg_1","type":"message","status":"completed","content":[{"type":"output_text","text":"Hi 😀 there","annotations":[{"type":"url_citation","url":"https://h"}]}],"role":"assistant"},"sequence_number":8}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":2,"item":{"id":"fc_1","type":"function_call","status":"in_progress","arguments":"","call_id":"t1","name":"f"},"sequence_number":9}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":2,"delta":"{\"a\":","sequence_number":10}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":2,"delta":"1}","sequence_number":11}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":2,"item":{"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"a\":1}","call_id":"t1","name":"f"},"sequence_number":12}

event: response.completed
data: {"type":"response.completed","response":{"id":"r1","model":"m","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}},"sequence_number":13}

"#;
    vec![
        ("rich responses", "responses", responses.as_bytes().to_vec()),
        (
            "rich responses, CR",
            "responses",
            responses.replace('\n', "\r").into_bytes(),
        ),
        ("rich cohere", "cohere", cohere.as_bytes().to_vec()),
        (
            "rich cohere, CRLF",
            "cohere",
            cohere.replace('\n', "\r\n").into_bytes(),
        ),
        (
            "rich lines of cohere",
            "cohere-v1",
            lines.as_bytes().to_vec(),
        ),
        ("rich ollama", "ollama", ollama.as_bytes().to_vec()),
        (
            "rich ollama, CRLF",
            "ollama",
            ollama.replace('\n', "\r\n").into_bytes(),
        ),
        ("rich chat", "openai-chat", chat.as_bytes().to_vec()),
        (
            "rich chat, CRLF",
            "openai-chat",
            chat.replace('\n', "\r\n").into_bytes(),
        ),
        ("rich message", "anthropic", messages.as_bytes().to_vec()),
        (
            "rich message, CR",
            "anthropic",
            messages.replace('\n', "\r").into_bytes(),
        ),
    ]
}

/// The same, of formats that frame otherwise.
fn others() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let completions = r#"data: {"id":"c","model":"m","choices":[{"index":0,"text":"Hi \ud83d","finish_reason":null}]}

data: {"id":"c","model":"m","choices":[{"index":1,"text":"other","finish_reason":null}]}

data: {"id":"c","model":"m","choices":[{"index":0,"text":"\ude00 there","finish_reason":null}]}

data: {"id":"c","model":"m","choices":[{"index":1,"text":"","finish_reason":"length"}]}

data: {"id":"c","model":"m","choices":[{"index":0,"text":"","finish_reason":"stop"}]}

data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}

data: [DONE]

"#;
    let candidates = [
        r#"{"candidates":[{"content":{"parts":[{"text":"let me é\u00e9","thought":true}],"role":"model"},"index":0}],"responseId":"r","modelVersion":"m"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"Hi \ud83d"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":3,"totalTokenCount":4}}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"\ude00 th"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":3,"totalTokenCount":5}}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"ere"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":3,"totalTokenCount":6}}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2ln"}],"role":"model"},"index":0}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"g","willContinue":true}}]},"index":0}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.b","stringValue":"x","willContinue":true}],"willContinue":true}}]},"index":0}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.b","stringValue":"y"}]}}]},"index":0}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}]}"#,
        r#"{"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4,"totalTokenCount":7}}"#,
    ];
    let sse: String = candidates
        .iter()
        .map(|it| format!("data: {it}\r\n\r\n"))
        .collect();
    let array = format!("[{}\n]\n", candidates.join("\n,\r\n"));
    let mut all = vec![
        ("rich completion", "completions", completions.into()),
        ("rich candidates", "gemini", sse.clone().into_bytes()),
        ("rich candidates of Vertex", "vertex", sse.into_bytes()),
        ("rich array", "gemini-array", array.clone().into_bytes()),
        ("rich array of Vertex", "vertex-array", array.into_bytes()),
    ];
    all.extend(of_bedrock());
    all
}

#[cfg(not(feature = "bedrock"))]
fn of_bedrock() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    Vec::new()
}

#[cfg(feature = "bedrock")]
fn of_bedrock() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    use support::aws::{chunks, events};

    let converse = [
        ("messageStart", r#"{"role":"assistant"}"#),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"let me é\u00e9"}}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"c2ln"}}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"text":"Hi \ud83d"}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"text":"\ude00 there"}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":2,"start":{"toolUse":{"name":"f","toolUseId":"t1"}}}"#,
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
        ("messageStop", r#"{"stopReason":"tool_use"}"#),
        (
            "metadata",
            r#"{"metrics":{"latencyMs":1},"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}"#,
        ),
    ];
    let nova: Vec<String> = converse
        .iter()
        .map(|(name, json)| format!("{{\"{name}\":{json}}}"))
        .collect();
    let nova: Vec<&str> = nova.iter().map(String::as_str).collect();
    let llama = [
        r#"{"generation":"Hi \ud83d","prompt_token_count":3,"generation_token_count":1,"stop_reason":null}"#,
        r#"{"generation":"\ude00 there","prompt_token_count":null,"generation_token_count":2,"stop_reason":null}"#,
        r#"{"generation":"","prompt_token_count":null,"generation_token_count":3,"stop_reason":"stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3,"outputTokenCount":3}}"#,
    ];
    let mut all = vec![
        ("rich Converse", "converse", events(&converse)),
        ("rich pieces of Nova", "invoke", chunks(&nova)),
        ("pieces of Llama", "invoke", chunks(&llama)),
    ];
    // What server-sent events say, one piece an event.
    for (name, dialect, carried) in [
        (
            "rich pieces of Claude",
            "anthropic",
            cfg!(feature = "anthropic"),
        ),
        (
            "rich pieces of a chat",
            "openai-chat",
            cfg!(feature = "openai"),
        ),
    ] {
        let found = rich().into_iter().find(|it| it.1 == dialect);
        let Some((_, _, body)) = found.filter(|_| carried) else {
            continue;
        };
        let body = String::from_utf8(body).unwrap();
        let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
        let pieces: Vec<&str> = data.filter(|it| it.starts_with('{')).collect();
        all.push((name, "invoke", chunks(&pieces)));
    }
    all
}

fn streams() -> Vec<(String, String, Vec<u8>)> {
    let file = vectors("malformed_responses.json");
    let streams = cases(&file).iter().filter(|case| {
        case["dialect"] != "any" && case["headers"]["content-type"] == "text/event-stream"
    });
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let streams = streams.map(|case| {
        (
            text(&case["id"]),
            text(&case["dialect"]),
            bytes(&case["body_b64"]),
        )
    });
    let rich = rich()
        .into_iter()
        .chain(others())
        .map(|(id, dialect, body)| (id.to_owned(), dialect.to_owned(), body));
    streams.chain(rich).collect()
}

/// Whether the marker that ends an answer lies in `stream`: with a clean end, Chat Completions take the last finish reason.
fn has_marker(dialect: &str, end: &End, stream: &[u8]) -> bool {
    let holds = |marker: &str| memchr::memmem::find(stream, marker.as_bytes()).is_some();
    match (dialect, end) {
        ("anthropic", _) => holds(r#""type":"message_stop"}"#),
        ("responses", _) => holds(r#""type":"response.completed""#),
        ("cohere", _) => holds(r#""type":"message-end""#),
        ("cohere-v1", _) => holds(r#""event_type":"stream-end""#),
        ("ollama", _) => holds(r#""done":true"#),
        ("completions", End::Clean) => holds(r#""finish_reason":"stop""#),
        ("converse", _) => holds("messageStop") && holds("tool_use"),
        ("invoke", _) => said_last(stream),
        // Nothing but the end of the connection ends these, and it must be a clean one.
        ("gemini" | "vertex", End::Clean) => holds(r#""finishReason":"STOP""#),
        ("gemini" | "vertex", End::Lost(_)) => false,
        // Nothing but its bracket ends an array.
        ("gemini-array" | "vertex-array", _) => stream.trim_ascii_end().ends_with(b"]"),
        (_, End::Clean) => {
            holds(r#""finish_reason": "stop""#) || holds(r#""finish_reason":"tool_calls""#)
        }
        (_, End::Lost(_)) => holds("[DONE]"),
    }
}

/// Whether a piece that InvokeModel carries says that it is the last: each format has a word of its own for that.
fn said_last(stream: &[u8]) -> bool {
    const KEY: &[u8] = b"\"bytes\":\"";
    let pieces = memchr::memmem::find_iter(stream, KEY).filter_map(|at| {
        let rest = &stream[at + KEY.len()..];
        let end = memchr::memchr(b'"', rest)?;
        libllm_proto::base64::decode_loose(&rest[..end])
    });
    let words = [
        r#""type":"message_stop"}"#,
        r#""stopReason":"tool_use""#,
        r#""stop_reason":"stop""#,
        r#""finish_reason":"tool_calls""#,
    ];
    let mut pieces = pieces.map(|piece| String::from_utf8(piece).unwrap());
    pieces.any(|piece| words.iter().any(|word| piece.contains(word)))
}

/// The wire that reads this dialect, if this build has it.
fn wire_of(dialect: &str) -> Option<&'static dyn Wire> {
    let all = wires().into_iter().chain(other_wires());
    let found = all.into_iter().find(|(name, _)| *name == dialect);
    found.map(|(_, wire)| wire)
}

/// Whether `heard` is a beginning of `whole`: the last item may break off.
fn is_prefix(heard: &Heard, whole: &Heard) -> bool {
    let Some((last, before)) = heard.items.split_last() else {
        return true;
    };
    let Some((same, rest)) = whole.items.split_at_checked(before.len()) else {
        return false;
    };
    let Some(next) = rest.first() else {
        return false;
    };
    before == same
        && (last.0, last.1, last.2) == (next.0, next.1, next.2)
        && next.3.starts_with(last.3.trim_end_matches('\u{fffd}'))
}

fn check(id: &str, dialect: &str, wire: &'static dyn Wire, body: &[u8], end: &End) {
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    let head = stream_head(dialect);
    let whole = hear(wire, &exchange, &head, &[body], End::Clean);
    for at in 0..body.len() {
        let heard = hear(wire, &exchange, &head, &[&body[..at]], end.clone());
        let place = || format!("{id}, the first {at} bytes, {end:?}: {heard:?}");
        assert!(is_prefix(&heard, &whole), "{}", place());
        match &heard.ending {
            Ok(ending) => {
                assert!(has_marker(dialect, end, &body[..at]), "{}", place());
                assert!(!ending.incomplete, "{}", place());
                assert_eq!(heard.items, whole.items, "{}", place());
                assert_eq!(heard.finish, whole.finish, "{}", place());
            }
            Err(error) => {
                let cut = match end {
                    End::Clean => ErrorKind::StreamTruncated,
                    End::Lost(_) => ErrorKind::ConnectionLost,
                };
                // An error that the stream itself reports comes through as it is, or as far as it came.
                let own = whole.kind();
                let named = own.is_some() && error.kind() == ErrorKind::ProviderError;
                let told = error.kind() == cut || Some(error.kind()) == own || named;
                assert!(told, "{}", place());
            }
        }
    }
}

#[test]
fn no_prefix_of_a_stream_passes_for_an_answer() {
    for (id, dialect, body) in streams() {
        let Some(wire) = wire_of(&dialect) else {
            continue;
        };
        check(&id, &dialect, wire, &body, &End::Clean);
        check(&id, &dialect, wire, &body, &End::Lost("reset".to_owned()));
    }
}

#[test]
fn the_rich_streams_are_whole() {
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    for (id, dialect, body) in rich().into_iter().chain(others()) {
        let Some(wire) = wire_of(dialect) else {
            continue;
        };
        let head = stream_head(dialect);
        support::every_cut(&body, |cut, pieces| {
            let heard = hear(wire, &exchange, &head, pieces, End::Clean);
            heard.ending.as_ref().unwrap();
            assert_eq!(heard.text(), "Hi 😀 there", "{id}, {cut}");
            let kinds: Vec<&str> = heard.items.iter().map(|item| item.0).collect();
            for kind in ["reasoning", "tool_call", "tool_args"] {
                // Version 1 of Cohere's format has no reasoning; where one text is written there is nothing else.
                let text_only = dialect == "completions" || id == "pieces of Llama";
                let there = !text_only && (kind != "reasoning" || dialect != "cohere-v1");
                assert_eq!(kinds.contains(&kind), there, "{id}, {cut}: {kinds:?}");
            }
        });
    }
}
