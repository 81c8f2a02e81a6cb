//! Changes to JSON text that leave every other byte as it was: members are replaced, renamed, removed or added by their place.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use super::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{self, Cursor, Kind, Str};

/// Where a member of an object lies in the text.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// From behind the comma or brace before it up to the comma or brace behind it.
    pub(crate) all: Range<usize>,
    /// The key with its quotes.
    pub(crate) key: Range<usize>,
    /// The value.
    pub(crate) value: Range<usize>,
}

impl Slot {
    /// The slot that begins at `start`; `key` is what lies between the quotes.
    pub(crate) fn between(
        text: &[u8],
        start: usize,
        key: Range<usize>,
        value: Range<usize>,
    ) -> Slot {
        let end = skip_blanks(text, value.end);
        Slot {
            all: start..end,
            key: key.start - 1..key.end + 1,
            value,
        }
    }
}

/// The place of the first byte at or behind `at` that is no blank.
pub(crate) fn skip_blanks(text: &[u8], at: usize) -> usize {
    let blanks = text[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace());
    at + blanks.count()
}

/// Reads an object; gives its members with their places.
pub(crate) fn members<'a>(text: &'a [u8], cursor: &mut Cursor<'a>) -> Result<Vec<(Str<'a>, Slot)>> {
    let mut members = Vec::new();
    cursor.enter_object()?;
    let mut start = cursor.position();
    while let Some(key) = cursor.key()? {
        let value = skip_blanks(text, cursor.position());
        cursor.skip()?;
        let slot = Slot::between(text, start, key.range(), value..cursor.position());
        start = slot.all.end + 1;
        members.push((key, slot));
    }
    Ok(members)
}

/// Replacements of ranges of one text; no two may overlap.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    list: Vec<(Range<usize>, Cow<'static, [u8]>)>,
}

impl Edits {
    /// Puts `with` where `range` was.
    pub(crate) fn replace(&mut self, range: Range<usize>, with: impl Into<Cow<'static, [u8]>>) {
        self.list.push((range, with.into()));
    }

    /// Removes those members of an object for which `gone` says so, and puts `added` (members with commas between them, or
    /// nothing) at its end. `close` is where its closing brace is.
    pub(crate) fn reshape(
        &mut self,
        slots: &[&Slot],
        gone: impl Fn(usize) -> bool,
        added: Vec<u8>,
        close: usize,
    ) {
        let mut kept = false;
        for (number, slot) in slots.iter().enumerate() {
            if !gone(number) {
                kept = true;
            } else if kept {
                self.replace(slot.all.start - 1..slot.all.end, &b""[..]);
            } else {
                let comma = usize::from(slot.all.end != close);
                self.replace(slot.all.start..slot.all.end + comma, &b""[..]);
            }
        }
        if !added.is_empty() {
            let mut with = Vec::with_capacity(added.len() + 1);
            if kept {
                with.push(b',');
            }
            with.extend_from_slice(&added);
            self.replace(close..close, with);
        }
    }

    /// The same changes where the text lies `by` bytes further on.
    pub(crate) fn shifted(mut self, by: usize) -> Edits {
        for (range, _) in &mut self.list {
            *range = range.start + by..range.end + by;
        }
        self
    }

    /// Adds the changes of other places.
    pub(crate) fn extend(&mut self, other: Edits) {
        self.list.extend(other.list);
    }

    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The changed text, in one allocation.
    pub(crate) fn apply(mut self, text: &[u8]) -> Vec<u8> {
        // Stable: what is put in at one place stays in the order it was said.
        self.list.sort_by_key(|(range, _)| range.start);
        let added: usize = self.list.iter().map(|(_, with)| with.len()).sum();
        let removed: usize = self.list.iter().map(|(range, _)| range.len()).sum();
        let mut out = Vec::with_capacity(text.len() + added - removed);
        let mut at = 0;
        for (range, with) in &self.list {
            out.extend_from_slice(&text[at..range.start]);
            out.extend_from_slice(with);
            at = range.end;
        }
        out.extend_from_slice(&text[at..]);
        out
    }
}

/// Keys of the top level that are ours and never travel: `libllm` is what our own answers add.
const OWN: [&str; 2] = ["extra_body", "libllm"];

/// Changes to a request's top level. What is said last about a member counts.
#[derive(Debug)]
pub(crate) struct Splice<'r> {
    request: &'r Request,
    /// Which members are left out; mostly none.
    gone: Vec<usize>,
    /// Which member changes, and how.
    changes: Vec<(usize, Change)>,
    added: Vec<(String, Cow<'static, [u8]>)>,
}

#[derive(Debug)]
enum Change {
    Name(String),
    Value(Cow<'static, [u8]>),
    Inside(Edits),
}

impl<'r> Splice<'r> {
    /// No change, but that members which a later one of the same key shadows are left out.
    pub(crate) fn new(request: &'r Request) -> Splice<'r> {
        let members = request.members().iter().enumerate();
        let shadowed = members.filter(|(_, field)| field.shadowed);
        Splice {
            request,
            gone: shadowed.map(|(number, _)| number).collect(),
            changes: Vec::new(),
            added: Vec::new(),
        }
    }

    /// Takes out what is ours and never travels.
    pub(crate) fn remove_own(&mut self) {
        for own in OWN {
            self.remove(own);
        }
    }

    /// Sets each member of a JSON object: `extra_body`.
    pub(crate) fn merge(&mut self, extra: &[u8]) -> Result<()> {
        let not_an_object = |why: &str| Error::new(ErrorKind::InvalidArgument, why);
        let mut cursor = Cursor::new(extra);
        if !matches!(cursor.kind(), Ok(Kind::Object)) {
            return Err(not_an_object("expected an object"));
        }
        // What a caller gives beside the request was not checked with it.
        serde_json::from_slice::<serde::de::IgnoredAny>(extra)
            .map_err(|error| not_an_object(&format!("malformed JSON: {error}")))?;
        cursor.enter_object()?;
        while let Some(key) = cursor.key()? {
            let value = cursor.raw()?;
            let key = key.owned();
            if !OWN.contains(&key.as_str()) {
                self.set(&key, value.to_vec());
            }
        }
        Ok(())
    }

    /// Sets a member to this JSON text; adds it if there is none.
    pub(crate) fn set(&mut self, key: &str, json: impl Into<Cow<'static, [u8]>>) {
        let json = json.into();
        if let Some(number) = self.find(key) {
            if self.request.source()[self.request.members()[number].slot.value.clone()] != *json {
                self.change(number, Change::Value(json));
            }
        } else if let Some((_, value)) = self.added.iter_mut().find(|(name, _)| name == key) {
            *value = json;
        } else {
            self.added.push((key.to_string(), json));
        }
    }

    /// Takes a member out, if it is there.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Some(number) = self.find(key) {
            self.gone.push(number);
        }
        self.added.retain(|(name, _)| name != key);
    }

    /// Gives a member another name.
    pub(crate) fn rename(&mut self, key: &str, name: &str) {
        if let Some(number) = self.find(key) {
            self.change(number, Change::Name(name.to_string()));
        }
    }

    /// Changes a member's value in places; the edits' ranges are the source's.
    pub(crate) fn edit(&mut self, key: &str, edits: Edits) {
        if let Some(number) = self.find(key) {
            self.change(number, Change::Inside(edits));
        }
    }

    /// The changed request: the source itself where nothing changed, else one copy.
    pub(crate) fn finish(self) -> Bytes {
        let members = self.request.members();
        let mut edits = Edits::default();
        for (number, change) in self.changes {
            let slot = &members[number].slot;
            if self.gone.contains(&number) {
                continue;
            }
            match change {
                Change::Name(name) => edits.replace(slot.key.clone(), quote(&name)),
                Change::Value(value) => edits.replace(slot.value.clone(), value),
                Change::Inside(inside) => edits.list.extend(inside.list),
            }
        }
        if !self.gone.is_empty() || !self.added.is_empty() {
            let slots: Vec<&Slot> = members.iter().map(|field| &field.slot).collect();
            let (gone, added) = (&self.gone, join(&self.added));
            edits.reshape(
                &slots,
                |number| gone.contains(&number),
                added,
                self.request.close(),
            );
        }
        if edits.is_empty() {
            return self.request.source().clone();
        }
        edits.apply(self.request.source()).into()
    }

    /// A member's change, in place of an earlier one of its name, or of its value.
    fn change(&mut self, number: usize, change: Change) {
        let is_name = |change: &Change| matches!(change, Change::Name(_));
        let of_name = is_name(&change);
        self.changes
            .retain(|(at, old)| *at != number || is_name(old) != of_name);
        self.changes.push((number, change));
    }

    /// The member that is called `key` now.
    fn find(&self, key: &str) -> Option<usize> {
        let members = self.request.members().iter().enumerate();
        let mut here = members.filter(|(number, _)| !self.gone.contains(number));
        let found = here.find(|(number, field)| match self.name(*number) {
            Some(name) => name == key,
            None => self.request.key_bytes(field) == key.as_bytes(),
        });
        found.map(|(number, _)| number)
    }

    /// A member's new name.
    fn name(&self, number: usize) -> Option<&str> {
        self.changes.iter().find_map(|(at, change)| match change {
            Change::Name(name) if *at == number => Some(name.as_str()),
            _ => None,
        })
    }
}

/// Members as JSON text, without braces.
pub(crate) fn join(members: &[(String, impl AsRef<[u8]>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in members {
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(&quote(name));
        out.push(b':');
        out.extend_from_slice(value.as_ref());
    }
    out
}

/// A text as a JSON string.
pub(crate) fn quote(text: &str) -> Vec<u8> {
    let mut out = String::new();
    json::write::string(text, &mut out);
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spliced(source: &str, change: impl Fn(&mut Splice<'_>)) -> String {
        let source = source.replace("M", r#""messages":[{"role":"user","content":"x"}]"#);
        let request = Request::parse(source).unwrap();
        let mut splice = Splice::new(&request);
        change(&mut splice);
        let out = String::from_utf8(splice.finish().to_vec()).unwrap();
        assert!(
            serde_json::from_str::<serde_json::Value>(&out).is_ok(),
            "{out}"
        );
        out.replace(r#""messages":[{"role":"user","content":"x"}]"#, "M")
    }

    #[test]
    fn nothing_changes_without_a_change() {
        let odd = "{ \"a\" : 1.50e0 ,\n\tM , \"b\":\"\\u0041\" }\n";
        assert_eq!(spliced(odd, |_| ()), odd);
        let request = Request::parse(r#"{"messages":[{"role":"user"}]}"#).unwrap();
        assert_eq!(
            Splice::new(&request).finish().as_ptr(),
            request.source().as_ptr()
        );
    }

    #[test]
    fn members_are_removed_wherever_they_stand() {
        let gone = |keys: &'static [&'static str]| {
            move |splice: &mut Splice<'_>| keys.iter().for_each(|key| splice.remove(key))
        };
        assert_eq!(spliced(r#"{"a":1,M,"b":2}"#, gone(&["a"])), "{M,\"b\":2}");
        assert_eq!(spliced(r#"{"a":1,M,"b":2}"#, gone(&["b"])), "{\"a\":1,M}");
        assert_eq!(
            spliced(
                r#"{"a":1,"c":[],M,"b":2,"d":{}}"#,
                gone(&["a", "b", "c", "d"])
            ),
            "{M}"
        );
        assert_eq!(
            spliced(r#"{ "a": 1 , M , "b": 2 }"#, gone(&["messages"])),
            r#"{ "a": 1 , "b": 2 }"#
        );
        assert_eq!(spliced("{M}", gone(&["messages"])), "{}");
        assert_eq!(spliced("{M}", gone(&["nothing"])), "{M}");
    }

    #[test]
    fn members_are_set_renamed_and_added() {
        let set = |splice: &mut Splice<'_>| {
            splice.set("a", b"true".to_vec());
            splice.set("new", b"[]".to_vec());
            splice.rename("b", "c");
            splice.set("c", b"3".to_vec());
            splice.set("new", b"{}".to_vec());
        };
        assert_eq!(
            spliced(r#"{"a" : 1,M,"b":2}"#, set),
            r#"{"a" : true,M,"c":3,"new":{}}"#
        );
    }

    #[test]
    fn everything_may_be_replaced_at_once() {
        let all = |splice: &mut Splice<'_>| {
            splice.remove("messages");
            splice.set("b", b"1".to_vec());
            splice.set("c", b"2".to_vec());
        };
        assert_eq!(spliced("{M}", all), r#"{"b":1,"c":2}"#);
    }

    #[test]
    fn of_two_members_with_one_key_only_the_last_travels() {
        assert_eq!(
            spliced(r#"{"model":"a",M,"mod\u0065l":"b"}"#, |_| ()),
            r#"{M,"mod\u0065l":"b"}"#
        );
    }
}
