//! Bedrock's Converse as its API prints it: the messages of an event stream, the whole object, errors.
//! (Bedrock Runtime API reference "ConverseStream"; "Amazon event stream encoding"; read 2026-11-21.)

use super::answer::{Facts, quoted};
use super::pieces::{Piece, Pieces};
use super::stream::Voice;
use super::{Dialect, Kind, unary};

/// A stream of messages.
#[derive(Debug)]
pub(super) struct Messages {
    facts: Facts,
    open: Option<Block>,
    /// Number of the content block that is open, or of the next.
    index: u32,
}

/// The kinds of content block.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Block {
    Reasoning,
    Text,
    Tool(usize),
}

impl Messages {
    pub(super) fn new(facts: Facts) -> Messages {
        Messages {
            facts,
            open: None,
            index: 0,
        }
    }

    /// Opens a block of this kind unless the open one will do; only a call's opening is told.
    fn enter(&mut self, block: Block, name: &str, out: &mut Vec<u8>) {
        if self.open == Some(block) {
            return;
        }
        self.leave(out);
        self.open = Some(block);
        if let Block::Tool(number) = block {
            let start = format!(
                "{{\"contentBlockIndex\":{},\"start\":{{\"toolUse\":{{\"name\":{},\"toolUseId\":{}}}}}}}",
                self.index,
                quoted(name),
                quoted(&call_id(&self.facts, number))
            );
            event(out, "contentBlockStart", &start);
        }
    }

    fn leave(&mut self, out: &mut Vec<u8>) {
        let Some(block) = self.open.take() else {
            return;
        };
        if block == Block::Reasoning {
            let signature = quoted(&signature(&self.facts));
            self.delta(
                &format!("{{\"reasoningContent\":{{\"signature\":{signature}}}}}"),
                out,
            );
        }
        let stop = format!("{{\"contentBlockIndex\":{}}}", self.index);
        event(out, "contentBlockStop", &stop);
        self.index += 1;
    }

    fn delta(&self, delta: &str, out: &mut Vec<u8>) {
        let index = self.index;
        let json = format!("{{\"contentBlockIndex\":{index},\"delta\":{delta}}}");
        event(out, "contentBlockDelta", &json);
    }
}

impl Voice for Messages {
    fn open(&mut self, out: &mut Vec<u8>) {
        event(out, "messageStart", "{\"role\":\"assistant\"}");
    }

    fn piece(&mut self, _choice: u32, piece: &Piece<'_>, out: &mut Vec<u8>) {
        match piece {
            Piece::Reasoning(text) => {
                self.enter(Block::Reasoning, "", out);
                let text = quoted(text);
                self.delta(
                    &format!("{{\"reasoningContent\":{{\"text\":{text}}}}}"),
                    out,
                );
            }
            Piece::Text(text) => {
                self.enter(Block::Text, "", out);
                self.delta(&format!("{{\"text\":{}}}", quoted(text)), out);
            }
            Piece::Refusal(text) => {
                self.enter(Block::Text, "", out);
                self.delta(&format!("{{\"text\":{}}}", quoted(text)), out);
            }
            Piece::Tool(number, tool) => self.enter(Block::Tool(*number), &tool.name, out),
            Piece::Arguments(_, text) => {
                let text = quoted(text);
                self.delta(&format!("{{\"toolUse\":{{\"input\":{text}}}}}"), out);
            }
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        self.leave(out);
        let reason = quoted(stop_reason(&self.facts));
        event(out, "messageStop", &format!("{{\"stopReason\":{reason}}}"));
        let metadata = format!("{{\"metrics\":{{\"latencyMs\":1}}{}}}", usage(&self.facts));
        event(out, "metadata", &metadata);
    }

    // The encoding has no word for it, and the API none either.
    fn ping(&self, _out: &mut Vec<u8>) {}

    fn garbage(&self, out: &mut Vec<u8>) {
        message(out, "event", "contentBlockDelta", unary::GARBAGE);
    }

    fn error(&self, kind: Kind, out: &mut Vec<u8>) {
        let name = kind.amazon();
        // Inside a stream their names begin small.
        let name = name[..1].to_ascii_lowercase() + &name[1..];
        let error = error(kind.message(Dialect::Bedrock));
        message(out, "exception", &name, error.as_bytes());
    }
}

/// A whole answer.
pub(super) fn whole(facts: &Facts, mut pieces: Pieces) -> String {
    let (mut reasoning, mut text) = (String::new(), String::new());
    let mut calls: Vec<(String, String)> = Vec::new();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Reasoning(word) => reasoning.push_str(&word),
            Piece::Text(word) => text.push_str(&word),
            Piece::Refusal(word) => text.push_str(word),
            Piece::Tool(_, tool) => calls.push((tool.name.clone(), String::new())),
            Piece::Arguments(index, word) => calls[index].1.push_str(word),
        }
    }
    let mut content = Vec::new();
    if !reasoning.is_empty() {
        content.push(format!(
            "{{\"reasoningContent\":{{\"reasoningText\":{{\"signature\":{},\"text\":{}}}}}}}",
            quoted(&signature(facts)),
            quoted(&reasoning)
        ));
    }
    if !text.is_empty() || calls.is_empty() {
        content.push(format!("{{\"text\":{}}}", quoted(&text)));
    }
    for (number, (name, arguments)) in calls.iter().enumerate() {
        content.push(format!(
            "{{\"toolUse\":{{\"input\":{arguments},\"name\":{},\"toolUseId\":{}}}}}",
            quoted(name),
            quoted(&call_id(facts, number))
        ));
    }
    format!(
        "{{\"metrics\":{{\"latencyMs\":1}},\"output\":{{\"message\":{{\"content\":[{}],\"role\":\"assistant\"}}}},\"stopReason\":{}{}}}",
        content.join(","),
        quoted(stop_reason(facts)),
        usage(facts)
    )
}

/// The body of a refusal; its name is in a header.
pub(super) fn error(message: &str) -> String {
    format!("{{\"message\":{}}}", quoted(message))
}

fn event(out: &mut Vec<u8>, name: &str, payload: &str) {
    message(out, "event", name, payload.as_bytes());
}

/// One message: lengths, their checksum, headers, payload, the checksum of it all.
fn message(out: &mut Vec<u8>, kind: &str, name: &str, payload: &[u8]) {
    let named = format!(":{kind}-type");
    let mut headers = Vec::new();
    for (key, value) in [
        (named.as_str(), name),
        (":content-type", "application/json"),
        (":message-type", kind),
    ] {
        headers.push(key.len() as u8);
        headers.extend_from_slice(key.as_bytes());
        headers.push(STRING);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let begin = out.len();
    let total = 12 + headers.len() + payload.len() + 4;
    out.extend_from_slice(&(total as u32).to_be_bytes());
    out.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out[begin..]).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out[begin..]).to_be_bytes());
}

fn stop_reason(facts: &Facts) -> &str {
    match (&facts.finish, facts.tools) {
        (Some(word), _) => word,
        (None, true) => "tool_use",
        (None, false) => "end_turn",
    }
}

fn usage(facts: &Facts) -> String {
    let (input, output) = (facts.prompt_tokens, facts.completion_tokens);
    match facts.usage {
        true => format!(
            ",\"usage\":{{\"inputTokens\":{input},\"outputTokens\":{output},\"totalTokens\":{}}}",
            u64::from(input) + output
        ),
        false => String::new(),
    }
}

fn call_id(facts: &Facts, number: usize) -> String {
    format!("tooluse_mock{}x{number}", facts.number)
}

/// Opaque to everyone but its provider, and different for every answer.
fn signature(facts: &Facts) -> String {
    format!("bW9jay1zaWduYXR1cmU{:020}==", facts.number)
}

/// A header's type: a string with a length of two bytes.
const STRING: u8 = 7;
