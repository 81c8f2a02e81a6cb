//! What a program can catch: conditions of the error, and their names as classes (Python, TypeScript) and values (Go).

/// A condition that a program may want to tell from others. Of those that hold for an error, its class is that of the finest: one that
/// asks for an HTTP status before one that asks for a kind, and that before one of a status alone.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// What errors.Is compares with in Go; empty where Go has a word of its own (context.Canceled).
    pub go: &'static str,
    /// Its text in Go.
    pub text: &'static str,
    /// `llm_status` of these.
    pub statuses: &'static [&'static str],
    /// Only of this kind.
    pub kind: Option<&'static str>,
    /// Only of this HTTP status.
    pub http: Option<u16>,
    /// The class in Python and TypeScript; none where that is the coarser condition's.
    pub class: Option<&'static str>,
}

/// A class that errors are of.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    /// Its name.
    pub name: &'static str,
    /// The class above it.
    pub base: &'static str,
    /// What it means.
    pub about: &'static str,
}

const fn of(
    go: &'static str,
    text: &'static str,
    statuses: &'static [&'static str],
    class: &'static str,
) -> Condition {
    Condition {
        go,
        text,
        statuses,
        kind: None,
        http: None,
        class: Some(class),
    }
}

impl Condition {
    const fn kind(self, kind: &'static str) -> Condition {
        Condition {
            kind: Some(kind),
            ..self
        }
    }

    const fn http(self, http: u16) -> Condition {
        Condition {
            http: Some(http),
            ..self
        }
    }

    const fn unclassed(self) -> Condition {
        Condition {
            class: None,
            ..self
        }
    }

    /// Whether it holds for an error of this status, kind and HTTP status.
    pub fn holds(&self, status: &str, kind: &str, http: Option<u16>) -> bool {
        self.statuses.contains(&status)
            && self.kind.is_none_or(|wanted| wanted == kind)
            && self.http.is_none_or(|wanted| Some(wanted) == http)
    }
}

const BAD: &[&str] = &["LLM_ERR_BAD_REQUEST"];
const AUTH: &[&str] = &["LLM_ERR_AUTH"];
const SERVER: &[&str] = &["LLM_ERR_OVERLOADED"];

/// Every condition.
#[rustfmt::skip]
pub const CONDITIONS: &[Condition] = &[
    of("ErrBadRequest", "bad request", BAD, "BadRequestError"),
    of("ErrNotFound", "not found", BAD, "NotFoundError").kind("not_found"),
    of("ErrConflict", "conflict", BAD, "ConflictError").kind("conflict"),
    of("ErrTooLarge", "too large", BAD, "").kind("too_large").unclassed(),
    of("ErrUnprocessable", "unprocessable", BAD, "UnprocessableEntityError").http(422),
    of("ErrAuth", "authentication", AUTH, "AuthenticationError"),
    of("ErrPermission", "permission denied", AUTH, "PermissionDeniedError").http(403),
    of("ErrRateLimit", "rate limited", &["LLM_ERR_RATE_LIMITED"], "RateLimitError"),
    of("ErrQuota", "quota exceeded", &["LLM_ERR_QUOTA"], "QuotaExceededError"),
    of("ErrBudget", "budget exceeded", &["LLM_ERR_BUDGET"], "BudgetExceededError"),
    of("ErrContextLength", "context length exceeded", &["LLM_ERR_CONTEXT_LENGTH"], "ContextLengthError"),
    of("ErrContentFilter", "content filtered", &["LLM_ERR_CONTENT_FILTER"], "ContentFilterError"),
    of("ErrServer", "server error", SERVER, "InternalServerError"),
    of("ErrOverloaded", "overloaded", SERVER, "OverloadedError").kind("overloaded"),
    of("ErrConnection", "connection", &["LLM_ERR_CONNECT", "LLM_ERR_TIMEOUT"], "APIConnectionError"),
    of("ErrTimeout", "timeout", &["LLM_ERR_TIMEOUT"], "APITimeoutError"),
    of("ErrStreamInterrupted", "stream interrupted", &["LLM_ERR_TRUNCATED"], "StreamInterruptedError"),
    of("ErrStalled", "the consumer stalled", &["LLM_ERR_STALLED"], "ConsumerStalledError"),
    of("ErrProtocol", "unreadable answer", &["LLM_ERR_PROTOCOL"], "APIResponseValidationError"),
    of("ErrNoRoute", "no route", &["LLM_ERR_NO_ROUTE"], "NoRouteError"),
    of("ErrCircuitOpen", "circuit open", &["LLM_ERR_CIRCUIT_OPEN"], "CircuitOpenError"),
    of("ErrUnsupported", "unsupported", &["LLM_ERR_UNSUPPORTED"], "UnsupportedError"),
    of("ErrInvalidArgument", "invalid argument", &["LLM_ERR_INVALID_ARGUMENT"], "InvalidArgumentError"),
    of("ErrConfig", "configuration", &["LLM_ERR_CONFIG"], "ConfigError"),
    of("ErrClosed", "closed", &["LLM_ERR_CLOSED"], "ClosedError"),
    of("ErrForked", "forked", &["LLM_ERR_FORKED"], "ForkedError"),
    of("ErrBusy", "busy", &["LLM_ERR_BUSY"], "BusyError"),
    of("ErrNoMemory", "out of memory", &["LLM_ERR_NO_MEMORY"], "InternalError"),
    of("ErrInternal", "internal", &["LLM_ERR_INTERNAL"], "InternalError"),
    of("", "canceled", &["LLM_ERR_CANCELED"], "APIUserAbortError"),
];

const fn class(name: &'static str, base: &'static str, about: &'static str) -> Class {
    Class { name, base, about }
}

/// Every class, after the one above it.
#[rustfmt::skip]
pub const CLASSES: &[Class] = &[
    class("ConfigError", "LLMError", "A configuration, an option or a model name that the library does not know."),
    class("InvalidArgumentError", "LLMError", "A request that is no request: malformed, or without messages."),
    class("UnsupportedError", "LLMError", "Not in this build, or not by this provider."),
    class("ClosedError", "LLMError", "The client was closed."),
    class("BusyError", "LLMError", "A limit of the configuration is reached, or two threads read one stream."),
    class("ForkedError", "LLMError", "The client was made before fork(): make one in the child."),
    class("InternalError", "LLMError", "A fault of the library, or memory that could not be had."),
    class("APIError", "LLMError", "What came of a request that was made."),
    class("BadRequestError", "APIError", "400 and its like: the same request will fail again."),
    class("NotFoundError", "BadRequestError", "404: no such model or place."),
    class("ConflictError", "BadRequestError", "409."),
    class("UnprocessableEntityError", "BadRequestError", "422."),
    class("ContextLengthError", "BadRequestError", "The prompt does not fit the model."),
    class("ContentFilterError", "BadRequestError", "Refused by the provider's moderation."),
    class("AuthenticationError", "APIError", "401, or no key at all."),
    class("PermissionDeniedError", "APIError", "403."),
    class("RateLimitError", "APIError", "429: how long to wait is in the error."),
    class("QuotaExceededError", "RateLimitError", "Out of credit: waiting does not help."),
    class("BudgetExceededError", "RateLimitError", "A spending limit of the configuration."),
    class("InternalServerError", "APIError", "5xx."),
    class("OverloadedError", "InternalServerError", "529, or an overload told inside an answer."),
    class("APIConnectionError", "APIError", "DNS, TCP, TLS or a proxy."),
    class("APITimeoutError", "APIConnectionError", "A deadline passed; the phase says which part took too long."),
    class("StreamInterruptedError", "APIError", "The answer was cut; the error has what came."),
    class("ConsumerStalledError", "StreamInterruptedError", "The stream was left unread too long."),
    class("APIResponseValidationError", "APIError", "The provider sent what cannot be understood."),
    class("APIUserAbortError", "APIError", "The request was cancelled."),
    class("NoRouteError", "APIError", "No target was left to ask; see the attempts."),
    class("CircuitOpenError", "NoRouteError", "Every target's circuit breaker is open."),
];
