//! A JSON array that is streamed, its elements frames: what Gemini sends where no event stream was asked for. A body that is a
//! single object, an error for example, is one frame.
//!
//! ```text
//!            [                      first byte of a value            its last byte
//!   Outside ───► Value (or `]`) ──────────────────────────► Inside ─────────────────► Comma (or `]`) ──► Value
//!      └──────────────────────── { ────────────────────────────┘                         └──── ] ──────► Over
//! ```
//! Only strings and brackets are looked at: whether an element is good JSON is its reader's to say.

use super::{Frame, append, check_len, recycle};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::Flow;

/// Cuts bytes into elements.
#[derive(Debug)]
pub struct JsonArray {
    state: State,
    /// The beginning of an element whose end has not come.
    held: Vec<u8>,
    scan: Scan,
    frame_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the array, and how much of a byte order mark was seen.
    Outside(usize),
    /// A value must come; `]` may, if it is the first.
    Value {
        first: bool,
    },
    Inside {
        array: bool,
    },
    /// A value has ended.
    Comma,
    Over,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl JsonArray {
    /// Before the first byte; an element has at most `frame_max` bytes.
    pub fn new(frame_max: usize) -> JsonArray {
        JsonArray {
            state: State::Outside(0),
            held: Vec::new(),
            scan: Scan::default(),
            frame_max,
        }
    }

    /// Takes the bytes of one read and gives `sink` each element that is complete with them.
    pub fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            if let State::Inside { array } = self.state {
                let Some(end) = self.scan.end(rest) else {
                    append(&mut self.held, rest, self.frame_max)?;
                    return Ok(Flow::More);
                };
                let (tail, behind) = rest.split_at(end);
                rest = behind;
                self.state = if array { State::Comma } else { State::Over };
                if self.give(tail, sink)? == Flow::Done {
                    return Ok(Flow::Done);
                }
                continue;
            }
            if self.between(byte)? {
                rest = &rest[1..];
            }
        }
        Ok(Flow::More)
    }

    /// The bytes have come to a clean end: an array that is not closed was cut off.
    pub fn finish(&mut self) -> Result<Flow> {
        match self.state {
            State::Over | State::Outside(0) => Ok(Flow::More),
            _ => Err(Error::new(
                ErrorKind::StreamTruncated,
                "the stream ends inside its array",
            )),
        }
    }

    /// Whether an element has begun.
    pub fn has_partial(&self) -> bool {
        matches!(self.state, State::Inside { .. })
    }

    /// Reads a byte outside elements; whether it is done with. One that is not begins an element.
    fn between(&mut self, byte: u8) -> Result<bool> {
        self.state = match (self.state, byte) {
            (State::Outside(seen), _) if BOM.get(seen) == Some(&byte) => State::Outside(seen + 1),
            (State::Outside(0) | State::Outside(3), b' ' | b'\t' | b'\n' | b'\r') => self.state,
            (State::Outside(0) | State::Outside(3), b'[') => State::Value { first: true },
            (State::Outside(0) | State::Outside(3), b'{') => return Ok(self.begin(false)),
            (State::Outside(_), _) => return Err(bad("expected an array")),
            (_, b' ' | b'\t' | b'\n' | b'\r') => self.state,
            (State::Value { first: true } | State::Comma, b']') => State::Over,
            (State::Value { .. }, b',' | b']' | b'}' | b':') => {
                return Err(bad("expected an element"));
            }
            (State::Value { .. }, _) => return Ok(self.begin(true)),
            (State::Comma, b',') => State::Value { first: false },
            (State::Comma, _) => return Err(bad("expected a comma or the end of the array")),
            (State::Inside { .. } | State::Over, _) => {
                return Err(bad("more text behind the array"));
            }
        };
        Ok(true)
    }

    fn begin(&mut self, array: bool) -> bool {
        self.scan = Scan::default();
        self.state = State::Inside { array };
        false
    }

    fn give(
        &mut self,
        tail: &[u8],
        sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let name = b"";
        if self.held.is_empty() {
            check_len(tail.len(), self.frame_max)?;
            return sink(Frame { name, data: tail });
        }
        append(&mut self.held, tail, self.frame_max)?;
        let flow = sink(Frame {
            name,
            data: &self.held,
        });
        recycle(&mut self.held);
        flow
    }
}

/// Where in an element the reading is.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    /// Objects and arrays that are open.
    depth: usize,
    string: bool,
    /// A backslash came last.
    escape: bool,
    begun: bool,
}

impl Scan {
    /// Where the element ends that goes on with `bytes`: behind its last byte.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.string {
                at += self.string(&bytes[at..]);
                if !self.string && self.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            match bytes[at] {
                // A number or a literal ends where something else begins.
                b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'
                    if self.depth == 0 && self.begun =>
                {
                    return Some(at);
                }
                b'"' => self.string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
            self.begun = true;
            at += 1;
        }
        None
    }

    /// How much of `bytes`, which lie inside a string, belongs to it.
    fn string(&mut self, bytes: &[u8]) -> usize {
        if self.escape {
            self.escape = false;
            return 1;
        }
        let Some(at) = memchr::memchr2(b'"', b'\\', bytes) else {
            return bytes.len();
        };
        if bytes[at] == b'"' {
            self.string = false;
        } else {
            self.escape = true;
        }
        at + 1
    }
}

fn bad(what: &str) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("json array is malformed: {what}"),
    )
}
