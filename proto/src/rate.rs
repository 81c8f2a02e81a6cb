//! What is left of a provider's limits, as the headers of its answers say.
//!
//! ```
//! use libllm_proto::rate::{Left, left};
//!
//! let mut headers = http::HeaderMap::new();
//! headers.insert("x-ratelimit-limit-requests", "500".parse()?);
//! headers.insert("x-ratelimit-remaining-requests", "499".parse()?);
//! assert_eq!(left(&headers).requests, Some(Left { limit: Some(500), remaining: 499 }));
//! # Ok::<(), http::header::InvalidHeaderValue>(())
//! ```

use http::{HeaderMap, HeaderName};

/// What is left of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The whole of it, if that was said.
    pub limit: Option<u64>,
    /// What is left.
    pub remaining: u64,
}

/// What is left of requests and of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Requests per time.
    pub requests: Option<Left>,
    /// Tokens per time.
    pub tokens: Option<Left>,
}

/// Reads an answer's headers. Of several limits on tokens the one counts of which the least is left.
pub fn left(headers: &HeaderMap) -> Told {
    // Most answers tell nothing: their few names are looked at once, instead of asking for each of ours.
    if !headers.keys().any(tells) {
        return Told::default();
    }
    let least = |names: &[Names]| {
        names
            .iter()
            .filter_map(|names| names.read(headers))
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
}

impl Names {
    fn read(&self, headers: &HeaderMap) -> Option<Left> {
        let number = |name| {
            let text = headers.get(name)?.to_str().ok()?;
            text.trim().parse::<u64>().ok()
        };
        let remaining = number(self.remaining)?;
        Some(Left {
            limit: number(self.limit),
            remaining,
        })
    }
}

// OpenAI, "Rate limits", "in headers", which Groq, Mistral and others copy; Anthropic, "Rate limits", "Response headers". Read 2026-11-20.
const REQUESTS: &[Names] = &[
    Names {
        limit: "x-ratelimit-limit-requests",
        remaining: "x-ratelimit-remaining-requests",
    },
    Names {
        limit: "anthropic-ratelimit-requests-limit",
        remaining: "anthropic-ratelimit-requests-remaining",
    },
];
const TOKENS: &[Names] = &[
    Names {
        limit: "x-ratelimit-limit-tokens",
        remaining: "x-ratelimit-remaining-tokens",
    },
    Names {
        limit: "anthropic-ratelimit-tokens-limit",
        remaining: "anthropic-ratelimit-tokens-remaining",
    },
    Names {
        limit: "anthropic-ratelimit-input-tokens-limit",
        remaining: "anthropic-ratelimit-input-tokens-remaining",
    },
    Names {
        limit: "anthropic-ratelimit-output-tokens-limit",
        remaining: "anthropic-ratelimit-output-tokens-remaining",
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
        left(&headers)
    }

    #[test]
    fn reads_both_spellings_and_takes_the_tightest_limit() {
        let told = told(&[
            ("anthropic-ratelimit-requests-remaining", "4"),
            ("anthropic-ratelimit-input-tokens-limit", "1000"),
            ("anthropic-ratelimit-input-tokens-remaining", "900"),
            ("anthropic-ratelimit-output-tokens-limit", "100"),
            ("anthropic-ratelimit-output-tokens-remaining", " 7"),
        ]);
        let requests = Left {
            limit: None,
            remaining: 4,
        };
        let tokens = Left {
            limit: Some(100),
            remaining: 7,
        };
        assert_eq!((told.requests, told.tokens), (Some(requests), Some(tokens)));
    }

    #[test]
    fn every_name_begins_as_names_are_looked_for() {
        for names in REQUESTS.iter().chain(TOKENS) {
            for name in [names.limit, names.remaining] {
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
