//! Rows: what each service is called, which wire it speaks, where, with which key, and how it differs.
//!
//! Rows are data (`proto/data/providers.toml`); a difference between two services is a [`Quirks`] field, never a name in code.

/// How a provider differs from the plain format. A closed list; each has a recording or a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// What proves completeness.
    pub terminal_marker: TerminalMarker,
    /// Whether `stream_options.include_usage` may be sent.
    pub stream_usage: bool,
    /// The name of the completion limit: `max_tokens` or `max_completion_tokens`; `None` passes what the caller wrote.
    pub max_tokens_name: Option<String>,
    /// A 403 is a moderation verdict (OpenRouter).
    pub moderation_403: bool,
    /// Where system text goes: `None` leaves it, else the role's name to use (`system`, `developer`, `user`).
    pub system_role: Option<String>,
    /// Tool call ids must be made to fit this provider (Mistral: 9 characters of `[a-zA-Z0-9]`).
    pub tool_ids: Option<String>,
    /// The field in which earlier reasoning is sent back, where the provider takes it (`reasoning_content`, `reasoning`).
    pub reasoning_field: Option<String>,
    /// `parallel_tool_calls` is not known there.
    pub no_parallel_tools: bool,
}

/// What proves that a streamed answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TerminalMarker {
    /// The format's own marker.
    #[default]
    Format,
    /// The answer is over as soon as every choice has a finish reason; nothing after it is waited for.
    FinishReason,
    /// This provider sends none: a clean end counts, and the answer is flagged incomplete.
    None,
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks {
            terminal_marker: TerminalMarker::Format,
            stream_usage: true,
            max_tokens_name: None,
            moderation_403: false,
            system_role: None,
            tool_ids: None,
            reasoning_field: None,
            no_parallel_tools: false,
        }
    }
}
