//! Answers of what is asked beside conversations, by every wire and operation that is answered in one piece.

use libllm_proto::ErrorKind;
use libllm_proto::decoder::{End, Limits};
use libllm_proto::operation::Operation;
use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Exchange, Head, Wire};

use crate::heard::{Heard, hear};
use crate::input::{self, Knobs};
use crate::memory;

/// Checks one answer. The input's first byte says which wire is asked for what, its last choices what the head says.
pub(crate) fn answer(data: &[u8]) {
    let Some((knobs, body)) = input::split(data) else {
        return;
    };
    let Some(asked) = Asked::new(knobs) else {
        return;
    };
    let limits = Limits::default();
    let (peak, whole) = memory::peak(|| asked.hear(&[body], End::Clean, limits));
    assert!(
        peak <= PEAK_BASE + PEAK_PER_BYTE * body.len(),
        "{peak} bytes for {}",
        body.len()
    );
    makes_sense(&whole);
    for pieces in input::cuts(knobs, body) {
        assert_eq!(
            asked.hear(&pieces, End::Clean, limits),
            whole,
            "cut as {pieces:?}"
        );
    }
    let lost = End::Lost("reset".to_owned());
    let cut = asked.hear(&[&body[..knobs.place(body.len())]], lost, limits);
    assert!(
        cut.ending.is_err() && cut.result.is_none(),
        "an answer that broke off passes for whole: {cut:?}"
    );
    let small = Limits {
        answer: 1 + u64::from(knobs.0[1]) * 4,
        ..limits
    };
    let heard = asked.hear(&[body], End::Clean, small);
    assert!(
        body.len() as u64 <= small.answer || heard.ending.is_err(),
        "longer than {small:?}: {heard:?}"
    );
}

/// An answer is one result, JSON that others can read unless a media type says what it is; a failure is an error and nothing else.
fn makes_sense(heard: &Heard) {
    match (&heard.ending, &heard.result) {
        (Ok(_), Some((None, json))) => {
            let read = serde_json::from_slice::<serde::de::IgnoredAny>(json);
            // How deep JSON may be is each reader's own.
            let deep = |error: &serde_json::Error| error.to_string().contains("recursion limit");
            assert!(
                read.as_ref().err().is_none_or(deep),
                "{read:?}: {}",
                String::from_utf8_lossy(json)
            );
        }
        (Ok(_), Some((Some(media_type), _))) => assert!(!media_type.is_empty()),
        (Ok(_), None) => panic!("an answer without a result: {heard:?}"),
        (Err((kind, message, _)), result) => {
            assert!(result.is_none(), "{heard:?}");
            assert_ne!(*kind, ErrorKind::Internal, "{message}");
            assert!(
                message.len() <= 4096,
                "a message of {} bytes",
                message.len()
            );
        }
    }
}

struct Asked {
    wire: &'static dyn Wire,
    operation: Operation,
    packed: bool,
    head: Head,
}

impl Asked {
    fn new(knobs: Knobs) -> Option<Asked> {
        let wires = wire::KNOWN.iter().filter_map(|name| wire::find(name));
        let all: Vec<_> = wires
            .flat_map(|wire| {
                Operation::ALL
                    .iter()
                    .map(move |operation| (wire, *operation))
            })
            .filter(|(wire, operation)| wire.unary(*operation).is_some())
            .collect();
        let (wire, operation) = *all.get(usize::from(knobs.0[0]) % all.len().max(1))?;
        let mut head = Head::new(200);
        let content_type = CONTENT_TYPES[usize::from(knobs.0[3]) % CONTENT_TYPES.len()];
        head.headers
            .insert("content-type", content_type.parse().ok()?);
        Some(Asked {
            wire,
            operation,
            packed: knobs.0[3] & 0x80 != 0,
            head,
        })
    }

    fn hear(&self, pieces: &[&[u8]], end: End, limits: Limits) -> Heard {
        let quirks = Quirks::default();
        let exchange = Exchange {
            stream: false,
            operation: self.operation,
            quirks: &quirks,
            packed: self.packed,
            answer_tool: false,
        };
        hear(self.wire, &exchange, &self.head, limits, false, pieces, end)
    }
}

const CONTENT_TYPES: &[&str] = &[
    "application/json",
    "text/plain",
    "audio/mpeg",
    "application/octet-stream",
    "text/html",
    "application/json; charset=utf-8",
];

// The body, what is made of it and what the fold keeps; a number of four bytes becomes ten of text, and base64 numbers of up to
// thirty digits each.
const PEAK_BASE: usize = 128 * 1024;
const PEAK_PER_BYTE: usize = 256;
