//! The members of a response, of its candidates and of their parts, as the server writes them: borrowed, nothing copied.

use crate::error::Result;
use crate::json::{Cursor, Kind, Str};

/// The members of one response, whole or a chunk.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) candidates: Option<&'a [u8]>,
    pub(super) feedback: Option<&'a [u8]>,
    pub(super) usage: Option<&'a [u8]>,
    pub(super) model: Option<Str<'a>>,
    pub(super) id: Option<Str<'a>>,
    pub(super) error: bool,
}

impl<'a> Said<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Said<'a>> {
        let mut said = Said::default();
        cursor.object(|key, cursor| {
            match key {
                b"candidates" if cursor.kind()? == Kind::Array => {
                    said.candidates = Some(cursor.raw()?);
                }
                b"promptFeedback" if cursor.kind()? == Kind::Object => {
                    said.feedback = Some(cursor.raw()?);
                }
                b"usageMetadata" => said.usage = Some(cursor.raw()?),
                b"modelVersion" => said.model = cursor.text()?,
                b"responseId" => said.id = cursor.text()?,
                b"error" => said.error = cursor.kind()? != Kind::Null,
                _ => {}
            }
            Ok(())
        })?;
        cursor.end()?;
        Ok(said)
    }

    /// Whether anything in it is known.
    pub(super) fn is_known(&self) -> bool {
        self.candidates.is_some() || self.feedback.is_some() || self.usage.is_some()
    }
}

/// The members of one candidate.
#[derive(Default)]
pub(super) struct Candidate<'a> {
    /// Its number; left out for the first.
    pub(super) index: Option<u32>,
    /// The list of parts of its content.
    pub(super) parts: Option<&'a [u8]>,
    pub(super) reason: Option<Str<'a>>,
    /// Where what it says comes from, in each of the three ways that the API has for it.
    pub(super) sources: [Option<&'a [u8]>; 3],
}

impl<'a> Candidate<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Candidate<'a>> {
        let mut candidate = Candidate::default();
        cursor.object(|key, cursor| {
            let source = match key {
                b"index" => {
                    candidate.index = cursor.count()?.and_then(|index| u32::try_from(index).ok());
                    return Ok(());
                }
                b"content" if cursor.kind()? == Kind::Object => {
                    return cursor.object(|key, cursor| {
                        if key == b"parts" && cursor.kind()? == Kind::Array {
                            candidate.parts = Some(cursor.raw()?);
                        }
                        Ok(())
                    });
                }
                b"finishReason" => {
                    candidate.reason = cursor.text()?;
                    return Ok(());
                }
                b"groundingMetadata" => 0,
                b"citationMetadata" => 1,
                b"urlContextMetadata" => 2,
                _ => return Ok(()),
            };
            if cursor.kind()? == Kind::Object {
                candidate.sources[source] = Some(cursor.raw()?).filter(|json| *json != b"{}");
            }
            Ok(())
        })?;
        Ok(candidate)
    }
}

/// The members of one part.
#[derive(Default)]
pub(super) struct Part<'a> {
    pub(super) text: Option<Str<'a>>,
    /// The text is a thought.
    pub(super) thought: bool,
    pub(super) signature: Option<Str<'a>>,
    pub(super) call: Option<&'a [u8]>,
    /// The media type of a picture or of sound.
    pub(super) media: Option<Str<'a>>,
    pub(super) is_media: bool,
    /// A tool that runs on the provider's side, or its result.
    pub(super) server_tool: bool,
}

impl<'a> Part<'a> {
    pub(super) fn read(json: &'a [u8]) -> Result<Part<'a>> {
        let mut part = Part::default();
        let mut cursor = Cursor::new(json);
        if cursor.kind()? != Kind::Object {
            return Ok(part);
        }
        cursor.object(|key, cursor| {
            match key {
                b"text" => part.text = cursor.text()?,
                b"thought" => part.thought = cursor.flag()? == Some(true),
                b"thoughtSignature" | b"thought_signature" => {
                    part.signature = cursor.text()?.filter(|text| !text.is_empty());
                }
                b"functionCall" if cursor.kind()? == Kind::Object => {
                    part.call = Some(cursor.raw()?);
                }
                b"inlineData" | b"fileData" if cursor.kind()? == Kind::Object => {
                    part.is_media = true;
                    cursor.object(|key, cursor| {
                        if key == b"mimeType" {
                            part.media = cursor.text()?;
                        }
                        Ok(())
                    })?;
                }
                b"executableCode" | b"codeExecutionResult" | b"toolCall" | b"toolResponse" => {
                    part.server_tool |= cursor.kind()? == Kind::Object;
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(part)
    }
}

/// The members of a function call.
#[derive(Default)]
pub(super) struct Call<'a> {
    pub(super) id: Option<Str<'a>>,
    pub(super) name: Option<Str<'a>>,
    pub(super) args: Option<&'a [u8]>,
    /// Pieces of the arguments.
    pub(super) pieces: Option<&'a [u8]>,
    /// More of the call follows.
    pub(super) continues: bool,
}

impl<'a> Call<'a> {
    pub(super) fn read(json: &'a [u8]) -> Result<Call<'a>> {
        let mut call = Call::default();
        Cursor::new(json).object(|key, cursor| {
            match key {
                b"id" => call.id = cursor.text()?,
                b"name" => call.name = cursor.text()?,
                b"args" => call.args = Some(cursor.raw()?),
                b"partialArgs" if cursor.kind()? == Kind::Array => {
                    call.pieces = Some(cursor.raw()?);
                }
                b"willContinue" => call.continues = cursor.flag()? == Some(true),
                _ => {}
            }
            Ok(())
        })?;
        Ok(call)
    }
}

/// The members of a piece of a call's arguments.
#[derive(Default)]
pub(super) struct Partial<'a> {
    /// Where it stands.
    pub(super) path: Option<Str<'a>>,
    /// What stands there, or goes on there, if it is text.
    pub(super) text: Option<Str<'a>>,
    /// The same as JSON if it is none.
    pub(super) value: Option<&'a [u8]>,
    /// More of the text follows.
    pub(super) continues: bool,
}

impl<'a> Partial<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Partial<'a>> {
        let mut piece = Partial::default();
        cursor.object(|key, cursor| {
            match key {
                b"jsonPath" => piece.path = cursor.text()?,
                b"stringValue" => piece.text = cursor.text()?,
                b"numberValue" | b"boolValue" => piece.value = Some(cursor.raw()?),
                b"nullValue" => {
                    cursor.skip()?;
                    piece.value = Some(b"null");
                }
                b"willContinue" => piece.continues = cursor.flag()? == Some(true),
                _ => {}
            }
            Ok(())
        })?;
        Ok(piece)
    }
}
