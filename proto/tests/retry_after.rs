//! Retry-After and its relatives against the vectors.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use libllm_proto::retry_after::{WAIT_MAX, advise};
use serde_json::Value;
use support::{cases, vectors};

fn headers(case: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in case["headers"].as_object().unwrap() {
        let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
        headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
    }
    headers
}

/// One vector carries its body in its note.
fn body(case: &Value) -> &str {
    let note = case["note"].as_str().unwrap();
    match note.strip_prefix("body: ") {
        Some(body) => &body[..=body.rfind('}').unwrap()],
        None => "",
    }
}

#[test]
fn every_form_of_retry_after_is_understood() {
    let file = vectors("retry_after.json");
    assert_eq!(
        file["policy"]["default_cap_ms"],
        WAIT_MAX.as_millis() as u64
    );
    let now: SystemTime = UNIX_EPOCH + Duration::from_secs(1_772_366_400);
    let mut passed = 0;
    for case in cases(&file) {
        let id = &case["id"];
        assert_eq!(case["now"], "2026-03-01T12:00:00Z", "{id}");
        let advice = advise(&headers(case), body(case).as_bytes(), now, WAIT_MAX);
        let source = match (advice.retry, advice.too_long, advice.wait) {
            (Some(false), ..) => Some("no_retry"),
            (Some(true), _, None) => Some("retry"),
            (_, true, _) => Some("too_long"),
            _ => advice.source,
        };
        assert_eq!(source, case["expected_source"].as_str(), "{id}: {advice:?}");
        let wait = advice.wait.map(|wait| wait.as_millis() as u64);
        assert_eq!(wait, case["expected_delay_ms"].as_u64(), "{id}: {advice:?}");
        passed += 1;
    }
    assert_eq!(passed, 39);
}
