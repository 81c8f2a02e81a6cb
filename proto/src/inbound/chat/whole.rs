//! A whole `chat.completion` object.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::chat::body::Body;
use crate::event::Batch;
use crate::inbound::chat::finish_word;
use crate::inbound::{Facts, Writer, kept, tool_id};
use crate::response::{Choice, Response, usage_json};

/// The state of one answer that is wanted whole.
pub(super) struct Completion {
    facts: Facts,
    response: Response,
}

impl Completion {
    pub(super) fn new(facts: Facts) -> Completion {
        Completion {
            facts,
            response: Response::default(),
        }
    }

    fn message(&self, choice: &Choice) -> Body {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut message = Body::default();
        set(&mut message, "role", json!("assistant"));
        set(&mut message, "content", json!(said(&choice.text)));
        set(&mut message, "refusal", json!(said(&choice.refusal)));
        if let Some(reasoning) = said(&choice.reasoning) {
            set(&mut message, "reasoning_content", json!(reasoning));
        }
        let calls = choice.tool_calls.iter().map(|call| {
            let made = || tool_id(self.facts.number, choice.index, call.index);
            let id = call.id.as_deref().map_or_else(made, str::to_owned);
            let arguments = match call.arguments.trim() {
                "" | "null" => "{}",
                _ => &call.arguments,
            };
            json!({"id": id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
        });
        let calls: Vec<Value> = calls.collect();
        if !calls.is_empty() {
            set(&mut message, "tool_calls", calls.into());
        }
        let parts = choice.parts.iter().enumerate();
        let parts: Vec<Box<RawValue>> = parts
            .filter_map(|(number, part)| {
                kept::element(part.kind, &self.facts.provider, number, &part.json)
            })
            .collect();
        if !parts.is_empty() {
            // A list of raw JSON always serialises.
            let _ = message.say("libllm_parts", &parts);
        }
        message
    }
}

impl Writer for Completion {
    fn write(&mut self, batch: &Batch, _: &mut Vec<u8>) {
        self.response.absorb(batch);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let made = format!("chatcmpl-libllm-{}", self.facts.number);
        let mut choices = Vec::new();
        for choice in self.response.choices() {
            let mut body = Body::default();
            set(&mut body, "index", choice.index.into());
            let _ = body.say("message", &self.message(choice));
            set(&mut body, "logprobs", Value::Null);
            let word = finish_word(choice.finish, choice.finish_raw.as_deref());
            set(&mut body, "finish_reason", word.into());
            choices.push(body);
        }
        let mut body = Body::default();
        set(&mut body, "id", self.response.id().unwrap_or(&made).into());
        set(&mut body, "object", "chat.completion".into());
        set(&mut body, "created", self.facts.created.into());
        let model = self.response.model().unwrap_or(&self.facts.model);
        set(&mut body, "model", model.into());
        let _ = body.say("choices", &choices);
        if let Some(usage) = self.response.usage()
            && let Ok(usage) = RawValue::from_string(usage_json(usage))
        {
            body.set("usage", usage);
        }
        out.append(&mut body.into_bytes());
    }
}

fn set(body: &mut Body, name: &str, value: Value) {
    // A value always serialises.
    let _ = body.say(name, &value);
}
