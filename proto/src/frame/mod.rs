//! Bytes to frames: server-sent events, lines of JSON, whole bodies. A framer knows no wire.

/// One frame of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The event's name (`event:` of SSE); empty where the framing has none or it was not sent.
    pub name: &'a [u8],
    /// The payload: an event's data, a line, a body. Any bytes.
    pub data: &'a [u8],
}

/// How an answer's bytes are cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON value a line.
    Ndjson,
    /// The whole body is one frame.
    Body,
}
