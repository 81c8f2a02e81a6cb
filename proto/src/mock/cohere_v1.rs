//! Version 1 of Cohere's chat as its API prints it: lines of JSON, the whole answer. Errors are version 2's.
//! (docs.cohere.com/v1 "Chat with Streaming", read 2026-11-21.)

use super::answer::{Facts, quoted};
use super::cohere::{counts, id};
use super::openai::append;
use super::pieces::{Piece, Pieces};
use super::stream::Voice;
use super::{Dialect, Kind, unary};

/// A stream of lines.
#[derive(Debug)]
pub(super) struct Lines {
    facts: Facts,
    calls: Vec<(String, String)>,
}

impl Lines {
    pub(super) fn new(facts: Facts) -> Lines {
        Lines {
            facts,
            calls: Vec::new(),
        }
    }

    fn text(&self, text: &str, out: &mut Vec<u8>) {
        let text = quoted(text);
        line(out, "text-generation", format_args!(",\"text\":{text}"));
    }

    fn chunk(&self, index: usize, key: &str, text: &str, out: &mut Vec<u8>) {
        let text = quoted(text);
        line(
            out,
            "tool-calls-chunk",
            format_args!(",\"tool_call_delta\":{{\"index\":{index},\"{key}\":{text}}}"),
        );
    }

    fn end(&self, reason: &str, told: &str, out: &mut Vec<u8>) {
        let response = response(&self.facts, "", &self.calls, reason);
        append(
            out,
            format_args!(
                "{{\"is_finished\":true,\"event_type\":\"stream-end\",\"response\":{response},\"finish_reason\":{reason}{told}}}\n"
            ),
        );
    }
}

impl Voice for Lines {
    fn open(&mut self, out: &mut Vec<u8>) {
        let id = quoted(&id(&self.facts));
        line(out, "stream-start", format_args!(",\"generation_id\":{id}"));
    }

    fn piece(&mut self, _choice: u32, piece: &Piece<'_>, out: &mut Vec<u8>) {
        match piece {
            // `unsaid` of this dialect refuses scripts that reason.
            Piece::Reasoning(_) => {}
            Piece::Text(text) => self.text(text, out),
            Piece::Refusal(text) => self.text(text, out),
            Piece::Tool(index, tool) => {
                self.calls.push((tool.name.clone(), String::new()));
                self.chunk(*index, "name", &tool.name, out);
            }
            Piece::Arguments(index, text) => {
                self.calls[*index].1.push_str(text);
                self.chunk(*index, "parameters", text, out);
            }
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if !self.calls.is_empty() {
            let calls = calls(&self.calls);
            line(
                out,
                "tool-calls-generation",
                format_args!(",\"tool_calls\":[{calls}]"),
            );
        }
        self.end(&finish(&self.facts), "", out);
    }

    fn ping(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
    }

    fn garbage(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(unary::GARBAGE);
        out.push(b'\n');
    }

    fn error(&self, kind: Kind, out: &mut Vec<u8>) {
        let message = quoted(kind.message(Dialect::CohereV1));
        self.end("\"ERROR\"", &format!(",\"error\":{message}"), out);
    }
}

/// A whole answer.
pub(super) fn whole(facts: &Facts, mut pieces: Pieces) -> String {
    let (mut text, mut calls) = (String::new(), Vec::<(String, String)>::new());
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Reasoning(_) => {}
            Piece::Text(piece) => text.push_str(&piece),
            Piece::Refusal(piece) => text.push_str(piece),
            Piece::Tool(_, tool) => calls.push((tool.name.clone(), String::new())),
            Piece::Arguments(index, piece) => calls[index].1.push_str(piece),
        }
    }
    response(facts, &text, &calls, &finish(facts))
}

fn line(out: &mut Vec<u8>, kind: &str, fields: std::fmt::Arguments<'_>) {
    append(
        out,
        format_args!("{{\"is_finished\":false,\"event_type\":\"{kind}\"{fields}}}\n"),
    );
}

fn response(facts: &Facts, text: &str, said: &[(String, String)], reason: &str) -> String {
    let (id, text) = (quoted(&id(facts)), quoted(text));
    let calls = match said {
        [] => String::new(),
        said => format!(",\"tool_calls\":[{}]", calls(said)),
    };
    let meta = match facts.usage {
        true => format!(
            ",\"meta\":{{\"api_version\":{{\"version\":\"1\"}},{}}}",
            counts(facts)
        ),
        false => String::new(),
    };
    format!(
        "{{\"response_id\":{id},\"text\":{text},\"generation_id\":{id},\"chat_history\":[]{calls},\"finish_reason\":{reason}{meta}}}"
    )
}

fn calls(said: &[(String, String)]) -> String {
    let calls = said.iter().map(|(name, arguments)| {
        let name = quoted(name);
        format!("{{\"name\":{name},\"parameters\":{arguments}}}")
    });
    calls.collect::<Vec<_>>().join(",")
}

fn finish(facts: &Facts) -> String {
    quoted(facts.finish.as_deref().unwrap_or("COMPLETE"))
}
