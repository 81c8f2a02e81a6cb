//! What the stream's deltas and a whole item have in common: an item's words as events.

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, PartKind};
use crate::json::{Cursor, Kind, Str};

use super::item::{Item, Voice};
use super::said::{Members, Role};

/// Where an item's words go.
pub(super) struct Speech<'b> {
    pub(super) batch: &'b mut Batch,
    /// Room for texts with escapes.
    pub(super) scratch: &'b mut String,
    /// Calls so far.
    pub(super) calls: &'b mut u32,
}

impl Speech<'_> {
    /// Says what of an item that came whole its deltas did not say. `index` is its place in the answer.
    pub(super) fn item(&mut self, item: &mut Item, json: &[u8], index: u32) -> Result<()> {
        let members = Members::read(json)?;
        match members.role() {
            Role::Message => self.message(item, members.content, index)?,
            Role::Reasoning => {
                self.parts(item, members.summary, Voice::Summary, index)?;
                self.parts(item, members.content, Voice::Reasoning, index)?;
                self.flush(item, Voice::Reasoning);
                if members.encrypted {
                    self.part(PartKind::Encrypted, index, json);
                }
            }
            Role::Call => self.call(item, &members)?,
            Role::Custom => self.part(PartKind::CustomTool, index, json),
            Role::Image => self.part(PartKind::Image, index, json),
            Role::Tool => self.part(PartKind::ServerTool, index, json),
        }
        item.done = true;
        Ok(())
    }

    fn message(&mut self, item: &mut Item, content: Option<&[u8]>, index: u32) -> Result<()> {
        self.parts(item, content, Voice::Text, index)?;
        self.flush(item, Voice::Text);
        Ok(())
    }

    /// The parts of a list, or the text that stands in its place.
    fn parts(
        &mut self,
        item: &mut Item,
        list: Option<&[u8]>,
        voice: Voice,
        index: u32,
    ) -> Result<()> {
        let mut cursor = Cursor::new(list.unwrap_or(b"null"));
        match cursor.kind()? {
            Kind::String => {
                let text = cursor.string()?;
                self.once(item, voice, text);
                Ok(())
            }
            Kind::Array => {
                let said = [Voice::Text, Voice::Refusal, Voice::Reasoning];
                let said = said.map(|voice| item.spoke_like(voice));
                cursor.array(|cursor| {
                    if cursor.kind()? != Kind::Object {
                        return Ok(());
                    }
                    let part = Part::read(cursor)?;
                    let (voice, text) = match (part.refusal, voice) {
                        (Some(refusal), Voice::Text) => (Voice::Refusal, Some(refusal)),
                        _ => (voice, part.text),
                    };
                    let repeated = match voice {
                        Voice::Text => said[0],
                        Voice::Refusal => said[1],
                        Voice::Summary | Voice::Reasoning => said[2],
                    };
                    if let (Some(text), false) = (text, repeated) {
                        self.say(voice, text);
                    }
                    self.citations(item, part.annotations, index)
                })
            }
            _ => Ok(()),
        }
    }

    /// A text that stands for a whole list.
    fn once(&mut self, item: &mut Item, voice: Voice, text: Str<'_>) {
        if !item.spoke_like(voice) {
            item.speaks(voice, 0);
            self.say(voice, text);
        }
    }

    /// The annotations of a text but for those that came by themselves.
    fn citations(&mut self, item: &mut Item, list: Option<&[u8]>, index: u32) -> Result<()> {
        let mut cursor = Cursor::new(list.unwrap_or(b"null"));
        if cursor.kind()? != Kind::Array {
            return Ok(());
        }
        cursor.array(|cursor| {
            let json = cursor.raw()?;
            match item.citations {
                0 => self.part(PartKind::Citation, index, json),
                _ => item.citations -= 1,
            }
            Ok(())
        })
    }

    fn call(&mut self, item: &mut Item, members: &Members<'_>) -> Result<()> {
        self.open(item, members)?;
        let Some(number) = item.call else {
            return Ok(());
        };
        if item.argued {
            let arguments = item.half.flush();
            self.push(Event::ToolArgs {
                index: number,
                arguments,
            });
            return Ok(());
        }
        let mut cursor = Cursor::new(members.arguments.unwrap_or(b"null"));
        let whole = match cursor.kind()? {
            Kind::String => cursor.string()?.owned(),
            Kind::Null => String::new(),
            _ => String::from_utf8_lossy(cursor.raw()?).into_owned(),
        };
        // None at all are an object, so that what was joined parses.
        let arguments = [whole.as_str(), item.held.as_str(), "{}"];
        let arguments = arguments.into_iter().find(|text| !text.is_empty());
        self.push(Event::ToolArgs {
            index: number,
            arguments: arguments.unwrap_or_default(),
        });
        item.argued = true;
        Ok(())
    }

    /// Begins the call as soon as its name is known, with the arguments that came before. A call that is over has begun, named or not.
    pub(super) fn open(&mut self, item: &mut Item, members: &Members<'_>) -> Result<()> {
        if item.call.is_some() {
            return Ok(());
        }
        if *self.calls == CALLS_MAX {
            let message = format!("answer exceeds {CALLS_MAX} tool calls");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        let index = *self.calls;
        *self.calls += 1;
        item.call = Some(index);
        let id = members.call_id.or(members.id).map(|id| id.owned());
        let name = members.name.map(|name| name.owned()).unwrap_or_default();
        self.push(Event::ToolCall {
            index,
            id: id.as_deref(),
            name: &name,
        });
        let arguments = std::mem::take(&mut item.held);
        if !arguments.is_empty() {
            item.argued = true;
            self.push(Event::ToolArgs {
                index,
                arguments: &arguments,
            });
        }
        Ok(())
    }

    /// What is left of a surrogate pair that was cut.
    fn flush(&mut self, item: &mut Item, voice: Voice) {
        let text = item.half.flush();
        self.push(voice.event(text));
    }

    /// A text that came whole.
    pub(super) fn say(&mut self, voice: Voice, text: Str<'_>) {
        let event = voice.event(text.decode(self.scratch));
        self.batch.push(0, event);
    }

    /// A part that goes through byte for byte, but for bytes that are no UTF-8.
    pub(super) fn part(&mut self, kind: PartKind, index: u32, json: &[u8]) {
        let json = &String::from_utf8_lossy(json);
        self.push(Event::Part { kind, index, json });
    }

    fn push(&mut self, event: Event<'_>) {
        self.batch.push(0, event);
    }
}

impl Voice {
    /// The event that says `text`.
    pub(super) fn event(self, text: &str) -> Event<'_> {
        match self {
            Voice::Text => Event::Text(text),
            Voice::Refusal => Event::Refusal(text),
            Voice::Summary | Voice::Reasoning => Event::Reasoning(text),
        }
    }
}

/// A part of a message's content, of reasoning or of its summary.
#[derive(Default)]
struct Part<'a> {
    text: Option<Str<'a>>,
    refusal: Option<Str<'a>>,
    annotations: Option<&'a [u8]>,
}

impl<'a> Part<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Part<'a>> {
        let mut part = Part::default();
        cursor.object(|key, cursor| {
            match key {
                b"text" => part.text = cursor.text()?,
                b"refusal" => part.refusal = cursor.text()?,
                b"annotations" => part.annotations = Some(cursor.raw()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(part)
    }
}

/// Tool calls of one answer (BEHAVIOUR 9).
const CALLS_MAX: u32 = 1024;
