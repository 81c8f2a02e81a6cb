//! How a model is held to a schema: by Converse itself, by a tool that it must call, or not at all.

use serde_json::json;

use super::reasoning::claude_version;
use crate::chat::body::Body;
use crate::chat::{Report, ResponseFormat};
use crate::error::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Structure {
    /// `outputConfig.textFormat`.
    Native,
    /// The answer comes as the arguments of a tool.
    Tool,
    /// The model has neither.
    None,
}

impl Structure {
    /// By the model's name. Bedrock's user guide, "Structured outputs" (Claude from 4.5 on and open weights), "Supported models and
    /// model features" (who uses tools), and API reference, "ToolChoice" (who can be made to), read 2026-11-22.
    pub(super) fn of(model: &str) -> Structure {
        if let Some((_, name)) = model.rsplit_once("anthropic.claude-") {
            return match claude_version(name) {
                // `claude-v2`, `claude-instant-v1`; later names without a number are newer than numbers.
                None if name.starts_with('v') || name.starts_with("instant") => Structure::None,
                Some((0..=2, _)) => Structure::None,
                Some((3, _) | (4, 0..=4)) => Structure::Tool,
                None | Some(_) => Structure::Native,
            };
        }
        let is = |names: &[&str]| names.iter().any(|name| model.contains(name));
        if is(TOOLS) {
            return Structure::Tool;
        }
        match is(NEITHER) {
            true => Structure::None,
            false => Structure::Native,
        }
    }

    /// Whether a tool that takes any object stands in for JSON without a schema: structured outputs want one that names every member. Not
    /// from Claude 5 on, which thinks unasked and is not to be made to call anything then.
    pub(super) fn gives_any_object(model: &str) -> bool {
        match model.rsplit_once("anthropic.claude-") {
            Some((_, name)) => matches!(claude_version(name), Some((3 | 4, _))),
            None => TOOLS.iter().any(|name| model.contains(name)),
        }
    }

    /// Puts the answer's format into the body.
    pub(super) fn say(
        self,
        format: Option<ResponseFormat>,
        body: &mut Body,
        report: &mut Report,
    ) -> Result<()> {
        const NAME: &str = "response_format";
        match format {
            None | Some(ResponseFormat::Text) => Ok(()),
            Some(ResponseFormat::JsonSchema { .. })
                if self != Structure::Native && !report.passes() =>
            {
                report.dropped(NAME, "this model has no structured outputs")
            }
            Some(ResponseFormat::JsonSchema { name, schema, .. }) => {
                let mut said = json!({ "schema": schema.get() });
                if let Some(name) = name {
                    said["name"] = name.into();
                }
                let structure = json!({ "jsonSchema": said });
                let format = json!({ "type": "json_schema", "structure": structure });
                body.say("outputConfig", &json!({ "textFormat": format }))
            }
            Some(ResponseFormat::JsonObject) => {
                report.dropped(NAME, "JSON without a schema cannot be asked of this model")
            }
            Some(ResponseFormat::Foreign(kind)) => {
                report.dropped(NAME, format!("{kind:?} is not known there"))
            }
        }
    }
}

/// Who can be made to call a tool.
const TOOLS: &[&str] = &["amazon.nova", "mistral.mistral-large-24"];

/// Who takes no tools, or cannot be made to call one.
const NEITHER: &[&str] = &[
    "ai21.",
    "amazon.titan",
    "cohere.command",
    "meta.llama",
    "mistral.mistral-7b",
    "mistral.mistral-small-24",
    "mistral.mixtral",
    "mistral.pixtral",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_object_comes_by_a_tool_from_who_can_be_made_to_call_one() {
        for (model, gives) in [
            ("anthropic.claude-v2:1", false),
            ("us.anthropic.claude-3-5-haiku-20241022-v1:0", true),
            ("anthropic.claude-sonnet-4-5-20250929-v1:0", true),
            ("anthropic.claude-opus-5", false),
            ("anthropic.claude-mythos-preview", false),
            ("us.amazon.nova-lite-v1:0", true),
            ("openai.gpt-oss-120b-1:0", false),
        ] {
            assert_eq!(Structure::gives_any_object(model), gives, "{model}");
        }
    }

    #[test]
    fn a_models_name_says_how_it_is_held_to_a_schema() {
        for (model, structure) in [
            ("anthropic.claude-v2:1", Structure::None),
            ("anthropic.claude-instant-v1", Structure::None),
            ("anthropic.claude-3-haiku-20240307-v1:0", Structure::Tool),
            (
                "us.anthropic.claude-sonnet-4-20250514-v1:0",
                Structure::Tool,
            ),
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                Structure::Native,
            ),
            ("anthropic.claude-opus-5", Structure::Native),
            ("anthropic.claude-mythos-preview", Structure::Native),
            ("us.amazon.nova-lite-v1:0", Structure::Tool),
            ("mistral.mistral-large-2407-v1:0", Structure::Tool),
            ("mistral.mistral-large-3-675b-instruct", Structure::Native),
            ("us.meta.llama3-3-70b-instruct-v1:0", Structure::None),
            ("amazon.titan-text-express-v1", Structure::None),
            ("openai.gpt-oss-120b-1:0", Structure::Native),
            (
                "arn:aws:bedrock:us-east-1:1:imported-model/abc",
                Structure::Native,
            ),
        ] {
            assert_eq!(Structure::of(model), structure, "{model}");
        }
    }
}
