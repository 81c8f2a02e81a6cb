//! A fuzz target for everything that eats bytes: a function that takes any bytes and panics when a promise is broken.
//!
//! `make fuzz` drives them with libFuzzer; `cargo test -p libllm-fuzz` replays what is kept in `tests/corpus`.
//!
//! ```
//! let sse = libllm_fuzz::find("sse").expect("it is in the table");
//! sse(b"\0\0\0\0data: hello\n\n");
//! ```

mod abi;
mod answers;
mod faces;
mod frames;
mod heard;
mod input;
mod json;
mod memory;
mod operations;
mod packed;
mod refusals;
mod requests;
mod settings;

/// What a target is: it returns, or panics with what is wrong.
pub type Target = fn(&[u8]);

/// The target of this name.
pub fn find(name: &str) -> Option<Target> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target)
}

/// Every target, in the order in which they run.
pub const TARGETS: &[(&str, Target)] = &[
    ("sse", frames::sse),
    ("ndjson", frames::ndjson),
    ("json_array", frames::json_array),
    ("event_stream", frames::event_stream),
    ("event_stream_sealed", frames::event_stream_sealed),
    ("body", frames::body),
    ("json", json::differential),
    ("openai_chat", |data| answers::check("openai_chat", data)),
    ("openai_responses", |data| {
        answers::check("openai_responses", data);
    }),
    ("openai_completions", |data| {
        answers::check("openai_completions", data);
    }),
    ("anthropic", |data| answers::check("anthropic", data)),
    ("cohere", |data| answers::check("cohere", data)),
    ("cohere_v1", |data| answers::check("cohere_v1", data)),
    ("ollama", |data| answers::check("ollama", data)),
    ("gemini", |data| answers::check("gemini", data)),
    ("bedrock_converse", |data| {
        answers::check("bedrock_converse", data)
    }),
    ("bedrock_invoke", |data| {
        answers::check("bedrock_invoke", data)
    }),
    ("operations", operations::answer),
    ("packed", packed::packed),
    ("refusal", refusals::refusal),
    ("retry_after", refusals::retry_after),
    ("request", requests::request),
    ("posted", faces::posted),
    ("passed", faces::passed),
    ("config", settings::config),
    ("options", settings::options),
    ("url", settings::url),
    ("proxy", settings::proxy),
    ("script", settings::script),
    ("abi", abi::sequence),
];
