//! The errors a script can name, and how each dialect spells them.

use super::Dialect;

/// A provider's error by this library's own name for it; `error=KIND` in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the variants are the words of the grammar, told apart in docs/mock.md
pub enum Kind {
    InvalidRequest,
    Auth,
    Permission,
    Quota,
    NotFound,
    Timeout,
    Conflict,
    TooLarge,
    ContextLength,
    ContentFilter,
    RateLimited,
    ServerError,
    Unavailable,
    GatewayTimeout,
    Overloaded,
}

impl Kind {
    /// Every kind, in the order of the documentation.
    pub const ALL: &'static [Kind] = &[
        Kind::InvalidRequest,
        Kind::Auth,
        Kind::Permission,
        Kind::Quota,
        Kind::NotFound,
        Kind::Timeout,
        Kind::Conflict,
        Kind::TooLarge,
        Kind::ContextLength,
        Kind::ContentFilter,
        Kind::RateLimited,
        Kind::ServerError,
        Kind::Unavailable,
        Kind::GatewayTimeout,
        Kind::Overloaded,
    ];

    /// The word in a script.
    pub fn name(self) -> &'static str {
        match self {
            Kind::InvalidRequest => "invalid_request",
            Kind::Auth => "auth",
            Kind::Permission => "permission",
            Kind::Quota => "quota",
            Kind::NotFound => "not_found",
            Kind::Timeout => "timeout",
            Kind::Conflict => "conflict",
            Kind::TooLarge => "too_large",
            Kind::ContextLength => "context_length",
            Kind::ContentFilter => "content_filter",
            Kind::RateLimited => "rate_limited",
            Kind::ServerError => "server_error",
            Kind::Unavailable => "unavailable",
            Kind::GatewayTimeout => "gateway_timeout",
            Kind::Overloaded => "overloaded",
        }
    }

    /// The HTTP status under which a provider of this dialect sends it.
    pub fn status(self, dialect: Dialect) -> u16 {
        match (self, dialect) {
            (Kind::InvalidRequest | Kind::ContextLength | Kind::ContentFilter, _) => 400,
            // AWS "Common errors": a key that is not known is a 403.
            (Kind::Auth, Dialect::Bedrock) => 403,
            (Kind::Auth, _) => 401,
            (Kind::Permission, _) => 403,
            // OpenAI "error codes": exceeded quota is a 429; Anthropic "errors": 402 billing_error; Cohere "Errors": 402.
            (Kind::Quota, Dialect::OpenaiChat) => 429,
            // Google's RESOURCE_EXHAUSTED is both; a Bedrock quota is 400 (API reference, ServiceQuotaExceededException).
            (Kind::Quota, Dialect::Gemini | Dialect::GeminiArray) => 429,
            (Kind::Quota, Dialect::Bedrock) => 400,
            (Kind::Quota, _) => 402,
            (Kind::NotFound, _) => 404,
            (Kind::Timeout, _) => 408,
            (Kind::Conflict, _) => 409,
            (Kind::TooLarge, _) => 413,
            (Kind::RateLimited, _) => 429,
            (Kind::ServerError, _) => 500,
            (Kind::Unavailable, _) => 503,
            (Kind::GatewayTimeout, _) => 504,
            (Kind::Overloaded, Dialect::Anthropic) => 529,
            // Ollama's "server busy" is a 503, too (docs/faq, "How does Ollama handle concurrent requests?").
            (Kind::Overloaded, _) => 503,
        }
    }

    /// What a bare `status=N` means.
    pub(super) fn of_status(status: u16) -> Kind {
        match status {
            401 => Kind::Auth,
            402 => Kind::Quota,
            403 => Kind::Permission,
            404 | 410 => Kind::NotFound,
            408 => Kind::Timeout,
            409 => Kind::Conflict,
            413 => Kind::TooLarge,
            429 => Kind::RateLimited,
            503 => Kind::Unavailable,
            504 | 524 => Kind::GatewayTimeout,
            529 => Kind::Overloaded,
            400..=499 => Kind::InvalidRequest,
            _ => Kind::ServerError,
        }
    }

    /// OpenAI's `type` and `code` (OpenAI docs "error codes", read 2026-11-21).
    pub(super) fn openai(self) -> (&'static str, Option<&'static str>) {
        match self {
            Kind::InvalidRequest | Kind::Conflict => ("invalid_request_error", None),
            Kind::Auth => ("invalid_request_error", Some("invalid_api_key")),
            Kind::Permission => ("invalid_request_error", Some("permission_denied")),
            Kind::Quota => ("insufficient_quota", Some("insufficient_quota")),
            Kind::NotFound => ("invalid_request_error", Some("model_not_found")),
            Kind::TooLarge => ("invalid_request_error", Some("request_too_large")),
            Kind::ContextLength => ("invalid_request_error", Some("context_length_exceeded")),
            Kind::ContentFilter => ("invalid_request_error", Some("content_filter")),
            Kind::RateLimited => ("requests", Some("rate_limit_exceeded")),
            Kind::Timeout | Kind::GatewayTimeout => ("server_error", Some("timeout")),
            Kind::ServerError | Kind::Unavailable => ("server_error", None),
            Kind::Overloaded => ("overloaded_error", Some("server_is_overloaded")),
        }
    }

    /// Anthropic's `type` (Anthropic docs "errors", read 2026-11-21).
    pub(super) fn anthropic(self) -> &'static str {
        match self {
            Kind::InvalidRequest | Kind::Conflict | Kind::ContextLength | Kind::ContentFilter => {
                "invalid_request_error"
            }
            Kind::Auth => "authentication_error",
            Kind::Permission => "permission_error",
            Kind::Quota => "billing_error",
            Kind::NotFound => "not_found_error",
            Kind::TooLarge => "request_too_large",
            Kind::RateLimited => "rate_limit_error",
            Kind::Timeout | Kind::GatewayTimeout => "timeout_error",
            Kind::ServerError | Kind::Unavailable => "api_error",
            Kind::Overloaded => "overloaded_error",
        }
    }

    /// Google's `status` (google.rpc.Code; ai.google.dev "Troubleshooting", read 2026-11-21).
    pub(super) fn google(self) -> &'static str {
        match self {
            Kind::InvalidRequest | Kind::TooLarge | Kind::ContextLength | Kind::ContentFilter => {
                "INVALID_ARGUMENT"
            }
            Kind::Auth => "UNAUTHENTICATED",
            Kind::Permission => "PERMISSION_DENIED",
            Kind::Quota | Kind::RateLimited => "RESOURCE_EXHAUSTED",
            Kind::NotFound => "NOT_FOUND",
            Kind::Conflict => "ABORTED",
            Kind::Timeout | Kind::GatewayTimeout => "DEADLINE_EXCEEDED",
            Kind::ServerError => "INTERNAL",
            Kind::Unavailable | Kind::Overloaded => "UNAVAILABLE",
        }
    }

    /// Amazon's exception (Bedrock Runtime API reference, "Converse", "Errors", read 2026-11-21).
    pub(super) fn amazon(self) -> &'static str {
        match self {
            Kind::InvalidRequest | Kind::TooLarge | Kind::ContextLength | Kind::ContentFilter => {
                "ValidationException"
            }
            Kind::Auth => "UnrecognizedClientException",
            Kind::Permission => "AccessDeniedException",
            Kind::Quota => "ServiceQuotaExceededException",
            Kind::RateLimited => "ThrottlingException",
            Kind::NotFound => "ResourceNotFoundException",
            Kind::Conflict => "ConflictException",
            Kind::Timeout | Kind::GatewayTimeout => "ModelTimeoutException",
            Kind::ServerError => "InternalServerException",
            Kind::Unavailable | Kind::Overloaded => "ServiceUnavailableException",
        }
    }

    /// The sentence beside it; Anthropic's own where it has no code for the error.
    pub(super) fn message(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Kind::ContextLength, Dialect::Anthropic) => {
                "prompt is too long: 200001 tokens > 200000 maximum"
            }
            (Kind::ContentFilter, Dialect::Anthropic) => {
                "Output blocked by content filtering policy"
            }
            (Kind::InvalidRequest, _) => "scripted: the request is invalid",
            (Kind::Auth, _) => "scripted: the API key is not valid",
            (Kind::Permission, _) => "scripted: the key may not use this model",
            (Kind::Quota, _) => "scripted: the quota is used up",
            (Kind::NotFound, _) => "scripted: the model does not exist",
            (Kind::Timeout, _) => "scripted: the request timed out",
            (Kind::Conflict, _) => "scripted: the request conflicts with another",
            (Kind::TooLarge, _) => "scripted: the request is too large",
            (Kind::ContextLength, _) => "scripted: the prompt exceeds the context window",
            (Kind::ContentFilter, _) => "scripted: the content filter was triggered",
            (Kind::RateLimited, _) => "scripted: the rate limit is reached",
            (Kind::ServerError, _) => "scripted: the server failed",
            (Kind::Unavailable, _) => "scripted: the service is unavailable",
            (Kind::GatewayTimeout, _) => "scripted: the upstream did not answer in time",
            (Kind::Overloaded, _) => "scripted: the model is overloaded",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_names_a_kind_of_that_status() {
        for &kind in Kind::ALL {
            let status = kind.status(Dialect::Anthropic);
            let again = Kind::of_status(status).status(Dialect::Anthropic);
            assert_eq!(again, status, "{}", kind.name());
        }
    }
}
