//! The yardstick: serde_json into types that borrow from the bytes, which is the least that a program without libllm does.

use std::borrow::Cow;

use serde::Deserialize;

/// A chat chunk, as far as a reader of text needs it; serde skips the rest.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "fields are parsed to be measured")]
pub(crate) struct Chunk<'a> {
    #[serde(borrow)]
    id: &'a str,
    #[serde(borrow)]
    model: &'a str,
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "fields are parsed to be measured")]
struct Choice<'a> {
    index: u32,
    #[serde(borrow)]
    delta: Delta<'a>,
    #[serde(borrow)]
    finish_reason: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
}

// serde's own `Option<Cow<str>>` always copies; a newtype borrows where the string has no escapes.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Chunk<'_> {
    /// The delta, if there is one.
    pub(crate) fn text(&self) -> Option<&str> {
        self.choices
            .first()?
            .delta
            .content
            .as_ref()
            .map(|text| &*text.0)
    }
}

/// Parses payloads that were split and checked to be UTF-8 beforehand, for free.
pub(crate) fn payloads(payloads: &[&str], mut take: impl FnMut(&str)) {
    for payload in payloads {
        let chunk: Chunk<'_> = serde_json::from_str(payload).expect("a chunk");
        chunk.text().into_iter().for_each(&mut take);
    }
}

/// Splits lines with memchr and parses what follows `data: `. No more of SSE than that: no event that is cut by a read.
pub(crate) fn sse(bytes: &[u8], mut take: impl FnMut(&str)) {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        let line = &bytes[start..end];
        start = end + 1;
        if let Some(payload) = line.strip_prefix(b"data: ")
            && payload != b"[DONE]"
        {
            let chunk: Chunk<'_> = serde_json::from_slice(payload).expect("a chunk");
            chunk.text().into_iter().for_each(&mut take);
        }
    }
}
