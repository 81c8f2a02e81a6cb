//! A whole body as one frame.

use super::{Frame, append};
use crate::error::Result;
use crate::wire::Flow;

/// Collects a body; its one frame comes at the end, and none if it was blank.
#[derive(Debug)]
pub struct Body {
    held: Vec<u8>,
    frame_max: usize,
}

impl Body {
    /// Before the first byte of a body of at most `frame_max` bytes.
    pub fn new(frame_max: usize) -> Body {
        Body {
            held: Vec::new(),
            frame_max,
        }
    }

    /// Takes the bytes of one read.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Flow> {
        append(&mut self.held, bytes, self.frame_max)?;
        Ok(Flow::More)
    }

    /// The body is complete: gives it to `sink`.
    pub fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>) -> Result<Flow> {
        let body = std::mem::take(&mut self.held);
        if body.trim_ascii().is_empty() {
            return Ok(Flow::More);
        }
        sink(Frame {
            name: b"",
            data: &body,
        })
    }

    /// Whether anything has come.
    pub fn has_partial(&self) -> bool {
        !self.held.is_empty()
    }
}
