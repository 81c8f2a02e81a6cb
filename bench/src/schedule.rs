//! When the mock says what: a schedule in the URL's path, so that any client can choose one by its base URL.
//!
//! `/c/<first token, us>/<between tokens, us>/<tokens>/<w|a>/...`: `w` writes each token by itself, `a` all in one write.

use std::time::Duration;

/// The pace of one streamed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// From the request's last byte to the first token.
    pub first: Duration,
    /// Between tokens.
    pub gap: Duration,
    /// Tokens in the answer.
    pub tokens: usize,
    /// Whether all tokens come in one write, at `first`.
    pub at_once: bool,
}

impl Schedule {
    /// Reads the schedule that a path begins with; without one it is [`Schedule::default`].
    pub fn of_path(path: &str) -> Option<Schedule> {
        let Some(rest) = path.strip_prefix("/c/") else {
            return Some(Schedule::default());
        };
        let mut parts = rest.split('/');
        let first = Duration::from_micros(parts.next()?.parse().ok()?);
        let gap = Duration::from_micros(parts.next()?.parse().ok()?);
        let tokens = parts
            .next()?
            .parse()
            .ok()
            .filter(|tokens| (1..=TOKENS_MAX).contains(tokens))?;
        let at_once = match parts.next()? {
            "a" => true,
            "w" => false,
            _ => return None,
        };
        Some(Schedule {
            first,
            gap,
            tokens,
            at_once,
        })
    }

    /// The schedule in a base URL such as `http://127.0.0.1:8080/c/0/0/64/a/v1`.
    pub fn of_url(url: &str) -> Option<Schedule> {
        let rest = url.strip_prefix("http://")?;
        Schedule::of_path(rest.find('/').map_or("/", |at| &rest[at..]))
    }

    /// From the request's last byte to the last token.
    pub fn whole(&self) -> Duration {
        match self.at_once {
            true => self.first,
            false => self.first + self.gap * (self.tokens as u32 - 1),
        }
    }
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule {
            first: Duration::ZERO,
            gap: Duration::ZERO,
            tokens: 64,
            at_once: true,
        }
    }
}

/// The mock keeps every answer's bytes: 293 MB are enough.
const TOKENS_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_its_schedule() {
        let schedule = Schedule::of_url("http://127.0.0.1:1/c/100000/20000/64/w/v1").unwrap();
        assert_eq!(schedule.first, Duration::from_millis(100));
        assert_eq!(schedule.whole(), Duration::from_millis(100 + 63 * 20));
        assert!(
            Schedule::of_path("/c/0/0/64/a/v1/chat/completions")
                .unwrap()
                .at_once
        );
        assert_eq!(
            Schedule::of_url("http://127.0.0.1:1"),
            Some(Schedule::default())
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for path in [
            "/c/",
            "/c/1/2/3",
            "/c/1/2/3/x",
            "/c/1/2/0/a",
            "/c/-1/2/3/a",
            "/c/1/2/9999999/a",
        ] {
            assert_eq!(Schedule::of_path(path), None, "{path}");
        }
    }
}
