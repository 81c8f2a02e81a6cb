//! What is asked beside conversations: how each wire says it, and what it hears, however the bytes are cut.
#![cfg(all(
    feature = "openai",
    feature = "anthropic",
    feature = "cohere",
    feature = "ollama",
    feature = "gemini",
    feature = "bedrock"
))]
#![allow(clippy::unwrap_used)] // a test fails by panicking

#[path = "../support/mod.rs"]
mod support;

mod embeddings;
mod media;
mod others;

use std::time::SystemTime;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::operation;
use libllm_proto::provider::Quirks;
use libllm_proto::request::Request;
use libllm_proto::wire::{self, Encoded, Exchange, Flow, Head, Operation, Target, Unsupported};
use libllm_proto::{Batch, Error, ErrorKind, Event, Result, Usage};
use serde_json::{Value, json};

/// A request of an operation, as a wire says it.
pub(crate) fn encode(wire: &str, operation: Operation, request: &Value) -> Result<Encoded> {
    let request = Request::parse_any(request.to_string())?;
    operation.check(&request)?;
    let quirks = Quirks::default();
    operation::encode(
        wire::find(wire).unwrap(),
        &request,
        &Target {
            provider: "p",
            model: "m/1",
            base_url: "https://h",
            stream: false,
            operation,
            quirks: &quirks,
            unsupported: Unsupported::Drop,
            extra_body: Some(br#"{"over":1}"#),
        },
    )
}

/// Method and place, body, and what did not fit.
pub(crate) fn said(
    wire: &str,
    operation: Operation,
    request: &Value,
) -> (String, Value, Vec<String>) {
    let encoded = encode(wire, operation, request).unwrap();
    let place = format!("{} {}", encoded.http.method(), encoded.http.uri());
    let body = match encoded.http.body().is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(encoded.http.body()).unwrap(),
    };
    let dropped = encoded.dropped.iter();
    let dropped = dropped.map(|one| format!("{} {}", one.action, one.param));
    (place, body, dropped.collect())
}

/// What an answer was heard as.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) usage: Option<Usage>,
    pub(crate) media_type: Option<String>,
    pub(crate) data: Option<Vec<u8>>,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.data.as_deref().unwrap()).unwrap()
    }

    /// Prompt and total.
    pub(crate) fn tokens(&self) -> (Option<u64>, Option<u64>) {
        let usage = self.usage.clone().unwrap_or_default();
        (usage.prompt_tokens, usage.total_tokens)
    }
}

pub(crate) struct Asked<'a> {
    pub(crate) wire: &'a str,
    pub(crate) operation: Operation,
    pub(crate) quirks: Quirks,
    pub(crate) packed: bool,
    pub(crate) headers: &'a [(&'static str, &'static str)],
}

impl Asked<'_> {
    pub(crate) fn of(wire: &str, operation: Operation) -> Asked<'_> {
        Asked {
            wire,
            operation,
            quirks: Quirks::default(),
            packed: false,
            headers: &[("content-type", "application/json")],
        }
    }

    pub(crate) fn pieces(&self, pieces: &[&[u8]]) -> (Heard, Option<Error>) {
        let mut head = Head::new(200);
        for (name, value) in self.headers {
            head.headers.insert(*name, value.parse().unwrap());
        }
        let exchange = Exchange {
            stream: false,
            operation: self.operation,
            quirks: &self.quirks,
            packed: self.packed,
            answer_tool: false,
        };
        let wire = wire::find(self.wire).unwrap();
        let now = SystemTime::UNIX_EPOCH;
        let mut decoder = Decoder::new(wire, &exchange, head, Limits::default(), false, now);
        let mut batch = Batch::new();
        let mut error = None;
        for piece in pieces {
            match decoder.push(piece, &mut batch) {
                Ok(Flow::More) => {}
                Ok(Flow::Done) => break,
                Err(failed) => {
                    error = Some(failed);
                    break;
                }
            }
        }
        let error = error.or_else(|| decoder.finish(End::Clean, &mut batch).err());
        let mut heard = Heard::default();
        for (_, event) in batch.iter() {
            match event {
                Event::Start { id, model } => {
                    heard.id = id.map(str::to_owned);
                    heard.model = model.map(str::to_owned);
                }
                Event::Usage(usage) => heard.usage = Some(usage),
                Event::Result { media_type, data } => {
                    heard.media_type = media_type.map(str::to_owned);
                    heard.data = Some(data.to_vec());
                }
                event => panic!("no event of an operation: {event:?}"),
            }
        }
        (heard, error)
    }

    /// The same however it is cut; what breaks off is no answer.
    pub(crate) fn hear(&self, body: &[u8]) -> Heard {
        let (whole, error) = self.pieces(&[body]);
        assert!(error.is_none(), "{}: {error:?}", self.wire);
        support::every_cut(body, |cut, pieces| {
            let (heard, error) = self.pieces(pieces);
            assert!(error.is_none(), "{}: {cut}: {error:?}", self.wire);
            assert_eq!(heard, whole, "{}: {cut}", self.wire);
        });
        // Bytes do not show that more should follow: that is the transport's to see.
        if whole.media_type.is_none() {
            let end = body.trim_ascii_end().len();
            for cut in 0..end.min(4096) {
                let (heard, error) = self.pieces(&[&body[..cut]]);
                assert!(error.is_some() && heard.data.is_none(), "{cut}: {heard:?}");
            }
        }
        whole
    }

    pub(crate) fn fail(&self, body: &[u8]) -> Error {
        let (heard, error) = self.pieces(&[body]);
        assert_eq!(heard.data, None);
        error.unwrap()
    }
}

#[test]
fn who_does_not_know_an_operation_says_so_by_name() {
    let request = json!({"input": "a", "messages": [{"role": "user", "content": "b"}]});
    for (wire, operation) in [
        ("anthropic", Operation::Embeddings),
        ("bedrock_converse", Operation::Embeddings),
        ("ollama", Operation::Responses),
    ] {
        let error = encode(wire, operation, &request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let words = [operation.name(), "provider p", wire];
        assert!(
            words.iter().all(|word| error.message().contains(word)),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_answer_is_an_error() {
    for wire in [
        "openai_chat",
        "cohere",
        "ollama",
        "gemini",
        "vertex",
        "bedrock_invoke",
    ] {
        let asked = Asked::of(wire, Operation::Embeddings);
        let refused =
            asked.fail(br#"{"error":{"message":"no such model","type":"not_found_error"}}"#);
        assert_eq!(
            (refused.kind(), refused.message()),
            (ErrorKind::NotFound, "no such model")
        );
        assert_eq!(asked.fail(b"{}").kind(), ErrorKind::Protocol, "{wire}");
        assert_eq!(asked.fail(b"[]").kind(), ErrorKind::Protocol, "{wire}");
        assert_eq!(asked.fail(b" ").kind(), ErrorKind::EmptyResponse, "{wire}");
        assert_eq!(asked.fail(b"<p>").kind(), ErrorKind::Protocol, "{wire}");
    }
}

/// Operations by wire, as docs/operations.md prints it.
fn table() -> String {
    let operations = Operation::ALL;
    let mut table = String::from("| wire |");
    for operation in operations {
        table.push_str(&format!(" {} |", operation.name()));
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(operations.len()));
    table.push('\n');
    for name in wire::KNOWN {
        let wire = wire::find(name).unwrap();
        table.push_str(&format!("| `{name}` |"));
        for operation in operations {
            let asked = wire::for_operation(wire, *operation, &Quirks::PLAIN);
            let counts = *operation == Operation::CountTokens;
            let cell = match operation::knows(asked, *operation) {
                true if counts && !asked.counts("", &Quirks::PLAIN) => {
                    match asked.counts("anthropic.claude", &Quirks::PLAIN) {
                        true => "of Claude".to_owned(),
                        false => "by rows".to_owned(),
                    }
                }
                true if asked.name() == *name => "yes".to_owned(),
                true => format!("by `{}`", asked.name()),
                false => String::new(),
            };
            table.push_str(&format!(" {cell} |"));
        }
        table.push('\n');
    }
    table
}

#[test]
fn the_docs_say_who_knows_what() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
    let page = std::fs::read_to_string(path).unwrap();
    let table = table();
    if std::env::var_os("UPDATE").is_some() && !page.contains(&table) {
        let (head, rest) = page.split_once("| wire |").unwrap();
        let tail = rest.split_once("\n\n").map_or("", |(_, tail)| tail);
        std::fs::write(path, format!("{head}{table}\n{tail}")).unwrap();
        return;
    }
    assert!(
        page.contains(&table),
        "docs/operations.md lacks this table (UPDATE=1 writes it):\n{table}"
    );
}
