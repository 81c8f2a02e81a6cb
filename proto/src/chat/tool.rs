//! What the model may call, whether it must, and what its answer must look like.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{bad, read};
use crate::error::Result;

/// Something the model may call.
#[derive(Debug)]
pub enum Tool {
    /// A function of the caller's.
    Function {
        /// Where it was in the request.
        path: String,
        /// Its name.
        name: String,
        /// What it does.
        description: Option<String>,
        /// JSON Schema of its arguments, as written.
        parameters: Option<Box<RawValue>>,
        /// The arguments must fit the schema.
        strict: Option<bool>,
        /// A cache marker, as written.
        cache_control: Option<Box<RawValue>>,
    },
    /// A tool of free text (`custom`), which only OpenAI's formats have.
    Custom {
        /// Where it was in the request.
        path: String,
        /// What stands in its member `custom`, as written.
        custom: Box<RawValue>,
    },
    /// A tool of another format than Chat Completions, as written.
    Foreign(Box<RawValue>),
}

/// Whether the model must call a tool.
#[derive(Debug)]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// It must not.
    None,
    /// It must call one.
    Required,
    /// It must call this one.
    Named(String),
    /// A choice of another format, as written, with its `type`.
    Foreign {
        /// Its `type`.
        kind: String,
        /// The whole value.
        json: Box<RawValue>,
    },
}

/// What the answer must look like.
#[derive(Debug)]
pub enum ResponseFormat {
    /// Text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// What the schema is called.
        name: Option<String>,
        /// The schema, as written.
        schema: Box<RawValue>,
        /// The answer must fit the schema exactly.
        strict: Option<bool>,
        /// What it is for.
        description: Option<String>,
    },
    /// Something else, by its `type`.
    Foreign(String),
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    function: Option<WrittenFunction>,
    #[serde(default)]
    custom: Option<Box<RawValue>>,
    #[serde(default)]
    cache_control: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct WrittenFunction {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parameters: Option<Box<RawValue>>,
    #[serde(default)]
    strict: Option<bool>,
    #[serde(default)]
    cache_control: Option<Box<RawValue>>,
}

/// Reads `tools`.
pub(super) fn read_all(json: &[u8]) -> Result<Vec<Tool>> {
    let list: Option<Vec<Box<RawValue>>> = read(json, "tools")?;
    let tools = list.unwrap_or_default().into_iter().enumerate();
    tools
        .map(|(number, json)| tool(json, format!("tools[{number}]")))
        .collect()
}

/// Reads `functions`, as tools were once called.
pub(super) fn read_functions(json: &[u8]) -> Result<Vec<Tool>> {
    let list: Option<Vec<WrittenFunction>> = read(json, "functions")?;
    let functions = list.unwrap_or_default().into_iter().enumerate();
    Ok(functions
        .map(|(number, it)| function(it, None, format!("functions[{number}]")))
        .collect())
}

fn tool(json: Box<RawValue>, path: String) -> Result<Tool> {
    let written: Written = read(json.get().as_bytes(), &path)?;
    match (written.kind.as_deref(), written.function, written.custom) {
        (None | Some("function"), Some(it), _) => Ok(function(it, written.cache_control, path)),
        (Some("function"), None, _) => Err(bad(&format!("{path}.function"), "is missing")),
        (Some("custom"), _, Some(custom)) => Ok(Tool::Custom { path, custom }),
        _ => Ok(Tool::Foreign(json)),
    }
}

fn function(it: WrittenFunction, cache_control: Option<Box<RawValue>>, path: String) -> Tool {
    Tool::Function {
        path,
        name: it.name,
        description: it.description,
        parameters: it.parameters,
        strict: it.strict,
        cache_control: cache_control.or(it.cache_control),
    }
}

#[derive(Deserialize)]
struct WrittenChoice {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    function: Option<Named>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl ToolChoice {
    pub(super) fn read(json: &[u8]) -> Result<Option<ToolChoice>> {
        const PATH: &str = "tool_choice";
        match json.first() {
            Some(b'n') => Ok(None),
            Some(b'"') => match read::<String>(json, PATH)?.as_str() {
                "auto" => Ok(Some(ToolChoice::Auto)),
                "none" => Ok(Some(ToolChoice::None)),
                // `any` is Mistral's word for it.
                "required" | "any" => Ok(Some(ToolChoice::Required)),
                other => Err(bad(
                    PATH,
                    format!("expected auto, none, required or an object, found {other:?}"),
                )),
            },
            _ => {
                let written: WrittenChoice = read(json, PATH)?;
                match (written.kind, written.function) {
                    (None, Some(function)) => Ok(Some(ToolChoice::Named(function.name))),
                    (Some(kind), Some(function)) if kind == "function" => {
                        Ok(Some(ToolChoice::Named(function.name)))
                    }
                    (Some(kind), None) => Ok(Some(ToolChoice::Foreign {
                        kind,
                        json: read(json, PATH)?,
                    })),
                    _ => Err(bad("tool_choice.function", "is missing")),
                }
            }
        }
    }

    /// Reads `function_call`, as it was once called.
    pub(super) fn read_legacy(json: &[u8]) -> Result<Option<ToolChoice>> {
        if json.first() != Some(&b'{') {
            return ToolChoice::read(json);
        }
        let written: WrittenChoice = read(json, "function_call")?;
        let name = written
            .name
            .ok_or_else(|| bad("function_call.name", "is missing"))?;
        Ok(Some(ToolChoice::Named(name)))
    }
}

#[derive(Deserialize)]
struct WrittenFormat {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    json_schema: Option<WrittenSchema>,
}

#[derive(Deserialize)]
struct WrittenSchema {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    schema: Option<Box<RawValue>>,
    #[serde(default)]
    strict: Option<bool>,
    #[serde(default)]
    description: Option<String>,
}

impl ResponseFormat {
    pub(super) fn read(json: &[u8]) -> Result<Option<ResponseFormat>> {
        let written: Option<WrittenFormat> = read(json, "response_format")?;
        let Some(written) = written else {
            return Ok(None);
        };
        let format = match written.kind.as_str() {
            "text" => ResponseFormat::Text,
            "json_object" => ResponseFormat::JsonObject,
            "json_schema" => {
                let missing = |what: &str| bad(&format!("response_format.{what}"), "is missing");
                let it = written.json_schema.ok_or_else(|| missing("json_schema"))?;
                let schema = it.schema.ok_or_else(|| missing("json_schema.schema"))?;
                ResponseFormat::JsonSchema {
                    name: it.name,
                    schema,
                    strict: it.strict,
                    description: it.description,
                }
            }
            _ => ResponseFormat::Foreign(written.kind),
        };
        Ok(Some(format))
    }
}
