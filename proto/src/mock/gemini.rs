//! Gemini's generateContent as the API prints it: events, or the elements of one array; the whole object; errors.
//! (ai.google.dev "GenerateContentResponse" and "Error codes", read 2026-11-21.)

use super::answer::{Facts, quoted};
use super::openai::append;
use super::pieces::{Piece, Pieces};
use super::stream::Voice;
use super::{Dialect, Kind, unary};

/// A stream of responses.
#[derive(Debug)]
pub(super) struct Chunks {
    facts: Facts,
    /// Elements of an array, where no events were asked for.
    array: bool,
    begun: bool,
    /// A call comes whole: its name and what is there of its arguments.
    held: Option<(String, String)>,
    calls: usize,
    thoughts: u64,
    tokens: u64,
}

impl Chunks {
    pub(super) fn new(facts: Facts, array: bool) -> Chunks {
        Chunks {
            facts,
            array,
            begun: false,
            held: None,
            calls: 0,
            thoughts: 0,
            tokens: 0,
        }
    }

    fn part(&mut self, part: &str, end: &str, out: &mut Vec<u8>) {
        let usage = usage(&self.facts, self.tokens, self.thoughts);
        let json = response(&self.facts, part, end, &usage);
        self.chunk(json.as_bytes(), out);
    }

    fn chunk(&mut self, json: &[u8], out: &mut Vec<u8>) {
        let before: &[u8] = match (self.array, self.begun) {
            (false, _) => b"data: ",
            (true, false) => b"[",
            (true, true) => b",\r\n",
        };
        self.begun = true;
        out.extend_from_slice(before);
        out.extend_from_slice(json);
        let after: &[u8] = if self.array { b"\n" } else { b"\r\n\r\n" };
        out.extend_from_slice(after);
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        if let Some((name, arguments)) = self.held.take() {
            let call = call(&self.facts, self.calls, &name, &arguments);
            self.calls += 1;
            self.part(&call, "", out);
        }
    }
}

impl Voice for Chunks {
    // The API says nothing before the first token.
    fn open(&mut self, _out: &mut Vec<u8>) {}

    fn piece(&mut self, _choice: u32, piece: &Piece<'_>, out: &mut Vec<u8>) {
        match piece {
            Piece::Reasoning(_) => self.thoughts += 1,
            _ => self.tokens += 1,
        }
        match piece {
            Piece::Reasoning(text) => self.part(&thought(text), "", out),
            Piece::Text(text) => self.part(&spoken(text), "", out),
            Piece::Refusal(text) => self.part(&spoken(text), "", out),
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
        let signature = match self.facts.reasoning_tokens > 0 && self.calls == 0 {
            true => format!(",\"thoughtSignature\":{}", quoted(&signature(&self.facts))),
            false => String::new(),
        };
        let end = end(&self.facts);
        self.part(&format!("{{\"text\":\"\"{signature}}}"), &end, out);
        if self.array {
            out.push(b']');
        }
    }

    fn ping(&self, out: &mut Vec<u8>) {
        let silence: &[u8] = if self.array {
            b"\n"
        } else {
            b": keep-alive\n\n"
        };
        out.extend_from_slice(silence);
    }

    fn garbage(&self, out: &mut Vec<u8>) {
        let before: &[u8] = match (self.array, self.begun) {
            (false, _) => b"data: ",
            (true, false) => b"[",
            (true, true) => b",\r\n",
        };
        out.extend_from_slice(before);
        out.extend_from_slice(unary::GARBAGE);
        out.extend_from_slice(b"\r\n\r\n");
    }

    fn error(&self, kind: Kind, out: &mut Vec<u8>) {
        let error = error(
            kind,
            kind.message(Dialect::Gemini),
            kind.status(Dialect::Gemini),
        );
        match (self.array, self.begun) {
            (false, _) => append(out, format_args!("data: {error}\r\n\r\n")),
            (true, false) => append(out, format_args!("[{error}\n]")),
            (true, true) => append(out, format_args!(",\r\n{error}\n]")),
        }
    }
}

/// A whole response.
pub(super) fn whole(facts: &Facts, mut pieces: Pieces) -> String {
    let (mut thoughts, mut text) = (String::new(), String::new());
    let mut calls: Vec<(String, String)> = Vec::new();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Reasoning(word) => thoughts.push_str(&word),
            Piece::Text(word) => text.push_str(&word),
            Piece::Refusal(word) => text.push_str(word),
            Piece::Tool(_, tool) => calls.push((tool.name.clone(), String::new())),
            Piece::Arguments(index, word) => calls[index].1.push_str(word),
        }
    }
    let mut parts = Vec::new();
    if !thoughts.is_empty() {
        parts.push(thought(&thoughts));
    }
    if !text.is_empty() || calls.is_empty() {
        parts.push(match facts.reasoning_tokens > 0 && calls.is_empty() {
            true => format!(
                "{{\"text\":{},\"thoughtSignature\":{}}}",
                quoted(&text),
                quoted(&signature(facts))
            ),
            false => spoken(&text),
        });
    }
    for (number, (name, arguments)) in calls.iter().enumerate() {
        parts.push(call(facts, number, name, arguments));
    }
    let tokens = facts.completion_tokens - facts.reasoning_tokens;
    let usage = usage(facts, tokens, facts.reasoning_tokens);
    response(facts, &parts.join(","), &end(facts), &usage)
}

/// The body of a refusal.
pub(super) fn error(kind: Kind, message: &str, status: u16) -> String {
    format!(
        "{{\"error\":{{\"code\":{status},\"message\":{},\"status\":\"{}\"}}}}",
        quoted(message),
        kind.google()
    )
}

fn response(facts: &Facts, parts: &str, end: &str, usage: &str) -> String {
    format!(
        "{{\"candidates\":[{{\"content\":{{\"parts\":[{parts}],\"role\":\"model\"}}{end},\"index\":0}}]{usage},\"modelVersion\":{},\"responseId\":\"mock{:020}\"}}",
        facts.model, facts.number
    )
}

fn thought(text: &str) -> String {
    format!("{{\"text\":{},\"thought\":true}}", quoted(text))
}

fn spoken(text: &str) -> String {
    format!("{{\"text\":{}}}", quoted(text))
}

/// A call; what was thought before it is sealed in the first.
fn call(facts: &Facts, number: usize, name: &str, arguments: &str) -> String {
    let signature = match facts.reasoning_tokens > 0 && number == 0 {
        true => format!(",\"thoughtSignature\":{}", quoted(&signature(facts))),
        false => String::new(),
    };
    let name = quoted(name);
    format!("{{\"functionCall\":{{\"name\":{name},\"args\":{arguments}}}{signature}}}")
}

fn end(facts: &Facts) -> String {
    let word = facts.finish.as_deref().unwrap_or("STOP");
    format!(",\"finishReason\":{}", quoted(word))
}

fn usage(facts: &Facts, tokens: u64, thoughts: u64) -> String {
    if !facts.usage {
        return String::new();
    }
    let prompt = u64::from(facts.prompt_tokens);
    let thought = match thoughts {
        0 => String::new(),
        thoughts => format!(",\"thoughtsTokenCount\":{thoughts}"),
    };
    format!(
        ",\"usageMetadata\":{{\"promptTokenCount\":{prompt},\"candidatesTokenCount\":{tokens},\"totalTokenCount\":{},\"promptTokensDetails\":[{{\"modality\":\"TEXT\",\"tokenCount\":{prompt}}}]{thought}}}",
        prompt + tokens + thoughts
    )
}

/// Opaque to everyone but its provider, and different for every answer.
fn signature(facts: &Facts) -> String {
    format!("bW9jay1zaWduYXR1cmU{:020}==", facts.number)
}
