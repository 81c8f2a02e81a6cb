//! Bytes to frames: server-sent events, lines of JSON, elements of a JSON array, AWS event streams, whole bodies. A framer knows
//! no wire.
//!
//! A framer gives the same frames however the bytes are cut, lends what lies whole in one read straight from that read, and
//! does work in proportion to the bytes.
//!
//! ```
//! use libllm_proto::frame::{Framer, Framing};
//! use libllm_proto::wire::Flow;
//!
//! let mut framer = Framer::new(Framing::Sse, 1024);
//! let mut seen = Vec::new();
//! for read in ["data: one\n\nda", "ta: two\n", "\n"] {
//!     framer.push(read.as_bytes(), &mut |frame| {
//!         seen.push(frame.data.to_vec());
//!         Ok(Flow::More)
//!     })?;
//! }
//! assert_eq!(seen, [b"one", b"two"]);
//! # Ok::<(), libllm_proto::Error>(())
//! ```

mod body;
mod event_stream;
mod json_array;
mod ndjson;
mod sse;

pub use body::Body;
pub use event_stream::{EventStream, Header, Headers, Message, Value};
pub use json_array::JsonArray;
pub use ndjson::Ndjson;
pub use sse::Sse;

use crate::error::{Error, ErrorKind, Result};
use crate::wire::Flow;

/// One frame of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The event's name (`event:` of SSE, `:event-type` of an AWS event stream); empty where the framing has none or it was not
    /// sent.
    pub name: &'a [u8],
    /// The payload: an event's data, a line, an element, a body. Any bytes.
    pub data: &'a [u8],
}

/// How an answer's bytes are cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON value a line.
    Ndjson,
    /// The elements of one JSON array.
    JsonArray,
    /// Binary messages of AWS.
    EventStream,
    /// The whole body is one frame.
    Body,
}

/// The state of one answer's framing.
#[derive(Debug)]
#[allow(missing_docs)] // each is the framing of its name
pub enum Framer {
    Sse(Sse),
    Ndjson(Ndjson),
    JsonArray(JsonArray),
    EventStream(EventStream),
    Body(Body),
}

impl Framer {
    /// Before the first byte. No frame is longer than `frame_max` bytes.
    pub fn new(framing: Framing, frame_max: usize) -> Framer {
        match framing {
            Framing::Sse => Framer::Sse(Sse::new(frame_max)),
            Framing::Ndjson => Framer::Ndjson(Ndjson::new(frame_max)),
            Framing::JsonArray => Framer::JsonArray(JsonArray::new(frame_max)),
            Framing::EventStream => Framer::EventStream(EventStream::new(frame_max)),
            Framing::Body => Framer::Body(Body::new(frame_max)),
        }
    }

    /// Takes the bytes of one read and gives `sink` each frame that is complete with them. Stops where `sink` fails or is done.
    pub fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        match self {
            Framer::Sse(sse) => sse.push(bytes, sink),
            Framer::Ndjson(ndjson) => ndjson.push(bytes, sink),
            Framer::JsonArray(array) => array.push(bytes, sink),
            Framer::EventStream(events) => events.push(bytes, sink),
            Framer::Body(body) => body.push(bytes),
        }
    }

    /// The bytes have come to a clean end: gives `sink` the frame that only lacked its end mark, if there is one.
    pub fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>) -> Result<Flow> {
        match self {
            Framer::Sse(sse) => sse.finish(sink),
            Framer::Ndjson(ndjson) => ndjson.finish(sink),
            Framer::JsonArray(array) => array.finish(),
            Framer::EventStream(events) => events.finish(),
            Framer::Body(body) => body.finish(sink),
        }
    }

    /// Whether payload of an unfinished frame waits: bytes came that are no mere keep-alive.
    pub fn has_partial(&self) -> bool {
        match self {
            Framer::Sse(sse) => sse.has_partial(),
            Framer::Ndjson(ndjson) => ndjson.has_partial(),
            Framer::JsonArray(array) => array.has_partial(),
            Framer::EventStream(events) => events.has_partial(),
            Framer::Body(body) => body.has_partial(),
        }
    }
}

/// Copies `part` behind `buffer`, if the frame stays within `frame_max` bytes.
fn append(buffer: &mut Vec<u8>, part: &[u8], frame_max: usize) -> Result<()> {
    check_len(buffer.len() + part.len(), frame_max)?;
    buffer.extend_from_slice(part);
    Ok(())
}

fn check_len(len: usize, frame_max: usize) -> Result<()> {
    if len <= frame_max {
        return Ok(());
    }
    let message = format!("event exceeds the limit max_event of {frame_max} bytes");
    Err(Error::new(ErrorKind::LimitExceeded, message))
}

/// Empties a buffer; gives back what one long frame made it grow, so that a slow stream stays small.
fn recycle(buffer: &mut Vec<u8>) {
    buffer.clear();
    // Several times the usual event (0.3 to 2 KiB), and well below the 24 KiB that a stream may cost.
    buffer.shrink_to(8 * 1024);
}
