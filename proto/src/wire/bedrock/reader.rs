//! Reads a Converse answer: the events of a stream, or the whole message.
//!
//! ```text
//! messageStart -> ( contentBlockStart? -> contentBlockDelta* -> contentBlockStop )* -> messageStop -> metadata
//! ```
//!
//! Only `messageStop` proves that the answer is whole; `metadata` follows it with the counts. Text and reasoning have no
//! `contentBlockStart`. An exception ends a stream: the framer tells it as a frame named `error`.

use super::block::{Open, State, grown, redacted, signed};
use super::members::{Block, Reasoning, Said, Tool};
use super::usage::usage;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, Finish, PartKind};
use crate::frame::Frame;
use crate::json::{self, Cursor, Half, Kind, Str};
use crate::provider::TerminalMarker;
use crate::refusal;
use crate::wire::{Ending, Flow, Reader};

/// The state of one answer.
pub(crate) struct Blocks {
    streamed: bool,
    terminal_marker: TerminalMarker,
    open: Vec<Open>,
    calls: u32,
    /// The terminal marker came.
    whole: bool,
    skipped: u32,
    scratch: String,
}

impl Blocks {
    pub(crate) fn new(streamed: bool, terminal_marker: TerminalMarker) -> Blocks {
        Blocks {
            streamed,
            terminal_marker,
            open: Vec::new(),
            calls: 0,
            whole: false,
            skipped: 0,
            scratch: String::new(),
        }
    }
}

impl Reader for Blocks {
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
        if let (b"", Some((name, data))) = (frame.name, said.inner) {
            let mut inner = Said::read(&mut Cursor::new(data))?;
            inner.inner = None;
            return self.event(name.as_bytes(), &inner, frame.data, batch);
        }
        self.event(frame.name, &said, frame.data, batch)
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<Ending> {
        let incomplete =
            !self.whole && self.streamed && self.terminal_marker == TerminalMarker::None;
        if incomplete {
            for place in (0..self.open.len()).rev() {
                self.stop(place, batch);
            }
        }
        if self.whole || incomplete {
            return Ok(Ending {
                incomplete,
                skipped: self.skipped,
            });
        }
        Err(match self.streamed {
            true => Error::new(
                ErrorKind::StreamTruncated,
                "stream ended before messageStop",
            ),
            false => Error::new(ErrorKind::EmptyResponse, "the answer holds no message"),
        })
    }
}

impl Blocks {
    fn event(
        &mut self,
        name: &[u8],
        said: &Said<'_>,
        json: &[u8],
        batch: &mut Batch,
    ) -> Result<Flow> {
        match name {
            b"messageStart" => {}
            b"contentBlockStart" => self.begin(said, json, batch)?,
            b"contentBlockDelta" => self.delta(said, json, batch)?,
            b"contentBlockStop" => {
                if let Some(place) = self.place(said.index) {
                    self.stop(place, batch);
                }
            }
            b"messageStop" => {
                for place in (0..self.open.len()).rev() {
                    self.stop(place, batch);
                }
                self.end(said.stop_reason, batch);
                if self.terminal_marker == TerminalMarker::FinishReason {
                    return Ok(Flow::Done);
                }
            }
            b"metadata" => {
                self.count(said.usage, batch)?;
                return Ok(match self.whole {
                    true => Flow::Done,
                    false => Flow::More,
                });
            }
            b"" if said.output => return self.message(said, batch),
            b"" if said.error => match refusal::from_value(json, false) {
                Some(error) => return Err(error),
                None => return Ok(self.skip(json, batch)),
            },
            _ => return Ok(self.skip(json, batch)),
        }
        Ok(Flow::More)
    }

    /// A message that came whole.
    fn message(&mut self, said: &Said<'_>, batch: &mut Batch) -> Result<Flow> {
        let mut index = 0;
        if let Some(content) = said.content {
            Cursor::new(content).array(|cursor| {
                self.block(index, cursor.raw()?, batch)?;
                index += 1;
                Ok(())
            })?;
        }
        self.count(said.usage, batch)?;
        self.end(said.stop_reason, batch);
        Ok(Flow::Done)
    }

    fn block(&mut self, index: u32, json: &[u8], batch: &mut Batch) -> Result<()> {
        let block = Block::read(json)?;
        if let Some(text) = block.text {
            batch.push(0, Event::Text(text.decode(&mut self.scratch)));
        }
        if let Some(reasoning) = &block.reasoning {
            if let Some(text) = reasoning.text {
                batch.push(0, Event::Reasoning(text.decode(&mut self.scratch)));
            }
            if reasoning.signature.is_some_and(|text| !text.is_empty()) {
                push_part(PartKind::Signature, index, json, batch);
            } else if reasoning.redacted.is_some() {
                push_part(PartKind::Redacted, index, json, batch);
            }
        }
        if let Some(cited) = block.cited {
            self.cited(index, cited, batch)?;
        }
        let part = match &block {
            Block {
                tool: Some(tool), ..
            } if !tool.server => {
                let call = self.call(tool, batch)?;
                push_arguments(call, tool.input.unwrap_or_default(), batch);
                return Ok(());
            }
            Block { tool: Some(_), .. }
            | Block {
                tool_result: Some(_),
                ..
            } => PartKind::ServerTool,
            Block { image: Some(_), .. } => PartKind::Image,
            Block { audio: Some(_), .. } => PartKind::Audio,
            block => {
                if !block.is_known() {
                    self.skip(json, batch);
                }
                return Ok(());
            }
        };
        push_part(part, index, json, batch);
        Ok(())
    }

    /// Text whose sources are told with it.
    fn cited(&mut self, index: u32, json: &[u8], batch: &mut Batch) -> Result<()> {
        Cursor::new(json).object(|key, cursor| {
            if cursor.kind()? != Kind::Array {
                return Ok(());
            }
            match key {
                b"content" => cursor.array(|cursor| {
                    if let Some(text) = Block::read(cursor.raw()?)?.text {
                        batch.push(0, Event::Text(text.decode(&mut self.scratch)));
                    }
                    Ok(())
                }),
                b"citations" => cursor.array(|cursor| {
                    push_part(PartKind::Citation, index, cursor.raw()?, batch);
                    Ok(())
                }),
                _ => Ok(()),
            }
        })
    }

    fn begin(&mut self, said: &Said<'_>, json: &[u8], batch: &mut Batch) -> Result<()> {
        let block = said.start.map(Block::read).transpose()?.unwrap_or_default();
        let state = match &block {
            Block {
                tool: Some(tool), ..
            } if tool.server => State::ServerTool {
                start: tool.json.to_vec(),
                input: String::new(),
            },
            Block {
                tool: Some(tool), ..
            } => State::Tool {
                call: self.call(tool, batch)?,
                begun: false,
            },
            Block {
                tool_result: Some(start),
                ..
            } => State::ServerResult {
                start: start.to_vec(),
                pieces: Vec::new(),
            },
            Block {
                image: Some(start), ..
            } => State::Image {
                start: start.to_vec(),
            },
            _ => {
                self.skip(json, batch);
                return Ok(());
            }
        };
        self.open(said.index, state).map(|_| ())
    }

    fn delta(&mut self, said: &Said<'_>, json: &[u8], batch: &mut Batch) -> Result<()> {
        let block = said.delta.map(Block::read).transpose()?.unwrap_or_default();
        if let Some(citation) = block.citation {
            push_part(PartKind::Citation, said.index.unwrap_or(0), citation, batch);
        }
        let implied = match &block {
            Block { text: Some(_), .. } => Some(State::Text),
            Block {
                reasoning: Some(_), ..
            } => Some(State::reasoning()),
            _ => None,
        };
        let place = match (self.place(said.index), implied) {
            (Some(place), _) => place,
            (None, Some(state)) => self.open(said.index, state)?,
            (None, None) => {
                if block.citation.is_none() {
                    self.skip(json, batch);
                }
                return Ok(());
            }
        };
        let open = &mut self.open[place];
        if let Some(text) = block.text {
            let text = text.decode_joined(&mut open.half, &mut self.scratch);
            batch.push(0, Event::Text(text));
        }
        grow(open, &block, &mut self.scratch, batch)
    }

    fn stop(&mut self, place: usize, batch: &mut Batch) {
        let Open {
            index,
            state,
            mut half,
        } = self.open.remove(place);
        let rest = half.flush();
        match state {
            State::Text => batch.push(0, Event::Text(rest)),
            State::Reasoning {
                text,
                signature,
                redacted: content,
            } => {
                batch.push(0, Event::Reasoning(rest));
                if !signature.is_empty() {
                    let json = signed(&text, &signature);
                    push_part(PartKind::Signature, index, json.as_bytes(), batch);
                } else if !content.is_empty() {
                    let json = redacted(&content);
                    push_part(PartKind::Redacted, index, json.as_bytes(), batch);
                }
            }
            State::Tool { call, begun: true } => {
                let (index, arguments) = (call, rest);
                batch.push(0, Event::ToolArgs { index, arguments });
            }
            State::Tool { call, begun: false } => push_arguments(call, b"", batch),
            State::ServerTool { start, input } => {
                let input = match json::check(input.as_bytes()) {
                    Ok(()) => input,
                    Err(_) => "{}".to_owned(),
                };
                let json = grown("toolUse", &start, "input", input.as_bytes());
                push_part(PartKind::ServerTool, index, json.as_bytes(), batch);
            }
            State::ServerResult { start, pieces } => {
                let content = [b"[", pieces.as_slice(), b"]"].concat();
                let json = grown("toolResult", &start, "content", &content);
                push_part(PartKind::ServerTool, index, json.as_bytes(), batch);
            }
            State::Image { .. } => {}
        }
    }

    fn call(&mut self, tool: &Tool<'_>, batch: &mut Batch) -> Result<u32> {
        if self.calls == CALLS_MAX {
            return Err(limit("tool calls"));
        }
        let index = self.calls;
        self.calls += 1;
        let id = tool.id.map(|id| id.owned()).filter(|id| !id.is_empty());
        let name = tool.name.map_or("", |name| name.decode(&mut self.scratch));
        let id = id.as_deref();
        batch.push(0, Event::ToolCall { index, id, name });
        Ok(index)
    }

    fn count(&mut self, json: Option<&[u8]>, batch: &mut Batch) -> Result<()> {
        if let Some(usage) = json.map(usage).transpose()?.flatten() {
            batch.push(0, Event::Usage(usage));
        }
        Ok(())
    }

    fn end(&mut self, reason: Option<Str<'_>>, batch: &mut Batch) {
        self.whole = true;
        let raw = reason.map(|reason| reason.decode(&mut self.scratch));
        let reason = raw.and_then(finish);
        batch.push(0, Event::Finish { reason, raw });
    }

    fn open(&mut self, index: Option<u32>, state: State) -> Result<usize> {
        if self.open.len() == OPEN_MAX {
            return Err(limit("content blocks open at once"));
        }
        let next = self
            .open
            .last()
            .map_or(0, |open| open.index.saturating_add(1));
        self.open.push(Open {
            index: index.unwrap_or(next),
            state,
            half: Half::default(),
        });
        Ok(self.open.len() - 1)
    }

    fn place(&self, index: Option<u32>) -> Option<usize> {
        match index {
            Some(index) => self.open.iter().rposition(|open| open.index == index),
            None => self.open.len().checked_sub(1),
        }
    }

    fn skip(&mut self, json: &[u8], batch: &mut Batch) -> Flow {
        self.skipped += 1;
        batch.push(0, Event::Raw(json));
        Flow::More
    }
}

impl<'a> Tool<'a> {
    /// A piece of the input's text.
    fn text(&self) -> Result<Option<Str<'a>>> {
        self.input.map_or(Ok(None), |json| Cursor::new(json).text())
    }
}

/// What a delta adds to a block that is no text.
fn grow(open: &mut Open, block: &Block<'_>, scratch: &mut String, batch: &mut Batch) -> Result<()> {
    let Open { index, state, half } = open;
    match (state, block) {
        (kept @ State::Reasoning { .. }, block) => {
            if let Some(said) = &block.reasoning {
                think(kept, said, half, scratch, batch);
            }
        }
        (
            State::Tool { call, begun },
            Block {
                tool: Some(tool), ..
            },
        ) => {
            if let Some(text) = tool.text()? {
                *begun |= !text.is_empty();
                let arguments = text.decode_joined(half, scratch);
                let index = *call;
                batch.push(0, Event::ToolArgs { index, arguments });
            }
        }
        (
            State::ServerTool { input, .. },
            Block {
                tool: Some(tool), ..
            },
        ) => {
            if let Some(text) = tool.text()? {
                input.push_str(text.decode_joined(half, scratch));
            }
        }
        (
            State::ServerResult { pieces, .. },
            Block {
                tool_result: Some(more),
                ..
            },
        ) => {
            // A list of pieces of content.
            let more = more.trim_ascii();
            let more = more.strip_prefix(b"[").and_then(|it| it.strip_suffix(b"]"));
            if let Some(more) = more.filter(|more| !more.trim_ascii().is_empty()) {
                if !pieces.is_empty() {
                    pieces.push(b',');
                }
                pieces.extend_from_slice(more);
            }
        }
        (
            State::Image { start },
            Block {
                image: Some(image), ..
            },
        ) => {
            let (index, start) = (*index, start.clone());
            Cursor::new(image).object(|key, cursor| {
                if key == b"source" {
                    let json = grown("image", &start, "source", cursor.raw()?);
                    push_part(PartKind::Image, index, json.as_bytes(), batch);
                }
                Ok(())
            })?;
        }
        _ => {}
    }
    Ok(())
}

/// A piece of reasoning: told, and kept as it is written.
fn think(
    kept: &mut State,
    said: &Reasoning<'_>,
    half: &mut Half,
    scratch: &mut String,
    batch: &mut Batch,
) {
    let State::Reasoning {
        text,
        signature,
        redacted,
    } = kept
    else {
        return;
    };
    if let Some(piece) = said.text {
        text.extend_from_slice(piece.raw());
        batch.push(0, Event::Reasoning(piece.decode_joined(half, scratch)));
    }
    for (place, piece) in [(signature, said.signature), (redacted, said.redacted)] {
        place.extend_from_slice(piece.map_or(b"", |piece| piece.raw()));
    }
}

/// Why it ended (reference of `stopReason`).
fn finish(reason: &str) -> Option<Finish> {
    match reason {
        "end_turn" | "stop_sequence" => Some(Finish::Stop),
        "max_tokens" | "model_context_window_exceeded" => Some(Finish::Length),
        "tool_use" => Some(Finish::ToolCalls),
        "guardrail_intervened" | "content_filtered" => Some(Finish::ContentFilter),
        // malformed_model_output, malformed_tool_use
        _ => None,
    }
}

fn push_part(kind: PartKind, index: u32, json: &[u8], batch: &mut Batch) {
    let json = &String::from_utf8_lossy(json);
    batch.push(0, Event::Part { kind, index, json });
}

/// Arguments that came in one piece. A call without any has an object all the same, so that what was joined parses.
fn push_arguments(index: u32, input: &[u8], batch: &mut Batch) {
    let arguments = match input {
        b"" | b"null" => "{}".into(),
        input => String::from_utf8_lossy(input),
    };
    let arguments = &arguments;
    batch.push(0, Event::ToolArgs { index, arguments });
}

fn limit(what: &str) -> Error {
    let message = format!("answer exceeds {CALLS_MAX} {what}");
    Error::new(ErrorKind::LimitExceeded, message)
}

/// Tool calls of one answer (BEHAVIOUR 9).
const CALLS_MAX: u32 = 1024;

/// Blocks begun and not ended; the API sends one after another.
const OPEN_MAX: usize = CALLS_MAX as usize;
