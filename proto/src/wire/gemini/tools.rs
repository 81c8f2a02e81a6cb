//! Tools and the choice among them, in the words of the API.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::chat::body::{Body, raw};
use crate::chat::{Chat, Report, Tool, ToolChoice};
use crate::error::Result;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// JSON Schema; `parameters` would be the subset of OpenAPI.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Box<RawValue>>,
}

/// Puts tools and the choice into the body.
pub(super) fn tools(chat: &mut Chat, body: &mut Body, report: &mut Report) -> Result<()> {
    let (mut functions, mut others) = (Vec::new(), Vec::new());
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
                functions.push(Declaration {
                    name,
                    description,
                    parameters_json_schema: parameters,
                });
            }
            Tool::Custom { path, .. } => {
                report.dropped(path, "tools of free text are not known there")?;
            }
            // A tool of the API's own, such as `{"googleSearch":{}}`.
            Tool::Foreign(json) => others.push(json),
        }
    }
    let any = !functions.is_empty();
    let mut said = others;
    if any {
        said.insert(0, raw(&json!({ "functionDeclarations": functions }))?);
    }
    if !said.is_empty() {
        body.say("tools", &said)?;
    }
    if chat.params.take::<bool>("parallel_tool_calls")? == Some(false) && any {
        report.dropped("parallel_tool_calls", "calls may always be parallel there")?;
    }
    choice(chat.tool_choice.take(), any, body, report)
}

fn choice(
    choice: Option<ToolChoice>,
    any: bool,
    body: &mut Body,
    report: &mut Report,
) -> Result<()> {
    let config: Value = match choice {
        None => return Ok(()),
        // Without functions there is nothing to choose from.
        Some(_) if !any => return Ok(()),
        Some(ToolChoice::Auto) => json!({ "mode": "AUTO" }),
        Some(ToolChoice::None) => json!({ "mode": "NONE" }),
        Some(ToolChoice::Required) => json!({ "mode": "ANY" }),
        Some(ToolChoice::Named(name)) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
        Some(ToolChoice::Foreign { kind, .. }) => {
            return report.dropped("tool_choice", format!("{kind:?} is not known there"));
        }
    };
    body.say("toolConfig", &json!({ "functionCallingConfig": config }))
}
