//! AWS event streams against the vectors, however the bytes are cut.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::frame::{EventStream, Frame, Framer, Framing, Message, Value};
use libllm_proto::wire::Flow;
use libllm_proto::{Error, ErrorKind, refusal};
use serde_json::json;
use support::{Random, bytes, cases, every_cut, vectors};

const MAX: usize = 24 << 20;

/// A message as the vectors write it.
type Seen = (serde_json::Value, Vec<u8>);

fn hear(pieces: &[&[u8]]) -> (Vec<Seen>, Option<Error>) {
    let mut seen = Vec::new();
    let mut events = EventStream::new(MAX);
    let mut note = |message: &Message<'_>| {
        seen.push((headers(message), message.payload.to_vec()));
        Ok(Flow::More)
    };
    let failed = pieces
        .iter()
        .find_map(|piece| events.messages(piece, &mut note).err());
    (seen, failed.or_else(|| events.finish().err()))
}

fn headers(message: &Message<'_>) -> serde_json::Value {
    let headers = message
        .headers
        .iter()
        .map(|(name, value)| (name.to_owned(), value_json(value)));
    serde_json::Value::Object(headers.collect())
}

/// As the vectors write values: bytes as `b64:`, a UUID with dashes.
fn value_json(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::Bool(value) => json!(value),
        Value::Byte(value) => json!(value),
        Value::Short(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Long(value) | Value::Timestamp(value) => json!(value),
        Value::Bytes(value) => json!({ "bytes": value }),
        Value::Text(value) => json!(value),
        Value::Uuid(value) => {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            let parts = [
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..],
            ];
            json!(parts.join("-"))
        }
    }
}

fn expected(case: &serde_json::Value) -> Vec<Seen> {
    let messages = case["expected_messages"].as_array().unwrap().iter();
    let seen = messages.map(|message| {
        let mut headers = message["headers"].clone();
        for value in headers.as_object_mut().unwrap().values_mut() {
            if let Some(base64) = value.as_str().and_then(|text| text.strip_prefix("b64:")) {
                *value = json!({ "bytes": bytes(&json!(base64)) });
            }
        }
        (headers, bytes(&message["payload_b64"]))
    });
    seen.collect()
}

/// What an error is in the vectors' words.
fn word(error: &Error) -> &'static str {
    let message = error.message();
    match error.kind() {
        ErrorKind::StreamTruncated => "incomplete",
        ErrorKind::LimitExceeded => "length",
        ErrorKind::Protocol if message.contains("checksum of an event's lengths") => {
            "prelude_checksum"
        }
        ErrorKind::Protocol if message.contains("checksum of an event") => "message_checksum",
        ErrorKind::Protocol if message.contains("header of an event") => "header",
        ErrorKind::Protocol if message.contains("length") => "length",
        kind => panic!("{kind:?}: {message}"),
    }
}

#[test]
fn every_vector_is_read_however_it_is_cut() {
    let file = vectors("eventstream_cases.json");
    let mut passed = 0;
    for case in cases(&file) {
        let (input, expected) = (bytes(&case["input_b64"]), expected(case));
        let check = |cut: &str, pieces: &[&[u8]]| {
            let (seen, error) = hear(pieces);
            let id = &case["id"];
            assert!(seen == expected, "{id}, {cut}: {} messages", seen.len());
            let told = error.as_ref().map(word);
            assert_eq!(
                told,
                case["expected_error"].as_str(),
                "{id}, {cut}: {error:?}"
            );
        };
        every_cut(&input, check);
        passed += 1;
    }
    assert_eq!(passed, 32);
}

#[test]
fn a_stream_cut_short_gives_whole_messages_and_then_an_error() {
    for case in cases(&vectors("eventstream_cases.json")) {
        let input = bytes(&case["input_b64"]);
        if !case["expected_error"].is_null() || input.len() > 4096 {
            continue;
        }
        let (whole, _) = hear(&[&input]);
        let mut ends = vec![0];
        while *ends.last().unwrap() < input.len() {
            let at = *ends.last().unwrap();
            let total = u32::from_be_bytes(input[at..at + 4].try_into().unwrap());
            ends.push(at + total as usize);
        }
        for cut in 0..input.len() {
            let (seen, error) = hear(&[&input[..cut]]);
            let complete = ends.iter().filter(|end| (1..=cut).contains(*end)).count();
            assert_eq!(seen[..], whole[..complete], "{}, {cut}", case["id"]);
            let expected = (!ends.contains(&cut)).then_some(ErrorKind::StreamTruncated);
            assert_eq!(
                error.map(|error| error.kind()),
                expected,
                "{}, {cut}",
                case["id"]
            );
        }
    }
}

/// CRC-32 bit by bit, so that the test does not trust the crate that the reader trusts.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
    }
    !crc
}

fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(name.len() as u8);
        block.extend_from_slice(name.as_bytes());
        block.push(7);
        block.extend_from_slice(&(value.len() as u16).to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    framed(&block, payload)
}

fn framed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = (headers.len() + payload.len() + 16) as u32;
    let mut bytes = [total.to_be_bytes(), (headers.len() as u32).to_be_bytes()].concat();
    bytes.extend_from_slice(&crc(&bytes).to_be_bytes());
    bytes.extend_from_slice(headers);
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&crc(&bytes).to_be_bytes());
    bytes
}

fn frames(input: &[u8]) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut framer = Framer::new(Framing::EventStream, MAX);
    let mut sink = |frame: Frame<'_>| {
        seen.push((text(frame.name), text(frame.data)));
        Ok(Flow::More)
    };
    framer.push(input, &mut sink).unwrap();
    framer.finish(&mut sink).unwrap();
    seen
}

#[test]
fn events_have_names_and_errors_are_told_as_data() {
    let pair = |name: &str, data: &str| (name.to_owned(), data.to_owned());
    let input = [
        message(
            &[(":message-type", "event"), (":event-type", "messageStop")],
            b"{\"a\":1}",
        ),
        message(
            &[
                (":message-type", "exception"),
                (":exception-type", "throttlingException"),
            ],
            b"{\"message\":\"slow down\"}",
        ),
        message(
            &[
                (":message-type", "error"),
                (":error-code", "Internal\"Error"),
                (":error-message", "boom"),
            ],
            b"",
        ),
        message(
            &[(":message-type", "exception"), (":exception-type", "odd")],
            b"plain words",
        ),
        message(&[(":message-type", "exception")], b" "),
        message(&[], b"bare"),
    ];
    let expected = [
        pair("messageStop", "{\"a\":1}"),
        pair(
            "error",
            r#"{"type":"throttlingException","error":{"message":"slow down"}}"#,
        ),
        pair("error", r#"{"type":"Internal\"Error","error":"boom"}"#),
        pair("error", r#"{"type":"odd","error":"plain words"}"#),
        pair("error", r#"{"type":""}"#),
        pair("", "bare"),
    ];
    let seen = frames(&input.concat());
    assert_eq!(seen, expected);
    let said = |at: usize| refusal::from_value(seen[at].1.as_bytes(), true).unwrap();
    assert_eq!(
        (said(1).message(), said(1).provider_type()),
        ("slow down", Some("throttlingException"))
    );
    assert_eq!(
        (said(2).message(), said(2).provider_type()),
        ("boom", Some("Internal\"Error"))
    );
    assert_eq!(said(3).message(), "plain words");
}

#[test]
fn a_message_lies_in_the_read_it_came_with() {
    let read = [
        message(&[(":event-type", "a")], b"one"),
        message(&[], b"two"),
    ]
    .concat();
    let inside = read.as_ptr_range();
    let mut payloads = 0;
    let mut count = |message: &Message<'_>| {
        assert!(inside.contains(&message.payload.as_ptr()), "it was copied");
        payloads += 1;
        Ok(Flow::More)
    };
    EventStream::new(MAX).messages(&read, &mut count).unwrap();
    assert_eq!(payloads, 2);
}

#[test]
fn limits_hold_before_anything_is_kept() {
    let long = framed(&[], &[b'x'; 84]);
    every_cut(&long, |cut, pieces| {
        for (max, refused) in [(99, true), (100, false)] {
            let mut events = EventStream::new(max);
            let mut taken = 0;
            let error = pieces.iter().find_map(|piece| {
                taken += piece.len();
                events.messages(piece, &mut |_| Ok(Flow::More)).err()
            });
            let kind = error.map(|error| error.kind());
            assert_eq!(
                kind,
                refused.then_some(ErrorKind::LimitExceeded),
                "{max}, {cut}"
            );
            if refused && cut == "byte by byte" {
                assert_eq!(taken, 12, "the prelude says it");
            }
        }
    });
    let many: Vec<u8> = (0..300u32)
        .flat_map(|number| {
            [
                3,
                b'a',
                (number / 100) as u8 + 1,
                (number % 100) as u8 + 1,
                0,
            ]
        })
        .collect();
    let (_, error) = hear(&[&framed(&many, b"")]);
    assert_eq!(error.unwrap().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn nothing_follows_a_sink_that_is_done() {
    let input = [message(&[], b"1"), message(&[], b"2")].concat();
    for at in 0..=message(&[], b"1").len() {
        let mut framer = Framer::new(Framing::EventStream, MAX);
        let mut count = 0;
        let mut sink = |_: Frame<'_>| {
            count += 1;
            Ok(Flow::Done)
        };
        framer.push(&input[..at], &mut sink).unwrap();
        if at < message(&[], b"1").len() {
            assert_eq!(framer.push(&input[at..], &mut sink).unwrap(), Flow::Done);
        }
        assert_eq!(count, 1, "cut at {at}");
    }
}

/// Any one bit of a message that turns makes it an error, never another message.
#[test]
fn a_turned_bit_is_never_an_event() {
    let good = message(
        &[(":message-type", "event"), (":event-type", "e")],
        b"{\"n\":1}",
    );
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let (seen, error) = hear(&[&bad]);
        assert!(seen.is_empty() && error.is_some(), "bit {bit}");
    }
}

#[test]
fn any_bytes_are_read_or_refused_alike_however_they_are_cut() {
    let mut random = Random(11);
    for _ in 0..300 {
        let mut input = Vec::new();
        for _ in 0..random.below(4) {
            let noise: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
            // Headers of noise behind good checksums reach what checksums would keep away.
            let whole = match random.below(3) {
                0 => framed(&noise, b"p"),
                1 => framed(&[], &noise),
                _ => message(&[("k", "v")], &noise),
            };
            input.extend_from_slice(&whole);
        }
        let (seen, error) = hear(&[&input]);
        every_cut(&input, |cut, pieces| {
            let (other, end) = hear(pieces);
            assert_eq!(seen, other, "{cut}");
            assert_eq!(error.as_ref().map(word), end.as_ref().map(word), "{cut}");
        });
    }
}
