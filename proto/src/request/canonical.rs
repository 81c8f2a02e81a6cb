//! What of a JSON object's text makes it the same question: its members in the order of their keys, without the blanks between
//! tokens, without those that say nothing. For keys of caches; nobody is sent this.

use super::Request;
use super::splice;
use crate::error::Result;
use crate::json::Cursor;

impl Request {
    /// Appends the members that `counts`, seen with key and value's text, to `out`: two requests whose members are the same, in whatever order and however
    /// spread over lines, append the same, and others do not. A null says nothing. Strings and numbers count as they are written.
    pub fn canonical(&self, mut counts: impl FnMut(&str, &[u8]) -> bool, out: &mut Vec<u8>) {
        let seen = self.fields().filter(|(key, value)| counts(key, value));
        let members = seen.map(|(key, value)| (key.as_bytes(), value));
        write(members, self.spaced, out);
    }
}

/// Appends what [`Request::canonical`] would, of any object's text.
pub fn canonical(
    object: &[u8],
    mut counts: impl FnMut(&str, &[u8]) -> bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut cursor = Cursor::new(object);
    let members = splice::members(object, &mut cursor)?;
    let owned: Vec<(String, &[u8])> = members
        .iter()
        .map(|(key, slot)| (key.owned(), &object[slot.value.clone()]))
        .filter(|(key, value)| counts(key, value))
        .collect();
    let members = owned.iter().map(|(key, value)| (key.as_bytes(), *value));
    write(members, true, out);
    Ok(())
}

fn write<'t>(members: impl Iterator<Item = (&'t [u8], &'t [u8])>, spaced: bool, out: &mut Vec<u8>) {
    let mut members: Vec<(&[u8], &[u8])> = members.filter(|(_, value)| *value != b"null").collect();
    // Stable: of a key that comes twice the later one stays the later.
    members.sort_by_key(|(key, _)| *key);
    for (key, value) in members {
        counted(out, |out| out.extend_from_slice(key));
        // Most texts hold no blanks, which whoever read them saw: then they are copied unread.
        counted(out, |out| match spaced {
            true => squeeze(value, out),
            false => out.extend_from_slice(value),
        });
    }
}

/// Appends what `write` appends, behind its length: nothing that a caller writes runs into what follows.
fn counted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    write(out);
    let length = (out.len() - start - 8) as u64;
    out[start..start + 8].copy_from_slice(&length.to_le_bytes());
}

/// Appends a JSON text without the blanks outside its strings.
fn squeeze(text: &[u8], out: &mut Vec<u8>) {
    let (mut from, mut at) = (0, 0);
    while at < text.len() {
        match text[at] {
            b'"' => at = string_end(text, at + 1),
            b' ' | b'\t' | b'\n' | b'\r' => {
                out.extend_from_slice(&text[from..at]);
                at += 1;
                from = at;
            }
            _ => at += 1,
        }
    }
    out.extend_from_slice(&text[from..]);
}

/// The place behind the quote that ends the string whose text begins at `at`.
fn string_end(text: &[u8], mut at: usize) -> usize {
    loop {
        match memchr::memchr2(b'"', b'\\', &text[at..]) {
            Some(found) if text[at + found] == b'"' => return at + found + 1,
            // Whatever is escaped is one byte at least.
            Some(found) if at + found + 2 <= text.len() => at += found + 2,
            _ => return text.len(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(json: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Request::parse(json.to_owned())
            .unwrap()
            .canonical(|key, _| key != "user", &mut out);
        let mut other = Vec::new();
        canonical(json.as_bytes(), |key, _| key != "user", &mut other).unwrap();
        assert_eq!(out, other, "a request is an object like any other");
        out
    }

    #[test]
    fn order_blanks_and_nulls_do_not_matter() {
        let one = of(r#"{"messages":[{"role":"user","content":"a \" b\\"}],"temperature":0.5}"#);
        let other = of(
            "{ \"temperature\" :0.5,\"seed\":null,\"user\":\"u\", \"messages\":\n\t[ {\"role\": \"user\", \"content\":\"a \\\" b\\\\\" } ]\r\n}",
        );
        assert_eq!(one, other);
    }

    #[test]
    fn everything_else_does() {
        let plain = r#"{"messages":[{"role":"user","content":"a b"}],"n":1}"#;
        for other in [
            r#"{"messages":[{"role":"user","content":"a  b"}],"n":1}"#,
            r#"{"messages":[{"role":"user","content":"ab"}],"n":1}"#,
            r#"{"messages":[{"role":"user","content":"a b"}],"n":2}"#,
            r#"{"messages":[{"role":"user","content":"a b"}]}"#,
            r#"{"messages":[{"role":"user","content":"a b"}],"n":1,"seed":0}"#,
            r#"{"messages":[{"role":"user","content":"a b"},{"role":"user","content":"a b"}],"n":1}"#,
        ] {
            assert_ne!(of(plain), of(other), "{other}");
        }
    }

    #[test]
    fn a_key_does_not_run_into_its_value() {
        let mut one = Vec::new();
        let mut other = Vec::new();
        canonical(br#"{"a":1,"b":2}"#, |_, _| true, &mut one).unwrap();
        canonical(br#"{"a\u001f1\u001eb":2}"#, |_, _| true, &mut other).unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn only_the_last_of_equal_keys_counts_in_a_request() {
        let mut out = Vec::new();
        let request = Request::parse(r#"{"messages":[{"role":"user"}],"n":1,"n":3}"#).unwrap();
        request.canonical(|key, _| key == "n", &mut out);
        assert!(out.ends_with(b"3"), "{out:?}");
        assert_eq!(out.len(), 8 + 1 + 8 + 1);
    }
}
