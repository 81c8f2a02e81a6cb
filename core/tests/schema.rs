//! What the library says is what the crate `libllm-schema` says that it says: no field, option or metric is missing there.

use futures::StreamExt;
use libllm::{Client, EventType, MetricsFormat, Options, Request};
use libllm_schema::{ChatCompletion, Done, Failure, METRICS, Part, Route, ToolCallStart};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Reads it as the type, writes that down again, and demands every member of what was said.
fn holds<T: Serialize + for<'de> Deserialize<'de>>(json: &str) {
    let told: Value = serde_json::from_str(json).expect("the library says JSON");
    let typed: T = serde_json::from_str(json).expect("the type reads it");
    let again = serde_json::to_value(&typed).expect("the type is JSON");
    covers(&told, &again, std::any::type_name::<T>());
}

fn covers(told: &Value, typed: &Value, place: &str) {
    match (told, typed) {
        (Value::Object(told), Value::Object(typed)) => {
            for (key, value) in told {
                let below = format!("{place}.{key}");
                let known = typed
                    .get(key)
                    .unwrap_or_else(|| panic!("{below} is not known"));
                covers(value, known, &below);
            }
        }
        (Value::Array(told), Value::Array(typed)) => {
            assert_eq!(told.len(), typed.len(), "{place}");
            for (one, other) in told.iter().zip(typed) {
                covers(one, other, place);
            }
        }
        _ => assert_eq!(told, typed, "{place}"),
    }
}

fn events(model: &str) {
    let client = Client::new("{}").expect("a client");
    let request = format!(
        r#"{{"model":{},"seed":7,"messages":[{{"role":"user","content":"hi"}}]}}"#,
        Value::from(model)
    );
    let request = Request::parse(request).expect("a request");
    let mut events = client.call(request).stream().expect("a stream");
    futures::executor::block_on(async {
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => match event.kind {
                    EventType::Done => holds::<Done>(&event.text),
                    EventType::Route => holds::<Route>(&event.text),
                    EventType::Part => holds::<Part>(&event.text),
                    EventType::ToolCall => holds::<ToolCallStart>(&event.text),
                    _ => {}
                },
                Err(error) => holds::<Failure>(&libllm::error_json(&error)),
            }
        }
    });
}

#[test]
fn every_field_of_an_event_is_in_its_type() {
    events("mock/reasoning=2;tokens=3;tool=f:{}");
    events("mock/tokens=3;n=2");
    events("mock/tokens=3;status=529;retry_after=1ms;times=1");
    events("mock/status=400;error=context_length");
    events("mock/status=429;retry_after=1ms");
    events("mock/tokens=4;cut=fin;at=2");
}

#[test]
fn every_field_of_an_answer_is_in_its_type() {
    let client = Client::new("{}").expect("a client");
    let answer = client
        .chat("mock/reasoning=1;tokens=3;tool=f:{}", "hi")
        .send_blocking()
        .expect("an answer");
    holds::<ChatCompletion>(answer.json());
}

#[test]
fn options_are_those_that_the_library_takes() {
    let refused = Options::default()
        .merge_json(r#"{"zz":0}"#)
        .expect_err("zz is no option");
    let message = refused.message();
    let known = message
        .split("expected one of ")
        .nth(1)
        .and_then(|rest| rest.split(';').next())
        .expect("the message names them");
    let typed = libllm_schema::Options {
        timeout_ms: Some(1),
        first_token_timeout_ms: Some(1),
        idle_timeout_ms: Some(1),
        max_attempts: Some(1),
        fallbacks: Some(Vec::new()),
        on_partial: Some("error".into()),
        unsupported: Some("drop".into()),
        headers: Some(Default::default()),
        base_url: Some("http://127.0.0.1:1/v1".into()),
        api_key: Some("k".into()),
        idempotency_key: Some("i".into()),
        extra_body: Some(Default::default()),
        check_limits: Some(true),
        cache: Some(true.into()),
        strategy: Some("order".into()),
        tags: Some(Vec::new()),
        session: Some("s".into()),
        tenant: Some("t".into()),
        metadata: Some(Default::default()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        tracestate: Some("a=1".into()),
    };
    let json = serde_json::to_value(&typed).expect("options are JSON");
    let mut ours: Vec<&str> = json
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    let mut theirs: Vec<&str> = known.split(", ").collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(ours, theirs);
    Options::default()
        .merge_json(&json.to_string())
        .expect("the library takes them");
}

#[test]
fn metrics_are_those_that_the_library_tells() {
    let client = Client::new("{}").expect("a client");
    client
        .chat("mock/echo", "x")
        .send_blocking()
        .expect("an answer");
    let json = client.metrics(MetricsFormat::Json).expect("metrics");
    let told: Value = serde_json::from_str(&json).expect("metrics are JSON");
    let mut ours: Vec<&str> = METRICS.iter().map(|one| one.name).collect();
    ours.sort_unstable();
    let mut theirs: Vec<&str> = told
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    theirs.sort_unstable();
    assert_eq!(ours, theirs);
    let text = client.metrics(MetricsFormat::Prometheus).expect("metrics");
    for one in METRICS {
        let (name, kind, about) = (one.name, one.kind.name(), one.about);
        let head = format!("# HELP libllm_{name} {about}\n# TYPE libllm_{name} {kind}\n");
        assert!(text.contains(&head), "{head}{text}");
        for line in text.lines().filter(|line| is_of(line, name)) {
            let labels = labels(line);
            assert_eq!(labels, one.labels, "{line}");
        }
    }
    let told = text.lines().filter(|line| line.contains("model=\"echo\""));
    assert!(told.count() > 20, "{text}");
}

/// Whether a line of Prometheus text is of this metric.
fn is_of(line: &str, name: &str) -> bool {
    let rest = line
        .strip_prefix("libllm_")
        .and_then(|line| line.strip_prefix(name));
    rest.is_some_and(|rest| {
        let parts = ["", "_bucket", "_sum", "_count"];
        parts.iter().any(|part| {
            rest.strip_prefix(part)
                .is_some_and(|rest| rest.starts_with([' ', '{']))
        })
    })
}

/// What tells a line apart, but for a bucket's bound.
fn labels(line: &str) -> Vec<&str> {
    let inside = line
        .split_once('{')
        .and_then(|(_, rest)| rest.rsplit_once('}'));
    let pairs = inside.map_or("", |(inside, _)| inside).split("\",");
    pairs
        .filter_map(|pair| pair.split_once('='))
        .map(|(label, _)| label)
        .filter(|label| *label != "le")
        .collect()
}
