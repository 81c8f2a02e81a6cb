//! Tools and the choice among them, in the words of version 2.

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::chat::body::{Body, raw};
use crate::chat::{Chat, Report, Tool, ToolChoice};
use crate::error::Result;

#[derive(Serialize)]
#[serde(tag = "type", content = "function", rename_all = "snake_case")]
enum Said {
    Function(Function),
}

#[derive(Serialize)]
struct Function {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    parameters: Box<RawValue>,
}

/// Puts them into the body.
pub(super) fn tools(chat: &mut Chat, body: &mut Body, report: &mut Report) -> Result<()> {
    let (mut said, mut strict_tools) = (Vec::with_capacity(chat.tools.len()), 0);
    for tool in std::mem::take(&mut chat.tools) {
        match tool {
            Tool::Function {
                name,
                description,
                parameters,
                strict,
                ..
            } => {
                strict_tools += usize::from(strict == Some(true));
                let parameters = match parameters {
                    Some(schema) => schema,
                    None => raw(&json!({ "type": "object", "properties": {} }))?,
                };
                said.push(Said::Function(Function {
                    name,
                    description,
                    parameters,
                }));
            }
            Tool::Custom { path, .. } => {
                report.dropped(path, "tools of free text are not known there")?;
            }
            Tool::Foreign(_) => report.dropped("tools", "tools are functions there")?,
        }
    }
    let parallel = chat.params.take::<bool>("parallel_tool_calls")?;
    let choice = choice(chat.tool_choice.take(), &mut said, report)?;
    if said.is_empty() {
        return Ok(());
    }
    if parallel == Some(false) {
        report.dropped("parallel_tool_calls", "is not known there")?;
    }
    if strict_tools > 0 {
        if strict_tools < said.len() {
            report.converted("tools", "all tools are strict there, or none: all are");
        }
        body.say("strict_tools", &true)?;
    }
    body.say("tools", &said)?;
    match choice {
        Some(choice) => body.say("tool_choice", &choice),
        None => Ok(()),
    }
}

/// The choice in the format's words. A single function is chosen by leaving out the others.
fn choice(
    choice: Option<ToolChoice>,
    said: &mut Vec<Said>,
    report: &mut Report,
) -> Result<Option<&'static str>> {
    Ok(match choice {
        None | Some(ToolChoice::Auto) => None,
        Some(ToolChoice::None) => Some("NONE"),
        Some(ToolChoice::Required) => Some("REQUIRED"),
        Some(ToolChoice::Named(name)) => {
            let is = |tool: &Said| matches!(tool, Said::Function(tool) if tool.name == name);
            if said.iter().any(is) {
                let others = said.len() > 1;
                said.retain(is);
                if others {
                    report.converted("tool_choice", "only the chosen tool was sent");
                }
                return Ok(Some("REQUIRED"));
            }
            report.dropped("tool_choice", "the tool that it names is not offered")?;
            None
        }
        Some(ToolChoice::Foreign { kind, .. }) => {
            report.dropped("tool_choice", format!("{kind:?} is not known there"))?;
            None
        }
    })
}
