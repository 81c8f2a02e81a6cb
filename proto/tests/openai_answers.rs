//! Chat Completions answers of every shape: what was sent and what it means, in `data/openai_chat`.
//!
//! A file holds cases: a line `# name`, directives (`? type=..`, `? asked=json`, `? marker=..`), the body's lines, and behind `=`
//! the transcript. `UPDATE=1` writes the transcripts anew.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::fmt::Write as _;
use std::time::SystemTime;

use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::provider::{Quirks, TerminalMarker};
use libllm_proto::wire::{self, Ending, Exchange, Flow, Head, Operation};
use libllm_proto::{Batch, Event, Result, Usage};
use support::every_cut;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/openai_chat");

#[test]
fn answers_mean_what_they_say_however_they_are_cut() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut cases = 0;
    for entry in std::fs::read_dir(DATA).unwrap() {
        let path = entry.unwrap().path();
        let old = std::fs::read_to_string(&path).unwrap();
        let mut new = String::new();
        for case in Case::all(&old) {
            cases += 1;
            let heard = case.hear(&[case.body.as_bytes()]);
            every_cut(case.body.as_bytes(), |cut, pieces| {
                assert_eq!(case.hear(pieces), heard, "{}: {cut}", case.name);
            });
            if !update {
                assert_eq!(heard, case.expected, "{} in {}", case.name, path.display());
            }
            case.write(&heard, &mut new);
        }
        if update {
            std::fs::write(&path, new).unwrap();
        }
    }
    assert!(cases > 60, "{cases} cases");
}

#[test]
fn the_number_of_tool_calls_is_bounded() {
    let call = |number: usize| {
        let call = format!(r#"{{"index":{number},"id":"c{number}","function":{{"name":"f"}}}}"#);
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{call}]}}}}]}}\n\n")
    };
    let body: String = (0..1025).map(call).collect();
    let case = Case {
        body,
        ..Case::default()
    };
    let heard = case.hear(&[case.body.as_bytes()]);
    assert_eq!(heard.matches("call 0.").count(), 1024);
    let end = "end: limit_exceeded: answer exceeds the limit of 1024 tool calls";
    assert!(heard.trim_end().ends_with(end), "{heard}");
}

#[test]
fn the_number_of_choices_is_bounded() {
    let choice = |number: usize| {
        format!(
            "data: {{\"choices\":[{{\"index\":{number},\"delta\":{{\"content\":\"x\"}}}}]}}\n\n"
        )
    };
    let body: String = (0..1025).map(choice).collect();
    let case = Case {
        body,
        ..Case::default()
    };
    let heard = case.hear(&[case.body.as_bytes()]);
    let end = "end: limit_exceeded: answer exceeds the limit of 1024 choices";
    assert!(heard.trim_end().ends_with(end), "{heard}");
    // Hosts count with these numbers: one alone may not be beyond them either.
    for number in [1024, 2_000_000_000, 4_294_967_295] {
        let case = Case {
            body: choice(number),
            ..Case::default()
        };
        let heard = case.hear(&[case.body.as_bytes()]);
        assert!(heard.trim_end().ends_with(end), "{number}: {heard}");
        assert!(!heard.contains("text"), "{number}: {heard}");
    }
    let case = Case {
        body: choice(1023) + "data: [DONE]\n",
        ..Case::default()
    };
    assert!(!case.hear(&[case.body.as_bytes()]).contains("limit"));
}

/// One answer and what it means.
#[derive(Default)]
struct Case {
    name: String,
    directives: Vec<String>,
    body: String,
    expected: String,
}

impl Case {
    fn all(text: &str) -> Vec<Case> {
        let mut cases: Vec<Case> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("# ") {
                cases.push(Case {
                    name: name.to_string(),
                    ..Case::default()
                });
                continue;
            }
            let case = cases.last_mut().expect("a case begins with its name");
            if let Some(directive) = line.strip_prefix("? ") {
                case.directives.push(directive.to_string());
            } else if let Some(said) = line.strip_prefix("= ") {
                case.expected += &format!("{said}\n");
            } else {
                case.body += &format!("{line}\n");
            }
        }
        cases
    }

    fn write(&self, heard: &str, out: &mut String) {
        writeln!(out, "# {}", self.name).unwrap();
        for directive in &self.directives {
            writeln!(out, "? {directive}").unwrap();
        }
        out.push_str(&self.body);
        for line in heard.lines() {
            writeln!(out, "= {line}").unwrap();
        }
    }

    fn directive(&self, name: &str) -> Option<&str> {
        let values = self
            .directives
            .iter()
            .filter_map(|text| text.split_once('='));
        values
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .next()
    }

    fn hear(&self, pieces: &[&[u8]]) -> String {
        let mut quirks = Quirks::default();
        match self.directive("marker") {
            Some("none") => quirks.terminal_marker = TerminalMarker::None,
            Some("finish_reason") => quirks.terminal_marker = TerminalMarker::FinishReason,
            other => assert_eq!(other, None),
        }
        let stream = self.directive("asked") != Some("json");
        let exchange = Exchange {
            stream,
            operation: Operation::Chat,
            quirks: &quirks,
            packed: false,
            answer_tool: false,
        };
        let mut head = Head::new(200);
        let content_type = self.directive("type").unwrap_or("text/event-stream");
        if content_type != "missing" {
            head.headers
                .insert("content-type", content_type.parse().unwrap());
        }
        let wire = wire::find("openai_chat").unwrap();
        let now = SystemTime::UNIX_EPOCH;
        let mut decoder = Decoder::new(wire, &exchange, head, Limits::default(), false, now);
        let mut batch = Batch::new();
        let mut script = Script::default();
        for piece in pieces {
            let flow = decoder.push(piece, &mut batch);
            script.take(&mut batch);
            match flow {
                Ok(Flow::More) => {}
                Ok(Flow::Done) => break,
                Err(error) => return script.end(Err(error)),
            }
        }
        let end = decoder.finish(End::Clean, &mut batch);
        script.take(&mut batch);
        script.end(end)
    }
}

/// A transcript: a line for each event, deltas of one text joined.
#[derive(Default)]
struct Script {
    lines: Vec<(String, String)>,
}

impl Script {
    fn take(&mut self, batch: &mut Batch) {
        for (choice, event) in batch.iter() {
            self.note(choice, event);
        }
        batch.clear();
    }

    fn note(&mut self, choice: u32, event: Event<'_>) {
        let (head, words, joins) = match event {
            Event::Start { id, model } => ("start".to_string(), format!("{id:?} {model:?}"), false),
            Event::Text(text) => (format!("text {choice}"), text.to_string(), true),
            Event::Reasoning(text) => (format!("reasoning {choice}"), text.to_string(), true),
            Event::Refusal(text) => (format!("refusal {choice}"), text.to_string(), true),
            Event::ToolCall { index, id, name } => (
                format!("call {choice}.{index}"),
                format!("{id:?} {name}"),
                false,
            ),
            Event::ToolArgs { index, arguments } => (
                format!("args {choice}.{index}"),
                arguments.to_string(),
                true,
            ),
            Event::Part { kind, index, json } => (
                format!("part {choice}.{index} {}", kind.name()),
                json.to_string(),
                false,
            ),
            Event::Usage(usage) => ("usage".to_string(), numbers(&usage), false),
            Event::Finish { reason, raw } => {
                let reason = reason.map_or("unknown", |reason| reason.name());
                (
                    format!("finish {choice}"),
                    format!("{reason} {raw:?}"),
                    false,
                )
            }
            Event::Raw(bytes) => (
                "raw".to_string(),
                String::from_utf8_lossy(bytes).into(),
                false,
            ),
            other => panic!("{other:?} is new"),
        };
        match self.lines.last_mut() {
            Some((last, text)) if joins && *last == head => text.push_str(&words),
            _ => self.lines.push((head, words)),
        }
    }

    fn end(self, end: Result<Ending>) -> String {
        let mut out = String::new();
        for (head, words) in self.lines {
            writeln!(out, "{head}: {}", visible(&words)).unwrap();
        }
        match end {
            Ok(Ending {
                incomplete,
                skipped,
            }) => {
                let incomplete = if incomplete { " incomplete" } else { "" };
                let skipped = if skipped > 0 {
                    format!(" skipped {skipped}")
                } else {
                    String::new()
                };
                writeln!(out, "end: whole{incomplete}{skipped}").unwrap();
            }
            Err(error) => writeln!(out, "end: {}: {error}", error.kind().name()).unwrap(),
        }
        out
    }
}

fn numbers(usage: &Usage) -> String {
    let all = [
        ("prompt", usage.prompt_tokens),
        ("completion", usage.completion_tokens),
        ("total", usage.total_tokens),
        ("cached", usage.cached_tokens),
        ("written", usage.cache_write_tokens),
        ("reasoning", usage.reasoning_tokens),
        ("microusd", usage.cost_microusd),
    ];
    let known = all
        .iter()
        .filter_map(|(name, number)| Some(format!("{name} {}", (*number)?)));
    known.collect::<Vec<_>>().join(", ")
}

/// One line of what may hold several.
fn visible(words: &str) -> String {
    words
        .replace('\n', "\\n")
        .replace('\t', "\\t")
        .replace('\0', "\\0")
}
