//! A request and an answer that go as they came, because caller and provider speak one format: what routing changes is spliced
//! in, and only whole events leave.

use memchr::memmem;

use crate::error::Result;
use crate::json::{Cursor, Kind};
use crate::request::splice::{Edits, Slot, join, members};

/// The caller's body for a target: every member that `probe`, the target's own body of some request, holds beside what is said
/// in it, is set; of two with one key the last stays.
pub fn routed(body: &[u8], probe: &[u8]) -> Result<Vec<u8>> {
    const SAID: [&str; 3] = ["messages", "input", "max_tokens"];
    let mut cursor = Cursor::new(probe);
    let wanted = members(probe, &mut cursor)?;
    let mut cursor = Cursor::new(body);
    let written = members(body, &mut cursor)?;
    let close = cursor.position() - 1;
    let mut gone = vec![false; written.len()];
    for (number, (key, _)) in written.iter().enumerate() {
        let later = &written[number + 1..];
        gone[number] = later.iter().any(|(other, _)| other.owned() == key.owned());
    }
    let (mut edits, mut added) = (Edits::default(), Vec::new());
    for (key, slot) in &wanted {
        let (key, value) = (key.owned(), &probe[slot.value.clone()]);
        if SAID.contains(&key.as_str()) {
            continue;
        }
        match written.iter().rposition(|(name, _)| name.is(&key)) {
            Some(at) if body[written[at].1.value.clone()] == *value => {}
            Some(at) => edits.replace(written[at].1.value.clone(), value.to_vec()),
            None => added.push((key, value.to_vec())),
        }
    }
    // Where the model stands in the path, neither it nor the wish for a stream has a place in the body.
    if !wanted.iter().any(|(key, _)| key.is("model")) {
        for (number, (key, _)) in written.iter().enumerate() {
            let named = wanted.iter().any(|(name, _)| name.owned() == key.owned());
            gone[number] |= !named && (key.is("model") || key.is("stream"));
        }
    }
    let slots: Vec<&Slot> = written.iter().map(|(_, slot)| slot).collect();
    edits.reshape(&slots, |number| gone[number], join(&added), close);
    Ok(edits.apply(body))
}

/// The events of a stream on their way through: bytes come cut anywhere, whole events leave, so that a stream which breaks can
/// still be told of.
#[derive(Debug, Default)]
pub struct Events {
    held: Vec<u8>,
    /// How far `held` was looked through.
    seen: usize,
    /// The line at `seen` has no bytes yet.
    blank: bool,
    /// The last byte was a CR that ended a line; an LF that follows belongs to it.
    after_cr: bool,
    without_usage: bool,
}

impl Events {
    /// With `without_usage` the chunk of Chat Completions that holds nothing but the usage stays here: the caller did not ask for it.
    pub fn new(without_usage: bool) -> Events {
        Events {
            blank: true,
            without_usage,
            ..Events::default()
        }
    }

    /// Takes bytes; gives those of the events that are whole by now.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(bytes);
        let mut done = 0;
        while let Some(end) = self.event_end() {
            let event = &self.held[done..end];
            if !(self.without_usage && is_usage(event)) {
                out.extend_from_slice(event);
            }
            done = end;
        }
        self.held.drain(..done);
        self.seen -= done;
    }

    /// The stream has ended well: gives what no blank line closed.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        self.seen = 0;
    }

    /// Where the next event ends that is whole.
    fn event_end(&mut self) -> Option<usize> {
        while let Some(byte) = self.held.get(self.seen) {
            self.seen += 1;
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    if std::mem::replace(&mut self.blank, true) {
                        return Some(self.seen);
                    }
                }
                _ => (self.blank, self.after_cr) = (false, false),
            }
        }
        None
    }
}

/// Whether an event is a chunk without choices that holds usage.
fn is_usage(event: &[u8]) -> bool {
    if memmem::find(event, b"\"usage\"").is_none() {
        return false;
    }
    let Some(start) = memchr::memchr(b'{', event) else {
        return false;
    };
    let (mut empty, mut usage) = (false, false);
    let read = Cursor::new(&event[start..]).object(|key, cursor| {
        match key {
            b"choices" => {
                empty = cursor.kind()? == Kind::Array && cursor.raw()?[1..].trim_ascii() == b"]";
            }
            b"usage" => usage = cursor.kind()? == Kind::Object,
            _ => {}
        }
        Ok(())
    });
    read.is_ok() && empty && usage
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn routed_text(body: &str, probe: &str) -> String {
        String::from_utf8(routed(body.as_bytes(), probe.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn only_routed_fields_change() {
        let probe = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":8192,"stream":true}"#;
        assert_eq!(
            routed_text(
                "{ \"model\" : \"a/m\" ,\"stream\":true, \"x\": 1.50e0,\"messages\":[]}\n",
                probe
            ),
            "{ \"model\" : \"m\" ,\"stream\":true, \"x\": 1.50e0,\"messages\":[]}\n"
        );
        assert_eq!(
            routed_text(r#"{"mod\u0065l":"a","model":"b","messages":[]}"#, probe),
            r#"{"model":"m","messages":[],"stream":true}"#
        );
    }

    #[test]
    fn a_place_that_holds_the_model_in_its_path_gets_none() {
        let probe = r#"{"anthropic_version":"v","messages":[],"max_tokens":1}"#;
        assert_eq!(
            routed_text(r#"{"model":"a","stream":true,"max_tokens":7}"#, probe),
            r#"{"max_tokens":7,"anthropic_version":"v"}"#
        );
    }

    fn through(text: &[u8], cut: usize, without_usage: bool) -> Vec<u8> {
        let (mut events, mut out) = (Events::new(without_usage), Vec::new());
        for piece in text.chunks(cut) {
            events.push(piece, &mut out);
        }
        events.finish(&mut out);
        out
    }

    #[test]
    fn bytes_go_through_however_they_are_cut() {
        for text in [
            &b"data: a\n\ndata: b\n\n"[..],
            b"data: a\r\n\r\n: c\r\n\r\ndata: b\r\n\r\n",
            b"data: a\r\rdata: b\r\r",
            b"\n\n\ndata: a",
            b"",
        ] {
            for cut in 1..=text.len().max(1) {
                assert_eq!(through(text, cut, false), text, "{cut}");
                assert_eq!(through(text, cut, true), text, "{cut}");
            }
        }
    }

    #[test]
    fn only_whole_events_leave() {
        let (mut events, mut out) = (Events::new(false), Vec::new());
        events.push(b"data: a\n\ndata: b\n", &mut out);
        assert_eq!(out, b"data: a\n\n");
        events.push(b"\nda", &mut out);
        assert_eq!(out, b"data: a\n\ndata: b\n\n");
    }

    #[test]
    fn a_chunk_of_usage_alone_stays_here() {
        let chunk = r#"data: {"choices":[{"delta":{"content":"\"usage\""}}],"usage":null}"#;
        let usage = r#"data: {"id":"a","choices": [ ],"usage":{"prompt_tokens":1}}"#;
        for end in ["\n\n", "\r\n\r\n", "\r\r"] {
            let text = format!("{chunk}{end}{usage}{end}data: [DONE]{end}");
            let left = format!("{chunk}{end}data: [DONE]{end}").replace('\n', "");
            for cut in 1..=text.len() {
                let out = through(text.as_bytes(), cut, true);
                let out = String::from_utf8(out).unwrap();
                assert_eq!(out.replace('\n', ""), left, "{cut}");
            }
        }
    }
}
