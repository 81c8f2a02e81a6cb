//! A request taken apart, for wires that say it in another format: typed messages and tools, and the other members by name.
//!
//! Text that must reach a provider byte for byte (schemas, arguments, signed blocks) stays raw JSON.
//!
//! ```
//! use libllm_proto::Request;
//! use libllm_proto::chat::{Chat, Content, Role};
//!
//! let request = Request::parse(r#"{"messages":[{"role":"user","content":"hi"}],"temperature":0.5}"#)?;
//! let mut chat = Chat::read(&request)?;
//! assert_eq!(chat.messages[0].role, Role::User);
//! assert_eq!(chat.messages[0].content[0].content, Content::Text("hi".into()));
//! assert_eq!(chat.params.take::<f64>("temperature")?, Some(0.5));
//! assert_eq!(chat.params.rest().count(), 0);
//! # Ok::<(), libllm_proto::Error>(())
//! ```

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::request::Request;

pub mod body;
mod message;
mod params;
mod part;
mod report;
mod tool;
mod unsaid;

pub use message::{Kept, Message, Role, ToolCall};
pub use params::{Params, Standing, standing};
pub use part::{Content, Part, Source};
pub use report::Report;
pub use tool::{ResponseFormat, Tool, ToolChoice};
pub use unsaid::Unsaid;

/// A request taken apart.
#[derive(Debug)]
pub struct Chat {
    /// The conversation, at least one message.
    pub messages: Vec<Message>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it must.
    pub tool_choice: Option<ToolChoice>,
    /// What the answer must look like.
    pub response_format: Option<ResponseFormat>,
    /// Every other member, but `model`, `stream`, `stream_options` and `extra_body`.
    pub params: Params,
    /// The member `extra_body`, to be merged into the body last.
    pub extra_body: Option<Box<RawValue>>,
}

impl Chat {
    /// Takes a request apart. Errors say the path and the reason.
    pub fn read(request: &Request) -> Result<Chat> {
        let mut params = Params::default();
        let mut chat = Chat {
            messages: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            response_format: None,
            params: Params::default(),
            extra_body: None,
        };
        let mut functions = None;
        for (name, json) in request.fields() {
            match name {
                "messages" => chat.messages = message::read_all(json)?,
                "tools" => chat.tools = tool::read_all(json)?,
                "tool_choice" => chat.tool_choice = ToolChoice::read(json)?,
                "response_format" => chat.response_format = ResponseFormat::read(json)?,
                "extra_body" => chat.extra_body = raw(json, "extra_body")?,
                // What tools were called before they were called tools.
                "functions" => functions = Some(tool::read_functions(json)?),
                "function_call" if chat.tool_choice.is_none() => {
                    chat.tool_choice = ToolChoice::read_legacy(json)?;
                }
                "model" | "stream" | "stream_options" | "function_call" => {}
                _ => params.push(name, json)?,
            }
        }
        chat.tools.extend(functions.into_iter().flatten());
        chat.params = params;
        Ok(chat)
    }
}

/// Reads a value of a known type; the error begins with the value's path.
fn read<T: DeserializeOwned>(json: &[u8], path: &str) -> Result<T> {
    serde_json::from_slice(json).map_err(|error| bad(path, reason(&error)))
}

/// The JSON text of a member, byte for byte; null is none.
fn raw(json: &[u8], path: &str) -> Result<Option<Box<RawValue>>> {
    read::<Option<Box<RawValue>>>(json, path)
}

/// The caller's mistake at a place of the request.
pub(crate) fn bad(path: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{path}: {why}"))
}

/// What serde says without the place within the value, which the path says better.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
