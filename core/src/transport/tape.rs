//! One recorded exchange, as `docs/record.md` describes its file; and what must not be in it.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use libllm_proto::base64;
use libllm_proto::provider::Auth;
use serde::{Deserialize, Serialize};

use crate::config::{Key, Provider};

/// A request and what came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    /// The format's number.
    pub(crate) libllm_exchange: u32,
    pub(crate) request: Asked,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Answered>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
}

/// The format that is written, and the only one that is read.
pub(crate) const FORMAT: u32 = 1;

/// A request without its secrets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Piece,
}

/// An answer's head, and its body as it came.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) pieces: Vec<Timed>,
    pub(crate) end: End,
}

/// How a body ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// It was whole.
    Complete,
    /// The connection was lost, in these words.
    Lost(String),
    /// Whoever read it had enough before its end: canceled, or out of time.
    Left,
}

/// Why there is no answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    pub(crate) kind: String,
    pub(crate) connecting: bool,
    pub(crate) message: String,
}

/// What came at once, and when after the request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Timed {
    pub(crate) ms: u64,
    #[serde(flatten)]
    pub(crate) piece: Piece,
}

/// Bytes: as text if they are text by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Piece {
    Text(String),
    Base64(String),
}

impl Piece {
    pub(crate) fn of(bytes: &[u8]) -> Piece {
        match std::str::from_utf8(bytes) {
            Ok(text) => Piece::Text(text.to_owned()),
            Err(_) => Piece::Base64(base64::encode(bytes)),
        }
    }

    /// The bytes; `None` of a text that is no base64.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Piece::Text(text) => Some(text.as_bytes().to_vec()),
            Piece::Base64(text) => base64::decode(text),
        }
    }
}

/// What is known to be secret of one provider.
pub(crate) struct Secrets {
    words: Vec<Vec<u8>>,
    /// The part of the URL that the key is in.
    parameter: Option<String>,
}

impl Secrets {
    pub(crate) fn of(provider: &Provider) -> Secrets {
        let key = match &provider.key {
            Key::Set(key) => Some(key.expose().as_bytes().to_vec()),
            _ => None,
        };
        let headers = provider.headers.iter().skip(provider.row_headers);
        let mut words: Vec<Vec<u8>> = headers
            .map(|(_, value)| value.as_bytes().to_vec())
            .chain(key)
            .filter(|word| word.len() >= SECRET_MIN)
            .collect();
        // One may hold another.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let parameter = match &provider.auth {
            Auth::Query(name) => Some(name.to_string()),
            _ => None,
        };
        Secrets { words, parameter }
    }

    /// A request without its secrets: bodies keep their length, headers and the URL only what is known to be harmless.
    pub(crate) fn asked(&self, request: &http::Request<bytes::Bytes>) -> Asked {
        let mut body = request.body().to_vec();
        self.hide(&mut body);
        Asked {
            method: request.method().to_string(),
            url: self.url(request.uri()),
            headers: self.headers(request.headers()),
            body: Piece::of(&body),
        }
    }

    /// Names of all headers, values of those that say nothing about who asks.
    pub(crate) fn headers(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        let shown = |(name, value): (&HeaderName, &HeaderValue)| {
            let mut value = match is_harmless(name.as_str()) {
                true => value.as_bytes().to_vec(),
                false => HIDDEN.as_bytes().to_vec(),
            };
            self.hide(&mut value);
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(&value).into_owned(),
            )
        };
        headers.iter().map(shown).collect()
    }

    /// A message without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        self.hide(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Overwrites secrets, wherever they are.
    pub(crate) fn hide(&self, bytes: &mut [u8]) {
        for word in &self.words {
            let found: Vec<usize> = memchr::memmem::find_iter(bytes, word).collect();
            for at in found {
                bytes[at..at + word.len()].fill(b'x');
            }
        }
    }

    fn url(&self, uri: &http::Uri) -> String {
        let whole = uri.to_string();
        let Some((place, query)) = whole.split_once('?') else {
            return self.text(&whole);
        };
        let shown = |pair: &str| match (pair.split_once('='), &self.parameter) {
            (Some((name, _)), Some(secret)) if name == secret => format!("{name}={HIDDEN}"),
            _ => pair.to_owned(),
        };
        let query: Vec<String> = query.split('&').map(shown).collect();
        self.text(&format!("{place}?{}", query.join("&")))
    }
}

/// What is written in the place of a header's value.
pub(crate) const HIDDEN: &str = "[hidden]";

// A list of what may be shown: of a header that nobody has heard of nobody knows what it says.
fn is_harmless(name: &str) -> bool {
    HARMLESS.contains(&name) || HARMLESS_STARTS.iter().any(|start| name.starts_with(start))
}

const HARMLESS: &[&str] = &[
    "accept",
    "accept-encoding",
    "anthropic-beta",
    "anthropic-version",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "server",
    "transfer-encoding",
    "user-agent",
    "x-amzn-requestid",
    "x-ms-retry-after-ms",
    "x-request-id",
    "x-should-retry",
];
const HARMLESS_STARTS: &[&str] = &["anthropic-ratelimit-", "x-ratelimit-"];
// A shorter one is no secret, and hiding it would hide half of each text.
const SECRET_MIN: usize = 8;
