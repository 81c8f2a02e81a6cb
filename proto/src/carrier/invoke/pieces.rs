//! Reads answers of models that write one text: Titan, Llama, Mistral's first ones, Cohere Command, Claude's text completions,
//! Jurassic, and completions in `choices`; whole or in pieces. Each names its text and its end differently, and none of them means something else by another's names.

use super::counts::Counts;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, Finish};
use crate::frame::Frame;
use crate::json::{Cursor, Half, Kind, Str};
use crate::provider::TerminalMarker;
use crate::wire::{Ending, Flow, Reader};

/// The state of one answer.
pub(super) struct Pieces {
    streamed: bool,
    terminal_marker: TerminalMarker,
    counts: Counts,
    /// A piece said why it is the last.
    finished: bool,
    /// Anything that is a piece came.
    any: bool,
    half: Half,
    skipped: u32,
    /// The answer's id and its model were said.
    named: [bool; 2],
    scratch: String,
}

impl Pieces {
    pub(super) fn new(streamed: bool, terminal_marker: TerminalMarker) -> Pieces {
        Pieces {
            streamed,
            terminal_marker,
            counts: Counts::default(),
            finished: false,
            any: false,
            half: Half::default(),
            skipped: 0,
            named: [false; 2],
            scratch: String::new(),
        }
    }
}

impl Reader for Pieces {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        let mut piece = Piece::default();
        let (mut list, mut names) = (None, [None; 2]);
        Cursor::new(frame.data).object(|key, cursor| {
            match key {
                b"results" | b"outputs" | b"generations" | b"choices" | b"completions"
                    if cursor.kind()? == Kind::Array =>
                {
                    list = Some(cursor.raw()?);
                }
                b"id" => names[0] = cursor.text()?,
                b"model" => names[1] = cursor.text()?,
                b"inputTextTokenCount" | b"prompt_token_count" => {
                    self.counts.input = cursor.count()?.or(self.counts.input);
                }
                b"totalOutputTextTokenCount" | b"generation_token_count" => {
                    self.counts.output = cursor.count()?.or(self.counts.output);
                }
                _ => piece.member(key, cursor)?,
            }
            Ok(())
        })?;
        self.name(names, batch);
        if let Some(list) = list {
            let mut choice = 0;
            Cursor::new(list).array(|cursor| {
                if cursor.kind()? != Kind::Object {
                    return cursor.skip();
                }
                let mut piece = Piece::default();
                cursor.object(|key, cursor| piece.member(key, cursor))?;
                if choice == 0 {
                    self.counts.output = piece.tokens.or(self.counts.output);
                }
                self.say(choice, &piece, batch);
                choice += 1;
                Ok(())
            })?;
        } else if piece.text.is_some() || piece.reason.is_some() {
            self.say(0, &piece, batch);
        } else {
            self.skipped += 1;
            batch.push(0, Event::Raw(frame.data));
        }
        let early = self.terminal_marker == TerminalMarker::FinishReason && self.finished;
        Ok(if early { Flow::Done } else { Flow::More })
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<Ending> {
        batch.push(0, Event::Text(self.half.flush()));
        let incomplete =
            !self.finished && self.streamed && self.terminal_marker == TerminalMarker::None;
        // What came in one piece is whole, whether it says so or not.
        if self.finished || incomplete || !self.streamed && self.any {
            return Ok(Ending {
                incomplete,
                skipped: self.skipped,
            });
        }
        Err(match self.streamed {
            true => Error::new(
                ErrorKind::StreamTruncated,
                "stream ended before a piece said why",
            ),
            false => Error::new(ErrorKind::EmptyResponse, "the answer holds no text"),
        })
    }
}

impl Pieces {
    /// Says the answer's id and its model, each once; many of these models say neither.
    fn name(&mut self, names: [Option<Str<'_>>; 2], batch: &mut Batch) {
        let mut new = [None, None];
        for (place, name) in names.into_iter().enumerate() {
            let name = name.filter(|name| !name.is_empty() && !self.named[place]);
            self.named[place] |= name.is_some();
            new[place] = name.map(|name| name.owned());
        }
        if let [id, model] = &new
            && (id.is_some() || model.is_some())
        {
            let (id, model) = (id.as_deref(), model.as_deref());
            batch.push(0, Event::Start { id, model });
        }
    }

    fn say(&mut self, choice: u32, piece: &Piece<'_>, batch: &mut Batch) {
        self.any = true;
        if let Some(text) = piece.text {
            let text = match choice {
                0 => text.decode_joined(&mut self.half, &mut self.scratch),
                _ => text.decode(&mut self.scratch),
            };
            batch.push(choice, Event::Text(text));
        }
        let Some(reason) = piece.reason.filter(|reason| !reason.is_empty()) else {
            return;
        };
        self.finished = true;
        // Counts of an answer that breaks off would not be the answer's.
        if choice == 0
            && let Some(usage) = self.counts.usage()
        {
            batch.push(0, Event::Usage(usage));
        }
        let raw = reason.decode(&mut self.scratch);
        let reason = finish(raw);
        let raw = Some(raw);
        batch.push(choice, Event::Finish { reason, raw });
    }
}

/// A text, or a piece of one.
#[derive(Default)]
struct Piece<'a> {
    text: Option<Str<'a>>,
    reason: Option<Str<'a>>,
    tokens: Option<u64>,
}

impl<'a> Piece<'a> {
    fn member(&mut self, key: &[u8], cursor: &mut Cursor<'a>) -> Result<()> {
        match key {
            b"outputText" | b"generation" | b"completion" | b"text" => {
                self.text = cursor.text()?.or(self.text);
            }
            b"completionReason" | b"stop_reason" | b"finish_reason" => {
                self.reason = cursor.text()?.or(self.reason);
            }
            b"tokenCount" => self.tokens = cursor.count()?,
            // Jurassic has both one level further down.
            b"data" if cursor.kind()? == Kind::Object => cursor.object(|key, cursor| {
                if key == b"text" {
                    self.text = cursor.text()?.or(self.text);
                }
                Ok(())
            })?,
            b"finishReason" if cursor.kind()? == Kind::Object => cursor.object(|key, cursor| {
                if key == b"reason" {
                    self.reason = cursor.text()?.or(self.reason);
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    }
}

/// Why it ended, whoever says so (user guide, the pages of these models).
fn finish(reason: &str) -> Option<Finish> {
    match reason.to_ascii_lowercase().as_str() {
        "finish" | "finished" | "stop" | "complete" | "stop_sequence" | "stop_criteria_met"
        | "endoftext" => Some(Finish::Stop),
        "length" | "max_tokens" | "error_limit" => Some(Finish::Length),
        "content_filtered" | "content_filter" | "error_toxic" => Some(Finish::ContentFilter),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn jurassic_says_its_texts_one_level_further_down() {
        let body = br#"{"id":7,"prompt":{"text":"q","tokens":[{"text":"q"}]},"completions":[
            {"data":{"text":" Hi","tokens":[{"generatedToken":{"token":"Hi"}}]},"finishReason":{"reason":"length","length":2}},
            {"data":{"text":" Ho"},"finishReason":{"reason":"endoftext"}}]}"#;
        let mut reader = Pieces::new(false, TerminalMarker::Format);
        let mut batch = Batch::new();
        let frame = Frame {
            name: b"",
            data: body,
        };
        reader.frame(frame, &mut batch).unwrap();
        let ending = reader.finish(&mut batch).unwrap();
        assert!(!ending.incomplete && ending.skipped == 0);
        let finish = |reason, raw| Event::Finish {
            reason: Some(reason),
            raw: Some(raw),
        };
        assert_eq!(
            batch.iter().collect::<Vec<_>>(),
            [
                (0, Event::Text(" Hi")),
                (0, finish(Finish::Length, "length")),
                (1, Event::Text(" Ho")),
                (1, finish(Finish::Stop, "endoftext")),
            ]
        );
    }
}
