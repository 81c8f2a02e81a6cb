//! A call whose arguments come in pieces (`partialArgs`; Vertex AI docs "Function calling", streaming of arguments, and the API's
//! PartialArg, read 2026-11-22): each piece names a place by a JSON path (RFC 9535) and says what stands there. Together they are the
//! text of one object, which is written as they come.

use std::collections::HashSet;

use serde_json::Value;

use super::said::Partial;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Cursor, DEPTH_MAX, Kind, Str};

/// A call that has begun.
pub(super) struct Streamed {
    /// Its number.
    pub(super) index: u32,
    /// The name and the id as JSON, what a signature of it signs.
    name: Value,
    id: Option<Value>,
    signature: Option<Vec<u8>>,
    args: Args,
}

impl Streamed {
    pub(super) fn begin(index: u32, name: &str, id: Option<&str>) -> Streamed {
        Streamed {
            index,
            name: name.into(),
            id: id.map(Value::from),
            signature: None,
            args: Args::default(),
        }
    }

    /// Keeps what signs the call: it goes back with all of the arguments.
    pub(super) fn sign(&mut self, signature: Option<Str<'_>>) {
        if let Some(signature) = signature.filter(|text| !text.is_empty()) {
            self.signature = Some(signature.raw().to_vec());
        }
    }

    /// Reads pieces; the text of the arguments that is new by them.
    pub(super) fn take(&mut self, pieces: Option<&[u8]>) -> Result<&str> {
        let start = self.args.text.len();
        if let Some(pieces) = pieces {
            Cursor::new(pieces).array(|cursor| match cursor.kind()? {
                Kind::Object => self.args.put(&Partial::read(cursor)?),
                _ => cursor.skip(),
            })?;
        }
        Ok(&self.args.text[start..])
    }

    /// The call is whole: the end of its arguments' text.
    pub(super) fn end(&mut self) -> &str {
        let start = self.args.text.len();
        self.args.end();
        &self.args.text[start..]
    }

    /// The part as it would have come in one piece, if it is signed: what goes back.
    pub(super) fn part(&self) -> Option<Vec<u8>> {
        let signature = self.signature.as_deref()?;
        let id = self.id.as_ref().map(|id| format!(",\"id\":{id}"));
        let (name, args, id) = (&self.name, &self.args.text, id.unwrap_or_default());
        let call = format!("{{\"functionCall\":{{\"name\":{name},\"args\":{args}{id}}}");
        let parts: [&[u8]; 4] = [
            call.as_bytes(),
            b",\"thoughtSignature\":\"",
            signature,
            b"\"}",
        ];
        Some(parts.concat())
    }
}

/// The text of an object, as far as it is known.
#[derive(Default)]
struct Args {
    text: String,
    /// What is open, the object itself first.
    open: Vec<Container>,
    /// The place of a string that goes on.
    string: Option<Vec<Step>>,
}

/// An object or a list that is open.
struct Container {
    /// Where it stands in the one around it.
    step: Step,
    is_list: bool,
    count: usize,
    /// The members that an object has.
    keys: HashSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Place(usize),
}

impl Args {
    fn put(&mut self, piece: &Partial<'_>) -> Result<()> {
        let path = piece.path.map(|path| path.owned()).unwrap_or_default();
        let path = steps(&path).ok_or_else(|| wrong("have a path that cannot be read"))?;
        if self.string.as_ref() == Some(&path) {
            self.say_text(piece.text);
            if !piece.continues {
                self.end_string();
            }
            return Ok(());
        }
        self.end_string();
        if piece.text.is_none() && piece.value.is_none() && !piece.continues {
            return Ok(());
        }
        self.reach(&path)?;
        match piece.value {
            Some(value) => self.text.push_str(&String::from_utf8_lossy(value)),
            None => {
                self.text.push('"');
                self.string = Some(path);
                self.say_text(piece.text);
                if !piece.continues {
                    self.end_string();
                }
            }
        }
        Ok(())
    }

    fn say_text(&mut self, text: Option<Str<'_>>) {
        if let Some(text) = text {
            // As it is written between the quotes: half a surrogate pair meets its other half here.
            self.text.push_str(&String::from_utf8_lossy(text.raw()));
        }
    }

    fn end_string(&mut self) {
        if self.string.take().is_some() {
            self.text.push('"');
        }
    }

    /// Closes and opens what lies between the last place and this one, and says where the value stands.
    fn reach(&mut self, path: &[Step]) -> Result<()> {
        let Some((last, around)) = path.split_last() else {
            return Err(wrong("have a path to nothing in them"));
        };
        if path.len() >= DEPTH_MAX as usize {
            let message = format!("arguments exceed the depth of {DEPTH_MAX}");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        if self.open.is_empty() {
            self.begin(Step::Place(0), false);
        }
        let same = self.open[1..].iter().zip(around);
        let common = same.take_while(|(open, step)| open.step == **step).count();
        while self.open.len() > common + 1 {
            self.close();
        }
        for (at, step) in path.iter().enumerate().skip(common) {
            self.stand(step)?;
            if at < around.len() {
                let inside = path.get(at + 1).unwrap_or(last);
                self.begin(step.clone(), matches!(inside, Step::Place(_)));
            }
        }
        Ok(())
    }

    /// Says the key or the place of what follows in the container that is open.
    fn stand(&mut self, step: &Step) -> Result<()> {
        let Some(container) = self.open.last_mut() else {
            return Ok(());
        };
        let fits = match step {
            Step::Key(key) => !container.is_list && container.keys.insert(key.clone()),
            Step::Place(place) => container.is_list && *place == container.count,
        };
        if !fits {
            return Err(wrong("come in no order in which they could be written"));
        }
        if container.count > 0 {
            self.text.push(',');
        }
        container.count += 1;
        if let Step::Key(key) = step {
            self.text.push_str(&Value::from(key.as_str()).to_string());
            self.text.push(':');
        }
        Ok(())
    }

    fn begin(&mut self, step: Step, is_list: bool) {
        self.text.push(if is_list { '[' } else { '{' });
        self.open.push(Container {
            step,
            is_list,
            count: 0,
            keys: HashSet::new(),
        });
    }

    fn close(&mut self) {
        if let Some(container) = self.open.pop() {
            self.text.push(if container.is_list { ']' } else { '}' });
        }
    }

    fn end(&mut self) {
        self.end_string();
        if self.text.is_empty() {
            self.text.push_str("{}");
        }
        while !self.open.is_empty() {
            self.close();
        }
    }
}

/// The steps of a JSON path that leads to one place: `$.a.b[0]['c d']`.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while let Some(first) = rest.chars().next() {
        match first {
            '[' => {
                let (step, behind) = bracketed(&rest[1..])?;
                steps.push(step);
                rest = behind;
            }
            '.' => {
                let name = &rest[1..];
                let end = name.find(['.', '[']).unwrap_or(name.len());
                if end == 0 {
                    return None;
                }
                steps.push(Step::Key(name[..end].to_owned()));
                rest = &name[end..];
            }
            _ => return None,
        }
    }
    Some(steps)
}

/// What stands in brackets, and what is behind them.
fn bracketed(text: &str) -> Option<(Step, &str)> {
    let quote = text.chars().next()?;
    if !matches!(quote, '\'' | '"') {
        let (number, behind) = text.split_once(']')?;
        return Some((Step::Place(number.parse().ok()?), behind));
    }
    let (mut key, mut chars) = (String::new(), text[1..].char_indices());
    while let Some((at, char)) = chars.next() {
        match char {
            char if char == quote => {
                let behind = text[1 + at + 1..].strip_prefix(']')?;
                return Some((Step::Key(key), behind));
            }
            '\\' => key.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                }
                other => other,
            }),
            char => key.push(char),
        }
    }
    None
}

fn wrong(how: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("arguments of a call {how}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test fails by panicking
mod tests {
    use super::*;

    fn written(pieces: &str) -> Result<String> {
        let mut call = Streamed::begin(0, "f", None);
        let mut text = call.take(Some(pieces.as_bytes()))?.to_owned();
        text.push_str(call.end());
        Ok(text)
    }

    #[test]
    fn pieces_become_the_object_that_they_are_of() {
        for (pieces, object) in [
            ("[]", "{}"),
            (
                r#"[{"jsonPath":"$.a","stringValue":"x","willContinue":true},{"jsonPath":"$.a","stringValue":"\n\u00e9"},{"jsonPath":"$.b","numberValue":1.50}]"#,
                r#"{"a":"x\n\u00e9","b":1.50}"#,
            ),
            (
                r#"[{"jsonPath":"$.a.b","boolValue":true},{"jsonPath":"$.a.c","nullValue":"NULL_VALUE"},{"jsonPath":"$.d[0].e","numberValue":1},{"jsonPath":"$.d[1].e","numberValue":2},{"jsonPath":"$.f[0][0]","stringValue":""}]"#,
                r#"{"a":{"b":true,"c":null},"d":[{"e":1},{"e":2}],"f":[[""]]}"#,
            ),
            (
                r#"[{"jsonPath":"$['a b']['c\\'d']","stringValue":"x"},{"jsonPath":"$[\"e\\u0041\"]","boolValue":false}]"#,
                r#"{"a b":{"c'd":"x"},"eA":false}"#,
            ),
            // A string whose end is said by what comes next.
            (
                r#"[{"jsonPath":"$.a","stringValue":"x","willContinue":true},{"jsonPath":"$.b","willContinue":true},{"jsonPath":"$.b","stringValue":"y"}]"#,
                r#"{"a":"x","b":"y"}"#,
            ),
        ] {
            assert_eq!(written(pieces).unwrap(), object);
        }
    }

    #[test]
    fn what_cannot_be_written_in_its_order_is_an_error() {
        for path in ["a", "$.", "$.a[", "$.a['b", "$.a[x]", "$..a", "$", ""] {
            let pieces = format!("[{{\"jsonPath\":\"{path}\",\"boolValue\":true}}]");
            let error = written(&pieces).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{path}");
        }
        for (first, second) in [
            ("$.a", "$.a"),
            ("$.a.b", "$.a[0]"),
            ("$.a[1]", "$.b"),
            ("$.a[0]", "$.a[2]"),
        ] {
            let pieces = format!(
                "[{{\"jsonPath\":\"{first}\",\"boolValue\":true}},{{\"jsonPath\":\"{second}\",\"boolValue\":true}}]"
            );
            assert!(written(&pieces).is_err(), "{first} {second}");
        }
        let deep = format!(
            "[{{\"jsonPath\":\"${}\",\"boolValue\":true}}]",
            ".a".repeat(200)
        );
        assert_eq!(written(&deep).unwrap_err().kind(), ErrorKind::LimitExceeded);
    }
}
