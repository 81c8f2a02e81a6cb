//! One of the answers: what it has said so far, and what a delta or message adds to that.

use crate::error::Result;
use crate::event::{Event, PartKind};
use crate::json::{Cursor, Half, Kind, Str};
use crate::request::splice::{self, Edits, quote};
use crate::template::DeltaKind;

use super::calls::{Calls, Entry};
use super::extra::{self, Owner};
use super::finish;
use super::message::{Message, Part};
use super::sink::Sink;

/// The state of one choice.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Its number on the wire.
    pub(super) number: u32,
    /// A finish reason was given.
    pub(super) finished: bool,
    /// It said something: a `message` that comes after deltas repeats them.
    pub(super) spoke: bool,
    /// The finish reason was there and empty.
    empty_word: bool,
    calls: Calls,
    text: Half,
    reasoning: Half,
    refusal: Half,
    /// Parts said so far.
    parts: u32,
    /// Reasoning by its index whose signature may still come.
    unsigned: Vec<(u64, String)>,
}

impl Choice {
    pub(super) fn new(number: u32) -> Choice {
        Choice {
            number,
            ..Choice::default()
        }
    }

    /// What is left of a surrogate pair between two deltas of this kind.
    pub(super) fn half(&mut self, kind: DeltaKind) -> &mut Half {
        match kind {
            DeltaKind::Text => &mut self.text,
            DeltaKind::Reasoning => &mut self.reasoning,
            DeltaKind::Refusal => &mut self.refusal,
            DeltaKind::ToolArgs(_) => self.calls.half(),
        }
    }

    /// Says what a delta brings, or the message of a `whole` answer. Returns how many parts of content nobody knows.
    pub(super) fn take(
        &mut self,
        message: &Message<'_>,
        whole: bool,
        sink: &mut Sink<'_>,
    ) -> Result<u32> {
        let mut skipped = 0;
        let number = self.number;
        let before = sink.count();
        if let Some(text) = message.reasoning() {
            sink.delta(number, DeltaKind::Reasoning, text, &mut self.reasoning);
        }
        if let Some(details) = &message.reasoning_details {
            self.details(details.clone(), message.reasoning().is_none(), whole, sink)?;
        }
        if let Some(text) = message.content {
            sink.delta(number, DeltaKind::Text, text, &mut self.text);
        }
        if let Some(parts) = &message.parts {
            skipped += self.content_parts(parts.clone(), sink)?;
        }
        if let Some(text) = message.refusal {
            sink.delta(number, DeltaKind::Refusal, text, &mut self.refusal);
        }
        let mut calls = 0;
        if let Some(entries) = &message.tool_calls {
            entries.clone().array(|cursor| {
                if let Some(entry) = Entry::read(cursor)? {
                    calls += 1;
                    let call = self.calls.take(&entry, whole, number, sink)?;
                    if let (Some(extra), Some(call)) = (entry.extra, call) {
                        let json = extra::part(&self.calls.owner(call), extra);
                        self.part(PartKind::Signature, &json, sink);
                    }
                }
                Ok(())
            })?;
        }
        // Servers that fill both mean the same call.
        if let (Some(call), 0) = (&message.function_call, calls) {
            let entry = Entry::read_legacy(&mut call.clone())?;
            self.calls.take(&entry, whole, number, sink)?;
        }
        self.elements(&message.annotations, PartKind::Citation, sink)?;
        self.elements(&message.images, PartKind::Image, sink)?;
        self.elements(&message.executed_tools, PartKind::ServerTool, sink)?;
        if let Some(extra) = message.extra {
            let json = extra::part(&Owner::Message, extra);
            self.part(PartKind::Signature, &json, sink);
        }
        if let Some(audio) = &message.audio {
            let raw = audio.clone().raw()?;
            if says_something(&mut audio.clone())? {
                self.part(PartKind::Audio, raw, sink);
            }
        }
        self.spoke |= sink.count() != before;
        Ok(skipped)
    }

    /// Takes the word for the end.
    pub(super) fn finish(&mut self, word: Str<'_>, sink: &mut Sink<'_>) {
        if word.is_empty() {
            sink.not_again();
            self.empty_word = true;
            return;
        }
        self.close(sink);
        let word = word.borrowed();
        let reason = finish::reason(&word, self.calls.any());
        sink.push(
            self.number,
            Event::Finish {
                reason,
                raw: Some(&word),
            },
        );
        self.finished = true;
    }

    /// The answer is over by other signs: what was not said about the end follows from what was.
    pub(super) fn finish_unsaid(&mut self, sink: &mut Sink<'_>) {
        self.close(sink);
        if !self.finished {
            let reason = Some(finish::unsaid(self.calls.any()));
            let raw = self.empty_word.then_some("");
            sink.push(self.number, Event::Finish { reason, raw });
            self.finished = true;
        }
    }

    /// Says what was held back.
    pub(super) fn close(&mut self, sink: &mut Sink<'_>) {
        sink.push(self.number, Event::Reasoning(self.reasoning.flush()));
        sink.push(self.number, Event::Text(self.text.flush()));
        sink.push(self.number, Event::Refusal(self.refusal.flush()));
        self.calls.close(self.number, sink);
    }

    /// Says a part that goes through byte for byte.
    pub(super) fn part(&mut self, kind: PartKind, json: &[u8], sink: &mut Sink<'_>) {
        let json = &String::from_utf8_lossy(json);
        sink.push(
            self.number,
            Event::Part {
                kind,
                index: self.parts,
                json,
            },
        );
        self.parts += 1;
    }

    fn content_parts(&mut self, mut parts: Cursor<'_>, sink: &mut Sink<'_>) -> Result<u32> {
        let mut skipped = 0;
        parts.array(|cursor| {
            match Part::read(cursor)? {
                Part::Text(text) => {
                    sink.delta(self.number, DeltaKind::Text, text, &mut self.text);
                }
                Part::Refusal(text) => {
                    sink.delta(self.number, DeltaKind::Refusal, text, &mut self.refusal);
                }
                Part::Thinking(thinking) => self.thinking(thinking, sink)?,
                Part::Citation(json) => self.part(PartKind::Citation, json, sink),
                Part::Image(json) => self.part(PartKind::Image, json, sink),
                Part::Audio(json) => self.part(PartKind::Audio, json, sink),
                Part::Unknown => skipped += 1,
            }
            Ok(())
        })?;
        if skipped > 0 {
            sink.not_again();
        }
        Ok(skipped)
    }

    fn thinking(&mut self, mut thinking: Cursor<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let number = self.number;
        let mut say = |text| sink.delta(number, DeltaKind::Reasoning, text, &mut self.reasoning);
        match thinking.kind()? {
            Kind::String => say(thinking.string()?),
            Kind::Array => thinking.array(|cursor| {
                if let Some(text) = Part::thought(cursor)? {
                    say(text);
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    }

    /// OpenRouter's reasoning blocks ("Reasoning tokens", "Preserving reasoning blocks"): their texts are reasoning where no
    /// field beside them says it; what is signed or encrypted must come back as it was. A signature follows its text in a stream.
    fn details(
        &mut self,
        mut details: Cursor<'_>,
        say: bool,
        whole: bool,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        details.array(|cursor| {
            sink.not_again();
            if cursor.kind()? != Kind::Object {
                return Ok(());
            }
            let mut raw = cursor.clone();
            let detail = Detail::read(cursor)?;
            let raw = raw.raw()?;
            let text = detail.text.or(detail.summary);
            if let (true, Some(text)) = (say, text) {
                sink.delta(self.number, DeltaKind::Reasoning, text, &mut self.reasoning);
            }
            if detail.signature.is_some() {
                let earlier = self
                    .unsigned
                    .iter()
                    .position(|(index, _)| *index == detail.index);
                let earlier = earlier.map(|at| self.unsigned.swap_remove(at).1);
                let signed = with_text(raw, earlier.unwrap_or_default(), &detail)?;
                self.part(PartKind::Signature, signed.as_deref().unwrap_or(raw), sink);
            } else if detail.data.is_some() {
                self.part(PartKind::Encrypted, raw, sink);
            } else if let (false, Some(text)) = (whole, detail.text) {
                let text = sink.text(text);
                let same = |(index, _): &&mut (u64, String)| *index == detail.index;
                match self.unsigned.iter_mut().find(same) {
                    Some((_, earlier)) => earlier.push_str(text),
                    None => self.unsigned.push((detail.index, text.to_string())),
                }
            }
            Ok(())
        })
    }

    /// Says each element of an array as a part.
    fn elements(
        &mut self,
        array: &Option<Cursor<'_>>,
        kind: PartKind,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let Some(array) = array else {
            return Ok(());
        };
        array.clone().array(|cursor| {
            let json = cursor.raw()?;
            self.part(kind, json, sink);
            Ok(())
        })
    }
}

/// An element of `reasoning_details`.
#[derive(Default)]
struct Detail<'a> {
    index: u64,
    text: Option<Str<'a>>,
    summary: Option<Str<'a>>,
    signature: Option<Str<'a>>,
    data: Option<Str<'a>>,
}

impl<'a> Detail<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Detail<'a>> {
        let mut detail = Detail::default();
        cursor.object(|key, cursor| {
            let full = |text: Option<Str<'a>>| text.filter(|text| !text.is_empty());
            match key {
                b"index" => detail.index = cursor.count()?.unwrap_or_default(),
                b"text" => detail.text = full(cursor.text()?),
                b"summary" => detail.summary = full(cursor.text()?),
                b"signature" => detail.signature = full(cursor.text()?),
                b"data" => detail.data = full(cursor.text()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(detail)
    }
}

/// A block whose earlier text came in pieces, with all of it; `None` if the block is whole as it is.
fn with_text(raw: &[u8], earlier: String, detail: &Detail<'_>) -> Result<Option<Vec<u8>>> {
    if earlier.is_empty() {
        return Ok(None);
    }
    let text = quote(&(earlier + &detail.text.map(|text| text.owned()).unwrap_or_default()));
    let members = splice::members(raw, &mut Cursor::new(raw))?;
    let mut edits = Edits::default();
    match members.iter().rfind(|(key, _)| key.is("text")) {
        Some((_, slot)) => edits.replace(slot.value.clone(), text),
        None => {
            let member = [br#""text":"#.as_slice(), &text].concat();
            let slots: Vec<_> = members.iter().map(|(_, slot)| slot).collect();
            edits.reshape(&slots, |_| false, member, raw.len() - 1);
        }
    }
    Ok(Some(edits.apply(raw)))
}

/// Whether any of an object's strings has something in it.
fn says_something(cursor: &mut Cursor<'_>) -> Result<bool> {
    let mut full = false;
    cursor.object(|_, cursor| {
        full |= cursor.text()?.is_some_and(|text| !text.is_empty());
        Ok(())
    })?;
    Ok(full)
}
