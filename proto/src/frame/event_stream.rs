//! AWS event stream (`application/vnd.amazon.eventstream`): binary messages with two checksums and typed headers
//! (docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html, read 2026-11-21).
//!
//! ```text
//! total length u32 | headers length u32 | crc of these 8 | headers | payload | crc of all before
//! ├────────────────── prelude, 12 bytes ─────────────────┤
//! ```
//! An event is a frame with the name its `:event-type` says. What ends a stream, an exception or an error, is told as data: a
//! frame named `error` whose JSON holds the type as `type` and the payload as `error`, so that every wire reads it as one.

mod message;

pub use message::{Header, Headers, Message, Value};

use super::{Frame, append, recycle};
use crate::error::{Error, ErrorKind, Result};
use crate::json;
use crate::wire::Flow;
use message::Prelude;

/// Cuts bytes into messages.
#[derive(Debug)]
pub struct EventStream {
    /// The beginning of a message whose end has not come.
    held: Vec<u8>,
    frame_max: usize,
}

impl EventStream {
    /// Before the first byte; a message has at most `frame_max` bytes.
    pub fn new(frame_max: usize) -> EventStream {
        EventStream {
            held: Vec::new(),
            frame_max,
        }
    }

    /// Takes the bytes of one read and gives `sink` each frame that is complete with them.
    pub fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        self.messages(bytes, &mut |message| give(message, sink))
    }

    /// As [`EventStream::push`], with each message as it came.
    pub fn messages(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl FnMut(&Message<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        if !self.held.is_empty() {
            let Some(rest) = self.fill(bytes)? else {
                return Ok(Flow::More);
            };
            bytes = rest;
            let mut whole = std::mem::take(&mut self.held);
            let flow = Message::read(&whole).and_then(|message| sink(&message));
            recycle(&mut whole);
            self.held = whole;
            if flow? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        while let Some(total) = self.total(bytes)? {
            let Some((whole, rest)) = bytes.split_at_checked(total) else {
                break;
            };
            bytes = rest;
            if sink(&Message::read(whole)?)? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        append(&mut self.held, bytes, self.frame_max)?;
        Ok(Flow::More)
    }

    /// The bytes have come to a clean end: a message that has begun was cut off.
    pub fn finish(&mut self) -> Result<Flow> {
        if self.held.is_empty() {
            return Ok(Flow::More);
        }
        Err(Error::new(
            ErrorKind::StreamTruncated,
            "the stream ends inside an event",
        ))
    }

    /// Whether a message has begun.
    pub fn has_partial(&self) -> bool {
        !self.held.is_empty()
    }

    /// Brings the message that has begun to its end; what follows it, or nothing if it needs more bytes than these.
    fn fill<'i>(&mut self, mut bytes: &'i [u8]) -> Result<Option<&'i [u8]>> {
        for stage in [Some(Prelude::LEN), None] {
            let need = match stage {
                Some(need) => need,
                None => self.total(&self.held)?.unwrap_or(Prelude::LEN),
            };
            let part = need.saturating_sub(self.held.len()).min(bytes.len());
            append(&mut self.held, &bytes[..part], self.frame_max.max(need))?;
            bytes = &bytes[part..];
            if self.held.len() < need {
                // A bad prelude is told as soon as it is there.
                return self.total(&self.held).map(|_| None);
            }
        }
        Ok(Some(bytes))
    }

    /// How long the message is that `bytes` begin with, as soon as its prelude is there. Nothing is kept for a length that its
    /// checksum does not confirm or the limit forbids.
    fn total(&self, bytes: &[u8]) -> Result<Option<usize>> {
        let Some(prelude) = Prelude::read(bytes)? else {
            return Ok(None);
        };
        super::check_len(prelude.total, self.frame_max)?;
        Ok(Some(prelude.total))
    }
}

/// What a message means to a wire.
fn give(message: &Message<'_>, sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>) -> Result<Flow> {
    let (kind, payload) = (message.headers.text(":message-type"), message.payload);
    let of = |name| message.headers.text(name).unwrap_or_default();
    let data = match kind {
        Some("exception") => told(of(":exception-type"), payload),
        Some("error") => {
            let message = serde_json::Value::from(of(":error-message")).to_string();
            told(of(":error-code"), message.as_bytes())
        }
        _ => {
            let name = of(":event-type").as_bytes();
            return sink(Frame {
                name,
                data: payload,
            });
        }
    };
    sink(Frame {
        name: b"error",
        data: data.as_bytes(),
    })
}

/// The JSON that says an error: its type, and what came with it.
fn told(kind: &str, payload: &[u8]) -> String {
    let kind = serde_json::Value::from(kind);
    let text = String::from_utf8_lossy(payload);
    if text.trim().is_empty() {
        return format!("{{\"type\":{kind}}}");
    }
    if json::check(payload).is_ok() {
        return format!("{{\"type\":{kind},\"error\":{text}}}");
    }
    let text = serde_json::Value::from(&*text);
    format!("{{\"type\":{kind},\"error\":{text}}}")
}
