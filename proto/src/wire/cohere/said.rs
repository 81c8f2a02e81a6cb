//! The members of a stream event of version 2: one walk over the text, nothing copied.

use crate::error::Result;
use crate::json::{Cursor, Kind, Str};

/// The members of one event, of whatever type.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) kind: Option<Str<'a>>,
    pub(super) id: Option<Str<'a>>,
    pub(super) index: Option<u32>,
    pub(super) delta: Delta<'a>,
    /// `delta` as it is written.
    pub(super) told: Option<&'a [u8]>,
    /// It has a `message` that is an object: it is no event but a whole answer.
    pub(super) whole: bool,
    /// It has a `message` that is text, as errors have.
    pub(super) words: bool,
    pub(super) error: bool,
}

/// What an event adds.
#[derive(Default)]
pub(super) struct Delta<'a> {
    pub(super) text: Option<Str<'a>>,
    pub(super) thinking: Option<Str<'a>>,
    pub(super) plan: Option<Str<'a>>,
    pub(super) call: Call<'a>,
    pub(super) citations: Option<&'a [u8]>,
    pub(super) finish_reason: Option<Str<'a>>,
    pub(super) usage: Option<&'a [u8]>,
    pub(super) error: bool,
}

/// A tool call, or a piece of one.
#[derive(Default)]
pub(super) struct Call<'a> {
    pub(super) id: Option<Str<'a>>,
    pub(super) name: Option<Str<'a>>,
    /// As it is written.
    pub(super) arguments: Option<&'a [u8]>,
    /// The same if it is text.
    pub(super) piece: Option<Str<'a>>,
}

impl<'a> Said<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Said<'a>> {
        let mut said = Said::default();
        cursor.object(|key, cursor| {
            match key {
                b"type" => said.kind = cursor.text()?,
                b"id" => said.id = cursor.text()?,
                b"index" => {
                    said.index = cursor.count()?.and_then(|index| u32::try_from(index).ok());
                }
                b"delta" if cursor.kind()? == Kind::Object => {
                    said.told = Some(cursor.clone().raw()?);
                    said.delta = Delta::read(cursor)?;
                }
                b"message" => match cursor.kind()? {
                    Kind::Object => said.whole = true,
                    Kind::String => said.words = true,
                    _ => {}
                },
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
    fn read(cursor: &mut Cursor<'a>) -> Result<Delta<'a>> {
        let mut delta = Delta::default();
        cursor.object(|key, cursor| {
            match key {
                b"message" if cursor.kind()? == Kind::Object => {
                    cursor.object(|key, cursor| delta.message(key, cursor))?;
                }
                b"finish_reason" => delta.finish_reason = cursor.text()?,
                b"usage" => delta.usage = Some(cursor.raw()?),
                b"error" => delta.error = cursor.kind()? != Kind::Null,
                _ => {}
            }
            Ok(())
        })?;
        Ok(delta)
    }

    fn message(&mut self, key: &[u8], cursor: &mut Cursor<'a>) -> Result<()> {
        match key {
            b"content" if cursor.kind()? == Kind::Object => cursor.object(|key, cursor| {
                match key {
                    b"text" => self.text = cursor.text()?,
                    b"thinking" => self.thinking = cursor.text()?,
                    _ => {}
                }
                Ok(())
            }),
            b"tool_plan" => {
                self.plan = cursor.text()?;
                Ok(())
            }
            b"tool_calls" if cursor.kind()? == Kind::Object => {
                self.call = Call::read(cursor)?;
                Ok(())
            }
            b"citations" => {
                self.citations = Some(cursor.raw()?);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl<'a> Call<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Call<'a>> {
        let mut call = Call::default();
        cursor.object(|key, cursor| {
            match key {
                b"id" => call.id = cursor.text()?,
                b"function" if cursor.kind()? == Kind::Object => {
                    cursor.object(|key, cursor| {
                        match key {
                            b"name" => call.name = cursor.text()?,
                            b"arguments" => {
                                call.arguments = Some(cursor.clone().raw()?);
                                call.piece = cursor.text()?;
                            }
                            _ => {}
                        }
                        Ok(())
                    })?;
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(call)
    }
}
