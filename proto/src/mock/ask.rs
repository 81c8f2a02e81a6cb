//! What a request body asks of the scripted provider, in any dialect.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::other::Wish;
use super::{Dialect, Script};
use crate::operation::Operation;

/// One request, as far as a script cares.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The format of the request and of its answer.
    pub dialect: Dialect,
    /// The script, and the model the answer names.
    pub model: String,
    /// Whether events were asked for rather than one JSON object.
    pub stream: bool,
    /// Chat Completions' `stream_options.include_usage`.
    pub include_usage: bool,
    /// Choices asked for; always 1 where there is no word for more.
    pub n: u32,
    /// The text of the last user message, its parts joined; of other operations what is asked about.
    pub last_user_text: String,
    /// What is asked.
    pub operation: Operation,
    pub(super) wish: Wish,
}

/// Why a body is no request; the sentence a provider would answer with status 400.
pub type AskError = String;

impl Ask {
    /// A conversation of one turn.
    pub fn chat(dialect: Dialect, model: &str, stream: bool, text: &str) -> Ask {
        Ask {
            dialect,
            model: model.to_owned(),
            stream,
            include_usage: true,
            n: 1,
            last_user_text: text.to_owned(),
            operation: Operation::Chat,
            wish: Wish::default(),
        }
    }

    /// What a script holds that cannot be said to this request.
    pub(super) fn unsaid(&self, script: &Script) -> Option<&'static str> {
        match self.operation.streams() {
            true => self.dialect.unsaid(script),
            false if script.reasoning > 0 || !script.tools.is_empty() => {
                Some("reasoning and tool: conversations alone have them")
            }
            false => None,
        }
    }

    /// Reads a request body that names its model.
    pub fn parse(dialect: Dialect, body: &[u8]) -> Result<Ask, AskError> {
        Ask::read(dialect, None, body)
    }

    /// Reads a request body; the model may be named elsewhere.
    pub(super) fn read(
        dialect: Dialect,
        named: Option<String>,
        body: &[u8],
    ) -> Result<Ask, AskError> {
        let body: Body<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        // Messages requires it (Anthropic API reference, `max_tokens`); a client that forgot would fail there.
        if dialect == Dialect::Anthropic && body.max_tokens.is_none() {
            return Err("max_tokens: field required".into());
        }
        let missing = |name: &str| format!("missing field `{name}`");
        let model = named.or(body.model).ok_or_else(|| missing("model"))?;
        let some = |name: &str, turns: Option<Vec<Message<'_>>>| match turns {
            None => Err(missing(name)),
            Some(turns) if turns.is_empty() => {
                Err(format!("{name}: expected at least one message"))
            }
            Some(turns) => last_user_text(&turns),
        };
        let last_user_text = match dialect {
            Dialect::CohereV1 => body.message.ok_or_else(|| missing("message"))?,
            Dialect::OllamaGenerate => prompt(body.prompt)?,
            Dialect::OpenaiCompletions => {
                prompt(Some(body.prompt.ok_or_else(|| missing("prompt"))?))?
            }
            Dialect::OpenaiResponses => input(body.input.ok_or_else(|| missing("input"))?)?,
            Dialect::Gemini | Dialect::GeminiArray => some("contents", body.contents)?,
            _ => some("messages", body.messages)?,
        };
        // Ollama streams unless it is told not to (docs/api.md, "Streaming responses").
        let streams = matches!(dialect, Dialect::Ollama | Dialect::OllamaGenerate);
        Ok(Ask {
            stream: body.stream.unwrap_or(streams),
            include_usage: body
                .stream_options
                .is_some_and(|o| o.include_usage == Some(true)),
            n: match dialect {
                Dialect::OpenaiChat | Dialect::OpenaiCompletions => {
                    body.n.unwrap_or(1).clamp(1, 128)
                }
                _ => 1,
            },
            ..Ask::chat(dialect, &model, false, &last_user_text)
        })
    }
}

fn prompt(prompt: Option<&RawValue>) -> Result<String, AskError> {
    let Some(prompt) = prompt else {
        return Ok(String::new());
    };
    let texts: Texts =
        serde_json::from_str(prompt.get()).map_err(|error| format!("prompt: {error}"))?;
    Ok(match texts {
        Texts::One(text) => text,
        Texts::Many(texts) => texts.into_iter().next().unwrap_or_default(),
    })
}

fn input(input: &RawValue) -> Result<String, AskError> {
    let bad = |error: serde_json::Error| format!("input: {error}");
    if input.get().starts_with('"') {
        return serde_json::from_str(input.get()).map_err(bad);
    }
    let items: Vec<Message<'_>> = serde_json::from_str(input.get()).map_err(bad)?;
    last_user_text(&items)
}

fn last_user_text(messages: &[Message<'_>]) -> Result<String, AskError> {
    let last = messages.iter().rev().find(|message| message.role == "user");
    let Some(content) = last.and_then(|message| message.content.or(message.parts)) else {
        return Ok(String::new());
    };
    let content: Content =
        serde_json::from_str(content.get()).map_err(|error| format!("content: {error}"))?;
    Ok(match content {
        Content::Text(text) => text,
        Content::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
    })
}

#[derive(Deserialize)]
struct Body<'a> {
    /// Google and Amazon name it in the path.
    model: Option<String>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    n: Option<u32>,
    max_tokens: Option<u64>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    /// Gemini's word for them.
    #[serde(borrow)]
    contents: Option<Vec<Message<'a>>>,
    /// Cohere's version 1: what the user says now.
    message: Option<String>,
    /// Of completions: a text, or a list of them.
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
    /// Of Responses: a text, or items.
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct Message<'a> {
    /// Items of Responses that are no messages have none.
    #[serde(default)]
    role: String,
    /// Unread but for the last user's: prompts are long.
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    /// Gemini's word for it.
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_dialects() {
        let body = br#"{"model":"echo","stream":true,"stream_options":{"include_usage":true},"n":2,
            "messages":[{"role":"user","content":"old"},{"role":"assistant","content":null},
            {"role":"user","content":[{"type":"text","text":"a "},{"type":"image_url","image_url":{}},{"type":"text","text":"b"}]},
            {"role":"tool","content":"x"}],"unknown":1}"#;
        let ask = Ask::parse(Dialect::OpenaiChat, body).unwrap();
        assert_eq!(ask.last_user_text, "a b");
        assert!(ask.stream && ask.include_usage && ask.n == 2);
        let error = Ask::parse(Dialect::Anthropic, body).unwrap_err();
        assert_eq!(error, "max_tokens: field required");
    }

    #[test]
    fn formats_without_a_list_of_messages_are_read() {
        let body = br#"{"model":"echo","message":"a","prompt":"b","messages":[{"role":"user","content":"c"}],
            "input":[{"role":"user","content":"d"},{"type":"reasoning","summary":[]}]}"#;
        for (dialect, text, stream) in [
            (Dialect::Cohere, "c", false),
            (Dialect::CohereV1, "a", false),
            (Dialect::Ollama, "c", true),
            (Dialect::OllamaGenerate, "b", true),
            (Dialect::OpenaiCompletions, "b", false),
            (Dialect::OpenaiResponses, "d", false),
        ] {
            let ask = Ask::parse(dialect, body).unwrap();
            assert_eq!((ask.last_user_text.as_str(), ask.stream), (text, stream));
        }
        let no = |dialect| Ask::parse(dialect, br#"{"model":"echo"}"#).unwrap_err();
        assert_eq!(no(Dialect::CohereV1), "missing field `message`");
        assert_eq!(no(Dialect::Ollama), "missing field `messages`");
    }

    #[test]
    fn a_body_that_is_no_request_says_why() {
        let no = |body: &str| Ask::parse(Dialect::OpenaiChat, body.as_bytes()).unwrap_err();
        assert!(no("{").contains("EOF"));
        assert!(no(r#"{"messages":[]}"#).contains("model"));
        assert!(no(r#"{"model":"echo","messages":[]}"#).contains("at least one"));
        assert!(
            no(r#"{"model":"echo","messages":[{"role":"user","content":7}]}"#).contains("content")
        );
    }
}
