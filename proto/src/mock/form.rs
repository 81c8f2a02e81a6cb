//! `multipart/form-data` (RFC 7578), as far as a scripted provider has to read it: names and contents.

use serde_json::{Map, Value};

use super::AskError;

/// The form's fields as an object; what is no text in them is read as if it were.
pub(super) fn read(body: &[u8]) -> Result<Value, AskError> {
    let bad = || "the body is no form".to_owned();
    // The boundary is the body's first line (RFC 2046 5.1.1, without a preamble).
    let end = memchr::memmem::find(body, b"\r\n").ok_or_else(bad)?;
    let (boundary, mut rest) = body.split_at(end);
    if !boundary.starts_with(b"--") || boundary.len() < 3 {
        return Err(bad());
    }
    let delimiter = [b"\r\n", boundary].concat();
    let mut fields = Map::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let length = memchr::memmem::find(part, &delimiter).ok_or_else(bad)?;
        let head = memchr::memmem::find(&part[..length], b"\r\n\r\n").ok_or_else(bad)?;
        let name = name(&part[..head]).ok_or_else(bad)?;
        let content = String::from_utf8_lossy(&part[head + 4..length]);
        fields.insert(name, Value::from(content));
        rest = &part[length + delimiter.len()..];
    }
    match rest.starts_with(b"--") {
        true => Ok(Value::Object(fields)),
        false => Err(bad()),
    }
}

/// The name in a part's `Content-Disposition`.
fn name(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let (_, rest) = head.split_once("; name=\"")?;
    let (name, _) = rest.split_once('"')?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_the_fields_it_was_given() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\necho\r\n--x\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\na\r\nb\r\n--x--\r\n";
        let form = read(body).unwrap();
        assert_eq!(form["model"], "echo");
        assert_eq!(form["file"], "a\r\nb");
        for wrong in [
            &b""[..],
            b"{}",
            b"--x\r\n",
            &body[..body.len() - 10],
            b"--\r\n\r\n",
        ] {
            assert!(read(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }
}
