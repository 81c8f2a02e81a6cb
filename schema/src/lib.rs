//! What the library says and takes in JSON, as Rust types: events, errors, answers, requests and options.
//!
//! These types and tables are where every language's types come from (`make generate`): serde and schemars make
//! `schema/llm.schema.json` of them, and `tools/generate` makes TypeScript, Go, Python, C++ and `docs/reference.md` of that. Rust
//! programs use them as they are:
//!
//! ```
//! let told = r#"{"provider":"mock","finish_reason":"a word of tomorrow","usage":{"total_tokens":3},"novelty":1}"#;
//! let done: libllm_schema::Done = serde_json::from_str(told)?;
//! assert_eq!(done.usage.total_tokens, Some(3));
//! assert_eq!(done.finish_reason.map(|word| word.to_string()).as_deref(), Some("a word of tomorrow"));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! A library may be newer than what reads it: fields that are missing have their default, those that nobody knows are skipped, and a
//! word that nobody knows is kept as it is. Numbers that nobody told are `None`, never 0.
#![forbid(unsafe_code)]

mod answer;
mod conditions;
mod event;
mod failure;
mod options;
mod request;
mod tables;
mod words;

pub use answer::{ChatCompletion, Completed, CompletionUsage};
pub use conditions::{CLASSES, CONDITIONS, Class, Condition};
pub use event::{
    Attempt, CacheHit, CachePlace, ChoiceEnd, Cost, Done, Dropped, DroppedAction, FallbackCause,
    FinishReason, Message, Part, PartKind, Route, RouteReason, Source, Timing, Tokens,
    ToolCallStart, Usage,
};
pub use failure::{Failure, Partial, Phase};
pub use options::{OnPartial, Options, Unsupported};
pub use request::{
    AudioPart, ChatRequest, Content, ContentPart, FilePart, FunctionCall, FunctionDefinition,
    ImagePart, ImageUrl, InputAudio, MessageParam, Role, Stop, TextPart, ToolCallParam, ToolChoice,
    ToolDefinition,
};
pub use tables::{
    Carries, EVENTS, EventKind, FLAGS, Flag, METRICS, Metric, MetricKind, VARIABLES, Variable,
};
