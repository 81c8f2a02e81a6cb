//! Vectors of texts: `/embeddings`. The answer is passed on as it came, but for vectors in base64 that nobody asked for: those become
//! numbers.

use super::encode;
use super::usage::Latest;
use crate::error::Result;
use crate::json::{Cursor, Kind, Str};
use crate::operation::embeddings::{counted, unpack};
use crate::operation::{Answer, Said, lacks, readable};
use crate::request::Request;
use crate::wire::{Encoded, Target};

/// Says the request.
pub(super) fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    encode::plain(request, target, "/embeddings", "application/json")
}

/// Hears the answer.
pub(super) fn hear(answer: &Answer<'_>) -> Result<Said> {
    let (mut said, mut usage) = (Said::default(), Latest::default());
    let mut numbers = Numbers::new(answer);
    let mut cursor = Cursor::new(answer.body);
    let mut listed = false;
    cursor.object(|key, cursor| {
        match key {
            b"id" => said.id = cursor.text()?.map(|id| id.owned()),
            b"model" => said.model = cursor.text()?.map(|model| model.owned()),
            b"usage" if cursor.kind()? == Kind::Object => usage.read(cursor)?,
            b"data" if cursor.kind()? == Kind::Array => {
                listed = true;
                cursor.array(|cursor| match cursor.kind()? {
                    Kind::Object => vector(cursor, &mut numbers),
                    _ => cursor.skip(),
                })?;
            }
            _ => {}
        }
        Ok(())
    })?;
    cursor.end()?;
    if !listed {
        return Err(lacks("list of vectors"));
    }
    said.usage = usage.say().map(counted);
    said.result = readable(numbers.finish());
    Ok(said)
}

fn vector<'a>(cursor: &mut Cursor<'a>, numbers: &mut Numbers<'a>) -> Result<()> {
    cursor.object(|key, cursor| match key {
        b"embedding" if cursor.kind()? == Kind::String => {
            let start = cursor.position();
            let text = cursor.string()?;
            numbers.put(start, cursor.position(), text)
        }
        _ => Ok(()),
    })
}

/// The answer's text with numbers in the place of base64.
struct Numbers<'a> {
    body: &'a [u8],
    /// They are left as they are.
    packed: bool,
    int8: bool,
    out: Vec<u8>,
    /// How much of the body is in `out`.
    taken: usize,
}

impl<'a> Numbers<'a> {
    fn new(answer: &Answer<'a>) -> Numbers<'a> {
        Numbers {
            body: answer.body,
            packed: answer.packed,
            int8: answer.quirks.int8_vectors,
            out: Vec::new(),
            taken: 0,
        }
    }

    fn put(&mut self, start: usize, end: usize, text: Str<'_>) -> Result<()> {
        if self.packed {
            return Ok(());
        }
        self.out.extend_from_slice(&self.body[self.taken..start]);
        match text.is_plain() {
            true => unpack(text.raw(), self.int8, &mut self.out)?,
            // Some print a slash with an escape.
            false => unpack(text.owned().as_bytes(), self.int8, &mut self.out)?,
        }
        self.taken = end;
        Ok(())
    }

    fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(&self.body[self.taken..]);
        self.out
    }
}
