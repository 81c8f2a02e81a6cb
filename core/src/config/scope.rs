//! Reading a table of a [`Document`]: what is there has the right type, and every key is one that is known here.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::document::{Document, Entry, Node, Value};
use crate::error::{Error, Result};
use libllm_proto::provider::closest;

/// A table and the path to it.
#[derive(Debug)]
pub(crate) struct Table<'d> {
    document: &'d Document<'d>,
    path: String,
    entries: &'d [Entry],
}

/// A value and the path to it.
#[derive(Debug)]
pub(crate) struct Item<'d> {
    document: &'d Document<'d>,
    path: String,
    node: &'d Node,
}

impl<'d> Table<'d> {
    pub(super) fn new(document: &'d Document<'d>, path: String, entries: &'d [Entry]) -> Table<'d> {
        Table {
            document,
            path,
            entries,
        }
    }

    /// Refuses keys that are not known; those in `later` are known, but not in this build.
    pub(crate) fn check(&self, known: &[&str], later: &[&str]) -> Result<()> {
        for entry in self.entries {
            let key = entry.key.as_str();
            if known.contains(&key) {
                continue;
            }
            let path = shown(&self.path_to(key));
            if later.contains(&key) {
                let message = format!("key {path} is not in this build");
                return Err(self.document.unknown(entry.start, message));
            }
            let near = closest(key, known.iter().copied(), 1).concat();
            let all = known.join(", ");
            let message = format!("unknown key {path}, expected one of {all}; closest: {near}");
            return Err(self.document.unknown(entry.start, message));
        }
        Ok(())
    }

    /// The values of a table whose keys are the user's own, each with the key and where it stands.
    pub(crate) fn items(&self) -> impl Iterator<Item = (&'d str, Item<'d>)> + '_ {
        self.entries
            .iter()
            .map(|entry| (entry.key.as_str(), self.item_of(entry)))
    }

    /// A value, whatever its type.
    pub(crate) fn get(&self, key: &str) -> Option<Item<'d>> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| self.item_of(entry))
    }

    /// A string.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'d str>> {
        self.get(key).map(|item| item.text()).transpose()
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>> {
        let Some(item) = self.get(key) else {
            return Ok(None);
        };
        match item.node.value {
            Value::Bool(flag) => Ok(Some(flag)),
            _ => Err(item.expected("true or false")),
        }
    }

    /// A table.
    pub(crate) fn table(&self, key: &str) -> Result<Option<Table<'d>>> {
        self.get(key).map(|item| item.table()).transpose()
    }

    /// True or false.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.get(key).map(|item| item.flag()).transpose()
    }

    /// A whole number in this range.
    pub(crate) fn integer(&self, key: &str, range: RangeInclusive<u64>) -> Result<Option<u64>> {
        self.get(key).map(|item| item.integer(range)).transpose()
    }

    /// A number in this range, with or without a fraction.
    pub(crate) fn number(&self, key: &str, range: RangeInclusive<f64>) -> Result<Option<f64>> {
        let Some(item) = self.get(key) else {
            return Ok(None);
        };
        let (least, most) = (range.start(), range.end());
        let number = match item.node.value {
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            _ => return Err(item.expected(&format!("a number in {least} to {most}"))),
        };
        match range.contains(&number) {
            true => Ok(Some(number)),
            false => Err(item.fail(format!(
                "expected a number in {least} to {most}, got {number}"
            ))),
        }
    }

    /// Milliseconds as in C: 0 is the default, a negative number is none.
    pub(crate) fn milliseconds(&self, key: &str) -> Result<Option<i64>> {
        let Some(item) = self.get(key) else {
            return Ok(None);
        };
        match item.node.value {
            Value::Integer(number) => Ok(Some(number)),
            _ => Err(item.expected("whole milliseconds (0: default, negative: none)")),
        }
    }

    /// A time above 0.
    pub(crate) fn seconds(&self, key: &str) -> Result<Option<Duration>> {
        self.get(key).map(|item| item.seconds(false)).transpose()
    }

    /// A time, 0 included.
    pub(crate) fn seconds_or_none(&self, key: &str) -> Result<Option<Duration>> {
        self.get(key).map(|item| item.seconds(true)).transpose()
    }

    /// One of these words; those in `later` are known, but not in this build.
    pub(crate) fn word(
        &self,
        key: &str,
        words: &[&'static str],
        later: &[&str],
    ) -> Result<Option<&'static str>> {
        let Some(item) = self.get(key) else {
            return Ok(None);
        };
        let text = item.text()?;
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Ok(Some(word));
        }
        let expected = words
            .iter()
            .map(|word| format!("{word:?}"))
            .collect::<Vec<_>>()
            .join(", ");
        let got = shown(&format!("{text:?}"));
        if later.contains(&text) {
            return Err(item.fail(format!("{got} is not in this build, expected {expected}")));
        }
        Err(item.fail(format!("expected {expected}, got {got}")))
    }

    /// A key that must be there.
    pub(crate) fn missing(&self, at: &Item<'_>, key: &str, expected: &str) -> Error {
        let path = shown(&self.path_to(key));
        self.document.mistyped(
            at.node.start,
            format!("{path} is missing, expected {expected}"),
        )
    }

    fn item_of(&self, entry: &'d Entry) -> Item<'d> {
        Item {
            document: self.document,
            path: self.path_to(&entry.key),
            node: &entry.node,
        }
    }

    fn path_to(&self, key: &str) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let key = match !key.is_empty() && key.bytes().all(plain) {
            true => key.to_owned(),
            false => format!("{key:?}"),
        };
        if self.path.is_empty() {
            key
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

impl<'d> Item<'d> {
    /// A string.
    pub(crate) fn text(&self) -> Result<&'d str> {
        match &self.node.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.expected("a string")),
        }
    }

    /// True or false.
    pub(crate) fn flag(&self) -> Result<bool> {
        match self.node.value {
            Value::Bool(flag) => Ok(flag),
            _ => Err(self.expected("true or false")),
        }
    }

    /// Whether it is a table.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.node.value, Value::Table(_))
    }

    /// A table.
    pub(crate) fn table(&self) -> Result<Table<'d>> {
        match &self.node.value {
            Value::Table(entries) => Ok(Table::new(self.document, self.path.clone(), entries)),
            _ => Err(self.expected("a table")),
        }
    }

    /// A list's values.
    pub(crate) fn list(&self) -> Result<Vec<Item<'d>>> {
        let Value::List(nodes) = &self.node.value else {
            return Err(self.expected("a list"));
        };
        let item = |(number, node)| {
            let path = format!("{}[{number}]", self.path);
            Item {
                document: self.document,
                path,
                node,
            }
        };
        Ok(nodes.iter().enumerate().map(item).collect())
    }

    /// The value's own text, byte for byte.
    pub(crate) fn source(&self) -> &'d str {
        self.document.source(self.node)
    }

    /// The value in serde's words; only for types that hold no secret, because its complaints are shown.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        to_json(self.node)
    }

    /// A complaint about this value.
    pub(crate) fn fail(&self, message: impl std::fmt::Display) -> Error {
        self.document
            .mistyped(self.node.start, format!("{}: {message}", shown(&self.path)))
    }

    /// A complaint about this value's type.
    pub(crate) fn expected(&self, what: &str) -> Error {
        self.fail(format!("expected {what}, got {}", self.node.value.kind()))
    }

    /// A number in this range.
    pub(super) fn number(&self, range: RangeInclusive<f64>, expected: &str) -> Result<f64> {
        let number = match self.node.value {
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            _ => return Err(self.expected(expected)),
        };
        let (least, most) = (range.start(), range.end());
        match range.contains(&number) {
            true => Ok(number),
            false => Err(self.fail(format!(
                "expected {expected} in {least} to {most}, got {number}"
            ))),
        }
    }

    fn integer(&self, range: RangeInclusive<u64>) -> Result<u64> {
        let (least, most) = (range.start(), range.end());
        let Value::Integer(number) = self.node.value else {
            return Err(self.expected(&format!("a whole number in {least} to {most}")));
        };
        match u64::try_from(number)
            .ok()
            .filter(|number| range.contains(number))
        {
            Some(number) => Ok(number),
            None => Err(self.fail(format!(
                "expected a whole number in {least} to {most}, got {number}"
            ))),
        }
    }

    fn seconds(&self, zero: bool) -> Result<Duration> {
        let expected = if zero {
            "seconds, 0 or more"
        } else {
            "seconds above 0"
        };
        let seconds = match self.node.value {
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            _ => return Err(self.expected(expected)),
        };
        if zero && seconds == 0.0 {
            return Ok(Duration::ZERO);
        }
        if !(SECONDS_MIN..=SECONDS_MAX).contains(&seconds) {
            let range = format!("{expected} (from {SECONDS_MIN} to {SECONDS_MAX})");
            return Err(self.fail(format!("expected {range}, got {seconds}")));
        }
        Ok(Duration::from_secs_f64(seconds))
    }
}

fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null | Value::Date => serde_json::Value::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(nodes) => nodes.iter().map(to_json).collect(),
        Value::Table(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), to_json(&entry.node)))
            .collect(),
    }
}

/// The user's own words in a complaint, cut: a path can be as long as a file.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

const SHOWN_MAX: usize = 200;
// A millisecond is the clock's own step; a day is longer than any answer takes, and catches milliseconds written for seconds.
const SECONDS_MIN: f64 = 0.001;
const SECONDS_MAX: f64 = 86_400.0;
