//! Pieces of an answer as events: what the stream and the whole message have in common.

use crate::error::Result;
use crate::event::{Batch, Event, Finish, PartKind};
use crate::json::{Cursor, Kind, Str};

/// Text that came in one piece.
pub(super) fn push_text(text: Option<Str<'_>>, scratch: &mut String, batch: &mut Batch) {
    if let Some(text) = text {
        batch.push(0, Event::Text(text.decode(scratch)));
    }
}

/// A part, byte for byte but for bytes that are no UTF-8.
pub(super) fn push_part(kind: PartKind, index: u32, json: &[u8], batch: &mut Batch) {
    batch.push(
        0,
        Event::Part {
            kind,
            index,
            json: &String::from_utf8_lossy(json),
        },
    );
}

/// Citations that came in one piece.
pub(super) fn push_citations(
    index: u32,
    citations: Option<&[u8]>,
    batch: &mut Batch,
) -> Result<()> {
    let Some(citations) = citations else {
        return Ok(());
    };
    let mut cursor = Cursor::new(citations);
    if cursor.kind()? != Kind::Array {
        return Ok(());
    }
    cursor.array(|cursor| {
        push_part(PartKind::Citation, index, cursor.raw()?, batch);
        Ok(())
    })
}

/// Arguments that came in one piece. A call without any has none: an object all the same, so that what was joined parses.
pub(super) fn push_arguments(call: u32, input: &[u8], batch: &mut Batch) {
    let arguments = match input {
        b"" | b"null" => "{}".into(),
        input => String::from_utf8_lossy(input),
    };
    batch.push(
        0,
        Event::ToolArgs {
            index: call,
            arguments: &arguments,
        },
    );
}

/// Anthropic docs "Handling stop reasons". A refusal may explain itself in `stop_details`.
pub(super) fn push_finish(
    reason: Str<'_>,
    details: Option<&[u8]>,
    batch: &mut Batch,
) -> Result<()> {
    let finish = match reason.raw() {
        // `pause_turn` and `compaction` hand back a turn that the caller may send again to go on.
        b"end_turn" | b"stop_sequence" | b"pause_turn" | b"compaction" => Some(Finish::Stop),
        b"max_tokens" | b"model_context_window_exceeded" => Some(Finish::Length),
        b"tool_use" => Some(Finish::ToolCalls),
        b"refusal" => Some(Finish::ContentFilter),
        _ => None,
    };
    if finish == Some(Finish::ContentFilter) {
        push_explanation(details, batch)?;
    }
    batch.push(
        0,
        Event::Finish {
            reason: finish,
            raw: Some(&reason.owned()),
        },
    );
    Ok(())
}

fn push_explanation(details: Option<&[u8]>, batch: &mut Batch) -> Result<()> {
    let Some(details) = details else {
        return Ok(());
    };
    let mut cursor = Cursor::new(details);
    if cursor.kind()? != Kind::Object {
        return Ok(());
    }
    cursor.object(|key, cursor| {
        if key == b"explanation"
            && let Some(text) = cursor.text()?
        {
            batch.push(0, Event::Refusal(&text.owned()));
        }
        Ok(())
    })
}
