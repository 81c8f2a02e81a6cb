//! One content block of an answer: its members, and what has come of it while it is streamed.

use super::other::Other;
use crate::error::Result;
use crate::json::{Cursor, Half, Kind, Str};

/// The members of a block as a server says it; all the same keys are used for `content_block` and for a unary `content[]`.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) kind: Option<Str<'a>>,
    pub(super) text: Option<Str<'a>>,
    pub(super) thinking: Option<Str<'a>>,
    pub(super) signature: Option<Str<'a>>,
    pub(super) id: Option<Str<'a>>,
    pub(super) name: Option<Str<'a>>,
    pub(super) input: Option<&'a [u8]>,
    pub(super) citations: Option<&'a [u8]>,
}

impl<'a> Members<'a> {
    pub(super) fn read(block: &'a [u8]) -> Result<Members<'a>> {
        let mut members = Members::default();
        let mut cursor = Cursor::new(block);
        if cursor.kind()? != Kind::Object {
            return Ok(members);
        }
        cursor.object(|key, cursor| {
            match key {
                b"type" => members.kind = cursor.text()?,
                b"text" => members.text = cursor.text()?,
                b"thinking" => members.thinking = cursor.text()?,
                b"signature" => members.signature = cursor.text()?,
                b"id" => members.id = cursor.text()?,
                b"name" => members.name = cursor.text()?,
                b"input" => members.input = Some(cursor.raw()?),
                b"citations" => members.citations = Some(cursor.raw()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(members)
    }

    /// What kind of block this is.
    pub(super) fn role(&self) -> Role {
        let Some(kind) = self.kind else {
            return Role::Unknown;
        };
        match kind.raw() {
            b"text" => Role::Text,
            b"thinking" => Role::Thinking,
            b"redacted_thinking" => Role::Redacted,
            b"tool_use" => Role::Tool,
            // Anthropic docs "server tools" and "MCP connector": calls and results that run on the provider's side.
            b"server_tool_use" | b"mcp_tool_use" => Role::ServerCall,
            b"container_upload" => Role::ServerResult,
            // Anthropic docs "Compaction": what the conversation so far was, which stands for it from then on.
            b"compaction" => Role::Other,
            name if name.ends_with(b"_tool_result") => Role::ServerResult,
            _ => Role::Unknown,
        }
    }
}

/// What a block means to us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Text,
    Thinking,
    Redacted,
    Tool,
    ServerCall,
    ServerResult,
    /// Of the provider's own, and put together as it comes.
    Other,
    /// The same, and nobody here knows it; or without a type.
    Unknown,
}

/// A block that has begun and not ended.
pub(super) struct Open {
    /// The provider's number of it.
    pub(super) index: u32,
    pub(super) state: State,
    /// The first half of a surrogate pair that was cut between two deltas.
    pub(super) half: Half,
}

pub(super) enum State {
    Text,
    /// What must be sent back byte for byte: the text and the signature as written between the quotes, escapes and all.
    Thinking {
        text: Vec<u8>,
        signature: Vec<u8>,
    },
    /// Our number of the call; the input it began with, unless a delta came since.
    Tool {
        call: u32,
        input: Option<Vec<u8>>,
    },
    /// The block as it began, and the text of its input.
    ServerCall {
        block: Vec<u8>,
        input: String,
    },
    /// What has come of a block that is none of these.
    Other(Other),
    /// Nothing is expected of it: it was whole when it began.
    Ignored,
}

/// The JSON of a thinking block, from what is written between the quotes.
pub(super) fn thinking_json(text: &[u8], signature: &[u8]) -> String {
    let json = [
        br#"{"type":"thinking","thinking":""#,
        text,
        br#"","signature":""#,
        signature,
        br#""}"#,
    ]
    .concat();
    String::from_utf8_lossy(&json).into_owned()
}

/// The block with `input` in the place of the one it began with; as it began if that is no JSON.
pub(super) fn server_call_json(block: &[u8], input: &str) -> Result<String> {
    let whole = String::from_utf8_lossy(block).into_owned();
    if crate::json::check(input.as_bytes()).is_err() {
        return Ok(whole);
    }
    let mut place = None;
    Cursor::new(block).object(|key, cursor| {
        if key == b"input" {
            let value = cursor.raw()?;
            place = Some((cursor.position() - value.len(), cursor.position()));
        }
        Ok(())
    })?;
    let Some((start, end)) = place else {
        return Ok(whole);
    };
    let json = [&block[..start], input.as_bytes(), &block[end..]].concat();
    Ok(String::from_utf8_lossy(&json).into_owned())
}
