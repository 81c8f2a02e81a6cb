//! What one answer was heard as: its items with their deltas joined, and how it ended.

use std::time::SystemTime;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::wire::{Ending, Exchange, Flow, Head, Wire};
use libllm_proto::{Batch, Error, ErrorKind, Event, Response};

/// One item: its kind, choice, index and words.
pub(crate) type Item = (&'static str, u32, u32, String);

/// Everything that an answer said.
#[derive(Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) items: Vec<Item>,
    /// How it ended; an error by its kind, words and status.
    pub(crate) ending: Result<Ending, (ErrorKind, String, Option<u16>)>,
    /// The reader said that nothing more belongs to the answer.
    pub(crate) done: bool,
    /// What an operation that is answered in one piece said, and what that is if it is not JSON.
    pub(crate) result: Option<(Option<String>, Vec<u8>)>,
    /// The fold over all of it, as the JSON of one object.
    pub(crate) folded: String,
}

/// Hears an answer that comes in these pieces and ends so.
pub(crate) fn hear(
    wire: &'static dyn Wire,
    exchange: &Exchange<'_>,
    head: &Head,
    limits: Limits,
    raw: bool,
    pieces: &[&[u8]],
    end: End,
) -> Heard {
    let now = SystemTime::UNIX_EPOCH;
    let mut decoder = Decoder::new(wire, exchange, head.clone(), limits, raw, now);
    let mut batch = Batch::new();
    let mut response = Response::default();
    response.keep_text(true);
    let mut items = Vec::new();
    let mut take = |batch: &mut Batch| {
        response.absorb(batch);
        batch
            .iter()
            .for_each(|(choice, event)| note(&mut items, choice, event));
        batch.clear();
    };
    let (mut failed, mut done) = (None, false);
    for piece in pieces {
        let flow = decoder.push(piece, &mut batch);
        take(&mut batch);
        match flow {
            Ok(Flow::More) => continue,
            Ok(Flow::Done) => done = true,
            Err(error) => failed = Some(error),
        }
        break;
    }
    let ending = match failed {
        Some(error) => Err(error),
        None => decoder.finish(end, &mut batch),
    };
    take(&mut batch);
    response.finish(ending.as_ref().is_ok_and(|ending| !ending.incomplete));
    let folded = response.chat_completion_json(&|choice, index| format!("call_{choice}_{index}"));
    let result = response.result().map(|whole| {
        let media_type = whole.media_type.as_deref().map(str::to_owned);
        (media_type, whole.data.to_vec())
    });
    Heard {
        items,
        ending: ending.map_err(told),
        done,
        result,
        folded,
    }
}

fn told(error: Error) -> (ErrorKind, String, Option<u16>) {
    (
        error.kind(),
        error.message().to_owned(),
        error.http_status(),
    )
}

fn note(items: &mut Vec<Item>, choice: u32, event: Event<'_>) {
    let (kind, index, words) = match event {
        Event::Text(text) => ("text", 0, text.to_owned()),
        Event::Reasoning(text) => ("reasoning", 0, text.to_owned()),
        Event::Refusal(text) => ("refusal", 0, text.to_owned()),
        Event::ToolArgs { index, arguments } => ("tool_args", index, arguments.to_owned()),
        Event::ToolCall { index, id, name } => ("tool_call", index, format!("{id:?} {name}")),
        Event::Part { kind, index, json } => (kind.name(), index, json.to_owned()),
        other => ("other", 0, format!("{other:?}")),
    };
    let joins = matches!(kind, "text" | "reasoning" | "refusal" | "tool_args");
    match items.last_mut() {
        Some(last) if joins && (last.0, last.1, last.2) == (kind, choice, index) => {
            last.3.push_str(&words);
        }
        _ => items.push((kind, choice, index, words)),
    }
}

/// Whether `items` are a beginning of `whole`: the last of them may break off.
pub(crate) fn is_prefix(items: &[Item], whole: &[Item]) -> bool {
    let Some((last, before)) = items.split_last() else {
        return true;
    };
    let Some(next) = whole.get(before.len()) else {
        return false;
    };
    whole.starts_with(before)
        && (last.0, last.1, last.2) == (next.0, next.1, next.2)
        && next.3.starts_with(&last.3)
}
