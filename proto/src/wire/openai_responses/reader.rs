//! Reads a Responses answer: events of a stream, or the whole object.
//!
//! ```text
//! response.created -> response.in_progress -> ( response.output_item.added -> deltas and progress* -> response.output_item.done )*
//!                  -> response.completed | response.incomplete | response.failed
//! ```
//! `error` may stand anywhere and ends it. The last event carries the whole response again: whatever of it no event before has
//! said is said then. Only that last event proves that the answer is whole (API reference, "Streaming events").

use super::item::{Item, Items, Voice};
use super::said::{Members, Response, Role, Said};
use super::speech::Speech;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, PartKind};
use crate::frame::Frame;
use crate::json::{self, Cursor, Kind, Str};
use crate::provider::TerminalMarker;
use crate::refusal;
use crate::template::{Delta, DeltaKind, Gaps, Template};
use crate::wire::{Ending, Flow, Reader};

/// The state of one answer.
pub(super) struct Events {
    streamed: bool,
    terminal_marker: TerminalMarker,
    pub(super) items: Items,
    pub(super) calls: u32,
    /// The terminal marker came.
    pub(super) whole: bool,
    /// What came is not the answer but the promise of one.
    pub(super) later: bool,
    skipped: u32,
    template: Template,
    /// Where the item of the template's delta is.
    place: usize,
    pub(super) scratch: String,
}

impl Events {
    pub(super) fn new(streamed: bool, terminal_marker: TerminalMarker) -> Events {
        Events {
            streamed,
            terminal_marker,
            items: Items::default(),
            calls: 0,
            whole: false,
            later: false,
            skipped: 0,
            template: Template::new(),
            place: 0,
            scratch: String::new(),
        }
    }
}

impl Reader for Events {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        if (frame.name.is_empty() || frame.name.ends_with(b".delta"))
            && let Some((delta, text)) = self.template.find(frame.data)
        {
            self.say(self.place, delta, text, batch);
            return Ok(Flow::More);
        }
        self.template.forget();
        if json::is_blank(frame.data) {
            return Ok(Flow::More);
        }
        let named_error = frame.name == b"error";
        let mut cursor = Cursor::new(frame.data);
        if named_error || cursor.kind()? != Kind::Object {
            return self.no_object(frame, named_error, batch);
        }
        let said = Said::read(&mut cursor)?;
        let kind = said.kind.map_or(frame.name, |kind| kind.raw());
        if (kind == b"error" || (said.error && !said.whole))
            && let Some(error) = refusal::from_value(frame.data, kind == b"error")
        {
            return Err(error);
        }
        match kind {
            b"response.output_text.delta" => self.delta(&said, Voice::Text, frame.data, batch)?,
            b"response.reasoning_summary_text.delta" => {
                self.delta(&said, Voice::Summary, frame.data, batch)?;
            }
            b"response.reasoning_text.delta" => {
                self.delta(&said, Voice::Reasoning, frame.data, batch)?;
            }
            b"response.refusal.delta" => self.delta(&said, Voice::Refusal, frame.data, batch)?,
            b"response.function_call_arguments.delta" => {
                self.arguments(&said, frame.data, batch)?;
            }
            b"response.output_item.added" => self.added(&said, batch)?,
            b"response.output_item.done" => self.done(&said, batch)?,
            b"response.output_text.done" => self.all(&said, Voice::Text, batch)?,
            b"response.reasoning_summary_text.done" => self.all(&said, Voice::Summary, batch)?,
            b"response.reasoning_text.done" => self.all(&said, Voice::Reasoning, batch)?,
            b"response.refusal.done" => self.all(&said, Voice::Refusal, batch)?,
            b"response.output_text.annotation.added" => self.annotation(&said, batch)?,
            b"response.created" | b"response.in_progress" | b"response.queued" => {
                let response = Response::read(said.response.unwrap_or(b"{}"))?;
                start(&response, batch);
            }
            b"response.completed"
            | b"response.incomplete"
            | b"response.failed"
            | b"response.cancelled"
            | b"response.done" => {
                return self.response(said.response.unwrap_or(b"{}"), kind, batch);
            }
            b"response.function_call_arguments.done"
            | b"response.content_part.added"
            | b"response.content_part.done"
            | b"response.reasoning_part.added"
            | b"response.reasoning_part.done"
            | b"response.reasoning_summary_part.added"
            | b"response.reasoning_summary_part.done"
            | b"keepalive" => {}
            b"" if said.whole => return self.response(frame.data, b"", batch),
            // The progress of what the provider runs by itself: known, and nobody's but the provider's.
            _ if is_progress(kind) => batch.push(0, Event::Raw(frame.data)),
            _ => self.skip(frame.data, batch),
        }
        Ok(Flow::More)
    }

    fn finish(&mut self, _batch: &mut Batch) -> Result<Ending> {
        let incomplete = self.streamed && self.terminal_marker == TerminalMarker::None;
        if self.whole || incomplete {
            return Ok(Ending {
                incomplete: !self.whole || self.later,
                skipped: self.skipped,
            });
        }
        Err(match self.streamed {
            true => Error::new(
                ErrorKind::StreamTruncated,
                "stream ended before response.completed",
            ),
            false => Error::new(ErrorKind::EmptyResponse, "the answer holds no response"),
        })
    }
}

impl Events {
    fn no_object(
        &mut self,
        frame: Frame<'_>,
        named_error: bool,
        batch: &mut Batch,
    ) -> Result<Flow> {
        if let Some(error) = refusal::from_value(frame.data, named_error) {
            return Err(error);
        }
        // `[DONE]` says nothing that the last event did not.
        if frame.data.trim_ascii() != b"[DONE]" {
            json::check(frame.data)?;
            self.skip(frame.data, batch);
        }
        Ok(Flow::More)
    }

    /// A piece of text, refusal or reasoning, as most events are.
    fn delta(
        &mut self,
        said: &Said<'_>,
        voice: Voice,
        frame: &[u8],
        batch: &mut Batch,
    ) -> Result<()> {
        let Some(text) = said.delta.filter(|text| !text.is_empty()) else {
            return Ok(());
        };
        // Words are read even where a proxy left out the beginning of their item.
        let place = self.place(said, role(voice))?;
        self.items.at(place).speaks(voice, said.part);
        let kind = match voice {
            Voice::Text => DeltaKind::Text,
            Voice::Refusal => DeltaKind::Refusal,
            Voice::Summary | Voice::Reasoning => DeltaKind::Reasoning,
        };
        self.say_and_learn(place, kind, text, said, frame, batch);
        Ok(())
    }

    fn arguments(&mut self, said: &Said<'_>, frame: &[u8], batch: &mut Batch) -> Result<()> {
        let Some(text) = said.delta.filter(|text| !text.is_empty()) else {
            return Ok(());
        };
        let place = self.place(said, Role::Call)?;
        let item = self.items.at(place);
        match item.call {
            Some(call) => {
                item.argued = true;
                self.say_and_learn(place, DeltaKind::ToolArgs(call), text, said, frame, batch);
            }
            None => {
                let text = text.decode_joined(&mut item.half, &mut self.scratch);
                item.held.push_str(text);
            }
        }
        Ok(())
    }

    fn say_and_learn(
        &mut self,
        place: usize,
        kind: DeltaKind,
        text: Str<'_>,
        said: &Said<'_>,
        frame: &[u8],
        batch: &mut Batch,
    ) {
        let delta = Delta { choice: 0, kind };
        self.say(place, delta, text, batch);
        let gaps = Gaps {
            hole: text.range(),
            blind: said.obfuscation.map(|text| text.range()),
        };
        match &said.number {
            Some(number) => self
                .template
                .learn_counted(frame, &gaps, number.clone(), delta),
            None => self.template.learn(frame, &gaps, delta),
        }
        self.place = place;
    }

    fn say(&mut self, place: usize, delta: Delta, text: Str<'_>, batch: &mut Batch) {
        let half = &mut self.items.at(place).half;
        batch.push(0, delta.event(text.decode_joined(half, &mut self.scratch)));
    }

    /// The item that the event means; a new one if none is known.
    fn place(&mut self, said: &Said<'_>, role: Role) -> Result<usize> {
        if let Some(place) = self.items.find(said, role) {
            return Ok(place);
        }
        let id = said.item_id.map(|id| id.owned()).unwrap_or_default();
        self.items.push(Item::new(role, said.output_index, id))
    }

    fn added(&mut self, said: &Said<'_>, batch: &mut Batch) -> Result<()> {
        let Some(json) = said.item else {
            return Ok(());
        };
        let members = Members::read(json)?;
        let id = members.id.map(|id| id.owned()).unwrap_or_default();
        let place = self
            .items
            .push(Item::new(members.role(), said.output_index, id))?;
        if members.role() == Role::Call && members.name.is_some() {
            let (item, mut speech) = self.speech(place, batch);
            speech.open(item, &members)?;
        }
        Ok(())
    }

    fn done(&mut self, said: &Said<'_>, batch: &mut Batch) -> Result<()> {
        let Some(json) = said.item else {
            return Ok(());
        };
        let members = Members::read(json)?;
        let named = Said {
            output_index: said.output_index,
            item_id: said.item_id.or(members.id),
            ..Said::default()
        };
        let found = self.items.find(&named, members.role());
        let unplaced = || match said.output_index {
            Some(_) => None,
            None => self.items.open(members.role()),
        };
        let found = found.or_else(unplaced);
        let id = || members.id.map(|id| id.owned()).unwrap_or_default();
        let place = match found {
            Some(place) => place,
            None => self
                .items
                .push(Item::new(members.role(), said.output_index, id()))?,
        };
        let index = said.output_index.unwrap_or(place as u32);
        let (item, mut speech) = self.speech(place, batch);
        if item.done {
            return Ok(());
        }
        speech.item(item, json, index)
    }

    /// A text that is over: nothing new, unless its deltas were left out.
    fn all(&mut self, said: &Said<'_>, voice: Voice, batch: &mut Batch) -> Result<()> {
        let Some(text) = said.all.filter(|text| !text.is_empty()) else {
            return Ok(());
        };
        let place = self.place(said, role(voice))?;
        let part = said.part;
        let (item, mut speech) = self.speech(place, batch);
        if !item.spoke(voice, part) && !item.done {
            item.speaks(voice, part);
            speech.say(voice, text);
        }
        Ok(())
    }

    fn annotation(&mut self, said: &Said<'_>, batch: &mut Batch) -> Result<()> {
        let Some(json) = said.annotation else {
            return Ok(());
        };
        let place = self.place(said, Role::Message)?;
        let index = said.output_index.unwrap_or(place as u32);
        let (item, mut speech) = self.speech(place, batch);
        item.citations += 1;
        speech.part(PartKind::Citation, index, json);
        Ok(())
    }

    /// An item, and the way out for its words.
    pub(super) fn speech<'b>(
        &'b mut self,
        place: usize,
        batch: &'b mut Batch,
    ) -> (&'b mut Item, Speech<'b>) {
        let speech = Speech {
            batch,
            scratch: &mut self.scratch,
            calls: &mut self.calls,
        };
        (self.items.at(place), speech)
    }

    fn skip(&mut self, data: &[u8], batch: &mut Batch) {
        self.skipped += 1;
        batch.push(0, Event::Raw(data));
    }
}

/// The item that an event of this kind belongs to.
fn role(voice: Voice) -> Role {
    match voice {
        Voice::Text | Voice::Refusal => Role::Message,
        Voice::Summary | Voice::Reasoning => Role::Reasoning,
    }
}

/// The provider's names for the answer.
pub(super) fn start(response: &Response<'_>, batch: &mut Batch) {
    let full = |text: Option<Str<'_>>| text.map(|text| text.owned()).filter(|it| !it.is_empty());
    let (id, model) = (full(response.id), full(response.model));
    if id.is_some() || model.is_some() {
        let (id, model) = (id.as_deref(), model.as_deref());
        batch.push(0, Event::Start { id, model });
    }
}

/// `response.web_search_call.searching`, `response.shell_call_output_content.delta` and their like: what runs at the provider, by
/// the names of its items.
fn is_progress(kind: &[u8]) -> bool {
    let mut steps = kind.split(|byte| *byte == b'.');
    steps.next() == Some(b"response")
        && steps.next().is_some_and(|item| {
            item.ends_with(b"_call")
                || memchr::memmem::find(item, b"_call_").is_some()
                || matches!(item, b"mcp_list_tools" | b"audio")
        })
}
