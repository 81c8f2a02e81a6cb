//! Tools and the choice among them, in the words of the Messages API.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::generation::Generation;
use crate::chat::body::{Body, raw};
use crate::chat::{Chat, Report, Tool, ToolChoice};
use crate::error::Result;

#[derive(Serialize)]
#[serde(untagged)]
enum Said {
    Function {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        input_schema: Box<RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Box<RawValue>>,
    },
    Raw(Box<RawValue>),
}

/// Puts tools and the choice into the body; `answer_tool` says that the answer comes as the arguments of one of them. Says whether a
/// call is forced.
pub(super) fn tools(
    chat: &mut Chat,
    answer_tool: bool,
    generation: Generation,
    body: &mut Body,
    report: &mut Report,
) -> Result<bool> {
    // An answer is given once. Where the caller's own tools may be called before it, those may be called in parallel.
    let once = answer_tool
        && (chat.tools.len() == 1 || matches!(chat.tool_choice, Some(ToolChoice::Named(_))));
    let mut said = Vec::with_capacity(chat.tools.len());
    for tool in std::mem::take(&mut chat.tools) {
        match tool {
            Tool::Function {
                name,
                description,
                parameters,
                strict,
                cache_control,
                ..
            } => {
                let input_schema = match parameters {
                    Some(schema) => schema,
                    None => raw(&json!({ "type": "object", "properties": {} }))?,
                };
                // `false` is the default, and older models do not know the member.
                let strict = strict.filter(|strict| *strict);
                said.push(Said::Function {
                    name,
                    description,
                    input_schema,
                    strict,
                    cache_control,
                });
            }
            Tool::Custom { path, .. } => {
                report.dropped(path, "tools of free text are not known there")?
            }
            Tool::Foreign(json) => said.push(Said::Raw(json)),
        }
    }
    let any = !said.is_empty();
    if any {
        body.say("tools", &said)?;
    }
    let parallel = chat
        .params
        .take::<bool>("parallel_tool_calls")?
        .unwrap_or(true);
    let parallel = parallel && !once;
    let mut wanted = chat.tool_choice.take();
    if wanted.as_ref().is_some_and(forces) && any && !generation.forced_tools && !report.passes() {
        report.dropped("tool_choice", "this model cannot be made to call a tool")?;
        wanted = None;
    }
    choice(wanted, any, parallel, body, report)
}

fn forces(choice: &ToolChoice) -> bool {
    match choice {
        ToolChoice::Required | ToolChoice::Named(_) => true,
        ToolChoice::Foreign { kind, .. } => matches!(kind.as_str(), "any" | "tool"),
        ToolChoice::Auto | ToolChoice::None => false,
    }
}

fn choice(
    choice: Option<ToolChoice>,
    any: bool,
    parallel: bool,
    body: &mut Body,
    report: &mut Report,
) -> Result<bool> {
    let mut said: Value = match choice {
        None => Value::Null,
        // Without tools there is nothing to choose from, and the API refuses a choice.
        Some(_) if !any => return Ok(false),
        Some(ToolChoice::Auto) => json!({ "type": "auto" }),
        Some(ToolChoice::None) => json!({ "type": "none" }),
        Some(ToolChoice::Required) => json!({ "type": "any" }),
        Some(ToolChoice::Named(name)) => json!({ "type": "tool", "name": name }),
        // The format's own words.
        Some(ToolChoice::Foreign { kind, json })
            if matches!(kind.as_str(), "auto" | "any" | "tool" | "none") =>
        {
            serde_json::from_str(json.get()).unwrap_or_default()
        }
        Some(ToolChoice::Foreign { kind, .. }) => {
            report.dropped("tool_choice", format!("{kind:?} is not known there"))?;
            Value::Null
        }
    };
    if !parallel && any && said["type"] != "none" {
        if said.is_null() {
            said = json!({ "type": "auto" });
        }
        said["disable_parallel_tool_use"] = true.into();
    }
    let forced = matches!(said["type"].as_str(), Some("any" | "tool"));
    if !said.is_null() {
        body.say("tool_choice", &said)?;
    }
    Ok(forced)
}
