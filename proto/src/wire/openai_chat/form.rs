//! `multipart/form-data` (RFC 7578): how a file travels with a few words about it.

use crate::error::Result;
use crate::json::{Cursor, Kind};

/// A form that is being filled in.
#[derive(Debug, Default)]
pub(super) struct Form {
    parts: Vec<(String, Vec<u8>)>,
}

impl Form {
    /// A field.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        let head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(name));
        self.parts.push((head, value.as_bytes().to_vec()));
    }

    /// A member of a request: a list is a field for each of its values, and what has no other words is JSON. Null says nothing.
    pub(super) fn json(&mut self, name: &str, json: &str) -> Result<()> {
        let mut cursor = Cursor::new(json.as_bytes());
        match cursor.kind()? {
            Kind::Null => {}
            Kind::String => self.text(name, &cursor.string()?.owned()),
            Kind::Array => {
                let name = format!("{name}[]");
                cursor.array(|cursor| {
                    let value = cursor.raw()?;
                    self.json(&name, &String::from_utf8_lossy(value))
                })?;
            }
            _ => self.text(name, json.trim()),
        }
        Ok(())
    }

    /// A file.
    pub(super) fn file(&mut self, name: &str, filename: &str, kind: &str, data: &[u8]) {
        let kind: String = kind.chars().filter(|c| !c.is_control()).collect();
        let head = format!(
            "Content-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {kind}",
            quoted(name),
            quoted(filename)
        );
        self.parts.push((head, data.to_vec()));
    }

    /// The content type, and the body.
    pub(super) fn finish(self) -> (String, Vec<u8>) {
        let boundary = self.boundary();
        let len: usize = self
            .parts
            .iter()
            .map(|(head, data)| head.len() + data.len() + 64)
            .sum();
        let mut body = Vec::with_capacity(len + 64);
        for (head, data) in &self.parts {
            body.extend_from_slice(format!("--{boundary}\r\n{head}\r\n\r\n").as_bytes());
            body.extend_from_slice(data);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }

    /// A line that no part holds: the same for the same form, so that a recording of it is found again.
    fn boundary(&self) -> String {
        let mut number = 0u64;
        loop {
            let boundary = format!("libllm-form-{number:016x}");
            let held = |data: &[u8]| memchr::memmem::find(data, boundary.as_bytes()).is_some();
            if !self
                .parts
                .iter()
                .any(|(head, data)| held(data) || held(head.as_bytes()))
            {
                return boundary;
            }
            number += 1;
        }
    }
}

/// As browsers write names (RFC 7578 section 4.2; WHATWG HTML, "multipart/form-data").
fn quoted(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '"' => quoted.push_str("%22"),
            '\r' => quoted.push_str("%0D"),
            '\n' => quoted.push_str("%0A"),
            other => quoted.push(other),
        }
    }
    quoted
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_as_browsers_send_it() {
        let mut form = Form::default();
        form.text("model", "m");
        form.json("words", r#"["a", 1, null]"#).unwrap();
        form.json("more", r#"{"b": 1.50}"#).unwrap();
        form.json("none", "null").unwrap();
        form.file(
            "file",
            "a\"\r\n.mp3",
            "audio/mpeg\r\nx: y",
            b"--libllm-form-0000000000000000",
        );
        let (kind, body) = form.finish();
        assert_eq!(
            kind,
            "multipart/form-data; boundary=libllm-form-0000000000000001"
        );
        let expected = [
            "name=\"model\"|m",
            "name=\"words[]\"|a",
            "name=\"words[]\"|1",
            "name=\"more\"|{\"b\": 1.50}",
            "name=\"file\"; filename=\"a%22%0D%0A.mp3\"#Content-Type: audio/mpegx: y|--libllm-form-0000000000000000",
        ];
        let parts = expected.map(|part| {
            let part = part.replace('#', "\r\n").replace('|', "\r\n\r\n");
            format!("--libllm-form-0000000000000001\r\nContent-Disposition: form-data; {part}\r\n")
        });
        assert_eq!(
            String::from_utf8(body).unwrap(),
            format!("{}--libllm-form-0000000000000001--\r\n", parts.concat())
        );
    }
}
