//! Reads an answer of version 2: events of a stream, or the whole message.
//!
//! ```text
//! message-start -> tool-plan-delta* -> ( content-start -> content-delta* -> content-end
//!                                      | tool-call-start -> tool-call-delta* -> tool-call-end
//!                                      | citation-start -> citation-end )* -> message-end
//! ```
//! Only `message-end` proves that the answer is whole, and it may say that the answer failed ("Chat with Streaming").

use super::push::{Calls, push_citations, push_finish, push_part};
use super::said::Said;
use super::usage::usage;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, PartKind};
use crate::frame::Frame;
use crate::json::{self, Cursor, Half, Kind, Str};
use crate::provider::TerminalMarker;
use crate::refusal;
use crate::template::{Delta, DeltaKind, Gaps, Template};
use crate::wire::{Ending, Flow, Reader};

/// The state of one answer.
pub(super) struct Events {
    streamed: bool,
    terminal_marker: TerminalMarker,
    pub(super) calls: Calls,
    /// The call that is being made, if any.
    open: Option<Open>,
    pub(super) citations: u32,
    /// The tool plan as it is written between its quotes, escapes and all.
    plan: Vec<u8>,
    /// The terminal marker came.
    pub(super) whole: bool,
    skipped: u32,
    text: Half,
    thinking: Half,
    template: Template,
    pub(super) scratch: String,
}

/// A tool call that has begun and not ended.
struct Open {
    /// The provider's number of it.
    index: Option<u32>,
    call: u32,
    half: Half,
    /// Arguments came.
    told: bool,
}

impl Events {
    pub(super) fn new(streamed: bool, terminal_marker: TerminalMarker) -> Events {
        Events {
            streamed,
            terminal_marker,
            calls: Calls::default(),
            open: None,
            citations: 0,
            plan: Vec::new(),
            whole: false,
            skipped: 0,
            text: Half::default(),
            thinking: Half::default(),
            template: Template::new(),
            scratch: String::new(),
        }
    }
}

impl Reader for Events {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        let delta = matches!(frame.name, b"content-delta" | b"tool-call-delta" | b"");
        if delta && let Some((delta, text)) = self.template.find(frame.data) {
            self.say(delta, text, batch);
            return Ok(Flow::More);
        }
        self.template.forget();
        if json::is_blank(frame.data) {
            return Ok(Flow::More);
        }
        let named_error = frame.name == b"error";
        let mut cursor = Cursor::new(frame.data);
        if named_error || cursor.kind()? != Kind::Object {
            if let Some(error) = refusal::from_value(frame.data, named_error) {
                return Err(error);
            }
            // `[DONE]` says nothing that `message-end` did not.
            if frame.data != b"[DONE]" {
                json::check(frame.data)?;
                self.skip(frame.data, batch);
            }
            return Ok(Flow::More);
        }
        let said = Said::read(&mut cursor)?;
        let kind = said.kind.map_or(frame.name, |kind| kind.raw());
        let is_error = kind == b"error" || (kind.is_empty() && said.words);
        if (is_error || said.error)
            && let Some(error) = refusal::from_value(frame.data, is_error)
        {
            return Err(error);
        }
        match kind {
            b"content-delta" | b"tool-call-delta" => self.delta(&said, frame.data, batch),
            b"content-start" => self.delta_once(&said, batch),
            b"content-end" => self.flush(batch),
            b"tool-plan-delta" => {
                let plan = said.delta.plan.map_or(&b""[..], |plan| plan.raw());
                self.plan.extend_from_slice(plan);
            }
            b"tool-call-start" => self.call_start(&said, batch)?,
            b"tool-call-end" => self.call_end(batch),
            b"citation-start" => {
                let json = said.delta.citations.unwrap_or(b"null");
                self.citations = push_citations(self.citations, json, batch)?;
            }
            b"citation-end" => {}
            b"message-start" => self.start(said.id, batch),
            b"message-end" => return self.end(&said, batch),
            b"" if said.whole => return self.message(frame.data, batch),
            _ => self.skip(frame.data, batch),
        }
        Ok(Flow::More)
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<Ending> {
        let incomplete = self.streamed && self.terminal_marker == TerminalMarker::None;
        if self.whole || incomplete {
            self.close(batch);
            return Ok(Ending {
                incomplete: !self.whole,
                skipped: self.skipped,
            });
        }
        Err(match self.streamed {
            true => Error::new(
                ErrorKind::StreamTruncated,
                "stream ended before message-end",
            ),
            false => Error::new(ErrorKind::EmptyResponse, "the answer holds no message"),
        })
    }
}

impl Events {
    pub(super) fn start(&mut self, id: Option<Str<'_>>, batch: &mut Batch) {
        let id = id.map(|id| id.owned()).filter(|id| !id.is_empty());
        if id.is_some() {
            let (id, model) = (id.as_deref(), None);
            batch.push(0, Event::Start { id, model });
        }
    }

    /// A piece of text, thinking or arguments, as most events are.
    fn delta(&mut self, said: &Said<'_>, frame: &[u8], batch: &mut Batch) {
        let (delta, text) = match self.place(said) {
            Some((delta, text)) if !text.is_empty() => (delta, text),
            _ => return,
        };
        self.say(delta, text, batch);
        let hole = text.range();
        self.template
            .learn(frame, &Gaps { hole, blind: None }, delta);
    }

    /// The same of an event that does not come again.
    fn delta_once(&mut self, said: &Said<'_>, batch: &mut Batch) {
        if let Some((delta, text)) = self.place(said) {
            self.say(delta, text, batch);
        }
    }

    fn place<'a>(&self, said: &Said<'a>) -> Option<(Delta, Str<'a>)> {
        let delta = &said.delta;
        let call = self.open.as_ref().filter(|open| open.index == said.index);
        let (kind, text) = match (delta.text, delta.thinking, delta.call.piece) {
            (Some(text), _, _) => (DeltaKind::Text, text),
            (_, Some(text), _) => (DeltaKind::Reasoning, text),
            (_, _, Some(text)) => (DeltaKind::ToolArgs(call?.call), text),
            _ => return None,
        };
        Some((Delta { choice: 0, kind }, text))
    }

    fn say(&mut self, delta: Delta, text: Str<'_>, batch: &mut Batch) {
        let half = match (delta.kind, &mut self.open) {
            (DeltaKind::Reasoning, _) => &mut self.thinking,
            (DeltaKind::ToolArgs(_), Some(open)) => {
                open.told = true;
                &mut open.half
            }
            _ => &mut self.text,
        };
        batch.push(0, delta.event(text.decode_joined(half, &mut self.scratch)));
    }

    fn call_start(&mut self, said: &Said<'_>, batch: &mut Batch) -> Result<()> {
        self.close(batch);
        let call = self
            .calls
            .begin(said.delta.call.id, said.delta.call.name, batch)?;
        self.open = Some(Open {
            index: said.index,
            call,
            half: Half::default(),
            told: false,
        });
        if let Some(text) = said.delta.call.piece.filter(|text| !text.is_empty()) {
            let kind = DeltaKind::ToolArgs(call);
            self.say(Delta { choice: 0, kind }, text, batch);
        }
        Ok(())
    }

    fn call_end(&mut self, batch: &mut Batch) {
        if let Some(mut open) = self.open.take() {
            // None at all are an object, so that what was joined parses.
            let arguments = if open.told { open.half.flush() } else { "{}" };
            let index = open.call;
            batch.push(0, Event::ToolArgs { index, arguments });
        }
    }

    fn end(&mut self, said: &Said<'_>, batch: &mut Batch) -> Result<Flow> {
        self.close(batch);
        let delta = &said.delta;
        if let Some(usage) = usage(delta.usage.unwrap_or(b"null"))? {
            batch.push(0, Event::Usage(usage));
        }
        let told = said.told.unwrap_or_default();
        if delta.error
            && let Some(error) = refusal::from_value(told, false)
        {
            return Err(error);
        }
        if let Some(word) = delta.finish_reason {
            push_finish(word, told, &self.calls, batch)?;
        }
        self.whole = true;
        Ok(Flow::Done)
    }

    /// The halves of characters that were cut between two deltas.
    fn flush(&mut self, batch: &mut Batch) {
        batch.push(0, Event::Reasoning(self.thinking.flush()));
        batch.push(0, Event::Text(self.text.flush()));
    }

    /// Says what was held back.
    pub(super) fn close(&mut self, batch: &mut Batch) {
        self.flush(batch);
        self.call_end(batch);
        let plan = std::mem::take(&mut self.plan);
        self.push_plan(&plan, batch);
    }

    /// The plan, from what is written between its quotes.
    pub(super) fn push_plan(&self, plan: &[u8], batch: &mut Batch) {
        if !plan.is_empty() {
            let json = [b"\"", plan, b"\""].concat();
            push_part(PartKind::Plan, 0, &json, batch);
        }
    }

    pub(super) fn skip(&mut self, data: &[u8], batch: &mut Batch) {
        self.skipped += 1;
        batch.push(0, Event::Raw(data));
    }
}
