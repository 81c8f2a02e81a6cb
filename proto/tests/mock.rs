//! What the scripted provider says is what the decoder hears.
#![cfg(all(
    feature = "openai",
    feature = "anthropic",
    feature = "cohere",
    feature = "ollama",
    feature = "gemini",
    feature = "bedrock"
))]
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use libllm_proto::ErrorKind;
use libllm_proto::decoder::End;
use libllm_proto::mock::{Ask, Cut, Dialect, Kind, Script, Step, Turn, answer};
use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Exchange, Head, Operation};

mod support;

use support::Heard;

fn hear(dialect: Dialect, script: &str, stream: bool) -> Heard {
    let ask = Ask::chat(dialect, script, stream, "good day");
    let turn = Turn {
        number: 3,
        attempt: 1,
        created: 1_700_000_000,
    };
    let reply = answer(&Arc::new(Script::parse(script).unwrap()), &ask, turn);
    let mut head = Head::new(reply.status);
    for (name, value) in &reply.headers {
        let value = HeaderValue::from_str(value).unwrap();
        head.headers.append(HeaderName::from_static(name), value);
    }
    let mut pieces = Vec::new();
    let mut end = End::Clean;
    for step in reply.body {
        match step {
            Step::Bytes(bytes) => pieces.push(bytes),
            Step::Cut(Cut::Rst | Cut::Chunk) => end = End::Lost("reset".to_owned()),
            Step::Cut(Cut::Fin) | Step::Until(_) => {}
        }
    }
    let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..]).collect();
    let (wire, operation) = match dialect {
        Dialect::OpenaiChat => ("openai_chat", Operation::Chat),
        Dialect::OpenaiResponses => ("openai_responses", Operation::Chat),
        Dialect::OpenaiCompletions => ("openai_completions", Operation::Completion),
        Dialect::Anthropic => ("anthropic", Operation::Chat),
        Dialect::Cohere => ("cohere", Operation::Chat),
        Dialect::CohereV1 => ("cohere_v1", Operation::Chat),
        Dialect::Ollama => ("ollama", Operation::Chat),
        Dialect::OllamaGenerate => ("ollama", Operation::Completion),
        Dialect::Gemini | Dialect::GeminiArray => ("gemini", Operation::Chat),
        Dialect::Bedrock => ("bedrock_converse", Operation::Chat),
    };
    let wire = wire::find(wire).unwrap();
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream,
        operation,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    support::hear(wire, &exchange, &head, &pieces, end)
}

fn everywhere(mut check: impl FnMut(Dialect, bool)) {
    for dialect in Dialect::ALL {
        for stream in [false, true] {
            check(*dialect, stream);
        }
    }
}

fn joined(heard: &Heard, kind: &str) -> String {
    let items = heard
        .items
        .iter()
        .filter(|item| item.0 == kind && item.1 == 0);
    items.map(|item| item.3.as_str()).collect()
}

#[test]
fn answers_are_heard_whole() {
    everywhere(|dialect, stream| {
        let script = "text=a  b%0A\u{e9};chunk=5;keepalive=1ms;pace=3ms";
        let heard = hear(dialect, script, stream);
        assert_eq!(heard.text(), "a  b\n\u{e9}", "{dialect:?} {stream}");
        assert!(!heard.ending.unwrap().incomplete);

        let heard = hear(dialect, "text=a;reasoning=2", stream);
        if matches!(dialect, Dialect::CohereV1 | Dialect::OpenaiCompletions) {
            assert_eq!(
                heard.kind(),
                Some(ErrorKind::InvalidRequest),
                "it cannot say so"
            );
        } else {
            assert_eq!(joined(&heard, "reasoning"), "r0 r1", "{dialect:?} {stream}");
        }

        let script = r#"tokens=1;tool=f:{"k":[1,2,"three"]};tool=g"#;
        let heard = hear(dialect, script, stream);
        if matches!(
            dialect,
            Dialect::OllamaGenerate | Dialect::OpenaiCompletions
        ) {
            assert_eq!(
                heard.kind(),
                Some(ErrorKind::InvalidRequest),
                "it cannot say so"
            );
            return;
        }
        assert_eq!(joined(&heard, "text"), "w0");
        assert_eq!(
            joined(&heard, "tool_args"),
            r#"{"k":[1,2,"three"]}{}"#,
            "{dialect:?} {stream}"
        );
        let calls: Vec<_> = heard
            .items
            .iter()
            .filter(|item| item.0 == "tool_call")
            .collect();
        assert_eq!(calls.len(), 2, "{dialect:?} {stream}");
        assert!(calls[0].3.ends_with(" f") && calls[1].3.ends_with(" g"));
        assert!(heard.ending.is_ok());
    });
    for stream in [false, true] {
        let heard = hear(Dialect::OpenaiResponses, "refusal=I can not", stream);
        assert_eq!(joined(&heard, "refusal"), "I can not");
        let heard = hear(Dialect::OpenaiCompletions, "text=a;n=2", stream);
        assert_eq!(heard.items.len(), 2, "a text for each choice");
        let heard = hear(Dialect::OpenaiChat, "refusal=I can not;n=2", stream);
        assert_eq!(joined(&heard, "refusal"), "I can not");
        assert!(
            heard.items.iter().any(|item| item.1 == 1),
            "the second choice"
        );
    }
}

fn is_openai(dialect: Dialect) -> bool {
    use Dialect::{OpenaiChat, OpenaiCompletions, OpenaiResponses};
    matches!(dialect, OpenaiChat | OpenaiCompletions | OpenaiResponses)
}

/// Google and Amazon have a word for what went wrong, wherever they say it; some of the words mean several things.
fn has_words(dialect: Dialect) -> bool {
    use Dialect::{Bedrock, Gemini, GeminiArray};
    matches!(dialect, Gemini | GeminiArray | Bedrock)
}

#[test]
fn every_error_is_heard_as_what_it_is_called() {
    let expected = |kind: Kind, dialect: Dialect| match (kind, dialect) {
        (Kind::Permission, _) => ErrorKind::Auth,
        (Kind::Quota, Dialect::Gemini | Dialect::GeminiArray) => ErrorKind::RateLimited,
        (Kind::Overloaded, dialect) if has_words(dialect) => ErrorKind::Unavailable,
        // Messages has no code for them, the others have no codes, and nobody goes by the words.
        (Kind::ContextLength | Kind::ContentFilter, dialect) if !is_openai(dialect) => {
            ErrorKind::InvalidRequest
        }
        (kind, _) => (ErrorKind::ALL.iter().copied())
            .find(|known| known.name() == kind.name())
            .unwrap_or_else(|| panic!("{}", kind.name())),
    };
    let mut wrong = Vec::new();
    let mut check = |case: String, heard: Option<ErrorKind>, expected: ErrorKind| {
        if heard != Some(expected) {
            wrong.push(format!("{case}: {heard:?}"));
        }
    };
    everywhere(|dialect, stream| {
        for &kind in Kind::ALL {
            let status = kind.status(dialect);
            let script = format!("status={status};error={}", kind.name());
            let expected = match (kind, status) {
                // A 503 is a 503, whatever it says.
                (Kind::Overloaded, 503) => ErrorKind::Unavailable,
                _ => expected(kind, dialect),
            };
            check(
                format!("{dialect:?} {script}"),
                hear(dialect, &script, stream).kind(),
                expected,
            );
        }
    });
    for dialect in Dialect::ALL {
        let has_codes = is_openai(*dialect) || *dialect == Dialect::Anthropic;
        for kind in [
            Kind::Overloaded,
            Kind::RateLimited,
            Kind::ContextLength,
            Kind::Quota,
        ] {
            let script = format!("tokens=3;error={};at=2", kind.name());
            let heard = hear(*dialect, &script, true);
            assert_eq!(heard.text(), "w0 w1", "{dialect:?}");
            // Inside a stream there is no status to go by either.
            let expected = match has_codes {
                true => expected(kind, *dialect),
                false if has_words(*dialect) => expected(kind, *dialect),
                false => ErrorKind::ProviderError,
            };
            check(format!("{dialect:?} {script}"), heard.kind(), expected);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn broken_answers_are_heard_as_broken() {
    everywhere(|dialect, stream| {
        let kind = |script: &str| hear(dialect, script, stream).kind().map(ErrorKind::name);
        let case = format!("{dialect:?} {stream}");
        assert_eq!(
            kind("tokens=5;cut=rst;at=2"),
            Some("connection_lost"),
            "{case}"
        );
        assert_eq!(
            kind("tokens=5;cut=fin;at=2"),
            Some("stream_truncated"),
            "{case}"
        );
        assert_eq!(kind("tokens=5;garbage;at=2"), Some("protocol"), "{case}");
        assert_eq!(kind("body=html"), Some("bad_content_type"), "{case}");
        assert_eq!(kind("status=502;body=html"), Some("server_error"), "{case}");
        assert_eq!(kind("status=302"), Some("redirect_refused"), "{case}");
    });
}
