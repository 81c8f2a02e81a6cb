//! Tool calls: which call a piece belongs to, told from what servers send for an index and an id.
//!
//! - An entry with an index on which no call is open opens one; so does one with a new id and a name on an index in use (Gemini
//!   behind OpenRouter and Cerebras number every call 0).
//! - An entry without an index belongs to the call of its id, or opens a call if it has a name, or goes on with the last call.
//! - An id that is empty or `"null"` is none. A new id without a name is a server's whim: the entry goes on with its call.
//! - In an answer that is one JSON object every entry is a call.
//! - A call is said when its name is known; what came before that is held back.

use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::json::{Cursor, Half, Kind, Str};
use crate::template::DeltaKind;

use super::extra::{self, Owner};
use super::sink::Sink;

/// The tool calls of one choice.
#[derive(Debug, Default)]
pub(super) struct Calls {
    list: Vec<Call>,
    half: Half,
}

#[derive(Debug, Default)]
struct Call {
    /// The number on the wire.
    index: Option<u64>,
    id: Option<Box<str>>,
    name: Option<Box<str>>,
    /// The legacy `function_call`, of which there is one.
    legacy: bool,
    /// The entry that opened it brought all of its arguments: another entry with arguments is another call.
    whole: bool,
    /// Arguments that came before the name.
    held: String,
}

/// One element of `tool_calls`, or a `function_call`.
#[derive(Default)]
pub(super) struct Entry<'a> {
    index: Option<u64>,
    id: Option<Str<'a>>,
    name: Option<Str<'a>>,
    arguments: Arguments<'a>,
    legacy: bool,
    /// What Google signed of it.
    pub(super) extra: Option<&'a [u8]>,
}

#[derive(Default)]
enum Arguments<'a> {
    #[default]
    None,
    Text(Str<'a>),
    /// An object where a string that holds one should be.
    Json(&'a [u8]),
}

/// Tool calls of one choice (BEHAVIOUR 9).
const CALLS_MAX: usize = 1024;

impl Calls {
    /// Whether any call was made.
    pub(super) fn any(&self) -> bool {
        !self.list.is_empty()
    }

    /// What is left of a surrogate pair between two pieces of arguments.
    pub(super) fn half(&mut self) -> &mut Half {
        &mut self.half
    }

    /// Takes one entry. In a `whole` answer it is a call of its own. Says which call it was for.
    pub(super) fn take(
        &mut self,
        entry: &Entry<'_>,
        whole: bool,
        choice: u32,
        sink: &mut Sink<'_>,
    ) -> Result<Option<usize>> {
        let open = if whole { None } else { self.find(entry) };
        let number = match open {
            Some(number) => number,
            // Servers that print every field of their type send calls of empty values.
            None if entry.is_void() => return Ok(None),
            None => self.open(entry, sink)?,
        };
        let call = &mut self.list[number];
        let event_index = number as u32;
        if call.name.is_none()
            && let Some(name) = entry.name
        {
            let name: Box<str> = name.owned().into();
            sink.push(
                choice,
                Event::ToolCall {
                    index: event_index,
                    id: call.id.as_deref(),
                    name: &name,
                },
            );
            sink.push(
                choice,
                Event::ToolArgs {
                    index: event_index,
                    arguments: &call.held,
                },
            );
            call.name = Some(name);
            call.held = String::new();
        }
        match (&entry.arguments, call.name.is_some()) {
            (Arguments::None, _) => {}
            (Arguments::Text(text), true) => {
                sink.delta(
                    choice,
                    DeltaKind::ToolArgs(event_index),
                    *text,
                    &mut self.half,
                );
            }
            (Arguments::Json(json), true) => {
                let arguments = &compact(json);
                sink.push(
                    choice,
                    Event::ToolArgs {
                        index: event_index,
                        arguments,
                    },
                );
            }
            (Arguments::Text(text), false) => {
                sink.not_again();
                call.held.push_str(&text.owned());
            }
            (Arguments::Json(json), false) => {
                sink.not_again();
                call.held.push_str(&compact(json));
            }
        }
        Ok(Some(number))
    }

    /// Who signed content of this call belongs to.
    pub(super) fn owner(&self, number: usize) -> Owner {
        match &self.list[number].id {
            Some(id) => Owner::Call(id.to_string()),
            None => Owner::Number(number as u64),
        }
    }

    /// The choice is over: says calls whose name never came, and what is left of a cut surrogate pair.
    pub(super) fn close(&mut self, choice: u32, sink: &mut Sink<'_>) {
        if let Some(last) = self.list.len().checked_sub(1) {
            let arguments = self.half.flush();
            sink.push(
                choice,
                Event::ToolArgs {
                    index: last as u32,
                    arguments,
                },
            );
        }
        for (number, call) in self.list.iter_mut().enumerate() {
            if call.name.is_none() {
                let index = number as u32;
                sink.push(
                    choice,
                    Event::ToolCall {
                        index,
                        id: call.id.as_deref(),
                        name: "",
                    },
                );
                sink.push(
                    choice,
                    Event::ToolArgs {
                        index,
                        arguments: &call.held,
                    },
                );
                call.name = Some("".into());
            }
        }
    }

    /// The call that the entry goes on with.
    fn find(&self, entry: &Entry<'_>) -> Option<usize> {
        let last = |test: &dyn Fn(&Call) -> bool| self.list.iter().rposition(test);
        if entry.legacy {
            return last(&|call| call.legacy);
        }
        let same_id = |call: &Call| match (entry.id, &call.id) {
            (Some(id), Some(known)) => id.is(known),
            _ => false,
        };
        let Some(index) = entry.index else {
            return match (entry.id, entry.name) {
                (Some(_), _) => {
                    last(&same_id).or_else(|| entry.name.is_none().then(|| last(&|_| true))?)
                }
                (None, Some(_)) => None,
                (None, None) => last(&|_| true),
            };
        };
        let number = last(&|call| call.index == Some(index))?;
        let call = &self.list[number];
        let another = match (entry.id, &call.id) {
            _ if entry.name.is_none() || call.name.is_none() => false,
            (Some(_), Some(_)) => !same_id(call),
            (Some(_), None) | (None, None) => call.whole && entry.has_arguments(),
            (None, Some(_)) => false,
        };
        (!another).then_some(number)
    }

    fn open(&mut self, entry: &Entry<'_>, sink: &mut Sink<'_>) -> Result<usize> {
        if self.list.len() == CALLS_MAX {
            let message = format!("answer exceeds the limit of {CALLS_MAX} tool calls");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        sink.not_again();
        self.list.push(Call {
            index: entry.index,
            id: entry.id.map(|id| id.owned().into()),
            legacy: entry.legacy,
            whole: entry.is_whole(),
            ..Call::default()
        });
        Ok(self.list.len() - 1)
    }
}

impl<'a> Entry<'a> {
    /// Reads an element of `tool_calls`; `None` if it is no object.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Option<Entry<'a>>> {
        if cursor.kind()? != Kind::Object {
            return cursor.skip().map(|()| None);
        }
        let mut entry = Entry::default();
        cursor.object(|key, cursor| {
            match key {
                b"index" => entry.index = cursor.count()?,
                b"id" => entry.id = cursor.text()?.filter(|id| !id.is_empty() && !id.is("null")),
                // `custom` is a call of a tool whose input is free text (OpenAI API reference, "custom tool call").
                b"function" | b"custom" if cursor.kind()? == Kind::Object => {
                    entry.function(cursor)?
                }
                b"extra_content" => entry.extra = extra::signed(cursor)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Some(entry))
    }

    /// Reads a legacy `function_call`.
    pub(super) fn read_legacy(cursor: &mut Cursor<'a>) -> Result<Entry<'a>> {
        let mut entry = Entry {
            legacy: true,
            ..Entry::default()
        };
        entry.function(cursor)?;
        Ok(entry)
    }

    fn function(&mut self, cursor: &mut Cursor<'a>) -> Result<()> {
        cursor.object(|key, cursor| {
            match key {
                b"name" => {
                    let name = cursor.text()?.filter(|name| !name.is_empty());
                    self.name = name.or(self.name);
                }
                b"arguments" | b"input" => match cursor.kind()? {
                    Kind::Null => {}
                    Kind::String => {
                        let text = cursor.string()?;
                        if !text.is_empty() {
                            self.arguments = Arguments::Text(text);
                        }
                    }
                    _ => self.arguments = Arguments::Json(cursor.raw()?),
                },
                _ => {}
            }
            Ok(())
        })
    }

    fn is_void(&self) -> bool {
        self.id.is_none() && self.name.is_none() && !self.has_arguments()
    }

    fn has_arguments(&self) -> bool {
        !matches!(self.arguments, Arguments::None)
    }

    /// Whether it has all of a call: arguments that are a whole object.
    fn is_whole(&self) -> bool {
        match &self.arguments {
            Arguments::None => false,
            Arguments::Text(text) => {
                let text = text.owned();
                text.trim_start().starts_with('{') && crate::json::check(text.as_bytes()).is_ok()
            }
            Arguments::Json(_) => true,
        }
    }
}

/// JSON text without the blanks between its tokens, every other byte as it was.
fn compact(json: &[u8]) -> String {
    let mut out = Vec::with_capacity(json.len());
    let (mut inside, mut escaped) = (false, false);
    for &byte in json {
        if inside {
            inside = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            inside = byte == b'"';
        }
        out.push(byte);
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacting_keeps_every_byte_but_blanks_between_tokens() {
        let json = "{ \"a b\" : \"x \\\" { \\\\\" ,\n\t\"n\" : [ 1.0 , 2e0 ] }";
        assert_eq!(
            compact(json.as_bytes()),
            r#"{"a b":"x \" { \\","n":[1.0,2e0]}"#
        );
    }
}
