//! A host in Rust answers what it is asked: `libllm::answer`, by the number that the question's event bears.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must not")]

use std::time::Duration;

use libllm::{Client, Delivered, EventType, Options, Queue, Status};
use serde_json::Value;

/// How a request ended, and what was asked about it.
struct Outcome {
    kind: EventType,
    status: Status,
    asked: Vec<Value>,
}

/// Asks a model whose host says so to each question: a status and the answer's JSON.
fn host(says: impl Fn(&Value) -> (i32, &'static str)) -> Outcome {
    let client = Client::new("[hooks]\nbefore = true\nattempt = true").unwrap();
    let queue = Queue::new(0).unwrap();
    let body = br#"{"model":"mock/echo","messages":[{"role":"user","content":"hi"}]}"#;
    let number = client
        .submit_json(&queue, body, &Options::default(), 0)
        .unwrap();
    let (mut asked, mut ended) = (Vec::new(), None);
    while ended.is_none() {
        let before = asked.len();
        let mut take = |event: &Delivered| match event.kind {
            EventType::Ask => asked.push(serde_json::from_str(event.text()).unwrap()),
            kind if kind.is_terminal() => ended = Some((kind, event.status)),
            _ => {}
        };
        let taken = queue
            .poll(64, Some(Duration::from_secs(10)), &mut take)
            .unwrap();
        assert!(taken > 0, "nothing came for ten seconds");
        for question in &asked[before..] {
            let (status, json) = says(question);
            libllm::answer(number, status, json).unwrap();
        }
    }
    assert!(
        libllm::answer(number, 0, "{}").is_err(),
        "it asks nothing any more"
    );
    let (kind, status) = ended.unwrap();
    Outcome {
        kind,
        status,
        asked,
    }
}

#[test]
fn a_host_answers_what_it_is_asked_and_the_request_goes_on() {
    let outcome = host(|_| (0, "{}"));
    assert_eq!(
        (outcome.kind, outcome.status),
        (EventType::Done, Status::Ok)
    );
    let kinds: Vec<_> = outcome.asked.iter().map(|asked| &asked["kind"]).collect();
    assert_eq!(kinds, ["before", "attempt"]);
}

#[test]
fn a_host_that_refuses_ends_the_request_with_its_own_status() {
    let refusal = Status::ContentFilter as i32;
    let outcome = host(|asked| match asked["kind"].as_str() {
        Some("attempt") => (refusal, r#"{"message":"no"}"#),
        _ => (0, "{}"),
    });
    assert_eq!(outcome.kind, EventType::Error);
    assert_eq!(outcome.status, Status::ContentFilter);
}
