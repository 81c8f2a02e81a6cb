//! What Google signs where it speaks OpenAI's format: `extra_content` of a call, or of the message for a text (Gemini API docs
//! "Thought signatures", "OpenAI compatibility"). A model refuses the results of its calls without it.

use crate::error::Result;
use crate::json::{Cursor, Kind};
use crate::request::splice::quote;

/// The `extra_content` that comes next, if it holds a signature.
pub(super) fn signed<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>> {
    if cursor.kind()? != Kind::Object {
        return Ok(None);
    }
    let mut whole = cursor.clone();
    let mut signed = false;
    cursor.object(|key, cursor| {
        if key == b"google" && cursor.kind()? == Kind::Object {
            cursor.object(|key, cursor| {
                if key == b"thought_signature" {
                    signed = cursor.text()?.is_some_and(|text| !text.is_empty());
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    if signed {
        whole.raw().map(Some)
    } else {
        Ok(None)
    }
}

/// Whose an `extra_content` is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Owner {
    Message,
    /// A call, by its id.
    Call(String),
    /// A call without one, by its number in the message.
    Number(u64),
}

/// The part that keeps an `extra_content`.
pub(super) fn part(owner: &Owner, extra: &[u8]) -> Vec<u8> {
    let whose = match owner {
        Owner::Message => Vec::new(),
        Owner::Call(id) => [br#""id":"#, &quote(id)[..], b","].concat(),
        Owner::Number(number) => format!(r#""index":{number},"#).into_bytes(),
    };
    [b"{", &whose[..], br#""extra_content":"#, extra, b"}"].concat()
}

/// What such a part keeps; `None` if it is another.
pub(super) fn kept(part: &[u8]) -> Result<Option<(Owner, &[u8])>> {
    let mut cursor = Cursor::new(part);
    if cursor.kind()? != Kind::Object {
        return Ok(None);
    }
    let (mut owner, mut extra) = (Owner::Message, None);
    cursor.object(|key, cursor| {
        match key {
            b"id" => {
                owner = cursor
                    .text()?
                    .map_or(Owner::Message, |id| Owner::Call(id.owned()))
            }
            b"index" => owner = cursor.count()?.map_or(Owner::Message, Owner::Number),
            b"extra_content" => extra = Some(cursor.raw()?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(extra.map(|extra| (owner, extra)))
}
