//! Prompts, answers and tools in the shapes that OpenTelemetry's conventions give them: a list of messages, each of a role and parts.

use libllm_proto::response::{Choice, Response};
use serde_json::{Map, Value, json};

/// What is kept of each, in bytes; what is longer is its beginning, and no JSON any more.
const CONTENT_MAX: usize = 16 << 10;

/// Messages of a chat, or what an operation is about: texts.
pub(super) fn input(said: &Value) -> Value {
    match said {
        Value::Array(all) if all.iter().all(Value::is_object) => all.iter().map(message).collect(),
        text => json!([{"role": "user", "parts": parts(text)}]),
    }
}

/// Tools without the wrapping of Chat Completions.
pub(super) fn tools(tools: &Value) -> Value {
    let bare = |tool: &Value| match tool.get("function").and_then(Value::as_object) {
        Some(function) => {
            let mut bare = Map::new();
            bare.insert("type".to_owned(), "function".into());
            bare.extend(function.clone());
            Value::Object(bare)
        }
        None => tool.clone(),
    };
    tools.as_array().into_iter().flatten().map(bare).collect()
}

/// The answers, one message each.
pub(super) fn output(response: &Response, made_id: &dyn Fn(u32, u32) -> String) -> Value {
    response
        .choices()
        .iter()
        .map(|choice| json!({"role": "assistant", "parts": said(choice, made_id), "finish_reason": finish(choice)}))
        .collect()
}

/// Its beginning, if it is long.
pub(super) fn cut(mut json: String) -> String {
    json.truncate(json.floor_char_boundary(CONTENT_MAX));
    json
}

fn message(message: &Value) -> Value {
    let role = message["role"].as_str().unwrap_or("user");
    let content = &message["content"];
    let mut all = match message["tool_call_id"].as_str() {
        Some(id) => vec![json!({"type": "tool_call_response", "id": id, "response": content})],
        None => parts(content),
    };
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let function = &call["function"];
        let arguments = function["arguments"].as_str().unwrap_or_default();
        all.push(tool_call(&call["id"], &function["name"], arguments));
    }
    json!({"role": role, "parts": all})
}

fn parts(content: &Value) -> Vec<Value> {
    match content {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text_part(text)],
        Value::Array(all) => all.iter().map(part).collect(),
        other => vec![part(other)],
    }
}

// What has no shape of its own there stays what it is: its type names it.
fn part(part: &Value) -> Value {
    let text = part.as_str().or_else(|| part["text"].as_str());
    match (text, part["image_url"]["url"].as_str()) {
        (Some(text), _) => text_part(text),
        (None, Some(url)) => json!({"type": "uri", "modality": "image", "uri": url}),
        (None, None) => part.clone(),
    }
}

fn said(choice: &Choice, made_id: &dyn Fn(u32, u32) -> String) -> Vec<Value> {
    let mut parts = Vec::new();
    if !choice.reasoning.is_empty() {
        parts.push(json!({"type": "reasoning", "content": choice.reasoning}));
    }
    for text in [&choice.text, &choice.refusal] {
        if !text.is_empty() {
            parts.push(text_part(text));
        }
    }
    for call in &choice.tool_calls {
        let id = call.id.as_deref().map(str::to_owned);
        let id = id.unwrap_or_else(|| made_id(choice.index, call.index));
        parts.push(tool_call(
            &id.into(),
            &call.name.as_str().into(),
            &call.arguments,
        ));
    }
    parts
}

fn text_part(text: &str) -> Value {
    json!({"type": "text", "content": text})
}

fn tool_call(id: &Value, name: &Value, arguments: &str) -> Value {
    let parsed = serde_json::from_str(arguments);
    let arguments = parsed.unwrap_or_else(|_| Value::from(arguments));
    json!({"type": "tool_call", "id": id, "name": name, "arguments": arguments})
}

// An answer that did not end well ended in an error, as far as these words go.
fn finish(choice: &Choice) -> &'static str {
    match choice.finish.map(|finish| finish.name()) {
        Some("tool_calls") => "tool_call",
        Some(name) => name,
        None => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_roles_and_parts() {
        let said = json!([
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "http://i"}}]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "done"},
        ]);
        let expected = json!([
            {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
            {"role": "user", "parts": [{"type": "text", "content": "look"}, {"type": "uri", "modality": "image", "uri": "http://i"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "f", "arguments": {"a": 1}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "done"}]},
        ]);
        assert_eq!(input(&said), expected);
        let texts = json!(["a", "b"]);
        let expected = json!([{"role": "user", "parts": [{"type": "text", "content": "a"}, {"type": "text", "content": "b"}]}]);
        assert_eq!(input(&texts), expected);
    }

    #[test]
    fn tools_lose_their_wrapping_and_long_content_its_end() {
        let wrapped = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}, {"type": "web_search"}]);
        let bare =
            json!([{"type": "function", "name": "f", "parameters": {}}, {"type": "web_search"}]);
        assert_eq!(tools(&wrapped), bare);
        assert_eq!(cut("é".repeat(CONTENT_MAX)).len(), CONTENT_MAX);
    }
}
