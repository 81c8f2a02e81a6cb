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

/// In the words of these operations, which are not the chat's (API reference, "The image generation response").
pub(super) fn usage(cursor: &mut Cursor<'_>) -> Result<Usage> {
    let mut usage = Usage::default();
    let start = cursor.position();
    cursor.object(|key, cursor| {
        match key {
            b"input_tokens" => usage.prompt_tokens = cursor.count()?,
            b"output_tokens" => usage.completion_tokens = cursor.count()?,
            b"total_tokens" => usage.total_tokens = cursor.count()?,
            _ => {}
        }
        Ok(())
    })?;
    usage.raw = Some(String::from_utf8_lossy(cursor.since(start)).into());
    Ok(usage)
}
