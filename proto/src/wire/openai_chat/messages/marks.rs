//! What other formats mark in a conversation and this one has no member for: where a cached prefix ends, unless the service knows
//! that, and that a tool failed. Servers refuse what they do not know.

use memchr::memmem;

use super::{Message, Note, Rewriter};
use crate::chat::Report;
use crate::error::Result;
use crate::json::{Cursor, Kind};
use crate::request::Request;
use crate::request::splice::{self, Edits, Slot};
use crate::wire::Target;

const CACHE: &str = "cache_control";
const BY_ITSELF: &str = "the provider caches by itself, or not at all";

impl<'r> Rewriter<'r> {
    /// Takes the marks out of a message's parts, unless those are written anew, and calls; says which of its own members are marks.
    pub(super) fn marks(&mut self, message: &Message<'r>, rewritten: bool) -> Result<Vec<usize>> {
        let mut gone = Vec::new();
        if let Some((at, slot)) = message.find("is_error") {
            gone.push(at);
            if &self.text[slot.value.clone()] == b"true" {
                let why = || "the format has no place for it".to_owned();
                self.note(false, message.place("is_error"), why);
            }
        }
        if self.target.quirks.cache_markers {
            return Ok(gone);
        }
        if let Some((at, _)) = message.find(CACHE) {
            gone.push(at);
            self.note(false, message.place(CACHE), || BY_ITSELF.to_owned());
        }
        let names = match rewritten {
            true => &["tool_calls"][..],
            false => &["content", "tool_calls"],
        };
        for name in names {
            let Some((_, slot)) = message.find(name) else {
                continue;
            };
            let mut found = Vec::new();
            let edits = unmark(&self.text[slot.value.clone()], &[], |number| {
                found.push(format!("{}[{number}].{CACHE}", message.place(name)));
            })?;
            self.edits.extend(edits.shifted(slot.value.start));
            for place in found {
                self.note(false, place, || BY_ITSELF.to_owned());
            }
        }
        Ok(gone)
    }
}

/// The changes to the request's tools, by the places of its source; `None` if they go as they are.
pub(in super::super) fn tools(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Option<Edits>> {
    let Some((_, field)) = request.find("tools") else {
        return Ok(None);
    };
    let written = &request.source()[field.slot.value.clone()];
    // A schema may know the word as well, so that this alone says nothing.
    let perhaps = memmem::find(written, CACHE.as_bytes()).is_some();
    if target.quirks.cache_markers || report.passes() || !perhaps {
        return Ok(None);
    }
    let mut note: Option<Note> = None;
    let edits = unmark(written, &["function"], |number| {
        let note = note.get_or_insert_with(|| Note {
            place: format!("tools[{number}].{CACHE}"),
            why: BY_ITSELF.to_owned(),
            converted: false,
            times: 0,
        });
        note.times += 1;
    })?;
    if let Some(note) = note {
        note.tell(report)?;
    }
    Ok((!edits.is_empty()).then(|| edits.shifted(field.slot.value.start)))
}

/// Takes the markers out of the objects of an array, and out of the objects in their members `inner`; the edits' ranges are those
/// of the array's text.
pub(super) fn unmark(list: &[u8], inner: &[&str], mut found: impl FnMut(usize)) -> Result<Edits> {
    let (mut edits, mut number) = (Edits::default(), 0);
    let mut cursor = Cursor::new(list);
    if cursor.kind()? != Kind::Array {
        return Ok(edits);
    }
    cursor.array(|cursor| {
        number += 1;
        object(list, cursor, inner, &mut edits, &mut || found(number - 1))
    })?;
    Ok(edits)
}

fn object<'r>(
    text: &'r [u8],
    cursor: &mut Cursor<'r>,
    inner: &[&str],
    edits: &mut Edits,
    found: &mut dyn FnMut(),
) -> Result<()> {
    if cursor.kind()? != Kind::Object {
        return cursor.skip();
    }
    let members = splice::members(text, cursor)?;
    let close = cursor.position() - 1;
    let is_mark = |at: usize| members[at].0.is(CACHE);
    if (0..members.len()).any(is_mark) {
        found();
        let slots: Vec<&Slot> = members.iter().map(|(_, slot)| slot).collect();
        edits.reshape(&slots, is_mark, Vec::new(), close);
    }
    for (key, slot) in &members {
        if inner.iter().any(|name| key.is(name)) {
            let text = &text[slot.value.clone()];
            let mut inside = Edits::default();
            object(text, &mut Cursor::new(text), &[], &mut inside, found)?;
            edits.extend(inside.shifted(slot.value.start));
        }
    }
    Ok(())
}
