//! Answers to `count_tokens`: what a vocabulary that is at hand or the provider counts, or what is estimated where nobody can be asked.
//!
//! ```
//! use libllm_proto::{Request, operation::tokens};
//!
//! let request = Request::parse(r#"{"messages":[{"role":"user","content":"How many tokens are these words?"}]}"#)?;
//! assert_eq!(tokens::estimate(&request)?, 15);
//! # Ok::<(), libllm_proto::Error>(())
//! ```

use crate::chat::body::{Body, Members};
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Cursor, Kind};
use crate::operation::{Answer, Said, lacks};
use crate::request::Request;

/// What is known of the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Counted here, by the model's own vocabulary.
    Tokenizer,
    /// The provider counted.
    Provider,
    /// Nobody counted.
    Estimated,
}

/// The operation's JSON.
pub fn result(tokens: u64, source: Source) -> Vec<u8> {
    let source = match source {
        Source::Tokenizer => "tokenizer",
        Source::Provider => "provider",
        Source::Estimated => "estimated",
    };
    format!(r#"{{"object":"token_count","prompt_tokens":{tokens},"source":"{source}"}}"#)
        .into_bytes()
}

/// Of the body of a request for an answer what a request for a count has, too.
#[allow(dead_code)] // a build may have no wire that counts
pub(crate) fn counted(whole: &[u8], counts: impl Fn(&str) -> bool) -> Result<Body> {
    let members: Members = serde_json::from_slice(whole)
        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
    let mut body = Body::default();
    for (name, value) in members.0 {
        if counts(&name) {
            body.set(&name, value);
        }
    }
    Ok(body)
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

/// What is said in a conversation of texts alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Spoken {
    /// Messages.
    pub messages: u64,
    /// Those with a `name`.
    pub names: u64,
    /// Roles, contents and names.
    pub texts: Vec<String>,
}

/// What a vocabulary can count of a conversation: texts. `None` if anything else is sent: how a model is told of tools, calls, schemas,
/// pictures and sound is no provider's public word.
pub fn spoken(request: &Request) -> Result<Option<Spoken>> {
    let more = ["tools", "functions", "response_format"];
    let empty = |json: &[u8]| matches!(json, b"null" | b"[]");
    if more
        .iter()
        .any(|name| request.field(name).is_some_and(|json| !empty(json)))
    {
        return Ok(None);
    }
    let (mut spoken, mut all) = (Spoken::default(), true);
    let Some(json) = request.field("messages") else {
        return Ok(None);
    };
    let mut cursor = Cursor::new(json);
    if cursor.kind()? != Kind::Array {
        return Ok(None);
    }
    cursor.array(|cursor| {
        spoken.messages += 1;
        if cursor.kind()? != Kind::Object {
            all = false;
            return cursor.skip();
        }
        cursor.object(|key, cursor| {
            match (key, cursor.kind()?) {
                (b"role" | b"content" | b"name", Kind::String) => {
                    spoken.names += u64::from(key == b"name");
                    spoken.texts.push(cursor.string()?.owned());
                }
                (b"content", Kind::Array) => cursor.array(|cursor| {
                    all &= text_part(cursor, &mut spoken.texts)?;
                    Ok(())
                })?,
                (_, Kind::Null) => cursor.skip()?,
                _ => {
                    all = false;
                    cursor.skip()?;
                }
            }
            Ok(())
        })
    })?;
    Ok(all.then_some(spoken))
}

/// The text of a part; whether it is one.
fn text_part(cursor: &mut Cursor<'_>, texts: &mut Vec<String>) -> Result<bool> {
    if cursor.kind()? != Kind::Object {
        cursor.skip()?;
        return Ok(false);
    }
    let (mut text, mut other) = (None, false);
    cursor.object(|key, cursor| {
        match (key, cursor.kind()?) {
            (b"text", Kind::String) => text = Some(cursor.string()?.owned()),
            (b"type", Kind::String) => other |= cursor.string()?.owned() != "text",
            _ => {
                other = true;
                cursor.skip()?;
            }
        }
        Ok(())
    })?;
    let is_text = text.is_some() && !other;
    texts.extend(text);
    Ok(is_text)
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
    fn texts_are_all_that_a_vocabulary_counts() {
        let of = |json: &str| spoken(&Request::parse(json.to_owned()).unwrap()).unwrap();
        let said = of(
            r#"{"messages":[{"role":"system","content":"a","name":"n"},{"role":"user","content":[{"type":"text","text":"b"},{"type":"text","text":"c"}],"tool_calls":null}],"tools":[]}"#,
        );
        let texts = ["system", "a", "n", "user", "b", "c"]
            .map(str::to_owned)
            .to_vec();
        let (messages, names) = (2, 1);
        assert_eq!(
            said,
            Some(Spoken {
                messages,
                names,
                texts
            })
        );
        for other in [
            r#"{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function"}]}"#,
            r#"{"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_object"}}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}]}"#,
            r#"{"messages":[{"role":"assistant","content":"a","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}]}"#,
            r#"{"messages":[{"role":"tool","content":"a","tool_call_id":"c"}]}"#,
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

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
