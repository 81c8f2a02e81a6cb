//! A response as its format's server would say it: events of items that follow one another, each said whole when it is done, or
//! the whole object.

use crate::event::{Batch, Event, Finish, PartKind, Usage};
use crate::inbound::{Facts, Writer, kept, quoted, tool_id};

/// The state of one answer.
pub(super) struct Response {
    facts: Facts,
    id: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
    finish: Option<Finish>,
    sequence: u64,
    started: bool,
    items: Vec<Item>,
    /// The last item goes on.
    open: bool,
}

struct Item {
    kind: Kind,
    /// Text, reasoning or arguments.
    text: String,
    /// A call's id and name, or what is sealed of a reasoning.
    more: [String; 2],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Reasoning,
    Text,
    Refusal,
    Call(u32),
}

impl Response {
    pub(super) fn new(facts: Facts) -> Response {
        Response {
            facts,
            id: None,
            model: None,
            usage: None,
            finish: None,
            sequence: 0,
            started: false,
            items: Vec::new(),
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
            Event::Text(text) => self.delta(Kind::Text, text, out),
            Event::Refusal(text) => self.delta(Kind::Refusal, text, out),
            Event::Reasoning(text) => self.delta(Kind::Reasoning, text, out),
            Event::ToolCall { index, id, name } => {
                let id = id.map_or_else(|| tool_id(self.facts.number, 0, index), str::to_owned);
                self.begin(Kind::Call(index), [id, name.to_owned()], out);
            }
            Event::ToolArgs { index, arguments } => {
                self.delta(Kind::Call(index), arguments, out);
            }
            Event::Part { kind, index, json } if kept::goes_back(kind) => {
                self.part(kind, index, json, out);
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Finish { reason, .. } => self.finish = reason,
            _ => {}
        }
    }

    /// What must go back rides in the `encrypted_content` of a reasoning item.
    fn part(&mut self, kind: PartKind, index: u32, json: &str, out: &mut Vec<u8>) {
        let sealed = kept::seal(kind, &self.facts.provider, index as usize, json);
        let Some(sealed) = sealed else { return };
        let goes_on = self.open
            && self
                .items
                .last()
                .is_some_and(|item| item.kind == Kind::Reasoning && item.more[0].is_empty());
        if !goes_on {
            self.begin(Kind::Reasoning, [String::new(), String::new()], out);
        }
        if let Some(item) = self.items.last_mut() {
            item.more[0] = sealed;
        }
        self.close(out);
    }

    fn begin(&mut self, kind: Kind, more: [String; 2], out: &mut Vec<u8>) {
        self.close(out);
        let text = String::new();
        self.items.push(Item { kind, text, more });
        self.open = true;
        if !self.facts.stream {
            return;
        }
        self.start(out);
        let index = self.items.len() - 1;
        let item = self.item(index, "in_progress");
        self.say(
            "response.output_item.added",
            &format!("\"output_index\":{index},\"item\":{item}"),
            out,
        );
        let at = self.at(index);
        match kind {
            Kind::Text => {
                let part = part_json(Kind::Text, "");
                self.say(
                    "response.content_part.added",
                    &format!("{at},\"part\":{part}"),
                    out,
                );
            }
            Kind::Refusal => {
                let part = part_json(Kind::Refusal, "");
                self.say(
                    "response.content_part.added",
                    &format!("{at},\"part\":{part}"),
                    out,
                );
            }
            Kind::Reasoning | Kind::Call(_) => {}
        }
    }

    fn delta(&mut self, kind: Kind, text: &str, out: &mut Vec<u8>) {
        let place = match kind {
            // Arguments belong to their call, should another have begun meanwhile.
            Kind::Call(_) => self.items.iter().rposition(|item| item.kind == kind),
            _ => self.open.then(|| self.items.len() - 1),
        };
        let place = match place.filter(|place| self.items[*place].kind == kind) {
            Some(place) => place,
            None => {
                self.begin(kind, [String::new(), String::new()], out);
                self.items.len() - 1
            }
        };
        let first = self.items[place].text.is_empty();
        self.items[place].text.push_str(text);
        if !self.facts.stream {
            return;
        }
        let at = self.at(place);
        let name = match kind {
            Kind::Text => "response.output_text.delta",
            Kind::Refusal => "response.refusal.delta",
            Kind::Reasoning => "response.reasoning_summary_text.delta",
            Kind::Call(_) => "response.function_call_arguments.delta",
        };
        if kind == Kind::Reasoning && first {
            let part = part_json(Kind::Reasoning, "");
            self.say(
                "response.reasoning_summary_part.added",
                &format!("{at},\"part\":{part}"),
                out,
            );
        }
        let logprobs = if kind == Kind::Text {
            ",\"logprobs\":[]"
        } else {
            ""
        };
        self.say(
            name,
            &format!("{at},\"delta\":{}{logprobs}", quoted(text)),
            out,
        );
    }

    /// Says the last item whole.
    fn close(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.open, false) || !self.facts.stream {
            return;
        }
        let index = self.items.len() - 1;
        let (kind, at) = (self.items[index].kind, self.at(index));
        let text = quoted(&self.items[index].text);
        let part = part_json(kind, &self.items[index].text);
        let name = quoted(&self.items[index].more[1]);
        match kind {
            Kind::Text => {
                self.say(
                    "response.output_text.done",
                    &format!("{at},\"text\":{text},\"logprobs\":[]"),
                    out,
                );
                self.say(
                    "response.content_part.done",
                    &format!("{at},\"part\":{part}"),
                    out,
                );
            }
            Kind::Refusal => {
                self.say(
                    "response.refusal.done",
                    &format!("{at},\"refusal\":{text}"),
                    out,
                );
                self.say(
                    "response.content_part.done",
                    &format!("{at},\"part\":{part}"),
                    out,
                );
            }
            Kind::Reasoning if self.items[index].text.is_empty() => {}
            Kind::Reasoning => {
                self.say(
                    "response.reasoning_summary_text.done",
                    &format!("{at},\"text\":{text}"),
                    out,
                );
                self.say(
                    "response.reasoning_summary_part.done",
                    &format!("{at},\"part\":{part}"),
                    out,
                );
            }
            Kind::Call(_) => {
                self.say(
                    "response.function_call_arguments.done",
                    &format!("{at},\"name\":{name},\"arguments\":{text}"),
                    out,
                );
            }
        }
        let item = self.item(index, "completed");
        self.say(
            "response.output_item.done",
            &format!("\"output_index\":{index},\"item\":{item}"),
            out,
        );
    }

    /// Where an item's deltas belong.
    fn at(&self, index: usize) -> String {
        let part = match self.items[index].kind {
            Kind::Text | Kind::Refusal => ",\"content_index\":0",
            Kind::Reasoning => ",\"summary_index\":0",
            Kind::Call(_) => "",
        };
        format!(
            "\"item_id\":{},\"output_index\":{index}{part}",
            self.item_id(index)
        )
    }

    fn item_id(&self, index: usize) -> String {
        let kind = match self.items[index].kind {
            Kind::Text | Kind::Refusal => "msg",
            Kind::Reasoning => "rs",
            Kind::Call(_) => "fc",
        };
        format!("\"{kind}_libllm_{}_{index}\"", self.facts.number)
    }

    fn item(&self, index: usize, status: &str) -> String {
        let (item, id) = (&self.items[index], self.item_id(index));
        let begun = status == "in_progress";
        let [first, second] = [&item.more[0], &item.more[1]].map(|text| quoted(text));
        match item.kind {
            Kind::Text | Kind::Refusal => {
                let part = part_json(item.kind, &item.text);
                let content = if begun { "" } else { part.as_str() };
                format!(
                    "{{\"id\":{id},\"type\":\"message\",\"status\":\"{status}\",\"role\":\"assistant\",\"content\":[{content}]}}"
                )
            }
            Kind::Reasoning => {
                let part = part_json(item.kind, &item.text);
                let summary = if item.text.is_empty() {
                    ""
                } else {
                    part.as_str()
                };
                let sealed = if item.more[0].is_empty() {
                    "null"
                } else {
                    first.as_str()
                };
                format!(
                    "{{\"id\":{id},\"type\":\"reasoning\",\"summary\":[{summary}],\"encrypted_content\":{sealed},\"status\":\"{status}\"}}"
                )
            }
            Kind::Call(_) => {
                let arguments = match item.text.trim() {
                    "" if !begun => "{}",
                    _ => &item.text,
                };
                let arguments = quoted(arguments);
                format!(
                    "{{\"id\":{id},\"type\":\"function_call\",\"status\":\"{status}\",\"call_id\":{first},\"name\":{second},\"arguments\":{arguments}}}"
                )
            }
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let response = self.json("in_progress", false);
        let response = format!("\"response\":{response}");
        self.say("response.created", &response, out);
        self.say("response.in_progress", &response, out);
    }

    fn say(&mut self, name: &str, members: &str, out: &mut Vec<u8>) {
        let sequence = self.sequence;
        self.sequence += 1;
        let text = format!(
            "event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{sequence},{members}}}\n\n"
        );
        out.extend_from_slice(text.as_bytes());
    }

    fn json(&self, status: &str, whole: bool) -> String {
        let made = || format!("resp_libllm_{}", self.facts.number);
        let id = quoted(&self.id.clone().unwrap_or_else(made));
        let model = quoted(self.model.as_deref().unwrap_or(&self.facts.model));
        let items = (0..self.items.len()).filter(|_| whole);
        let output: Vec<String> = items.map(|index| self.item(index, "completed")).collect();
        let why = match (status, self.finish) {
            ("incomplete", Some(Finish::Length)) => "{\"reason\":\"max_output_tokens\"}",
            ("incomplete", _) => "{\"reason\":\"content_filter\"}",
            _ => "null",
        };
        let usage = self.usage.as_ref().filter(|_| whole);
        let usage = usage.map_or("null".to_owned(), usage_json);
        let (created, output, echo) = (self.facts.created, output.join(","), &self.facts.echo);
        format!(
            "{{\"id\":{id},\"object\":\"response\",\"created_at\":{created},\"status\":\"{status}\",\"background\":false,\"error\":null,\"incomplete_details\":{why},\"model\":{model},\"output\":[{output}],\"previous_response_id\":null,\"store\":false{echo},\"usage\":{usage}}}"
        )
    }
}

impl Writer for Response {
    fn write(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        // The format has one answer; nobody can have asked for more in it.
        for (_, event) in batch.iter().filter(|(choice, _)| *choice == 0) {
            self.event(event, out);
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let status = match self.finish {
            Some(Finish::Length | Finish::ContentFilter) => "incomplete",
            _ => "completed",
        };
        if !self.facts.stream {
            out.extend_from_slice(self.json(status, true).as_bytes());
            return;
        }
        self.start(out);
        self.close(out);
        let response = format!("\"response\":{}", self.json(status, true));
        self.say(&format!("response.{status}"), &response, out);
    }
}

/// A part of an item's content.
fn part_json(kind: Kind, text: &str) -> String {
    let text = quoted(text);
    match kind {
        Kind::Refusal => format!("{{\"type\":\"refusal\",\"refusal\":{text}}}"),
        Kind::Reasoning => format!("{{\"type\":\"summary_text\",\"text\":{text}}}"),
        _ => format!(
            "{{\"type\":\"output_text\",\"text\":{text},\"annotations\":[],\"logprobs\":[]}}"
        ),
    }
}

/// Usage in this format, whose SDKs want a number for what is unknown, too: 0.
fn usage_json(usage: &Usage) -> String {
    let (input, output) = (
        usage.prompt_tokens.unwrap_or(0),
        usage.completion_tokens.unwrap_or(0),
    );
    let total = usage.total_tokens.unwrap_or(input.saturating_add(output));
    let (cached, reasoning) = (
        usage.cached_tokens.unwrap_or(0),
        usage.reasoning_tokens.unwrap_or(0),
    );
    format!(
        "{{\"input_tokens\":{input},\"input_tokens_details\":{{\"cached_tokens\":{cached}}},\"output_tokens\":{output},\"output_tokens_details\":{{\"reasoning_tokens\":{reasoning}}},\"total_tokens\":{total}}}"
    )
}
