//! Legacy completions as OpenAI's API prints them: chunks and the whole object.
//! (OpenAI API reference "completions/object", read 2026-11-21.)

use super::answer::{Facts, quoted};
use super::openai::{self, append};
use super::pieces::{Piece, Pieces};
use super::stream::Voice;
use super::{Dialect, Kind, unary};

/// A stream of `text_completion`.
#[derive(Debug)]
pub(super) struct Chunks {
    facts: Facts,
}

impl Chunks {
    pub(super) fn new(facts: Facts) -> Chunks {
        Chunks { facts }
    }

    fn chunk(&self, choices: &str, usage: Option<&str>, out: &mut Vec<u8>) {
        let usage = usage.map_or(String::new(), |usage| format!(",\"usage\":{usage}"));
        append(
            out,
            format_args!(
                "data: {}\"choices\":[{choices}]{usage}}}\n\n",
                prelude(&self.facts)
            ),
        );
    }
}

impl Voice for Chunks {
    fn open(&mut self, _out: &mut Vec<u8>) {}

    fn piece(&mut self, number: u32, piece: &Piece<'_>, out: &mut Vec<u8>) {
        if let Some(text) = text(piece) {
            self.chunk(&choice(number, text, None), None, out);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        for number in 0..self.facts.choices {
            let end = choice(number, "", Some(finish(&self.facts)));
            self.chunk(&end, None, out);
        }
        if self.facts.include_usage && self.facts.usage {
            self.chunk("", Some(&openai::usage(&self.facts)), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn ping(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }

    fn garbage(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(unary::GARBAGE);
        out.extend_from_slice(b"\n\n");
    }

    fn error(&self, kind: Kind, out: &mut Vec<u8>) {
        let error = openai::error(kind, kind.message(Dialect::OpenaiCompletions));
        append(out, format_args!("data: {error}\n\n"));
    }
}

/// A whole `text_completion`.
pub(super) fn whole(facts: &Facts, mut pieces: Pieces) -> String {
    let mut said = String::new();
    while let Some(piece) = pieces.next() {
        said.push_str(text(&piece).unwrap_or_default());
    }
    let choices: Vec<_> = (0..facts.choices)
        .map(|number| choice(number, &said, Some(finish(facts))))
        .collect();
    let usage = match facts.usage {
        true => format!(",\"usage\":{}", openai::usage(facts)),
        false => String::new(),
    };
    format!(
        "{}\"choices\":[{}]{usage}}}",
        prelude(facts),
        choices.join(",")
    )
}

/// A completion knows text only.
fn text<'p>(piece: &'p Piece<'_>) -> Option<&'p str> {
    match piece {
        Piece::Text(text) => Some(text),
        Piece::Refusal(text) => Some(text),
        _ => None,
    }
}

fn choice(number: u32, text: &str, finish: Option<&str>) -> String {
    format!(
        "{{\"text\":{},\"index\":{number},\"logprobs\":null,\"finish_reason\":{}}}",
        quoted(text),
        finish.map_or("null".to_owned(), quoted)
    )
}

fn prelude(facts: &Facts) -> String {
    format!(
        "{{\"id\":\"cmpl-mock{:020}\",\"object\":\"text_completion\",\"created\":{},\"model\":{},",
        facts.number, facts.created, facts.model
    )
}

fn finish(facts: &Facts) -> &str {
    facts.finish.as_deref().unwrap_or("stop")
}
