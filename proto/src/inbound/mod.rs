//! The faces towards callers: an HTTP request in a format that the caller already speaks becomes a [`Request`], and events
//! become the bytes that this format's own server would have written.
//!
//! ```
//! use bytes::Bytes;
//! use libllm_proto::inbound::{self, Taker};
//! use libllm_proto::wire::Unsupported;
//!
//! let face = inbound::of_path("/v1/messages").expect("the Messages format has a face");
//! let body = Bytes::from_static(br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#);
//! let taker = Taker { wire: "openai_chat", unsupported: Unsupported::Drop };
//! let asked = face.read(&body, taker)?;
//! assert_eq!(asked.request.model(), Some("m"));
//! assert!(asked.dropped.is_empty());
//! # Ok::<(), libllm_proto::Error>(())
//! ```

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::event::Batch;
use crate::request::Request;
use crate::wire::{Dropped, Unsupported};

mod chat;
mod fields;
mod kept;
mod messages;
mod models;
mod outline;
mod pass;
mod refusal;
mod responses;

pub use models::{Model, models};
pub use outline::Outline;
pub use pass::{Events, routed};

/// One format as callers speak it. Stateless; one static per format.
pub trait Inbound: Sync + std::fmt::Debug {
    /// The wire of this format: to a provider that speaks it a request goes as it came, and so does the answer.
    fn wire(&self) -> &'static str;

    /// The provider whose format it is, and for which its SDKs are made.
    fn home(&self) -> &'static str;

    /// Reads a request's body for whoever is to answer it. What the answering format has no words for is in
    /// [`Asked::dropped`], or an error, as the taker's [`Unsupported`] says.
    fn read(&self, body: &Bytes, taker: Taker<'_>) -> Result<Asked>;

    /// Members of the request that the answer repeats, as JSON text, each after a comma.
    fn echo(&self, _body: &[u8]) -> Result<Box<str>> {
        Ok(Box::default())
    }

    /// What writes one answer.
    fn writer(&self, facts: Facts) -> Box<dyn Writer>;

    /// The status and the JSON body by which this format's server refuses.
    fn refusal(&self, error: &Error) -> (u16, Vec<u8>);

    /// What a stream says that cannot go on.
    fn broken(&self, error: &Error, out: &mut Vec<u8>);

    /// The header that carries the provider's number for a request.
    fn request_id(&self) -> &'static str;
}

/// Who is going to answer.
#[derive(Clone, Copy, Debug)]
pub struct Taker<'a> {
    /// The wire by which it is asked.
    pub wire: &'a str,
    /// What to do with what it cannot take.
    pub unsupported: Unsupported,
}

/// A caller's request, read.
#[derive(Debug)]
pub struct Asked {
    /// In our own words.
    pub request: Request,
    /// What did not fit into our words.
    pub dropped: Vec<Dropped>,
}

/// What an answer says about itself beside what its provider said.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Whether the caller wants events.
    pub stream: bool,
    /// Whether the stream ends with a chunk that holds the usage.
    pub include_usage: bool,
    /// Our number of the request, for names that the provider did not give.
    pub number: u64,
    /// Unix seconds.
    pub created: u64,
    /// The model that was asked, should the provider name none.
    pub model: Box<str>,
    /// The provider's id, for parts that only it understands.
    pub provider: Box<str>,
    /// What [`Inbound::echo`] gave.
    pub echo: Box<str>,
}

/// The state of one answer on its way to the caller.
pub trait Writer: Send {
    /// Writes what these events are in the caller's format. An answer that is wanted whole is written by `finish` alone.
    fn write(&mut self, batch: &Batch, out: &mut Vec<u8>);

    /// Writes what ends a good answer.
    fn finish(&mut self, out: &mut Vec<u8>);
}

/// The face whose requests are posted to this path, under any prefix; without its query.
pub fn of_path(path: &str) -> Option<&'static dyn Inbound> {
    let path = path.trim_end_matches('/');
    let (_, face) = FACES.iter().find(|(end, _)| path.ends_with(end))?;
    Some(*face)
}

/// Every face, and how the paths end at which it is spoken.
const FACES: &[(&str, &dyn Inbound)] = &[
    ("/chat/completions", &chat::Chat),
    ("/messages", &messages::Messages),
    ("/responses", &responses::Responses),
];

/// The face of OpenAI's Chat Completions, in whose words anything is refused that no face knows.
pub const CHAT: &dyn Inbound = &chat::Chat;
/// The face of Anthropic's Messages.
pub const MESSAGES: &dyn Inbound = &messages::Messages;

/// Appends a text as a JSON string.
fn quote(text: &str, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// A text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The id of a tool call whose format has none; the same that events carry.
fn tool_id(number: u64, choice: u32, index: u32) -> String {
    match choice {
        0 => format!("call_{number}_{index}"),
        _ => format!("call_{number}_{choice}_{index}"),
    }
}
