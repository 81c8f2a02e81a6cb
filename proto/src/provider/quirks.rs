//! How a service differs from the plain format: a closed list of named values. The build script reads rows with this file too.

use serde::Deserialize;

/// How a provider differs from the plain format. A closed list; each has a recording or a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// What proves completeness.
    pub terminal_marker: TerminalMarker,
    /// Whether `stream_options.include_usage` may be sent.
    pub stream_usage: bool,
    /// The name of the completion limit: `max_tokens` or `max_completion_tokens`; `None` passes what the caller wrote.
    pub max_tokens_name: Option<&'static str>,
    /// A 403 is a moderation verdict (OpenRouter).
    pub moderation_403: bool,
    /// Where system text goes: `None` leaves it, else the role's name to use (`system`, `developer`, `user`).
    pub system_role: Option<&'static str>,
    /// Tool call ids must be made to fit this provider: `alnum9` is 9 characters of `[a-zA-Z0-9]` (Mistral).
    pub tool_ids: Option<&'static str>,
    /// The field in which earlier reasoning is sent back, where the provider takes it (`reasoning_content`, `reasoning`).
    pub reasoning_field: Option<&'static str>,
    /// `parallel_tool_calls` is not known there.
    pub no_parallel_tools: bool,
    /// Markers of where a cached prefix ends (`cache_control`) are known there (services that pass them on to Claude).
    pub cache_markers: bool,
    /// Pictures and other things in a tool's result are known there; elsewhere the user shows them.
    pub tool_pictures: bool,
    /// Vectors in base64 are bytes with a sign, not numbers of four bytes (Perplexity).
    pub int8_vectors: bool,
    /// Whose words the service has for members of requests.
    pub vocabulary: Vocabulary,
    /// How the beginning of an answer is given to a model that is to go on with it, if that can be done.
    pub prefill: Option<Prefill>,
    /// Where a service of OpenAI's format counts tokens.
    pub token_counts: TokenCounts,
}

/// Whose words a service has where its format is OpenAI's: it refuses OpenAI's own, or does not do what they ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vocabulary {
    /// OpenAI's.
    #[default]
    Openai,
    /// Mistral's.
    Mistral,
    /// Voyage's.
    Voyage,
    /// Perplexity's.
    Perplexity,
}

/// Where a service of OpenAI's format says how many tokens a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenCounts {
    /// Nowhere.
    #[default]
    None,
    /// `/responses/input_tokens`: OpenAI.
    Responses,
    /// `/messages/count_tokens`, Anthropic's, at the same base URL: llama.cpp.
    Messages,
    /// `/tokenize` beside `/v1`: vLLM.
    Tokenize,
}

/// How a model is told to go on with what the last message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefill {
    /// A last message of the assistant is gone on with.
    Last,
    /// It is if it says `"prefix": true` (Mistral; DeepSeek's beta endpoint).
    Prefix,
    /// It is if the request says `continue_final_message` and takes `add_generation_prompt` back (vLLM).
    Final,
}

/// What proves that a streamed answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminalMarker {
    /// The format's own marker.
    #[default]
    Format,
    /// The answer is over as soon as every choice has a finish reason; nothing after it is waited for.
    FinishReason,
    /// This provider sends none: a clean end counts, and the answer is flagged incomplete.
    None,
}

impl Quirks {
    /// No difference.
    pub const PLAIN: Quirks = Quirks {
        terminal_marker: TerminalMarker::Format,
        stream_usage: true,
        max_tokens_name: None,
        moderation_403: false,
        system_role: None,
        tool_ids: None,
        reasoning_field: None,
        no_parallel_tools: false,
        cache_markers: false,
        tool_pictures: false,
        int8_vectors: false,
        vocabulary: Vocabulary::Openai,
        prefill: None,
        token_counts: TokenCounts::None,
    };

    /// These quirks with what a configuration says laid over them.
    pub fn with(mut self, patch: &QuirksPatch) -> Quirks {
        fn set<T: Copy>(place: &mut T, value: Option<T>) {
            *place = value.unwrap_or(*place);
        }
        set(&mut self.terminal_marker, patch.terminal_marker);
        set(&mut self.stream_usage, patch.stream_usage);
        set(
            &mut self.max_tokens_name,
            patch.max_tokens_name.map(MaxTokensName::value),
        );
        set(&mut self.moderation_403, patch.moderation_403);
        set(
            &mut self.system_role,
            patch.system_role.map(SystemRole::value),
        );
        set(&mut self.tool_ids, patch.tool_ids.map(ToolIds::value));
        set(
            &mut self.reasoning_field,
            patch.reasoning_field.map(ReasoningField::value),
        );
        set(&mut self.no_parallel_tools, patch.no_parallel_tools);
        set(&mut self.cache_markers, patch.cache_markers);
        set(&mut self.tool_pictures, patch.tool_pictures);
        set(&mut self.int8_vectors, patch.int8_vectors);
        set(&mut self.vocabulary, patch.vocabulary);
        set(&mut self.prefill, patch.prefill.map(Said::value));
        set(&mut self.token_counts, patch.token_counts);
        self
    }
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks::PLAIN
    }
}

/// The `quirks` table of a row or of `[providers.P]`: what it names is changed, the rest stays. Unknown names and values are errors.
///
/// ```
/// use libllm_proto::provider::{Quirks, QuirksPatch};
/// let patch: QuirksPatch = serde_json::from_str(r#"{"stream_usage":false,"max_tokens_name":"max_tokens"}"#)?;
/// assert_eq!(Quirks::default().with(&patch).max_tokens_name, Some("max_tokens"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuirksPatch {
    terminal_marker: Option<TerminalMarker>,
    stream_usage: Option<bool>,
    max_tokens_name: Option<MaxTokensName>,
    moderation_403: Option<bool>,
    system_role: Option<SystemRole>,
    tool_ids: Option<ToolIds>,
    reasoning_field: Option<ReasoningField>,
    no_parallel_tools: Option<bool>,
    cache_markers: Option<bool>,
    tool_pictures: Option<bool>,
    int8_vectors: Option<bool>,
    vocabulary: Option<Vocabulary>,
    prefill: Option<Said>,
    token_counts: Option<TokenCounts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    None,
    Last,
    Prefix,
    Final,
}

impl Said {
    fn value(self) -> Option<Prefill> {
        match self {
            Said::None => None,
            Said::Last => Some(Prefill::Last),
            Said::Prefix => Some(Prefill::Prefix),
            Said::Final => Some(Prefill::Final),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MaxTokensName {
    AsWritten,
    MaxTokens,
    MaxCompletionTokens,
}

impl MaxTokensName {
    fn value(self) -> Option<&'static str> {
        match self {
            MaxTokensName::AsWritten => None,
            MaxTokensName::MaxTokens => Some("max_tokens"),
            MaxTokensName::MaxCompletionTokens => Some("max_completion_tokens"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SystemRole {
    AsWritten,
    System,
    Developer,
    User,
}

impl SystemRole {
    fn value(self) -> Option<&'static str> {
        match self {
            SystemRole::AsWritten => None,
            SystemRole::System => Some("system"),
            SystemRole::Developer => Some("developer"),
            SystemRole::User => Some("user"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ToolIds {
    Any,
    Alnum9,
}

impl ToolIds {
    fn value(self) -> Option<&'static str> {
        match self {
            ToolIds::Any => None,
            ToolIds::Alnum9 => Some("alnum9"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReasoningField {
    None,
    ReasoningContent,
    Reasoning,
}

impl ReasoningField {
    fn value(self) -> Option<&'static str> {
        match self {
            ReasoningField::None => None,
            ReasoningField::ReasoningContent => Some("reasoning_content"),
            ReasoningField::Reasoning => Some("reasoning"),
        }
    }
}
