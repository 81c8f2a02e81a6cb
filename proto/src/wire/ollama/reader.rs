//! Reads an answer of Ollama: lines of a stream, or one object, of `/api/chat` (`message`) or `/api/generate` (`response`). Only a
//! line with `done` proves that the answer is whole; it holds the counts.

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, Finish, PartKind, Usage};
use crate::frame::Frame;
use crate::json::{self, Cursor, Half, Kind, Str};
use crate::provider::TerminalMarker;
use crate::refusal;
use crate::wire::{Ending, Flow, Reader};

/// The state of one answer.
pub(super) struct Lines {
    streamed: bool,
    terminal_marker: TerminalMarker,
    has_model: bool,
    calls: u32,
    images: u32,
    /// The terminal marker came.
    whole: bool,
    skipped: u32,
    /// Halves of characters that were cut between two lines.
    thinking: Half,
    text: Half,
    scratch: String,
}

impl Lines {
    pub(super) fn new(streamed: bool, terminal_marker: TerminalMarker) -> Lines {
        Lines {
            streamed,
            terminal_marker,
            has_model: false,
            calls: 0,
            images: 0,
            whole: false,
            skipped: 0,
            thinking: Half::default(),
            text: Half::default(),
            scratch: String::new(),
        }
    }
}

impl Reader for Lines {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        if json::is_blank(frame.data) {
            return Ok(Flow::More);
        }
        let mut cursor = Cursor::new(frame.data);
        if cursor.kind()? != Kind::Object {
            json::check(frame.data)?;
            return self.unknown(frame, batch);
        }
        let said = Said::read(&mut cursor)?;
        if said.error
            && let Some(error) = refusal::from_value(frame.data, false)
        {
            return Err(error);
        }
        if !said.answer {
            return self.unknown(frame, batch);
        }
        self.start(said.model, batch);
        self.say(&said.message, batch)?;
        if !said.done {
            return Ok(Flow::More);
        }
        self.flush(batch);
        if let Some(usage) = usage(&said) {
            batch.push(0, Event::Usage(usage));
        }
        self.end(said.done_reason, batch);
        Ok(Flow::Done)
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<Ending> {
        self.flush(batch);
        let incomplete = self.streamed && self.terminal_marker == TerminalMarker::None;
        if self.whole || incomplete {
            return Ok(Ending {
                incomplete: !self.whole,
                skipped: self.skipped,
            });
        }
        Err(match self.streamed {
            true => Error::new(
                ErrorKind::StreamTruncated,
                "stream ended before its line with `done`",
            ),
            false => Error::new(
                ErrorKind::EmptyResponse,
                "the answer holds no finished message",
            ),
        })
    }
}

impl Lines {
    /// JSON that is no answer: an error around which there is an array, or nothing that is known.
    fn unknown(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        if let Some(error) = refusal::from_value(frame.data, false) {
            return Err(error);
        }
        self.skipped += 1;
        batch.push(0, Event::Raw(frame.data));
        Ok(Flow::More)
    }

    fn start(&mut self, model: Option<Str<'_>>, batch: &mut Batch) {
        let model = model.filter(|model| !self.has_model && !model.is_empty());
        if let Some(model) = model {
            self.has_model = true;
            let model = model.decode(&mut self.scratch);
            batch.push(
                0,
                Event::Start {
                    id: None,
                    model: Some(model),
                },
            );
        }
    }

    fn say(&mut self, message: &Message<'_>, batch: &mut Batch) -> Result<()> {
        if let Some(text) = message.thinking {
            let text = text.decode_joined(&mut self.thinking, &mut self.scratch);
            batch.push(0, Event::Reasoning(text));
        }
        if let Some(text) = message.content.filter(|text| !text.is_empty()) {
            batch.push(0, Event::Reasoning(self.thinking.flush()));
            let text = text.decode_joined(&mut self.text, &mut self.scratch);
            batch.push(0, Event::Text(text));
        }
        if let Some(calls) = message.tool_calls {
            self.flush(batch);
            Cursor::new(calls).array(|cursor| self.call(cursor, batch))?;
        }
        let Some(images) = message.images else {
            return Ok(());
        };
        Cursor::new(images).array(|cursor| {
            let json = String::from_utf8_lossy(cursor.raw()?);
            let (kind, index) = (PartKind::Image, self.images);
            self.images += 1;
            batch.push(
                0,
                Event::Part {
                    kind,
                    index,
                    json: &json,
                },
            );
            Ok(())
        })
    }

    /// A call comes whole. Its own index, where it has one, counts from 0 as ours does.
    fn call(&mut self, cursor: &mut Cursor<'_>, batch: &mut Batch) -> Result<()> {
        if cursor.kind()? != Kind::Object {
            return cursor.skip();
        }
        let call = Call::read(cursor)?;
        let Some(name) = call.name else {
            return Ok(());
        };
        if self.calls == CALLS_MAX {
            let message = format!("answer exceeds {CALLS_MAX} tool calls");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        let index = self.calls;
        self.calls += 1;
        let id = call.id.map(|id| id.owned()).filter(|id| !id.is_empty());
        let name = name.decode(&mut self.scratch);
        batch.push(
            0,
            Event::ToolCall {
                index,
                id: id.as_deref(),
                name,
            },
        );
        let arguments = &call.arguments()?;
        batch.push(0, Event::ToolArgs { index, arguments });
        Ok(())
    }

    /// What is left of characters whose second half never came.
    fn flush(&mut self, batch: &mut Batch) {
        batch.push(0, Event::Reasoning(self.thinking.flush()));
        batch.push(0, Event::Text(self.text.flush()));
    }

    fn end(&mut self, reason: Option<Str<'_>>, batch: &mut Batch) {
        self.whole = true;
        let stop = if self.calls > 0 {
            Finish::ToolCalls
        } else {
            Finish::Stop
        };
        let raw = reason.map(|reason| reason.owned());
        let reason = match raw.as_deref() {
            // Servers before 0.1.38 do not say why.
            Some("stop" | "") | None => Some(stop),
            Some("length") => Some(Finish::Length),
            // `load` and `unload` answer a request without a prompt.
            Some(_) => None,
        };
        batch.push(
            0,
            Event::Finish {
                reason,
                raw: raw.as_deref(),
            },
        );
    }
}

/// The members of one line.
#[derive(Default)]
struct Said<'a> {
    model: Option<Str<'a>>,
    message: Message<'a>,
    /// It is a piece of an answer, or the end of one.
    answer: bool,
    done: bool,
    done_reason: Option<Str<'a>>,
    error: bool,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    /// Counts and times as they are written.
    counts: Vec<(&'a [u8], &'static str)>,
}

/// What the model says in one line.
#[derive(Default)]
struct Message<'a> {
    content: Option<Str<'a>>,
    thinking: Option<Str<'a>>,
    tool_calls: Option<&'a [u8]>,
    images: Option<&'a [u8]>,
}

impl<'a> Said<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Said<'a>> {
        let mut said = Said::default();
        cursor.object(|key, cursor| {
            match key {
                b"model" => said.model = cursor.text()?,
                b"message" if cursor.kind()? == Kind::Object => {
                    said.answer = true;
                    cursor.object(|key, cursor| said.message.member(key, cursor))?;
                }
                b"response" => {
                    said.answer = true;
                    said.message.content = cursor.text()?;
                }
                b"thinking" => said.message.thinking = cursor.text()?,
                b"done" => {
                    said.done = cursor.flag()? == Some(true);
                    said.answer |= said.done;
                }
                b"done_reason" => said.done_reason = cursor.text()?,
                b"error" => said.error = cursor.kind()? != Kind::Null,
                _ => {
                    if let Some(name) = COUNTS.iter().find(|name| name.as_bytes() == key) {
                        let mut copy = cursor.clone();
                        said.counts.push((cursor.raw()?, *name));
                        match *name {
                            "prompt_eval_count" => said.prompt_tokens = copy.count()?,
                            "eval_count" => said.completion_tokens = copy.count()?,
                            _ => {}
                        }
                    }
                }
            }
            Ok(())
        })?;
        cursor.end()?;
        Ok(said)
    }
}

impl<'a> Message<'a> {
    fn member(&mut self, key: &[u8], cursor: &mut Cursor<'a>) -> Result<()> {
        match key {
            b"content" => self.content = cursor.text()?,
            b"thinking" => self.thinking = cursor.text()?,
            b"tool_calls" if cursor.kind()? == Kind::Array => {
                self.tool_calls = Some(cursor.raw()?);
            }
            b"images" if cursor.kind()? == Kind::Array => self.images = Some(cursor.raw()?),
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
struct Call<'a> {
    id: Option<Str<'a>>,
    name: Option<Str<'a>>,
    arguments: Option<&'a [u8]>,
}

impl<'a> Call<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Call<'a>> {
        let mut call = Call::default();
        cursor.object(|key, cursor| {
            match key {
                b"id" => call.id = cursor.text()?,
                b"function" if cursor.kind()? == Kind::Object => {
                    cursor.object(|key, cursor| {
                        match key {
                            b"name" => call.name = cursor.text()?,
                            b"arguments" => call.arguments = Some(cursor.raw()?),
                            _ => {}
                        }
                        Ok(())
                    })?;
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(call)
    }

    /// An object in JSON; a string that holds one is taken for it.
    fn arguments(&self) -> Result<String> {
        let mut cursor = Cursor::new(self.arguments.unwrap_or(b"null"));
        let text = match cursor.kind()? {
            Kind::String => cursor.string()?.owned(),
            Kind::Null => String::new(),
            _ => String::from_utf8_lossy(cursor.raw()?).into_owned(),
        };
        // So that what was joined parses.
        Ok(match text.is_empty() {
            true => "{}".to_owned(),
            false => text,
        })
    }
}

/// The counts of a last line, if it has any.
fn usage(said: &Said<'_>) -> Option<Usage> {
    let (prompt_tokens, completion_tokens) = (said.prompt_tokens, said.completion_tokens);
    if prompt_tokens.is_none() && completion_tokens.is_none() {
        return None;
    }
    // A count of nothing is left out (`omitempty` in api/types.go): the prompt was in the server's cache, and nobody knows its
    // length; what was evaluated is the sum of what was counted.
    let parts = [prompt_tokens, completion_tokens];
    let total = parts.into_iter().flatten().fold(0, u64::saturating_add);
    let raw: Vec<String> = (said.counts.iter())
        .map(|(value, name)| format!("\"{name}\":{}", String::from_utf8_lossy(value)))
        .collect();
    Some(Usage {
        prompt_tokens,
        completion_tokens,
        total_tokens: Some(total),
        raw: Some(format!("{{{}}}", raw.join(",")).into()),
        ..Usage::default()
    })
}

/// Members of a last line that count something (openapi.yaml, `ChatResponse`; times in nanoseconds).
const COUNTS: &[&str] = &[
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
];

/// Tool calls of one answer (BEHAVIOUR 9).
const CALLS_MAX: u32 = 1024;
