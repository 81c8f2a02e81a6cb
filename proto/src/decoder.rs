//! Bytes in, events out: a framer, a wire's reader, limits, and the body of a refusal, for any wire.
//!
//! ```text
//!   head ─┬─ 2xx ───► Answer:  bytes ─► framer ─► reader ─► batch    finish: the reader's word on completeness
//!         ├─ a page ► Html:    64 KiB are kept                       finish: bad_content_type
//!         └─ else ──► Refusal: 64 KiB are kept                       finish: the error they mean
//! ```
//!
//! ```
//! use std::time::SystemTime;
//! use libllm_proto::decoder::{Decoder, End, Limits};
//! use libllm_proto::provider::Quirks;
//! use libllm_proto::wire::{Exchange, Head, Operation};
//! use libllm_proto::{Batch, Event, wire};
//!
//! # #[cfg(feature = "openai")] {
//! let quirks = Quirks::default();
//! let exchange = Exchange { stream: true, operation: Operation::Chat, quirks: &quirks, packed: false, answer_tool: false };
//! let wire = wire::find("openai_chat").expect("it is in this build");
//! let (head, now) = (Head::new(200), SystemTime::UNIX_EPOCH);
//! let mut decoder = Decoder::new(wire, &exchange, head, Limits::default(), false, now);
//! let mut batch = Batch::new();
//! let chunk = br#"data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#;
//! decoder.push(chunk, &mut batch)?;
//! decoder.push(b"\n\ndata: [DONE]\n\n", &mut batch)?;
//! assert!(!decoder.finish(End::Clean, &mut batch)?.incomplete);
//! assert!(batch.iter().any(|(_, event)| event == Event::Text("Hi")));
//! # }
//! # Ok::<(), libllm_proto::Error>(())
//! ```

use std::time::SystemTime;

use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event};
use crate::frame::{Frame, Framer, Framing};
use crate::inflate::Inflate;
use crate::json;
use crate::operation;
use crate::provider::Quirks;
use crate::refusal;
use crate::wire::{Ending, Exchange, Flow, Head, Operation, Reader, Wire};

/// What one answer may cost in bytes (BEHAVIOUR 9). The depth of JSON is [`json::DEPTH_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One event or line (`memory.max_event`).
    pub event: usize,
    /// The whole answer (`memory.max_answer`).
    pub answer: u64,
    /// What is kept of a refusal's body; the rest is not read.
    pub error_body: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            event: 32 << 20,
            answer: 256 << 20,
            error_body: refusal::BODY_MAX,
        }
    }
}

/// How the bytes ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// As HTTP ends a body, or as a connection is closed that delimits one.
    Clean,
    /// The connection was lost, or the body's framing broken; says how.
    Lost(String),
}

/// The state of one answer.
pub struct Decoder {
    wire: &'static dyn Wire,
    status: u16,
    limits: Limits,
    state: State,
    /// What undoes the compression of an answer that has one.
    inflate: Option<Box<Inflate>>,
    /// Bytes of the answer so far.
    taken: u64,
    frames: u64,
    raw: bool,
    done: bool,
    request_id: Option<Box<str>>,
}

/// What is known at an answer's beginning. One that is under way does without: there may be thousands, and the headers alone would keep
/// the buffer alive that they were read into.
struct Early {
    head: Head,
    now: SystemTime,
    stream: bool,
    operation: Operation,
    quirks: Quirks,
    packed: bool,
    answer_tool: bool,
}

enum State {
    Answer(Answer),
    /// What is kept of a refusal's body.
    Refusal(Box<Early>, Vec<u8>),
    /// The same of a page of HTML where an answer should be.
    Html(Box<Early>, Vec<u8>),
}

struct Answer {
    framer: Framer,
    reader: Box<dyn Reader>,
    /// There while events or lines were promised, or nothing good, and nothing has come yet that could be one.
    unproven: Option<Box<Early>>,
}

impl Decoder {
    /// Before the first byte of the answer that begins with `head`. With `raw` every frame's data is an [`Event::Raw`] too.
    /// `now` is what dates in a refusal's headers are measured against.
    pub fn new(
        wire: &'static dyn Wire,
        exchange: &Exchange<'_>,
        head: Head,
        limits: Limits,
        raw: bool,
        now: SystemTime,
    ) -> Decoder {
        let request_id = head.request_id().map(Box::from);
        let inflate = Inflate::of(&head);
        let status = head.status;
        let early = |head| Box::new(Early::of(exchange, head, now));
        let state = match status {
            200..=299 => {
                let (mut answer, proven) = Answer::new(wire, exchange, &head, limits);
                answer.unproven = (!proven).then(|| early(head));
                State::Answer(answer)
            }
            _ => State::Refusal(early(head), Vec::new()),
        };
        let (taken, frames, done) = (0, 0, false);
        Decoder {
            request_id,
            wire,
            status,
            limits,
            state,
            inflate,
            taken,
            frames,
            raw,
            done,
        }
    }

    /// Takes the bytes of one read; pushes what they mean. At [`Flow::Done`] nothing more is needed: whatever follows is
    /// ignored, and [`Decoder::finish`] comes next. An error ends the answer.
    pub fn push(&mut self, bytes: &[u8], batch: &mut Batch) -> Result<Flow> {
        if self.done {
            return Ok(Flow::Done);
        }
        let flow = match &mut self.inflate {
            None => self.take(bytes, batch),
            Some(inflate) => match inflate.push(bytes) {
                Ok(bytes) => self.take(&bytes, batch),
                // A refusal has said the most by its status.
                Err(_) if matches!(self.state, State::Refusal(..)) => Ok(Flow::Done),
                Err(error) => Err(error),
            },
        };
        let flow = flow.map_err(|error| self.described(error));
        self.done = !matches!(flow, Ok(Flow::More));
        flow
    }

    /// The bytes have ended: pushes what was still held back and says how the answer ended. Any end but the format's own is
    /// an error, and so is a refusal.
    pub fn finish(&mut self, end: End, batch: &mut Batch) -> Result<Ending> {
        let ending = self
            .ending(end, batch)
            .map_err(|error| self.described(error));
        self.done = true;
        ending
    }

    /// How many reads brought more than a keep-alive: a frame that meant an event, or a part of a frame. Comments, blank blocks
    /// and pings do not count.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether the answer is a refusal: its body is read for its words only, and `finish` returns the error.
    pub fn is_refusal(&self) -> bool {
        !matches!(self.state, State::Answer(_))
    }

    fn take(&mut self, mut bytes: &[u8], batch: &mut Batch) -> Result<Flow> {
        self.taken += bytes.len() as u64;
        if let State::Answer(answer) = &mut self.state
            && answer.unproven.is_some()
            && let Some(first) = answer.first_byte(bytes)
            && let Some(early) = answer.unproven.take()
        {
            match bytes[first] {
                b'{' | b'[' if matches!(answer.framer, Framer::Sse(_)) => {
                    // What went to the framer before was blank.
                    bytes = &bytes[first..];
                    *answer = Answer::json(self.wire, *early, self.limits);
                }
                byte if answer.begins_events(byte) => {
                    bytes = &bytes[first..];
                    if let Some(events) = Answer::events(self.wire, *early, self.limits) {
                        *answer = events;
                    }
                }
                b'<' if !matches!(answer.framer, Framer::Body(_)) || early.head.is_type(HTML) => {
                    self.state = State::Html(early, Vec::new());
                }
                // Called a page, it is an answer only if it begins like one.
                first if early.head.is_type(HTML) && !answer.may_begin(first) => {
                    self.state = State::Html(early, Vec::new());
                }
                _ => {}
            }
        }
        match &mut self.state {
            State::Refusal(_, body) | State::Html(_, body) => {
                let room = self.limits.error_body.saturating_sub(body.len());
                body.extend_from_slice(&bytes[..bytes.len().min(room)]);
                Ok(if bytes.len() < room {
                    Flow::More
                } else {
                    Flow::Done
                })
            }
            State::Answer(answer) => {
                if self.taken > self.limits.answer {
                    return Err(too_long(self.limits.answer));
                }
                let Answer { framer, reader, .. } = answer;
                let mut meant = false;
                let flow = framer.push(bytes, &mut |frame| {
                    read(reader, frame, self.raw, &mut meant, batch)
                })?;
                self.frames += u64::from(meant || framer.has_partial());
                Ok(flow)
            }
        }
    }

    fn ending(&mut self, end: End, batch: &mut Batch) -> Result<Ending> {
        match &mut self.state {
            State::Refusal(early, body) => {
                let wire = self.wire;
                Err(wire.error(&early.exchange(), &early.head, body, early.now))
            }
            State::Html(early, body) => Err(refusal::bad_content_type(&early.head, body)),
            // Called a page and empty: it never began.
            State::Answer(Answer {
                unproven: Some(early),
                ..
            }) if early.head.is_type(HTML) => Err(refusal::bad_content_type(&early.head, b"")),
            State::Answer(answer) if self.done => answer.reader.finish(batch),
            State::Answer(Answer { framer, reader, .. }) => {
                if let End::Lost(how) = end {
                    reader.lost(batch);
                    let message = format!("the connection was lost inside the answer: {how}");
                    return Err(Error::new(ErrorKind::ConnectionLost, message));
                }
                if let Some(inflate) = &mut self.inflate
                    && !inflate.is_whole()
                {
                    let message = "the compressed answer breaks off";
                    return Err(Error::new(ErrorKind::StreamTruncated, message));
                }
                let is_body = matches!(framer, Framer::Body(_));
                let mut meant = false;
                framer.finish(&mut |frame| {
                    let flow = read(reader, frame, self.raw, &mut meant, batch);
                    flow.map_err(|error| {
                        if is_body && error.kind() == ErrorKind::Protocol {
                            take_back(batch);
                        }
                        cut_off(error, frame, is_body)
                    })
                })?;
                self.frames += u64::from(meant);
                reader.finish(batch)
            }
        }
    }

    /// Says which answer it was.
    fn described(&self, mut error: Error) -> Error {
        if error.http_status().is_none() {
            error = error.with_http_status(self.status);
        }
        if error.request_id().is_none() {
            error = error.with_request_id(self.request_id.as_deref().map(str::to_owned));
        }
        error
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("wire", &self.wire.name())
            .field("status", &self.status)
            .field("taken", &self.taken)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

impl Early {
    fn of(exchange: &Exchange<'_>, head: Head, now: SystemTime) -> Early {
        Early {
            head,
            now,
            stream: exchange.stream,
            operation: exchange.operation,
            quirks: *exchange.quirks,
            packed: exchange.packed,
            answer_tool: exchange.answer_tool,
        }
    }

    fn exchange(&self) -> Exchange<'_> {
        Exchange {
            stream: self.stream,
            operation: self.operation,
            quirks: &self.quirks,
            packed: self.packed,
            answer_tool: self.answer_tool,
        }
    }
}

impl Answer {
    // And whether its head proves that it is one.
    fn new(
        wire: &dyn Wire,
        exchange: &Exchange<'_>,
        head: &Head,
        limits: Limits,
    ) -> (Answer, bool) {
        let (framing, reader) = operation::reader(wire, exchange, head);
        let frame_max = match framing {
            Framing::Body => usize::try_from(limits.answer).unwrap_or(usize::MAX),
            _ => limits.event,
        };
        let proves = match framing {
            Framing::Body => !(exchange.stream && head.is_json()),
            framing => framing == Framing::EventStream,
        };
        let answer = Answer {
            framer: Framer::new(framing, frame_max),
            reader,
            unproven: None,
        };
        (answer, proves && !head.is_type(HTML))
    }

    /// Where it begins. Of binary messages no byte is blank.
    fn first_byte(&self, bytes: &[u8]) -> Option<usize> {
        match self.framer {
            Framer::EventStream(_) => (!bytes.is_empty()).then_some(0),
            _ => first_byte(bytes),
        }
    }

    /// Whether something that is framed so may begin with this byte: JSON, or a line of an event stream.
    fn may_begin(&self, first: u8) -> bool {
        match self.framer {
            Framer::Sse(_) => matches!(first, b'{' | b'[' | b':' | b'd' | b'e' | b'i' | b'r'),
            _ => matches!(first, b'{' | b'['),
        }
    }

    /// Whether this byte begins a line of an event stream where JSON is to be: no JSON begins so.
    fn begins_events(&self, first: u8) -> bool {
        matches!(self.framer, Framer::Body(_) | Framer::JsonArray(_))
            && matches!(first, b':' | b'd' | b'e' | b'i' | b'r')
    }

    /// For an answer of events although its head promised JSON: some gateways call all that they pass on so. `None` if the format
    /// has no such events.
    fn events(wire: &dyn Wire, mut early: Early, limits: Limits) -> Option<Answer> {
        let events = HeaderValue::from_static("text/event-stream");
        early.head.headers.insert(CONTENT_TYPE, events);
        let answer = Answer::new(wire, &early.exchange(), &early.head, limits).0;
        matches!(answer.framer, Framer::Sse(_)).then_some(answer)
    }

    /// For an answer that is JSON although its head promised events: servers say so of their errors.
    fn json(wire: &dyn Wire, mut early: Early, limits: Limits) -> Answer {
        let json = HeaderValue::from_static("application/json");
        early.head.headers.insert(CONTENT_TYPE, json);
        Answer::new(wire, &early.exchange(), &early.head, limits).0
    }
}

/// What gateways and sign-in pages answer with; some servers call every answer so.
const HTML: &str = "text/html";

/// Where the first byte is that is neither blank nor part of a byte order mark. No line of an event stream that means anything
/// begins like JSON or HTML, and no JSON begins like HTML.
fn first_byte(bytes: &[u8]) -> Option<usize> {
    let ignored = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF);
    bytes.iter().position(|byte| !ignored(byte))
}

/// Gives one frame to the reader. `meant` becomes true if it meant an event.
fn read(
    reader: &mut Box<dyn Reader>,
    frame: Frame<'_>,
    raw: bool,
    meant: &mut bool,
    batch: &mut Batch,
) -> Result<Flow> {
    let (events, raw_bytes) = (batch.len(), batch.raw_len());
    let flow = reader.frame(frame, batch);
    *meant |= batch.len() > events;
    // A frame that the reader does not know is in the batch already.
    if raw && batch.raw_len() != raw_bytes + frame.data.len() {
        batch.push(0, Event::Raw(frame.data));
    }
    flow
}

/// An answer in one piece is whole or is none: half of one would commit to it. Who said it, and at what cost, is worth telling.
fn take_back(batch: &mut Batch) {
    let said = std::mem::take(batch);
    for (choice, event) in said.iter() {
        if matches!(event, Event::Start { .. } | Event::Usage(_)) {
            batch.push(choice, event);
        }
    }
}

/// A frame that nothing closed and that cannot be read is the beginning of one: the stream was cut, not malformed. A whole
/// body needs no closing mark, so there only text that breaks off counts.
fn cut_off(error: Error, frame: Frame<'_>, is_body: bool) -> Error {
    let unreadable = error.kind() == ErrorKind::Protocol;
    if !unreadable || (is_body && !json::is_cut(frame.data)) {
        return error;
    }
    let message = if is_body {
        "the answer breaks off"
    } else {
        "the stream ends inside an event"
    };
    Error::new(ErrorKind::StreamTruncated, message)
}

fn too_long(answer_max: u64) -> Error {
    let message = format!("answer exceeds the limit max_answer of {answer_max} bytes");
    Error::new(ErrorKind::LimitExceeded, message)
}
