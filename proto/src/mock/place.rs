//! Paths: what is asked at them, in whose words, and what they say of the request beside its body.

use super::value::percent_decode;
use super::{Ask, AskError, Dialect};
use crate::operation::Operation;

/// What is asked at a path by POST, and in whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The format of the request and of its answer.
    pub dialect: Dialect,
    /// What is asked.
    pub operation: Operation,
}

impl Place {
    /// The place that a path names, under any prefix.
    ///
    /// ```
    /// use libllm_proto::mock::{Dialect, Place};
    /// let place = Place::of("/v1beta/models/echo:streamGenerateContent").unwrap();
    /// assert_eq!(place.dialect, Dialect::Gemini);
    /// assert_eq!(Place::of("/v1/files"), None);
    /// ```
    pub fn of(path: &str) -> Option<Place> {
        let found = PLACES.iter().find(|(end, ..)| path.ends_with(end))?;
        let (_, dialect, operation) = *found;
        Some(Place { dialect, operation })
    }

    /// In whose words a list of models is told that is asked for by GET: they differ in their paths, and in their words for pages.
    pub fn of_list(path: &str, query: &str, anthropic: bool) -> Option<Dialect> {
        let says = |name: &str| {
            query
                .split('&')
                .any(|pair| pair.split('=').next() == Some(name))
        };
        match path {
            _ if path.ends_with("/api/tags") => Some(Dialect::Ollama),
            _ if !path.ends_with("/models") => None,
            _ if anthropic => Some(Dialect::Anthropic),
            _ if says("page_size") => Some(Dialect::Cohere),
            _ if says("pageSize") || path.contains("/v1beta") => Some(Dialect::Gemini),
            _ => Some(Dialect::OpenaiChat),
        }
    }

    /// Reads a request: its path with its query, and its body.
    pub fn ask(self, target: &str, body: &[u8]) -> Result<Ask, AskError> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (dialect, stream) = match self.dialect {
            // Without `alt=sse` a stream is an array.
            Dialect::Gemini if path.ends_with(":streamGenerateContent") => {
                match query.split('&').any(|pair| pair == "alt=sse") {
                    true => (Dialect::Gemini, Some(true)),
                    false => (Dialect::GeminiArray, Some(true)),
                }
            }
            Dialect::Bedrock => (Dialect::Bedrock, Some(path.ends_with("-stream"))),
            dialect => (dialect, None),
        };
        let mut ask = match self.operation.streams() {
            true => Ask::read(dialect, named(self.dialect, path)?, body)?,
            false => Ask::other(dialect, self.operation, named(self.dialect, path)?, body)?,
        };
        ask.stream = stream.unwrap_or(ask.stream);
        Ok(ask)
    }
}

/// The model that a path names, in the formats whose bodies do not.
fn named(dialect: Dialect, path: &str) -> Result<Option<String>, AskError> {
    let place = match dialect {
        Dialect::Gemini | Dialect::GeminiArray => path.rsplit_once(':'),
        Dialect::Bedrock => path.rsplit_once('/'),
        // Azure's deployments.
        _ if !path.contains("/deployments/") => return Ok(None),
        _ => path
            .split_once("/deployments/")
            .and_then(|(_, rest)| rest.split_once('/')),
    };
    let Some((before, _)) = place else {
        return Err("the path names no model".into());
    };
    let model = before.rsplit('/').next().unwrap_or_default();
    percent_decode(model)
        .map(|model| Some(model.into_owned()))
        .map_err(|error| format!("model: {error}"))
}

impl Dialect {
    /// The dialect a URL path speaks, under any prefix: `/v1/chat/completions`, `/v1/messages`.
    pub fn of_path(path: &str) -> Option<Dialect> {
        Place::of(path).map(|place| place.dialect)
    }
}

/// How paths end, what is asked there, and in which dialect. Of two that fit the first counts.
const PLACES: &[(&str, Dialect, Operation)] = {
    use Dialect as D;
    use Operation as O;
    &[
        ("/chat/completions", D::OpenaiChat, O::Chat),
        ("/completions", D::OpenaiCompletions, O::Completion),
        ("/responses", D::OpenaiResponses, O::Responses),
        ("/messages", D::Anthropic, O::Chat),
        ("/messages/count_tokens", D::Anthropic, O::CountTokens),
        ("/v2/chat", D::Cohere, O::Chat),
        ("/v1/chat", D::CohereV1, O::Chat),
        ("/v2/embed", D::Cohere, O::Embeddings),
        ("/v1/embed", D::CohereV1, O::Embeddings),
        ("/v2/rerank", D::Cohere, O::Rerank),
        ("/api/chat", D::Ollama, O::Chat),
        ("/api/generate", D::OllamaGenerate, O::Completion),
        ("/api/embed", D::Ollama, O::Embeddings),
        (":generateContent", D::Gemini, O::Chat),
        (":streamGenerateContent", D::Gemini, O::Chat),
        (":embedContent", D::Gemini, O::Embeddings),
        (":batchEmbedContents", D::Gemini, O::Embeddings),
        (":predict", D::Gemini, O::Embeddings),
        (":countTokens", D::Gemini, O::CountTokens),
        ("/count-tokens:rawPredict", D::Anthropic, O::CountTokens),
        ("/input_tokens", D::OpenaiResponses, O::CountTokens),
        ("/tokenize", D::OpenaiChat, O::CountTokens),
        ("/converse", D::Bedrock, O::Chat),
        ("/converse-stream", D::Bedrock, O::Chat),
        ("/embeddings", D::OpenaiChat, O::Embeddings),
        ("/rerank", D::OpenaiChat, O::Rerank),
        ("/moderations", D::OpenaiChat, O::Moderation),
        ("/images/generations", D::OpenaiChat, O::Images),
        ("/audio/speech", D::OpenaiChat, O::Speech),
        ("/audio/transcriptions", D::OpenaiChat, O::Transcription),
    ]
};
