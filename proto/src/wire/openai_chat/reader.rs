//! The state of one answer, fed with frames.
//!
//! Two tiers: a frame that equals the one before but for its text goes by the template; any other is walked over once, member by
//! member. An answer is over at `[DONE]`, or when its body ends after every choice had a finish reason, or with its one JSON
//! object; any other end is truncation.

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, PartKind};
use crate::frame::{Frame, Sse};
use crate::provider::TerminalMarker;
use crate::refusal;
use crate::template::{Gaps, Template};
use crate::wire::{Ending, Exchange, Flow, Reader};

use super::choice::Choice;
use super::sink::{self, Sink};
use super::usage;

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Chat {
    marker: TerminalMarker,
    /// The body is one JSON object.
    pub(super) whole: bool,
    /// It is a legacy completion: text lies beside the choice's number.
    pub(super) completes: bool,
    template: Template,
    pub(super) choices: Vec<Choice>,
    pub(super) has_id: bool,
    pub(super) has_model: bool,
    pub(super) usage: usage::Latest,
    /// Lists that some servers repeat in every chunk; said once, at the end.
    pub(super) citations: Vec<u8>,
    pub(super) search_results: Vec<u8>,
    done: bool,
    pub(super) skipped: u32,
    scratch: String,
}

impl Chat {
    /// For an answer that is one JSON object if it is `whole`, else a stream.
    pub(super) fn new(exchange: &Exchange<'_>, whole: bool, completes: bool) -> Chat {
        Chat {
            marker: exchange.quirks.terminal_marker,
            whole,
            completes,
            template: Template::new(),
            choices: Vec::new(),
            has_id: false,
            has_model: false,
            usage: usage::Latest::default(),
            citations: Vec::new(),
            search_results: Vec::new(),
            done: false,
            skipped: 0,
            scratch: String::new(),
        }
    }

    /// The same reader without the fast path.
    #[cfg(test)]
    pub(super) fn without_template(mut self) -> Chat {
        self.template = Template::off();
        self
    }

    /// Whether this frame needs no walk.
    #[cfg(test)]
    pub(super) fn knows(&mut self, frame: &[u8]) -> bool {
        self.template.find(frame).is_some()
    }

    /// The second tier.
    fn parse(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        let data = frame.data.trim_ascii();
        if data.is_empty() {
            return Ok(Flow::More);
        }
        if data == b"[DONE]" && !self.whole {
            return self.end(batch);
        }
        if frame.name == b"error" {
            let unsaid =
                || Error::new(ErrorKind::ProviderError, "the provider sent an error event");
            return Err(refusal::from_value(data, true).unwrap_or_else(unsaid));
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut sink = Sink::new(batch, &mut scratch);
        let walked = self.walk(frame.data, &mut sink);
        let only = sink.only_delta();
        self.scratch = scratch;
        let blind = walked?;
        if let Some((hole, delta)) = only {
            self.template
                .learn(frame.data, &Gaps { hole, blind }, delta);
        }
        let finished = !self.choices.is_empty() && self.choices.iter().all(|one| one.finished);
        if self.whole || (finished && self.marker == TerminalMarker::FinishReason) {
            return self.end(batch);
        }
        Ok(Flow::More)
    }

    /// A body that says it is JSON and is a stream.
    fn mislabelled(&mut self, body: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        self.whole = false;
        let mut framer = Sse::new(body.data.len());
        let mut sink = |frame: Frame<'_>| self.parse(frame, batch);
        match framer.push(body.data, &mut sink)? {
            Flow::Done => Ok(Flow::Done),
            Flow::More => framer.finish(&mut sink),
        }
    }

    pub(super) fn say_usage(&mut self, sink: &mut Sink<'_>) {
        if let Some(usage) = self.usage.say() {
            sink.push(0, Event::Usage(usage));
        }
    }

    /// Says what was kept for the end, whatever the end is.
    fn close(&mut self, sink: &mut Sink<'_>) {
        for list in [
            std::mem::take(&mut self.search_results),
            std::mem::take(&mut self.citations),
        ] {
            if let (Some(choice), false) = (self.choices.first_mut(), list.is_empty()) {
                choice.part(PartKind::Citation, &list, sink);
            }
        }
        self.say_usage(sink);
    }

    /// The terminal marker was read.
    fn end(&mut self, batch: &mut Batch) -> Result<Flow> {
        if self.choices.is_empty() {
            return Err(Error::new(
                ErrorKind::EmptyResponse,
                "the answer holds no choice",
            ));
        }
        let mut scratch = String::new();
        let sink = &mut Sink::new(batch, &mut scratch);
        for choice in &mut self.choices {
            choice.finish_unsaid(sink);
        }
        self.close(sink);
        self.done = true;
        Ok(Flow::Done)
    }
}

impl Reader for Chat {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        if frame.name != b"error"
            && let Some((delta, text)) = self.template.find(frame.data)
            && let Some(choice) = self
                .choices
                .iter_mut()
                .find(|one| one.number == delta.choice)
        {
            sink::say(batch, delta, text, choice.half(delta.kind));
            return Ok(Flow::More);
        }
        self.template.forget();
        let read = if self.whole && is_events(frame.data) {
            self.mislabelled(frame, batch)
        } else {
            self.parse(frame, batch)
        };
        if read.is_err() {
            // What came before an error is not lost with it.
            self.close(&mut Sink::new(batch, &mut String::new()));
        }
        read
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<Ending> {
        let ending = Ending {
            incomplete: false,
            skipped: self.skipped,
        };
        if self.done {
            return Ok(ending);
        }
        let mut scratch = String::new();
        let sink = &mut Sink::new(batch, &mut scratch);
        for choice in &mut self.choices {
            choice.close(sink);
        }
        self.close(sink);
        if self.whole {
            return Err(Error::new(ErrorKind::EmptyResponse, "the answer is empty"));
        }
        let some = !self.choices.is_empty();
        if some && self.choices.iter().all(|choice| choice.finished) {
            return Ok(ending);
        }
        if some && self.marker == TerminalMarker::None {
            return Ok(Ending {
                incomplete: true,
                ..ending
            });
        }
        let why = "the stream ended without its terminal marker";
        Err(Error::new(ErrorKind::StreamTruncated, why))
    }
}

/// Whether a body begins like an event stream.
fn is_events(body: &[u8]) -> bool {
    const FIELDS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    let text = body.trim_ascii_start();
    FIELDS.iter().any(|field| text.starts_with(field))
}
