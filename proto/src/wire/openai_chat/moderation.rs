//! Moderation: `/moderations`, of OpenAI and of Mistral, whose results lack the word that sums them up.

use super::encode;
use super::usage::Latest;
use crate::error::Result;
use crate::json::{Cursor, Kind};
use crate::operation::{Answer, Said, lacks, readable};
use crate::request::Request;
use crate::wire::{Encoded, Target};

/// Says the request.
pub(super) fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    encode::plain(request, target, "/moderations", "application/json")
}

/// Hears the answer, which stays as it came; each result has `flagged`.
pub(super) fn hear(answer: &Answer<'_>) -> Result<Said> {
    let (mut said, mut usage) = (Said::default(), Latest::default());
    let (mut out, mut taken, mut listed) = (Vec::new(), 0, false);
    let mut cursor = Cursor::new(answer.body);
    cursor.object(|key, cursor| {
        match (key, cursor.kind()?) {
            (b"id", _) => said.id = cursor.text()?.map(|id| id.owned()),
            (b"model", _) => said.model = cursor.text()?.map(|model| model.owned()),
            (b"usage", Kind::Object) => usage.read(cursor)?,
            (b"results", Kind::Array) => {
                listed = true;
                cursor.array(|cursor| {
                    if cursor.kind()? != Kind::Object {
                        return cursor.skip();
                    }
                    let start = cursor.position();
                    let (said, flagged) = verdict(cursor)?;
                    if !said {
                        // Behind the brace; a result has other members.
                        out.extend_from_slice(&answer.body[taken..=start]);
                        out.extend_from_slice(format!("\"flagged\":{flagged},").as_bytes());
                        taken = start + 1;
                    }
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    })?;
    cursor.end()?;
    if !listed {
        return Err(lacks("results"));
    }
    out.extend_from_slice(&answer.body[taken..]);
    said.usage = usage.say();
    said.result = readable(out);
    Ok(said)
}

/// Whether a result says `flagged`, and whether any category is. One that has no members needs no word.
fn verdict(cursor: &mut Cursor<'_>) -> Result<(bool, bool)> {
    let (mut said, mut flagged, mut empty) = (false, false, true);
    cursor.object(|key, cursor| {
        empty = false;
        said |= key == b"flagged";
        if key == b"categories" && cursor.kind()? == Kind::Object {
            cursor.object(|_, cursor| {
                flagged |= cursor.flag()? == Some(true);
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok((said || empty, flagged))
}
