//! Ollama's own format as its server prints it: lines of `/api/chat` and `/api/generate`, the whole object, errors.
//! (docs/api.md and docs/openapi.yaml of github.com/ollama/ollama, read 2026-11-21.)

use super::answer::{Facts, quoted};
use super::openai::append;
use super::pieces::{Piece, Pieces};
use super::stream::Voice;
use super::{Kind, unary};

/// A stream of lines.
#[derive(Debug)]
pub(super) struct Lines {
    facts: Facts,
    said: Said,
    /// A call comes whole: its name and what is there of its arguments.
    held: Option<(String, String)>,
    calls: usize,
}

/// Where an answer's text stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Said {
    /// `message`, of `/api/chat`.
    Message,
    /// `response`, of `/api/generate`.
    Response,
}

impl Lines {
    pub(super) fn new(facts: Facts, said: Said) -> Lines {
        Lines {
            facts,
            said,
            held: None,
            calls: 0,
        }
    }

    fn line(&self, thinking: &str, text: &str, calls: &str, out: &mut Vec<u8>) {
        let body = self.said.body(thinking, text, calls);
        let prelude = prelude(&self.facts);
        append(out, format_args!("{prelude}{body},\"done\":false}}\n"));
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        if let Some((name, arguments)) = self.held.take() {
            let call = call(&self.facts, self.calls, &name, &arguments);
            self.calls += 1;
            self.line("", "", &call, out);
        }
    }
}

impl Voice for Lines {
    // The server says nothing before the first token.
    fn open(&mut self, _out: &mut Vec<u8>) {}

    fn piece(&mut self, _choice: u32, piece: &Piece<'_>, out: &mut Vec<u8>) {
        match piece {
            Piece::Reasoning(text) => self.line(text, "", "", out),
            Piece::Text(text) => self.line("", text, "", out),
            Piece::Refusal(text) => self.line("", text, "", out),
            Piece::Tool(_, tool) => {
                self.release(out);
                self.held = Some((tool.name.clone(), String::new()));
            }
            Piece::Arguments(_, text) => {
                if let Some((_, arguments)) = &mut self.held {
                    arguments.push_str(text);
                }
            }
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        self.release(out);
        let body = self.said.body("", "", "");
        let (prelude, end) = (prelude(&self.facts), end(&self.facts));
        append(out, format_args!("{prelude}{body}{end}}}\n"));
    }

    fn ping(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
    }

    fn garbage(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(unary::GARBAGE);
        out.push(b'\n');
    }

    fn error(&self, kind: Kind, out: &mut Vec<u8>) {
        let error = error(kind.message(super::Dialect::Ollama));
        append(out, format_args!("{error}\n"));
    }
}

impl Said {
    fn body(self, thinking: &str, text: &str, calls: &str) -> String {
        let thinking = match thinking {
            "" => String::new(),
            thinking => format!(",\"thinking\":{}", quoted(thinking)),
        };
        let calls = match calls {
            "" => String::new(),
            calls => format!(",\"tool_calls\":[{calls}]"),
        };
        let text = quoted(text);
        match self {
            Said::Message => format!(
                "\"message\":{{\"role\":\"assistant\",\"content\":{text}{thinking}{calls}}}"
            ),
            Said::Response => format!("\"response\":{text}{thinking}"),
        }
    }
}

/// A whole answer.
pub(super) fn whole(facts: &Facts, said: Said, mut pieces: Pieces) -> String {
    let (mut thinking, mut text) = (String::new(), String::new());
    let mut calls: Vec<(String, String)> = Vec::new();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Reasoning(piece) => thinking.push_str(&piece),
            Piece::Text(piece) => text.push_str(&piece),
            Piece::Refusal(piece) => text.push_str(piece),
            Piece::Tool(_, tool) => calls.push((tool.name.clone(), String::new())),
            Piece::Arguments(index, piece) => calls[index].1.push_str(piece),
        }
    }
    let calls: Vec<_> = (calls.iter().enumerate())
        .map(|(index, (name, arguments))| call(facts, index, name, arguments))
        .collect();
    let body = said.body(&thinking, &text, &calls.join(","));
    format!("{}{body}{}}}", prelude(facts), end(facts))
}

/// The body of a refusal, and the line that ends a stream.
pub(super) fn error(message: &str) -> String {
    format!("{{\"error\":{}}}", quoted(message))
}

fn prelude(facts: &Facts) -> String {
    let time = rfc3339(facts.created);
    format!("{{\"model\":{},\"created_at\":\"{time}\",", facts.model)
}

fn call(facts: &Facts, index: usize, name: &str, arguments: &str) -> String {
    format!(
        "{{\"id\":\"call_mock{}x{index}\",\"function\":{{\"index\":{index},\"name\":{},\"arguments\":{arguments}}}}}",
        facts.number,
        quoted(name)
    )
}

/// What only the last line says.
fn end(facts: &Facts) -> String {
    let reason = quoted(facts.finish.as_deref().unwrap_or("stop"));
    let usage = match facts.usage {
        true => format!(
            ",\"total_duration\":3000000,\"load_duration\":1000000,\"prompt_eval_count\":{},\"prompt_eval_duration\":1000000,\"eval_count\":{},\"eval_duration\":1000000",
            facts.prompt_tokens, facts.completion_tokens
        ),
        false => String::new(),
    };
    format!(",\"done\":true,\"done_reason\":{reason}{usage}")
}

/// Seconds since 1970 as RFC 3339 writes them, by counting years of 400 from March 1 of year 0.
fn rfc3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let year = year + era * 400 + carry;
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), date);
        }
    }
}
