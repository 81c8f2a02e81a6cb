//! What all connections share: the scripts, the counts, the clock's zero.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use libllm_proto::mock::{Scripts, Turn};

/// Shared by every connection of one server.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) scripts: Scripts,
    started: Instant,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Requests ever, for ids; not reset.
    number: u64,
    requests: u64,
    live: u64,
    live_peak: u64,
    closed_by_client: u64,
    last_close_ms: Option<u64>,
    /// Requests so far by `x-mock-key` and script.
    attempts: HashMap<(String, String), u32>,
}

/// Counts of attempts are kept for this many keys; one more starts them all anew.
const ATTEMPTS_MAX: usize = 65_536;

impl State {
    pub(crate) fn new(scripts: Scripts) -> State {
        State {
            scripts,
            started: Instant::now(),
            counts: Mutex::default(),
        }
    }

    /// Counts a request as live until the guard is dropped.
    pub(crate) fn request(&self) -> LiveRequest<'_> {
        let mut counts = self.counts();
        counts.number += 1;
        counts.requests += 1;
        counts.live += 1;
        counts.live_peak = counts.live_peak.max(counts.live);
        LiveRequest {
            state: self,
            number: counts.number,
        }
    }

    /// `GET /stats`.
    pub(crate) fn stats(&self) -> String {
        let counts = self.counts();
        let last_close = counts
            .last_close_ms
            .map_or("null".into(), |ms| ms.to_string());
        format!(
            "{{\"requests\":{},\"live\":{},\"live_peak\":{},\"closed_by_client\":{},\"last_close_ms\":{last_close}}}",
            counts.requests, counts.live, counts.live_peak, counts.closed_by_client
        )
    }

    /// `DELETE /stats`: as after a start, but for what is live now.
    pub(crate) fn reset(&self) {
        let mut counts = self.counts();
        *counts = Counts {
            number: counts.number,
            live: counts.live,
            live_peak: counts.live,
            ..Counts::default()
        };
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request between its head and the end of its answer.
#[derive(Debug)]
pub(crate) struct LiveRequest<'a> {
    state: &'a State,
    number: u64,
}

impl LiveRequest<'_> {
    /// The turn of this request; `counted` is its `x-mock-key` and its script, if the script counts attempts.
    pub(crate) fn turn(&self, counted: Option<(&str, &str)>) -> Turn {
        let attempt = counted.map_or(1, |(key, script)| {
            let mut counts = self.state.counts();
            if counts.attempts.len() >= ATTEMPTS_MAX {
                counts.attempts.clear();
            }
            let attempts = counts.attempts.entry((key.to_owned(), script.to_owned()));
            let attempts = attempts.or_default();
            *attempts = attempts.saturating_add(1);
            *attempts
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Turn {
            number: self.number,
            attempt,
            created: now.map_or(0, |now| now.as_secs()),
        }
    }

    /// Notes that the client went away before its answer was over.
    pub(crate) fn closed_by_client(&self) {
        let now = self.state.started.elapsed().as_millis();
        let mut counts = self.state.counts();
        counts.closed_by_client += 1;
        counts.last_close_ms = u64::try_from(now).ok();
    }
}

impl Drop for LiveRequest<'_> {
    fn drop(&mut self) {
        self.state.counts().live -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_and_closes_are_counted_and_reset() {
        let state = State::new(Scripts::default());
        let first = state.request();
        state.request().closed_by_client();
        let stats: serde_json::Value = serde_json::from_str(&state.stats()).unwrap();
        assert_eq!(
            (&stats["requests"], &stats["live"], &stats["live_peak"]),
            (&2.into(), &1.into(), &2.into())
        );
        assert!(stats["closed_by_client"] == 1 && stats["last_close_ms"].is_u64());
        state.reset();
        let expected =
            r#"{"requests":0,"live":1,"live_peak":1,"closed_by_client":0,"last_close_ms":null}"#;
        assert_eq!(state.stats(), expected);
        drop(first);
        assert_eq!(state.request().turn(None).number, 3);
    }

    #[test]
    fn attempts_count_by_key_and_script() {
        let state = State::new(Scripts::default());
        let attempt = |key, script| state.request().turn(Some((key, script))).attempt;
        assert_eq!(
            (
                attempt("a", "x"),
                attempt("a", "x"),
                attempt("b", "x"),
                attempt("a", "y")
            ),
            (1, 2, 1, 1)
        );
        state.reset();
        assert_eq!(attempt("a", "x"), 1);
    }
}
