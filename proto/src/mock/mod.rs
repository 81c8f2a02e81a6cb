//! A scripted provider: what a `mock/SCRIPT` model answers, as steps with times and without sockets.
//!
//! A [`Script`] says what the answer holds and what goes wrong with it, an [`Ask`] is what the caller's request said, and
//! [`answer`] joins the two into a [`Reply`]: a head, and a [`Body`] that yields [`Step`]s one by one, so that thousands of
//! slow streams hold no answer in memory. Whoever plays the steps owns the clock and the transport: `libllm mock` plays
//! them over real HTTP, the in-process transport plays them into the decoder.
//!
//! ```
//! use libllm_proto::mock::{Ask, Dialect, Scripts, Step, Turn, answer};
//!
//! let body = br#"{"model":"tokens=2;pace=5ms","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
//! let ask = Ask::parse(Dialect::OpenaiChat, body).unwrap();
//! let script = Scripts::default().find(&ask.model).unwrap();
//! let reply = answer(&script, &ask, Turn { number: 1, attempt: 1, created: 1_700_000_000 });
//! assert_eq!(reply.status, 200);
//! let waits = reply.body.filter(|step| matches!(step, Step::Until(_))).count();
//! assert_eq!(waits, 1); // the first token is due at once, the second after 5 ms
//! ```

mod answer;
mod anthropic;
mod ask;
mod bedrock;
mod body;
mod cohere;
mod cohere_v1;
mod fault;
mod form;
mod gemini;
mod ollama;
mod openai;
mod openai_completions;
mod openai_responses;
mod other;
mod pieces;
mod place;
mod results;
mod script;
mod scripts;
mod stream;
mod unary;
mod value;

pub use answer::{Reply, Turn, answer, listed, refuse};
pub use ask::{Ask, AskError};
pub use body::{Body, Cut, Step};
pub use fault::Kind;
pub use place::Place;
pub use results::list;
pub use script::{Script, ScriptError};
pub use scripts::Scripts;

/// The format in which the caller asked and is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's Chat Completions.
    OpenaiChat,
    /// OpenAI's Responses.
    OpenaiResponses,
    /// OpenAI's legacy completions.
    OpenaiCompletions,
    /// Anthropic's Messages.
    Anthropic,
    /// Version 2 of Cohere's chat.
    Cohere,
    /// Version 1 of Cohere's chat.
    CohereV1,
    /// Ollama's own chat.
    Ollama,
    /// Ollama's own completions.
    OllamaGenerate,
    /// Gemini's generateContent, streamed as events.
    Gemini,
    /// The same, streamed as the elements of an array.
    GeminiArray,
    /// Bedrock's Converse.
    Bedrock,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: &'static [Dialect] = &[
        Dialect::OpenaiChat,
        Dialect::OpenaiCompletions,
        Dialect::OpenaiResponses,
        Dialect::Anthropic,
        Dialect::Cohere,
        Dialect::CohereV1,
        Dialect::Ollama,
        Dialect::OllamaGenerate,
        Dialect::Gemini,
        Dialect::GeminiArray,
        Dialect::Bedrock,
    ];

    /// The content type of its streams.
    fn stream_type(self) -> &'static str {
        match self {
            Dialect::OpenaiChat
            | Dialect::OpenaiCompletions
            | Dialect::OpenaiResponses
            | Dialect::Anthropic => "text/event-stream; charset=utf-8",
            Dialect::Cohere | Dialect::Gemini => "text/event-stream",
            Dialect::GeminiArray => "application/json; charset=UTF-8",
            Dialect::Bedrock => "application/vnd.amazon.eventstream",
            Dialect::CohereV1 => "application/stream+json",
            Dialect::Ollama | Dialect::OllamaGenerate => "application/x-ndjson",
        }
    }

    /// What a script holds that the dialect has no words for.
    fn unsaid(self, script: &Script) -> Option<&'static str> {
        match self {
            Dialect::CohereV1 if script.reasoning > 0 => {
                Some("reasoning: this version of the format has none")
            }
            Dialect::OpenaiCompletions if script.reasoning > 0 => {
                Some("reasoning: a completion has none")
            }
            Dialect::OllamaGenerate | Dialect::OpenaiCompletions if !script.tools.is_empty() => {
                Some("tool: a completion calls no tools")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
