//! Messages as Anthropic's API prints it: events, the whole message, errors.
//! (Anthropic docs "streaming messages", "errors", "handling stop reasons", read 2026-11-21.)

use super::answer::{Facts, quoted};
use super::fault::Kind;
use super::openai::append;
use super::pieces::{Piece, Pieces};
use super::stream::Voice;

/// A stream of Messages events.
#[derive(Debug)]
pub(super) struct Events {
    facts: Facts,
    open: Option<Block>,
    /// Number of the block that is open, or of the next.
    index: u32,
    pinged: bool,
}

/// The kinds of content block.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Block {
    Thinking,
    Text,
    Tool(usize),
}

impl Events {
    pub(super) fn new(facts: Facts) -> Events {
        Events {
            facts,
            open: None,
            index: 0,
            pinged: false,
        }
    }

    /// Opens a block of this kind unless the open one will do.
    fn enter(&mut self, block: Block, start: &str, out: &mut Vec<u8>) {
        if self.open == Some(block) {
            return;
        }
        self.leave(out);
        self.open = Some(block);
        let index = self.index;
        event(
            out,
            "content_block_start",
            format_args!("\"index\":{index},\"content_block\":{start}"),
        );
        // The recorded API pings once, after the first block's start.
        if !std::mem::replace(&mut self.pinged, true) {
            self.ping(out);
        }
    }

    fn leave(&mut self, out: &mut Vec<u8>) {
        let Some(block) = self.open.take() else {
            return;
        };
        if block == Block::Thinking {
            let signature = signature(&self.facts);
            self.delta(out, "signature_delta", "signature", &quoted(&signature));
        }
        let index = self.index;
        event(out, "content_block_stop", format_args!("\"index\":{index}"));
        self.index += 1;
    }

    fn delta(&self, out: &mut Vec<u8>, kind: &str, key: &str, json: &str) {
        let index = self.index;
        event(
            out,
            "content_block_delta",
            format_args!("\"index\":{index},\"delta\":{{\"type\":\"{kind}\",\"{key}\":{json}}}"),
        );
    }
}

impl Voice for Events {
    fn open(&mut self, out: &mut Vec<u8>) {
        let message = message(&self.facts, "", "null", "null", &usage(&self.facts, 1));
        event(out, "message_start", format_args!("\"message\":{message}"));
    }

    fn piece(&mut self, _choice: u32, piece: &Piece<'_>, out: &mut Vec<u8>) {
        match piece {
            Piece::Reasoning(text) => {
                let start = r#"{"type":"thinking","thinking":"","signature":""}"#;
                self.enter(Block::Thinking, start, out);
                self.delta(out, "thinking_delta", "thinking", &quoted(text));
            }
            Piece::Text(text) => {
                self.enter(Block::Text, r#"{"type":"text","text":""}"#, out);
                self.delta(out, "text_delta", "text", &quoted(text));
            }
            Piece::Refusal(text) => {
                self.enter(Block::Text, r#"{"type":"text","text":""}"#, out);
                self.delta(out, "text_delta", "text", &quoted(text));
            }
            Piece::Tool(index, tool) => {
                let start = tool_use(&self.facts, *index, &tool.name, "{}");
                self.enter(Block::Tool(*index), &start, out);
                self.delta(out, "input_json_delta", "partial_json", "\"\"");
            }
            Piece::Arguments(_, text) => {
                self.delta(out, "input_json_delta", "partial_json", &quoted(text));
            }
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        self.leave(out);
        let usage = match self.facts.usage {
            true => format!(
                ",\"usage\":{}",
                usage_object(&self.facts, self.facts.completion_tokens)
            ),
            false => String::new(),
        };
        let reason = quoted(stop_reason(&self.facts));
        let details = stop_details(&self.facts);
        event(
            out,
            "message_delta",
            format_args!(
                "\"delta\":{{\"stop_reason\":{reason},\"stop_sequence\":null,\"stop_details\":{details}}}{usage}"
            ),
        );
        out.extend_from_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }

    fn ping(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: ping\ndata: {\"type\": \"ping\"}\n\n");
    }

    fn garbage(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: content_block_delta\ndata: ");
        out.extend_from_slice(super::unary::GARBAGE);
        out.extend_from_slice(b"\n\n");
    }

    fn error(&self, kind: Kind, out: &mut Vec<u8>) {
        let error = error(
            kind,
            kind.message(super::Dialect::Anthropic),
            self.facts.number,
        );
        append(out, format_args!("event: error\ndata: {error}\n\n"));
    }
}

/// A whole `message`.
pub(super) fn whole(facts: &Facts, mut pieces: Pieces) -> String {
    // Blocks as (kind, text so far, tool name).
    let mut blocks: Vec<(Block, String, String)> = Vec::new();
    while let Some(piece) = pieces.next() {
        let (block, text, name) = match &piece {
            Piece::Reasoning(text) => (Block::Thinking, &**text, ""),
            Piece::Text(text) => (Block::Text, &**text, ""),
            Piece::Refusal(text) => (Block::Text, *text, ""),
            Piece::Tool(index, tool) => (Block::Tool(*index), "", tool.name.as_str()),
            Piece::Arguments(index, text) => (Block::Tool(*index), *text, ""),
        };
        match blocks.last_mut().filter(|last| last.0 == block) {
            Some(last) => last.1.push_str(text),
            None => blocks.push((block, text.to_owned(), name.to_owned())),
        }
    }
    let content: Vec<_> = (blocks.iter())
        .map(|(block, text, name)| match block {
            Block::Thinking => format!(
                "{{\"type\":\"thinking\",\"thinking\":{},\"signature\":{}}}",
                quoted(text),
                quoted(&signature(facts))
            ),
            Block::Text => format!("{{\"type\":\"text\",\"text\":{}}}", quoted(text)),
            Block::Tool(index) => tool_use(facts, *index, name, text),
        })
        .collect();
    let reason = quoted(stop_reason(facts));
    let usage = usage(facts, facts.completion_tokens);
    message(
        facts,
        &content.join(","),
        &reason,
        &stop_details(facts),
        &usage,
    )
}

/// The body of a refusal, and the data of an `error` event.
pub(super) fn error(kind: Kind, message: &str, number: u64) -> String {
    format!(
        "{{\"type\":\"error\",\"error\":{{\"type\":\"{}\",\"message\":{}}},\"request_id\":\"req_mock{number:020}\"}}",
        kind.anthropic(),
        quoted(message)
    )
}

fn event(out: &mut Vec<u8>, name: &str, fields: std::fmt::Arguments<'_>) {
    append(
        out,
        format_args!("event: {name}\ndata: {{\"type\":\"{name}\",{fields}}}\n\n"),
    );
}

fn message(facts: &Facts, content: &str, reason: &str, details: &str, usage: &str) -> String {
    format!(
        "{{\"model\":{},\"id\":\"msg_mock{:020}\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{content}],\"stop_reason\":{reason},\"stop_sequence\":null,\"stop_details\":{details}{usage}}}",
        facts.model, facts.number
    )
}

/// The `usage` member with its comma, or nothing.
fn usage(facts: &Facts, output: u64) -> String {
    match facts.usage {
        true => format!(",\"usage\":{}", usage_object(facts, output)),
        false => String::new(),
    }
}

fn usage_object(facts: &Facts, output: u64) -> String {
    format!(
        "{{\"input_tokens\":{},\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":{output},\"output_tokens_details\":{{\"thinking_tokens\":{}}}}}",
        facts.prompt_tokens,
        facts.reasoning_tokens.min(output)
    )
}

fn tool_use(facts: &Facts, index: usize, name: &str, input: &str) -> String {
    format!(
        "{{\"type\":\"tool_use\",\"id\":\"toolu_mock{}x{index}\",\"name\":{},\"input\":{input}}}",
        facts.number,
        quoted(name)
    )
}

/// Opaque to everyone but its provider, and different for every answer.
fn signature(facts: &Facts) -> String {
    format!("bW9jay1zaWduYXR1cmU{:020}==", facts.number)
}

fn stop_reason(facts: &Facts) -> &str {
    match (&facts.finish, facts.tools, &facts.refusal) {
        (Some(word), ..) => word,
        (None, true, _) => "tool_use",
        (None, false, Some(_)) => "refusal",
        (None, false, None) => "end_turn",
    }
}

fn stop_details(facts: &Facts) -> String {
    match (&facts.refusal, &facts.finish) {
        (Some(text), None) => format!(
            "{{\"type\":\"refusal\",\"category\":null,\"explanation\":{}}}",
            quoted(text)
        ),
        _ => "null".into(),
    }
}
