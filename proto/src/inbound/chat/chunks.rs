//! A stream of chunks. What OpenAI has no word for but other services of this format do (`reasoning_content`), or only we
//! (`libllm_parts`), is an extra member that SDKs keep.

use crate::event::{Batch, Event, Usage};
use crate::inbound::chat::finish_word;
use crate::inbound::{Facts, Writer, kept, quote, quoted, tool_id};
use crate::response::usage_json;

/// The state of one stream.
pub(super) struct Chunks {
    facts: Facts,
    /// Every chunk up to its choices; written when the first is.
    head: Vec<u8>,
    id: Option<String>,
    model: Option<String>,
    /// Choices that have said their role.
    begun: Vec<u32>,
    finishes: Vec<(u32, String)>,
    usage: Option<Usage>,
    parts: usize,
}

impl Chunks {
    pub(super) fn new(facts: Facts) -> Chunks {
        Chunks {
            facts,
            head: Vec::new(),
            id: None,
            model: None,
            begun: Vec::new(),
            finishes: Vec::new(),
            usage: None,
            parts: 0,
        }
    }

    fn event(&mut self, choice: u32, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => {
                first(&mut self.id, id);
                first(&mut self.model, model);
            }
            Event::Text(text) => self.delta(choice, b"{\"content\":", text, b"}", out),
            Event::Reasoning(text) => {
                self.delta(choice, b"{\"reasoning_content\":", text, b"}", out)
            }
            Event::Refusal(text) => self.delta(choice, b"{\"refusal\":", text, b"}", out),
            Event::ToolCall { index, id, name } => {
                let id =
                    id.map_or_else(|| tool_id(self.facts.number, choice, index), str::to_owned);
                let head = format!(
                    "{{\"tool_calls\":[{{\"index\":{index},\"id\":{},\"type\":\"function\",\"function\":{{\"arguments\":\"\",\"name\":",
                    quoted(&id)
                );
                self.delta(choice, head.as_bytes(), name, b"}}]}", out);
            }
            Event::ToolArgs { index, arguments } => {
                let head =
                    format!("{{\"tool_calls\":[{{\"index\":{index},\"function\":{{\"arguments\":");
                self.delta(choice, head.as_bytes(), arguments, b"}}]}", out);
            }
            Event::Part { kind, json, .. } => {
                // SDKs join deltas of lists by `index`: each part has one of its own.
                let part = kept::element(kind, &self.facts.provider, self.parts, json);
                self.parts += 1;
                if let Some(part) = part {
                    // Blanks between JSON's words may be line ends, and those would end the event.
                    let part = part.get().replace(['\n', '\r'], " ");
                    let delta = format!("{{\"libllm_parts\":[{part}]}}");
                    self.chunk(
                        choice,
                        |out| out.extend_from_slice(delta.as_bytes()),
                        "null",
                        out,
                    );
                }
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Finish { reason, raw } => {
                let word = finish_word(reason, raw).to_owned();
                match self.finishes.iter_mut().find(|(known, _)| *known == choice) {
                    Some((_, said)) => *said = word,
                    None => self.finishes.push((choice, word)),
                }
            }
            Event::Raw(_) | Event::Result { .. } => {}
        }
    }

    fn delta(&mut self, choice: u32, head: &[u8], text: &str, tail: &[u8], out: &mut Vec<u8>) {
        let delta = |out: &mut Vec<u8>| {
            out.extend_from_slice(head);
            quote(text, out);
            out.extend_from_slice(tail);
        };
        self.chunk(choice, delta, "null", out);
    }

    fn chunk(
        &mut self,
        choice: u32,
        delta: impl FnOnce(&mut Vec<u8>),
        finish: &str,
        out: &mut Vec<u8>,
    ) {
        if !self.begun.contains(&choice) {
            self.begun.push(choice);
            let role = |out: &mut Vec<u8>| {
                out.extend_from_slice(b"{\"role\":\"assistant\",\"content\":\"\"}");
            };
            self.one(choice, role, "null", out);
        }
        self.one(choice, delta, finish, out);
    }

    fn one(
        &mut self,
        choice: u32,
        delta: impl FnOnce(&mut Vec<u8>),
        finish: &str,
        out: &mut Vec<u8>,
    ) {
        self.begin(out);
        out.extend_from_slice(format!("[{{\"index\":{choice},\"delta\":").as_bytes());
        delta(out);
        out.extend_from_slice(
            format!(",\"logprobs\":null,\"finish_reason\":{finish}}}]").as_bytes(),
        );
        // With include_usage every chunk but the last carries a null (API reference, stream_options).
        if self.facts.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    /// A chunk up to its choices.
    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.head.is_empty() {
            let id = match &self.id {
                Some(id) => quoted(id),
                None => format!("\"chatcmpl-libllm-{}\"", self.facts.number),
            };
            let model = quoted(self.model.as_deref().unwrap_or(&self.facts.model));
            self.head = format!(
                "data: {{\"id\":{id},\"object\":\"chat.completion.chunk\",\"created\":{},\"model\":{model},\"choices\":",
                self.facts.created
            )
            .into_bytes();
        }
        out.extend_from_slice(&self.head);
    }
}

impl Writer for Chunks {
    fn write(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        for (choice, event) in batch.iter() {
            self.event(choice, event, out);
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let mut finishes = std::mem::take(&mut self.finishes);
        for choice in &self.begun {
            if !finishes.iter().any(|(known, _)| known == choice) {
                finishes.push((*choice, "stop".to_owned()));
            }
        }
        finishes.sort();
        for (choice, word) in finishes {
            self.chunk(
                choice,
                |out| out.extend_from_slice(b"{}"),
                &quoted(&word),
                out,
            );
        }
        if self.facts.include_usage {
            self.begin(out);
            let usage = self.usage.as_ref().map_or("null".to_owned(), usage_json);
            out.extend_from_slice(format!("[],\"usage\":{usage}}}\n\n").as_bytes());
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// Keeps the first word that says something.
fn first(place: &mut Option<String>, word: Option<&str>) {
    if place.is_none() {
        *place = word.filter(|word| !word.is_empty()).map(str::to_owned);
    }
}
