//! The one error of this crate: what failed, whose fault, and whether trying again can help.

use std::fmt;
use std::time::Duration;

/// Result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Outcome numbers of the C ABI (`llm_status`); permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[allow(missing_docs)] // the names are `llm.h`'s, documented there
pub enum Status {
    Ok = 0,
    Internal = -1,
    InvalidArgument = -2,
    NoMemory = -3,
    Config = -4,
    NotFound = -5,
    Busy = -6,
    WouldDeadlock = -7,
    Closed = -8,
    Forked = -9,
    Canceled = -10,
    Timeout = -11,
    Connect = -20,
    Protocol = -21,
    Auth = -22,
    BadRequest = -23,
    RateLimited = -24,
    Overloaded = -25,
    ContextLength = -26,
    ContentFilter = -27,
    Budget = -28,
    CircuitOpen = -29,
    Truncated = -30,
    Quota = -31,
    NoRoute = -32,
    Stalled = -33,
    Unsupported = -34,
}

impl Status {
    /// Every status, in the order of the header.
    pub const ALL: &'static [Status] = &[
        Status::Ok,
        Status::Internal,
        Status::InvalidArgument,
        Status::NoMemory,
        Status::Config,
        Status::NotFound,
        Status::Busy,
        Status::WouldDeadlock,
        Status::Closed,
        Status::Forked,
        Status::Canceled,
        Status::Timeout,
        Status::Connect,
        Status::Protocol,
        Status::Auth,
        Status::BadRequest,
        Status::RateLimited,
        Status::Overloaded,
        Status::ContextLength,
        Status::ContentFilter,
        Status::Budget,
        Status::CircuitOpen,
        Status::Truncated,
        Status::Quota,
        Status::NoRoute,
        Status::Stalled,
        Status::Unsupported,
    ];

    /// The constant's name in C, such as `LLM_ERR_TIMEOUT`.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "LLM_OK",
            Status::Internal => "LLM_ERR_INTERNAL",
            Status::InvalidArgument => "LLM_ERR_INVALID_ARGUMENT",
            Status::NoMemory => "LLM_ERR_NO_MEMORY",
            Status::Config => "LLM_ERR_CONFIG",
            Status::NotFound => "LLM_ERR_NOT_FOUND",
            Status::Busy => "LLM_ERR_BUSY",
            Status::WouldDeadlock => "LLM_ERR_WOULD_DEADLOCK",
            Status::Closed => "LLM_ERR_CLOSED",
            Status::Forked => "LLM_ERR_FORKED",
            Status::Canceled => "LLM_ERR_CANCELED",
            Status::Timeout => "LLM_ERR_TIMEOUT",
            Status::Connect => "LLM_ERR_CONNECT",
            Status::Protocol => "LLM_ERR_PROTOCOL",
            Status::Auth => "LLM_ERR_AUTH",
            Status::BadRequest => "LLM_ERR_BAD_REQUEST",
            Status::RateLimited => "LLM_ERR_RATE_LIMITED",
            Status::Overloaded => "LLM_ERR_OVERLOADED",
            Status::ContextLength => "LLM_ERR_CONTEXT_LENGTH",
            Status::ContentFilter => "LLM_ERR_CONTENT_FILTER",
            Status::Budget => "LLM_ERR_BUDGET",
            Status::CircuitOpen => "LLM_ERR_CIRCUIT_OPEN",
            Status::Truncated => "LLM_ERR_TRUNCATED",
            Status::Quota => "LLM_ERR_QUOTA",
            Status::NoRoute => "LLM_ERR_NO_ROUTE",
            Status::Stalled => "LLM_ERR_STALLED",
            Status::Unsupported => "LLM_ERR_UNSUPPORTED",
        }
    }
}

/// What went wrong, for code to decide on; [`ErrorKind::name`] is the `kind` of the error's JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // each is a row of the table in docs/errors.md, by its name
pub enum ErrorKind {
    // The caller's words or the configuration.
    InvalidArgument,
    Config,
    Unsupported,
    // The provider's refusals.
    InvalidRequest,
    NotFound,
    TooLarge,
    Conflict,
    Auth,
    ContentFilter,
    ContextLength,
    RateLimited,
    Quota,
    Overloaded,
    ServerError,
    Unavailable,
    ProviderError,
    GatewayTimeout,
    /// A CDN's own status, 520 to 530.
    Cdn(u16),
    // The network and time.
    Timeout,
    ConsumerStalled,
    Connect,
    ConnectionLost,
    StreamTruncated,
    // Answers that cannot be read.
    EmptyResponse,
    Protocol,
    BadContentType,
    RedirectRefused,
    LimitExceeded,
    // This process.
    Canceled,
    Closed,
    Busy,
    Forked,
    WouldDeadlock,
    NoRequest,
    NoMemory,
    NoRoute,
    Internal,
}

impl ErrorKind {
    /// Every kind but the CDN's, whose number is part of the name.
    pub const ALL: &'static [ErrorKind] = &[
        ErrorKind::InvalidArgument,
        ErrorKind::Config,
        ErrorKind::Unsupported,
        ErrorKind::InvalidRequest,
        ErrorKind::NotFound,
        ErrorKind::TooLarge,
        ErrorKind::Conflict,
        ErrorKind::Auth,
        ErrorKind::ContentFilter,
        ErrorKind::ContextLength,
        ErrorKind::RateLimited,
        ErrorKind::Quota,
        ErrorKind::Overloaded,
        ErrorKind::ServerError,
        ErrorKind::Unavailable,
        ErrorKind::ProviderError,
        ErrorKind::GatewayTimeout,
        ErrorKind::Timeout,
        ErrorKind::ConsumerStalled,
        ErrorKind::Connect,
        ErrorKind::ConnectionLost,
        ErrorKind::StreamTruncated,
        ErrorKind::EmptyResponse,
        ErrorKind::Protocol,
        ErrorKind::BadContentType,
        ErrorKind::RedirectRefused,
        ErrorKind::LimitExceeded,
        ErrorKind::Canceled,
        ErrorKind::Closed,
        ErrorKind::Busy,
        ErrorKind::Forked,
        ErrorKind::WouldDeadlock,
        ErrorKind::NoRequest,
        ErrorKind::NoMemory,
        ErrorKind::NoRoute,
        ErrorKind::Internal,
    ];

    /// The name in the error's JSON, such as `rate_limited` or `cdn_520`.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::InvalidArgument => "invalid_argument",
            ErrorKind::Config => "config",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::InvalidRequest => "invalid_request",
            ErrorKind::NotFound => "not_found",
            ErrorKind::TooLarge => "too_large",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Auth => "auth",
            ErrorKind::ContentFilter => "content_filter",
            ErrorKind::ContextLength => "context_length",
            ErrorKind::RateLimited => "rate_limited",
            ErrorKind::Quota => "quota",
            ErrorKind::Overloaded => "overloaded",
            ErrorKind::ServerError => "server_error",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::ProviderError => "provider_error",
            ErrorKind::GatewayTimeout => "gateway_timeout",
            ErrorKind::Cdn(520) => "cdn_520",
            ErrorKind::Cdn(521) => "cdn_521",
            ErrorKind::Cdn(522) => "cdn_522",
            ErrorKind::Cdn(523) => "cdn_523",
            ErrorKind::Cdn(524) => "cdn_524",
            ErrorKind::Cdn(525) => "cdn_525",
            ErrorKind::Cdn(526) => "cdn_526",
            ErrorKind::Cdn(527) => "cdn_527",
            ErrorKind::Cdn(_) => "cdn_530",
            ErrorKind::Timeout => "timeout",
            ErrorKind::ConsumerStalled => "consumer_stalled",
            ErrorKind::Connect => "connect",
            ErrorKind::ConnectionLost => "connection_lost",
            ErrorKind::StreamTruncated => "stream_truncated",
            ErrorKind::EmptyResponse => "empty_response",
            ErrorKind::Protocol => "protocol",
            ErrorKind::BadContentType => "bad_content_type",
            ErrorKind::RedirectRefused => "redirect_refused",
            ErrorKind::LimitExceeded => "limit_exceeded",
            ErrorKind::Canceled => "canceled",
            ErrorKind::Closed => "closed",
            ErrorKind::Busy => "busy",
            ErrorKind::Forked => "forked",
            ErrorKind::WouldDeadlock => "would_deadlock",
            ErrorKind::NoRequest => "no_request",
            ErrorKind::NoMemory => "no_memory",
            ErrorKind::NoRoute => "no_route",
            ErrorKind::Internal => "internal",
        }
    }

    /// The kind of this name, as read back from an error's JSON.
    pub fn from_name(name: &str) -> Option<ErrorKind> {
        let cdn = (520..=530).map(ErrorKind::Cdn);
        ErrorKind::ALL
            .iter()
            .copied()
            .chain(cdn)
            .find(|kind| kind.name() == name)
    }

    /// The number a C caller sees.
    pub fn status(self) -> Status {
        match self {
            ErrorKind::InvalidArgument => Status::InvalidArgument,
            ErrorKind::Config => Status::Config,
            ErrorKind::Unsupported => Status::Unsupported,
            ErrorKind::InvalidRequest
            | ErrorKind::NotFound
            | ErrorKind::TooLarge
            | ErrorKind::Conflict => Status::BadRequest,
            ErrorKind::Auth => Status::Auth,
            ErrorKind::ContentFilter => Status::ContentFilter,
            ErrorKind::ContextLength => Status::ContextLength,
            ErrorKind::RateLimited => Status::RateLimited,
            ErrorKind::Quota => Status::Quota,
            ErrorKind::Overloaded
            | ErrorKind::ServerError
            | ErrorKind::Unavailable
            | ErrorKind::ProviderError
            | ErrorKind::GatewayTimeout
            | ErrorKind::Cdn(_) => Status::Overloaded,
            ErrorKind::Timeout => Status::Timeout,
            ErrorKind::ConsumerStalled => Status::Stalled,
            ErrorKind::Connect => Status::Connect,
            ErrorKind::ConnectionLost | ErrorKind::StreamTruncated => Status::Truncated,
            ErrorKind::EmptyResponse
            | ErrorKind::Protocol
            | ErrorKind::BadContentType
            | ErrorKind::RedirectRefused
            | ErrorKind::LimitExceeded => Status::Protocol,
            ErrorKind::Canceled => Status::Canceled,
            ErrorKind::Closed => Status::Closed,
            ErrorKind::Busy => Status::Busy,
            ErrorKind::Forked => Status::Forked,
            ErrorKind::WouldDeadlock => Status::WouldDeadlock,
            ErrorKind::NoRequest => Status::NotFound,
            ErrorKind::NoMemory => Status::NoMemory,
            ErrorKind::NoRoute => Status::NoRoute,
            ErrorKind::Internal => Status::Internal,
        }
    }
}

/// Whether trying again can help; decided where the error is born.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Neither here nor anywhere else.
    Never,
    /// Not on this target; another one may answer (another model, key or account).
    Elsewhere,
    /// Here or elsewhere, after a delay of our own choosing.
    Backoff,
    /// The same, but at most one more time on this target: the first try may have been billed.
    Once,
    /// Here not before this long; elsewhere at once.
    After(Duration),
}

/// How far a request had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Phase {
    /// Before anything was sent: arguments, configuration, limits.
    #[default]
    Local,
    /// Name, TCP, TLS, proxy.
    Connect,
    /// Sending the request, up to the answer's head.
    Send,
    /// After the head, before the first item.
    FirstItem,
    /// After the first item.
    Stream,
    /// The consumer left the events unread.
    Consumer,
}

impl Phase {
    /// Every phase, in the order in which a request comes to them.
    pub const ALL: &'static [Phase] = &[
        Phase::Local,
        Phase::Connect,
        Phase::Send,
        Phase::FirstItem,
        Phase::Stream,
        Phase::Consumer,
    ];

    /// The name in the error's JSON.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Local => "local",
            Phase::Connect => "connect",
            Phase::Send => "send",
            Phase::FirstItem => "first_item",
            Phase::Stream => "stream",
            Phase::Consumer => "consumer",
        }
    }

    /// The phase of this name, as read back from an error's JSON.
    pub fn from_name(name: &str) -> Option<Phase> {
        Phase::ALL
            .iter()
            .copied()
            .find(|phase| phase.name() == name)
    }
}

/// Why something failed. Boxed inside, so that `Result` stays small on the token path.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    retry: Retry,
    phase: Phase,
    message: Box<str>,
    http_status: Option<u16>,
    provider_type: Option<Box<str>>,
    code: Option<Box<str>>,
    param: Option<Box<str>>,
    request_id: Option<Box<str>>,
    retry_after: Option<Duration>,
    body: Option<Box<str>>,
    report: Option<Box<str>>,
}

impl Error {
    /// An error of this kind; lower case, no full stop, no secret. Retry defaults to what the kind allows.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        let retry = match kind {
            ErrorKind::NotFound | ErrorKind::ContextLength | ErrorKind::Quota | ErrorKind::Auth => {
                Retry::Elsewhere
            }
            ErrorKind::Conflict
            | ErrorKind::RateLimited
            | ErrorKind::Overloaded
            | ErrorKind::ServerError
            | ErrorKind::Unavailable
            | ErrorKind::ProviderError
            | ErrorKind::Timeout
            | ErrorKind::Connect
            | ErrorKind::ConnectionLost
            | ErrorKind::StreamTruncated => Retry::Backoff,
            ErrorKind::GatewayTimeout | ErrorKind::EmptyResponse | ErrorKind::Cdn(524) => {
                Retry::Once
            }
            ErrorKind::Cdn(525 | 526) => Retry::Never,
            ErrorKind::Cdn(_) => Retry::Backoff,
            _ => Retry::Never,
        };
        Error(Box::new(Inner {
            kind,
            retry,
            phase: Phase::Local,
            message: message.into().into(),
            http_status: None,
            provider_type: None,
            code: None,
            param: None,
            request_id: None,
            retry_after: None,
            body: None,
            report: None,
        }))
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// The number a C caller sees.
    pub fn status(&self) -> Status {
        self.0.kind.status()
    }
    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }
    /// How far the request had come.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }
    /// One line for people; holds the provider's own words up to 512 bytes, never a key or a prompt.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// The provider's HTTP status, if there was an answer.
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }
    /// The provider's `type` of error.
    pub fn provider_type(&self) -> Option<&str> {
        self.0.provider_type.as_deref()
    }
    /// The provider's `code`, as text.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }
    /// The request field the provider complains of.
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }
    /// The provider's number for the request, from its HTTP header.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }
    /// How long the provider asked to wait, even where that is too long to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
    /// The provider's body, at most 64 KiB.
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// The whole story of the call as JSON, attempts included, where a call was made.
    pub fn report(&self) -> Option<&str> {
        self.0.report.as_deref()
    }

    /// Replaces the kind, and nothing else.
    pub fn with_kind(mut self, kind: ErrorKind) -> Error {
        self.0.kind = kind;
        self
    }
    /// Replaces the decision about retrying.
    pub fn with_retry(mut self, retry: Retry) -> Error {
        self.0.retry = retry;
        self
    }
    /// Says how far the request had come.
    pub fn with_phase(mut self, phase: Phase) -> Error {
        self.0.phase = phase;
        self
    }
    /// Puts words before the message: where it happened.
    pub fn context(mut self, place: impl fmt::Display) -> Error {
        self.0.message = format!("{place}: {}", self.0.message).into();
        self
    }
    /// Adds the HTTP status of the answer.
    pub fn with_http_status(mut self, status: u16) -> Error {
        self.0.http_status = Some(status);
        self
    }
    /// Adds what the provider's error object said.
    pub fn with_provider(
        mut self,
        provider_type: Option<String>,
        code: Option<String>,
        param: Option<String>,
    ) -> Error {
        self.0.provider_type = provider_type.map(word);
        self.0.code = code.map(word);
        self.0.param = param.map(word);
        self
    }
    /// Adds the provider's number for the request.
    pub fn with_request_id(mut self, id: Option<String>) -> Error {
        self.0.request_id = id.map(word);
        self
    }
    /// Adds how long the provider asked to wait; does not change the retry decision.
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Error {
        self.0.retry_after = wait;
        self
    }
    /// Adds the provider's body.
    pub fn with_body(mut self, body: impl Into<String>) -> Error {
        self.0.body = Some(body.into().into());
        self
    }
    /// Takes a secret out of every text, wherever the provider repeated it.
    pub fn without(mut self, secret: &str) -> Error {
        let hide = |text: &mut Box<str>| {
            if let Some(rest) = without(text, secret) {
                *text = rest.into();
            }
        };
        let inner = &mut *self.0;
        hide(&mut inner.message);
        let optional = [
            &mut inner.provider_type,
            &mut inner.code,
            &mut inner.param,
            &mut inner.request_id,
            &mut inner.body,
        ];
        optional.into_iter().flatten().for_each(hide);
        self
    }

    /// Adds the whole story of the call as JSON.
    pub fn with_report(mut self, json: impl Into<String>) -> Error {
        self.0.report = Some(json.into().into());
        self
    }
}

/// `text` with `***` in the place of `secret`, if that is there.
pub fn without(text: &str, secret: &str) -> Option<String> {
    // Shorter ones are no secrets, and would be found in ordinary words.
    let found = secret.len() >= SECRET_MIN && text.contains(secret);
    found.then(|| text.replace(secret, "***"))
}

// A provider's word is a word; what is longer is cut, because a terminal event is never held back and must be small.
const WORD_MAX: usize = 512;
const SECRET_MIN: usize = 8;

fn word(mut text: String) -> Box<str> {
    text.truncate(text.floor_char_boundary(WORD_MAX));
    text.into()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}({:?}, {:?})",
            self.0.kind.name(),
            self.0.message,
            self.0.retry
        )
    }
}

impl std::error::Error for Error {}
