//! Reads an answer of InvokeModel. Nothing says whose body it holds but the body itself: the first piece is looked at, and the
//! reader of its format gets it and all that follow.

use super::counts::Counts;
use super::pieces::Pieces;
use crate::base64;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event};
use crate::frame::Frame;
use crate::json::{self, Cursor, Kind};
use crate::provider::Quirks;
use crate::refusal;
use crate::wire::bedrock::Blocks;
use crate::wire::{self, Ending, Exchange, Flow, Head, Operation, Reader};

/// The state of one answer.
pub(super) struct Answer {
    streamed: bool,
    quirks: Quirks,
    /// The reader of the body's format, once a piece has told it.
    inner: Option<Box<dyn Reader>>,
    /// The format is Chat Completions', in which some vendors have a name of their own for the end.
    chat: bool,
    counts: Counts,
    /// The body itself counted.
    counted: bool,
    skipped: u32,
}

impl Answer {
    pub(super) fn new(streamed: bool, exchange: &Exchange<'_>, head: &Head) -> Answer {
        Answer {
            streamed,
            quirks: *exchange.quirks,
            inner: None,
            chat: false,
            counts: Counts::of_head(head),
            counted: false,
            skipped: 0,
        }
    }
}

impl Reader for Answer {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        if json::is_blank(frame.data) {
            return Ok(Flow::More);
        }
        if frame.name == b"error"
            && let Some(error) = refusal::from_value(frame.data, true)
        {
            return Err(error);
        }
        if !self.streamed {
            return self.piece(frame.data, batch);
        }
        match (frame.name, bytes_of(frame.data)?) {
            (b"chunk" | b"", Some(piece)) => self.piece(&piece, batch),
            _ => Ok(self.skip(frame.data, batch)),
        }
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<Ending> {
        let Some(inner) = &mut self.inner else {
            return Err(match self.streamed {
                true => Error::new(
                    ErrorKind::StreamTruncated,
                    "stream ended before its first piece",
                ),
                false => Error::new(ErrorKind::EmptyResponse, "the answer holds no message"),
            });
        };
        let mut ending = inner.finish(batch)?;
        ending.skipped = ending.skipped.saturating_add(self.skipped);
        if !self.counted
            && let Some(usage) = self.counts.usage()
        {
            batch.push(0, Event::Usage(usage));
        }
        Ok(ending)
    }
}

impl Answer {
    /// A piece of the body, or all of it.
    fn piece(&mut self, piece: &[u8], batch: &mut Batch) -> Result<Flow> {
        if json::is_blank(piece) {
            return Ok(Flow::More);
        }
        if Cursor::new(piece).kind()? != Kind::Object {
            json::check(piece)?;
            return Ok(self.skip(piece, batch));
        }
        if let Some(counts) = Counts::of_piece(piece)? {
            self.counts = counts;
        }
        if self.inner.is_none() {
            let Some(shape) = Shape::of(piece)? else {
                if let Some(error) = refusal::from_value(piece, false) {
                    return Err(error);
                }
                return Ok(self.skip(piece, batch));
            };
            self.chat = shape == Shape::Wire("openai_chat", "text/event-stream");
            self.inner = Some(self.reader(shape)?);
        }
        let renamed = match self.chat {
            true => chat::with_finish_reason(piece)?,
            false => None,
        };
        let data = renamed.as_deref().unwrap_or(piece);
        let usages = batch.usages_len();
        let Some(inner) = &mut self.inner else {
            return Ok(Flow::More);
        };
        let flow = inner.frame(Frame { name: b"", data }, batch);
        self.counted |= batch.usages_len() > usages;
        flow
    }

    fn reader(&self, shape: Shape) -> Result<Box<dyn Reader>> {
        let marker = self.quirks.terminal_marker;
        let (name, stream_type) = match shape {
            Shape::Converse => return Ok(Box::new(Blocks::new(self.streamed, marker))),
            Shape::Text => return Ok(Box::new(Pieces::new(self.streamed, marker))),
            Shape::Wire(name, stream_type) => (name, stream_type),
        };
        let wire = wire::find(name).ok_or_else(|| {
            let message = format!("the answer speaks wire {name}, which is not in this build");
            Error::new(ErrorKind::Protocol, message)
        })?;
        let mut head = Head::new(200);
        let content_type = match self.streamed {
            true => stream_type,
            false => "application/json",
        };
        let value = http::HeaderValue::from_static(content_type);
        head.headers.insert(http::header::CONTENT_TYPE, value);
        let exchange = Exchange {
            stream: self.streamed,
            operation: Operation::Chat,
            quirks: &self.quirks,
            packed: false,
            answer_tool: false,
        };
        Ok(wire.reader(&exchange, &head).1)
    }

    fn skip(&mut self, data: &[u8], batch: &mut Batch) -> Flow {
        self.skipped += 1;
        batch.push(0, Event::Raw(data));
        Flow::More
    }
}

/// The piece inside an event.
fn bytes_of(event: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut cursor = Cursor::new(event);
    let mut text = None;
    if cursor.kind()? == Kind::Object {
        cursor.object(|key, cursor| {
            if key == b"bytes" {
                text = cursor.text()?;
            }
            Ok(())
        })?;
    }
    let Some(text) = text else {
        return Ok(None);
    };
    let bytes = base64::decode_loose(text.owned().as_bytes());
    bytes
        .map(Some)
        .ok_or_else(|| Error::new(ErrorKind::Protocol, "a piece of the answer is no base64"))
}

/// Whose format a piece is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A wire's name, and the media type of its streams.
    Wire(&'static str, &'static str),
    /// Converse's events and messages.
    Converse,
    /// One text.
    Text,
}

impl Shape {
    /// By the members that each format has from its first piece on.
    fn of(piece: &[u8]) -> Result<Option<Shape>> {
        const ANTHROPIC: Shape = Shape::Wire("anthropic", "text/event-stream");
        const COHERE: Shape = Shape::Wire("cohere_v1", "application/stream+json");
        const CHAT: Shape = Shape::Wire("openai_chat", "text/event-stream");
        let mut shape = None;
        Cursor::new(piece).object(|key, cursor| {
            let found = match key {
                b"type" => match cursor.text()? {
                    Some(kind) if kind.raw().starts_with(b"message") => Some(ANTHROPIC),
                    Some(kind) if kind.raw().starts_with(b"content_block") => Some(ANTHROPIC),
                    Some(kind) if kind.is("ping") => Some(ANTHROPIC),
                    _ => None,
                },
                b"event_type" | b"response_id" | b"generation_id" | b"chat_history" => Some(COHERE),
                b"output" if cursor.kind()? == Kind::Object => Some(Shape::Converse),
                b"messageStart" | b"contentBlockStart" | b"contentBlockDelta" => {
                    Some(Shape::Converse)
                }
                b"choices" if cursor.kind()? == Kind::Array => {
                    Some(match chat::has_messages(cursor.raw()?)? {
                        true => CHAT,
                        false => Shape::Text,
                    })
                }
                b"outputText" | b"results" | b"generation" | b"outputs" | b"generations"
                | b"completion" | b"completions" | b"text" => Some(Shape::Text),
                _ => None,
            };
            // A wire's own members tell more than a text.
            if shape.is_none_or(|known| known == Shape::Text) {
                shape = found.or(shape);
            }
            Ok(())
        })?;
        Ok(shape)
    }
}

/// Chat Completions as vendors print it here: `stop_reason` where OpenAI says `finish_reason` (user guide, "Mistral AI chat
/// completion").
mod chat {
    use super::*;

    /// Whether the choices are messages and not texts; an empty list opens a stream of messages.
    pub(super) fn has_messages(choices: &[u8]) -> Result<bool> {
        let (mut messages, mut texts) = (false, false);
        Cursor::new(choices).array(|cursor| {
            if cursor.kind()? != Kind::Object {
                return cursor.skip();
            }
            cursor.object(|key, _| {
                messages |= matches!(key, b"message" | b"delta");
                texts |= key == b"text";
                Ok(())
            })
        })?;
        Ok(messages || !texts)
    }

    /// The piece with a `finish_reason` in each choice that has a `stop_reason` alone; none if there is no such choice.
    pub(super) fn with_finish_reason(piece: &[u8]) -> Result<Option<Vec<u8>>> {
        if memchr::memmem::find(piece, b"\"stop_reason\"").is_none() {
            return Ok(None);
        }
        // Where each member is to be put, and its value.
        let mut places: Vec<(usize, &[u8])> = Vec::new();
        Cursor::new(piece).object(|key, cursor| {
            if key != b"choices" || cursor.kind()? != Kind::Array {
                return Ok(());
            }
            cursor.array(|cursor| {
                if cursor.kind()? != Kind::Object {
                    return cursor.skip();
                }
                let (mut stop, mut finish) = (None, false);
                cursor.object(|key, cursor| {
                    match key {
                        b"stop_reason" => stop = Some(cursor.raw()?),
                        b"finish_reason" => finish = cursor.kind()? != Kind::Null,
                        _ => {}
                    }
                    Ok(())
                })?;
                // Behind the last member: of a name that comes twice the last value counts.
                places.extend(
                    stop.filter(|_| !finish)
                        .map(|stop| (cursor.position() - 1, stop)),
                );
                Ok(())
            })
        })?;
        if places.is_empty() {
            return Ok(None);
        }
        let (mut out, mut from) = (Vec::with_capacity(piece.len() + 64), 0);
        for (place, value) in places {
            out.extend_from_slice(&piece[from..place]);
            out.extend_from_slice(b",\"finish_reason\":");
            out.extend_from_slice(value);
            from = place;
        }
        out.extend_from_slice(&piece[from..]);
        Ok(Some(out))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_told_by_its_members() {
        for (piece, name) in [
            (r#"{"type":"message_start"}"#, "anthropic"),
            (r#"{"id":"x","type":"message","content":[]}"#, "anthropic"),
            (
                r#"{"is_finished":false,"event_type":"stream-start"}"#,
                "cohere_v1",
            ),
            (r#"{"text":"a","generation_id":"g"}"#, "cohere_v1"),
            (r#"{"choices":[{"message":{}}]}"#, "openai_chat"),
            (r#"{"choices":[]}"#, "openai_chat"),
        ] {
            let shape = Shape::of(piece.as_bytes()).unwrap();
            assert!(
                matches!(shape, Some(Shape::Wire(found, _)) if found == name),
                "{piece}"
            );
        }
        for piece in [
            r#"{"messageStart":{"role":"assistant"}}"#,
            r#"{"usage":{},"output":{"message":{}}}"#,
        ] {
            assert_eq!(Shape::of(piece.as_bytes()).unwrap(), Some(Shape::Converse));
        }
        for piece in [
            r#"{"inputTextTokenCount":1,"results":[]}"#,
            r#"{"generation":""}"#,
            r#"{"outputs":[{"text":"a"}]}"#,
            r#"{"generations":[]}"#,
            r#"{"text":"a","is_finished":false}"#,
            r#"{"choices":[{"text":"a"}]}"#,
            r#"{"type":"completion","completion":"a","stop_reason":null}"#,
            r#"{"completion":"a","stop":null}"#,
            r#"{"id":1,"completions":[]}"#,
        ] {
            assert_eq!(
                Shape::of(piece.as_bytes()).unwrap(),
                Some(Shape::Text),
                "{piece}"
            );
        }
        assert_eq!(Shape::of(br#"{"novel":1,"type":"x"}"#).unwrap(), None);
    }

    #[test]
    fn a_stop_reason_becomes_a_finish_reason() {
        let piece = br#"{"choices":[{"index":0,"stop_reason":"length"},{"finish_reason":"stop","stop_reason":"x"},{"stop_reason":null,"a":[1]}],"n":1}"#;
        let said = chat::with_finish_reason(piece).unwrap().unwrap();
        assert_eq!(
            String::from_utf8(said).unwrap(),
            r#"{"choices":[{"index":0,"stop_reason":"length","finish_reason":"length"},{"finish_reason":"stop","stop_reason":"x"},{"stop_reason":null,"a":[1],"finish_reason":null}],"n":1}"#
        );
        assert_eq!(
            chat::with_finish_reason(br#"{"stop_reason":1}"#).unwrap(),
            None
        );
    }
}
