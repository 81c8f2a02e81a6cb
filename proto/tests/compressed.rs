//! Answers that come compressed, cut anywhere: the same as without, or one typed error.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::io::Write;
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderValue;
use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::provider::Quirks;
use libllm_proto::wire::{Ending, Exchange, Flow, Head, Operation, find};
use libllm_proto::{Batch, ErrorKind, Event, Result};
use support::every_cut;

const STREAM: &[u8] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hé\"}}]}\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"llo\"},\"finish_reason\":\"stop\"}]}\n\n\
    data: [DONE]\n\n"
    .as_bytes();

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut press = GzEncoder::new(Vec::new(), Compression::default());
    press.write_all(bytes).unwrap();
    press.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut press = ZlibEncoder::new(Vec::new(), Compression::default());
    press.write_all(bytes).unwrap();
    press.finish().unwrap()
}

fn decode(status: u16, coding: &str, kind: &str, pieces: &[&[u8]]) -> (String, Result<Ending>) {
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream: kind == "text/event-stream",
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    let mut head = Head::new(status);
    for (name, value) in [("content-encoding", coding), ("content-type", kind)] {
        head.headers
            .insert(name, HeaderValue::from_str(value).unwrap());
    }
    let (wire, limits) = (find("openai_chat").unwrap(), Limits::default());
    let mut decoder = Decoder::new(wire, &exchange, head, limits, false, SystemTime::UNIX_EPOCH);
    let mut batch = Batch::new();
    let mut pushed = Ok(Flow::More);
    for piece in pieces {
        pushed = decoder.push(piece, &mut batch);
        if !matches!(pushed, Ok(Flow::More)) {
            break;
        }
    }
    let ending = pushed.and_then(|_| decoder.finish(End::Clean, &mut batch));
    let text = batch.iter().filter_map(|(_, event)| match event {
        Event::Text(text) => Some(text.to_owned()),
        _ => None,
    });
    (text.collect(), ending)
}

#[test]
fn a_compressed_answer_reads_like_a_plain_one() {
    for (coding, bytes) in [
        ("gzip", gzip(STREAM)),
        ("X-GZIP", gzip(STREAM)),
        ("deflate", deflate(STREAM)),
        ("identity", STREAM.to_vec()),
    ] {
        every_cut(&bytes, |cut, pieces| {
            let (text, ending) = decode(200, coding, "text/event-stream", pieces);
            assert_eq!(text, "Héllo", "{coding}, {cut}");
            ending.unwrap();
        });
    }
}

#[test]
fn a_compressed_answer_that_breaks_off_is_truncated() {
    let answer = br#"{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let bytes = gzip(answer);
    for end in [0, 5, bytes.len() / 2, bytes.len() - 1] {
        let (text, ending) = decode(200, "gzip", "application/json", &[&bytes[..end]]);
        assert_eq!(
            (text.as_str(), ending.unwrap_err().kind()),
            ("", ErrorKind::StreamTruncated),
            "{end}"
        );
    }
}

#[test]
fn what_is_no_gzip_and_what_cannot_be_undone_are_told() {
    for coding in ["gzip", "deflate", "br", "gzip, br"] {
        let (_, ending) = decode(200, coding, "text/event-stream", &[STREAM]);
        assert_eq!(ending.unwrap_err().kind(), ErrorKind::Protocol, "{coding}");
    }
}

#[test]
fn a_bomb_ends_at_the_ratio() {
    let bytes = gzip(&vec![b' '; 8 << 20]);
    let (_, ending) = decode(200, "gzip", "application/json", &[&bytes]);
    let error = ending.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(
        error.message().contains("limit of decompression"),
        "{error}"
    );
}

#[test]
fn a_compressed_refusal_keeps_its_words_and_a_broken_one_its_status() {
    let body = gzip(br#"{"error":{"message":"too much of it","type":"rate_limit_error"}}"#);
    let (_, ending) = decode(429, "gzip", "application/json", &[&body]);
    let error = ending.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(error.message().contains("too much of it"), "{error}");
    let (_, ending) = decode(503, "br", "application/json", &[b"?"]);
    assert_eq!(ending.unwrap_err().kind(), ErrorKind::Unavailable);
}
