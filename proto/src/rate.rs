//! What is left of a provider's limits, as the headers of its answers say.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use libllm_proto::rate::{Left, left};
//!
//! let mut headers = http::HeaderMap::new();
//! headers.insert("x-ratelimit-limit-requests", "500".parse()?);
//! headers.insert("x-ratelimit-remaining-requests", "499".parse()?);
//! headers.insert("x-ratelimit-reset-requests", "1m6s".parse()?);
//! let requests = Left { limit: Some(500), remaining: 499, reset: Some(Duration::from_secs(66)) };
//! assert_eq!(left(&headers, SystemTime::now).requests, Some(requests));
//! # Ok::<(), http::header::InvalidHeaderValue>(())
//! ```

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName};

use crate::retry_after::{clock, reset_wait};

/// What is left of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The whole of it, if that was said.
    pub limit: Option<u64>,
    /// What is left.
    pub remaining: u64,
    /// After that the whole of it is left again, if that was said.
    pub reset: Option<Duration>,
}

/// What is left of requests and of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Requests per time.
    pub requests: Option<Left>,
    /// Tokens per time.
    pub tokens: Option<Left>,
}

/// Reads an answer's headers. Of several limits on tokens the one counts of which the least is left. Dates count against the answer's
/// own `Date`, or else against `now`.
pub fn left(headers: &HeaderMap, now: impl FnOnce() -> SystemTime) -> Told {
    // Most answers tell nothing: their few names are looked at once, instead of asking for each of ours.
    if !headers.keys().any(tells) {
        return Told::default();
    }
    let clock = clock(headers, now);
    let least = |names: &[Names]| {
        names
            .iter()
            .filter_map(|names| names.read(headers, clock))
            .min_by_key(|left| left.remaining)
    };
    Told {
        requests: least(REQUESTS),
        tokens: least(TOKENS),
    }
}

/// Whether a header's name begins as one of ours do.
fn tells(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("x-ratelimit-") || name.starts_with("anthropic-ratelimit-")
}

/// The names of one limit's headers.
struct Names {
    limit: &'static str,
    remaining: &'static str,
    reset: &'static str,
}

impl Names {
    fn read(&self, headers: &HeaderMap, clock: SystemTime) -> Option<Left> {
        let text = |name| Some(headers.get(name)?.to_str().ok()?.trim());
        let number = |name| text(name)?.parse::<u64>().ok();
        let remaining = number(self.remaining)?;
        Some(Left {
            limit: number(self.limit),
            remaining,
            reset: text(self.reset).and_then(|reset| reset_wait(reset, clock)),
        })
    }
}

// OpenAI, "Rate limits", "in headers", which Groq, Mistral and others copy; Anthropic, "Rate limits", "Response headers". Read 2026-11-20.
const REQUESTS: &[Names] = &[
    Names {
        limit: "x-ratelimit-limit-requests",
        remaining: "x-ratelimit-remaining-requests",
        reset: "x-ratelimit-reset-requests",
    },
    Names {
        limit: "anthropic-ratelimit-requests-limit",
        remaining: "anthropic-ratelimit-requests-remaining",
        reset: "anthropic-ratelimit-requests-reset",
    },
];
const TOKENS: &[Names] = &[
    Names {
        limit: "x-ratelimit-limit-tokens",
        remaining: "x-ratelimit-remaining-tokens",
        reset: "x-ratelimit-reset-tokens",
    },
    Names {
        limit: "anthropic-ratelimit-tokens-limit",
        remaining: "anthropic-ratelimit-tokens-remaining",
        reset: "anthropic-ratelimit-tokens-reset",
    },
    Names {
        limit: "anthropic-ratelimit-input-tokens-limit",
        remaining: "anthropic-ratelimit-input-tokens-remaining",
        reset: "anthropic-ratelimit-input-tokens-reset",
    },
    Names {
        limit: "anthropic-ratelimit-output-tokens-limit",
        remaining: "anthropic-ratelimit-output-tokens-remaining",
        reset: "anthropic-ratelimit-output-tokens-reset",
    },
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn told(pairs: &[(&'static str, &'static str)]) -> Told {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        left(&headers, || SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn reads_both_spellings_and_takes_the_tightest_limit() {
        let told = told(&[
            ("anthropic-ratelimit-requests-remaining", "4"),
            ("anthropic-ratelimit-input-tokens-limit", "1000"),
            ("anthropic-ratelimit-input-tokens-remaining", "900"),
            ("anthropic-ratelimit-output-tokens-limit", "100"),
            ("anthropic-ratelimit-output-tokens-remaining", " 7"),
            (
                "anthropic-ratelimit-output-tokens-reset",
                "1970-01-01T00:01:30Z",
            ),
        ]);
        let requests = Left {
            limit: None,
            remaining: 4,
            reset: None,
        };
        let tokens = Left {
            limit: Some(100),
            remaining: 7,
            reset: Some(Duration::from_secs(90)),
        };
        assert_eq!((told.requests, told.tokens), (Some(requests), Some(tokens)));
    }

    #[test]
    fn every_name_begins_as_names_are_looked_for() {
        for names in REQUESTS.iter().chain(TOKENS) {
            for name in [names.limit, names.remaining, names.reset] {
                assert!(tells(&HeaderName::from_static(name)), "{name}");
            }
        }
        assert!(!tells(&HeaderName::from_static("x-request-id")));
    }

    #[test]
    fn what_is_no_number_says_nothing() {
        for value in ["", "-1", "many", "1e3", "99999999999999999999999"] {
            assert_eq!(
                told(&[("x-ratelimit-remaining-tokens", value)]),
                Told::default()
            );
        }
    }
}
