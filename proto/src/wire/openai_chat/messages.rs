//! What the messages of a conversation need on their way to this provider: roles and ids as it wants them, earlier reasoning in
//! its own field, and nothing of ours, nor what only other formats mark.

use std::ops::Range;

use super::extra;
use crate::chat::Report;
use crate::error::Result;
use crate::json::{Cursor, Kind, Str};
use crate::request::Request;
use crate::request::splice::{self, Edits, Slot, quote};
use crate::wire::Target;

pub(super) mod marks;
mod shown;
mod signed;

/// The changes to the request's messages, by the places of its source; `None` if they go as they are.
pub(super) fn rewrite(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Option<Edits>> {
    let quirks = target.quirks;
    let as_written = quirks.system_role.is_none() && quirks.tool_ids.is_none();
    let field = request
        .find("messages")
        .map(|(_, field)| field.slot.value.clone());
    let shown = request.has_shown() && !quirks.tool_pictures && !report.passes();
    let as_written = as_written && !request.has_earlier() && !request.has_marks() && !shown;
    let (false, Some(place)) = (as_written, field) else {
        return Ok(None);
    };
    let text = &request.source()[place.clone()];
    let mut rewriter = Rewriter {
        text,
        target,
        edits: Edits::default(),
        notes: Vec::new(),
        shown: Vec::new(),
    };
    let (mut number, mut end) = (0, 0);
    Cursor::new(text).array(|cursor| {
        number += 1;
        let start = cursor.position();
        rewriter.message(cursor, number - 1, start, report.passes())?;
        end = cursor.position();
        Ok(())
    })?;
    rewriter.show_last(end);
    for note in rewriter.notes {
        note.tell(report)?;
    }
    Ok((!rewriter.edits.is_empty()).then(|| rewriter.edits.shifted(place.start)))
}

struct Rewriter<'r> {
    /// The array of messages.
    text: &'r [u8],
    target: &'r Target<'r>,
    edits: Edits,
    notes: Vec<Note>,
    /// What tools showed in the results before here, to be shown by the user behind them.
    shown: Vec<u8>,
}

/// One kind of change, for the report: long conversations make each of them many times.
struct Note {
    place: String,
    why: String,
    converted: bool,
    times: usize,
}

impl Note {
    fn tell(self, report: &mut Report) -> Result<()> {
        let why = match self.times {
            1 => self.why,
            times => format!("{} ({times} times)", self.why),
        };
        if self.converted {
            report.converted(self.place, why);
            return Ok(());
        }
        report.dropped(self.place, why)
    }
}

impl<'r> Rewriter<'r> {
    fn message(
        &mut self,
        cursor: &mut Cursor<'r>,
        number: usize,
        start: usize,
        passes: bool,
    ) -> Result<()> {
        let text = self.text;
        let members = splice::members(text, cursor)?;
        let close = cursor.position() - 1;
        let message = Message { number, members };
        if !passes {
            self.role(&message);
            self.tool_ids(&message)?;
        }
        let mut gone = self.reasoning(&message, passes);
        if !passes {
            let moved = self.show(&message, start)?;
            gone.extend(self.marks(&message, moved)?);
        }
        let mut added = Vec::new();
        if let Some((at, slot)) = message.find("libllm_parts") {
            gone.push(at);
            added = self.parts(&message, slot)?;
        }
        let slots: Vec<&Slot> = message.members.iter().map(|(_, slot)| slot).collect();
        self.edits
            .reshape(&slots, |at| gone.contains(&at), added, close);
        Ok(())
    }

    fn role(&mut self, message: &Message<'r>) {
        let (Some(wanted), Some((_, slot))) =
            (self.target.quirks.system_role, message.find("role"))
        else {
            return;
        };
        let written = string(self.text, slot.value.clone());
        if written.is_some_and(|role| (role == "system" || role == "developer") && role != wanted) {
            self.edits.replace(slot.value.clone(), quote(wanted));
            self.note(true, message.place("role"), || {
                format!("the provider's role for it is {wanted}")
            });
        }
    }

    fn tool_ids(&mut self, message: &Message<'r>) -> Result<()> {
        if self.target.quirks.tool_ids.is_none() {
            return Ok(());
        }
        if let Some((_, slot)) = message.find("tool_call_id") {
            self.tool_id(slot.value.clone(), message.place("tool_call_id"));
        }
        let Some((_, slot)) = message.find("tool_calls") else {
            return Ok(());
        };
        let mut cursor = Cursor::new(&self.text[slot.value.clone()]);
        if cursor.kind()? != Kind::Array {
            return Ok(());
        }
        let offset = slot.value.start;
        let mut ids: Vec<Range<usize>> = Vec::new();
        cursor.array(|cursor| {
            cursor.object(|key, cursor| {
                if key == b"id" && cursor.kind()? == Kind::String {
                    let inner = cursor.string()?.range();
                    ids.push(offset + inner.start - 1..offset + inner.end + 1);
                }
                Ok(())
            })
        })?;
        for id in ids {
            self.tool_id(id, message.place("tool_calls"));
        }
        Ok(())
    }

    fn tool_id(&mut self, value: Range<usize>, place: String) {
        let Some(id) = string(self.text, value.clone()) else {
            return;
        };
        if let Some(short) = alnum9(&id) {
            self.edits.replace(value, quote(&short));
            self.note(true, place, || {
                "the provider wants ids of 9 letters and digits".to_string()
            });
        }
    }

    /// Earlier reasoning goes where the provider takes it. Our own turns say `reasoning`: where nothing takes it, it is not sent.
    /// `reasoning_content` is a vendor's word and stays, unless it is known to have another name there. Says which members go.
    fn reasoning(&mut self, message: &Message<'r>, passes: bool) -> Vec<usize> {
        let mut gone = Vec::new();
        let Some(wanted) = self.target.quirks.reasoning_field else {
            if let (Some((at, slot)), false) = (message.find("reasoning"), passes) {
                gone.push(at);
                if &self.text[slot.value.clone()] != b"null" {
                    let why = || "the provider takes no reasoning back".to_string();
                    self.note(false, message.place("reasoning"), why);
                }
            }
            return gone;
        };
        let other = if wanted == "reasoning" {
            "reasoning_content"
        } else {
            "reasoning"
        };
        match (message.find(other), message.find(wanted)) {
            (Some((at, _)), Some(_)) => gone.push(at),
            (Some((_, slot)), None) => {
                self.edits.replace(slot.key.clone(), quote(wanted));
                self.note(true, message.place(other), || {
                    format!("the provider's name for it is {wanted}")
                });
            }
            (None, _) => {}
        }
        gone
    }

    /// What this provider signed or encrypted goes back in its own field; what another one did means nothing here.
    fn parts(&mut self, message: &Message<'r>, slot: &Slot) -> Result<Vec<u8>> {
        let mut details: Vec<&[u8]> = Vec::new();
        let (mut added, mut extras) = (Vec::new(), Vec::new());
        let mut cursor = Cursor::new(&self.text[slot.value.clone()]);
        if cursor.kind()? != Kind::Array {
            return Ok(added);
        }
        cursor.array(|cursor| {
            let part = Part::read(cursor)?;
            let own = part
                .provider
                .is_some_and(|provider| provider.is(self.target.provider));
            if !own {
                let who = part
                    .provider
                    .map_or("nobody".to_string(), |provider| provider.owned());
                let why = || format!("a part of {who} means nothing to this provider");
                self.note(false, message.place("libllm_parts"), why);
                return Ok(());
            }
            match part.kind.map(|kind| kind.raw()) {
                Some(b"signature" | b"encrypted" | b"redacted") => {
                    match part.data.map(extra::kept).transpose()?.flatten() {
                        Some((owner, json)) => {
                            let member = self.extra(message, &owner, json)?;
                            extras.extend((!member.is_empty()).then_some(member));
                        }
                        None => details.extend(part.data),
                    }
                }
                Some(b"audio") if message.find("audio").is_none() && added.is_empty() => {
                    if let Some(id) = part.data.and_then(audio_id) {
                        // "Data about a previous audio response": its id (OpenAI API reference, assistant message).
                        added = [br#""audio":{"id":"#, id.as_slice(), b"}"].concat();
                    }
                }
                // Citations, images and server tools are no input of this format.
                _ => {}
            }
            Ok(())
        })?;
        if !details.is_empty() && message.find("reasoning_details").is_none() {
            if !added.is_empty() {
                added.push(b',');
            }
            added.extend_from_slice(br#""reasoning_details":["#);
            added.extend_from_slice(&details.join(&b','));
            added.push(b']');
        }
        // The last signature of a message is that of all of its text.
        if let Some(extra) = extras.pop() {
            if !added.is_empty() {
                added.push(b',');
            }
            added.extend_from_slice(&extra);
        }
        Ok(added)
    }

    fn note(&mut self, converted: bool, place: String, why: impl FnOnce() -> String) {
        let why = why();
        let same = |note: &&mut Note| note.converted == converted && note.why == why;
        match self.notes.iter_mut().find(same) {
            Some(note) => note.times += 1,
            None => self.notes.push(Note {
                place,
                why,
                converted,
                times: 1,
            }),
        }
    }
}

/// One message as it lies in the text.
struct Message<'r> {
    number: usize,
    members: Vec<(Str<'r>, Slot)>,
}

impl Message<'_> {
    /// The member of this name, the last one, and its number.
    fn find(&self, name: &str) -> Option<(usize, &Slot)> {
        let at = self.members.iter().rposition(|(key, _)| key.is(name))?;
        Some((at, &self.members[at].1))
    }

    fn place(&self, name: &str) -> String {
        format!("messages[{}].{name}", self.number)
    }
}

/// An element of `libllm_parts`.
#[derive(Default)]
struct Part<'r> {
    kind: Option<Str<'r>>,
    provider: Option<Str<'r>>,
    data: Option<&'r [u8]>,
}

impl<'r> Part<'r> {
    fn read(cursor: &mut Cursor<'r>) -> Result<Part<'r>> {
        let mut part = Part::default();
        cursor.object(|key, cursor| {
            match key {
                b"kind" => part.kind = cursor.text()?,
                b"provider" => part.provider = cursor.text()?,
                b"data" => part.data = Some(cursor.raw()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(part)
    }
}

/// The text of a string that lies here.
fn string(text: &[u8], place: Range<usize>) -> Option<String> {
    let text = Cursor::new(&text[place]).text().ok()??;
    Some(text.owned())
}

fn audio_id(data: &[u8]) -> Option<Vec<u8>> {
    let mut id = None;
    let mut cursor = Cursor::new(data);
    cursor
        .object(|key, cursor| {
            if key == b"id" {
                id = cursor.text()?.filter(|id| !id.is_empty());
            }
            Ok(())
        })
        .ok()?;
    Some(quote(&id?.owned()))
}

/// Nine letters and digits made of an id, the same for the same id, so that calls and results still meet; `None` if it is that.
fn alnum9(id: &str) -> Option<String> {
    const LEN: usize = 9;
    if id.len() == LEN && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // FNV-1a (draft-eastlake-fnv): 62^9 values are 53 bits, so a conversation's ids do not meet by chance.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let digit = |at: u32| char::from(DIGITS[(hash / 62_u64.pow(at) % 62) as usize]);
    Some((0..LEN as u32).map(digit).collect())
}
