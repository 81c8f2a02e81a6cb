//! Reads an answer of generateContent: one response, or the chunks of a stream, each of them a response that goes on.
//!
//! A stream has no marker of its own: it is whole when it ended after every candidate gave a `finishReason`, or after the prompt
//! was refused.
//!
//! Two tiers: a chunk that equals the one before but for its text and its counts goes by the template; any other is read member by
//! member. Every chunk counts tokens, and the last count is the answer's: counts of the first tier are kept as they came, and said
//! before whatever is read next.

use super::finish::finish;
use super::said::{Call, Candidate, Part, Said};
use super::streamed::Streamed;
use super::usage::usage;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, Finish, PartKind};
use crate::frame::Frame;
use crate::json::{self, Cursor, Half, Kind, Str, place_in};
use crate::provider::TerminalMarker;
use crate::refusal;
use crate::template::{Delta, DeltaKind, Template};
use crate::wire::{Ending, Flow, Reader};

/// The state of one answer.
pub(super) struct Candidates {
    streamed: bool,
    terminal_marker: TerminalMarker,
    choices: Vec<Choice>,
    /// The answer's id and model were said.
    has_id: bool,
    has_model: bool,
    /// The prompt was refused: there will be no candidate.
    refused: bool,
    skipped: u32,
    scratch: String,
    template: Template,
    /// Which choice the template's text belongs to.
    place: usize,
    /// What the chunk that is being read said.
    chunk: Chunk,
    /// The last counts that came by the template; empty if they were said.
    counts: Vec<u8>,
}

/// What a chunk says that decides whether the next one may be compared with it.
#[derive(Default)]
struct Chunk {
    /// Where its one text is, of which choice, and of what kind.
    text: Option<(std::ops::Range<usize>, usize, DeltaKind)>,
    /// It said more than one text.
    more: bool,
}

/// The state of one candidate.
struct Choice {
    index: u32,
    calls: u32,
    parts: u32,
    finished: bool,
    /// A call that goes on.
    streamed: Option<Box<Streamed>>,
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
            has_id: false,
            has_model: false,
            refused: false,
            skipped: 0,
            scratch: String::new(),
            template: Template::new(),
            place: 0,
            chunk: Chunk::default(),
            counts: Vec::new(),
        }
    }

    /// Reads every chunk member by member. For tests that compare.
    #[cfg(test)]
    pub(super) fn without_template(mut self) -> Candidates {
        self.template = Template::off();
        self
    }
}

impl Reader for Candidates {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        if frame.name.is_empty()
            && let Some((delta, text, counts)) = self.template.find_with_object(frame.data)
        {
            if !counts_prompt(counts) {
                self.say_counts(batch)?;
            }
            self.counts.clear();
            self.counts.extend_from_slice(counts);
            self.say(self.place, delta.kind, text, batch);
            let choice = &mut self.choices[self.place];
            choice.parts = choice.parts.saturating_add(1);
            return Ok(Flow::More);
        }
        self.template.forget();
        self.say_counts(batch)?;
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
        self.chunk = Chunk::default();
        self.chunk.more = said.feedback.is_some();
        self.start(&said, batch);
        if let Some(candidates) = said.candidates {
            Cursor::new(candidates).array(|cursor| {
                if cursor.kind()? != Kind::Object {
                    return cursor.skip();
                }
                let candidate = Candidate::read(cursor)?;
                self.candidate(&candidate, frame.data, batch)
            })?;
        }
        self.learn(frame.data, said.usage);
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
        self.say_counts(batch)?;
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
        let new = |text: Option<Str<'_>>, known: bool| {
            let text = text.filter(|text| !known && !text.is_empty());
            text.map(|text| text.owned())
        };
        let (id, model) = (new(said.id, self.has_id), new(said.model, self.has_model));
        self.has_id |= id.is_some();
        self.has_model |= model.is_some();
        if id.is_some() || model.is_some() {
            let (id, model) = (id.as_deref(), model.as_deref());
            batch.push(0, Event::Start { id, model });
        }
    }

    fn candidate(
        &mut self,
        candidate: &Candidate<'_>,
        data: &[u8],
        batch: &mut Batch,
    ) -> Result<()> {
        let place = self.place(candidate.index.unwrap_or(0))?;
        if let Some(parts) = candidate.parts {
            Cursor::new(parts).array(|cursor| self.part(place, cursor.raw()?, data, batch))?;
        }
        self.chunk.more |=
            candidate.reason.is_some() || candidate.sources.iter().any(Option::is_some);
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
        // A model that stopped of its own accord has said all of a call that nothing closed; one that was stopped has not.
        if raw == "STOP" {
            choice.close(batch);
        }
        let reason = finish(raw, choice.calls > 0);
        let raw = Some(raw);
        batch.push(choice.index, Event::Finish { reason, raw });
        Ok(())
    }

    fn place(&mut self, index: u32) -> Result<usize> {
        if let Some(place) = self.choices.iter().position(|it| it.index == index) {
            return Ok(place);
        }
        if self.choices.len() == CHOICES_MAX || index as usize >= CHOICES_MAX {
            return Err(limit(CHOICES_MAX, "candidates"));
        }
        self.choices.push(Choice {
            index,
            calls: 0,
            parts: 0,
            finished: false,
            streamed: None,
            text: Half::default(),
            thought: Half::default(),
        });
        Ok(self.choices.len() - 1)
    }

    /// A part of the choice at `place`; `data` is the chunk that it stands in.
    fn part(&mut self, place: usize, json: &[u8], data: &[u8], batch: &mut Batch) -> Result<()> {
        let part = Part::read(json)?;
        if let Some(text) = part.text {
            let kind = match part.thought {
                true => DeltaKind::Reasoning,
                false => DeltaKind::Text,
            };
            self.say(place, kind, text, batch);
            self.chunk.more |= self.chunk.text.is_some();
            let hole = place_in(text.raw(), data);
            self.chunk.text = hole.map(|hole| (hole, place, kind));
        }
        let choice = &mut self.choices[place];
        if let Some(call) = part.call {
            self.chunk.more = true;
            choice.flush(batch);
            if self.call(place, call, part.signature, batch)? {
                return Ok(());
            }
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
        } else if part.signature.is_some() {
            PartKind::Signature
        } else {
            choice.parts = choice.parts.saturating_add(1);
            if part.text.is_none() && part.call.is_none() {
                self.chunk.more = true;
                self.skip(json, batch);
            }
            return Ok(());
        };
        choice.push_part(kind, json, batch);
        self.chunk.more = true;
        Ok(())
    }

    /// A piece of the text or of the thoughts of the choice at `place`.
    fn say(&mut self, place: usize, kind: DeltaKind, text: Str<'_>, batch: &mut Batch) {
        let choice = &mut self.choices[place];
        let half = match kind {
            DeltaKind::Reasoning => &mut choice.thought,
            _ => &mut choice.text,
        };
        let delta = Delta {
            choice: choice.index,
            kind,
        };
        batch.push(
            choice.index,
            delta.event(text.decode_joined(half, &mut self.scratch)),
        );
    }

    /// The next chunk may be this one again but for its text and, behind it, its counts.
    fn learn(&mut self, data: &[u8], usage: Option<&[u8]>) {
        let Some((hole, place, kind)) = self.chunk.text.take().filter(|_| !self.chunk.more) else {
            return;
        };
        let counts = usage.and_then(|usage| place_in(usage, data));
        let Some(counts) = counts.filter(|at| at.start > hole.end && data[at.start] == b'{') else {
            return;
        };
        let choice = self.choices[place].index;
        self.template
            .learn_with_object(data, hole, counts, Delta { choice, kind });
        self.place = place;
    }

    /// Says the counts that came by the template.
    fn say_counts(&mut self, batch: &mut Batch) -> Result<()> {
        if self.counts.is_empty() {
            return Ok(());
        }
        let counts = usage(&self.counts)?;
        self.counts.clear();
        if let Some(usage) = counts {
            batch.push(0, Event::Usage(usage));
        }
        Ok(())
    }

    /// A call, or a piece of one. Says whether it comes in pieces: then its signature goes back with the whole of it.
    fn call(
        &mut self,
        place: usize,
        json: &[u8],
        signature: Option<Str<'_>>,
        batch: &mut Batch,
    ) -> Result<bool> {
        let call = Call::read(json)?;
        let Some(name) = call.name.filter(|name| !name.is_empty()) else {
            return self.piece(place, json, &call, signature, batch);
        };
        let choice = &mut self.choices[place];
        if choice.calls == CALLS_MAX {
            return Err(limit(CALLS_MAX as usize, "tool calls"));
        }
        // Whoever begins another call has ended the one before it.
        choice.close(batch);
        let (number, index) = (choice.index, choice.calls);
        choice.calls += 1;
        let id = call.id.map(|id| id.owned()).filter(|id| !id.is_empty());
        let (id, name) = (id.as_deref(), name.decode(&mut self.scratch));
        batch.push(number, Event::ToolCall { index, id, name });
        if call.continues || call.pieces.is_some() {
            choice.streamed = Some(Box::new(Streamed::begin(index, name, id)));
            return self.piece(place, json, &call, signature, batch);
        }
        let arguments = match call.args {
            // So that what was joined parses.
            None | Some(b"null") => "{}".into(),
            Some(args) => String::from_utf8_lossy(args),
        };
        let arguments = &arguments;
        batch.push(number, Event::ToolArgs { index, arguments });
        Ok(false)
    }

    /// More of the call that goes on in the choice at `place`.
    fn piece(
        &mut self,
        place: usize,
        json: &[u8],
        call: &Call<'_>,
        signature: Option<Str<'_>>,
        batch: &mut Batch,
    ) -> Result<bool> {
        let choice = &mut self.choices[place];
        let number = choice.index;
        let Some(streamed) = &mut choice.streamed else {
            self.skip(json, batch);
            return Ok(false);
        };
        let index = streamed.index;
        streamed.sign(signature);
        let arguments = streamed.take(call.pieces)?;
        batch.push(number, Event::ToolArgs { index, arguments });
        if !call.continues {
            choice.close(batch);
        }
        Ok(true)
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
        let all_finished = self.choices.iter().all(|choice| choice.finished);
        if self.refused || !self.choices.is_empty() && all_finished {
            return Ok(());
        }
        self.refused = true;
        // What has begun ends here: nothing more comes of it.
        let mut blocked = Vec::new();
        for choice in self.choices.iter_mut().filter(|choice| !choice.finished) {
            choice.flush(batch);
            choice.finished = true;
            blocked.push(choice.index);
        }
        if blocked.is_empty() {
            blocked.push(0);
        }
        for choice in blocked {
            if let Some(message) = message {
                batch.push(choice, Event::Refusal(message.decode(&mut self.scratch)));
            }
            let finish = Event::Finish {
                reason: Some(Finish::ContentFilter),
                raw: Some(reason.decode(&mut self.scratch)),
            };
            batch.push(choice, finish);
        }
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

    /// Ends the call that goes on, if one does.
    fn close(&mut self, batch: &mut Batch) {
        let Some(mut streamed) = self.streamed.take() else {
            return;
        };
        let index = streamed.index;
        let arguments = streamed.end();
        batch.push(self.index, Event::ToolArgs { index, arguments });
        match streamed.part() {
            Some(part) => self.push_part(PartKind::Signature, &part, batch),
            None => self.parts = self.parts.saturating_add(1),
        }
    }

    fn push_part(&mut self, kind: PartKind, json: &[u8], batch: &mut Batch) {
        let (index, json) = (self.parts, &String::from_utf8_lossy(json));
        self.parts = self.parts.saturating_add(1);
        batch.push(self.index, Event::Part { kind, index, json });
    }
}

/// Whether these counts replace the ones before: those that count nothing do not.
fn counts_prompt(counts: &[u8]) -> bool {
    const KEY: &[u8] = b"\"promptTokenCount\":";
    let Some(at) = memchr::memmem::find(counts, KEY) else {
        return false;
    };
    let value = counts[at + KEY.len()..].trim_ascii_start();
    value.first().is_some_and(u8::is_ascii_digit)
}

fn limit(max: usize, what: &str) -> Error {
    let message = format!("answer exceeds {max} {what}");
    Error::new(ErrorKind::LimitExceeded, message)
}

/// Tool calls of one candidate (BEHAVIOUR 9).
const CALLS_MAX: u32 = 1024;

/// The API gives at most 8 (reference of `candidateCount`).
const CHOICES_MAX: usize = 128;

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test fails by panicking
mod tests {
    use super::*;

    fn hear(mut reader: Candidates, frames: &[String]) -> (String, usize) {
        let (mut all, mut known) = (String::new(), 0);
        let mut usage = None;
        for data in frames {
            let mut batch = Batch::new();
            known += usize::from(reader.template.find_with_object(data.as_bytes()).is_some());
            let frame = Frame {
                name: b"",
                data: data.as_bytes(),
            };
            reader.frame(frame, &mut batch).unwrap();
            tell(&batch, &mut all, &mut usage);
        }
        let mut batch = Batch::new();
        reader.finish(&mut batch).unwrap();
        tell(&batch, &mut all, &mut usage);
        (format!("{all}{usage:?}"), known)
    }

    fn tell(batch: &Batch, all: &mut String, usage: &mut Option<String>) {
        for (choice, event) in batch.iter() {
            match event {
                Event::Usage(counts) => *usage = Some(format!("{counts:?}")),
                event => all.push_str(&format!("{choice} {event:?}\n")),
            }
        }
    }

    fn both(frames: &[String]) -> usize {
        let reader = || Candidates::new(true, TerminalMarker::FinishReason);
        let (with, known) = hear(reader(), frames);
        let (without, none) = hear(reader().without_template(), frames);
        assert_eq!(with, without);
        assert_eq!(none, 0);
        known
    }

    const END: &str = r#"{"candidates":[{"finishReason":"STOP","index":0}]}"#;

    fn chunk(part: &str, counts: &str) -> String {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{part}]}},"index":0}}],"usageMetadata":{counts},"modelVersion":"m"}}"#
        )
    }

    #[test]
    fn chunks_that_repeat_go_by_the_template_and_mean_the_same() {
        for part in [r#"{"text":"@"}"#, r#"{"text":"@","thought":true}"#] {
            let counts = |number| format!(r#"{{"promptTokenCount":3,"totalTokenCount":{number}}}"#);
            let chunk = |number| chunk(&part.replace('@', &format!("t{number} ")), &counts(number));
            let mut frames: Vec<_> = (0..10).map(chunk).collect();
            frames.push(END.to_owned());
            assert_eq!(both(&frames), 9, "{part}");
        }
    }

    #[test]
    fn chunks_that_say_more_are_read() {
        let counts = r#"{"promptTokenCount":3}"#;
        let parts = [
            r#"{"text":"a"}"#,
            r#"{"text":"b"}"#,
            r#"{"text":"\ud83d"}"#,
            r#"{"text":"\ude00"}"#,
            r#"{"text":"c"},{"text":"d"}"#,
            r#"{"text":"c","thoughtSignature":"x"}"#,
            r#"{"text":"c"},{"unheardOf":1}"#,
            r#"{"functionCall":{"name":"f","args":{}}}"#,
            r#"{"text":"e"},{"functionCall":{"name":"f","args":{}}}"#,
            r#"{"text":""}"#,
        ];
        for first in parts {
            for second in parts {
                for (a, b) in [
                    (counts, counts),
                    (counts, "{}"),
                    ("{}", counts),
                    (counts, "null"),
                ] {
                    let frames = [(first, a), (first, b), (second, b), (second, a), (first, b)];
                    let mut frames: Vec<_> = frames
                        .iter()
                        .map(|(part, counts)| chunk(part, counts))
                        .collect();
                    frames.push(END.to_owned());
                    both(&frames);
                }
            }
        }
    }
}
