//! The decoder's own work, on a format made up for it: an event's data is text, `end` is the terminal marker, `bad` is no
//! frame of it, `idle` means nothing.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::frame::{Frame, Framing};
use libllm_proto::json::{Cursor, Kind};
use libllm_proto::provider::Quirks;
use libllm_proto::request::Request;
use libllm_proto::wire::{Encoded, Ending, Exchange, Flow, Head, Operation, Reader, Target, Wire};
use libllm_proto::{Batch, Error, ErrorKind, Event, Result, Retry, json, refusal};
use support::every_cut;

#[derive(Debug)]
struct Words;

#[derive(Default)]
struct WordReader {
    ended: bool,
}

impl Wire for Words {
    fn name(&self) -> &'static str {
        "words"
    }

    fn encode(&self, _: &Request, _: &Target<'_>) -> Result<Encoded> {
        Err(Error::new(ErrorKind::Unsupported, "words are only heard"))
    }

    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
        let framing = match head.content_type().as_str() {
            "application/json" => Framing::Body,
            "application/x-ndjson" => Framing::Ndjson,
            _ if exchange.stream => Framing::Sse,
            _ => Framing::Body,
        };
        (framing, Box::new(WordReader::default()))
    }

    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error {
        refusal::from_response(head, body, exchange.quirks, now)
    }
}

impl Reader for WordReader {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        match frame.data {
            b"end" => {
                self.ended = true;
                return Ok(Flow::Done);
            }
            b"bad" => return Err(Error::new(ErrorKind::Protocol, "no word")),
            b"idle" => {}
            b"new" => batch.push(0, Event::Raw(frame.data)),
            data if Cursor::new(data).kind().ok() == Some(Kind::Object) => {
                json::check(data)?;
                batch.push(0, Event::Text(std::str::from_utf8(data).unwrap()));
                self.ended = true;
            }
            data => batch.push(0, Event::Text(std::str::from_utf8(data).unwrap())),
        }
        Ok(Flow::More)
    }

    fn finish(&mut self, _: &mut Batch) -> Result<Ending> {
        if self.ended {
            return Ok(Ending::default());
        }
        Err(Error::new(
            ErrorKind::StreamTruncated,
            "the words do not end",
        ))
    }
}

fn head(status: u16, content_type: &'static str) -> Head {
    let mut head = Head::new(status);
    head.headers
        .insert("content-type", HeaderValue::from_static(content_type));
    head.headers
        .insert("x-request-id", HeaderValue::from_static("r1"));
    head
}

fn decoder(head: Head, limits: Limits, raw: bool) -> Decoder {
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream: true,
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    Decoder::new(&Words, &exchange, head, limits, raw, SystemTime::UNIX_EPOCH)
}

/// Everything said, and how it ended.
fn decode(head: Head, pieces: &[&[u8]], end: End) -> (String, Result<Ending>) {
    let mut decoder = decoder(head, Limits::default(), false);
    let mut batch = Batch::new();
    let failed = pieces
        .iter()
        .find_map(|piece| decoder.push(piece, &mut batch).err());
    let ending = match failed {
        Some(error) => Err(error),
        None => decoder.finish(end, &mut batch),
    };
    (text(&batch), ending)
}

fn text(batch: &Batch) -> String {
    let texts = batch.iter().map(|(_, event)| match event {
        Event::Text(text) => text.to_owned(),
        Event::Raw(raw) => format!("<{}>", String::from_utf8_lossy(raw)),
        other => panic!("{other:?}"),
    });
    texts.collect::<Vec<_>>().join(" ")
}

const SSE: &str = "text/event-stream";

#[test]
fn only_the_terminal_marker_ends_an_answer() {
    let lost = || End::Lost("connection reset".to_owned());
    let table: &[(&str, End, &str, Option<ErrorKind>)] = &[
        ("data: a\n\ndata: end\n\n", End::Clean, "a", None),
        ("data: a\n\ndata: end\n\n", lost(), "a", None),
        (
            "data: a\n\ndata: end\n\ndata: b\n\ngarbage",
            End::Clean,
            "a",
            None,
        ),
        ("data: a\n\ndata: end", End::Clean, "a", None),
        (
            "data: a\n\ndata: end",
            lost(),
            "a",
            Some(ErrorKind::ConnectionLost),
        ),
        (
            "data: a\n\ndata: b",
            lost(),
            "a",
            Some(ErrorKind::ConnectionLost),
        ),
        (
            "data: a\n\n",
            End::Clean,
            "a",
            Some(ErrorKind::StreamTruncated),
        ),
        (
            "data: a\n\ndata: bad",
            End::Clean,
            "a",
            Some(ErrorKind::StreamTruncated),
        ),
        (
            "data: a\n\ndata: bad\n\n",
            End::Clean,
            "a",
            Some(ErrorKind::Protocol),
        ),
        ("", End::Clean, "", Some(ErrorKind::StreamTruncated)),
        ("", lost(), "", Some(ErrorKind::ConnectionLost)),
    ];
    for (input, end, expected, kind) in table {
        every_cut(input.as_bytes(), |cut, pieces| {
            let (text, ending) = decode(head(200, SSE), pieces, end.clone());
            assert_eq!(text, *expected, "{input}, {cut}");
            assert_eq!(
                ending.as_ref().err().map(Error::kind),
                *kind,
                "{input}, {cut}"
            );
            if let Err(error) = ending {
                assert_eq!(error.http_status(), Some(200));
                assert_eq!(error.request_id(), Some("r1"));
            }
        });
    }
}

#[test]
fn a_refusal_keeps_the_beginning_of_its_body() {
    let limits = Limits {
        error_body: 20,
        ..Limits::default()
    };
    let mut decoder = decoder(head(503, "text/plain"), limits, false);
    let mut batch = Batch::new();
    assert!(decoder.is_refusal());
    assert_eq!(
        decoder.push(b"the engine is ", &mut batch).unwrap(),
        Flow::More
    );
    assert_eq!(
        decoder.push(b"busy, come later", &mut batch).unwrap(),
        Flow::Done
    );
    assert_eq!(decoder.push(b"unread", &mut batch).unwrap(), Flow::Done);
    let error = decoder
        .finish(End::Lost("reset".to_owned()), &mut batch)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.message(), "the engine is busy,");
    assert_eq!(
        (error.http_status(), error.request_id()),
        (Some(503), Some("r1"))
    );
    assert!(batch.is_empty());
}

#[test]
fn statuses_that_are_no_answer_are_told_apart() {
    let table = [
        (302, ErrorKind::RedirectRefused),
        (307, ErrorKind::RedirectRefused),
        (100, ErrorKind::Protocol),
        (199, ErrorKind::Protocol),
        (600, ErrorKind::Protocol),
        (999, ErrorKind::Protocol),
        (418, ErrorKind::InvalidRequest),
        (500, ErrorKind::ServerError),
        (599, ErrorKind::ServerError),
    ];
    for (status, kind) in table {
        let (_, ending) = decode(head(status, SSE), &[b"data: end\n\n"], End::Clean);
        assert_eq!(ending.unwrap_err().kind(), kind, "{status}");
    }
}

#[test]
fn json_where_events_were_promised_is_read_as_json() {
    for blank in ["", "\n ", "\u{feff}"] {
        let input = format!("{blank}{{\"error\":\n\n\"data: a\"}}\n\n");
        every_cut(input.as_bytes(), |cut, pieces| {
            let (text, ending) = decode(head(200, SSE), pieces, End::Clean);
            assert_eq!(
                text.trim_start_matches('\u{feff}').trim(),
                input.trim_start_matches('\u{feff}').trim(),
                "{cut}"
            );
            ending.unwrap();
        });
    }
    let (_, ending) = decode(head(200, SSE), &[b"{\"a\":", b"[1,"], End::Clean);
    assert_eq!(ending.unwrap_err().kind(), ErrorKind::StreamTruncated);
    let (_, ending) = decode(head(200, SSE), &[b"{\"a\":}"], End::Clean);
    assert_eq!(ending.unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn events_where_json_was_promised_are_read_as_events() {
    const JSON: &str = "application/json; charset=utf-8";
    for before in [
        "",
        "\r\n",
        "\u{feff}",
        ": busy\n\n",
        "event: x\n",
        "id: 1\nretry: 2\n",
    ] {
        let input = format!("{before}data: a\n\ndata: end\n\n");
        every_cut(input.as_bytes(), |cut, pieces| {
            let (text, ending) = decode(head(200, JSON), pieces, End::Clean);
            ending.unwrap();
            assert_eq!(text, "a", "{before:?} {cut}");
        });
    }
    let (_, ending) = decode(head(200, JSON), &[b"data: a\n\n"], End::Clean);
    assert_eq!(ending.unwrap_err().kind(), ErrorKind::StreamTruncated);
    // A page, a word and half of some JSON are what they were.
    for other in ["<p>", "done", "{"] {
        let (_, ending) = decode(head(200, JSON), &[other.as_bytes()], End::Clean);
        let kind = ending.unwrap_err().kind();
        assert_eq!(kind, ErrorKind::StreamTruncated, "{other}");
    }
}

#[test]
fn html_is_never_an_answer() {
    let page = b"<!DOCTYPE html><title>Sign in</title><p>203.0.113.9</p>";
    for content_type in ["text/html; charset=utf-8", SSE] {
        every_cut(page, |cut, pieces| {
            let (text, ending) = decode(head(200, content_type), pieces, End::Clean);
            let error = ending.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadContentType, "{cut}");
            assert!(error.message().contains("Sign in") && !error.message().contains("203."));
            assert_eq!((text.as_str(), error.retry()), ("", Retry::Never));
        });
    }
}

#[test]
fn what_is_called_html_and_is_an_answer_is_read_as_one() {
    const HTML: &str = "text/html; charset=utf-8";
    every_cut(b"\ndata: a\n\ndata: end\n\n", |cut, pieces| {
        let (text, ending) = decode(head(200, HTML), pieces, End::Clean);
        ending.unwrap();
        assert_eq!(text, "a", "{cut}");
    });
    every_cut(b" {\"a\":1}", |cut, pieces| {
        let (text, ending) = decode(head(200, HTML), pieces, End::Clean);
        ending.unwrap();
        assert_eq!(text, r#"{"a":1}"#, "{cut}");
    });
    for words in ["OK", "", " \n", "404 page"] {
        every_cut(words.as_bytes(), |cut, pieces| {
            let (_, ending) = decode(head(200, HTML), pieces, End::Clean);
            let kind = ending.unwrap_err().kind();
            assert_eq!(kind, ErrorKind::BadContentType, "{words} {cut}");
        });
    }
}

#[test]
fn an_answer_beyond_its_limit_is_an_error_that_names_it() {
    let limits = Limits {
        answer: 20,
        event: 8,
        ..Limits::default()
    };
    let push = |input: &[u8], content_type| {
        let mut decoder = decoder(head(200, content_type), limits, false);
        let mut batch = Batch::new();
        let failed = input
            .chunks(3)
            .find_map(|piece| decoder.push(piece, &mut batch).err());
        failed.map(|error| (error.kind(), error.message().to_owned()))
    };
    let (kind, message) = push(b"data: a\n\ndata: b\n\ndata: c\n\n", SSE).unwrap();
    assert_eq!(kind, ErrorKind::LimitExceeded);
    assert!(message.contains("max_answer of 20 bytes"), "{message}");
    let (_, message) = push(b"data: 123456789", SSE).unwrap();
    assert!(message.contains("max_event of 8 bytes"), "{message}");
    // A whole body is one answer, not one event.
    assert_eq!(push(b"{\"longer than\": 8}", "application/json"), None);
    assert!(push(b"{\"longer than twenty\": 8}", "application/json").is_some());
    let defaults = Limits::default();
    assert_eq!(
        (defaults.event, defaults.answer, defaults.error_body),
        (33_554_432, 268_435_456, 65_536)
    );
}

#[test]
fn keep_alives_are_told_from_progress() {
    let mut decoder = decoder(head(200, SSE), Limits::default(), false);
    let mut batch = Batch::new();
    let mut progress = |read: &str| {
        let before = decoder.frames();
        decoder.push(read.as_bytes(), &mut batch).unwrap();
        decoder.frames() > before
    };
    assert!(!progress(": waiting\n\n"));
    assert!(!progress("\n\n: wai"));
    assert!(!progress("ting\n\nevent: ping\n\n"));
    assert!(!progress("data: idle\n\n"));
    assert!(progress("data: a\n\n"));
    assert!(!progress("\n"));
    assert!(progress("data: a long"));
    assert!(progress(" event"));
    assert!(progress("\n\n"));
    assert!(!progress(":\n\n"));
}

#[test]
fn raw_hands_every_frame_out_once() {
    let mut decoder = decoder(head(200, SSE), Limits::default(), true);
    let mut batch = Batch::new();
    let input = b"data: a\n\ndata: new\n\ndata: idle\n\n: no frame\n\ndata: end\n\n";
    assert_eq!(decoder.push(input, &mut batch).unwrap(), Flow::Done);
    decoder.finish(End::Clean, &mut batch).unwrap();
    assert_eq!(text(&batch), "a <a> <new> <idle> <end>");
}

#[test]
fn a_refusal_is_dated_against_now() {
    let mut head = head(429, "application/json");
    let date = HeaderValue::from_static("Thu, 01 Jan 1970 00:00:07 GMT");
    head.headers.insert("retry-after", date);
    let (_, ending) = decode(head, &[b"{}"], End::Clean);
    assert_eq!(
        ending.unwrap_err().retry(),
        Retry::After(Duration::from_secs(7))
    );
}
