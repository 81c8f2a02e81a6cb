//! Answers, from HTTP's body to events, through the decoder and one wire's reader.

use libllm_proto::decoder::{End, Limits};
use libllm_proto::provider::{Quirks, TerminalMarker};
use libllm_proto::wire::{self, Exchange, Head, Operation, Wire};
use libllm_proto::{ErrorKind, json};

use crate::heard::{Heard, hear, is_prefix};
use crate::input::{self, Knobs};
use crate::memory;

/// Checks one answer of this wire; the input's first byte says what was asked and what the head says.
pub(crate) fn check(wire: &str, data: &[u8]) {
    let Some((knobs, body)) = input::split(data) else {
        return;
    };
    let Some(wire) = wire::find(wire) else {
        return;
    };
    let asked = Asked::new(wire, knobs);
    let limits = Limits::default();
    let (peak, whole) = memory::peak(|| asked.hear(&[body], End::Clean, limits));
    assert!(
        peak <= PEAK_BASE + PEAK_PER_BYTE * body.len(),
        "{peak} bytes for {}",
        body.len()
    );
    whole_makes_sense(&whole);
    for pieces in input::cuts(knobs, body) {
        assert_eq!(
            asked.hear(&pieces, End::Clean, limits),
            whole,
            "cut as {pieces:?}"
        );
    }
    asked.is_cut_short(&body[..knobs.place(body.len())], &whole);
    asked.is_limited(body, knobs);
    if whole.ending == Ok(Default::default()) {
        asked.is_proven(body, knobs);
    }
}

struct Asked {
    wire: &'static dyn Wire,
    quirks: Quirks,
    operation: Operation,
    stream: bool,
    raw: bool,
    head: Head,
}

impl Asked {
    fn new(wire: &'static dyn Wire, knobs: Knobs) -> Asked {
        let mut head = Head::new(200);
        let content_type = CONTENT_TYPES[usize::from(knobs.0[0] & 7) % CONTENT_TYPES.len()];
        if let Ok(value) = content_type.parse() {
            head.headers.insert("content-type", value);
        }
        let quirks = Quirks {
            terminal_marker: match (knobs.bit(5), knobs.bit(6)) {
                (false, _) => TerminalMarker::Format,
                (true, false) => TerminalMarker::FinishReason,
                (true, true) => TerminalMarker::None,
            },
            ..Quirks::default()
        };
        Asked {
            wire,
            quirks,
            operation: match knobs.bit(7) && wire.speaks(Operation::Completion) {
                true => Operation::Completion,
                false => Operation::Chat,
            },
            stream: !knobs.bit(4),
            raw: knobs.bit(3),
            head,
        }
    }

    fn hear(&self, pieces: &[&[u8]], end: End, limits: Limits) -> Heard {
        let exchange = Exchange {
            stream: self.stream,
            operation: self.operation,
            quirks: &self.quirks,
            packed: false,
            answer_tool: false,
        };
        hear(
            self.wire, &exchange, &self.head, limits, self.raw, pieces, end,
        )
    }

    /// A connection that breaks gives a beginning of what would have come, and an error unless the answer was over.
    fn is_cut_short(&self, prefix: &[u8], whole: &Heard) {
        let lost = End::Lost("reset".to_owned());
        let heard = self.hear(&[prefix], lost, Limits::default());
        assert!(
            is_prefix(&heard.items, &whole.items),
            "{heard:?} of {whole:?}"
        );
        match &heard.ending {
            Ok(_) => assert!(
                heard.done,
                "an answer that broke off passes for whole: {heard:?}"
            ),
            Err((kind, ..)) if heard.done => assert_eq!(
                Some(*kind),
                whole.ending.as_ref().err().map(|error| error.0)
            ),
            Err(_) => {}
        }
        if heard.done {
            assert_eq!(heard, *whole, "what follows an answer's end changes it");
        }
    }

    /// Small limits are kept, and an error names the one that was passed.
    fn is_limited(&self, body: &[u8], knobs: Knobs) {
        let limits = Limits {
            event: 1 + usize::from(knobs.0[1]),
            answer: 1 + u64::from(knobs.0[2]) * 4,
            error_body: usize::from(knobs.0[3]),
        };
        let heard = self.hear(&[body], End::Clean, limits);
        if let Err((ErrorKind::LimitExceeded, message, _)) = &heard.ending {
            let named = ["max_event", "max_answer", "limit"].iter();
            assert!(
                named.clone().any(|name| message.contains(name)),
                "{message}"
            );
        }
        let is_refused = heard
            .ending
            .as_ref()
            .is_err_and(|error| error.0 == ErrorKind::BadContentType);
        let too_long = body.len() as u64 > limits.answer && !heard.done;
        assert!(
            !too_long || heard.ending.is_err() || is_refused,
            "longer than {limits:?}: {heard:?}"
        );
    }

    /// Only the format's own marker proves that an answer is whole.
    fn is_proven(&self, body: &[u8], knobs: Knobs) {
        let text = body.trim_ascii();
        let is_object =
            text.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
        if self.head.content_type() == "application/json" && is_object {
            let cut = &text[..knobs.place(text.len() - 1)];
            let heard = self.hear(&[cut], End::Clean, Limits::default());
            assert!(
                heard.ending.is_err(),
                "half an object passes for an answer: {heard:?}"
            );
        }
        // One object that is whole needs no marker, except where each line of a stream is one.
        let is_whole = is_json(text) && !["ollama", "cohere_v1"].contains(&self.wire.name());
        let plain = self.quirks == Quirks::default() && !body.contains(&b'\\') && !is_whole;
        let holds = |marker: &str| {
            body.windows(marker.len())
                .any(|part| part == marker.as_bytes())
        };
        let markers = MARKERS.iter().find(|(name, _)| *name == self.wire.name());
        if let Some((_, markers)) = markers
            && plain
        {
            assert!(
                markers.iter().any(|marker| holds(marker)),
                "nothing says that it is over"
            );
        }
    }
}

/// Whether these bytes begin like JSON, whatever the head says of them.
fn is_json(text: &[u8]) -> bool {
    let ignored = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF);
    let first = text.iter().find(|byte| !ignored(byte));
    matches!(first, Some(b'{' | b'['))
}

/// The fold over an answer is JSON whatever came.
fn whole_makes_sense(heard: &Heard) {
    if let Err(error) = json::check(heard.folded.as_bytes()) {
        // Depth is what the provider's own parts bring with them.
        assert!(
            error.message().contains("deep") || error.message().contains("level"),
            "{error}: {}",
            heard.folded
        );
    }
    if let Err((kind, message, _)) = &heard.ending {
        assert_ne!(*kind, ErrorKind::Internal, "{message}");
        assert!(
            message.len() <= 4096,
            "a message of {} bytes",
            message.len()
        );
    }
}

const CONTENT_TYPES: &[&str] = &[
    "text/event-stream",
    "application/json",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    "text/plain",
    "text/html",
    "text/event-stream; charset=utf-8",
];

/// What an answer must hold that is over, in a stream or in one object.
const MARKERS: &[(&str, &[&str])] = &[
    ("openai_chat", &["finish_reason", "[DONE]"]),
    ("openai_responses", &["response", "output"]),
    ("openai_completions", &["finish_reason", "[DONE]"]),
    ("anthropic", &["message_stop", "stop_reason"]),
    ("cohere", &["message-end", "finish_reason"]),
    ("cohere_v1", &["is_finished", "stream-end", "finish_reason"]),
    ("ollama", &["done"]),
    ("gemini", &["finishReason", "blockReason"]),
    ("bedrock_converse", &["messageStop", "stopReason"]),
];

// An answer's state, its batch and the fold, and what each byte of it may cost in all of them together (measured on the corpora
// 2026-11-21: 40 KiB and 60).
const PEAK_BASE: usize = 128 * 1024;
const PEAK_PER_BYTE: usize = 256;
