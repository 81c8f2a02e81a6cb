//! A request written in Rust, message by message.

use serde_json::{Map, Value, json};

use super::{Request, splice};
use crate::error::Result;

/// A request that is being written; [`Draft::build`] checks it as if it had come as text.
///
/// ```
/// use libllm_proto::Request;
///
/// let request = Request::new("openai/gpt-5").system("Be brief.").user("Why?").set("temperature", 0.5).build()?;
/// assert_eq!(request.field("temperature"), Some(&b"0.5"[..]));
/// # Ok::<(), libllm_proto::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a draft is no request before build()"]
pub struct Draft {
    model: String,
    messages: Vec<Value>,
    fields: Vec<(String, Value)>,
}

impl Draft {
    pub(super) fn new(model: String) -> Draft {
        Draft {
            model,
            messages: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Adds a message of the system.
    pub fn system(self, text: impl Into<String>) -> Draft {
        self.say("system", text.into())
    }

    /// Adds a message of the user.
    pub fn user(self, text: impl Into<String>) -> Draft {
        self.say("user", text.into())
    }

    /// Adds an earlier answer.
    pub fn assistant(self, text: impl Into<String>) -> Draft {
        self.say("assistant", text.into())
    }

    /// Adds the result of tool call `id`.
    pub fn tool_result(self, id: impl Into<String>, text: impl Into<String>) -> Draft {
        let (id, text) = (id.into(), text.into());
        self.message(json!({ "role": "tool", "tool_call_id": id, "content": text }))
    }

    /// Adds a message as it is, such as the turn that an answer says to append.
    pub fn message(mut self, message: Value) -> Draft {
        self.messages.push(message);
        self
    }

    /// Sets a member of the request, any that the provider knows. `messages` replaces those that were added before.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<Value>) -> Draft {
        let (key, value) = (key.into(), value.into());
        match (key.as_str(), value) {
            ("messages", Value::Array(messages)) => self.messages = messages,
            ("model", Value::String(model)) => self.model = model,
            (_, value) => {
                self.fields.retain(|(known, _)| *known != key);
                self.fields.push((key, value));
            }
        }
        self
    }

    /// Checks the request. Without a message there is none.
    pub fn build(self) -> Result<Request> {
        let mut members = vec![
            ("model".to_string(), splice::quote(&self.model)),
            (
                "messages".to_string(),
                Value::Array(self.messages).to_string().into_bytes(),
            ),
        ];
        for (key, value) in self.fields {
            members.push((key, value.to_string().into_bytes()));
        }
        let mut source = vec![b'{'];
        source.extend_from_slice(&splice::join(&members));
        source.push(b'}');
        Request::parse(source)
    }

    fn say(self, role: &str, text: String) -> Draft {
        let mut message = Map::new();
        message.insert("role".to_string(), role.into());
        message.insert("content".to_string(), text.into());
        self.message(Value::Object(message))
    }
}

impl TryFrom<Draft> for Request {
    type Error = crate::error::Error;

    fn try_from(draft: Draft) -> Result<Request> {
        draft.build()
    }
}
