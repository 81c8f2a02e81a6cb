//! What an operator writes: configuration, options, URLs, and the scripts of the scripted provider.

use std::io;
use std::sync::Arc;

use libllm::config::{Config, Environment};
use libllm::{ErrorKind, Options};
use libllm_proto::decoder::{End, Limits};
use libllm_proto::mock::{Ask, Dialect, Script, Step, Turn, answer};
use libllm_proto::provider::{self, Quirks, rows};
use libllm_proto::wire::{self, Exchange, Head, Operation};

use crate::heard::hear;
use crate::input;

/// A configuration, TOML or JSON: refused with words, or taken; in neither case is a key shown.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains("canary") {
        return;
    }
    match Config::parse(text, &Made::default()) {
        Ok(config) => assert!(!format!("{config:?}").contains("canary"), "a key is shown"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            assert!(
                !error.message().contains("canary"),
                "a key is shown: {error}"
            );
        }
    }
}

/// The options of one request.
pub(crate) fn options(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut options = Options::default();
    let before = format!("{options:?}");
    if let Err(error) = options.merge_json(text) {
        let kinds = [ErrorKind::InvalidArgument, ErrorKind::Config];
        assert!(kinds.contains(&error.kind()), "{error}");
        assert_eq!(
            format!("{options:?}"),
            before,
            "a mistake changes something"
        );
    }
}

/// Base URLs, as they are configured and as providers' own variables say them.
pub(crate) fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(base) = provider::base_url(text) {
        is_base(&base);
    }
    for row in rows() {
        if let Ok(base) = row.base_url_from(|_| Some(text.to_owned())) {
            is_base(&base);
        }
    }
}

/// Proxies, as they are configured and as the environment says them: a password in one is never shown.
pub(crate) fn proxy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (place, except) = text.split_once('\n').unwrap_or((text, ""));
    if text.contains("canary") {
        return;
    }
    let (scheme, rest) = place.split_once("://").unwrap_or(("http", place));
    for place in [
        place.to_owned(),
        format!("{scheme}://user:sk-canary@{rest}"),
    ] {
        let shown = serde_json::Value::from(place.as_str());
        let said = format!(r#"{{"providers":{{"openai":{{"proxy":{shown}}}}}}}"#);
        let environment = Made {
            proxy: Some(place),
            no_proxy: Some(except.to_owned()),
        };
        for (text, environment) in [("", &environment), (&*said, &Made::default())] {
            match Config::parse(text, environment) {
                Ok(config) => assert!(!format!("{config:?}").contains("canary"), "a key is shown"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
                    assert!(
                        !error.message().contains("canary"),
                        "a key is shown: {error}"
                    );
                }
            }
        }
    }
}

fn is_base(base: &str) {
    // What stands in braces is filled in later.
    let filled = provider::fill(base, |_| Some("x".to_owned()));
    let base = filled.as_deref().unwrap_or(base);
    assert_eq!(
        provider::base_url(base).as_deref().ok(),
        Some(base),
        "not the same again"
    );
    let uri: http::Uri = format!("{base}/v1/messages?a=b")
        .parse()
        .expect("a path behind a base");
    assert!(matches!(uri.scheme_str(), Some("http" | "https")), "{uri}");
    assert!(uri.host().is_some_and(|host| !host.is_empty()), "{uri}");
    assert!(uri.path().ends_with("/v1/messages"), "{uri}");
    assert_eq!(uri.query(), Some("a=b"));
    assert!(!base.contains('@') || !uri.authority().is_some_and(|a| a.as_str().contains('@')));
}

/// A script: what the scripted provider plays is an answer to the wire that it plays it for.
pub(crate) fn script(data: &[u8]) {
    let Some((knobs, text)) = input::split(data) else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let Ok(script) = Script::parse(text) else {
        return;
    };
    let script = Arc::new(script);
    play(
        &script,
        text,
        Dialect::OpenaiChat,
        "openai_chat",
        knobs.bit(0),
    );
    play(&script, text, Dialect::Anthropic, "anthropic", knobs.bit(0));
}

fn play(script: &Arc<Script>, text: &str, dialect: Dialect, wire: &str, stream: bool) {
    let Some(wire) = wire::find(wire) else {
        return;
    };
    let ask = Ask::chat(dialect, "m", stream, "say \"this\" again");
    let turn = Turn {
        number: 1,
        attempt: 1,
        created: 1,
    };
    let reply = answer(script, &ask, turn);
    let (mut bytes, mut cut) = (Vec::new(), reply.cut_head.is_some());
    for (number, step) in reply.body.enumerate() {
        match step {
            Step::Bytes(piece) => bytes.extend_from_slice(&piece),
            Step::Cut(_) => cut = true,
            Step::Until(_) => {}
        }
        if number > STEPS_MAX || bytes.len() > BYTES_MAX {
            return;
        }
    }
    if cut {
        return;
    }
    let mut head = Head::new(reply.status);
    for (name, value) in reply.headers {
        head.headers
            .append(name, value.parse().expect("a script makes good headers"));
    }
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream,
        operation: Operation::Chat,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    let heard = hear(
        wire,
        &exchange,
        &head,
        Limits::default(),
        false,
        &[&bytes],
        End::Clean,
    );
    // What a script breaks on purpose is its own affair.
    let breaks = [
        "error", "garbage", "stall", "status", "cut", "body", "finish",
    ];
    if !breaks.iter().any(|key| text.contains(key)) {
        let said = String::from_utf8_lossy(&bytes);
        assert!(
            heard.ending.is_ok(),
            "{}, {text}: {:?}: {said}",
            wire.name(),
            heard.ending
        );
    }
}

/// A variable with a key in it, a file, and what the variables for proxies say.
#[derive(Default)]
struct Made {
    proxy: Option<String>,
    no_proxy: Option<String>,
}

impl Environment for Made {
    fn var(&self, name: &str) -> Option<String> {
        match name {
            "K" | "OPENAI_API_KEY" => Some("sk-canary".to_owned()),
            "HTTPS_PROXY" => self.proxy.clone(),
            "no_proxy" => self.no_proxy.clone(),
            _ => None,
        }
    }

    fn read(&self, path: &str) -> io::Result<String> {
        match path {
            "k" => Ok("sk-canary\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

// Scripts may ask for millions of words; these are enough to hear how they are said.
const STEPS_MAX: usize = 2_000;
const BYTES_MAX: usize = 256 * 1024;
