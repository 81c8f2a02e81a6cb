//! Tools and the choice among them, in Converse's words.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::body::Block;
use super::parts::cache_point;
use crate::chat::body::{Body, raw};
use crate::chat::{Chat, Report, Tool, ToolChoice};
use crate::error::Result;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Offered {
    #[serde(rename_all = "camelCase")]
    ToolSpec {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        input_schema: Schema,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
    #[serde(untagged)]
    Marker(Block),
    #[serde(untagged)]
    Raw(Box<RawValue>),
}

#[derive(Serialize)]
struct Schema {
    json: Box<RawValue>,
}

/// Puts tools and the choice into the body; `called` says whether the conversation calls any. Says whether a call is forced.
pub(super) fn tools(
    chat: &mut Chat,
    body: &mut Body,
    called: bool,
    report: &mut Report,
) -> Result<bool> {
    let said = offered(chat, report)?;
    let parallel = chat.params.take::<bool>("parallel_tool_calls")?;
    let mut choice = chat.tool_choice.take();
    if said.is_empty() {
        return Ok(false);
    }
    if parallel == Some(false) {
        report.dropped("parallel_tool_calls", "calls may always be parallel there")?;
    }
    if matches!(choice, Some(ToolChoice::None)) {
        choice = None;
        if called {
            // Calls in the conversation are refused where no tool is offered.
            report.dropped("tool_choice", "none cannot be said there")?;
        } else {
            report.converted("tool_choice", "none cannot be said there: no tool was sent");
            return Ok(false);
        }
    }
    let (said_choice, forced): (Option<Value>, bool) = match choice {
        None | Some(ToolChoice::None) => (None, false),
        Some(ToolChoice::Auto) => (Some(json!({ "auto": {} })), false),
        Some(ToolChoice::Required) => (Some(json!({ "any": {} })), true),
        Some(ToolChoice::Named(name)) => (Some(json!({ "tool": { "name": name } })), true),
        Some(ToolChoice::Foreign { kind, .. }) => {
            report.dropped("tool_choice", format!("{kind:?} is not known there"))?;
            (None, false)
        }
    };
    let mut config = Body::default();
    config.say("tools", &said)?;
    if let Some(choice) = said_choice {
        config.say("toolChoice", &choice)?;
    }
    body.say("toolConfig", &config)?;
    Ok(forced)
}

/// The tools of the request.
fn offered(chat: &mut Chat, report: &mut Report) -> Result<Vec<Offered>> {
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
                let json = match parameters {
                    Some(schema) => schema,
                    None => raw(&json!({ "type": "object", "properties": {} }))?,
                };
                said.push(Offered::ToolSpec {
                    name,
                    // An empty one is refused.
                    description: description.filter(|text| !text.is_empty()),
                    input_schema: Schema { json },
                    // `false` is the default, and older models do not know the member.
                    strict: strict.filter(|strict| *strict),
                });
                let marker = cache_control.as_deref().map(cache_point);
                said.extend(marker.map(Offered::Marker));
            }
            Tool::Custom { path, .. } => {
                report.dropped(path, "tools of free text are not known there")?;
            }
            // A tool of the API's own, such as `{"systemTool":{"name":"nova_grounding"}}`.
            Tool::Foreign(json) => said.push(Offered::Raw(json)),
        }
    }
    Ok(said)
}
