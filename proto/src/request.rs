//! The caller's words: a Chat Completions request, checked once, its source text kept.
//!
//! A request's text is never printed again: wires that speak the same format send it as it came, but for the few members that
//! routing changes (`splice`), so that unknown members and the spelling of numbers survive.
//!
//! ```
//! use libllm_proto::Request;
//!
//! let request = Request::parse(r#"{"model":"openai/gpt-5","messages":[{"role":"user","content":"hi"}]}"#)?;
//! assert_eq!(request.model(), Some("openai/gpt-5"));
//!
//! let error = Request::parse(r#"{"messages":[{"role":"user","content":5}]}"#).unwrap_err();
//! assert_eq!(error.message(), "messages[0].content: expected a string or an array, found a number");
//! # Ok::<(), libllm_proto::Error>(())
//! ```

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::json::{Cursor, Str};

mod canonical;
mod check;
mod draft;
mod halves;
mod messages;
#[cfg_attr(
    not(feature = "openai"),
    allow(dead_code, reason = "wires that translate send a body of their own")
)]
pub(crate) mod splice;
#[cfg(test)]
mod tests;

pub use canonical::canonical;
pub use draft::Draft;

use check::Place;
use splice::{Slot, Splice};

/// A request that is known to be good: JSON whose known members have the types they should.
#[derive(Clone, Debug)]
pub struct Request {
    source: Bytes,
    /// There are blanks between its tokens.
    spaced: bool,
    fields: Vec<Field>,
    /// Where the top level's closing brace is.
    close: usize,
    model: Model,
    has_messages: bool,
    has_earlier: bool,
    has_marks: bool,
    has_shown: bool,
}

/// The model's name.
#[derive(Clone, Debug)]
enum Model {
    /// None, or null.
    None,
    /// Here in the source.
    Written(Range<usize>),
    /// Where escapes hide it.
    Unescaped(Box<str>),
}

/// A member of the top level.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) slot: Slot,
    /// The key's text where escapes hide it.
    unescaped: Option<Box<str>>,
    /// A later member has the same key: this one says nothing.
    pub(crate) shadowed: bool,
}

impl Request {
    /// Starts a request in Rust; see [`Draft`].
    #[expect(
        clippy::new_ret_no_self,
        reason = "a request without a message is none yet"
    )]
    pub fn new(model: impl Into<String>) -> Draft {
        Draft::new(model.into())
    }

    /// Checks a request. The error says where and why: line and column of malformed JSON, path of a wrong type.
    pub fn parse(json: impl Into<Bytes>) -> Result<Request> {
        let request = Request::parse_any(json)?;
        let there = |name| request.find(name).is_some();
        if !request.has_messages && !there("input") && !there("prompt") {
            return Err(check::fail(&Place::Member(b"messages"), "is missing"));
        }
        Ok(request)
    }

    /// The same for a request that may be no conversation: that what it asks about is there is [`Operation::check`]'s to see.
    ///
    /// [`Operation::check`]: crate::wire::Operation::check
    pub fn parse_any(json: impl Into<Bytes>) -> Result<Request> {
        let mut source: Bytes = json.into();
        if source.starts_with(BOM) {
            source = source.slice(BOM.len()..);
        }
        if let Some(mended) = halves::replaced(&source) {
            source = mended.into();
        }
        let mut request = index(&source).map_err(|error| match check_syntax(&source) {
            // What is no JSON is told so, before what is wrong with its members.
            Err(syntax) => syntax,
            Ok(()) => error.with_kind(ErrorKind::InvalidArgument),
        })?;
        request.source = source;
        shadow(&mut request);
        request.model = model(&request);
        Ok(request)
    }

    /// The model as the caller wrote it.
    pub fn model(&self) -> Option<&str> {
        match &self.model {
            Model::None => None,
            Model::Written(place) => std::str::from_utf8(&self.source[place.clone()]).ok(),
            Model::Unescaped(model) => Some(model),
        }
    }

    /// Whether it is a conversation in the words of Chat Completions.
    pub fn has_messages(&self) -> bool {
        self.has_messages
    }

    /// Whether a stream is asked for, if the request says.
    pub fn stream(&self) -> Option<bool> {
        match self.field("stream")? {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// How many answers are asked for.
    pub fn n(&self) -> u32 {
        let written = self
            .field("n")
            .and_then(|json| std::str::from_utf8(json).ok()?.parse().ok());
        written.unwrap_or(1)
    }

    /// The JSON text of a member of the top level, the last one of that name.
    pub fn field(&self, key: &str) -> Option<&[u8]> {
        let (_, field) = self.find(key)?;
        Some(&self.source[field.slot.value.clone()])
    }

    /// The members of the top level with their JSON text, in order. Of a key that comes twice only the last is there.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let seen = self.fields.iter().filter(|field| !field.shadowed);
        seen.map(|field| (self.key(field), &self.source[field.slot.value.clone()]))
    }

    /// The request as the caller wrote it, without a byte order mark.
    pub fn source(&self) -> &Bytes {
        &self.source
    }

    /// The same request for another model.
    pub fn with_model(&self, model: &str) -> Result<Request> {
        self.with("model", &Value::from(model))
    }

    /// The same request with one member of the top level set.
    pub fn with(&self, key: &str, value: &Value) -> Result<Request> {
        let mut splice = Splice::new(self);
        splice.set(key, value.to_string().into_bytes());
        Request::parse(splice.finish())
    }

    /// The same request without these members of the top level.
    pub fn without(&self, keys: &[&str]) -> Result<Request> {
        let mut splice = Splice::new(self);
        keys.iter().for_each(|key| splice.remove(key));
        Request::parse(splice.finish())
    }

    /// Whether a message carries reasoning or parts (`libllm_parts`) of an earlier answer.
    pub fn has_earlier(&self) -> bool {
        self.has_earlier
    }

    /// Whether a message marks where a cached prefix ends (`cache_control`) or that a tool failed (`is_error`).
    #[cfg_attr(
        not(feature = "openai"),
        allow(dead_code, reason = "wires that translate read the messages")
    )]
    pub(crate) fn has_marks(&self) -> bool {
        self.has_marks
    }

    /// Whether a tool's result holds more than text.
    #[cfg_attr(
        not(feature = "openai"),
        allow(dead_code, reason = "wires that translate read the messages")
    )]
    pub(crate) fn has_shown(&self) -> bool {
        self.has_shown
    }

    pub(crate) fn members(&self) -> &[Field] {
        &self.fields
    }

    /// Where the top level's closing brace is.
    pub(crate) fn close(&self) -> usize {
        self.close
    }

    pub(crate) fn find(&self, key: &str) -> Option<(usize, &Field)> {
        let mut all = self.fields.iter().enumerate().rev();
        all.find(|(_, field)| self.key_bytes(field) == key.as_bytes())
    }

    /// A member's key, escapes undone.
    pub(crate) fn key_bytes<'r>(&'r self, field: &'r Field) -> &'r [u8] {
        match &field.unescaped {
            None => &self.source[field.slot.key.start + 1..field.slot.key.end - 1],
            Some(unescaped) => unescaped.as_bytes(),
        }
    }

    fn key<'r>(&'r self, field: &'r Field) -> &'r str {
        std::str::from_utf8(self.key_bytes(field)).unwrap_or_default()
    }
}

/// What is wrong with text that is no JSON: serde_json's errors give line and column.
fn check_syntax(source: &[u8]) -> Result<()> {
    let bad = |why: String| Error::new(ErrorKind::InvalidArgument, why);
    if let Err(error) = std::str::from_utf8(source) {
        let at = error.valid_up_to();
        return Err(bad(format!("the request is not UTF-8 at byte {at}")));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(source) {
        Ok(_) => Ok(()),
        Err(error) => Err(bad(format!("the request is malformed JSON: {error}"))),
    }
}

/// Reads a request's text once, taking none of the cursor's leniencies; the text itself is not kept.
fn index(text: &[u8]) -> Result<Request> {
    if simdutf8::basic::from_utf8(text).is_err() {
        return Err(Error::new(ErrorKind::InvalidArgument, "not UTF-8"));
    }
    let mut cursor = Cursor::strict(text);
    check::expect(&mut cursor, &Place::Root, check::OBJECT)?;
    cursor.enter_object()?;
    let mut fields: Vec<Field> = Vec::with_capacity(8);
    let mut found = messages::Found::default();
    let mut has_messages = false;
    let mut start = cursor.position();
    while let Some(key) = cursor.key()? {
        let name = plain(key);
        let name: &[u8] = &name;
        let value_start = splice::skip_blanks(text, cursor.position());
        let place = Place::Member(name);
        if name == b"messages" {
            has_messages = true;
            found = messages::check(&mut cursor, &place)?;
        } else {
            check::field(name, &mut cursor, &place)?;
        }
        let slot = Slot::between(text, start, key.range(), value_start..cursor.position());
        start = slot.all.end + 1;
        if fields.len() == FIELDS_MAX {
            let message = format!("the request has more than {FIELDS_MAX} members");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        let unescaped = (!key.is_plain()).then(|| key.owned().into());
        fields.push(Field {
            slot,
            unescaped,
            shadowed: false,
        });
    }
    cursor.end()?;
    // The last slot ends at the brace; `start` is one behind it.
    let close = start - usize::from(!fields.is_empty());
    let (has_earlier, has_marks, has_shown) = (found.earlier, found.marks, found.shown);
    let spaced = cursor.is_spaced();
    Ok(Request {
        spaced,
        source: Bytes::new(),
        fields,
        close,
        model: Model::None,
        has_messages,
        has_earlier,
        has_marks,
        has_shown,
    })
}

fn model(request: &Request) -> Model {
    let Some((_, field)) = request.find("model") else {
        return Model::None;
    };
    let place = field.slot.value.clone();
    let written = Cursor::new(&request.source[place.clone()]).text();
    match written.ok().flatten() {
        None => Model::None,
        // Between the quotes.
        Some(model) if model.is_plain() => Model::Written(place.start + 1..place.end - 1),
        Some(model) => Model::Unescaped(model.owned().into()),
    }
}

/// Marks members whose key comes again later.
fn shadow(request: &mut Request) {
    let mut shadowed: Vec<usize> = Vec::new();
    if request.fields.len() <= FEW {
        for (at, field) in request.fields.iter().enumerate() {
            let key = request.key_bytes(field);
            let later = &request.fields[at + 1..];
            if later.iter().any(|later| request.key_bytes(later) == key) {
                shadowed.push(at);
            }
        }
    } else {
        let keys = request.fields.iter().enumerate();
        let mut keys: Vec<(&[u8], usize)> = keys
            .map(|(at, field)| (request.key_bytes(field), at))
            .collect();
        keys.sort_unstable();
        let twice = keys.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        shadowed.extend(twice.map(|pair| pair[0].1));
    }
    for at in shadowed {
        request.fields[at].shadowed = true;
    }
}

/// A key's text, escapes undone.
fn plain(key: Str<'_>) -> Cow<'_, [u8]> {
    match key.is_plain() {
        true => Cow::Borrowed(key.raw()),
        false => Cow::Owned(key.owned().into_bytes()),
    }
}

/// So many keys are compared each with each sooner than sorted.
const FEW: usize = 16;

/// Far above what any format knows; keeps looking members up cheap.
const FIELDS_MAX: usize = 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";
