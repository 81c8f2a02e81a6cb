//! Outcomes: the numbers of C, their names, and how a result becomes one.

use std::ffi::{CStr, c_char};

use libllm::{Error, Status};

/// An outcome as a plain number, for whatever C hands in or reads: a Rust enum that held another number than its own would be
/// undefined. The header calls it `llm_status`.
pub type llm_status_number = i32;

/// Outcome of a call or of a request. Values are permanent; treat an unknown negative value as LLM_ERR_INTERNAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum llm_status {
    /// Success.
    LLM_OK = 0,
    /// A bug or a caught panic.
    LLM_ERR_INTERNAL = -1,
    /// NULL, bad UTF-8, malformed JSON, stale handle.
    LLM_ERR_INVALID_ARGUMENT = -2,
    /// A buffer whose size the peer or caller chose could not be had.
    LLM_ERR_NO_MEMORY = -3,
    /// Unknown provider, bad key name, contradictory policy.
    LLM_ERR_CONFIG = -4,
    /// No such request: it has finished, or never was.
    LLM_ERR_NOT_FOUND = -5,
    /// Two threads polled one queue, requests are still in flight, or a limit of config is reached.
    LLM_ERR_BUSY = -6,
    /// Blocking call made from a callback on a runtime thread.
    LLM_ERR_WOULD_DEADLOCK = -7,
    /// The client or queue is shutting down.
    LLM_ERR_CLOSED = -8,
    /// The handle was made before fork().
    LLM_ERR_FORKED = -9,
    /// llm_cancel(), a callback's non-zero return, or llm_client_free().
    LLM_ERR_CANCELED = -10,
    /// The deadline passed; retries and fallbacks included.
    LLM_ERR_TIMEOUT = -11,
    /// DNS, TCP, TLS or proxy.
    LLM_ERR_CONNECT = -20,
    /// The provider sent what cannot be parsed, or cut the stream.
    LLM_ERR_PROTOCOL = -21,
    /// 401, 403.
    LLM_ERR_AUTH = -22,
    /// 400, 404, 409, 413, 422.
    LLM_ERR_BAD_REQUEST = -23,
    /// 429, or the local limiter; see llm_error_retry_after_ms().
    LLM_ERR_RATE_LIMITED = -24,
    /// 5xx, 529.
    LLM_ERR_OVERLOADED = -25,
    /// The prompt does not fit the model.
    LLM_ERR_CONTEXT_LENGTH = -26,
    /// Refused by the provider or by a local guard.
    LLM_ERR_CONTENT_FILTER = -27,
    /// A spending limit would be exceeded.
    LLM_ERR_BUDGET = -28,
    /// Every candidate's breaker is open.
    LLM_ERR_CIRCUIT_OPEN = -29,
    /// The stream ended without its terminal marker; what came is kept.
    LLM_ERR_TRUNCATED = -30,
    /// Out of credit or over a provider's spend cap: waiting does not help.
    LLM_ERR_QUOTA = -31,
    /// Two or more candidates were tried or unavailable; see the attempts in llm_error_json().
    LLM_ERR_NO_ROUTE = -32,
    /// The consumer left the stream unread too long; the provider's side was closed.
    LLM_ERR_STALLED = -33,
    /// Not on this platform, not in this build, or not by this provider.
    LLM_ERR_UNSUPPORTED = -34,
}

/// Constant name of a status, such as "LLM_ERR_TIMEOUT". Static; any value is accepted.
#[unsafe(no_mangle)]
pub extern "C" fn llm_status_name(status: llm_status_number) -> *const c_char {
    crate::guard::value("llm_status_name", c"".as_ptr(), || name(status).as_ptr())
}

/// The number of an outcome.
pub(crate) fn number(outcome: Result<(), Error>) -> llm_status_number {
    outcome.map_or_else(|error| error.status(), |()| Status::Ok) as i32
}

fn name(status: llm_status_number) -> &'static CStr {
    match NAMES.iter().find(|(known, _)| *known as i32 == status) {
        Some((_, name)) => name,
        None => c"(unknown status)",
    }
}

const NAMES: &[(llm_status, &CStr)] = &[
    (llm_status::LLM_OK, c"LLM_OK"),
    (llm_status::LLM_ERR_INTERNAL, c"LLM_ERR_INTERNAL"),
    (
        llm_status::LLM_ERR_INVALID_ARGUMENT,
        c"LLM_ERR_INVALID_ARGUMENT",
    ),
    (llm_status::LLM_ERR_NO_MEMORY, c"LLM_ERR_NO_MEMORY"),
    (llm_status::LLM_ERR_CONFIG, c"LLM_ERR_CONFIG"),
    (llm_status::LLM_ERR_NOT_FOUND, c"LLM_ERR_NOT_FOUND"),
    (llm_status::LLM_ERR_BUSY, c"LLM_ERR_BUSY"),
    (
        llm_status::LLM_ERR_WOULD_DEADLOCK,
        c"LLM_ERR_WOULD_DEADLOCK",
    ),
    (llm_status::LLM_ERR_CLOSED, c"LLM_ERR_CLOSED"),
    (llm_status::LLM_ERR_FORKED, c"LLM_ERR_FORKED"),
    (llm_status::LLM_ERR_CANCELED, c"LLM_ERR_CANCELED"),
    (llm_status::LLM_ERR_TIMEOUT, c"LLM_ERR_TIMEOUT"),
    (llm_status::LLM_ERR_CONNECT, c"LLM_ERR_CONNECT"),
    (llm_status::LLM_ERR_PROTOCOL, c"LLM_ERR_PROTOCOL"),
    (llm_status::LLM_ERR_AUTH, c"LLM_ERR_AUTH"),
    (llm_status::LLM_ERR_BAD_REQUEST, c"LLM_ERR_BAD_REQUEST"),
    (llm_status::LLM_ERR_RATE_LIMITED, c"LLM_ERR_RATE_LIMITED"),
    (llm_status::LLM_ERR_OVERLOADED, c"LLM_ERR_OVERLOADED"),
    (
        llm_status::LLM_ERR_CONTEXT_LENGTH,
        c"LLM_ERR_CONTEXT_LENGTH",
    ),
    (
        llm_status::LLM_ERR_CONTENT_FILTER,
        c"LLM_ERR_CONTENT_FILTER",
    ),
    (llm_status::LLM_ERR_BUDGET, c"LLM_ERR_BUDGET"),
    (llm_status::LLM_ERR_CIRCUIT_OPEN, c"LLM_ERR_CIRCUIT_OPEN"),
    (llm_status::LLM_ERR_TRUNCATED, c"LLM_ERR_TRUNCATED"),
    (llm_status::LLM_ERR_QUOTA, c"LLM_ERR_QUOTA"),
    (llm_status::LLM_ERR_NO_ROUTE, c"LLM_ERR_NO_ROUTE"),
    (llm_status::LLM_ERR_STALLED, c"LLM_ERR_STALLED"),
    (llm_status::LLM_ERR_UNSUPPORTED, c"LLM_ERR_UNSUPPORTED"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_those_of_the_library() {
        assert_eq!(NAMES.len(), Status::ALL.len());
        for ((mine, text), theirs) in NAMES.iter().zip(Status::ALL) {
            assert_eq!(*mine as i32, *theirs as i32);
            assert_eq!(text.to_str(), Ok(theirs.name()));
            assert_eq!(format!("{mine:?}"), theirs.name());
        }
    }

    #[test]
    fn any_number_has_a_name() {
        for status in [i32::MIN, -35, -12, 1, i32::MAX] {
            assert_eq!(name(status), c"(unknown status)");
        }
    }
}
