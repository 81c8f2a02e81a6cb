//! Chat Completions as OpenAI's API prints it: chunks, the whole object, errors.
//! (OpenAI API reference "chat/streaming" and "chat/object", read 2026-11-21; `reasoning_content` as DeepSeek, xAI and vLLM send it.)

use std::io::Write;

use super::answer::{Facts, quoted};
use super::fault::Kind;
use super::pieces::{Piece, Pieces};
use super::stream::Voice;

/// A stream of `chat.completion.chunk`.
#[derive(Debug)]
pub(super) struct Chunks {
    facts: Facts,
    /// Every chunk up to its choices.
    head: String,
    /// Every chunk after its choices.
    tail: &'static str,
}

impl Chunks {
    pub(super) fn new(facts: Facts) -> Chunks {
        // With include_usage every chunk but the last carries a null (API reference, stream_options).
        let tail = match facts.include_usage && facts.usage {
            true => ",\"usage\":null}\n\n",
            false => "}\n\n",
        };
        Chunks {
            head: format!("data: {}", prelude(&facts, "chat.completion.chunk")),
            tail,
            facts,
        }
    }

    fn chunk(&self, choice: u32, delta: &str, finish: Option<&str>, out: &mut Vec<u8>) {
        let finish = finish.map_or("null".to_owned(), quoted);
        append(
            out,
            format_args!(
                "{}\"choices\":[{{\"index\":{choice},\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}]{}",
                self.head, self.tail
            ),
        );
    }
}

impl Voice for Chunks {
    fn open(&mut self, out: &mut Vec<u8>) {
        for choice in 0..self.facts.choices {
            let delta = match self.facts.tools {
                true => r#"{"role":"assistant","content":null,"refusal":null}"#,
                false => r#"{"role":"assistant","content":"","refusal":null}"#,
            };
            self.chunk(choice, delta, None, out);
        }
    }

    fn piece(&mut self, choice: u32, piece: &Piece<'_>, out: &mut Vec<u8>) {
        let delta = match piece {
            Piece::Reasoning(text) => format!("{{\"reasoning_content\":{}}}", quoted(text)),
            Piece::Text(text) => format!("{{\"content\":{}}}", quoted(text)),
            Piece::Refusal(text) => format!("{{\"refusal\":{}}}", quoted(text)),
            Piece::Tool(index, tool) => format!(
                "{{\"tool_calls\":[{{\"index\":{index},\"id\":\"{}\",\"type\":\"function\",\"function\":{{\"name\":{},\"arguments\":\"\"}}}}]}}",
                call_id(&self.facts, choice, *index),
                quoted(&tool.name)
            ),
            Piece::Arguments(index, text) => format!(
                "{{\"tool_calls\":[{{\"index\":{index},\"function\":{{\"arguments\":{}}}}}]}}",
                quoted(text)
            ),
        };
        self.chunk(choice, &delta, None, out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        for choice in 0..self.facts.choices {
            self.chunk(choice, "{}", Some(finish(&self.facts)), out);
        }
        if self.facts.include_usage && self.facts.usage {
            let usage = usage(&self.facts);
            append(
                out,
                format_args!("{}\"choices\":[],\"usage\":{usage}}}\n\n", self.head),
            );
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn ping(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }

    fn garbage(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(super::unary::GARBAGE);
        out.extend_from_slice(b"\n\n");
    }

    fn error(&self, kind: Kind, out: &mut Vec<u8>) {
        let error = error(kind, kind.message(super::Dialect::OpenaiChat));
        append(out, format_args!("data: {error}\n\n"));
    }
}

/// A `chat.completion`.
pub(super) fn whole(facts: &Facts, mut pieces: Pieces) -> String {
    let mut said = Said::default();
    while let Some(piece) = pieces.next() {
        said.take(&piece);
    }
    let choices: Vec<_> = (0..facts.choices)
        .map(|choice| said.choice(facts, choice))
        .collect();
    let usage = match facts.usage {
        true => format!(",\"usage\":{}", usage(facts)),
        false => String::new(),
    };
    format!(
        "{}\"choices\":[{}]{usage}}}",
        prelude(facts, "chat.completion"),
        choices.join(",")
    )
}

/// The body of a refusal.
pub(super) fn error(kind: Kind, message: &str) -> String {
    let (class, code) = kind.openai();
    format!(
        "{{\"error\":{{\"message\":{},\"type\":\"{class}\",\"param\":null,\"code\":{}}}}}",
        quoted(message),
        code.map_or("null".to_owned(), quoted)
    )
}

/// A message gathered from its pieces.
#[derive(Default)]
struct Said {
    reasoning: String,
    text: Option<String>,
    refusal: Option<String>,
    tools: Vec<(String, String)>,
}

impl Said {
    fn take(&mut self, piece: &Piece<'_>) {
        match piece {
            Piece::Reasoning(text) => self.reasoning.push_str(text),
            Piece::Text(text) => self.text.get_or_insert_default().push_str(text),
            Piece::Refusal(text) => self.refusal.get_or_insert_default().push_str(text),
            Piece::Tool(_, tool) => self.tools.push((tool.name.clone(), String::new())),
            Piece::Arguments(index, text) => self.tools[*index].1.push_str(text),
        }
    }

    fn choice(&self, facts: &Facts, choice: u32) -> String {
        let content = match (&self.text, facts.tools || self.refusal.is_some()) {
            (Some(text), _) => quoted(text),
            (None, true) => "null".into(),
            (None, false) => "\"\"".into(),
        };
        let refusal = self.refusal.as_deref().map_or("null".into(), quoted);
        let mut message =
            format!("\"role\":\"assistant\",\"content\":{content},\"refusal\":{refusal}");
        if !self.reasoning.is_empty() {
            message.push_str(&format!(
                ",\"reasoning_content\":{}",
                quoted(&self.reasoning)
            ));
        }
        if !self.tools.is_empty() {
            let calls: Vec<_> = (self.tools.iter().enumerate())
                .map(|(index, (name, arguments))| {
                    format!(
                        "{{\"id\":\"{}\",\"type\":\"function\",\"function\":{{\"name\":{},\"arguments\":{}}}}}",
                        call_id(facts, choice, index),
                        quoted(name),
                        quoted(arguments)
                    )
                })
                .collect();
            message.push_str(&format!(",\"tool_calls\":[{}]", calls.join(",")));
        }
        format!(
            "{{\"index\":{choice},\"message\":{{{message}}},\"logprobs\":null,\"finish_reason\":{}}}",
            quoted(finish(facts))
        )
    }
}

fn prelude(facts: &Facts, object: &str) -> String {
    format!(
        "{{\"id\":\"chatcmpl-mock{:020}\",\"object\":\"{object}\",\"created\":{},\"model\":{},\"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock\",",
        facts.number, facts.created, facts.model
    )
}

pub(super) fn usage(facts: &Facts) -> String {
    let total = u64::from(facts.prompt_tokens) + facts.completion_tokens;
    format!(
        "{{\"prompt_tokens\":{},\"completion_tokens\":{},\"total_tokens\":{total},\"prompt_tokens_details\":{{\"cached_tokens\":0,\"audio_tokens\":0}},\"completion_tokens_details\":{{\"reasoning_tokens\":{},\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}}",
        facts.prompt_tokens, facts.completion_tokens, facts.reasoning_tokens
    )
}

fn finish(facts: &Facts) -> &str {
    match (&facts.finish, facts.tools) {
        (Some(word), _) => word,
        (None, true) => "tool_calls",
        (None, false) => "stop",
    }
}

fn call_id(facts: &Facts, choice: u32, index: usize) -> String {
    format!("call_mock{}x{choice}x{index}", facts.number)
}

/// Formats into bytes.
pub(super) fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a Vec takes every byte");
}
