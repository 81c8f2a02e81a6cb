//! A content block that has begun and not ended, and the JSON of what must be sent back byte for byte.

use crate::json::Half;

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
    /// As written between the quotes, escapes and all.
    Reasoning {
        text: Vec<u8>,
        signature: Vec<u8>,
        redacted: Vec<u8>,
    },
    /// Our number of the call, and whether any of its input came.
    Tool {
        call: u32,
        begun: bool,
    },
    /// A tool of the provider's side: how its block began, and the text of its input.
    ServerTool {
        start: Vec<u8>,
        input: String,
    },
    /// What such a tool answered: how its block began, and the pieces.
    ServerResult {
        start: Vec<u8>,
        pieces: Vec<u8>,
    },
    /// A picture: how its block began.
    Image {
        start: Vec<u8>,
    },
}

impl State {
    pub(super) fn reasoning() -> State {
        State::Reasoning {
            text: Vec::new(),
            signature: Vec::new(),
            redacted: Vec::new(),
        }
    }
}

/// The block of signed reasoning, from what is written between the quotes.
pub(super) fn signed(text: &[u8], signature: &[u8]) -> String {
    join(&[
        br#"{"reasoningContent":{"reasoningText":{"text":""#,
        text,
        br#"","signature":""#,
        signature,
        br#""}}}"#,
    ])
}

/// The block of reasoning that nobody can read.
pub(super) fn redacted(content: &[u8]) -> String {
    join(&[
        br#"{"reasoningContent":{"redactedContent":""#,
        content,
        br#""}}"#,
    ])
}

/// A block of this name, its object as it began with one member more.
pub(super) fn grown(name: &str, start: &[u8], member: &str, value: &[u8]) -> String {
    let start = start.trim_ascii();
    let begun = start.strip_suffix(b"}").unwrap_or(b"{");
    let comma: &[u8] = match begun.trim_ascii_end().ends_with(b"{") {
        true => b"",
        false => b",",
    };
    join(&[
        b"{\"",
        name.as_bytes(),
        b"\":",
        begun,
        comma,
        b"\"",
        member.as_bytes(),
        b"\":",
        value,
        b"}}",
    ])
}

fn join(parts: &[&[u8]]) -> String {
    String::from_utf8_lossy(&parts.concat()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_grow_by_a_member() {
        assert_eq!(
            grown("image", br#"{"format":"png"} "#, "source", b"{}"),
            r#"{"image":{"format":"png","source":{}}}"#
        );
        assert_eq!(grown("x", b"{ }", "a", b"1"), r#"{"x":{ "a":1}}"#);
    }
}
