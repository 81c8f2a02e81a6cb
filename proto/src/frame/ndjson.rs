//! One JSON value a line. Lines end with LF; a CR before it and blank lines mean nothing.

use super::{Frame, append, check_len, recycle};
use crate::error::Result;
use crate::wire::Flow;

/// Cuts bytes into lines.
#[derive(Debug)]
pub struct Ndjson {
    /// The beginning of a line whose end has not come.
    held: Vec<u8>,
    frame_max: usize,
}

impl Ndjson {
    /// Before the first byte; a line has at most `frame_max` bytes.
    pub fn new(frame_max: usize) -> Ndjson {
        Ndjson {
            held: Vec::new(),
            frame_max,
        }
    }

    /// Takes the bytes of one read and gives `sink` each line that is complete with them.
    pub fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let tail = &rest[..end];
            rest = &rest[end + 1..];
            let flow = if self.held.is_empty() {
                check_len(tail.len(), self.frame_max)?;
                give(tail, sink)?
            } else {
                append(&mut self.held, tail, self.frame_max)?;
                self.give_held(sink)?
            };
            if flow == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        append(&mut self.held, rest, self.frame_max)?;
        Ok(Flow::More)
    }

    /// The bytes have come to a clean end: gives `sink` the last line if its LF is missing.
    pub fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>) -> Result<Flow> {
        self.give_held(sink)
    }

    /// Whether a line has begun.
    pub fn has_partial(&self) -> bool {
        !self.held.trim_ascii_start().is_empty()
    }

    fn give_held(&mut self, sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>) -> Result<Flow> {
        let flow = give(&self.held, sink);
        recycle(&mut self.held);
        flow
    }
}

fn give(line: &[u8], sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>) -> Result<Flow> {
    match line.trim_ascii() {
        b"" => Ok(Flow::More),
        data => sink(Frame { name: b"", data }),
    }
}
