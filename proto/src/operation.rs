//! What a provider can be asked for beside a conversation's next turn: vectors, rankings, lists of models and others that are
//! answered in one piece.
//!
//! Whoever asks says it in one way, and is answered in one way, whichever format the provider speaks: requests and answers are
//! OpenAI's where OpenAI has the operation (`docs/operations.md`). How a wire says and hears one is a [`Unary`], so that the trait
//! of wires does not grow with the operations.
//!
//! ```
//! use libllm_proto::operation::Operation;
//!
//! assert_eq!(Operation::find("embeddings"), Some(Operation::Embeddings));
//! assert!(!Operation::Embeddings.streams());
//! ```

use crate::answer_tool::Unwrapped;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::event::{Batch, Event, Usage};
use crate::frame::{Frame, Framing};
use crate::json::{self, Cursor};
use crate::provider::Quirks;
use crate::refusal;
use crate::request::Request;
use crate::wire::{Encoded, Ending, Exchange, Flow, Head, Reader, Target, Wire};

#[allow(dead_code)] // a build may have no wire that asks for vectors
pub(crate) mod embeddings;
#[allow(dead_code)] // a build may have no wire that lists models
pub(crate) mod models;
#[allow(dead_code)] // a build may have no wire that ranks
pub(crate) mod rerank;
pub mod tokens;
#[allow(dead_code)] // a build may have no wire that says it in other words
pub(crate) mod wish;

/// What is asked of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Operation {
    /// A conversation's next turn.
    #[default]
    Chat,
    /// The text that follows a prompt, without a conversation's template where the provider has such an operation.
    Completion,
    /// A conversation's next turn, the request being in OpenAI's Responses format already.
    Responses,
    /// Vectors of texts.
    Embeddings,
    /// Documents in the order of what they have to do with a question.
    Rerank,
    /// The models that the provider serves.
    Models,
    /// Whether texts and pictures break rules.
    Moderation,
    /// How many tokens a conversation is.
    CountTokens,
    /// Pictures of what a text says.
    Images,
    /// A text, spoken: bytes.
    Speech,
    /// What is said in a recording.
    Transcription,
}

impl Operation {
    /// Every one.
    pub const ALL: &'static [Operation] = &[
        Operation::Chat,
        Operation::Completion,
        Operation::Responses,
        Operation::Embeddings,
        Operation::Rerank,
        Operation::Models,
        Operation::Moderation,
        Operation::CountTokens,
        Operation::Images,
        Operation::Speech,
        Operation::Transcription,
    ];

    /// The operation of this name, if it is in this build.
    pub fn find(name: &str) -> Option<Operation> {
        let mut all = Operation::ALL.iter().copied();
        all.find(|operation| operation.name() == name)
    }

    /// Its name in `llm_options.operation`.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Chat => "chat",
            Operation::Completion => "completion",
            Operation::Responses => "responses",
            Operation::Embeddings => "embeddings",
            Operation::Rerank => "rerank",
            Operation::Models => "models",
            Operation::Moderation => "moderation",
            Operation::CountTokens => "count_tokens",
            Operation::Images => "images",
            Operation::Speech => "speech",
            Operation::Transcription => "transcription",
        }
    }

    /// Whether the answer may come in pieces. Where it may not, `stream` of a request says nothing.
    pub fn streams(self) -> bool {
        matches!(
            self,
            Operation::Chat | Operation::Completion | Operation::Responses
        )
    }

    /// Whether a model must be named; a provider must be in any case.
    pub fn needs_model(self) -> bool {
        self != Operation::Models
    }

    /// Refuses a request that lacks what is asked about.
    pub fn check(self, request: &Request) -> Result<()> {
        let there = |name: &str| request.field(name).is_some_and(|json| json != b"null");
        let needed: &[&str] = match self {
            Operation::Responses
            | Operation::Embeddings
            | Operation::Moderation
            | Operation::Speech => &["input"],
            Operation::Rerank => &["query", "documents"],
            Operation::Models => &[],
            Operation::Images => &["prompt"],
            Operation::Transcription => &["file"],
            Operation::Chat | Operation::CountTokens => &["messages"],
            Operation::Completion if there("prompt") => &[],
            Operation::Completion => &["messages"],
        };
        for name in needed {
            let found = match *name {
                "messages" => request.has_messages(),
                name => there(name),
            };
            if !found {
                let message = format!("{name} is missing");
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
        }
        Ok(())
    }
}

/// How one wire asks for one operation that is answered in one piece.
#[derive(Clone, Copy)]
pub struct Unary {
    /// What is asked.
    pub operation: Operation,
    /// Says the request for a target.
    pub say: fn(&Request, &Target<'_>) -> Result<Encoded>,
    /// Hears a good answer.
    pub hear: fn(&Answer<'_>) -> Result<Said>,
}

impl std::fmt::Debug for Unary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unary({})", self.operation.name())
    }
}

impl Unary {
    /// That of `operation`, if it is among them.
    pub fn find(all: &'static [Unary], operation: Operation) -> Option<&'static Unary> {
        all.iter().find(|unary| unary.operation == operation)
    }
}

/// The whole of a good answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Its head.
    pub head: &'a Head,
    /// How this provider differs.
    pub quirks: &'a Quirks,
    /// Vectors were asked for in base64: then they stay as the provider wrote them.
    pub packed: bool,
    /// Its body.
    pub body: &'a [u8],
}

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// The provider's id of it.
    pub id: Option<String>,
    /// The model, in the provider's words.
    pub model: Option<String>,
    /// Tokens as the provider counted them.
    pub usage: Option<Usage>,
    /// What the result is, if it is not JSON.
    pub media_type: Option<String>,
    /// A JSON object in the operation's own shape, or bytes.
    pub result: Vec<u8>,
}

/// Whether the wire can be asked for it.
pub fn knows(wire: &dyn Wire, operation: Operation) -> bool {
    wire.speaks(operation) || wire.unary(operation).is_some()
}

/// Whether it can be asked for it at a provider with these quirks, about this model.
pub fn serves(wire: &dyn Wire, operation: Operation, model: &str, quirks: &Quirks) -> bool {
    let counts = operation != Operation::CountTokens || wire.counts(model, quirks);
    counts && knows(wire, operation)
}

/// Says the request in the wire's format.
pub fn encode(wire: &dyn Wire, request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let serves = serves(wire, target.operation, target.model, target.quirks);
    if let Some(unary) = wire.unary(target.operation)
        && serves
    {
        return (unary.say)(request, target);
    }
    if !serves {
        let (operation, provider) = (target.operation.name(), target.provider);
        let message = format!(
            "operation {operation} of provider {provider} is not known to wire {}",
            wire.name()
        );
        return Err(Error::new(ErrorKind::Unsupported, message).with_retry(Retry::Elsewhere));
    }
    wire.encode(request, target)
}

/// What reads the wire's answer.
pub fn reader(wire: &dyn Wire, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>) {
    match wire.unary(exchange.operation) {
        Some(unary) => (Framing::Body, Box::new(Once::new(unary, exchange, head))),
        None if exchange.answer_tool => {
            let (framing, reader) = wire.reader(exchange, head);
            (framing, Box::new(Unwrapped::new(reader)))
        }
        None => wire.reader(exchange, head),
    }
}

/// Reads an answer that comes in one piece.
struct Once {
    unary: &'static Unary,
    head: Head,
    quirks: Quirks,
    packed: bool,
    heard: bool,
}

impl Once {
    fn new(unary: &'static Unary, exchange: &Exchange<'_>, head: &Head) -> Once {
        Once {
            unary,
            head: head.clone(),
            quirks: *exchange.quirks,
            packed: exchange.packed,
            heard: false,
        }
    }
}

impl Reader for Once {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        let answer = Answer {
            head: &self.head,
            quirks: &self.quirks,
            packed: self.packed,
            body: frame.data,
        };
        let said = (self.unary.hear)(&answer).map_err(|error| {
            // Refusals come with good statuses, too.
            let refused = refusal::from_value(frame.data, false);
            refused.unwrap_or(error)
        })?;
        batch.push(
            0,
            Event::Start {
                id: said.id.as_deref(),
                model: said.model.as_deref(),
            },
        );
        if let Some(usage) = said.usage {
            batch.push(0, Event::Usage(usage));
        }
        batch.push_result(said.result, said.media_type);
        self.heard = true;
        Ok(Flow::Done)
    }

    fn finish(&mut self, _: &mut Batch) -> Result<Ending> {
        match self.heard {
            true => Ok(Ending::default()),
            false => Err(Error::new(ErrorKind::EmptyResponse, "the answer is empty")),
        }
    }
}

/// The error of an answer without what it should hold.
#[allow(dead_code)] // a build may have no wire at all
pub(crate) fn lacks(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("the answer holds no {what}"))
}

/// An object that a cursor has walked over, as JSON that others can read: text, without a byte order mark and blanks around it, and
/// without the spellings of "not a number", which become null.
#[allow(dead_code)] // a build may have no wire at all
pub(crate) fn readable(json: Vec<u8>) -> Vec<u8> {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || b"\xef\xbb\xbf".contains(byte);
    let start = json.iter().position(|byte| !blank(byte)).unwrap_or(0);
    let end = json.iter().rposition(|byte| !byte.is_ascii_whitespace());
    let end = end.map_or(json.len(), |last| last + 1);
    let json = match (start, end == json.len()) {
        (0, true) => json,
        _ => json[start..end].to_vec(),
    };
    let json = match String::from_utf8(json) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    match json::as_written(&json) {
        Some(_) => json.into_bytes(),
        None => without_oddities(&json),
    }
}

fn without_oddities(json: &str) -> Vec<u8> {
    let (mut out, mut at) = (Vec::with_capacity(json.len()), 0);
    let bytes = json.as_bytes();
    while at < bytes.len() {
        let rest = &bytes[at..];
        let odd = [&b"-Infinity"[..], b"Infinity", b"NaN"]
            .into_iter()
            .find(|word| rest.starts_with(word));
        let len = match (odd, rest[0]) {
            (Some(word), _) => {
                out.extend_from_slice(b"null");
                at += word.len();
                continue;
            }
            (None, b'"') => {
                let mut cursor = Cursor::new(rest);
                cursor.skip().map_or(1, |()| cursor.position())
            }
            (None, _) => 1,
        };
        out.extend_from_slice(&rest[..len]);
        at += len;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_cannot_read_is_said_so_that_they_can() {
        for (written, read) in [
            ("\u{feff} {\"a\":1}\n", "{\"a\":1}"),
            (
                "{\"NaN\":[NaN,-Infinity,1,Infinity,\"NaN \\\" NaN\"]}",
                "{\"NaN\":[null,null,1,null,\"NaN \\\" NaN\"]}",
            ),
            ("{}", "{}"),
        ] {
            let json = String::from_utf8(readable(written.as_bytes().to_vec()));
            assert_eq!(json.as_deref(), Ok(read));
        }
        let broken = readable(b"{\"a\":\"\xff\"}".to_vec());
        assert_eq!(broken, "{\"a\":\"\u{fffd}\"}".as_bytes());
    }

    #[test]
    fn every_operation_is_found_by_its_name() {
        for operation in Operation::ALL {
            assert_eq!(Operation::find(operation.name()), Some(*operation));
        }
        assert_eq!(Operation::find("nonsense"), None);
    }
}
