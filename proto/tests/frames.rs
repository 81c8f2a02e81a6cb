//! The framers give the vectors' frames however the bytes are cut.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::frame::{Frame, Framer, Framing, Sse};
use libllm_proto::wire::Flow;
use libllm_proto::{ErrorKind, json};
use serde_json::Value;
use support::{bytes, cases, every_cut, vectors};

const MAX: usize = 32 << 20;

type Seen = Vec<(Vec<u8>, Vec<u8>)>;

fn framed(framing: Framing, pieces: &[&[u8]], finish: bool) -> Seen {
    let mut seen = Seen::new();
    let mut framer = Framer::new(framing, MAX);
    let mut sink = |frame: Frame<'_>| {
        seen.push((frame.name.to_vec(), frame.data.to_vec()));
        Ok(Flow::More)
    };
    for piece in pieces {
        framer.push(piece, &mut sink).unwrap();
    }
    if finish {
        framer.finish(&mut sink).unwrap();
    }
    seen
}

/// The vectors' event `message` is the name that was not sent; their texts are UTF-8 with replacements.
fn expected(events: &Value) -> Seen {
    let events = events.as_array().unwrap();
    let text = |event: &Value, key: &str| event[key].as_str().unwrap().as_bytes().to_vec();
    events
        .iter()
        .map(|event| match event["event"].as_str() {
            Some("message") => (Vec::new(), text(event, "data")),
            _ => (text(event, "event"), text(event, "data")),
        })
        .collect()
}

fn lossy(seen: Seen) -> Seen {
    let replace = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned().into_bytes();
    seen.into_iter()
        .map(|(name, data)| (name, replace(data)))
        .collect()
}

#[test]
fn sse_gives_the_same_events_however_it_is_cut() {
    let file = vectors("sse_cases.json");
    let mut passed = 0;
    for case in cases(&file) {
        let input = bytes(&case["input_b64"]);
        let strict = expected(&case["expected_events"]);
        let lenient = case
            .get("expected_events_lenient_eof")
            .map_or(strict.clone(), expected);
        every_cut(&input, |cut, pieces| {
            let id = &case["id"];
            let seen = lossy(framed(Framing::Sse, pieces, false));
            assert!(seen == strict, "{id}, {cut}: {seen:?}");
            let seen = lossy(framed(Framing::Sse, pieces, true));
            assert!(seen == lenient, "{id}, {cut}, to its end: {seen:?}");
        });
        passed += 1;
    }
    assert_eq!(passed, 72);
}

#[test]
fn sse_keeps_the_last_id_and_retry() {
    for case in cases(&vectors("sse_cases.json")) {
        let input = bytes(&case["input_b64"]);
        let events = case
            .get("expected_events_lenient_eof")
            .unwrap_or(&case["expected_events"]);
        let expected: Vec<&str> = events
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["id"].as_str().unwrap())
            .collect();
        let mut sse = Sse::new(MAX);
        let mut ids = Vec::new();
        let mut count = 0;
        // Byte by byte, so that the id can be read right behind each event.
        for byte in input.chunks(1) {
            let before = count;
            sse.push(byte, &mut |_| {
                count += 1;
                Ok(Flow::More)
            })
            .unwrap();
            if count > before {
                ids.push(String::from_utf8(sse.last_event_id().to_vec()).unwrap());
            }
        }
        let before = count;
        sse.finish(&mut |_| {
            count += 1;
            Ok(Flow::More)
        })
        .unwrap();
        if count > before {
            ids.push(String::from_utf8(sse.last_event_id().to_vec()).unwrap());
        }
        assert_eq!(ids, expected, "{}", case["id"]);
        assert_eq!(
            sse.retry_ms(),
            case["expected_retry_ms"].as_u64(),
            "{}",
            case["id"]
        );
    }
}

#[test]
fn ndjson_gives_the_same_lines_however_it_is_cut() {
    let file = vectors("framing.json");
    let mut passed = 0;
    for case in cases(&file)
        .iter()
        .filter(|case| case["framing"] == "ndjson")
    {
        let input = bytes(&case["input_b64"]);
        let expected = case["expected_items"].as_array().unwrap();
        every_cut(&input, |cut, pieces| {
            let lines = framed(Framing::Ndjson, pieces, true);
            let mut items = Vec::new();
            let mut end = "clean";
            for (number, (_, line)) in lines.iter().enumerate() {
                let Ok(item) = serde_json::from_slice::<Value>(line) else {
                    let unterminated = number + 1 == lines.len() && !input.ends_with(b"\n");
                    end = if unterminated {
                        "truncated"
                    } else {
                        "parse_error"
                    };
                    break;
                };
                if item.get("error").is_some() {
                    end = "error";
                    break;
                }
                items.push(item);
            }
            assert_eq!(&items, expected, "{}, {cut}", case["id"]);
            assert_eq!(end, case["expected_end"], "{}, {cut}", case["id"]);
        });
        passed += 1;
    }
    assert_eq!(passed, 7);
}

#[test]
fn a_body_is_one_frame_at_its_end() {
    every_cut(b"{\"a\":\n[1, 2]}\n", |cut, pieces| {
        assert_eq!(framed(Framing::Body, pieces, false), [], "{cut}");
        let whole = (Vec::new(), b"{\"a\":\n[1, 2]}\n".to_vec());
        assert_eq!(framed(Framing::Body, pieces, true), [whole], "{cut}");
    });
    assert_eq!(framed(Framing::Body, &[b" \r\n"], true), []);
}

#[test]
fn a_cut_line_of_any_field_means_what_it_means_whole() {
    let input = "\u{feff}event: first\r\ndata: 1\r\ndata: 2\r\n\r\nevents: no\rdat: no\reventual\rid: 7\r\
                 event:second\rdata\rdatas: no\rdata:3\r\r: comment\n\nevent: lost\n\ndata: 4\n\n\
                 retry: 5\ndata:\n\nevent: third\nevent\ndata: 5\n\ndata: six";
    let event = |name: &str, data: &str| (name.as_bytes().to_vec(), data.as_bytes().to_vec());
    let expected = [
        event("first", "1\n2"),
        event("second", "\n3"),
        event("", "4"),
        event("", ""),
        event("", "5"),
        event("", "six"),
    ];
    every_cut(input.as_bytes(), |cut, pieces| {
        assert_eq!(framed(Framing::Sse, pieces, true), expected, "{cut}");
    });
    // Three pieces find what two do not: a line that is cut twice.
    for first in 0..input.len() {
        for second in first..input.len() {
            let pieces = [
                &input.as_bytes()[..first],
                &input.as_bytes()[first..second],
                &input.as_bytes()[second..],
            ];
            assert_eq!(
                framed(Framing::Sse, &pieces, true),
                expected,
                "cut at {first} and {second}"
            );
        }
    }
}

#[test]
fn an_event_lies_in_the_read_it_came_with() {
    let read = b"event: a\ndata: {\"x\":1}\n\ndata: [DONE]\n\n";
    let inside = read.as_ptr_range();
    let mut events = 0;
    Sse::new(MAX)
        .push(read, &mut |frame| {
            assert!(inside.contains(&frame.data.as_ptr()), "data was copied");
            events += 1;
            Ok(Flow::More)
        })
        .unwrap();
    assert_eq!(events, 2);
}

#[test]
fn an_event_beyond_the_limit_is_an_error_that_names_it() {
    let long = "x".repeat(100);
    let inputs: &[(Framing, String)] = &[
        (Framing::Sse, format!("data: {long}\n\n")),
        (Framing::Sse, format!("data: {long}")),
        (Framing::Sse, "data: xxxxxxxxx\n".repeat(12)),
        (Framing::Sse, format!("event: {long}\n")),
        (Framing::Sse, format!("id: {long}\n")),
        (Framing::Ndjson, format!("{long}\n")),
        (Framing::Ndjson, long.clone()),
        (Framing::Body, long.clone()),
    ];
    for (framing, input) in inputs {
        every_cut(input.as_bytes(), |cut, pieces| {
            let mut framer = Framer::new(*framing, 99);
            let mut sink = |_: Frame<'_>| Ok(Flow::More);
            let error = pieces
                .iter()
                .find_map(|piece| framer.push(piece, &mut sink).err());
            let error = error.unwrap_or_else(|| panic!("{input}, {cut}: no error"));
            assert_eq!(error.kind(), ErrorKind::LimitExceeded);
            assert!(error.message().contains("max_event"), "{error}");
        });
    }
    // A comment is not kept, so nothing limits it.
    let comment = format!(": {long}\n\ndata: {}\n\n", "y".repeat(99));
    every_cut(comment.as_bytes(), |_, pieces| {
        let mut framer = Framer::new(Framing::Sse, 99);
        for piece in pieces {
            framer.push(piece, &mut |_| Ok(Flow::More)).unwrap();
        }
    });
}

#[test]
fn nothing_follows_a_sink_that_is_done() {
    for (framing, input) in [
        (Framing::Sse, &b"data: 1\n\ndata: 2\n\n"[..]),
        (Framing::Ndjson, b"1\n2\n"),
    ] {
        let mut count = 0;
        let flow = Framer::new(framing, MAX).push(input, &mut |_| {
            count += 1;
            Ok(Flow::Done)
        });
        assert_eq!((flow.unwrap(), count), (Flow::Done, 1));
    }
}

#[test]
fn one_event_of_16_mib_in_pieces_of_1_kib_arrives() {
    let mut event = b"data: {\"content\":\"".to_vec();
    event.resize(16 << 20, b'x');
    event.extend_from_slice(b"\"}\n\n");
    let pieces: Vec<&[u8]> = event.chunks(1024).collect();
    let seen = framed(Framing::Sse, &pieces, false);
    assert_eq!(seen.len(), 1);
    assert!(json::check(&seen[0].1).is_ok());
    assert_eq!(seen[0].1.len(), event.len() - "data: \n\n".len());
}

#[test]
fn what_has_begun_is_told_from_what_keeps_alive() {
    // Bytes that mean nothing yet, the beginning of a frame, its end.
    type Row<'a> = (Framing, &'a [u8], &'a [u8], &'a [u8]);
    let table: &[Row<'_>] = &[
        (Framing::Sse, b": ping\n\n", b"data: a", b"\n\n"),
        (Framing::Ndjson, b" \n", b"{", b"}\n"),
        (Framing::JsonArray, b" [ ", b"{", b"}"),
        (
            Framing::EventStream,
            b"",
            b"\0\0\0",
            b"\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff",
        ),
        (Framing::Body, b"", b"{", b""),
    ];
    for (framing, blank, begun, end) in table {
        let mut framer = Framer::new(*framing, MAX);
        let mut frames = 0;
        let mut seen = Vec::new();
        for piece in [blank, begun, end] {
            let mut sink = |_: Frame<'_>| {
                frames += 1;
                Ok(Flow::More)
            };
            framer.push(piece, &mut sink).unwrap();
            seen.push(framer.has_partial());
        }
        // A body has no end but the connection's.
        let is_body = *framing == Framing::Body;
        assert_eq!(seen, [false, true, is_body], "{framing:?}");
        assert_eq!(frames, usize::from(!is_body), "{framing:?}");
    }
}
