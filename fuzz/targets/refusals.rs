//! Refusals: headers and a body that say no, and when to come again.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::provider::Quirks;
use libllm_proto::retry_after;
use libllm_proto::wire::{self, Exchange, Head, Operation, Wire};
use libllm_proto::{Batch, Error, ErrorKind};

use crate::input::{self, Knobs};

/// A refusal as every wire reads it.
pub(crate) fn refusal(data: &[u8]) {
    let Some((knobs, said)) = input::split(data) else {
        return;
    };
    let (headers, body) = parts(said);
    let mut head = Head::new(STATUSES[usize::from(knobs.0[0]) % STATUSES.len()]);
    head.headers = headers;
    for wire in wire::KNOWN.iter().filter_map(|name| wire::find(name)) {
        let whole = refuse(wire, &head, &[body]);
        check(&whole);
        for pieces in input::cuts(knobs, body) {
            let cut = refuse(wire, &head, &pieces);
            assert_eq!(
                format!("{cut:?}"),
                format!("{whole:?}"),
                "cut as {pieces:?}"
            );
        }
    }
}

/// When to come again: never longer than a plausible time, and told to be too long if it is.
pub(crate) fn retry_after(data: &[u8]) {
    let Some((knobs, said)) = input::split(data) else {
        return;
    };
    let (headers, body) = parts(said);
    let cap = Duration::from_secs(u64::from(knobs.0[0]));
    let now = now(knobs);
    let advice = retry_after::advise(&headers, body, now, cap);
    let month = Duration::from_secs(31 * 24 * 3600);
    assert!(advice.wait.is_none_or(|wait| wait <= month), "{advice:?}");
    if let Some(wait) = advice.wait {
        assert!(
            advice.too_long || wait <= cap,
            "{advice:?} with a cap of {cap:?}"
        );
        assert!(advice.source.is_some(), "a wait out of nothing: {advice:?}");
    }
    assert_eq!(advice, retry_after::advise(&headers, body, now, cap));
}

fn refuse(wire: &'static dyn Wire, head: &Head, pieces: &[&[u8]]) -> Error {
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    let limits = Limits::default();
    let now = SystemTime::UNIX_EPOCH;
    let mut decoder = Decoder::new(wire, &exchange, head.clone(), limits, false, now);
    let mut batch = Batch::new();
    for piece in pieces {
        if let Err(error) = decoder.push(piece, &mut batch) {
            return error;
        }
    }
    let ending = decoder.finish(End::Clean, &mut batch);
    assert!(batch.is_empty(), "a refusal says nothing of an answer");
    ending.expect_err("a refusal is an error")
}

/// What every error keeps to, whatever it was made of.
fn check(error: &Error) {
    assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
    let message = error.message();
    assert!(
        !message.is_empty() && message.len() <= 4096,
        "{} bytes",
        message.len()
    );
    // Line feeds are part of what a provider says.
    let odd = |char: char| char.is_control() && char != '\n';
    assert!(!message.contains(odd), "{message:?}");
    let json = libllm::error_json(error);
    let told: serde_json::Value = serde_json::from_str(&json).expect("an error's JSON is JSON");
    assert_eq!(told["message"], *message);
}

/// Header lines up to an empty one, then a body. Lines that HTTP would not have let through are left out.
fn parts(said: &[u8]) -> (HeaderMap, &[u8]) {
    let end = said.windows(2).position(|two| two == b"\n\n");
    let (lines, body) = match end {
        Some(end) => (&said[..end], &said[end + 2..]),
        None => (said, &b""[..]),
    };
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, body)
}

fn now(knobs: Knobs) -> SystemTime {
    // The vectors' date, give or take days.
    let days = u64::from(knobs.0[1]);
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_366_400 + days * 86_400)
}

const STATUSES: &[u16] = &[
    429, 400, 401, 402, 403, 404, 408, 409, 413, 422, 500, 502, 503, 504, 520, 524, 529, 530, 301,
    199, 999,
];
