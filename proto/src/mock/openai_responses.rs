//! Responses as OpenAI's API prints them: events and the whole object.
//! (OpenAI API reference "responses/object" and "responses-streaming", read 2026-11-21.)

use super::answer::{Facts, quoted};
use super::openai::{self, append};
use super::pieces::{Piece, Pieces};
use super::stream::Voice;
use super::{Dialect, Kind, unary};

/// A stream of Responses events.
#[derive(Debug)]
pub(super) struct Events {
    facts: Facts,
    open: Option<Item>,
    /// Items that are over, printed.
    done: Vec<String>,
    sequence: u64,
}

/// An item of the answer, and what was said of it.
#[derive(Debug)]
struct Item {
    block: Block,
    said: String,
    name: String,
}

/// The kinds of item.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Block {
    Reasoning,
    Text,
    Refusal,
    Tool(usize),
}

impl Item {
    fn new(block: Block, name: &str) -> Item {
        Item {
            block,
            said: String::new(),
            name: name.to_owned(),
        }
    }

    fn id(&self, facts: &Facts, index: usize) -> String {
        let kind = match self.block {
            Block::Reasoning => "rs",
            Block::Text | Block::Refusal => "msg",
            Block::Tool(_) => "fc",
        };
        format!("{kind}_mock{}x{index}", facts.number)
    }

    /// What its part is called, and the member that holds its text.
    fn part(&self) -> (&'static str, &'static str) {
        match self.block {
            Block::Reasoning => ("summary_text", "text"),
            Block::Refusal => ("refusal", "refusal"),
            Block::Text | Block::Tool(_) => ("output_text", "text"),
        }
    }

    fn part_json(&self) -> String {
        let ((kind, key), text) = (self.part(), quoted(&self.said));
        match self.block {
            Block::Text => format!(
                "{{\"type\":\"{kind}\",\"annotations\":[],\"logprobs\":[],\"{key}\":{text}}}"
            ),
            _ => format!("{{\"type\":\"{kind}\",\"{key}\":{text}}}"),
        }
    }

    fn json(&self, facts: &Facts, index: usize, over: bool) -> String {
        let id = quoted(&self.id(facts, index));
        let status = if over { "completed" } else { "in_progress" };
        let part = if over {
            self.part_json()
        } else {
            String::new()
        };
        match self.block {
            Block::Reasoning => {
                let sealed = match over {
                    true => format!(",\"encrypted_content\":{}", quoted(&sealed(facts))),
                    false => String::new(),
                };
                format!("{{\"id\":{id},\"type\":\"reasoning\",\"summary\":[{part}]{sealed}}}")
            }
            Block::Text | Block::Refusal => format!(
                "{{\"id\":{id},\"type\":\"message\",\"status\":\"{status}\",\"content\":[{part}],\"role\":\"assistant\"}}"
            ),
            Block::Tool(number) => {
                let arguments = if over { self.said.as_str() } else { "" };
                format!(
                    "{{\"id\":{id},\"type\":\"function_call\",\"status\":\"{status}\",\"arguments\":{},\"call_id\":\"call_mock{}x{number}\",\"name\":{}}}",
                    quoted(arguments),
                    facts.number,
                    quoted(&self.name)
                )
            }
        }
    }
}

impl Events {
    pub(super) fn new(facts: Facts) -> Events {
        Events {
            facts,
            open: None,
            done: Vec::new(),
            sequence: 0,
        }
    }

    fn event(&mut self, name: &str, fields: &str, out: &mut Vec<u8>) {
        let number = self.sequence;
        self.sequence += 1;
        append(
            out,
            format_args!(
                "event: {name}\ndata: {{\"type\":\"{name}\",{fields},\"sequence_number\":{number}}}\n\n"
            ),
        );
    }

    /// Opens an item of this kind unless the open one will do.
    fn enter(&mut self, block: Block, name: &str, out: &mut Vec<u8>) {
        if self.open.as_ref().is_some_and(|item| item.block == block) {
            return;
        }
        self.leave(out);
        let (item, index) = (Item::new(block, name), self.done.len());
        let json = item.json(&self.facts, index, false);
        let fields = format!("\"item\":{json},\"output_index\":{index}");
        self.event("response.output_item.added", &fields, out);
        if let Some(step) = part_step(block, "added") {
            let fields = format!("{},\"part\":{}", self.place(&item), item.part_json());
            self.event(&step, &fields, out);
        }
        self.open = Some(item);
    }

    fn leave(&mut self, out: &mut Vec<u8>) {
        let Some(item) = self.open.take() else {
            return;
        };
        let place = self.place(&item);
        let (_, key) = item.part();
        let key = if matches!(item.block, Block::Tool(_)) {
            "arguments"
        } else {
            key
        };
        let fields = format!("{place},\"{key}\":{}", quoted(&item.said));
        self.event(&format!("{}.done", stem(item.block)), &fields, out);
        if let Some(step) = part_step(item.block, "done") {
            self.event(
                &step,
                &format!("{place},\"part\":{}", item.part_json()),
                out,
            );
        }
        let index = self.done.len();
        let json = item.json(&self.facts, index, true);
        let fields = format!("\"item\":{json},\"output_index\":{index}");
        self.event("response.output_item.done", &fields, out);
        self.done.push(json);
    }

    fn place(&self, item: &Item) -> String {
        let index = self.done.len();
        let part = match item.block {
            Block::Reasoning => ",\"summary_index\":0",
            Block::Text | Block::Refusal => ",\"content_index\":0",
            Block::Tool(_) => "",
        };
        let id = quoted(&item.id(&self.facts, index));
        format!("\"item_id\":{id},\"output_index\":{index}{part}")
    }

    fn delta(&mut self, text: &str, out: &mut Vec<u8>) {
        let Some(item) = self.open.as_mut() else {
            return;
        };
        item.said.push_str(text);
        let block = item.block;
        let place = self
            .open
            .as_ref()
            .map(|item| self.place(item))
            .unwrap_or_default();
        let fields = format!("{place},\"delta\":{}", quoted(text));
        self.event(&format!("{}.delta", stem(block)), &fields, out);
    }
}

impl Voice for Events {
    fn open(&mut self, out: &mut Vec<u8>) {
        let response = response(&self.facts, "in_progress", "null", &[], "null");
        let fields = format!("\"response\":{response}");
        self.event("response.created", &fields, out);
        self.event("response.in_progress", &fields, out);
    }

    fn piece(&mut self, _choice: u32, piece: &Piece<'_>, out: &mut Vec<u8>) {
        let (block, name, text) = block(piece);
        self.enter(block, name, out);
        if !text.is_empty() {
            self.delta(text, out);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        self.leave(out);
        let (status, why) = status(&self.facts);
        let response = response(&self.facts, status, &why, &self.done, &usage(&self.facts));
        let name = format!("response.{status}");
        self.event(&name, &format!("\"response\":{response}"), out);
    }

    fn ping(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }

    fn garbage(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: response.output_text.delta\ndata: ");
        out.extend_from_slice(unary::GARBAGE);
        out.extend_from_slice(b"\n\n");
    }

    // Recorded: the error's object stands in an event of its own.
    fn error(&self, kind: Kind, out: &mut Vec<u8>) {
        let error = openai::error(kind, kind.message(Dialect::OpenaiResponses));
        append(
            out,
            format_args!(
                "event: error\ndata: {{\"type\":\"error\",\"sequence_number\":{},{}\n\n",
                self.sequence,
                &error[1..]
            ),
        );
    }
}

/// A whole `response`.
pub(super) fn whole(facts: &Facts, mut pieces: Pieces) -> String {
    let mut items: Vec<Item> = Vec::new();
    while let Some(piece) = pieces.next() {
        let (block, name, text) = block(&piece);
        match items.last_mut().filter(|last| last.block == block) {
            Some(last) => last.said.push_str(text),
            None => {
                let mut item = Item::new(block, name);
                item.said.push_str(text);
                items.push(item);
            }
        }
    }
    let output: Vec<_> = (items.iter().enumerate())
        .map(|(index, item)| item.json(facts, index, true))
        .collect();
    let (status, why) = status(facts);
    response(facts, status, &why, &output, &usage(facts))
}

fn block<'p>(piece: &'p Piece<'_>) -> (Block, &'p str, &'p str) {
    match piece {
        Piece::Reasoning(text) => (Block::Reasoning, "", text),
        Piece::Text(text) => (Block::Text, "", text),
        Piece::Refusal(text) => (Block::Refusal, "", text),
        Piece::Tool(index, tool) => (Block::Tool(*index), &tool.name, ""),
        Piece::Arguments(index, text) => (Block::Tool(*index), "", text),
    }
}

/// What the deltas of an item are called.
fn stem(block: Block) -> &'static str {
    match block {
        Block::Reasoning => "response.reasoning_summary_text",
        Block::Text => "response.output_text",
        Block::Refusal => "response.refusal",
        Block::Tool(_) => "response.function_call_arguments",
    }
}

/// The event for a part of an item, if it has parts.
fn part_step(block: Block, step: &str) -> Option<String> {
    match block {
        Block::Reasoning => Some(format!("response.reasoning_summary_part.{step}")),
        Block::Text | Block::Refusal => Some(format!("response.content_part.{step}")),
        Block::Tool(_) => None,
    }
}

fn response(facts: &Facts, status: &str, why: &str, output: &[String], usage: &str) -> String {
    format!(
        "{{\"id\":\"resp_mock{:020}\",\"object\":\"response\",\"created_at\":{},\"status\":\"{status}\",\"error\":null,\"incomplete_details\":{why},\"model\":{},\"output\":[{}],\"parallel_tool_calls\":true,\"store\":false,\"tool_choice\":\"auto\",\"usage\":{usage}}}",
        facts.number,
        facts.created,
        facts.model,
        output.join(",")
    )
}

/// The status, and why the answer is incomplete. The script's own word for the end is such a reason unless it is `completed`.
fn status(facts: &Facts) -> (&'static str, String) {
    match facts.finish.as_deref() {
        None | Some("completed") => ("completed", "null".to_owned()),
        Some(word) => ("incomplete", format!("{{\"reason\":{}}}", quoted(word))),
    }
}

fn usage(facts: &Facts) -> String {
    let (input, output) = (facts.prompt_tokens, facts.completion_tokens);
    if !facts.usage {
        return "null".to_owned();
    }
    format!(
        "{{\"input_tokens\":{input},\"input_tokens_details\":{{\"cached_tokens\":0}},\"output_tokens\":{output},\"output_tokens_details\":{{\"reasoning_tokens\":{}}},\"total_tokens\":{}}}",
        facts.reasoning_tokens,
        u64::from(input) + output
    )
}

/// Opaque to everyone but its provider, and different for every answer.
fn sealed(facts: &Facts) -> String {
    format!("bW9jay1yZWFzb25pbmc{:020}==", facts.number)
}
