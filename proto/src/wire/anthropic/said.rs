//! The members of stream events and of messages, as a server writes them: one walk over the text, nothing copied.

use crate::error::Result;
use crate::event::{Batch, Event};
use crate::json::{Cursor, Kind, Str};

/// The members of one stream event, of whatever type.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) kind: Option<Str<'a>>,
    pub(super) index: Option<u32>,
    pub(super) delta: Delta<'a>,
    /// The same as it is written.
    pub(super) delta_json: &'a [u8],
    pub(super) block: Option<&'a [u8]>,
    pub(super) message: Option<&'a [u8]>,
    pub(super) usage: Option<&'a [u8]>,
    pub(super) error: bool,
}

#[derive(Default)]
pub(super) struct Delta<'a> {
    pub(super) kind: Option<Str<'a>>,
    pub(super) text: Option<Str<'a>>,
    pub(super) thinking: Option<Str<'a>>,
    pub(super) partial_json: Option<Str<'a>>,
    pub(super) signature: Option<Str<'a>>,
    pub(super) citation: Option<&'a [u8]>,
    pub(super) stop_reason: Option<Str<'a>>,
    pub(super) stop_details: Option<&'a [u8]>,
}

impl<'a> Said<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Said<'a>> {
        let mut said = Said::default();
        cursor.object(|key, cursor| {
            match key {
                b"type" => said.kind = cursor.text()?,
                b"index" => {
                    said.index = cursor.count()?.and_then(|index| u32::try_from(index).ok())
                }
                b"delta" if cursor.kind()? == Kind::Object => {
                    let start = cursor.position();
                    said.delta = Delta::read(cursor)?;
                    said.delta_json = cursor.since(start);
                }
                b"content_block" => said.block = Some(cursor.raw()?),
                b"message" => said.message = Some(cursor.raw()?),
                b"usage" => said.usage = Some(cursor.raw()?),
                b"error" => said.error = cursor.kind()? != Kind::Null,
                _ => {}
            }
            Ok(())
        })?;
        cursor.end()?;
        Ok(said)
    }
}

impl<'a> Delta<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Delta<'a>> {
        let mut delta = Delta::default();
        cursor.object(|key, cursor| {
            match key {
                b"type" => delta.kind = cursor.text()?,
                b"text" => delta.text = cursor.text()?,
                b"thinking" => delta.thinking = cursor.text()?,
                b"partial_json" => delta.partial_json = cursor.text()?,
                b"signature" => delta.signature = cursor.text()?,
                b"citation" => delta.citation = Some(cursor.raw()?),
                b"stop_reason" => delta.stop_reason = cursor.text()?,
                b"stop_details" => delta.stop_details = Some(cursor.raw()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(delta)
    }
}

/// The members of a message, begun or whole.
#[derive(Default)]
pub(super) struct Message<'a> {
    pub(super) id: Option<Str<'a>>,
    pub(super) model: Option<Str<'a>>,
    pub(super) usage: Option<&'a [u8]>,
    pub(super) content: Option<&'a [u8]>,
    pub(super) stop_reason: Option<Str<'a>>,
    pub(super) stop_details: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    pub(super) fn read(message: &'a [u8]) -> Result<Message<'a>> {
        let mut read = Message::default();
        let mut cursor = Cursor::new(message);
        if cursor.kind()? != Kind::Object {
            return Ok(read);
        }
        cursor.object(|key, cursor| {
            match key {
                b"id" => read.id = cursor.text()?,
                b"model" => read.model = cursor.text()?,
                b"usage" => read.usage = Some(cursor.raw()?),
                b"content" if cursor.kind()? == Kind::Array => read.content = Some(cursor.raw()?),
                b"stop_reason" => read.stop_reason = cursor.text()?,
                b"stop_details" => read.stop_details = Some(cursor.raw()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(read)
    }

    pub(super) fn push_start(&self, batch: &mut Batch) {
        let (id, model) = (
            self.id.map(|id| id.owned()),
            self.model.map(|model| model.owned()),
        );
        batch.push(
            0,
            Event::Start {
                id: id.as_deref(),
                model: model.as_deref(),
            },
        );
    }
}
