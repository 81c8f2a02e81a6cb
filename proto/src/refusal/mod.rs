//! What a provider's refusal means: the body of a status outside 2xx, and the error objects inside answers and streams.
//!
//! Statuses, codes and types decide what kind of error it is; the words of a message decide nothing.
//!
//! ```
//! use libllm_proto::{ErrorKind, refusal};
//!
//! let chunk = br#"{"error":{"message":"try later","type":"overloaded_error"}}"#;
//! let error = refusal::from_value(chunk, false).expect("it is an error object");
//! assert_eq!(error.kind(), ErrorKind::Overloaded);
//! assert_eq!(error.message(), "try later");
//! ```

mod clean;
mod said;

use std::time::{Duration, SystemTime};

use crate::error::{Error, ErrorKind, Retry};
use crate::json;
use crate::provider::Quirks;
use crate::retry_after::{self, Advice, WAIT_MAX};
use crate::wire::Head;
use said::Said;

/// Bytes of a provider's own text that go into a message (BEHAVIOUR 1.5); of 256 characters, where those are more bytes, all.
pub const MESSAGE_MAX: usize = 512;

/// Bytes of a provider's body that an error keeps (BEHAVIOUR 1.5).
pub const BODY_MAX: usize = 64 * 1024;

/// The error that an answer with a status outside 2xx means.
pub fn from_response(head: &Head, body: &[u8], quirks: &Quirks, now: SystemTime) -> Error {
    let mut said = said::refusal(body);
    if let Some(kind) = head.header("x-amzn-errortype") {
        said.typed(kind);
    }
    let kind = match (kind_of_words(&said), head.status) {
        (Some(kind), 400..=499) => kind,
        (_, 403) if quirks.moderation_403 => ErrorKind::ContentFilter,
        (_, status) => kind_of_status(status),
    };
    let message = match kind {
        ErrorKind::RedirectRefused => "redirects are not followed".to_owned(),
        ErrorKind::Protocol => format!("http status {} is out of range", head.status),
        _ => message(head, body, &said),
    };
    let advice = retry_after::advise(&head.headers, body, now, WAIT_MAX);
    let error = Error::new(kind, message).with_http_status(head.status);
    let error = advised(described(error, body, &said), advice);
    let id = head.request_id().map(str::to_owned).or(said.request_id);
    error.with_request_id(id)
}

/// The error that a text inside a 2xx answer or stream means, if it is one: an `error` that is not null, or a type that
/// says `error`. With `named_error` the event's name said so already, and any text is one.
pub fn from_value(text: &[u8], named_error: bool) -> Option<Error> {
    let said = if named_error {
        said::refusal(text)
    } else {
        said::in_band(text)?
    };
    let kind = kind_in_band(&said);
    let message = match &said.message {
        Some(message) => clean::message(message),
        None if said.is_json || text.trim_ascii().is_empty() => {
            format!("the provider reports an error{}", words(&said))
        }
        None if json::is_cut(text) => "the provider reports an error and breaks off".to_owned(),
        None => clean::message(&String::from_utf8_lossy(text.trim_ascii())),
    };
    let wait = retry_after::from_body(text);
    let advice = Advice {
        wait,
        too_long: wait.is_some_and(|wait| wait > WAIT_MAX),
        ..Advice::default()
    };
    let error = described(Error::new(kind, message), text, &said);
    Some(advised(error, advice).with_request_id(said.request_id))
}

/// The error that HTML means where an answer was asked for.
pub fn bad_content_type(head: &Head, body: &[u8]) -> Error {
    let mut message = "the answer is html, not an answer of the provider's format".to_owned();
    if let Some(title) = clean::title(body) {
        message = format!("{message}: {title}");
    }
    Error::new(ErrorKind::BadContentType, message)
        .with_http_status(head.status)
        .with_request_id(head.request_id().map(str::to_owned))
        .with_body(clean::body(body))
}

fn described(error: Error, body: &[u8], said: &Said) -> Error {
    let error = error.with_provider(said.kind.clone(), said.code.clone(), said.param.clone());
    if body.is_empty() {
        error
    } else {
        error.with_body(clean::body(body))
    }
}

/// The table of CONTRACTS section 3.
fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::Auth,
        402 => ErrorKind::Quota,
        404 | 410 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        409 => ErrorKind::Conflict,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimited,
        503 => ErrorKind::Unavailable,
        504 => ErrorKind::GatewayTimeout,
        520..=527 | 530 => ErrorKind::Cdn(status),
        529 => ErrorKind::Overloaded,
        400..=499 | 501 => ErrorKind::InvalidRequest,
        500..=599 => ErrorKind::ServerError,
        300..=399 => ErrorKind::RedirectRefused,
        _ => ErrorKind::Protocol,
    }
}

/// What codes and types say that a status alone does not.
fn kind_of_words(said: &Said) -> Option<ErrorKind> {
    said.words().find_map(|word| match word {
        // OpenAI; Perplexity.
        "context_length_exceeded" | "too_many_prompt_tokens" => Some(ErrorKind::ContextLength),
        // Azure; OpenAI images.
        "content_filter" | "content_policy_violation" => Some(ErrorKind::ContentFilter),
        // OpenAI; Anthropic "errors" (402) and spend limits, which come as a 429 that never clears.
        "insufficient_quota"
        | "billing_hard_limit_reached"
        | "billing_error"
        | "enforced_spend_limit_reached"
        // Bedrock, "Common errors": a quota of the account.
        | "servicequotaexceededexception" => Some(ErrorKind::Quota),
        // OpenAI; Groq.
        "model_not_found" | "model_decommissioned" => Some(ErrorKind::NotFound),
        _ => None,
    })
}

/// An error object came with a 2xx status: its words decide, then the status number it carries.
fn kind_in_band(said: &Said) -> ErrorKind {
    let by_word = said.words().find_map(|word| match word {
        "overloaded" | "overloaded_error" => Some(ErrorKind::Overloaded),
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "ratelimitreached"
        | "too_many_requests"
        | "resource_exhausted"
        // Exceptions of Bedrock's streams (reference of ConverseStream).
        | "throttlingexception" => Some(ErrorKind::RateLimited),
        "authentication_error"
        | "permission_error"
        | "invalid_api_key"
        | "unauthenticated"
        | "permission_denied" => Some(ErrorKind::Auth),
        "not_found_error" | "not_found" => Some(ErrorKind::NotFound),
        "request_too_large" => Some(ErrorKind::TooLarge),
        "unavailable" | "serviceunavailableexception" => Some(ErrorKind::Unavailable),
        "modeltimeoutexception" => Some(ErrorKind::Timeout),
        "invalid_request_error" | "invalid_argument" | "validationexception" => {
            Some(ErrorKind::InvalidRequest)
        }
        _ => None,
    });
    let by_number = || match said.status.map(kind_of_status) {
        // The provider failed while it answered: nothing says which part of it.
        Some(ErrorKind::ServerError | ErrorKind::Protocol | ErrorKind::RedirectRefused) | None => {
            ErrorKind::ProviderError
        }
        Some(kind) => kind,
    };
    kind_of_words(said).or(by_word).unwrap_or_else(by_number)
}

/// Joins what the provider advises with what the kind allows.
fn advised(error: Error, advice: Advice) -> Error {
    let usual = match (advice.retry, error.retry()) {
        (Some(false), Retry::Never) => Retry::Never,
        (Some(false), _) => Retry::Elsewhere,
        // A quota does not come back by trying, whatever a header says.
        (Some(true), Retry::Never | Retry::Elsewhere) if error.kind() != ErrorKind::Quota => {
            Retry::Backoff
        }
        (_, usual) => usual,
    };
    let retry = match (usual, advice.wait) {
        (Retry::Backoff | Retry::Once, _) if advice.too_long => Retry::Elsewhere,
        (Retry::Backoff, Some(wait)) => Retry::After(wait),
        _ => usual,
    };
    error
        .with_retry(retry)
        .with_retry_after(advice.wait.filter(|wait| *wait > Duration::ZERO))
}

/// The provider's own words, or what is known without them.
fn message(head: &Head, body: &[u8], said: &Said) -> String {
    if let Some(message) = &said.message {
        return clean::message(message);
    }
    let status = head.status;
    // Proxies call anything HTML: what does not begin like it is somebody's words.
    let labelled = head.content_type() == "text/html" && body.trim_ascii_start().starts_with(b"<");
    if clean::is_html(body) || labelled {
        return match clean::title(body) {
            Some(title) => format!("http status {status} with an html page: {title}"),
            None => format!("http status {status} with an html page"),
        };
    }
    match body.trim_ascii() {
        b"" => format!("http status {status} without a body"),
        _ if said.is_json => format!("http status {status}{}", words(said)),
        text => clean::message(&String::from_utf8_lossy(text)),
    }
}

/// Behind a message of ours: what type and code say.
fn words(said: &Said) -> String {
    let words: Vec<&str> = [&said.kind, &said.code]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    match words.is_empty() {
        true => " without a message".to_owned(),
        false => format!(": {}", clean::message(&words.join(", "))),
    }
}

#[cfg(test)]
mod tests;
