//! Pieces of an answer as events: what both versions of the format have in common.

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Batch, Event, Finish, PartKind};
use crate::json::{Cursor, Kind, Str};
use crate::refusal;

/// The tool calls of one answer, counted.
#[derive(Debug, Default)]
pub(super) struct Calls(u32);

impl Calls {
    /// Whether there was one.
    pub(super) fn any(&self) -> bool {
        self.0 > 0
    }

    /// One more; its number.
    pub(super) fn begin(
        &mut self,
        id: Option<Str<'_>>,
        name: Option<Str<'_>>,
        batch: &mut Batch,
    ) -> Result<u32> {
        if self.0 == CALLS_MAX {
            let message = format!("answer exceeds {CALLS_MAX} tool calls");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        let index = self.0;
        self.0 += 1;
        let id = id.map(|id| id.owned()).filter(|id| !id.is_empty());
        let name = name.map(|name| name.owned()).unwrap_or_default();
        batch.push(
            0,
            Event::ToolCall {
                index,
                id: id.as_deref(),
                name: &name,
            },
        );
        Ok(index)
    }
}

/// Arguments that came in one piece: JSON, or the text of it. None at all are an object, so that what was joined parses.
pub(super) fn push_arguments(index: u32, json: Option<&[u8]>, batch: &mut Batch) -> Result<()> {
    let mut cursor = Cursor::new(json.unwrap_or(b"null"));
    let text = match cursor.kind()? {
        Kind::String => cursor.string()?.owned(),
        Kind::Null => String::new(),
        _ => String::from_utf8_lossy(cursor.raw()?).into_owned(),
    };
    let arguments = if text.is_empty() { "{}" } else { &text };
    batch.push(0, Event::ToolArgs { index, arguments });
    Ok(())
}

/// A part, byte for byte but for bytes that are no UTF-8.
pub(super) fn push_part(kind: PartKind, index: u32, json: &[u8], batch: &mut Batch) {
    let json = &String::from_utf8_lossy(json);
    batch.push(0, Event::Part { kind, index, json });
}

/// A citation, or a list of them; the number of the next one.
pub(super) fn push_citations(first: u32, json: &[u8], batch: &mut Batch) -> Result<u32> {
    let mut cursor = Cursor::new(json);
    let mut next = first;
    match cursor.kind()? {
        Kind::Object => {
            push_part(PartKind::Citation, next, json, batch);
            next += 1;
        }
        Kind::Array => cursor.array(|cursor| {
            push_part(PartKind::Citation, next, cursor.raw()?, batch);
            next += 1;
            Ok(())
        })?,
        _ => {}
    }
    Ok(next)
}

/// The end in the format's word, or the error that it is. `told` is the object that explains it.
pub(super) fn push_finish(
    word: Str<'_>,
    told: &[u8],
    calls: &Calls,
    batch: &mut Batch,
) -> Result<()> {
    let raw = word.owned();
    let reason = match raw.as_str() {
        "COMPLETE" | "STOP_SEQUENCE" if calls.any() => Some(Finish::ToolCalls),
        "COMPLETE" | "STOP_SEQUENCE" => Some(Finish::Stop),
        // The second is version 1's word for a context that is full.
        "MAX_TOKENS" | "ERROR_LIMIT" => Some(Finish::Length),
        "TOOL_CALL" => Some(Finish::ToolCalls),
        "ERROR_TOXIC" => Some(Finish::ContentFilter),
        "ERROR" | "TIMEOUT" => return Err(failed(&raw, told)),
        _ => None,
    };
    let raw = Some(raw.as_str());
    batch.push(0, Event::Finish { reason, raw });
    Ok(())
}

/// The error that ended an answer.
fn failed(word: &str, told: &[u8]) -> Error {
    match refusal::from_value(told, true) {
        Some(error) if refusal::from_value(told, false).is_some() => error,
        _ => Error::new(
            ErrorKind::ProviderError,
            format!("the provider ends the answer with {word}"),
        ),
    }
}

/// Tool calls of one answer (BEHAVIOUR 9).
const CALLS_MAX: u32 = 1024;
