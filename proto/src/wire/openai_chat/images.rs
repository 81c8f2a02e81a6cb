//! Pictures: `/images/generations`. The answer stays as it came.

use super::encode;
use crate::error::Result;
use crate::event::Usage;
use crate::json::{Cursor, Kind};
use crate::operation::{Answer, Said, lacks, readable};
use crate::request::Request;
use crate::wire::{Encoded, Target};

/// Says the request.
pub(super) fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    encode::plain(request, target, "/images/generations", "application/json")
}

/// Hears the answer.
pub(super) fn hear(answer: &Answer<'_>) -> Result<Said> {
    let (mut said, mut listed) = (Said::default(), false);
    let mut cursor = Cursor::new(answer.body);
    cursor.object(|key, cursor| {
        match (key, cursor.kind()?) {
            (b"model", _) => said.model = cursor.text()?.map(|model| model.owned()),
            (b"usage", Kind::Object) => said.usage = Some(usage(cursor)?),
            (b"data", Kind::Array) => {
                listed = true;
                cursor.skip()?;
            }
            _ => {}
        }
        Ok(())
    })?;
    cursor.end()?;
    if !listed {
        return Err(lacks("pictures"));
    }
    said.result = readable(answer.body.to_vec());
    Ok(said)
}

/// In the words of these operations, which are not the chat's (API reference, "The image generation response"), or in those of the
/// chat, as Mistral and OpenRouter have it; costs as there.
pub(super) fn usage(cursor: &mut Cursor<'_>) -> Result<Usage> {
    let start = cursor.position();
    let mut usage = super::usage::read(&mut cursor.clone())?;
    cursor.object(|key, cursor| {
        match key {
            b"input_tokens" => usage.prompt_tokens = cursor.count()?.or(usage.prompt_tokens),
            b"output_tokens" => {
                usage.completion_tokens = cursor.count()?.or(usage.completion_tokens);
            }
            // API reference, "The transcription object".
            b"input_token_details" if cursor.kind()? == Kind::Object => {
                cursor.object(|key, cursor| {
                    if key == b"audio_tokens" {
                        usage.audio_prompt_tokens = cursor.count()?;
                    }
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    })?;
    usage.raw = Some(String::from_utf8_lossy(cursor.since(start)).into());
    Ok(usage)
}
