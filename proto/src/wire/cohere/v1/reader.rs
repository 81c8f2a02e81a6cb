//! Reads an answer of version 1: events with an `event_type`, one a line, or one object. Only `stream-end` proves that the answer
//! is whole; it holds the counts, and repeats all of it, which is not read again.

use super::super::push::{Calls, push_arguments, push_citations, push_finish, push_part};
use super::super::usage::usage;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, PartKind};
use crate::frame::Frame;
use crate::json::{self, Cursor, Half, Kind, Str};
use crate::provider::TerminalMarker;
use crate::refusal;
use crate::template::{Delta, DeltaKind, Gaps, Template};
use crate::wire::{Ending, Flow, Reader};

/// The state of one answer.
pub(in super::super) struct Lines {
    streamed: bool,
    terminal_marker: TerminalMarker,
    calls: Calls,
    /// The provider's number of the call that is being made, and ours.
    open: Option<(Option<u64>, u32)>,
    citations: u32,
    parts: u32,
    /// The terminal marker came.
    whole: bool,
    skipped: u32,
    /// The number of what is generated, until the end gives the answer's own: of an answer that is cut it is all there is.
    generation: Option<String>,
    half: Half,
    template: Template,
    scratch: String,
}

impl Lines {
    pub(in super::super) fn new(streamed: bool, terminal_marker: TerminalMarker) -> Lines {
        Lines {
            streamed,
            terminal_marker,
            calls: Calls::default(),
            open: None,
            citations: 0,
            parts: 0,
            whole: false,
            skipped: 0,
            generation: None,
            half: Half::default(),
            template: Template::new(),
            scratch: String::new(),
        }
    }
}

impl Reader for Lines {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        let read = self.read(frame, batch);
        if read.is_err() {
            self.name(None, batch);
        }
        read
    }

    fn lost(&mut self, batch: &mut Batch) {
        self.name(None, batch);
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<Ending> {
        self.name(None, batch);
        let incomplete = self.streamed && self.terminal_marker == TerminalMarker::None;
        if self.whole || incomplete {
            batch.push(0, Event::Text(self.half.flush()));
            return Ok(Ending {
                incomplete: !self.whole,
                skipped: self.skipped,
            });
        }
        Err(match self.streamed {
            true => Error::new(ErrorKind::StreamTruncated, "stream ended before stream-end"),
            false => Error::new(ErrorKind::EmptyResponse, "the answer holds no message"),
        })
    }
}

impl Lines {
    fn read(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        let named_error = frame.name == b"error";
        if !named_error && let Some((_, text)) = self.template.find(frame.data) {
            self.say(text, batch);
            return Ok(Flow::More);
        }
        self.template.forget();
        if json::is_blank(frame.data) {
            return Ok(Flow::More);
        }
        let mut cursor = Cursor::new(frame.data);
        if named_error || cursor.kind()? != Kind::Object {
            if let Some(error) = refusal::from_value(frame.data, named_error) {
                return Err(error);
            }
            if frame.data != b"[DONE]" {
                json::check(frame.data)?;
                self.skip(frame.data, batch);
            }
            return Ok(Flow::More);
        }
        let said = Said::read(&mut cursor)?;
        let kind = said.kind.map_or(frame.name, |kind| kind.raw());
        // An error says `message`, and nothing that an answer says.
        let is_error = kind.is_empty() && said.words && said.text.is_none();
        let failed = said.error && kind != b"stream-end";
        if (is_error || failed)
            && let Some(error) = refusal::from_value(frame.data, is_error)
        {
            return Err(error);
        }
        match kind {
            b"text-generation" => self.text(&said, frame.data, batch),
            b"stream-start" => self.generation = full(said.generation_id),
            b"tool-calls-chunk" => self.call_piece(&said, batch)?,
            b"tool-calls-generation" => self.whole_calls(said.calls, batch)?,
            b"citation-generation" => {
                let list = said.citations.unwrap_or(b"null");
                self.citations = push_citations(self.citations, list, batch)?;
            }
            b"search-queries-generation" | b"search-results" => {
                push_part(PartKind::ServerTool, self.parts, frame.data, batch);
                self.parts += 1;
            }
            b"stream-end" => return self.end(&said, frame.data, batch),
            b"" if said.text.is_some() || said.finish_reason.is_some() => {
                return self.message(&said, frame.data, batch);
            }
            _ => self.skip(frame.data, batch),
        }
        Ok(Flow::More)
    }

    fn text(&mut self, said: &Said<'_>, frame: &[u8], batch: &mut Batch) {
        let Some(text) = said.text.filter(|text| !text.is_empty()) else {
            return;
        };
        self.say(text, batch);
        let (choice, kind) = (0, DeltaKind::Text);
        let (hole, blind) = (text.range(), None);
        let gaps = Gaps { hole, blind };
        self.template.learn(frame, &gaps, Delta { choice, kind });
    }

    fn say(&mut self, text: Str<'_>, batch: &mut Batch) {
        let text = text.decode_joined(&mut self.half, &mut self.scratch);
        batch.push(0, Event::Text(text));
    }

    /// A name begins a call, or another number does; text belongs to its parameters.
    fn call_piece(&mut self, said: &Said<'_>, batch: &mut Batch) -> Result<()> {
        let piece = &said.piece;
        if piece.name.is_none() && piece.text.is_none() {
            // What the model means to do; the line with the whole calls says it again.
            return Ok(());
        }
        let same = self.open.filter(|(index, _)| *index == piece.index);
        let call = match (same, piece.name) {
            (Some((_, call)), None) => call,
            _ => {
                let call = self.calls.begin(None, piece.name, batch)?;
                self.open = Some((piece.index, call));
                call
            }
        };
        if let Some(text) = piece.text {
            let (index, arguments) = (call, text.decode(&mut self.scratch));
            batch.push(0, Event::ToolArgs { index, arguments });
        }
        Ok(())
    }

    /// Calls that came whole, unless they came in pieces before.
    fn whole_calls(&mut self, calls: Option<&[u8]>, batch: &mut Batch) -> Result<()> {
        let mut cursor = Cursor::new(calls.unwrap_or(b"null"));
        if self.calls.any() || cursor.kind()? != Kind::Array {
            return Ok(());
        }
        cursor.array(|cursor| {
            if cursor.kind()? != Kind::Object {
                return cursor.skip();
            }
            let (mut name, mut parameters) = (None, None);
            cursor.object(|key, cursor| {
                match key {
                    b"name" => name = cursor.text()?,
                    b"parameters" => parameters = Some(cursor.raw()?),
                    _ => {}
                }
                Ok(())
            })?;
            let index = self.calls.begin(None, name, batch)?;
            push_arguments(index, parameters, batch)
        })
    }

    fn end(&mut self, said: &Said<'_>, frame: &[u8], batch: &mut Batch) -> Result<Flow> {
        let response = said.response.unwrap_or(b"{}");
        let mut inner = Said::read(&mut Cursor::new(response))?;
        self.whole_calls(inner.calls, batch)?;
        inner.finish_reason = said.finish_reason.or(inner.finish_reason);
        self.close(&inner, batch)?;
        if said.error
            && let Some(error) = refusal::from_value(frame, false)
        {
            return Err(error);
        }
        if let Some(word) = inner.finish_reason {
            push_finish(word, frame, &self.calls, batch)?;
        }
        self.whole = true;
        Ok(Flow::Done)
    }

    /// A message that came whole.
    fn message(&mut self, said: &Said<'_>, body: &[u8], batch: &mut Batch) -> Result<Flow> {
        if let Some(text) = said.text {
            self.say(text, batch);
        }
        self.whole_calls(said.calls, batch)?;
        let list = said.citations.unwrap_or(b"null");
        self.citations = push_citations(self.citations, list, batch)?;
        self.close(said, batch)?;
        let Some(word) = said.finish_reason else {
            return Ok(Flow::More);
        };
        push_finish(word, body, &self.calls, batch)?;
        self.whole = true;
        Ok(Flow::Done)
    }

    /// What only the end of an answer says: its id and the counts.
    fn close(&mut self, said: &Said<'_>, batch: &mut Batch) -> Result<()> {
        batch.push(0, Event::Text(self.half.flush()));
        let id = full(said.response_id).or_else(|| full(said.generation_id));
        self.name(id, batch);
        if let Some(usage) = usage(said.meta.unwrap_or(b"null"))? {
            batch.push(0, Event::Usage(usage));
        }
        Ok(())
    }

    /// Says the answer's id, or what has to do for one.
    fn name(&mut self, id: Option<String>, batch: &mut Batch) {
        let generation = self.generation.take();
        if let Some(id) = id.or(generation) {
            let (id, model) = (Some(id.as_str()), None);
            batch.push(0, Event::Start { id, model });
        }
    }

    fn skip(&mut self, data: &[u8], batch: &mut Batch) {
        self.skipped += 1;
        batch.push(0, Event::Raw(data));
    }
}

fn full(text: Option<Str<'_>>) -> Option<String> {
    text.map(|text| text.owned())
        .filter(|text| !text.is_empty())
}

/// The members of one line, of a whole answer, or of the `response` at a stream's end.
#[derive(Default)]
struct Said<'a> {
    kind: Option<Str<'a>>,
    text: Option<Str<'a>>,
    response_id: Option<Str<'a>>,
    generation_id: Option<Str<'a>>,
    finish_reason: Option<Str<'a>>,
    calls: Option<&'a [u8]>,
    piece: Piece<'a>,
    citations: Option<&'a [u8]>,
    meta: Option<&'a [u8]>,
    response: Option<&'a [u8]>,
    /// It has a `message`, as errors have.
    words: bool,
    error: bool,
}

/// A piece of a tool call.
#[derive(Default)]
struct Piece<'a> {
    index: Option<u64>,
    name: Option<Str<'a>>,
    text: Option<Str<'a>>,
}

impl<'a> Said<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Said<'a>> {
        let mut said = Said::default();
        if cursor.kind()? != Kind::Object {
            cursor.skip()?;
            return Ok(said);
        }
        cursor.object(|key, cursor| {
            match key {
                b"event_type" => said.kind = cursor.text()?,
                b"text" => said.text = cursor.text()?,
                b"response_id" => said.response_id = cursor.text()?,
                b"generation_id" => said.generation_id = cursor.text()?,
                b"finish_reason" => said.finish_reason = cursor.text()?,
                b"tool_calls" => said.calls = Some(cursor.raw()?),
                b"tool_call_delta" if cursor.kind()? == Kind::Object => {
                    said.piece = Piece::read(cursor)?;
                }
                b"citations" => said.citations = Some(cursor.raw()?),
                b"meta" => said.meta = Some(cursor.raw()?),
                b"response" => said.response = Some(cursor.raw()?),
                b"message" => said.words = cursor.kind()? == Kind::String,
                b"error" => said.error = cursor.kind()? != Kind::Null,
                _ => {}
            }
            Ok(())
        })?;
        cursor.end()?;
        Ok(said)
    }
}

impl<'a> Piece<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Piece<'a>> {
        let mut piece = Piece::default();
        cursor.object(|key, cursor| {
            match key {
                b"index" => piece.index = cursor.count()?,
                b"name" => piece.name = cursor.text()?,
                b"parameters" => piece.text = cursor.text()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(piece)
    }
}
