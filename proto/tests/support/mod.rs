//! What the tests of bytes share: vectors, base64, cuts and a seeded generator.
#![allow(dead_code)] // every test file uses a part

use std::time::SystemTime;

use http::HeaderName;
use libllm_proto::base64;
use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::wire::{self, Ending, Exchange, Flow, Head, Wire};
use libllm_proto::{Batch, Error, ErrorKind, Event, Result};
use serde_json::Value;

#[cfg(feature = "bedrock")]
pub(crate) mod aws;

/// The vectors of this name.
pub(crate) fn vectors(name: &str) -> Value {
    let path = format!("{}/../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// The cases of a file of vectors, and that there are as many as it says.
pub(crate) fn cases(file: &Value) -> &[Value] {
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(file["count"].as_u64().unwrap(), cases.len() as u64);
    cases
}

/// The bytes of a base64 field.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    base64::decode(value.as_str().unwrap_or_default()).unwrap()
}

/// A generator of numbers: splitmix64, the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Calls `check` with ways to cut `input`: whole, byte by byte, every two-way cut up to 4 KiB, and seeded random cuts (25, or
/// 200 for a longer input). Every list of pieces joins to `input`.
pub(crate) fn every_cut(input: &[u8], mut check: impl FnMut(&str, &[&[u8]])) {
    check("whole", &[input]);
    check("byte by byte", &input.chunks(1).collect::<Vec<_>>());
    let short = input.len() <= 4096;
    if short {
        for at in 0..=input.len() {
            check(&format!("cut at {at}"), &[&input[..at], &input[at..]]);
        }
    }
    for seed in 0..if short { 25 } else { 200 } {
        check(&format!("random cut {seed}"), &random_cut(input, seed));
    }
}

/// Pieces of seeded random lengths, some of them empty, sizes from bytes to a good part of the whole.
pub(crate) fn random_cut(input: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut random = Random(seed);
    let longest = 1 + input.len() / (1 + random.below(40));
    let mut pieces = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(random.below(longest + 1).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// What one answer was heard as.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Items in order, deltas of one kind joined: kind, choice, index, words.
    pub(crate) items: Vec<(&'static str, u32, u32, String)>,
    /// The provider's word for the end of choice 0.
    pub(crate) finish: Option<String>,
    /// How it ended.
    pub(crate) ending: Result<Ending>,
}

impl Heard {
    /// The text of choice 0.
    pub(crate) fn text(&self) -> String {
        let texts = self
            .items
            .iter()
            .filter(|item| item.0 == "text" && item.1 == 0);
        texts.map(|item| item.3.as_str()).collect()
    }

    /// The kind of the error.
    pub(crate) fn kind(&self) -> Option<ErrorKind> {
        self.ending.as_ref().err().map(Error::kind)
    }

    fn note(&mut self, choice: u32, event: Event<'_>) {
        let (kind, index, words) = match event {
            Event::Text(text) => ("text", 0, text.to_owned()),
            Event::Reasoning(text) => ("reasoning", 0, text.to_owned()),
            Event::Refusal(text) => ("refusal", 0, text.to_owned()),
            Event::ToolCall { index, id, name } => ("tool_call", index, format!("{id:?} {name}")),
            Event::ToolArgs { index, arguments } => ("tool_args", index, arguments.to_owned()),
            Event::Part { kind, index, json } => (kind.name(), index, json.to_owned()),
            Event::Finish { raw, .. } if choice == 0 => {
                self.finish = raw.map(str::to_owned);
                return;
            }
            _ => return,
        };
        match self.items.last_mut() {
            Some(last)
                if (last.0, last.1, last.2) == (kind, choice, index) && kind != "tool_call" =>
            {
                last.3.push_str(&words);
            }
            _ => self.items.push((kind, choice, index, words)),
        }
    }
}

/// Hears an answer that comes in these pieces and ends so.
pub(crate) fn hear(
    wire: &'static dyn Wire,
    exchange: &Exchange<'_>,
    head: &Head,
    pieces: &[&[u8]],
    end: End,
) -> Heard {
    let now = SystemTime::UNIX_EPOCH;
    let mut decoder = Decoder::new(wire, exchange, head.clone(), Limits::default(), false, now);
    let mut heard = Heard {
        items: Vec::new(),
        finish: None,
        ending: Ok(Ending::default()),
    };
    let mut batch = Batch::new();
    let mut take = |batch: &mut Batch| {
        for (choice, event) in batch.iter() {
            heard.note(choice, event);
        }
        batch.clear();
    };
    let mut failed = None;
    for piece in pieces {
        let flow = decoder.push(piece, &mut batch);
        take(&mut batch);
        match flow {
            Ok(Flow::More) => {}
            Ok(Flow::Done) => break,
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let ending = match failed {
        Some(error) => Err(error),
        None => decoder.finish(end, &mut batch),
    };
    take(&mut batch);
    heard.ending = ending;
    heard
}

/// The head of a case.
pub(crate) fn head(case: &Value) -> Head {
    let mut head = Head::new(case["status"].as_u64().unwrap() as u16);
    for (name, value) in case["headers"].as_object().unwrap() {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        head.headers
            .insert(name, value.as_str().unwrap().parse().unwrap());
    }
    head
}

/// The wires of this build, by the vectors' names for them where the vectors speak of them.
pub(crate) fn wires() -> Vec<(&'static str, &'static dyn Wire)> {
    let mut wires = Vec::new();
    if cfg!(feature = "openai") {
        wires.push(("openai-chat", wire::find("openai_chat").unwrap()));
    }
    if cfg!(feature = "responses") {
        wires.push(("responses", wire::find("openai_responses").unwrap()));
    }
    if cfg!(feature = "anthropic") {
        wires.push(("anthropic", wire::find("anthropic").unwrap()));
    }
    if cfg!(feature = "cohere") {
        wires.push(("cohere", wire::find("cohere").unwrap()));
        wires.push(("cohere-v1", wire::find("cohere_v1").unwrap()));
    }
    if cfg!(feature = "ollama") {
        wires.push(("ollama", wire::find("ollama").unwrap()));
    }
    wires
}

/// The other wires, by the names that `truncation.rs` has for what they read.
pub(crate) fn other_wires() -> Vec<(&'static str, &'static dyn Wire)> {
    let mut wires = Vec::new();
    if cfg!(feature = "openai") {
        wires.push(("completions", wire::find("openai_completions").unwrap()));
    }
    if cfg!(feature = "gemini") {
        for dialect in ["gemini", "gemini-array"] {
            wires.push((dialect, wire::find("gemini").unwrap()));
        }
        for dialect in ["vertex", "vertex-array"] {
            wires.push((dialect, wire::find("vertex").unwrap()));
        }
    }
    if cfg!(feature = "bedrock") {
        wires.push(("converse", wire::find("bedrock_converse").unwrap()));
        wires.push(("invoke", wire::find("bedrock_invoke").unwrap()));
    }
    wires
}

/// Those of [`wires`] that read server-sent events.
pub(crate) fn event_wires() -> Vec<(&'static str, &'static dyn Wire)> {
    let mut wires = wires();
    wires.retain(|(dialect, _)| *dialect != "ollama");
    wires
}

/// The head of a dialect's stream.
pub(crate) fn stream_head(dialect: &str) -> Head {
    let content_type = match dialect {
        "cohere-v1" => "application/stream+json",
        "ollama" => "application/x-ndjson",
        "gemini-array" | "vertex-array" => "application/json; charset=UTF-8",
        "converse" | "invoke" => "application/vnd.amazon.eventstream",
        _ => "text/event-stream",
    };
    let mut head = Head::new(200);
    head.headers
        .insert("content-type", content_type.parse().unwrap());
    head
}
