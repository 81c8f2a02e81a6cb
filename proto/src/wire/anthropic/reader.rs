//! Reads a Messages answer: events of a stream, or the whole message.
//!
//! ```text
//! message_start -> ( content_block_start -> content_block_delta* -> content_block_stop )* -> message_delta+ -> message_stop
//! ```
//!
//! `ping` may stand anywhere, so may `error`, which ends it. Blocks are told apart by their `index`. Only `message_stop` proves
//! that the answer is whole (Anthropic docs "Streaming messages").

use super::block::{Members, Open, Role, State, server_call_json, thinking_json};
use super::other::Other;
use super::push::{push_arguments, push_citations, push_finish, push_part, push_text};
use super::said::{Message, Said};
use super::usage::Counts;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, PartKind};
use crate::frame::Frame;
use crate::json::{self, Cursor, Half, Kind, Str};
use crate::provider::TerminalMarker;
use crate::refusal;
use crate::template::{Delta, DeltaKind, Gaps, Template};
use crate::wire::{Ending, Flow, Reader};

/// The state of one answer.
pub(super) struct MessagesReader {
    streamed: bool,
    terminal_marker: TerminalMarker,
    open: Vec<Open>,
    tool_calls: u32,
    /// Something was said of the content.
    begun: bool,
    counts: Counts,
    /// The terminal marker came.
    pub(super) whole: bool,
    skipped: u32,
    template: Template,
    /// Where in `open` the block of the template's delta is.
    place: usize,
    pub(super) scratch: String,
}

impl MessagesReader {
    pub(super) fn new(streamed: bool, terminal_marker: TerminalMarker) -> MessagesReader {
        MessagesReader {
            streamed,
            terminal_marker,
            open: Vec::new(),
            tool_calls: 0,
            begun: false,
            counts: Counts::default(),
            whole: false,
            skipped: 0,
            template: Template::new(),
            place: 0,
            scratch: String::new(),
        }
    }
}

impl Reader for MessagesReader {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        if matches!(frame.name, b"content_block_delta" | b"")
            && let Some((delta, text)) = self.template.find(core(frame.data))
        {
            self.say(self.place, delta, text, batch);
            return Ok(Flow::More);
        }
        self.template.forget();
        if json::is_blank(frame.data) {
            return Ok(Flow::More);
        }
        let mut cursor = Cursor::new(frame.data);
        let named_error = frame.name == b"error";
        if named_error || cursor.kind()? != Kind::Object {
            // Of what is no object only an error means something: text behind its event's name, or an array around one.
            if let Some(error) = refusal::from_value(frame.data, named_error) {
                return Err(error);
            }
            json::check(frame.data)?;
            return Ok(self.skip(frame, batch));
        }
        let said = Said::read(&mut cursor)?;
        let kind = said.kind.map_or(frame.name, |kind| kind.raw());
        let is_error = kind == b"error" || frame.name == b"error";
        if (is_error || (said.kind.is_none() && said.error))
            && let Some(error) = refusal::from_value(frame.data, is_error)
        {
            return Err(error);
        }
        match kind {
            b"content_block_delta" => self.delta(&said, frame, batch)?,
            b"content_block_start" => self.block_start(&said, frame, batch)?,
            b"content_block_stop" => self.block_stop(&said, batch)?,
            b"message_start" => self.message_start(&said, batch)?,
            b"message_delta" => return self.message_delta(&said, batch),
            b"message_stop" => {
                self.whole = true;
                return Ok(Flow::Done);
            }
            b"ping" => {}
            b"message" => return self.message(frame.data, batch),
            _ => return Ok(self.skip(frame, batch)),
        }
        Ok(Flow::More)
    }

    fn finish(&mut self, _batch: &mut Batch) -> Result<Ending> {
        if self.whole {
            return Ok(Ending {
                incomplete: false,
                skipped: self.skipped,
            });
        }
        if !self.streamed {
            return Err(Error::new(
                ErrorKind::EmptyResponse,
                "the answer holds no message",
            ));
        }
        if self.terminal_marker == TerminalMarker::None {
            return Ok(Ending {
                incomplete: true,
                skipped: self.skipped,
            });
        }
        Err(Error::new(
            ErrorKind::StreamTruncated,
            "stream ended before message_stop",
        ))
    }
}

impl MessagesReader {
    fn message_start(&mut self, said: &Said<'_>, batch: &mut Batch) -> Result<()> {
        let Some(message) = said.message else {
            return Ok(());
        };
        let message = Message::read(message)?;
        message.push_start(batch);
        // It begins empty, but for one that goes on from a server's tool: that says all it has here (docs "Programmatic tool
        // calling"). Some proxies say the beginning twice.
        if !self.begun && self.content(message.content, batch)? > 0 {
            self.begun = true;
            if let Some(reason) = message.stop_reason {
                push_finish(reason, message.stop_details, batch)?;
            }
        }
        self.overlay(message.usage, batch)
    }

    fn message_delta(&mut self, said: &Said<'_>, batch: &mut Batch) -> Result<Flow> {
        self.overlay(said.usage, batch)?;
        let Some(reason) = said.delta.stop_reason else {
            return Ok(Flow::More);
        };
        push_finish(reason, said.delta.stop_details, batch)?;
        if self.terminal_marker == TerminalMarker::FinishReason {
            self.whole = true;
            return Ok(Flow::Done);
        }
        Ok(Flow::More)
    }

    pub(super) fn overlay(&mut self, usage: Option<&[u8]>, batch: &mut Batch) -> Result<()> {
        let Some(usage) = usage else { return Ok(()) };
        self.counts.overlay(usage)?;
        if let Some(usage) = self.counts.usage()? {
            batch.push(0, Event::Usage(usage));
        }
        Ok(())
    }

    fn block_start(&mut self, said: &Said<'_>, frame: Frame<'_>, batch: &mut Batch) -> Result<()> {
        let Some(block) = said.block else {
            self.skip(frame, batch);
            return Ok(());
        };
        let members = Members::read(block)?;
        let index = said
            .index
            .unwrap_or_else(|| self.open.last().map_or(0, |open| open.index + 1));
        let state = match members.role() {
            Role::Text => {
                push_text(members.text, &mut self.scratch, batch);
                push_citations(index, members.citations, batch)?;
                State::Text
            }
            Role::Thinking => {
                let raw =
                    |text: Option<Str<'_>>| text.map_or(Vec::new(), |text| text.raw().to_vec());
                if let Some(text) = members.thinking {
                    batch.push(0, Event::Reasoning(text.decode(&mut self.scratch)));
                }
                State::Thinking {
                    text: raw(members.thinking),
                    signature: raw(members.signature),
                }
            }
            Role::Tool => {
                let call = self.tool_call(&members, batch)?;
                State::Tool {
                    call,
                    input: members.input.map(<[u8]>::to_vec),
                }
            }
            Role::ServerCall => State::ServerCall {
                block: block.to_vec(),
                input: String::new(),
            },
            Role::Redacted => {
                push_part(PartKind::Redacted, index, block, batch);
                State::Ignored
            }
            Role::ServerResult => {
                push_part(PartKind::ServerTool, index, block, batch);
                State::Ignored
            }
            Role::Other => State::Other(Other::begin(block)?),
            Role::Unknown => {
                self.skip(frame, batch);
                match members.kind {
                    Some(_) => State::Other(Other::begin(block)?),
                    None => State::Ignored,
                }
            }
        };
        self.begin(index, state)
    }

    fn delta(&mut self, said: &Said<'_>, frame: Frame<'_>, batch: &mut Batch) -> Result<()> {
        let kind = said.delta.kind.map_or(&b""[..], |kind| kind.raw());
        let index = said
            .index
            .unwrap_or_else(|| self.open.last().map_or(0, |open| open.index));
        let place = match (
            self.open.iter().rposition(|open| open.index == index),
            implied(kind),
        ) {
            (Some(place), _) => place,
            (None, Some(state)) => {
                self.begin(index, state)?;
                self.open.len() - 1
            }
            (None, None) => {
                self.skip(frame, batch);
                return Ok(());
            }
        };
        let delta = &said.delta;
        let Open { state, half, .. } = &mut self.open[place];
        let (kind, text) = match (kind, state) {
            (b"text_delta", _) => (DeltaKind::Text, delta.text),
            (b"thinking_delta", _) => (DeltaKind::Reasoning, delta.thinking),
            (b"input_json_delta", State::Tool { call, .. }) => {
                (DeltaKind::ToolArgs(*call), delta.partial_json)
            }
            (b"input_json_delta", State::ServerCall { input, .. }) => {
                if let Some(json) = delta.partial_json {
                    input.push_str(json.decode_joined(half, &mut self.scratch));
                }
                return Ok(());
            }
            (b"signature_delta", State::Thinking { signature, .. }) => {
                signature.extend_from_slice(delta.signature.map_or(b"", |piece| piece.raw()));
                return Ok(());
            }
            (b"citations_delta", _) => {
                if let Some(citation) = delta.citation {
                    push_part(PartKind::Citation, index, citation, batch);
                }
                return Ok(());
            }
            (_, State::Other(other)) => return other.join(said.delta_json),
            _ => {
                self.skip(frame, batch);
                return Ok(());
            }
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(());
        };
        let delta = Delta { choice: 0, kind };
        self.say(place, delta, text, batch);
        let gaps = Gaps {
            hole: text.range(),
            blind: None,
        };
        self.template.learn(core(frame.data), &gaps, delta);
        self.place = place;
        Ok(())
    }

    /// A piece of text, thinking or arguments for the block at `place`.
    fn say(&mut self, place: usize, delta: Delta, text: Str<'_>, batch: &mut Batch) {
        let Open { state, half, .. } = &mut self.open[place];
        match state {
            State::Thinking { text: kept, .. } if delta.kind == DeltaKind::Reasoning => {
                kept.extend_from_slice(text.raw())
            }
            State::Tool { input, .. } => *input = None,
            _ => {}
        }
        batch.push(0, delta.event(text.decode_joined(half, &mut self.scratch)));
    }

    fn block_stop(&mut self, said: &Said<'_>, batch: &mut Batch) -> Result<()> {
        let place = match said.index {
            Some(index) => self.open.iter().rposition(|open| open.index == index),
            None => self.open.len().checked_sub(1),
        };
        let Some(place) = place else { return Ok(()) };
        let Open {
            index,
            state,
            mut half,
        } = self.open.remove(place);
        let rest = half.flush();
        match state {
            State::Text => batch.push(0, Event::Text(rest)),
            State::Thinking { text, signature } => {
                batch.push(0, Event::Reasoning(rest));
                // Without a signature the provider would not take it back.
                if !signature.is_empty() {
                    let json = thinking_json(&text, &signature);
                    batch.push(
                        0,
                        Event::Part {
                            kind: PartKind::Signature,
                            index,
                            json: &json,
                        },
                    );
                }
            }
            State::Tool { call, input: None } => {
                batch.push(
                    0,
                    Event::ToolArgs {
                        index: call,
                        arguments: rest,
                    },
                );
            }
            State::Tool {
                call,
                input: Some(input),
            } => push_arguments(call, &input, batch),
            State::ServerCall { block, mut input } => {
                input.push_str(rest);
                let json = server_call_json(&block, &input)?;
                batch.push(
                    0,
                    Event::Part {
                        kind: PartKind::ServerTool,
                        index,
                        json: &json,
                    },
                );
            }
            State::Other(other) => push_part(PartKind::ServerTool, index, &other.json(), batch),
            State::Ignored => {}
        }
        Ok(())
    }

    pub(super) fn tool_call(&mut self, members: &Members<'_>, batch: &mut Batch) -> Result<u32> {
        if self.tool_calls == TOOL_CALLS_MAX {
            return Err(limit("tool calls", TOOL_CALLS_MAX));
        }
        let call = self.tool_calls;
        self.tool_calls += 1;
        let mut id = String::new();
        let id = members
            .id
            .map(|text| text.decode(&mut id))
            .filter(|id| !id.is_empty());
        let name = members
            .name
            .map_or("", |name| name.decode(&mut self.scratch));
        batch.push(
            0,
            Event::ToolCall {
                index: call,
                id,
                name,
            },
        );
        Ok(call)
    }

    fn begin(&mut self, index: u32, state: State) -> Result<()> {
        self.begun = true;
        if self.open.len() == OPEN_MAX {
            return Err(limit("content blocks open at once", OPEN_MAX));
        }
        self.open.push(Open {
            index,
            state,
            half: Half::default(),
        });
        Ok(())
    }

    pub(super) fn skip(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Flow {
        self.skipped += 1;
        batch.push(0, Event::Raw(frame.data));
        Flow::More
    }
}

/// Text and thinking are read even where a proxy left out the beginning of their block.
fn implied(kind: &[u8]) -> Option<State> {
    match kind {
        b"text_delta" => Some(State::Text),
        b"thinking_delta" => Some(State::Thinking {
            text: Vec::new(),
            signature: Vec::new(),
        }),
        _ => None,
    }
}

/// A frame without what servers pad it with: blanks around the last brace (Anthropic's are of random length), and that brace.
fn core(frame: &[u8]) -> &[u8] {
    let frame = frame.trim_ascii_end();
    frame.strip_suffix(b"}").unwrap_or(frame).trim_ascii_end()
}

fn limit(what: &str, max: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!("answer exceeds {max} {what}"),
    )
}

/// Tool calls of one answer (BEHAVIOUR 9).
const TOOL_CALLS_MAX: u32 = 1024;

/// Blocks begun and not ended; the API sends one after another.
const OPEN_MAX: usize = 1024;
