//! Version 2 of Cohere's chat as its API prints it: events, the whole message, errors.
//! (docs.cohere.com "Chat with Streaming" and "Errors", read 2026-11-21.)

use super::answer::{Facts, quoted};
use super::openai::append;
use super::pieces::{Piece, Pieces};
use super::stream::Voice;
use super::{Dialect, Kind, unary};

/// A stream of events.
#[derive(Debug)]
pub(super) struct Events {
    facts: Facts,
    open: Option<Block>,
    /// Number of the content block that is open, or of the next.
    index: u32,
}

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Block {
    Thinking,
    Text,
    Tool(usize),
}

impl Block {
    /// The member that holds its text.
    fn key(self) -> &'static str {
        match self {
            Block::Thinking => "thinking",
            _ => "text",
        }
    }
}

impl Events {
    pub(super) fn new(facts: Facts) -> Events {
        Events {
            facts,
            open: None,
            index: 0,
        }
    }

    fn said(&mut self, block: Block, text: &str, out: &mut Vec<u8>) {
        let key = block.key();
        if self.open != Some(block) {
            self.leave(out);
            self.open = Some(block);
            event(
                out,
                "content-start",
                format_args!(
                    ",\"index\":{},\"delta\":{{\"message\":{{\"content\":{{\"type\":\"{key}\",\"{key}\":\"\"}}}}}}",
                    self.index
                ),
            );
        }
        let text = quoted(text);
        event(
            out,
            "content-delta",
            format_args!(
                ",\"index\":{},\"delta\":{{\"message\":{{\"content\":{{\"{key}\":{text}}}}}}}",
                self.index
            ),
        );
    }

    fn leave(&mut self, out: &mut Vec<u8>) {
        match self.open.take() {
            None => {}
            Some(Block::Tool(index)) => {
                event(out, "tool-call-end", format_args!(",\"index\":{index}"));
            }
            Some(_) => {
                let index = self.index;
                event(out, "content-end", format_args!(",\"index\":{index}"));
                self.index += 1;
            }
        }
    }
}

impl Voice for Events {
    fn open(&mut self, out: &mut Vec<u8>) {
        let id = quoted(&id(&self.facts));
        append(
            out,
            format_args!(
                "event: message-start\ndata: {{\"id\":{id},\"type\":\"message-start\",\"delta\":{{\"message\":{{\"role\":\"assistant\",\"content\":[],\"tool_plan\":\"\",\"tool_calls\":[],\"citations\":[]}}}}}}\n\n"
            ),
        );
    }

    fn piece(&mut self, _choice: u32, piece: &Piece<'_>, out: &mut Vec<u8>) {
        match piece {
            Piece::Reasoning(text) => self.said(Block::Thinking, text, out),
            Piece::Text(text) => self.said(Block::Text, text, out),
            Piece::Refusal(text) => self.said(Block::Text, text, out),
            Piece::Tool(index, tool) => {
                self.leave(out);
                self.open = Some(Block::Tool(*index));
                let call = call(&self.facts, *index, &tool.name, "");
                event(
                    out,
                    "tool-call-start",
                    format_args!(
                        ",\"index\":{index},\"delta\":{{\"message\":{{\"tool_calls\":{call}}}}}"
                    ),
                );
            }
            Piece::Arguments(index, text) => {
                let text = quoted(text);
                event(
                    out,
                    "tool-call-delta",
                    format_args!(
                        ",\"index\":{index},\"delta\":{{\"message\":{{\"tool_calls\":{{\"function\":{{\"arguments\":{text}}}}}}}}}"
                    ),
                );
            }
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        self.leave(out);
        let (reason, usage) = (finish(&self.facts), usage(&self.facts));
        event(
            out,
            "message-end",
            format_args!(",\"delta\":{{\"finish_reason\":{reason}{usage}}}"),
        );
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn ping(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }

    fn garbage(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: content-delta\ndata: ");
        out.extend_from_slice(unary::GARBAGE);
        out.extend_from_slice(b"\n\n");
    }

    // An answer that fails ends as one that succeeds, with another word (recorded).
    fn error(&self, kind: Kind, out: &mut Vec<u8>) {
        let message = quoted(kind.message(Dialect::Cohere));
        event(
            out,
            "message-end",
            format_args!(
                ",\"delta\":{{\"finish_reason\":\"ERROR\",\"usage\":{{}},\"error\":{message}}}"
            ),
        );
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// A whole answer.
pub(super) fn whole(facts: &Facts, mut pieces: Pieces) -> String {
    let mut blocks: Vec<(Block, String)> = Vec::new();
    let mut calls: Vec<(String, String)> = Vec::new();
    let mut say = |block: Block, text: &str| match blocks.last_mut().filter(|it| it.0 == block) {
        Some(last) => last.1.push_str(text),
        None => blocks.push((block, text.to_owned())),
    };
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Reasoning(text) => say(Block::Thinking, &text),
            Piece::Text(text) => say(Block::Text, &text),
            Piece::Refusal(text) => say(Block::Text, text),
            Piece::Tool(_, tool) => calls.push((tool.name.clone(), String::new())),
            Piece::Arguments(index, text) => calls[index].1.push_str(text),
        }
    }
    let content: Vec<_> = (blocks.iter())
        .map(|(block, text)| {
            let (key, text) = (block.key(), quoted(text));
            format!("{{\"type\":\"{key}\",\"{key}\":{text}}}")
        })
        .collect();
    let calls: Vec<_> = (calls.iter().enumerate())
        .map(|(index, (name, arguments))| call(facts, index, name, arguments))
        .collect();
    let calls = match calls.is_empty() {
        true => String::new(),
        false => format!(",\"tool_calls\":[{}]", calls.join(",")),
    };
    format!(
        "{{\"id\":{},\"message\":{{\"role\":\"assistant\",\"content\":[{}]{calls}}},\"finish_reason\":{}{}}}",
        quoted(&id(facts)),
        content.join(","),
        finish(facts),
        usage(facts)
    )
}

/// The body of a refusal, in both versions.
pub(super) fn error(message: &str, number: u64) -> String {
    let message = quoted(message);
    format!("{{\"id\":\"mock-{number:020}\",\"message\":{message}}}")
}

/// The answer's id, in both versions.
pub(super) fn id(facts: &Facts) -> String {
    format!("mock-{:020}", facts.number)
}

/// What both versions count, as the members of `usage` or `meta`.
pub(super) fn counts(facts: &Facts) -> String {
    let (input, output) = (facts.prompt_tokens, facts.completion_tokens);
    format!(
        "\"billed_units\":{{\"input_tokens\":{input},\"output_tokens\":{output}}},\"tokens\":{{\"input_tokens\":{input},\"output_tokens\":{output},\"reasoning_tokens\":{}}},\"cached_tokens\":0",
        facts.reasoning_tokens
    )
}

fn event(out: &mut Vec<u8>, name: &str, fields: std::fmt::Arguments<'_>) {
    append(
        out,
        format_args!("event: {name}\ndata: {{\"type\":\"{name}\"{fields}}}\n\n"),
    );
}

fn call(facts: &Facts, index: usize, name: &str, arguments: &str) -> String {
    let (name, arguments) = (quoted(name), quoted(arguments));
    format!(
        "{{\"id\":\"call_mock{}x{index}\",\"type\":\"function\",\"function\":{{\"name\":{name},\"arguments\":{arguments}}}}}",
        facts.number
    )
}

fn finish(facts: &Facts) -> String {
    quoted(match (&facts.finish, facts.tools) {
        (Some(word), _) => word,
        (None, true) => "TOOL_CALL",
        (None, false) => "COMPLETE",
    })
}

/// The `usage` member with its comma, or nothing.
fn usage(facts: &Facts) -> String {
    match facts.usage {
        true => format!(",\"usage\":{{{}}}", counts(facts)),
        false => String::new(),
    }
}
