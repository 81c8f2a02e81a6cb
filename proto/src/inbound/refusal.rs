//! Refusals in the words of each format: statuses, types and codes that its SDKs turn into classes.

use serde_json::{Value, json};

use crate::error::{Error, ErrorKind};

/// The status by which OpenAI's API refuses so, and the `type` and `code` it says (its guide "Error codes", read 2026-11-21).
pub(super) fn openai(error: &Error) -> (u16, Value) {
    let (status, kind, code) = match error.kind() {
        ErrorKind::NotFound => (404, "invalid_request_error", Some("model_not_found")),
        ErrorKind::Config => (404, "invalid_request_error", Some("model_not_found")),
        ErrorKind::TooLarge => (413, "invalid_request_error", None),
        ErrorKind::Conflict => (409, "invalid_request_error", None),
        ErrorKind::Auth if error.http_status() == Some(403) => (403, "permission_error", None),
        ErrorKind::Auth => (401, "authentication_error", Some("invalid_api_key")),
        ErrorKind::ContentFilter => (400, "invalid_request_error", Some("content_filter")),
        ErrorKind::ContextLength => (
            400,
            "invalid_request_error",
            Some("context_length_exceeded"),
        ),
        ErrorKind::RateLimited => (429, "rate_limit_error", Some("rate_limit_exceeded")),
        ErrorKind::Quota => (429, "insufficient_quota", Some("insufficient_quota")),
        ErrorKind::Overloaded | ErrorKind::Unavailable => (503, "server_error", None),
        ErrorKind::GatewayTimeout => (504, "server_error", None),
        ErrorKind::Timeout => (408, "server_error", None),
        ErrorKind::ServerError => (500, "server_error", None),
        kind if is_callers(kind) => (callers_status(error), "invalid_request_error", None),
        _ => (502, "server_error", None),
    };
    let code = error.code().or(code);
    let body = json!({"error": {"message": error.message(), "type": kind, "param": error.param(), "code": code}});
    (status, body)
}

/// The same as Anthropic's API refuses (its page "Errors", read 2026-11-21).
pub(super) fn anthropic(error: &Error) -> (u16, Value) {
    let (status, kind) = match error.kind() {
        ErrorKind::NotFound | ErrorKind::Config => (404, "not_found_error"),
        ErrorKind::TooLarge => (413, "request_too_large"),
        ErrorKind::Conflict => (409, "invalid_request_error"),
        ErrorKind::Auth if error.http_status() == Some(403) => (403, "permission_error"),
        ErrorKind::Auth => (401, "authentication_error"),
        ErrorKind::ContentFilter | ErrorKind::ContextLength => (400, "invalid_request_error"),
        ErrorKind::RateLimited => (429, "rate_limit_error"),
        ErrorKind::Quota => (402, "billing_error"),
        ErrorKind::Overloaded | ErrorKind::Unavailable => (529, "overloaded_error"),
        ErrorKind::GatewayTimeout | ErrorKind::Timeout => (504, "timeout_error"),
        ErrorKind::ServerError => (500, "api_error"),
        kind if is_callers(kind) => (callers_status(error), "invalid_request_error"),
        _ => (502, "api_error"),
    };
    let mut body = json!({"type": "error", "error": {"type": kind, "message": error.message()}});
    if let Some(id) = error.request_id() {
        body["request_id"] = id.into();
    }
    (status, body)
}

/// What is wrong with the request itself.
fn is_callers(kind: ErrorKind) -> bool {
    use ErrorKind::{InvalidArgument, InvalidRequest, Unsupported};
    matches!(kind, InvalidArgument | InvalidRequest | Unsupported)
}

/// The provider's own word where it is one of those that SDKs have a class for.
fn callers_status(error: &Error) -> u16 {
    error
        .http_status()
        .filter(|status| *status == 422)
        .unwrap_or(400)
}
