//! A message as its format's server would say it: events of blocks that follow one another, or the whole object.
//!
//! ```text
//! message_start -> ( content_block_start -> content_block_delta* -> content_block_stop )* -> message_delta -> message_stop
//! ```

use serde_json::{Value, json};

use crate::event::{Batch, Event, Finish, PartKind, Usage};
use crate::inbound::{Facts, Writer, kept, quote, quoted, tool_id};

/// The state of one answer.
pub(super) struct Message {
    facts: Facts,
    id: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
    stop: Option<(Option<Finish>, Option<String>)>,
    started: bool,
    /// Blocks so far; of a stream only what they are, of a whole answer what they hold, too.
    blocks: Vec<Block>,
    /// The last block goes on.
    open: bool,
}

struct Block {
    kind: Kind,
    /// Text or arguments.
    text: String,
    /// Signature, or the id and name of a call, or the data of what is opaque.
    more: [String; 2],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Tool(u32),
    Redacted,
}

impl Message {
    pub(super) fn new(facts: Facts) -> Message {
        Message {
            facts,
            id: None,
            model: None,
            usage: None,
            stop: None,
            started: false,
            blocks: Vec::new(),
            open: false,
        }
    }

    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => {
                let word =
                    |word: Option<&str>| word.filter(|word| !word.is_empty()).map(str::to_owned);
                self.id = self.id.take().or_else(|| word(id));
                self.model = self.model.take().or_else(|| word(model));
            }
            // What the model says to refuse is text in this format; its stop_reason tells what it is.
            Event::Text(text) | Event::Refusal(text) => {
                self.enter(Kind::Text, [String::new(), String::new()], out);
                self.delta(text, out);
            }
            Event::Reasoning(text) => {
                self.enter(Kind::Thinking, [String::new(), String::new()], out);
                self.delta(text, out);
            }
            Event::ToolCall { index, id, name } => {
                let id = id.map_or_else(|| tool_id(self.facts.number, 0, index), str::to_owned);
                self.begin(Kind::Tool(index), [id, name.to_owned()], out);
            }
            Event::ToolArgs { index, arguments } => self.arguments(index, arguments, out),
            Event::Part { kind, index, json } => self.part(kind, index, json, out),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Finish { reason, raw } => self.stop = Some((reason, raw.map(str::to_owned))),
            Event::Raw(_) | Event::Result { .. } => {}
        }
    }

    fn part(&mut self, kind: PartKind, index: u32, json: &str, out: &mut Vec<u8>) {
        let data: Value = serde_json::from_str(json).unwrap_or_default();
        let own = |name: &str| data[name].as_str().map(str::to_owned);
        match (kind, own("signature"), own("data")) {
            // A block of this very format, from a provider that speaks it by another way.
            (PartKind::Signature, Some(signature), _) if data["type"] == "thinking" => {
                self.enter(Kind::Thinking, [String::new(), String::new()], out);
                self.sign(signature, out);
            }
            (PartKind::Redacted, _, Some(data)) => {
                self.begin(Kind::Redacted, [data, String::new()], out);
            }
            _ if kept::goes_back(kind) => {
                let sealed = kept::seal(kind, &self.facts.provider, index as usize, json);
                if let Some(sealed) = sealed {
                    self.begin(Kind::Redacted, [sealed, String::new()], out);
                }
            }
            // Citations, pictures and servers' tools look different in each format.
            _ => {}
        }
    }

    fn enter(&mut self, kind: Kind, more: [String; 2], out: &mut Vec<u8>) {
        if !self.open || self.blocks.last().is_none_or(|block| block.kind != kind) {
            self.begin(kind, more, out);
        }
    }

    fn begin(&mut self, kind: Kind, more: [String; 2], out: &mut Vec<u8>) {
        self.close(out);
        let text = String::new();
        let block = Block { kind, text, more };
        if self.facts.stream {
            self.start(out);
            let index = self.blocks.len();
            let block = block.json();
            event(
                out,
                "content_block_start",
                format_args!("\"index\":{index},\"content_block\":{block}"),
            );
        }
        self.blocks.push(block);
        self.open = true;
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.open, false) || !self.facts.stream {
            return;
        }
        let index = self.blocks.len() - 1;
        event(out, "content_block_stop", format_args!("\"index\":{index}"));
    }

    fn delta(&mut self, text: &str, out: &mut Vec<u8>) {
        let last = self.blocks.len() - 1;
        self.delta_of(last, text, out);
    }

    fn delta_of(&mut self, index: usize, text: &str, out: &mut Vec<u8>) {
        let block = &mut self.blocks[index];
        if !self.facts.stream {
            block.text.push_str(text);
            return;
        }
        let (kind, member) = match block.kind {
            Kind::Text => ("text_delta", "text"),
            Kind::Thinking => ("thinking_delta", "thinking"),
            Kind::Tool(_) | Kind::Redacted => ("input_json_delta", "partial_json"),
        };
        let head = format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"{kind}\",\"{member}\":"
        );
        out.extend_from_slice(head.as_bytes());
        quote(text, out);
        out.extend_from_slice(b"}}\n\n");
    }

    /// Arguments belong to their call, should another have begun meanwhile.
    fn arguments(&mut self, call: u32, arguments: &str, out: &mut Vec<u8>) {
        let kind = Kind::Tool(call);
        match self.blocks.iter().rposition(|block| block.kind == kind) {
            Some(place) => self.delta_of(place, arguments, out),
            None => {
                let id = tool_id(self.facts.number, 0, call);
                self.begin(kind, [id, String::new()], out);
                self.delta(arguments, out);
            }
        }
    }

    fn sign(&mut self, signature: String, out: &mut Vec<u8>) {
        let index = self.blocks.len() - 1;
        if self.facts.stream {
            let signature = quoted(&signature);
            let delta = format_args!(
                "\"index\":{index},\"delta\":{{\"type\":\"signature_delta\",\"signature\":{signature}}}"
            );
            event(out, "content_block_delta", delta);
        }
        self.blocks[index].more[0] = signature;
        // What is signed is complete.
        self.close(out);
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let message = self.json(&[], Value::Null, usage(self.usage.as_ref(), Some(0)));
        event(out, "message_start", format_args!("\"message\":{message}"));
    }

    fn json(&self, content: &[String], stop_reason: Value, usage: Value) -> String {
        let made = || format!("msg_libllm_{}", self.facts.number);
        let id = quoted(&self.id.clone().unwrap_or_else(made));
        let model = quoted(self.model.as_deref().unwrap_or(&self.facts.model));
        let content = content.join(",");
        format!(
            "{{\"id\":{id},\"type\":\"message\",\"role\":\"assistant\",\"model\":{model},\"content\":[{content}],\"stop_reason\":{stop_reason},\"stop_sequence\":null,\"usage\":{usage}}}"
        )
    }

    fn stop_reason(&self) -> Value {
        match &self.stop {
            Some((Some(Finish::Stop), _)) => json!("end_turn"),
            Some((Some(Finish::Length), _)) => json!("max_tokens"),
            Some((Some(Finish::ToolCalls), _)) => json!("tool_use"),
            Some((Some(Finish::ContentFilter), _)) => json!("refusal"),
            Some((None, Some(word))) => json!(word),
            _ => json!("end_turn"),
        }
    }
}

impl Block {
    /// The block as it is so far.
    fn json(&self) -> String {
        let [first, second] = &self.more;
        let text = quoted(&self.text);
        match self.kind {
            Kind::Text => format!("{{\"type\":\"text\",\"text\":{text}}}"),
            Kind::Thinking => {
                let signature = quoted(first);
                format!("{{\"type\":\"thinking\",\"thinking\":{text},\"signature\":{signature}}}")
            }
            Kind::Tool(_) => {
                let (id, name) = (quoted(first), quoted(second));
                // A stream's call begins empty; arguments that are no object are shown as what they are.
                let input = match self.text.trim() {
                    "" | "null" => "{}".to_owned(),
                    text if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => {
                        text.to_owned()
                    }
                    text => quoted(text),
                };
                format!("{{\"type\":\"tool_use\",\"id\":{id},\"name\":{name},\"input\":{input}}}")
            }
            Kind::Redacted => {
                format!(
                    "{{\"type\":\"redacted_thinking\",\"data\":{}}}",
                    quoted(first)
                )
            }
        }
    }
}

impl Writer for Message {
    fn write(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        // The format has one answer; nobody can have asked for more in it.
        for (_, event) in batch.iter().filter(|(choice, _)| *choice == 0) {
            self.event(event, out);
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let usage = usage(self.usage.as_ref(), None);
        if !self.facts.stream {
            let content: Vec<String> = self.blocks.iter().map(Block::json).collect();
            out.extend_from_slice(self.json(&content, self.stop_reason(), usage).as_bytes());
            return;
        }
        self.start(out);
        self.close(out);
        let reason = self.stop_reason();
        event(
            out,
            "message_delta",
            format_args!(
                "\"delta\":{{\"stop_reason\":{reason},\"stop_sequence\":null}},\"usage\":{usage}"
            ),
        );
        out.extend_from_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
}

fn event(out: &mut Vec<u8>, name: &str, members: std::fmt::Arguments<'_>) {
    let text = format!("event: {name}\ndata: {{\"type\":\"{name}\",{members}}}\n\n");
    out.extend_from_slice(text.as_bytes());
}

/// Usage in this format, whose SDKs want a number for what is unknown, too: 0. `input_tokens` leaves out what the cache read or
/// wrote (docs "Prompt caching"). At a stream's start nothing has been written yet.
fn usage(usage: Option<&Usage>, output: Option<u64>) -> Value {
    let unknown = Usage::default();
    let usage = usage.unwrap_or(&unknown);
    let (read, written) = (usage.cached_tokens, usage.cache_write_tokens);
    let cache = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
    let input = usage.prompt_tokens.unwrap_or(0).saturating_sub(cache);
    let mut said = json!({
        "input_tokens": input,
        "output_tokens": output.or(usage.completion_tokens).unwrap_or(0),
    });
    for (name, tokens) in [
        ("cache_read_input_tokens", read),
        ("cache_creation_input_tokens", written),
    ] {
        if let Some(tokens) = tokens {
            said[name] = tokens.into();
        }
    }
    said
}
