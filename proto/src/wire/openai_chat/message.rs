//! A `delta` or a `message` as it lies in the frame: what is in it is found first and said afterwards, in the order that makes
//! sense to a reader, not the order the server happened to print.

use super::extra;
use crate::error::Result;
use crate::json::{Cursor, Kind, Str};

/// The members of a delta or message that mean something. Texts are strings of the frame; what is rarer or nested is a place in it.
#[derive(Default)]
pub(super) struct Message<'a> {
    pub(super) content: Option<Str<'a>>,
    /// Content as an array of parts.
    pub(super) parts: Option<Cursor<'a>>,
    pub(super) reasoning_content: Option<Str<'a>>,
    pub(super) reasoning: Option<Str<'a>>,
    pub(super) reasoning_details: Option<Cursor<'a>>,
    pub(super) refusal: Option<Str<'a>>,
    pub(super) tool_calls: Option<Cursor<'a>>,
    pub(super) function_call: Option<Cursor<'a>>,
    /// Arrays whose elements go through as they are.
    pub(super) annotations: Option<Cursor<'a>>,
    pub(super) images: Option<Cursor<'a>>,
    /// What Groq's servers ran for their model ("Compound", "Tool use").
    pub(super) executed_tools: Option<Cursor<'a>>,
    /// What Google signed of the text.
    pub(super) extra: Option<&'a [u8]>,
    pub(super) audio: Option<Cursor<'a>>,
}

impl<'a> Message<'a> {
    /// Reads what comes next; says whether it is an object. In place: a message is too large to be handed around for each token.
    #[inline]
    pub(super) fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<bool> {
        if cursor.kind()? != Kind::Object {
            return cursor.skip().map(|()| false);
        }
        let message = self;
        cursor.object(|key, cursor| {
            match key {
                b"content" => match cursor.kind()? {
                    Kind::String => message.content = Some(cursor.string()?),
                    Kind::Array => message.parts = Some(cursor.clone()),
                    _ => {}
                },
                b"reasoning_content" => message.reasoning_content = cursor.text()?,
                b"reasoning" => message.reasoning = cursor.text()?,
                b"reasoning_details" => message.reasoning_details = array(cursor)?,
                b"refusal" => message.refusal = cursor.text()?,
                b"tool_calls" => message.tool_calls = array(cursor)?,
                b"function_call" => message.function_call = object(cursor)?,
                b"annotations" => message.annotations = array(cursor)?,
                b"images" => message.images = array(cursor)?,
                b"executed_tools" => message.executed_tools = array(cursor)?,
                b"extra_content" => message.extra = extra::signed(cursor)?,
                b"audio" => message.audio = object(cursor)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(true)
    }

    /// Reasoning text from the first of its fields that says something.
    pub(super) fn reasoning(&self) -> Option<Str<'a>> {
        let fields = [self.reasoning_content, self.reasoning];
        fields.into_iter().flatten().find(|text| !text.is_empty())
    }
}

/// One element of content that is an array.
pub(super) enum Part<'a> {
    Text(Str<'a>),
    Refusal(Str<'a>),
    /// Mistral's thinking: a string or an array of text parts; the summary of a reasoning that Databricks makes of Claude's.
    Thinking(Cursor<'a>),
    Citation(&'a [u8]),
    Image(&'a [u8]),
    Audio(&'a [u8]),
    Unknown,
}

impl<'a> Part<'a> {
    /// The text of an element of thinking: a string, or an object that says one.
    pub(super) fn thought(cursor: &mut Cursor<'a>) -> Result<Option<Str<'a>>> {
        let mut text = None;
        match cursor.kind()? {
            Kind::String => text = Some(cursor.string()?),
            Kind::Object => cursor.object(|key, cursor| {
                if key == b"text" {
                    text = cursor.text()?;
                }
                Ok(())
            })?,
            _ => cursor.skip()?,
        }
        Ok(text)
    }

    /// Reads what comes next.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Part<'a>> {
        match cursor.kind()? {
            Kind::String => return cursor.string().map(Part::Text),
            Kind::Object => {}
            _ => return cursor.skip().map(|()| Part::Unknown),
        }
        let mut whole = cursor.clone();
        let (mut kind, mut text, mut refusal, mut thinking) = (None, None, None, None);
        cursor.object(|key, cursor| {
            match key {
                b"type" => kind = cursor.text()?,
                b"text" => text = cursor.text()?,
                b"refusal" => refusal = cursor.text()?,
                b"thinking" | b"summary" => thinking = Some(cursor.clone()),
                _ => {}
            }
            Ok(())
        })?;
        let kind = kind.map(|kind| kind.raw());
        let part = match kind {
            None | Some(b"text" | b"output_text") => text.map(Part::Text),
            Some(b"refusal") => refusal.map(Part::Refusal),
            Some(b"thinking" | b"reasoning") => thinking.map(Part::Thinking),
            // Mistral's OpenAPI: ReferenceChunk.
            Some(b"reference" | b"citation") => Some(Part::Citation(whole.raw()?)),
            Some(b"image_url" | b"image") => Some(Part::Image(whole.raw()?)),
            Some(b"input_audio" | b"audio") => Some(Part::Audio(whole.raw()?)),
            Some(_) => None,
        };
        Ok(part.unwrap_or(Part::Unknown))
    }
}

/// The array that comes next, not read; `None` if it is something else.
fn array<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Cursor<'a>>> {
    Ok((cursor.kind()? == Kind::Array).then(|| cursor.clone()))
}

/// The object that comes next, not read; `None` if it is something else.
fn object<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Cursor<'a>>> {
    Ok((cursor.kind()? == Kind::Object).then(|| cursor.clone()))
}
