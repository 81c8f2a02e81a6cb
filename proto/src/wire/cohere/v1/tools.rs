//! Tools in the words of version 1: a flat list of parameters with the names of Python's types.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::chat::body::Body;
use crate::chat::{Chat, Report, Tool, ToolChoice};
use crate::error::Result;

#[derive(Serialize)]
struct Said {
    name: String,
    description: String,
    parameter_definitions: Map<String, Value>,
}

/// Puts them into the body.
pub(super) fn tools(chat: &mut Chat, body: &mut Body, report: &mut Report) -> Result<()> {
    let mut said = Vec::with_capacity(chat.tools.len());
    for tool in std::mem::take(&mut chat.tools) {
        match tool {
            Tool::Function {
                path,
                name,
                description,
                parameters,
                strict,
                ..
            } => {
                if strict == Some(true) {
                    report.dropped(format!("{path}.function.strict"), "is not known there")?;
                }
                let schema = parameters.and_then(|json| serde_json::from_str(json.get()).ok());
                let (parameter_definitions, whole) = definitions(&schema.unwrap_or_default());
                if !whole {
                    let why = "parameters have a name, a type and a description there";
                    report.converted(format!("{path}.function.parameters"), why);
                }
                said.push(Said {
                    name,
                    description: description.unwrap_or_default(),
                    parameter_definitions,
                });
            }
            Tool::Custom { path, .. } => {
                report.dropped(path, "tools of free text are not known there")?;
            }
            Tool::Foreign(_) => report.dropped("tools", "tools are functions there")?,
        }
    }
    let parallel = chat.params.take::<bool>("parallel_tool_calls")?;
    let choice = chat.tool_choice.take();
    if said.is_empty() {
        return Ok(());
    }
    if parallel == Some(false) {
        report.dropped("parallel_tool_calls", "is not known there")?;
    }
    match choice {
        None | Some(ToolChoice::Auto) => {}
        // What is not offered is not called.
        Some(ToolChoice::None) => {
            report.converted("tool_choice", "no choice is known there: no tool was sent");
            return Ok(());
        }
        Some(_) => report.dropped("tool_choice", "no choice is known there")?,
    }
    body.say("tools", &said)
}

/// The parameters that a schema names, and whether they say all of it.
fn definitions(schema: &Value) -> (Map<String, Value>, bool) {
    let required = schema["required"].as_array();
    let is_required = |name: &str| {
        let mut names = required.into_iter().flatten();
        names.any(|known| known == name)
    };
    let mut whole = true;
    let mut definitions = Map::new();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let (python, exact) = python(schema);
        let known = |key: &String| key == "type" || key == "description" || key == "title";
        let plain = schema.as_object().is_some_and(|it| it.keys().all(known));
        whole &= exact && plain;
        let mut definition = Map::new();
        if let Some(description) = schema["description"].as_str() {
            definition.insert("description".into(), description.into());
        }
        definition.insert("type".into(), python.into());
        definition.insert("required".into(), is_required(name).into());
        definitions.insert(name.clone(), definition.into());
    }
    (definitions, whole)
}

/// The Python type of a schema ("Tool use" of v1 uses these names), and whether it says all of it.
fn python(schema: &Value) -> (&'static str, bool) {
    match schema["type"].as_str() {
        Some("string") => ("str", true),
        Some("integer") => ("int", true),
        Some("number") => ("float", true),
        Some("boolean") => ("bool", true),
        Some("array") => ("list", false),
        Some("object") => ("dict", false),
        _ => ("str", false),
    }
}
