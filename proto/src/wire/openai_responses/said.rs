//! The members of a stream event, of whatever type: one walk over the text, nothing copied.

use std::ops::Range;

use crate::error::Result;
use crate::json::{Cursor, Kind, Str};

/// The members of one event.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) kind: Option<Str<'a>>,
    /// The item's place in the answer, and its name.
    pub(super) output_index: Option<u32>,
    pub(super) item_id: Option<Str<'a>>,
    /// The part's place in the item: `content_index` or `summary_index`.
    pub(super) part: u32,
    pub(super) delta: Option<Str<'a>>,
    /// All of what the deltas said: `text`, `refusal`, `arguments`.
    pub(super) all: Option<Str<'a>>,
    pub(super) item: Option<&'a [u8]>,
    pub(super) annotation: Option<&'a [u8]>,
    pub(super) response: Option<&'a [u8]>,
    /// It has an `error` that is not null.
    pub(super) error: bool,
    /// It has `output` or says that it is a response: no event, but a whole answer.
    pub(super) whole: bool,
    /// Where the event's number stands.
    pub(super) number: Option<Range<usize>>,
    /// A random string of OpenAI's that means nothing ("Streaming", `include_obfuscation`).
    pub(super) obfuscation: Option<Str<'a>>,
}

impl<'a> Said<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Said<'a>> {
        let mut said = Said::default();
        cursor.object(|key, cursor| {
            match key {
                b"type" => said.kind = cursor.text()?,
                b"delta" => said.delta = cursor.text()?,
                b"output_index" => {
                    said.output_index = cursor.count()?.and_then(|index| u32::try_from(index).ok());
                }
                b"item_id" => said.item_id = cursor.text()?.filter(|id| !id.is_empty()),
                b"content_index" | b"summary_index" => {
                    let index = cursor.count()?.and_then(|index| u32::try_from(index).ok());
                    said.part = index.unwrap_or_default();
                }
                b"text" | b"arguments" | b"refusal" => said.all = cursor.text()?,
                b"item" => said.item = object(cursor)?,
                b"annotation" => said.annotation = object(cursor)?,
                b"response" => said.response = object(cursor)?,
                b"error" => said.error = cursor.kind()? != Kind::Null,
                b"output" => said.whole |= cursor.kind()? == Kind::Array,
                b"object" => said.whole |= cursor.text()?.is_some_and(|it| it.is("response")),
                b"sequence_number" if cursor.kind()? == Kind::Number => {
                    let length = cursor.number()?.text().len();
                    said.number = Some(cursor.position() - length..cursor.position());
                }
                b"obfuscation" => said.obfuscation = cursor.text()?,
                _ => {}
            }
            Ok(())
        })?;
        cursor.end()?;
        Ok(said)
    }
}

/// The text of the object that comes next; `None` if it is something else.
fn object<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>> {
    match cursor.kind()? {
        Kind::Object => cursor.raw().map(Some),
        _ => cursor.skip().map(|()| None),
    }
}

/// The members of a response object.
#[derive(Default)]
pub(super) struct Response<'a> {
    pub(super) id: Option<Str<'a>>,
    pub(super) model: Option<Str<'a>>,
    pub(super) status: Option<Str<'a>>,
    /// Why it is incomplete.
    pub(super) reason: Option<Str<'a>>,
    pub(super) error: Option<&'a [u8]>,
    pub(super) usage: Option<&'a [u8]>,
    pub(super) output: Option<&'a [u8]>,
    /// The text of an answer whose server fills no `output`; the SDKs' shortcut, which some servers send.
    pub(super) output_text: Option<Str<'a>>,
}

impl<'a> Response<'a> {
    pub(super) fn read(json: &'a [u8]) -> Result<Response<'a>> {
        let mut response = Response::default();
        let mut cursor = Cursor::new(json);
        cursor.object(|key, cursor| {
            match key {
                b"id" => response.id = cursor.text()?,
                b"model" => response.model = cursor.text()?,
                b"status" => response.status = cursor.text()?,
                b"incomplete_details" if cursor.kind()? == Kind::Object => {
                    cursor.object(|key, cursor| {
                        if key == b"reason" {
                            response.reason = cursor.text()?;
                        }
                        Ok(())
                    })?;
                }
                b"error" if cursor.kind()? != Kind::Null => response.error = Some(cursor.raw()?),
                b"usage" => response.usage = object(cursor)?,
                b"output" if cursor.kind()? == Kind::Array => {
                    response.output = Some(cursor.raw()?);
                }
                b"output_text" => response.output_text = cursor.text()?,
                _ => {}
            }
            Ok(())
        })?;
        cursor.end()?;
        Ok(response)
    }
}

/// The members of an item of `output`.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) kind: Option<Str<'a>>,
    pub(super) id: Option<Str<'a>>,
    pub(super) call_id: Option<Str<'a>>,
    pub(super) name: Option<Str<'a>>,
    /// As they are written: a string that holds JSON, or what should have been one.
    pub(super) arguments: Option<&'a [u8]>,
    pub(super) content: Option<&'a [u8]>,
    pub(super) summary: Option<&'a [u8]>,
    pub(super) encrypted: bool,
}

impl<'a> Members<'a> {
    pub(super) fn read(item: &'a [u8]) -> Result<Members<'a>> {
        let mut members = Members::default();
        let mut cursor = Cursor::new(item);
        if cursor.kind()? != Kind::Object {
            return Ok(members);
        }
        cursor.object(|key, cursor| {
            let full = |text: Option<Str<'a>>| text.filter(|text| !text.is_empty());
            match key {
                b"type" => members.kind = cursor.text()?,
                b"id" => members.id = full(cursor.text()?),
                b"call_id" => members.call_id = full(cursor.text()?),
                b"name" => members.name = full(cursor.text()?),
                b"arguments" => members.arguments = Some(cursor.raw()?),
                b"content" => members.content = Some(cursor.raw()?),
                b"summary" => members.summary = Some(cursor.raw()?),
                b"encrypted_content" => members.encrypted = full(cursor.text()?).is_some(),
                _ => {}
            }
            Ok(())
        })?;
        Ok(members)
    }

    /// What kind of item this is.
    pub(super) fn role(&self) -> Role {
        match self.kind.map(|kind| kind.raw()) {
            // A message may leave its type out where it is input; no server was seen to do so in an answer.
            Some(b"message") | None => Role::Message,
            Some(b"reasoning") => Role::Reasoning,
            Some(b"function_call") => Role::Call,
            Some(b"custom_tool_call") => Role::Custom,
            Some(b"image_generation_call") => Role::Image,
            Some(_) => Role::Tool,
        }
    }
}

/// What an item means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Message,
    Reasoning,
    /// A function of the caller's.
    Call,
    /// A tool of free text, whose input is no JSON.
    Custom,
    Image,
    /// What the provider runs by itself, and every kind that came later than this was written.
    Tool,
}
