//! An HTTP request that was meant for a provider's API, answered by the loop: read just enough to be routed, translated where the
//! chosen provider speaks another format. What is wrong with it is an answer, too, in the caller's words.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use libllm_proto::inbound::{self, Inbound, Model, Outline, Taker};
use libllm_proto::wire::{self, Encoded, Operation, Target, Wire};

use crate::client::{Client, Errand};
use crate::clock;
use crate::config::{Config, Key, MOCK, Provider, header_value, shown, split_model};
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::outlet::Answer;
use crate::queue::Queue;
use crate::request::Request;
use crate::route::Candidates;
use crate::secret::Secret;
use crate::trace::{self, Parent};

/// A request in HTTP's words.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// `POST` or `GET`.
    pub method: String,
    /// A path, or a whole URL, whose host then names the provider.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl HttpRequest {
    /// Reads headers from a JSON array of `[name, value]` pairs.
    pub fn headers_from_json(json: &str) -> Result<Vec<(String, String)>> {
        serde_json::from_str(json).map_err(|error| {
            let message = format!("headers: expected an array of [name, value] pairs: {error}");
            Error::new(ErrorKind::InvalidArgument, message)
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The trace that its caller says it belongs to.
    fn trace(&self) -> Option<Parent> {
        let all = |wanted: &str| -> Vec<&str> {
            let named = self.headers.iter();
            let named = named.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            named.map(|(_, value)| value.as_str()).collect()
        };
        Parent::of_headers(&all(trace::PARENT), &all(trace::STATE))
    }

    /// The key that an SDK was given.
    fn key(&self) -> Option<Secret> {
        let bearer = self.header("authorization").and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        });
        let key = bearer
            .or(self.header("x-api-key"))
            .or(self.header("api-key"));
        key.filter(|key| !key.is_empty()).map(Secret::from)
    }
}

/// A request of a caller who speaks a provider's format.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The format.
    pub(crate) face: &'static dyn Inbound,
    pub(crate) outline: Outline,
    /// What the answer repeats of the request.
    pub(crate) echo: Box<str>,
    body: Bytes,
    /// Headers of the format itself, for a provider that speaks it.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Caller {
    /// Whether a provider of this wire gets the request as it came.
    pub(crate) fn passes(&self, wire: &dyn Wire) -> bool {
        self.face.wire() == wire.name()
    }

    /// The request's text, if it is not in the words in which this library is asked anyway.
    pub(crate) fn own_words(&self) -> Option<&[u8]> {
        (!self.is_ours()).then_some(&*self.body)
    }

    /// What makes another question of the same text.
    pub(crate) fn scope(&self, mut tell: impl FnMut(&[u8])) {
        if !self.is_ours() {
            tell(self.face.wire().as_bytes());
        }
        for (name, value) in &self.headers {
            tell(name.as_str().as_bytes());
            tell(value.as_bytes());
        }
    }

    /// Says the request for a target.
    pub(crate) fn encode(
        &self,
        request: &Request,
        wire: &dyn Wire,
        target: &Target<'_>,
    ) -> Result<Encoded> {
        if !self.passes(wire) {
            let taker = Taker {
                wire: wire.name(),
                unsupported: target.unsupported,
            };
            let asked = self.face.read(&self.body, taker)?;
            let mut encoded = wire.encode(&asked.request, target)?;
            encoded.dropped.splice(0..0, asked.dropped);
            return Ok(encoded);
        }
        let responses = Target {
            operation: Operation::Responses,
            ..*target
        };
        let mut encoded = match self.is_ours() {
            true => wire.encode(request, target)?,
            false if wire.speaks(Operation::Responses) => {
                wire.encode(&Request::parse(self.body.clone())?, &responses)?
            }
            false => {
                let plain = Outline {
                    reasons: false,
                    ..self.outline.clone()
                };
                let mut encoded = wire.encode(&plain.request()?, target)?;
                let body = inbound::routed(&self.body, encoded.http.body())?;
                *encoded.http.body_mut() = body.into();
                // Of the request nothing was left out, whatever became of the one that showed the way.
                encoded.dropped.clear();
                encoded
            }
        };
        for (name, value) in &self.headers {
            encoded.http.headers_mut().insert(name, value.clone());
        }
        Ok(encoded)
    }

    /// The request's own words.
    pub(crate) fn said<'r>(&'r self, request: &'r Request) -> &'r Bytes {
        match self.is_ours() {
            true => request.source(),
            false => &self.body,
        }
    }

    /// The same caller with another request, in its format; the answer stays a stream, or whole, as it was asked for first.
    pub(crate) fn replaced(&self, body: Bytes) -> Result<(Request, Box<Caller>)> {
        let mut outline = Outline::read(&body)?;
        outline.stream = self.outline.stream;
        let echo = self.face.echo(&body)?;
        let headers = self.headers.clone();
        Caller::heard(self.face, outline, echo, body, headers)
    }

    // What the loop carries of a request: the whole of one in our own words, an outline of any other.
    fn heard(
        face: &'static dyn Inbound,
        outline: Outline,
        echo: Box<str>,
        body: Bytes,
        headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<(Request, Box<Caller>)> {
        let mut caller = Caller {
            face,
            outline,
            echo,
            body,
            headers,
        };
        let request = match caller.is_ours() {
            true => Request::parse(std::mem::take(&mut caller.body))?,
            false => caller.outline.request()?,
        };
        if caller.is_ours() {
            caller.body = request.source().clone();
        }
        Ok((request, Box::new(caller)))
    }

    /// Whether the format is the one in which this library is asked anyway.
    fn is_ours(&self) -> bool {
        self.face.wire() == inbound::CHAT.wire()
    }
}

impl Client {
    /// Answers an HTTP request that was meant for a provider's API: `POST .../chat/completions`, `.../messages`,
    /// `.../responses`, `GET .../models`. `seen` learns the number before any event of the request can be polled.
    ///
    /// The events are [`crate::EventType::HttpHead`], any number of [`crate::EventType::HttpBody`], and the terminal one. What the
    /// provider refuses, and what is wrong with the request, is an answer.
    ///
    /// # Errors
    /// What concerns the call and not the request: a closed or foreign client or queue, options that contradict it.
    pub fn submit_http(
        &self,
        queue: &Queue,
        http: &HttpRequest,
        options: &Options,
        user_data: usize,
        seen: impl FnOnce(u64),
    ) -> Result<u64> {
        let began = clock::now();
        self.check()?;
        if options.operation.is_some() {
            let message = "operation: the request's path says what is asked";
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        let setup = self.setup();
        let config = &setup.config;
        let mut options = options.clone();
        options.raw = false;
        options.trace = options.trace.or_else(|| http.trace());
        match Asking::of(http, config, &mut options) {
            Ok(Asking::Call(request, caller)) => {
                let candidates =
                    match self.candidates(config, &request, &options, caller.outline.stream) {
                        Ok(candidates) => at_home(candidates, caller.face),
                        Err(error) => {
                            let answer = Answer::refusal(caller.face, &error);
                            return self.answer(queue, user_data, answer, seen);
                        }
                    };
                let face = caller.face;
                let errand = Errand {
                    began,
                    queue,
                    options: &options,
                    user_data,
                    stream: caller.outline.stream,
                    answer: None,
                    replan: self.replan(
                        config,
                        &options,
                        caller.outline.stream,
                        move |candidates| at_home(candidates, face),
                    ),
                    caller: Some(caller),
                };
                self.launch(&setup, request, candidates, errand, seen)
            }
            Ok(Asking::Answered(answer)) => self.answer(queue, user_data, answer, seen),
            Err((face, error)) => {
                self.answer(queue, user_data, Answer::refusal(face, &error), seen)
            }
        }
    }
}

/// The provider whose format it is speaks it, whatever its row says first.
fn at_home(mut candidates: Candidates, face: &dyn Inbound) -> Candidates {
    let Some(wire) = wire::find(face.wire()) else {
        return candidates;
    };
    for candidate in &mut *candidates {
        if candidate.provider.id == face.home() {
            Arc::make_mut(candidate).wire = wire;
        }
    }
    candidates
}

/// What an HTTP request comes to.
enum Asking {
    /// A call of some provider.
    Call(Request, Box<Caller>),
    /// It is known already.
    Answered(Answer),
}

type Refused = (&'static dyn Inbound, Error);

impl Asking {
    fn of(http: &HttpRequest, config: &Config, options: &mut Options) -> Result<Asking, Refused> {
        let (home, path) = place(&http.url);
        let asked = inbound::of_path(path);
        let face = asked.unwrap_or_else(|| tongue(http));
        let refuse = |error| (face, error);
        match (http.method.to_ascii_uppercase().as_str(), asked) {
            ("POST", Some(face)) => call(face, http, home, config, options).map_err(refuse),
            ("GET" | "HEAD", None) => list(path, face, config).map_err(refuse),
            (_, Some(_)) => Ok(Asking::Answered(Answer::of_status(
                405,
                face,
                &wrong_method(http),
            ))),
            (_, None) => Err(refuse(no_such_path(http, path))),
        }
    }
}

fn call(
    face: &'static dyn Inbound,
    http: &HttpRequest,
    home: Option<&str>,
    config: &Config,
    options: &mut Options,
) -> Result<Asking> {
    let outline = Outline::read(&http.body)?;
    let home = home.and_then(|home| provider_at(home, face, config));
    let mut headers = forwarded(http, FORMAT)?;
    if options.provider.is_none()
        && let Some(home) = home
        && names_no_other(outline.model.as_deref(), home, face, config)
    {
        options.provider = Some(home.id.clone());
        // A key belongs to the origin that it was meant for; what the configuration says is not overruled by it.
        if options.api_key.is_none()
            && options.base_url.is_none()
            && matches!(home.key, Key::Missing { .. })
            && let Some(key) = http.key()
        {
            options.api_key = Some(key);
            headers.extend(forwarded(http, ACCOUNT)?);
        }
    }
    if options.idempotency_key.is_none()
        && let Some(key) = http.header("idempotency-key")
    {
        let bad = |why| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("idempotency-key: {why}"),
            )
        };
        options.idempotency_key = Some(header_value(key).map_err(bad)?);
    }
    let (echo, body) = (face.echo(&http.body)?, http.body.clone());
    let (request, caller) = Caller::heard(face, outline, echo, body, headers)?;
    Ok(Asking::Call(request, caller))
}

/// Whether a model belongs to the provider whose URL was called. An alias does not. Where the SDKs of this format point by
/// default, `provider/model` does not either; elsewhere such a name may be the provider's own.
fn names_no_other(
    model: Option<&str>,
    home: &Provider,
    face: &dyn Inbound,
    config: &Config,
) -> bool {
    let Some(model) = model else { return false };
    if config.aliases.contains_key(model) {
        return false;
    }
    let known = |id: &str| id == MOCK || config.check_provider(id).is_ok();
    let routes = split_model(model).is_some_and(|(id, _)| known(id));
    !(routes && home.id == face.home())
}

/// The provider that is asked at this origin; of several the one whose format it is.
fn provider_at<'c>(home: &str, face: &dyn Inbound, config: &'c Config) -> Option<&'c Provider> {
    let here = config.providers.values().filter(|provider| {
        place(&provider.base_url)
            .0
            .is_some_and(|origin| origin.eq_ignore_ascii_case(home))
    });
    let rank = |provider: &&Provider| {
        let own = provider.id == face.home();
        (own, provider.wire.name() == face.wire())
    };
    here.map(|provider| &**provider).max_by_key(rank)
}

/// A URL's origin, if it has one, and its path without the query.
fn place(url: &str) -> (Option<&str>, &str) {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some(start) = url.find("://").map(|at| at + "://".len()) else {
        return (None, url);
    };
    let path = url[start..].find('/').map_or(url.len(), |at| start + at);
    (Some(&url[..path]), &url[path..])
}

/// The format in which a request is answered whose path does not tell.
fn tongue(http: &HttpRequest) -> &'static dyn Inbound {
    match http.header("anthropic-version") {
        Some(_) => inbound::MESSAGES,
        None => inbound::CHAT,
    }
}

fn list(path: &str, face: &'static dyn Inbound, config: &Config) -> Result<Asking> {
    let anthropic = face.wire() == inbound::MESSAGES.wire();
    let path = path.trim_end_matches('/');
    let all = models(config);
    let body = if path.ends_with("/models") {
        inbound::models(&all, false, anthropic)
    } else if let Some((_, id)) = path.split_once("/models/") {
        let id = id.replace("%2F", "/").replace("%2f", "/");
        let one: Vec<Model> = all.into_iter().filter(|model| model.id == id).collect();
        if one.is_empty() {
            let message = format!("no model {:?} in the configuration", shown(&id));
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        inbound::models(&one, true, anthropic)
    } else {
        let message = format!("GET {path} is not answered here");
        return Err(Error::new(ErrorKind::NotFound, message));
    };
    Ok(Asking::Answered(Answer::good(body)))
}

/// Aliases, and what stands behind them.
fn models(config: &Config) -> Vec<Model> {
    let mut models: Vec<Model> = Vec::new();
    let mut add = |id: &str, owner: &str| {
        if !models.iter().any(|model| model.id == id) {
            models.push(Model {
                id: id.to_owned(),
                owner: owner.to_owned(),
            });
        }
    };
    for alias in config.aliases.keys() {
        add(alias, "libllm");
    }
    let targets = config.aliases.values().flat_map(|alias| {
        let targets = alias.targets.iter().map(|target| &target.model);
        targets.chain(alias.fallbacks.names())
    });
    for name in targets.chain(&config.default_model) {
        match split_model(name) {
            Some((provider, _)) => add(name, provider),
            None => add(name, "libllm"),
        }
    }
    models
}

fn forwarded(http: &HttpRequest, names: &[&'static str]) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let mut headers = Vec::new();
    for name in names {
        if let Some(value) = http.header(name) {
            let bad = |why| Error::new(ErrorKind::InvalidArgument, format!("{name}: {why}"));
            let value = header_value(value).map_err(bad)?;
            headers.push((HeaderName::from_static(name), value));
        }
    }
    Ok(headers)
}

/// Whether an error is the provider's word, or one about the request: an answer, rather than no answer.
pub(crate) fn is_answer(error: &Error) -> bool {
    use ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::InvalidArgument
            | Kind::Config
            | Kind::Unsupported
            | Kind::InvalidRequest
            | Kind::NotFound
            | Kind::TooLarge
            | Kind::Conflict
            | Kind::Auth
            | Kind::ContentFilter
            | Kind::ContextLength
            | Kind::RateLimited
            | Kind::Quota
            | Kind::Overloaded
            | Kind::ServerError
            | Kind::Unavailable
            | Kind::ProviderError
            | Kind::GatewayTimeout
            | Kind::Cdn(_)
    ) || (error.kind() == Kind::Timeout && error.http_status() == Some(408))
}

/// Headers of an answer that go on to the caller: all but those that belong to the connection, or to a length and an origin
/// that are no more (RFC 9110 7.6.1).
pub(crate) fn end_to_end(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    const HELD: [&str; 10] = [
        "alt-svc",
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
    ];
    let all = headers.iter();
    all.filter(|(name, _)| !HELD.contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
}

fn no_such_path(http: &HttpRequest, path: &str) -> Error {
    let (method, path) = (shown(&http.method), shown(path));
    let message = format!("{method} {path} is not answered here");
    Error::new(ErrorKind::NotFound, message)
}

fn wrong_method(http: &HttpRequest) -> Error {
    let message = format!("method {:?}: expected POST", shown(&http.method));
    Error::new(ErrorKind::InvalidRequest, message)
}

/// Headers that belong to a format.
const FORMAT: &[&str] = &["anthropic-beta", "anthropic-version", "openai-beta"];
/// Headers that belong to the account of a key.
const ACCOUNT: &[&str] = &["openai-organization", "openai-project"];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_an_origin_and_a_path() {
        assert_eq!(
            place("https://h:1/v1/messages?beta=true"),
            (Some("https://h:1"), "/v1/messages")
        );
        assert_eq!(place("/v1/models#x"), (None, "/v1/models"));
        assert_eq!(place("http://h"), (Some("http://h"), ""));
    }

    #[test]
    fn keys_are_found_where_sdks_put_them() {
        let key = |name: &str, value: &str| {
            let http = HttpRequest {
                headers: vec![(name.into(), value.into())],
                ..HttpRequest::default()
            };
            http.key().map(|key| key.expose().to_owned())
        };
        assert_eq!(key("Authorization", "Bearer sk-1").as_deref(), Some("sk-1"));
        assert_eq!(key("X-Api-Key", "sk-2").as_deref(), Some("sk-2"));
        assert_eq!(key("authorization", "Basic x"), None);
        assert_eq!(key("x-api-key", ""), None);
    }
}
