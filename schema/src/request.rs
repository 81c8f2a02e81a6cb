//! A request: OpenAI's Chat Completions (reference "Create chat completion", read 2026-11-21). Members that are not here travel as they
//! are; what is not said is not sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::words::words;

/// A Chat Completions request. `model` is PROVIDER/MODEL or an alias of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ChatRequest {
    /// Without it the configuration's `default_model` is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The conversation so far.
    pub messages: Vec<MessageParam>,
    /// 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Tokens of the answer at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// The same, reasoning included, by the name of OpenAI's newer models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u64>,
    /// How many answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Where the answer ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// For answers that repeat, as far as the provider can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// By token number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logit_bias: Option<BTreeMap<String, f64>>,
    /// Whether log probabilities come with the tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
    /// Of how many tokens for each place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u32>,
    /// What the model may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<ToolDefinition>>,
    /// "auto", "none", "required", or one tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Whether several calls may come at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// Text, a JSON object, or JSON of a schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<Map<String, Value>>,
    /// How much is thought: "low", "medium", "high" ..
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
    /// The provider's tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// How the provider is asked; events come either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// What comes with a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<Map<String, Value>>,
    /// Who asks, for the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Kept by the provider with the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Merged into the request's body last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_body: Option<Map<String, Value>>,
}

/// One turn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct MessageParam {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Who of several of this role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of an assistant's turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCallParam>>,
    /// Which call a tool's turn answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Of an assistant's turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Of an assistant's turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// What must go back as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub libllm_parts: Option<Vec<Value>>,
}

words! {
    /// Who speaks.
    Role {
        /// Instructions.
        System = "system",
        /// Instructions, by their name in OpenAI's newer models.
        Developer = "developer",
        /// Who asks.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// A tool's result.
        Tool = "tool",
    }
}

/// A turn's content: text, or parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Content {
    /// Text.
    Text(String),
    /// Text, images, sound, files.
    Parts(Vec<ContentPart>),
}

/// Where an answer ends: one text, or several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Stop {
    /// One.
    One(String),
    /// Several.
    Any(Vec<String>),
}

/// Which tool: a word, or a tool by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ToolChoice {
    /// "auto", "none", "required".
    Word(String),
    /// One tool.
    Tool(Map<String, Value>),
}

/// A piece of a message. One of a kind that is not known here is kept as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum ContentPart {
    /// Text.
    Text(TextPart),
    /// An image.
    ImageUrl(ImagePart),
    /// Sound.
    InputAudio(AudioPart),
    /// A file.
    File(FilePart),
    /// Any other.
    Unknown(Value),
}

/// Text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct TextPart {
    /// What it says.
    pub text: String,
}

/// An image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ImagePart {
    /// Where it is.
    pub image_url: ImageUrl,
}

/// Where an image is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ImageUrl {
    /// An address, or `data:` with the bytes in it.
    pub url: String,
    /// "auto", "low", "high".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Sound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AudioPart {
    /// The sound.
    pub input_audio: InputAudio,
}

/// The bytes of a sound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct InputAudio {
    /// In base64.
    pub data: String,
    /// "wav", "mp3".
    pub format: String,
}

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct FilePart {
    /// `file_id`, or `filename` and `file_data`.
    pub file: Map<String, Value>,
}

/// A call of an earlier turn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ToolCallParam {
    /// Goes back in the tool message's `tool_call_id`.
    pub id: String,
    /// "function".
    pub r#type: String,
    /// What is called.
    pub function: FunctionCall,
}

/// What the model called.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct FunctionCall {
    /// The function's name.
    pub name: String,
    /// JSON text, as the model wrote it.
    pub arguments: String,
}

/// A tool of kind function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ToolDefinition {
    /// "function".
    pub r#type: String,
    /// What may be called.
    pub function: FunctionDefinition,
}

/// A function that the model may call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct FunctionDefinition {
    /// Its name.
    pub name: String,
    /// When to call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its arguments: a JSON schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
    /// Whether the arguments must be of the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

// serde's own tagged enums fail at a tag that they do not know, or lose what came with it.
impl<'de> Deserialize<'de> for ContentPart {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<ContentPart, D::Error> {
        let value = Value::deserialize(from)?;
        let known = match value.get("type").and_then(Value::as_str) {
            Some("text") => TextPart::deserialize(&value).map(ContentPart::Text),
            Some("image_url") => ImagePart::deserialize(&value).map(ContentPart::ImageUrl),
            Some("input_audio") => AudioPart::deserialize(&value).map(ContentPart::InputAudio),
            Some("file") => FilePart::deserialize(&value).map(ContentPart::File),
            _ => return Ok(ContentPart::Unknown(value)),
        };
        Ok(known.unwrap_or(ContentPart::Unknown(value)))
    }
}

impl Serialize for ContentPart {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tagged<'a, T> {
            r#type: &'static str,
            #[serde(flatten)]
            part: &'a T,
        }
        fn tagged<'a, T>(r#type: &'static str, part: &'a T) -> Tagged<'a, T> {
            Tagged { r#type, part }
        }
        match self {
            ContentPart::Text(part) => tagged("text", part).serialize(to),
            ContentPart::ImageUrl(part) => tagged("image_url", part).serialize(to),
            ContentPart::InputAudio(part) => tagged("input_audio", part).serialize(to),
            ContentPart::File(part) => tagged("file", part).serialize(to),
            ContentPart::Unknown(value) => value.serialize(to),
        }
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for ContentPart {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ContentPart".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A piece of a message. One of a kind that is not known here is kept as it is.",
            "type": "object",
            "x-tag": "type",
            "x-variants": {
                "text": generator.subschema_for::<TextPart>(),
                "image_url": generator.subschema_for::<ImagePart>(),
                "input_audio": generator.subschema_for::<AudioPart>(),
                "file": generator.subschema_for::<FilePart>(),
            }
        })
    }
}
