//! One frame, member by member: the second tier of the reader.

use std::borrow::Cow;
use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::json::{Cursor, Kind, Str};
use crate::refusal;

use super::choice::Choice;
use super::message::Message;
use super::reader::Chat;
use super::sink::Sink;

/// What the top level of one frame held besides what was said at once.
#[derive(Default)]
struct Seen<'a> {
    choices: bool,
    /// There was one.
    answered: bool,
    usage: bool,
    error: bool,
    /// Words that are an error where no answer is, unless something says what else they are.
    words: bool,
    /// Its `code` says that nothing is wrong.
    fine: bool,
    typed: bool,
    /// A status beside the answer says that there is none.
    failed: bool,
    /// The object that holds an error, if it is not the frame's own.
    choice_error: Option<&'a [u8]>,
    id: Option<Str<'a>>,
    model: Option<Str<'a>>,
    /// A string that means nothing to us.
    blind: Option<Range<usize>>,
}

/// Answers in one exchange, and what their numbers are below; OpenAI allows 128 (API reference, "n").
const CHOICES_MAX: usize = 1024;

impl Chat {
    /// Walks over one frame; says what it means. Returns where the padding was, if there was any.
    pub(super) fn walk(
        &mut self,
        data: &[u8],
        sink: &mut Sink<'_>,
    ) -> Result<Option<Range<usize>>> {
        let mut cursor = Cursor::new(data);
        if cursor.kind()? != Kind::Object {
            cursor.skip()?;
            cursor.end()?;
            return self.no_answer(data, sink).map(|()| None);
        }
        let mut seen = Seen::default();
        cursor.object(|key, cursor| self.member(key, cursor, &mut seen, sink, data))?;
        cursor.end()?;
        self.start(&mut seen, sink);
        if seen.error || seen.choice_error.is_some() {
            let text = seen.choice_error.unwrap_or(data);
            if let Some(error) = refusal::from_value(text, false) {
                return Err(error);
            }
        }
        let words = seen.words && !seen.fine && !seen.choices && !seen.typed && !seen.usage;
        if (words || (seen.failed && !seen.answered))
            && let Some(error) = refusal::from_value(data, true)
        {
            return Err(error);
        }
        if !seen.choices && !seen.usage {
            self.no_answer(data, sink)?;
        }
        if seen.usage && !sink.is_one_delta() {
            self.say_usage(sink);
        }
        Ok(seen.blind)
    }

    /// Reads one member of the top level.
    #[inline]
    fn member<'a>(
        &mut self,
        key: &[u8],
        cursor: &mut Cursor<'a>,
        seen: &mut Seen<'a>,
        sink: &mut Sink<'_>,
        data: &'a [u8],
    ) -> Result<()> {
        match key {
            b"choices" => {
                if cursor.kind()? != Kind::Array {
                    return Ok(());
                }
                seen.choices = true;
                self.start(seen, sink);
                let mut position = 0;
                return cursor.array(|cursor| {
                    position += 1;
                    seen.answered = true;
                    self.choice(cursor, position - 1, seen, sink, data)
                });
            }
            b"id" if !self.has_id => seen.id = cursor.text()?,
            b"model" if !self.has_model => seen.model = cursor.text()?,
            b"object" => seen.typed = true,
            b"id" | b"model" | b"created" => {}
            b"usage" => self.usage(cursor, seen)?,
            // Groq puts the usage of a stream here (console.groq.com/docs/text-chat, "Streaming").
            b"x_groq" if cursor.kind()? == Kind::Object => self.groq(cursor, seen)?,
            // MiniMax, "Error Codes": 0 is none. Beside it are the members of an answer, with null in them.
            b"base_resp" if cursor.kind()? == Kind::Object => seen.failed = has_status(cursor)?,
            b"error" => seen.error = cursor.kind()? != Kind::Null,
            // Perplexity, "Chat completions": in every chunk of a stream.
            b"citations" => keep(cursor, &mut self.citations)?,
            b"search_results" => keep(cursor, &mut self.search_results)?,
            _ => {
                let kind = cursor.kind()?;
                match key {
                    b"message" | b"detail" | b"msg" => seen.words |= says_something(kind, cursor),
                    b"code" => seen.fine |= is_fine(cursor),
                    b"type" => seen.typed = true,
                    _ => {}
                }
                if kind == Kind::String {
                    seen.blind = Some(cursor.string()?.range());
                }
            }
        }
        Ok(())
    }

    fn groq<'a>(&mut self, cursor: &mut Cursor<'a>, seen: &mut Seen<'a>) -> Result<()> {
        let whole = cursor.clone().raw()?;
        cursor.object(|key, cursor| {
            match key {
                b"usage" => self.usage(cursor, seen)?,
                // Why the stream stops early (the types of Groq's SDK).
                b"error" if cursor.kind()? != Kind::Null => seen.choice_error = Some(whole),
                _ => {}
            }
            Ok(())
        })
    }

    fn choice<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        position: u32,
        seen: &mut Seen<'a>,
        sink: &mut Sink<'_>,
        data: &'a [u8],
    ) -> Result<()> {
        if cursor.kind()? != Kind::Object {
            return cursor.skip();
        }
        let start = cursor.position();
        let (whole, completes) = (self.whole, self.completes);
        let (mut number, mut message, mut word, mut text) = (None, None, None, None);
        let (mut delta, mut has_delta, mut error) = (Message::default(), false, false);
        let mut has_message = false;
        cursor.object(|key, cursor| {
            match key {
                b"index" => number = cursor.count()?,
                // The `delta` of a whole answer is empty.
                b"delta" if !has_message => has_delta = delta.read(cursor)?,
                b"message" if whole && cursor.kind()? == Kind::Object => {
                    delta = Message::default();
                    has_message = delta.read(cursor)?;
                }
                b"message" if cursor.kind()? == Kind::Object => message = Some(cursor.clone()),
                b"finish_reason" => word = cursor.text()?,
                b"usage" => self.usage(cursor, seen)?,
                b"error" => error = cursor.kind()? != Kind::Null,
                // Together says it twice in a stream: here and in a delta.
                b"text" if completes => text = cursor.text()?,
                _ => {}
            }
            Ok(())
        })?;
        if text.is_some() {
            delta = Message {
                content: text,
                ..Message::default()
            };
            (has_delta, message) = (true, None);
        }
        if error {
            seen.choice_error = Some(&data[start..cursor.position()]);
        }
        let number = number.map_or(position, |number| number.min(u64::from(u32::MAX)) as u32);
        let choice = open(&mut self.choices, number, sink)?;
        // A stream's `message` repeats its deltas.
        let repeated = has_delta || choice.spoke;
        if let Some(mut message) = message.filter(|_| !repeated) {
            delta = Message::default();
            has_message = delta.read(&mut message)?;
        }
        if has_message {
            has_delta = true;
            // The next one would be a repetition.
            sink.not_again();
        }
        if has_delta {
            self.skipped += choice.take(&delta, whole, sink)?;
        }
        if let Some(word) = word {
            choice.finish(word, sink);
        }
        Ok(())
    }

    /// JSON that is no chunk: an error of whatever shape, or nothing that is known.
    fn no_answer(&mut self, data: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        if let Some(error) = refusal::from_value(data, false) {
            return Err(error);
        }
        self.skipped += 1;
        sink.push(0, Event::Raw(data));
        Ok(())
    }

    fn usage(&mut self, cursor: &mut Cursor<'_>, seen: &mut Seen<'_>) -> Result<()> {
        if cursor.kind()? == Kind::Object {
            seen.usage = true;
            match self.whole {
                true => self.usage.read(cursor)?,
                false => self.usage.take(cursor.raw()?),
            }
        }
        Ok(())
    }

    /// Says the first id and model that are no empty strings.
    fn start(&mut self, seen: &mut Seen<'_>, sink: &mut Sink<'_>) {
        fn full(text: Option<Str<'_>>) -> Option<Cow<'_, str>> {
            text.map(|text| text.borrowed())
                .filter(|text| !text.is_empty())
        }
        if seen.id.is_none() && seen.model.is_none() {
            return;
        }
        let (id, model) = (full(seen.id.take()), full(seen.model.take()));
        self.has_id |= id.is_some();
        self.has_model |= model.is_some();
        if id.is_some() || model.is_some() {
            sink.push(
                0,
                Event::Start {
                    id: id.as_deref(),
                    model: model.as_deref(),
                },
            );
        }
    }
}

/// Whether the `status_code` of this object is one of failure.
fn has_status(cursor: &mut Cursor<'_>) -> Result<bool> {
    let mut failed = false;
    cursor.object(|key, cursor| {
        if key == b"status_code" {
            failed = cursor.count()?.is_some_and(|code| code != 0);
        }
        Ok(())
    })?;
    Ok(failed)
}

// What an error says of itself: a sentence, or a list of what is wrong with the request. The cursor stays.
fn says_something(kind: Kind, cursor: &Cursor<'_>) -> bool {
    let mut ahead = cursor.clone();
    match kind {
        Kind::String => ahead
            .string()
            .is_ok_and(|text| !text.raw().trim_ascii().is_empty()),
        Kind::Object | Kind::Array => true,
        _ => false,
    }
}

// The code of what went well, where an answer has one.
fn is_fine(cursor: &Cursor<'_>) -> bool {
    let raw = cursor.clone().raw().unwrap_or_default();
    matches!(raw.trim_ascii(), b"0" | b"200" | b"\"0\"" | b"\"200\"")
}

/// The state of choice `number`.
fn open<'c>(
    choices: &'c mut Vec<Choice>,
    number: u32,
    sink: &mut Sink<'_>,
) -> Result<&'c mut Choice> {
    // Nearly always the first of one.
    if let Some(at) = choices.iter().position(|choice| choice.number == number) {
        return Ok(&mut choices[at]);
    }
    if choices.len() == CHOICES_MAX || number as usize >= CHOICES_MAX {
        let message = format!("answer exceeds the limit of {CHOICES_MAX} choices");
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    sink.not_again();
    choices.push(Choice::new(number));
    let last = choices.len() - 1;
    Ok(&mut choices[last])
}

/// Keeps an array that is not empty, in place of the one before.
fn keep(cursor: &mut Cursor<'_>, place: &mut Vec<u8>) -> Result<()> {
    if cursor.kind()? != Kind::Array {
        return Ok(());
    }
    let raw = cursor.raw()?;
    if raw.len() > "[]".len() && raw != place {
        place.clear();
        place.extend_from_slice(raw);
    }
    Ok(())
}
