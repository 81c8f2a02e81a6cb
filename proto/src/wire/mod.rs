//! A message format: how a [`Request`] is said, and how an answer's frames are heard. One file a wire, two faces each.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::answer_tool;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::event::Batch;
use crate::frame::{Frame, Framing};
use crate::operation::{self, Unary};
use crate::provider::{Quirks, TokenCounts};
use crate::request::Request;

pub use crate::operation::Operation;

#[cfg(feature = "anthropic")]
pub mod anthropic;
#[cfg(feature = "bedrock")]
pub mod bedrock;
#[cfg(feature = "cohere")]
pub mod cohere;
#[cfg(feature = "gemini")]
pub mod gemini;
#[cfg(feature = "ollama")]
pub mod ollama;
#[cfg(feature = "openai")]
pub mod openai_chat;
#[cfg(feature = "responses")]
pub mod openai_responses;
#[allow(dead_code)] // a build may have no wire at all
mod url;

/// A wire's outbound face. Stateless; one static per format.
pub trait Wire: Sync + std::fmt::Debug {
    /// The name that rows and configuration use, such as `openai_chat`.
    fn name(&self) -> &'static str;

    /// Whether this can be asked in the format as conversations are; every one has those.
    fn speaks(&self, operation: Operation) -> bool {
        operation == Operation::Chat
    }

    /// How the format asks for something that is answered in one piece, if it has words for it.
    fn unary(&self, operation: Operation) -> Option<&'static Unary> {
        let _ = operation;
        None
    }

    /// Whether tokens of this model are counted where this provider is; asked of a wire that knows [`Operation::CountTokens`].
    fn counts(&self, model: &str, quirks: &Quirks) -> bool {
        let _ = (model, quirks);
        true
    }

    /// Says the request in this format, for this target. What did not fit is in [`Encoded::dropped`], or an error, as the
    /// target's [`Unsupported`] says.
    fn encode(&self, request: &Request, target: &Target<'_>) -> Result<Encoded>;

    /// The framing of a 2xx answer and the state that reads its frames; goes by the content type as well as by what was asked.
    fn reader(&self, exchange: &Exchange<'_>, head: &Head) -> (Framing, Box<dyn Reader>);

    /// The error that a refusal (a status outside 2xx) means.
    fn error(&self, exchange: &Exchange<'_>, head: &Head, body: &[u8], now: SystemTime) -> Error;
}

/// The state of one answer.
pub trait Reader: Send {
    /// Reads one frame; pushes what it means.
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow>;

    /// The body has ended. An end without the format's terminal marker is an error, never a short answer.
    fn finish(&mut self, batch: &mut Batch) -> Result<Ending>;

    /// The connection was lost inside the answer. Pushes what is known of it and was kept for its end.
    fn lost(&mut self, batch: &mut Batch) {
        let _ = batch;
    }
}

/// What a reader wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// More frames.
    More,
    /// The terminal marker was read: whatever follows does not belong to the answer. `finish` is called all the same.
    Done,
}

/// How an answer ended that is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ending {
    /// The terminal marker is missing, and the row's quirk says that this provider omits it.
    pub incomplete: bool,
    /// Frames that no wire knows, or that were valid JSON of an unknown shape; skipped.
    pub skipped: u32,
}

/// The head of an HTTP answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// As the server said it, 100 to 999.
    pub status: u16,
    /// Names in lower case.
    pub headers: HeaderMap,
}

impl Head {
    /// A head without headers.
    pub fn new(status: u16) -> Head {
        Head {
            status,
            headers: HeaderMap::new(),
        }
    }

    /// A header's value, if it is there and is visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type in lower case, without parameters; empty if there is none.
    pub fn content_type(&self) -> String {
        self.media_type().to_ascii_lowercase()
    }

    /// Whether the media type is this one, which is written in lower case.
    pub fn is_type(&self, media_type: &str) -> bool {
        self.media_type().eq_ignore_ascii_case(media_type)
    }

    /// Whether the answer says that it is JSON.
    pub fn is_json(&self) -> bool {
        let split = self.media_type().rsplit_once(['/', '+']);
        split.is_some_and(|(_, last)| last.eq_ignore_ascii_case("json"))
    }

    /// The provider's number for the request, from the header it uses.
    pub fn request_id(&self) -> Option<&str> {
        const NAMES: &[&str] = &[
            "x-request-id",
            "request-id",
            "x-amzn-requestid",
            "apim-request-id",
            // Cohere's, recorded.
            "x-debug-trace-id",
            "cf-ray",
        ];
        // One walk over the few headers there are, instead of a search for each name.
        let mut best: Option<(usize, &HeaderValue)> = None;
        for (name, value) in &self.headers {
            let place = NAMES.iter().position(|known| *known == name.as_str());
            if let Some(place) = place
                && best.is_none_or(|(other, _)| place < other)
                && value.to_str().is_ok()
            {
                best = Some((place, value));
            }
        }
        best.and_then(|(_, value)| value.to_str().ok())
    }

    fn media_type(&self) -> &str {
        let value = self.headers.get(CONTENT_TYPE);
        let value = value.map(HeaderValue::as_bytes).unwrap_or_default();
        let end = value.iter().position(|byte| *byte == b';');
        let media_type = value[..end.unwrap_or(value.len())].trim_ascii();
        std::str::from_utf8(media_type).unwrap_or_default()
    }
}

/// What was asked, as far as the answer's reader must know it.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// Whether a stream was asked for.
    pub stream: bool,
    /// What was asked.
    pub operation: Operation,
    /// How this provider differs.
    pub quirks: &'a Quirks,
    /// Vectors were asked for in base64.
    pub packed: bool,
    /// The answer comes as a tool's arguments; see [`Encoded::answers_by_tool`].
    pub answer_tool: bool,
}

/// Where a request goes, joined from a provider row and the caller's words.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The provider's id, for messages.
    pub provider: &'a str,
    /// The model in the provider's words.
    pub model: &'a str,
    /// Everything before the wire's path, without a final slash.
    pub base_url: &'a str,
    /// Ask for a stream.
    pub stream: bool,
    /// What is asked.
    pub operation: Operation,
    /// How this provider differs.
    pub quirks: &'a Quirks,
    /// What to do with what the provider cannot take.
    pub unsupported: Unsupported,
    /// JSON object text merged into the body last (`extra_body`), or `None`.
    pub extra_body: Option<&'a [u8]>,
}

/// What to do with a parameter that a provider cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Unsupported {
    /// Leave it out and report it.
    #[default]
    Drop,
    /// Refuse the request.
    Error,
    /// Send it all the same where the format has a place for it.
    Pass,
}

/// A request in HTTP's words, without credentials.
#[derive(Debug)]
pub struct Encoded {
    /// Method, absolute URI, headers (content type, accept, the format's own version headers) and body.
    pub http: http::Request<Bytes>,
    /// What did not fit.
    pub dropped: Vec<Dropped>,
}

impl Encoded {
    /// Whether the answer comes as the arguments of a tool that was offered in place of a format: what an [`Exchange`] must say.
    pub fn answers_by_tool(&self) -> bool {
        answer_tool::is_marked(&self.http)
    }
}

/// A parameter that was not sent as the caller wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its name, such as `logit_bias` or `messages[2].content[0]`.
    pub param: String,
    /// `dropped`, `clamped` or `converted`.
    pub action: &'static str,
    /// Why, in a few words.
    pub why: String,
}

/// Refuses what a wire has no words for; another target may have them.
pub fn check_operation(wire: &dyn Wire, operation: Operation) -> Result<()> {
    if operation::knows(wire, operation) {
        return Ok(());
    }
    let (operation, wire) = (operation.name(), wire.name());
    let message = format!("operation {operation} is not known to wire {wire}");
    Err(Error::new(ErrorKind::Unsupported, message).with_retry(Retry::Elsewhere))
}

/// A JSON body on its way to `url`; `accept` is the media type of the answer that is asked for.
#[allow(dead_code)] // a build may have no wire at all
pub(crate) fn post(
    url: &str,
    accept: &'static str,
    body: impl Into<Bytes>,
) -> Result<http::Request<Bytes>> {
    let place = url::joined(url, "").map_err(|_| {
        let message = "base URL is no URL";
        Error::new(ErrorKind::Config, message)
    })?;
    Ok(post_to(place, accept, body.into()))
}

/// The same where the place is known.
#[allow(dead_code)] // a build may have no wire at all
fn post_to(place: Uri, accept: &'static str, body: Bytes) -> http::Request<Bytes> {
    let mut http = http::Request::new(body);
    *http.method_mut() = Method::POST;
    *http.uri_mut() = place;
    let headers = http.headers_mut();
    // What the wire, the row and the transport say; a table that grows is copied.
    headers.reserve(HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    http
}

/// Who asks (RFC 9110 section 10.1.5): services, and what stands before them, turn away those who do not say.
pub(crate) const AGENT: &str = concat!("libllm/", env!("CARGO_PKG_VERSION"));

const HEADERS: usize = 7;

/// A name as one segment of a path (RFC 3986 section 3.3): nothing in it can begin another segment, a query or a method.
#[allow(dead_code)] // a build may have no wire with names in its paths
pub(crate) fn segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

/// The wire of this name, if it is in this build.
pub fn find(name: &str) -> Option<&'static dyn Wire> {
    match name {
        #[cfg(feature = "openai")]
        "openai_chat" => Some(&openai_chat::OpenaiChat),
        #[cfg(feature = "openai")]
        "azure_openai" => Some(&openai_chat::AzureOpenai),
        #[cfg(feature = "openai")]
        "openai_completions" => Some(&openai_chat::OpenaiCompletions),
        #[cfg(feature = "responses")]
        "openai_responses" => Some(&openai_responses::OpenaiResponses),
        #[cfg(feature = "anthropic")]
        "anthropic" => Some(&anthropic::Anthropic),
        #[cfg(feature = "cohere")]
        "cohere" => Some(&cohere::Cohere),
        #[cfg(feature = "cohere")]
        "cohere_v1" => Some(&cohere::CohereV1),
        #[cfg(feature = "gemini")]
        "gemini" => Some(&gemini::Gemini),
        #[cfg(feature = "gemini")]
        "vertex" => Some(&gemini::Vertex),
        #[cfg(feature = "bedrock")]
        "bedrock_converse" => Some(&bedrock::Converse),
        #[cfg(feature = "bedrock")]
        "bedrock_invoke" => Some(&crate::carrier::Invoke),
        #[cfg(all(feature = "anthropic", feature = "gemini"))]
        "vertex_anthropic" => Some(&crate::carrier::VertexAnthropic),
        #[cfg(feature = "ollama")]
        "ollama" => Some(&ollama::Ollama),
        _ => None,
    }
}

/// The wire that asks for `operation` where `wire` is spoken: itself if it knows the operation, else the one of the same vendor's
/// formats, which lie at the same place, that does. Where tokens are counted, a row says.
pub fn for_operation(
    wire: &'static dyn Wire,
    operation: Operation,
    quirks: &Quirks,
) -> &'static dyn Wire {
    let sibling = match operation {
        _ if !wire.name().starts_with("openai_") => None,
        Operation::CountTokens => match quirks.token_counts {
            TokenCounts::Responses => find("openai_responses"),
            TokenCounts::Messages => find("anthropic"),
            TokenCounts::None | TokenCounts::Tokenize => find("openai_chat"),
        },
        _ if operation::knows(wire, operation) => None,
        Operation::Completion => find("openai_completions"),
        Operation::Responses => find("openai_responses"),
        _ => find("openai_chat"),
    };
    sibling.unwrap_or(wire)
}

/// Wires that rows may name, in this build or not.
pub const KNOWN: &[&str] = &[
    "openai_chat",
    "openai_responses",
    "openai_completions",
    "azure_openai",
    "anthropic",
    "cohere",
    "cohere_v1",
    "ollama",
    "gemini",
    "vertex",
    "vertex_anthropic",
    "bedrock_converse",
    "bedrock_invoke",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&'static str, &'static str)]) -> Head {
        let mut head = Head::new(200);
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            head.headers.append(*name, value);
        }
        head
    }

    #[test]
    fn a_head_says_what_it_is() {
        for (written, media_type, json) in [
            ("application/json", "application/json", true),
            (
                " Application/JSON ; charset=utf-8",
                "application/json",
                true,
            ),
            ("application/problem+json", "application/problem+json", true),
            ("application/x-ndjson", "application/x-ndjson", false),
            ("json", "json", false),
            ("text/html;charset=utf-8", "text/html", false),
            ("", "", false),
        ] {
            let head = head(&[("content-type", written)]);
            assert_eq!(head.content_type(), media_type);
            assert!(head.is_type(media_type));
            assert_eq!(head.is_json(), json, "{written}");
        }
        assert_eq!(Head::new(200).content_type(), "");
    }

    #[test]
    fn of_two_numbers_of_a_request_the_usual_one_counts() {
        let both = head(&[("cf-ray", "b"), ("date", "d"), ("x-request-id", "a")]);
        assert_eq!(both.request_id(), Some("a"));
        assert_eq!(head(&[("cf-ray", "b")]).request_id(), Some("b"));
        assert_eq!(head(&[("date", "d")]).request_id(), None);
    }
}
