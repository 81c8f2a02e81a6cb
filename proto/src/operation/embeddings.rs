//! Answers to `embeddings`: a list of vectors in OpenAI's shape. A vector's numbers are copied as the provider printed them, and
//! never read: an answer may be megabytes of them.

use crate::base64;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Usage;
use crate::json::write::{self, Object};

/// A list that is being written, vector by vector.
#[derive(Debug)]
pub(crate) struct List {
    out: Vec<u8>,
    count: u64,
}

impl List {
    /// An empty list; `len` is about how long it will be.
    pub(crate) fn begin(len: usize) -> List {
        let mut out = Vec::with_capacity(len + 256);
        out.extend_from_slice(br#"{"object":"list","data":["#);
        List { out, count: 0 }
    }

    /// Adds a vector, JSON as the provider wrote it.
    pub(crate) fn push(&mut self, vector: &[u8]) {
        self.push_kinds(vector, &[]);
    }

    /// The same, where the vector came in other kinds of numbers, too: each with its name.
    pub(crate) fn push_kinds(&mut self, vector: &[u8], others: &[(&str, &[u8])]) {
        if self.count > 0 {
            self.out.push(b',');
        }
        let mut head = String::from(r#"{"object":"embedding","index":"#);
        write::number(self.count, &mut head);
        head.push_str(r#","embedding":"#);
        self.out.extend_from_slice(head.as_bytes());
        compact(vector, &mut self.out);
        if !others.is_empty() {
            self.out.extend_from_slice(br#","embeddings":{"#);
            for (number, (name, vector)) in others.iter().enumerate() {
                if number > 0 {
                    self.out.push(b',');
                }
                self.out
                    .extend_from_slice(format!("\"{name}\":").as_bytes());
                compact(vector, &mut self.out);
            }
            self.out.push(b'}');
        }
        self.out.push(b'}');
        self.count += 1;
    }

    /// The whole answer.
    pub(crate) fn end(mut self, model: Option<&str>, usage: Option<&Usage>) -> Vec<u8> {
        self.out.extend_from_slice(b"],");
        let mut rest = String::new();
        let mut object = Object::begin(&mut rest);
        object.maybe("model", model);
        object.object("usage", |object| {
            object
                .count("prompt_tokens", usage.and_then(|usage| usage.prompt_tokens))
                .count("total_tokens", usage.and_then(|usage| usage.total_tokens));
        });
        object.end();
        self.out.extend_from_slice(&rest.as_bytes()[1..]);
        self.out
    }
}

/// Vectors are all that such an answer holds: what is asked and what both together cost is the same.
pub(crate) fn counted(mut usage: Usage) -> Usage {
    usage.prompt_tokens = usage.prompt_tokens.or(usage.total_tokens);
    usage.total_tokens = usage.total_tokens.or(usage.prompt_tokens);
    usage
}

/// The vector that base64 stands for, as a list of numbers: `f32` in little endian order (OpenAI API reference, "Create embeddings",
/// `encoding_format`), or bytes with a sign where the provider says so.
pub(crate) fn unpack(text: &[u8], int8: bool, out: &mut Vec<u8>) -> Result<()> {
    let bytes = base64::decode_loose(text).ok_or_else(|| bad("is no base64"))?;
    out.push(b'[');
    if int8 {
        for (number, byte) in bytes.iter().enumerate() {
            separate(number, out);
            out.extend_from_slice((*byte as i8).to_string().as_bytes());
        }
    } else {
        let (floats, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(bad("is no list of numbers of four bytes"));
        }
        for (number, float) in floats.iter().enumerate() {
            separate(number, out);
            // Shortest digits that read as the same number; what is none prints as null.
            let float = serde_json::to_vec(&f32::from_le_bytes(*float));
            out.extend_from_slice(&float.unwrap_or_default());
        }
    }
    out.push(b']');
    Ok(())
}

fn separate(number: usize, out: &mut Vec<u8>) {
    if number > 0 {
        out.push(b',');
    }
}

fn bad(why: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("a vector {why}"))
}

/// Lists of numbers need no blanks; a text has some of its own.
fn compact(vector: &[u8], out: &mut Vec<u8>) {
    match vector.first() {
        Some(b'[') => out.extend(vector.iter().filter(|byte| !byte.is_ascii_whitespace())),
        _ => out.extend_from_slice(vector),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn base64_stands_for_floats_or_for_bytes() {
        let mut out = Vec::new();
        // 1.0, -0.5, not a number.
        unpack(b"AACAPwAAAL8AAMB/", false, &mut out).unwrap();
        assert_eq!(out, b"[1.0,-0.5,null]");
        out.clear();
        unpack(b"AX+A/w==", true, &mut out).unwrap();
        assert_eq!(out, b"[1,127,-128,-1]");
        for bad in [&b"AACAPwA="[..], b"*"] {
            let error = unpack(bad, false, &mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }

    #[test]
    fn a_list_is_one_of_openais() {
        let mut list = List::begin(0);
        list.push(b"[ 1.50,\n -2e-3 ]");
        list.push_kinds(b"[1]", &[("int8", b"[2]"), ("base64", b"\"a b\"")]);
        let usage = counted(Usage {
            total_tokens: Some(3),
            ..Usage::default()
        });
        assert_eq!(
            String::from_utf8(list.end(Some("m"), Some(&usage))).unwrap(),
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.50,-2e-3]},{"object":"embedding","index":1,"embedding":[1],"embeddings":{"int8":[2],"base64":"a b"}}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#
        );
        let none = String::from_utf8(List::begin(0).end(None, None)).unwrap();
        assert_eq!(
            none,
            r#"{"object":"list","data":[],"model":null,"usage":{"prompt_tokens":null,"total_tokens":null}}"#
        );
    }
}
