//! The members of events and of content blocks, as the server writes them: borrowed, nothing copied.

use crate::error::Result;
use crate::json::{Cursor, Kind, Str};

/// The members of a content block of a whole answer, and of the `start` and `delta` of a streamed one: the names are the same.
#[derive(Default)]
pub(super) struct Block<'a> {
    pub(super) text: Option<Str<'a>>,
    pub(super) tool: Option<Tool<'a>>,
    pub(super) reasoning: Option<Reasoning<'a>>,
    /// What a tool of the provider's side answered.
    pub(super) tool_result: Option<&'a [u8]>,
    pub(super) citation: Option<&'a [u8]>,
    pub(super) cited: Option<&'a [u8]>,
    pub(super) image: Option<&'a [u8]>,
    pub(super) audio: Option<&'a [u8]>,
}

/// A call of a tool, or a piece of one.
#[derive(Default)]
pub(super) struct Tool<'a> {
    pub(super) id: Option<Str<'a>>,
    pub(super) name: Option<Str<'a>>,
    pub(super) input: Option<&'a [u8]>,
    /// It runs on the provider's side.
    pub(super) server: bool,
    /// The whole object.
    pub(super) json: &'a [u8],
}

/// Reasoning, or a piece of it.
#[derive(Default)]
pub(super) struct Reasoning<'a> {
    pub(super) text: Option<Str<'a>>,
    pub(super) signature: Option<Str<'a>>,
    pub(super) redacted: Option<Str<'a>>,
}

impl<'a> Block<'a> {
    pub(super) fn read(json: &'a [u8]) -> Result<Block<'a>> {
        let mut block = Block::default();
        let mut cursor = Cursor::new(json);
        if cursor.kind()? != Kind::Object {
            return Ok(block);
        }
        cursor.object(|key, cursor| {
            match key {
                b"text" => block.text = cursor.text()?,
                b"toolUse" if cursor.kind()? == Kind::Object => {
                    block.tool = Some(Tool::read(cursor.raw()?)?);
                }
                b"reasoningContent" if cursor.kind()? == Kind::Object => {
                    block.reasoning = Some(Reasoning::read(cursor)?);
                }
                b"toolResult" => block.tool_result = Some(cursor.raw()?),
                b"citation" => block.citation = Some(cursor.raw()?),
                b"citationsContent" if cursor.kind()? == Kind::Object => {
                    block.cited = Some(cursor.raw()?);
                }
                b"image" => block.image = Some(cursor.raw()?),
                b"audio" => block.audio = Some(cursor.raw()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(block)
    }

    /// Whether anything in it is known.
    pub(super) fn is_known(&self) -> bool {
        self.text.is_some()
            || self.tool.is_some()
            || self.reasoning.is_some()
            || self.cited.is_some()
            || [self.tool_result, self.citation, self.image, self.audio]
                .iter()
                .any(Option::is_some)
    }
}

impl<'a> Tool<'a> {
    fn read(json: &'a [u8]) -> Result<Tool<'a>> {
        let mut tool = Tool {
            json,
            ..Tool::default()
        };
        Cursor::new(json).object(|key, cursor| {
            match key {
                b"toolUseId" => tool.id = cursor.text()?,
                b"name" => tool.name = cursor.text()?,
                b"input" => tool.input = Some(cursor.raw()?),
                b"type" => {
                    tool.server = cursor
                        .text()?
                        .is_some_and(|kind| kind.is("server_tool_use"));
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(tool)
    }
}

impl<'a> Reasoning<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Reasoning<'a>> {
        let mut reasoning = Reasoning::default();
        cursor.object(|key, cursor| {
            match key {
                // A whole block has its text one level deeper.
                b"reasoningText" if cursor.kind()? == Kind::Object => {
                    cursor.object(|key, cursor| reasoning.member(key, cursor))?;
                }
                _ => reasoning.member(key, cursor)?,
            }
            Ok(())
        })?;
        Ok(reasoning)
    }

    fn member(&mut self, key: &[u8], cursor: &mut Cursor<'a>) -> Result<()> {
        match key {
            b"text" => self.text = cursor.text()?,
            b"signature" => self.signature = cursor.text()?,
            b"redactedContent" => self.redacted = cursor.text()?,
            _ => {}
        }
        Ok(())
    }
}

/// The members of an event, of whatever name, and of a whole answer.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) index: Option<u32>,
    pub(super) start: Option<&'a [u8]>,
    pub(super) delta: Option<&'a [u8]>,
    pub(super) stop_reason: Option<Str<'a>>,
    pub(super) usage: Option<&'a [u8]>,
    /// The content of a whole answer.
    pub(super) content: Option<&'a [u8]>,
    /// It is a whole answer.
    pub(super) output: bool,
    pub(super) error: bool,
    /// An event in a body that has no names for its events: it is the only member, by its name.
    pub(super) inner: Option<(&'static str, &'a [u8])>,
}

/// The events of a stream.
pub(super) const EVENTS: &[&str] = &[
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
];

impl<'a> Said<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Said<'a>> {
        let mut said = Said::default();
        cursor.object(|key, cursor| {
            match key {
                b"contentBlockIndex" => {
                    said.index = cursor.count()?.and_then(|index| u32::try_from(index).ok());
                }
                b"start" => said.start = Some(cursor.raw()?),
                b"delta" => said.delta = Some(cursor.raw()?),
                b"stopReason" => said.stop_reason = cursor.text()?,
                b"usage" => said.usage = Some(cursor.raw()?),
                b"error" => said.error = cursor.kind()? != Kind::Null,
                b"output" if cursor.kind()? == Kind::Object => {
                    said.output = true;
                    said.output(cursor)?;
                }
                key => {
                    if let Some(name) = EVENTS.iter().find(|name| name.as_bytes() == key)
                        && cursor.kind()? == Kind::Object
                    {
                        said.inner = Some((name, cursor.raw()?));
                    }
                }
            }
            Ok(())
        })?;
        cursor.end()?;
        Ok(said)
    }

    fn output(&mut self, cursor: &mut Cursor<'a>) -> Result<()> {
        cursor.object(|key, cursor| {
            if key != b"message" || cursor.kind()? != Kind::Object {
                return Ok(());
            }
            cursor.object(|key, cursor| {
                if key == b"content" && cursor.kind()? == Kind::Array {
                    self.content = Some(cursor.raw()?);
                }
                Ok(())
            })
        })
    }
}
