//! What a span says of its request, written when the call begins: the request itself is not kept until its end.

use libllm_proto::request::Request;
use serde_json::Value;

use super::attributes::Attributes;
use super::content;

/// Attributes that are known from the start.
#[derive(Debug)]
pub(crate) struct Asked {
    /// As JSON, behind each other.
    pub(super) attributes: String,
}

impl Asked {
    /// Of this request; with its words only if they are asked for.
    pub(in crate::observe) fn of(request: &Request, capture: bool) -> Asked {
        let field = |key: &str| serde_json::from_slice::<Value>(request.field(key)?).ok();
        let mut attributes = String::new();
        let mut list = Attributes::begin(&mut attributes);
        for (key, names) in NUMBERS {
            let number = names.iter().find_map(|name| field(name));
            list.json_number(key, number.as_ref());
        }
        let choices = field("n").and_then(|n| n.as_u64());
        list.count("gen_ai.request.choice.count", choices.filter(|n| *n != 1));
        match field("stop") {
            Some(Value::String(one)) => list.texts(STOP, [one.as_str()]),
            Some(Value::Array(all)) => list.texts(STOP, all.iter().filter_map(Value::as_str)),
            _ => &mut list,
        };
        let text = |value: Option<Value>| Some(value?.as_str()?.to_owned());
        let effort = text(field("reasoning_effort"));
        list.maybe("gen_ai.request.reasoning.level", effort.as_deref());
        let before = text(field("previous_response_id"));
        list.maybe("gen_ai.request.previous_response.id", before.as_deref());
        if let Some(format) = field("response_format") {
            let kind = format["type"].as_str();
            list.maybe("gen_ai.output.type", kind.map(output_type));
        }
        if capture {
            let said = field("messages").or_else(|| field("input"));
            let said = said.or_else(|| field("prompt"));
            let said = said.map(|said| content::cut(content::input(&said).to_string()));
            list.maybe("gen_ai.input.messages", said.as_deref());
            let tools =
                field("tools").map(|tools| content::cut(content::tools(&tools).to_string()));
            list.maybe("gen_ai.tool.definitions", tools.as_deref());
        }
        Asked { attributes }
    }
}

// `json_schema` and `json_object` are both JSON.
fn output_type(kind: &str) -> &str {
    match kind.split_once('_') {
        Some((kind, _)) => kind,
        None => kind,
    }
}

/// Attributes, and where in a request their numbers are.
const NUMBERS: [(&str, &[&str]); 7] = [
    (
        "gen_ai.request.max_tokens",
        &["max_completion_tokens", "max_tokens", "max_output_tokens"],
    ),
    ("gen_ai.request.temperature", &["temperature"]),
    ("gen_ai.request.top_p", &["top_p"]),
    ("gen_ai.request.top_k", &["top_k"]),
    ("gen_ai.request.seed", &["seed"]),
    ("gen_ai.request.frequency_penalty", &["frequency_penalty"]),
    ("gen_ai.request.presence_penalty", &["presence_penalty"]),
];
const STOP: &str = "gen_ai.request.stop_sequences";
