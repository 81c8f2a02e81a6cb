//! A configuration's text as a tree that remembers where everything stood: TOML or JSON, so that every complaint has a place.

use std::fmt::Display;

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::scope::Table;
use crate::error::{Error, ErrorKind, Result};
use libllm_proto::json::{Cursor, Kind};

/// A text and its tree.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    text: &'t str,
    /// What the text is, in the words of a complaint.
    what: String,
    /// Whether a complaint says line and column; a text in one argument of a call needs the key alone.
    places: bool,
    /// What a wrong type or value is.
    mistyped: ErrorKind,
    root: Node,
}

/// A value and the bytes it stood in.
#[derive(Debug)]
pub(crate) struct Node {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) value: Value,
}

/// What both formats can say.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    // It may be a key.
    Text(Zeroizing<String>),
    List(Vec<Node>),
    Table(Vec<Entry>),
    Date,
}

/// One `key = value`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) start: usize,
    pub(super) node: Node,
}

impl Value {
    /// The type in the words of a complaint. Values are not shown: they may be keys.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Date => "a date",
        }
    }
}

impl<'t> Document<'t> {
    /// A client's configuration; JSON if its first character is `{`.
    pub(crate) fn config(text: &'t str, path: Option<&str>) -> Result<Document<'t>> {
        let what = match path {
            Some(path) => format!("config file {path}"),
            None => "config".to_owned(),
        };
        let mut document = Document {
            text,
            what,
            places: true,
            mistyped: ErrorKind::Config,
            root: Node {
                start: 0,
                end: 0,
                value: Value::Null,
            },
        };
        document.root = match text.trim_start().starts_with('{') {
            true => document.json()?,
            false => document.toml()?,
        };
        Ok(document)
    }

    /// The options of one request, a JSON object.
    pub(crate) fn options(text: &'t str) -> Result<Document<'t>> {
        let mut document = Document {
            text,
            what: "options_json".to_owned(),
            places: false,
            mistyped: ErrorKind::InvalidArgument,
            root: Node {
                start: 0,
                end: 0,
                value: Value::Null,
            },
        };
        document.root = document.json()?;
        Ok(document)
    }

    /// The whole tree.
    pub(crate) fn root(&self) -> Result<Table<'_>> {
        match &self.root.value {
            Value::Table(entries) => Ok(Table::new(self, String::new(), entries)),
            other => {
                let message = format!("expected an object, got {}", other.kind());
                Err(self.mistyped(self.root.start, message))
            }
        }
    }

    /// The text of a value, byte for byte.
    pub(super) fn source(&self, node: &Node) -> &'t str {
        &self.text[node.start..node.end]
    }

    /// A wrong type or value.
    pub(super) fn mistyped(&self, at: usize, message: impl Display) -> Error {
        self.error(self.mistyped, at, message)
    }

    /// A key that is not known here.
    pub(super) fn unknown(&self, at: usize, message: impl Display) -> Error {
        self.error(ErrorKind::Config, at, message)
    }

    fn error(&self, kind: ErrorKind, at: usize, message: impl Display) -> Error {
        let what = &self.what;
        if !self.places {
            return Error::new(kind, format!("{what}: {message}"));
        }
        let (line, column) = place(self.text, at);
        Error::new(
            kind,
            format!("{what} line {line}, column {column}: {message}"),
        )
    }

    fn toml(&self) -> Result<Node> {
        let table = DeTable::parse(self.text).map_err(|error| {
            // Its own display would show the line, and with it perhaps a key.
            self.mistyped(error.span().map_or(0, |span| span.start), error.message())
        })?;
        let (start, end) = (table.span().start, table.span().end);
        self.toml_table(start, end, table.get_ref())
    }

    fn toml_table(&self, start: usize, end: usize, table: &DeTable<'_>) -> Result<Node> {
        let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<_>)| {
            let key: (&toml::Spanned<std::borrow::Cow<'_, str>>, usize) = (key, key.span().start);
            let node = self.toml_value(value)?;
            Ok(Entry {
                key: key.0.get_ref().clone().into_owned(),
                start: key.1,
                node,
            })
        };
        let mut entries = table.iter().map(entry).collect::<Result<Vec<_>>>()?;
        // The parser sorts by key; a complaint should be about the first mistake.
        entries.sort_by_key(|entry| entry.start);
        Ok(Node {
            start,
            end,
            value: Value::Table(entries),
        })
    }

    fn toml_value(&self, value: &toml::Spanned<DeValue<'_>>) -> Result<Node> {
        let (start, end) = (value.span().start, value.span().end);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(Zeroizing::new(text.as_ref().to_owned())),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Integer(number) => {
                let parsed = i64::from_str_radix(number.as_str(), number.radix());
                Value::Integer(parsed.map_err(|_| self.mistyped(start, "number exceeds 64 bits"))?)
            }
            DeValue::Float(number) => {
                let parsed = number.as_str().parse();
                Value::Float(parsed.map_err(|_| self.mistyped(start, "unreadable number"))?)
            }
            DeValue::Array(array) => Value::List(
                array
                    .iter()
                    .map(|item| self.toml_value(item))
                    .collect::<Result<_>>()?,
            ),
            DeValue::Table(table) => return self.toml_table(start, end, table),
        };
        Ok(Node { start, end, value })
    }

    fn json(&self) -> Result<Node> {
        let mut cursor = Cursor::new(self.text.as_bytes());
        let mut read = || {
            let node = self.json_value(&mut cursor)?;
            cursor
                .end()
                .map_err(|error| self.malformed(&cursor, &error))?;
            Ok(node)
        };
        read()
    }

    fn malformed(&self, cursor: &Cursor<'_>, error: &Error) -> Error {
        self.mistyped(cursor.position(), error.message())
    }

    fn json_value(&self, cursor: &mut Cursor<'_>) -> Result<Node> {
        let kind = cursor
            .kind()
            .map_err(|error| self.malformed(cursor, &error))?;
        let start = cursor.position();
        let value = match kind {
            Kind::Object => Value::Table(self.json_entries(cursor)?),
            Kind::Array => Value::List(self.json_items(cursor)?),
            kind => json_scalar(kind, cursor).map_err(|error| self.malformed(cursor, &error))?,
        };
        Ok(Node {
            start,
            end: cursor.position(),
            value,
        })
    }

    fn json_entries(&self, cursor: &mut Cursor<'_>) -> Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        cursor
            .enter_object()
            .map_err(|error| self.malformed(cursor, &error))?;
        loop {
            let key = cursor
                .key()
                .map_err(|error| self.malformed(cursor, &error))?;
            let Some(key) = key else { return Ok(entries) };
            let (start, key) = (key.range().start - 1, key.owned());
            if entries.iter().any(|entry| entry.key == key) {
                return Err(self.mistyped(start, format!("key {key:?} comes twice")));
            }
            let node = self.json_value(cursor)?;
            entries.push(Entry { key, start, node });
        }
    }

    fn json_items(&self, cursor: &mut Cursor<'_>) -> Result<Vec<Node>> {
        let mut items = Vec::new();
        cursor
            .enter_array()
            .map_err(|error| self.malformed(cursor, &error))?;
        while cursor
            .element()
            .map_err(|error| self.malformed(cursor, &error))?
        {
            items.push(self.json_value(cursor)?);
        }
        Ok(items)
    }
}

fn json_scalar(kind: Kind, cursor: &mut Cursor<'_>) -> Result<Value> {
    Ok(match kind {
        Kind::Bool => Value::Bool(cursor.bool()?),
        Kind::String => Value::Text(Zeroizing::new(cursor.string()?.owned())),
        Kind::Number => {
            let number = cursor.number()?;
            let whole = std::str::from_utf8(number.text())
                .ok()
                .and_then(|text| text.parse().ok());
            match whole {
                Some(whole) => Value::Integer(whole),
                None => number.as_f64().map_or(Value::Null, Value::Float),
            }
        }
        _ => {
            cursor.null()?;
            Value::Null
        }
    })
}

/// Line and column of a byte, from 1; columns count characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        match Document::config(text, None) {
            Ok(document) => document.root().unwrap_err().to_string(),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Config);
                error.to_string()
            }
        }
    }

    #[test]
    fn both_formats_give_the_same_tree() {
        let toml = "a = 1\nb = [true, 2.5]\n[c]\nd = \"x\"\n[[c.e]]\nf = 0x10\n";
        let json = r#"{"a":1,"b":[true,2.5],"c":{"d":"x","e":[{"f":16}]}}"#;
        assert_eq!(shape(&Document::config(toml, None).unwrap().root), json);
        assert_eq!(shape(&Document::config(json, None).unwrap().root), json);
    }

    fn shape(node: &Node) -> String {
        let list = |items: Vec<String>| items.join(",");
        match &node.value {
            Value::Table(entries) => {
                let entry = |entry: &Entry| format!("{:?}:{}", entry.key, shape(&entry.node));
                format!("{{{}}}", list(entries.iter().map(entry).collect()))
            }
            Value::List(items) => format!("[{}]", list(items.iter().map(shape).collect())),
            Value::Text(text) => format!("{:?}", text.as_str()),
            Value::Bool(flag) => flag.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            other => other.kind().to_owned(),
        }
    }

    #[test]
    fn malformed_text_is_told_with_its_place_and_without_its_words() {
        for (text, place) in [
            ("a = 1\nkey = \"sk-canary", "config line 2, column "),
            ("a = 1\na = 2\n", "config line 2, column 1: "),
            ("{\"a\":1,\n \"key\":\"sk-canary}", "config line 2, column "),
            (
                "{\"a\":1,\n \"a\":2}",
                "config line 2, column 2: key \"a\" comes twice",
            ),
            ("{\"a\":1} x", "config line 1, column 9: "),
        ] {
            let message = complaint(text);
            assert!(message.starts_with(place), "{message}");
            assert!(!message.contains("canary"), "{message}");
        }
    }

    #[test]
    fn depth_has_a_limit_in_both_formats() {
        for depth in [200, 100_000] {
            assert!(complaint(&format!("{{\"a\":{}", "[".repeat(depth))).contains("deeper"));
            let toml = format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
            assert!(Document::config(&toml, None).is_err());
        }
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(place("é=1\nèè x", 9), (2, 3));
        assert_eq!(place("", 0), (1, 1));
        assert_eq!(place("a", 99), (1, 2));
    }
}
