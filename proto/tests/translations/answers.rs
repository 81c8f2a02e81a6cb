//! What of a provider's answer reaches a caller, whole and in pieces.

use std::time::SystemTime;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::inbound::Facts;
use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Exchange, Head, Operation};
use libllm_proto::{Batch, Error, Event, Finish};
use serde_json::Value;

use super::provider::{self, ARGS, Holds, Said, TEXT};
use super::{FACES, WIRES, face};

/// An answer, as far as formats have words for it.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Told {
    text: String,
    reasoning: String,
    calls: Vec<(Option<String>, String, String)>,
    finish: Option<Finish>,
    tokens: Option<(u64, u64)>,
    id: Option<String>,
    model: Option<String>,
}

impl Told {
    fn note(&mut self, event: Event<'_>) {
        match event {
            Event::Start { id, model } => {
                let new =
                    |new: Option<&str>| new.filter(|text| !text.is_empty()).map(str::to_owned);
                self.id = self.id.take().or(new(id));
                self.model = self.model.take().or(new(model));
            }
            Event::Text(text) => self.text.push_str(text),
            Event::Reasoning(text) => self.reasoning.push_str(text),
            Event::ToolCall { id, name, .. } => {
                let id = id.map(str::to_owned);
                self.calls.push((id, name.to_owned(), String::new()));
            }
            Event::ToolArgs { index, arguments } => {
                self.calls[index as usize].2.push_str(arguments)
            }
            Event::Finish { reason, .. } => self.finish = reason.or(self.finish),
            Event::Usage(usage) => {
                self.tokens = usage
                    .prompt_tokens
                    .zip(usage.completion_tokens)
                    .or(self.tokens);
            }
            _ => {}
        }
    }
}

/// Reads an answer piece by piece: what each meant, and how it ended.
pub(crate) fn hear(
    wire: &str,
    head: Head,
    operation: Operation,
    stream: bool,
    pieces: &[Vec<u8>],
) -> (Vec<Batch>, Result<(), Error>) {
    let exchange = Exchange {
        stream,
        operation,
        quirks: &Quirks::PLAIN,
        packed: false,
        answer_tool: false,
    };
    let (limits, now) = (Limits::default(), SystemTime::UNIX_EPOCH);
    let wire = wire::find(wire).unwrap();
    let mut decoder = Decoder::new(wire, &exchange, head, limits, false, now);
    let mut batches = Vec::new();
    for piece in pieces {
        let mut batch = Batch::new();
        let flow = decoder.push(piece, &mut batch);
        batches.push(batch);
        if let Err(error) = flow {
            return (batches, Err(error));
        }
    }
    let mut batch = Batch::new();
    let ending = decoder.finish(End::Clean, &mut batch).map(|_| ());
    batches.push(batch);
    (batches, ending)
}

fn told(batches: &[Batch]) -> Told {
    let mut told = Told::default();
    for (_, event) in batches.iter().flat_map(Batch::iter) {
        told.note(event);
    }
    told
}

pub(crate) fn facts(provider: &str, stream: bool) -> Facts {
    Facts {
        stream,
        include_usage: true,
        number: 7,
        created: 1_700_000_000,
        model: "asked".into(),
        provider: provider.into(),
        echo: Box::default(),
    }
}

/// The bytes of a provider's answer in the caller's format.
pub(crate) fn written(path: &str, wire: &str, batches: &[Batch], stream: bool) -> Vec<u8> {
    let mut writer = face(path).writer(facts(wire, stream));
    let mut out = Vec::new();
    for batch in batches {
        writer.write(batch, &mut out);
    }
    writer.finish(&mut out);
    out
}

/// The head of an answer in a caller's format.
pub(crate) fn face_head(stream: bool) -> Head {
    let mut head = Head::new(200);
    let content_type = match stream {
        true => "text/event-stream",
        false => "application/json",
    };
    head.headers
        .insert("content-type", content_type.parse().unwrap());
    head
}

/// What the provider said, and what a client of the caller's format reads of it.
fn both(path: &str, wire: &str, holds: Holds, stream: bool) -> (Told, Told) {
    let Said { head, pieces } = provider::answer(wire, holds, stream);
    let (batches, ending) = hear(wire, head, provider::operation(wire), stream, &pieces);
    ending.unwrap();
    let bytes = written(path, wire, &batches, stream);
    let (heard, ending) = hear(
        face(path).wire(),
        face_head(stream),
        Operation::Chat,
        stream,
        &[bytes],
    );
    ending.unwrap();
    (told(&batches), told(&heard))
}

type Survives = fn(&Told, &Told) -> bool;
type There = fn(&Told) -> bool;

/// What an answer may hold, whether it does, and whether it is the same behind the caller's format.
const FIELDS: &[(&str, Holds, There, Survives)] = &[
    (
        "text",
        Holds::Text,
        |said| !said.text.is_empty(),
        |said, read| said.text == read.text,
    ),
    (
        "reasoning",
        Holds::Reasoning,
        |said| !said.reasoning.is_empty(),
        |said, read| said.reasoning == read.reasoning,
    ),
    (
        "text behind reasoning",
        Holds::Reasoning,
        |said| !said.text.is_empty(),
        |said, read| said.text == read.text,
    ),
    (
        "calls: names",
        Holds::Call,
        |said| !said.calls.is_empty(),
        |said, read| names(said) == names(read),
    ),
    (
        "calls: arguments",
        Holds::Call,
        |said| !said.calls.is_empty(),
        |said, read| arguments(said) == arguments(read),
    ),
    (
        "calls: ids",
        Holds::Call,
        |said| said.calls.iter().any(|call| call.0.is_some()),
        |said, read| ids(said) == ids(read),
    ),
    (
        "end: `stop`",
        Holds::Text,
        |said| said.finish.is_some(),
        |said, read| said.finish == read.finish,
    ),
    (
        "end: `tool_calls`",
        Holds::Call,
        |said| said.finish.is_some(),
        |said, read| said.finish == read.finish,
    ),
    (
        "usage",
        Holds::Text,
        |said| said.tokens.is_some(),
        |said, read| said.tokens == read.tokens,
    ),
    (
        "id of the answer",
        Holds::Text,
        |said| said.id.is_some(),
        |said, read| said.id == read.id,
    ),
    (
        "model",
        Holds::Text,
        |said| said.model.is_some(),
        |said, read| said.model == read.model,
    ),
];

fn names(told: &Told) -> Vec<&str> {
    told.calls.iter().map(|call| call.1.as_str()).collect()
}

fn arguments(told: &Told) -> Vec<Value> {
    let all = told.calls.iter();
    all.map(|call| serde_json::from_str(&call.2).unwrap())
        .collect()
}

fn ids(told: &Told) -> Vec<Option<&str>> {
    told.calls.iter().map(|call| call.0.as_deref()).collect()
}

/// The cells of a face's table.
pub(crate) fn rows(path: &str) -> Vec<(String, Vec<&'static str>)> {
    let row = |(name, holds, there, survives): &(&str, Holds, There, Survives)| {
        let cell = |(wire, _): &(&str, &str)| {
            if !provider::can_say(wire, *holds) {
                return "";
            }
            let one = |stream| {
                let (said, read) = both(path, wire, *holds, stream);
                there(&said).then(|| survives(&said, &read))
            };
            match (one(false), one(true)) {
                (None, None) => "",
                (Some(true) | None, Some(true) | None) => "yes",
                (Some(true), _) => "whole",
                (_, Some(true)) => "stream",
                _ => "no",
            }
        };
        ((*name).to_owned(), WIRES.iter().map(cell).collect())
    };
    FIELDS.iter().map(row).collect()
}

#[test]
fn what_the_model_said_reaches_every_caller() {
    for (path, _) in FACES {
        for (wire, _) in WIRES {
            for stream in [false, true] {
                let place = format!("{wire} to {path}, streamed: {stream}");
                let (said, read) = both(path, wire, Holds::Text, stream);
                assert_eq!(said.text, TEXT, "{place}");
                assert_eq!(
                    (read.text, read.finish),
                    (said.text, Some(Finish::Stop)),
                    "{place}"
                );
                assert_eq!(said.tokens, read.tokens, "{place}");
                if provider::can_say(wire, Holds::Reasoning) {
                    let (said, read) = both(path, wire, Holds::Reasoning, stream);
                    assert_eq!(said.reasoning, "r0 r1", "{place}");
                    assert_eq!(
                        (said.reasoning, said.text),
                        (read.reasoning, read.text),
                        "{place}"
                    );
                }
                if provider::can_say(wire, Holds::Call) {
                    let (said, read) = both(path, wire, Holds::Call, stream);
                    let args: Value = serde_json::from_str(ARGS).unwrap();
                    assert_eq!(
                        (names(&said), arguments(&said)),
                        (vec!["probe_f"], vec![args]),
                        "{place}"
                    );
                    assert_eq!(
                        (names(&said), arguments(&said)),
                        (names(&read), arguments(&read)),
                        "{place}"
                    );
                    assert_eq!(read.finish, Some(Finish::ToolCalls), "{place}");
                }
            }
        }
    }
}
