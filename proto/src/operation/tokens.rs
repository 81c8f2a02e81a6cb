//! Answers to `count_tokens`: what the provider counts, or what is estimated where nobody can be asked.
//!
//! ```
//! use libllm_proto::{Request, operation::tokens};
//!
//! let request = Request::parse(r#"{"messages":[{"role":"user","content":"How many tokens are these words?"}]}"#)?;
//! assert_eq!(tokens::estimate(&request)?, 15);
//! # Ok::<(), libllm_proto::Error>(())
//! ```

use crate::error::Result;
use crate::json::{Cursor, Kind};
use crate::operation::{Answer, Said, lacks};
use crate::request::Request;

/// What is known of the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The provider counted.
    Provider,
    /// Nobody counted.
    Estimated,
}

/// The operation's JSON.
pub fn result(tokens: u64, source: Source) -> Vec<u8> {
    let source = match source {
        Source::Provider => "provider",
        Source::Estimated => "estimated",
    };
    format!(r#"{{"object":"token_count","prompt_tokens":{tokens},"source":"{source}"}}"#)
        .into_bytes()
}

/// Hears an answer whose member `name` is the count.
#[allow(dead_code)] // a build may have no wire that counts
pub(crate) fn hear(answer: &Answer<'_>, name: &[u8]) -> Result<Said> {
    let mut count = None;
    let mut cursor = Cursor::new(answer.body);
    cursor.object(|key, cursor| {
        if key == name {
            count = cursor.count()?;
        }
        Ok(())
    })?;
    cursor.end()?;
    let count = count.ok_or_else(|| lacks("count"))?;
    Ok(Said {
        result: result(count, Source::Provider),
        ..Said::default()
    })
}

/// About how many tokens the conversation and its tools are: a token for every four bytes of ASCII and for every other character,
/// four for what is around a message, and a fixed number for whatever is no text. Of English within a fifth or so of what
/// tokenizers of 100,000 words and more count; of other languages rather too many.
pub fn estimate(request: &Request) -> Result<u64> {
    let mut weight = Weight::default();
    for name in ["messages", "tools", "functions", "response_format"] {
        let Some(json) = request.field(name) else {
            continue;
        };
        let mut cursor = Cursor::new(json);
        match (name, cursor.kind()?) {
            ("messages", Kind::Array) => cursor.array(|cursor| {
                weight.tokens += MESSAGE;
                message(cursor, &mut weight)
            })?,
            // A schema is told to the model in some words of its own: the JSON's length comes near.
            _ => weight.add(&String::from_utf8_lossy(json)),
        }
    }
    Ok(weight.tokens + weight.ascii.div_ceil(4) + ANSWER)
}

fn message(cursor: &mut Cursor<'_>, weight: &mut Weight) -> Result<()> {
    if cursor.kind()? != Kind::Object {
        return cursor.skip();
    }
    cursor.object(|key, cursor| match (key, cursor.kind()?) {
        (b"role" | b"tool_call_id" | b"libllm_parts", _) => Ok(()),
        (b"content", Kind::Array) => cursor.array(|cursor| part(cursor, weight)),
        (_, Kind::String) => {
            weight.add(&cursor.string()?.owned());
            Ok(())
        }
        _ => {
            weight.add(&String::from_utf8_lossy(cursor.raw()?));
            Ok(())
        }
    })
}

fn part(cursor: &mut Cursor<'_>, weight: &mut Weight) -> Result<()> {
    if cursor.kind()? != Kind::Object {
        return cursor.skip();
    }
    let mut is_text = false;
    cursor.object(|key, cursor| {
        if key == b"text"
            && let Some(text) = cursor.text()?
        {
            is_text = true;
            weight.add(&text.owned());
        }
        Ok(())
    })?;
    if !is_text {
        weight.tokens += THING;
    }
    Ok(())
}

#[derive(Default)]
struct Weight {
    ascii: u64,
    tokens: u64,
}

impl Weight {
    fn add(&mut self, text: &str) {
        let ascii = text.bytes().filter(u8::is_ascii).count() as u64;
        self.ascii += ascii;
        self.tokens += text
            .chars()
            .filter(|character| !character.is_ascii())
            .count() as u64;
    }
}

/// Role and separators (OpenAI cookbook, "How to count tokens with tiktoken": three, and the role's own).
const MESSAGE: u64 = 4;
/// The beginning of the answer (the same).
const ANSWER: u64 = 3;
/// A picture of middling size (OpenAI, "Images and vision": 765 for 1024 by 1024; Anthropic, "Vision": about 1,600 at most).
const THING: u64 = 765;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_grows_with_what_is_said() {
        let of = |json: &str| estimate(&Request::parse(json.to_owned()).unwrap()).unwrap();
        let plain = of(r#"{"messages":[{"role":"user","content":"abcdefgh"}]}"#);
        assert_eq!(plain, 4 + 2 + 3);
        let parts = of(
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"abcd"},{"type":"image_url","image_url":{"url":"u"}},{"type":"text","text":"efgh"}]}]}"#,
        );
        assert_eq!(parts, plain + 765);
        let foreign = of(r#"{"messages":[{"role":"user","content":"\u65e5\u672c\u8a9e"}]}"#);
        assert_eq!(foreign, 4 + 3 + 3);
        let tools = of(
            r#"{"messages":[{"role":"user","content":"abcdefgh"}],"tools":[{"type":"function","function":{"name":"f"}}]}"#,
        );
        assert!(tools > plain + 8, "{tools}");
        let turns = of(
            r#"{"messages":[{"role":"user","content":"abcdefgh"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}]}"#,
        );
        assert!(turns > plain + 4, "{turns}");
    }
}
