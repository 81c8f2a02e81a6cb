//! Refusals, broken answers and broken streams against the vectors, however they are cut.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::time::Duration;

use libllm_proto::decoder::End;
use libllm_proto::provider::Quirks;
use libllm_proto::wire::{Exchange, Head, Operation};
use libllm_proto::{Error, ErrorKind, Retry};
use serde_json::Value;
use support::{Heard, bytes, cases, event_wires, every_cut, head, hear, vectors, wires};

/// What every answer must obey, whatever it holds.
fn check(case: &Value, cut: &str, heard: &Heard) {
    let id = &case["id"];
    let expected = &case["expected"];
    let kind = heard.kind().map(ErrorKind::name);
    assert_eq!(
        kind,
        expected["error_kind"].as_str(),
        "{id}, {cut}: {heard:?}"
    );
    let terminal = if heard.ending.is_ok() {
        "done"
    } else {
        "error"
    };
    assert_eq!(expected["terminal"], terminal, "{id}, {cut}");
    if let Err(error) = &heard.ending {
        let message = error.message();
        assert!(
            !message.is_empty() && message.len() <= 600,
            "{id}: {message}"
        );
        assert!(
            !message.contains("203.0.113.9") && !message.contains("sk-false"),
            "{id}: {message}"
        );
        assert_eq!(
            error.http_status().map(u64::from),
            case["status"].as_u64(),
            "{id}"
        );
    }
}

#[test]
fn stream_faults_are_told_from_answers() {
    let file = vectors("malformed_responses.json");
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    let mut passed = 0;
    for case in cases(&file).iter().filter(|case| case["dialect"] != "any") {
        let Some((_, wire)) = wires()
            .into_iter()
            .find(|(name, _)| case["dialect"] == *name)
        else {
            continue;
        };
        let end = match case["connection_end"].as_str().unwrap() {
            "cut" => End::Lost("incomplete chunk".to_owned()),
            _ => End::Clean,
        };
        let (head, input) = (head(case), bytes(&case["body_b64"]));
        every_cut(&input, |cut, pieces| {
            let heard = hear(wire, &exchange, &head, pieces, end.clone());
            check(case, cut, &heard);
            let (id, expected) = (&case["id"], &case["expected"]);
            assert_eq!(
                heard.text(),
                expected["text_delivered"].as_str().unwrap(),
                "{id}, {cut}"
            );
            if heard.ending.is_ok() {
                assert_eq!(
                    heard.finish.as_deref(),
                    expected["finish_reason"].as_str(),
                    "{id}, {cut}"
                );
            }
            let error = heard.ending.as_ref().err();
            let again = |error: &Error| !matches!(error.retry(), Retry::Never | Retry::Elsewhere);
            let in_place = error.is_some_and(again) && heard.items.is_empty();
            assert_eq!(
                in_place, expected["retry_in_place_allowed"],
                "{id}, {cut}: {error:?}"
            );
        });
        passed += 1;
    }
    let expected: usize = wires()
        .iter()
        .map(|(name, _)| match *name {
            "anthropic" => 6,
            "openai-chat" => 15,
            _ => 0,
        })
        .sum();
    assert_eq!(passed, expected);
}

/// The vectors' words for when to try again.
fn retry(words: &str) -> Retry {
    match words {
        "never" | "opt-in" => Retry::Never,
        "never (fallback to a larger model allowed)"
        | "never; other key allowed"
        | "never; fallback allowed" => Retry::Elsewhere,
        "yes" => Retry::Backoff,
        "yes once" => Retry::Once,
        after => {
            let seconds = after
                .strip_prefix("after ")
                .and_then(|after| after.strip_suffix(" s"));
            Retry::After(Duration::from_secs(seconds.unwrap().parse().unwrap()))
        }
    }
}

#[test]
fn every_status_is_the_same_error_in_every_dialect() {
    let file = vectors("malformed_responses.json");
    for (dialect, wire) in wires() {
        let mut passed = 0;
        for case in cases(&file).iter().filter(|case| case["dialect"] == "any") {
            let id = case["id"].as_str().unwrap();
            // An OpenRouter row carries this quirk; the shape of this answer is Chat Completions' own.
            let quirks = Quirks {
                moderation_403: id == "st-403-moderation",
                ..Quirks::default()
            };
            if id == "st-200-empty-choices" && dialect != "openai-chat" {
                continue;
            }
            let exchange = Exchange {
                stream: false,
                operation: Operation::Chat,
                quirks: &quirks,
                packed: false,
                answer_tool: false,
            };
            let input = bytes(&case["body_b64"]);
            let input = if input.is_empty() {
                case["body_preview"]
                    .as_str()
                    .unwrap_or_default()
                    .as_bytes()
                    .to_vec()
            } else {
                input
            };
            every_cut(&input, |cut, pieces| {
                let heard = hear(wire, &exchange, &head(case), pieces, End::Clean);
                check(case, &format!("{dialect}, {cut}"), &heard);
                assert!(heard.items.is_empty());
                let error = heard.ending.unwrap_err();
                let expected = retry(case["expected"]["retry"].as_str().unwrap());
                assert_eq!(error.retry(), expected, "{id}, {dialect}, {cut}");
            });
            passed += 1;
        }
        assert_eq!(passed, if dialect == "openai-chat" { 29 } else { 28 });
    }
}

#[test]
fn a_refusal_holds_what_the_provider_said() {
    let file = vectors("malformed_responses.json");
    let case = |id: &str| {
        cases(&file)
            .iter()
            .find(|case| case["id"] == id)
            .unwrap()
            .clone()
    };
    let table = [
        ("st-400-context", "maximum context length"),
        ("st-401", "Incorrect API key provided: sk-***."),
        ("st-404-model", "The model does not exist"),
        ("st-422", "field required (body)"),
        ("st-413", "http status 413 with an html page"),
        ("st-503-empty", "http status 503 without a body"),
        ("st-429-gemini", "http status 429: RESOURCE_EXHAUSTED, 429"),
        (
            "st-520",
            "http status 520 with an html page: api.example.com | 520: Web server is returning an unknown error",
        ),
    ];
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    for (id, expected) in table {
        let case = case(id);
        let body = case["body_preview"].as_str().unwrap();
        for (dialect, wire) in wires() {
            let heard = hear(
                wire,
                &exchange,
                &head(&case),
                &[body.as_bytes()],
                End::Clean,
            );
            let error = heard.ending.unwrap_err();
            assert_eq!(error.message(), expected, "{id}, {dialect}");
            assert_eq!(error.body().unwrap_or_default(), body, "{id}, {dialect}");
        }
    }
}

/// `framing.json` has two bodies that are no event stream although one was asked for.
#[test]
fn a_body_that_is_no_event_stream_is_an_error() {
    let file = vectors("framing.json");
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    let mut passed = 0;
    for case in cases(&file).iter().filter(|case| case["framing"] == "sse") {
        let id = case["id"].as_str().unwrap();
        let (said, kind) = match id {
            "sse-json-body" => ("application/json", ErrorKind::RateLimited),
            "sse-html-body" => ("text/html", ErrorKind::BadContentType),
            other => panic!("{other}"),
        };
        let input = bytes(&case["input_b64"]);
        // Some servers promise events and send this all the same, or promise nothing.
        for content_type in [Some(said), Some("text/event-stream"), None] {
            let mut head = Head::new(200);
            if let Some(content_type) = content_type {
                head.headers
                    .insert("content-type", content_type.parse().unwrap());
            }
            for (dialect, wire) in wires() {
                every_cut(&input, |cut, pieces| {
                    let heard = hear(wire, &exchange, &head, pieces, End::Clean);
                    let told = heard.kind();
                    assert_eq!(told, Some(kind), "{id}, {content_type:?}, {dialect}, {cut}");
                    assert!(heard.items.is_empty());
                });
            }
        }
        passed += 1;
    }
    assert_eq!(passed, 2);
}

/// Reliability catalogue: the shapes of an error inside a stream that is under way.
#[test]
fn every_shape_of_error_inside_a_stream_is_an_error() {
    let shapes = [
        (
            "data: {\"error\":{\"message\":\"boom\",\"type\":\"overloaded_error\"}}",
            ErrorKind::Overloaded,
        ),
        (
            "data: {\"error\":{\"message\":\"boom\",\"code\":null,\"type\":\"x\"}}",
            ErrorKind::ProviderError,
        ),
        ("data: {\"error\":\"boom\"}", ErrorKind::ProviderError),
        (
            "data: {\"type\":\"error\",\"code\":\"x\",\"message\":\"boom\"}",
            ErrorKind::ProviderError,
        ),
        (
            "data: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"boom\"}}",
            ErrorKind::RateLimited,
        ),
        (
            "data: [{\"error\":{\"code\":429,\"message\":\"boom\"}}]",
            ErrorKind::RateLimited,
        ),
        (
            "event: error\ndata: {\"code\":400,\"details\":\"boom\"}",
            ErrorKind::InvalidRequest,
        ),
        (
            "event: error\ndata: {\"message\":\"boom\"}",
            ErrorKind::ProviderError,
        ),
        ("event: error\ndata: boom", ErrorKind::ProviderError),
    ];
    let quirks = Quirks::default();
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
    for (shape, kind) in shapes {
        let stream = format!("{shape}\n\ndata: [DONE]\n\n");
        for (dialect, wire) in event_wires() {
            every_cut(stream.as_bytes(), |cut, pieces| {
                let heard = hear(wire, &exchange, &head, pieces, End::Clean);
                let error = heard.ending.unwrap_err();
                assert_eq!(error.kind(), kind, "{shape}, {dialect}, {cut}: {error:?}");
                assert_eq!(error.message(), "boom", "{shape}, {dialect}, {cut}");
            });
        }
    }
}

/// JSON that no strict reader takes, inside a stream.
#[test]
fn a_frame_that_is_no_json_ends_a_stream() {
    let quirks = Quirks::default();
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
    for case in cases(&vectors("json_limits.json")) {
        let rejected = matches!(
            case["expected"].as_str(),
            Some("reject" | "reject_or_split")
        );
        let heartbeat = matches!(case["id"].as_str(), Some("empty" | "whitespace"));
        let input = bytes(&case["input_b64"]);
        // A body of two lines or of another encoding is no single event.
        if input.contains(&b'\n') || input.contains(&b'\r') {
            continue;
        }
        let stream = [&b"data: "[..], &input, b"\n\n"].concat();
        for (dialect, wire) in event_wires() {
            let heard = hear(wire, &exchange, &head, &[&stream], End::Clean);
            let error = heard.ending.unwrap_err();
            let id = format!("{}, {dialect}: {error:?}", case["id"]);
            let status = error.kind().status();
            match case["expected"].as_str().unwrap() {
                _ if heartbeat => assert_eq!(error.kind(), ErrorKind::StreamTruncated, "{id}"),
                _ if rejected => assert_eq!(status, libllm_proto::Status::Protocol, "{id}"),
                "error_object" => assert_eq!(status, libllm_proto::Status::Overloaded, "{id}"),
                _ => assert_eq!(error.kind(), ErrorKind::StreamTruncated, "{id}"),
            }
        }
    }
}
