//! Tools and the choice among them, in the words of the Responses API.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::chat::body::{Body, Members, raw};
use crate::chat::{Chat, Report, Tool, ToolChoice, bad};
use crate::error::Result;

/// Puts tools and the choice into the body.
pub(super) fn tools(chat: &mut Chat, body: &mut Body, report: &mut Report) -> Result<()> {
    let mut said = Vec::with_capacity(chat.tools.len());
    for tool in std::mem::take(&mut chat.tools) {
        said.push(tool_json(tool)?);
    }
    let any = !said.is_empty();
    if any {
        body.say("tools", &said)?;
    }
    match chat.tool_choice.take() {
        None => Ok(()),
        // Without tools there is nothing to choose from.
        Some(_) if !any => {
            report.converted("tool_choice", "there are no tools: none was sent");
            Ok(())
        }
        Some(choice) => body.say("tool_choice", &choice_json(choice)?),
    }
}

fn tool_json(tool: Tool) -> Result<Box<RawValue>> {
    let mut said = Body::default();
    match tool {
        Tool::Foreign(json) => return Ok(json),
        Tool::Function {
            name,
            description,
            parameters,
            strict,
            ..
        } => {
            said.say("type", &"function")?;
            said.say("name", &name)?;
            if let Some(description) = description {
                said.say("description", &description)?;
            }
            let parameters = match parameters {
                Some(schema) => schema,
                None => raw(&json!({ "type": "object", "properties": {} }))?,
            };
            said.set("parameters", parameters);
            // The other format's default; here it would be `true`.
            said.say("strict", &strict.unwrap_or(false))?;
        }
        Tool::Custom { path, custom } => {
            said.say("type", &"custom")?;
            for (name, value) in members(&custom, &path)? {
                let value = match name.as_str() {
                    "format" => grammar(value, &path)?,
                    _ => value,
                };
                said.set(&name, value);
            }
        }
    }
    raw(&said)
}

/// A grammar stands in an object of its own in Chat Completions, and beside its type here.
fn grammar(format: Box<RawValue>, path: &str) -> Result<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Format {
        #[serde(default)]
        grammar: Option<Box<RawValue>>,
    }
    let inner = serde_json::from_str::<Format>(format.get());
    let Ok(Format {
        grammar: Some(inner),
    }) = inner
    else {
        return Ok(format);
    };
    let mut said = Body::default();
    said.say("type", &"grammar")?;
    for (name, value) in members(&inner, path)? {
        said.set(&name, value);
    }
    raw(&said)
}

fn members(json: &RawValue, path: &str) -> Result<Vec<(String, Box<RawValue>)>> {
    let members: Members = serde_json::from_str(json.get())
        .map_err(|_| bad(&format!("{path}.custom"), "expected an object"))?;
    Ok(members.0)
}

fn choice_json(choice: ToolChoice) -> Result<Box<RawValue>> {
    raw(&match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({ "type": "function", "name": name }),
        ToolChoice::Foreign { kind, json } => {
            let written: Value = serde_json::from_str(json.get()).unwrap_or_default();
            match (kind.as_str(), written.get(&kind)) {
                // `{"type":"custom","custom":{"name":..}}`
                ("custom", Some(custom)) => json!({ "type": "custom", "name": custom["name"] }),
                ("allowed_tools", Some(allowed)) => json!({
                    "type": "allowed_tools",
                    "mode": allowed["mode"],
                    "tools": allowed["tools"].as_array().map(|tools| tools.iter().map(flat).collect::<Vec<_>>()),
                }),
                // The format's own words.
                _ => return Ok(json),
            }
        }
    })
}

/// A tool's name stands in an object of its own in Chat Completions, and beside its type here.
fn flat(tool: &Value) -> Value {
    let kind = tool["type"].as_str().unwrap_or_default();
    match tool.get(kind).and_then(|inner| inner.get("name")) {
        Some(name) => json!({ "type": kind, "name": name }),
        None => tool.clone(),
    }
}
