//! Server-sent events (WHATWG HTML, "Interpreting an event stream"), but for one leniency: at a clean end of the bytes an event
//! that lacks its closing blank line is given all the same, because servers forget it.
//!
//! ```text
//!            a line's first bytes, its field unknown
//!   Start ──────────────────────────────────────────► Held ──┬── it is data: ──► Data     (its value goes on behind `data`)
//!     ▲                                                      └── it is nothing ► Ignored  (nothing is kept)
//!     └────────────────────────── end of line ◄──────────────────────┴─────────────┘
//! ```
//! These states matter for lines that are cut only: a line that lies whole in one read is taken from there.

use super::{Frame, append, check_len, recycle};
use crate::error::Result;
use crate::wire::Flow;

/// Cuts bytes into events.
#[derive(Debug)]
pub struct Sse {
    line: Line,
    /// The cut line's bytes in state `Held`.
    held: Vec<u8>,
    /// The unfinished event, as far as reads before this one brought it.
    data: Vec<u8>,
    has_data: bool,
    name: Vec<u8>,
    /// How many bytes of the byte order mark were seen; above its length once that is settled.
    bom: usize,
    /// A CR ended the last read; an LF at the beginning of the next one belongs to it.
    skip_lf: bool,
    last_event_id: Vec<u8>,
    retry_ms: Option<u64>,
    frame_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Start,
    Held,
    Data,
    Ignored,
}

/// What this read has brought of the unfinished event, lent by it.
#[derive(Clone, Copy, Default)]
struct Lent<'i> {
    data: Option<&'i [u8]>,
    name: Option<&'i [u8]>,
}

const BOM: &[u8] = b"\xef\xbb\xbf";
const BOM_SETTLED: usize = BOM.len();

impl Sse {
    /// Before the first byte; an event's data has at most `frame_max` bytes, and so has any other field.
    pub fn new(frame_max: usize) -> Sse {
        Sse {
            line: Line::Start,
            held: Vec::new(),
            data: Vec::new(),
            has_data: false,
            name: Vec::new(),
            bom: 0,
            skip_lf: false,
            last_event_id: Vec::new(),
            retry_ms: None,
            frame_max,
        }
    }

    /// Takes the bytes of one read and gives `sink` each event that is complete with them. Comments and blocks without data
    /// give nothing.
    pub fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let mut rest = if self.bom < BOM_SETTLED {
            self.skip_bom(bytes)
        } else {
            bytes
        };
        if self.skip_lf && !rest.is_empty() {
            self.skip_lf = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        let mut lent = Lent::default();
        while let Some(end) = line_end(rest) {
            let line = &rest[..end];
            // An event whose only data is this line, as it is of nearly all.
            if rest[end..].starts_with(b"\n\n")
                && let Some(value) = line.strip_prefix(b"data:")
                && self.has_no_data(&lent)
            {
                rest = &rest[end + 2..];
                let data = strip_space(value);
                check_len(data.len(), self.frame_max)?;
                let name = lent.name.take().unwrap_or(&self.name);
                let flow = sink(Frame { name, data })?;
                self.name.clear();
                if flow == Flow::Done {
                    return Ok(Flow::Done);
                }
                continue;
            }
            rest = self.after_line(rest, end);
            match self.line {
                Line::Start if line.is_empty() => {
                    if self.dispatch(&mut lent, sink)? == Flow::Done {
                        return Ok(Flow::Done);
                    }
                }
                Line::Start => self.field(line, &mut lent)?,
                _ => self.end_cut_line(line)?,
            }
        }
        self.keep(lent)?;
        if !rest.is_empty() {
            self.hold(rest)?;
        }
        Ok(Flow::More)
    }

    /// Whether a line begins, and no data of its event has come yet.
    fn has_no_data(&self, lent: &Lent<'_>) -> bool {
        self.line == Line::Start && !self.has_data && lent.data.is_none()
    }

    /// The bytes have come to a clean end: gives `sink` the event that only lacked its closing blank line, if there is one.
    pub fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>) -> Result<Flow> {
        self.end_cut_line(b"")?;
        self.dispatch(&mut Lent::default(), sink)
    }

    /// Whether data of an unfinished event waits.
    pub fn has_partial(&self) -> bool {
        self.has_data
    }

    /// The last `id:`, which stays until another comes.
    pub fn last_event_id(&self) -> &[u8] {
        &self.last_event_id
    }

    /// The last `retry:` in milliseconds.
    pub fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// Takes what `bytes` hold of a leading byte order mark.
    fn skip_bom<'i>(&mut self, mut bytes: &'i [u8]) -> &'i [u8] {
        while let (Some(expected), Some((byte, rest))) = (BOM.get(self.bom), bytes.split_first()) {
            if byte != expected {
                // What looked like a mark begins a line of an unknown field.
                if self.bom > 0 {
                    self.line = Line::Ignored;
                }
                self.bom = BOM_SETTLED;
                return bytes;
            }
            self.bom += 1;
            bytes = rest;
        }
        bytes
    }

    /// What follows the line end at `end`: LF, CR or CR LF.
    fn after_line<'i>(&mut self, rest: &'i [u8], end: usize) -> &'i [u8] {
        let after = &rest[end + 1..];
        if rest[end] == b'\n' {
            return after;
        }
        // CR may end a read; the LF that belongs to it arrives with the next one.
        self.skip_lf = after.is_empty();
        after.strip_prefix(b"\n").unwrap_or(after)
    }

    /// Reads a line that is not blank.
    fn field<'i>(&mut self, line: &'i [u8], lent: &mut Lent<'i>) -> Result<()> {
        if let Some(value) = line.strip_prefix(b"data:") {
            return self.data_line(strip_space(value), lent);
        }
        if let Some(value) = line.strip_prefix(b"event:") {
            return self.name_line(strip_space(value), lent);
        }
        let colon = memchr::memchr(b':', line);
        let name = &line[..colon.unwrap_or(line.len())];
        let value = colon.map_or(&b""[..], |colon| strip_space(&line[colon + 1..]));
        match name {
            b"data" => self.data_line(value, lent)?,
            b"event" => self.name_line(value, lent)?,
            b"id" if !value.contains(&0) => {
                self.last_event_id.clear();
                append(&mut self.last_event_id, value, self.frame_max)?;
            }
            b"retry" => {
                let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
                let parsed = std::str::from_utf8(value)
                    .ok()
                    .and_then(|value| value.parse().ok());
                self.retry_ms = parsed.filter(|_| digits).or(self.retry_ms);
            }
            _ => {}
        }
        Ok(())
    }

    fn name_line<'i>(&self, value: &'i [u8], lent: &mut Lent<'i>) -> Result<()> {
        check_len(value.len(), self.frame_max)?;
        lent.name = Some(value);
        Ok(())
    }

    fn data_line<'i>(&mut self, value: &'i [u8], lent: &mut Lent<'i>) -> Result<()> {
        if !self.has_data && lent.data.is_none() {
            check_len(value.len(), self.frame_max)?;
            lent.data = Some(value);
            return Ok(());
        }
        self.keep_data(lent.data.take())?;
        append(&mut self.data, b"\n", self.frame_max)?;
        append(&mut self.data, value, self.frame_max)
    }

    /// A blank line: the event is complete if it has data, and forgotten in any case.
    fn dispatch(
        &mut self,
        lent: &mut Lent<'_>,
        sink: &mut impl FnMut(Frame<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let name = lent.name.take().unwrap_or(&self.name);
        let flow = match lent.data.take() {
            Some(data) => sink(Frame { name, data })?,
            None if self.has_data => sink(Frame {
                name,
                data: &self.data,
            })?,
            None => Flow::More,
        };
        if self.has_data {
            recycle(&mut self.data);
            self.has_data = false;
        }
        self.name.clear();
        Ok(flow)
    }

    /// Copies what the read lent before the read goes away.
    fn keep(&mut self, lent: Lent<'_>) -> Result<()> {
        if let Some(name) = lent.name {
            self.name.clear();
            self.name.extend_from_slice(name);
        }
        self.keep_data(lent.data)
    }

    fn keep_data(&mut self, data: Option<&[u8]>) -> Result<()> {
        let Some(data) = data else { return Ok(()) };
        self.has_data = true;
        append(&mut self.data, data, self.frame_max)
    }

    /// Keeps the beginning of a line whose end has not come, as far as it means something.
    fn hold(&mut self, part: &[u8]) -> Result<()> {
        match self.line {
            Line::Data => return append(&mut self.data, part, self.frame_max),
            Line::Ignored => return Ok(()),
            Line::Start if part.is_empty() => return Ok(()),
            Line::Start | Line::Held => {}
        }
        if self.held.is_empty() && self.starts_data(part)? {
            return Ok(());
        }
        // The limit holds for what is kept: whether this is kept is only known with it.
        self.held.extend_from_slice(part);
        let mut held = std::mem::take(&mut self.held);
        if self.starts_data(&held)? {
            recycle(&mut held);
        } else if may_be_field(&held) {
            check_len(held.len(), self.frame_max)?;
            self.line = Line::Held;
        } else {
            self.line = Line::Ignored;
            recycle(&mut held);
        }
        self.held = held;
        Ok(())
    }

    /// Whether `line` is a data line with some value; from there on the value goes behind `data` as it comes.
    fn starts_data(&mut self, line: &[u8]) -> Result<bool> {
        let Some(value) = line
            .strip_prefix(b"data:")
            .filter(|value| !value.is_empty())
        else {
            return Ok(false);
        };
        if self.has_data {
            append(&mut self.data, b"\n", self.frame_max)?;
        }
        self.has_data = true;
        self.line = Line::Data;
        append(&mut self.data, strip_space(value), self.frame_max)?;
        Ok(true)
    }

    /// The end of a line that began in an earlier read.
    fn end_cut_line(&mut self, tail: &[u8]) -> Result<()> {
        match std::mem::replace(&mut self.line, Line::Start) {
            Line::Data => append(&mut self.data, tail, self.frame_max),
            Line::Start | Line::Ignored => Ok(()),
            Line::Held => {
                self.held.extend_from_slice(tail);
                let mut line = std::mem::take(&mut self.held);
                let mut lent = Lent::default();
                self.field(&line, &mut lent)?;
                self.keep(lent)?;
                recycle(&mut line);
                self.held = line;
                Ok(())
            }
        }
    }
}

/// Where the first line end is.
fn line_end(rest: &[u8]) -> Option<usize> {
    match rest.first()? {
        // The blank line behind nearly every data line: not worth a search.
        b'\n' | b'\r' => Some(0),
        _ => memchr::memchr2(b'\n', b'\r', rest),
    }
}

/// One leading U+0020 is no part of a value.
fn strip_space(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

/// Whether a line that begins so may still turn out to be a field that means something.
fn may_be_field(line: &[u8]) -> bool {
    [&b"data"[..], b"event", b"id", b"retry"]
        .iter()
        .any(|field| match line.strip_prefix(*field) {
            Some(rest) => rest.first().is_none_or(|byte| *byte == b':'),
            None => field.starts_with(line),
        })
}
