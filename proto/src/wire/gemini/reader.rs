//! Reads an answer of generateContent: one response, or the chunks of a stream, each of them a response that goes on.
//!
//! A stream has no marker of its own: it is whole when it ended after every candidate gave a `finishReason`, or after the prompt
//! was refused.

use super::finish::finish;
use super::said::{Call, Candidate, Part, Said};
use super::usage::usage;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, Finish, PartKind};
use crate::frame::Frame;
use crate::json::{self, Cursor, Half, Kind, Str};
use crate::provider::TerminalMarker;
use crate::refusal;
use crate::wire::{Ending, Flow, Reader};

/// The state of one answer.
pub(super) struct Candidates {
    streamed: bool,
    terminal_marker: TerminalMarker,
    choices: Vec<Choice>,
    /// The answer's id and model were said.
    named: bool,
    /// The prompt was refused: there will be no candidate.
    refused: bool,
    skipped: u32,
    scratch: String,
}

/// The state of one candidate.
struct Choice {
    index: u32,
    calls: u32,
    parts: u32,
    finished: bool,
    /// Halves of characters that were cut between two parts.
    text: Half,
    thought: Half,
}

impl Candidates {
    pub(super) fn new(streamed: bool, terminal_marker: TerminalMarker) -> Candidates {
        Candidates {
            streamed,
            terminal_marker,
            choices: Vec::new(),
            named: false,
            refused: false,
            skipped: 0,
            scratch: String::new(),
        }
    }
}

impl Reader for Candidates {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        if json::is_blank(frame.data) {
            return Ok(Flow::More);
        }
        let mut cursor = Cursor::new(frame.data);
        let named_error = frame.name == b"error";
        if named_error || cursor.kind()? != Kind::Object {
            if let Some(error) = refusal::from_value(frame.data, named_error) {
                return Err(error);
            }
            json::check(frame.data)?;
            return Ok(self.skip(frame.data, batch));
        }
        let said = Said::read(&mut cursor)?;
        if said.error
            && let Some(error) = refusal::from_value(frame.data, false)
        {
            return Err(error);
        }
        if !said.is_known() {
            return Ok(self.skip(frame.data, batch));
        }
        self.start(&said, batch);
        if let Some(candidates) = said.candidates {
            Cursor::new(candidates).array(|cursor| {
                if cursor.kind()? != Kind::Object {
                    return cursor.skip();
                }
                let candidate = Candidate::read(cursor)?;
                self.candidate(&candidate, batch)
            })?;
        }
        if let Some(usage) = said.usage.map(usage).transpose()?.flatten() {
            batch.push(0, Event::Usage(usage));
        }
        if let Some(feedback) = said.feedback {
            self.feedback(feedback, batch)?;
        }
        let over = self.terminal_marker == TerminalMarker::FinishReason && self.is_whole();
        Ok(if over { Flow::Done } else { Flow::More })
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<Ending> {
        for choice in &mut self.choices {
            choice.flush(batch);
        }
        // What came in one piece is whole, whether it says so or not.
        let whole = self.is_whole() || !self.streamed && !self.choices.is_empty();
        let incomplete = !whole && self.streamed && self.terminal_marker == TerminalMarker::None;
        if whole || incomplete {
            return Ok(Ending {
                incomplete,
                skipped: self.skipped,
            });
        }
        Err(match self.streamed {
            true => Error::new(
                ErrorKind::StreamTruncated,
                "stream ended before every candidate had a finishReason",
            ),
            false => Error::new(ErrorKind::EmptyResponse, "the answer holds no candidate"),
        })
    }
}

impl Candidates {
    fn is_whole(&self) -> bool {
        let all = self.choices.iter().all(|choice| choice.finished);
        self.refused || all && !self.choices.is_empty()
    }

    fn start(&mut self, said: &Said<'_>, batch: &mut Batch) {
        if self.named || said.id.is_none() && said.model.is_none() {
            return;
        }
        self.named = true;
        let owned = |text: Option<Str<'_>>| text.map(|text| text.owned());
        let (id, model) = (owned(said.id), owned(said.model));
        let (id, model) = (id.as_deref(), model.as_deref());
        batch.push(0, Event::Start { id, model });
    }

    fn candidate(&mut self, candidate: &Candidate<'_>, batch: &mut Batch) -> Result<()> {
        let place = self.place(candidate.index.unwrap_or(0))?;
        if let Some(parts) = candidate.parts {
            Cursor::new(parts).array(|cursor| self.part(place, cursor.raw()?, batch))?;
        }
        let choice = &mut self.choices[place];
        for source in candidate.sources.into_iter().flatten() {
            choice.push_part(PartKind::Citation, source, batch);
        }
        let Some(reason) = candidate.reason else {
            return Ok(());
        };
        choice.flush(batch);
        choice.finished = true;
        let raw = reason.decode(&mut self.scratch);
        let reason = finish(raw, choice.calls > 0);
        let raw = Some(raw);
        batch.push(choice.index, Event::Finish { reason, raw });
        Ok(())
    }

    fn place(&mut self, index: u32) -> Result<usize> {
        if let Some(place) = self.choices.iter().position(|it| it.index == index) {
            return Ok(place);
        }
        if self.choices.len() == CHOICES_MAX {
            return Err(limit(CHOICES_MAX, "candidates"));
        }
        self.choices.push(Choice {
            index,
            calls: 0,
            parts: 0,
            finished: false,
            text: Half::default(),
            thought: Half::default(),
        });
        Ok(self.choices.len() - 1)
    }

    fn part(&mut self, place: usize, json: &[u8], batch: &mut Batch) -> Result<()> {
        let part = Part::read(json)?;
        let choice = &mut self.choices[place];
        let number = choice.index;
        if let Some(text) = part.text {
            if part.thought {
                let text = text.decode_joined(&mut choice.thought, &mut self.scratch);
                batch.push(number, Event::Reasoning(text));
            } else {
                let text = text.decode_joined(&mut choice.text, &mut self.scratch);
                batch.push(number, Event::Text(text));
            }
        }
        if let Some(call) = part.call {
            choice.flush(batch);
            self.call(place, call, batch)?;
        }
        let choice = &mut self.choices[place];
        // A part goes back as it came: its kind says why it must.
        let kind = if part.is_media {
            let media = part.media.map_or(&b""[..], |media| media.raw());
            match media.starts_with(b"audio/") {
                true => PartKind::Audio,
                false => PartKind::Image,
            }
        } else if part.server_tool {
            PartKind::ServerTool
        } else if part.signed {
            PartKind::Signature
        } else {
            choice.parts = choice.parts.saturating_add(1);
            if part.text.is_none() && part.call.is_none() {
                self.skip(json, batch);
            }
            return Ok(());
        };
        choice.push_part(kind, json, batch);
        Ok(())
    }

    /// A call comes whole.
    fn call(&mut self, place: usize, json: &[u8], batch: &mut Batch) -> Result<()> {
        let call = Call::read(json)?;
        let Some(name) = call.name else {
            self.skip(json, batch);
            return Ok(());
        };
        let choice = &mut self.choices[place];
        if choice.calls == CALLS_MAX {
            return Err(limit(CALLS_MAX as usize, "tool calls"));
        }
        let (number, index) = (choice.index, choice.calls);
        choice.calls += 1;
        let id = call.id.map(|id| id.owned()).filter(|id| !id.is_empty());
        let (id, name) = (id.as_deref(), name.decode(&mut self.scratch));
        batch.push(number, Event::ToolCall { index, id, name });
        let arguments = match call.args {
            // So that what was joined parses.
            None | Some(b"null") => "{}".into(),
            Some(args) => String::from_utf8_lossy(args),
        };
        let arguments = &arguments;
        batch.push(number, Event::ToolArgs { index, arguments });
        Ok(())
    }

    /// A prompt that is refused has no candidate, and says why here.
    fn feedback(&mut self, json: &[u8], batch: &mut Batch) -> Result<()> {
        let (mut reason, mut message) = (None, None);
        Cursor::new(json).object(|key, cursor| {
            match key {
                b"blockReason" => reason = cursor.text()?,
                b"blockReasonMessage" => message = cursor.text()?,
                _ => {}
            }
            Ok(())
        })?;
        let Some(reason) = reason.filter(|reason| !reason.is_empty()) else {
            return Ok(());
        };
        if self.refused || !self.choices.is_empty() {
            return Ok(());
        }
        self.refused = true;
        if let Some(message) = message {
            batch.push(0, Event::Refusal(message.decode(&mut self.scratch)));
        }
        let finish = Event::Finish {
            reason: Some(Finish::ContentFilter),
            raw: Some(reason.decode(&mut self.scratch)),
        };
        batch.push(0, finish);
        Ok(())
    }

    fn skip(&mut self, json: &[u8], batch: &mut Batch) -> Flow {
        self.skipped += 1;
        batch.push(0, Event::Raw(json));
        Flow::More
    }
}

impl Choice {
    /// What is left of characters whose second half never came.
    fn flush(&mut self, batch: &mut Batch) {
        batch.push(self.index, Event::Reasoning(self.thought.flush()));
        batch.push(self.index, Event::Text(self.text.flush()));
    }

    fn push_part(&mut self, kind: PartKind, json: &[u8], batch: &mut Batch) {
        let (index, json) = (self.parts, &String::from_utf8_lossy(json));
        self.parts = self.parts.saturating_add(1);
        batch.push(self.index, Event::Part { kind, index, json });
    }
}

fn limit(max: usize, what: &str) -> Error {
    let message = format!("answer exceeds {max} {what}");
    Error::new(ErrorKind::LimitExceeded, message)
}

/// Tool calls of one candidate (BEHAVIOUR 9).
const CALLS_MAX: u32 = 1024;

/// The API gives at most 8 (reference of `candidateCount`).
const CHOICES_MAX: usize = 128;
