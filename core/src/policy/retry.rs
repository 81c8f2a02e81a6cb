//! What follows a failed attempt: the same target again, the next one, or the end.
//!
//! One layer, one count and one deadline over all targets of a request. Whether an error may be retried at all was decided where
//! it was born ([`Retry`]); nothing here reads a message or a status.

use std::time::Duration;

use libllm_proto::{Error, Retry};

/// How often a request is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Attempts in total, over all targets.
    pub(crate) max_attempts: u32,
}

/// Where a request stands when an attempt has state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// Attempts made, this one included.
    pub(crate) attempt: u32,
    /// Of those, the ones on this target.
    pub(crate) tries_here: u32,
    /// Whether another target may be asked.
    pub(crate) another: bool,
    /// Whether it is there for just this error.
    pub(crate) meant: bool,
    /// What is left of the request's time; `None` if it has no deadline.
    pub(crate) remaining: Option<Duration>,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait, then try the same target.
    Again { after: Duration },
    /// Wait, then try another target.
    Fallback { after: Duration },
    /// The error is the request's outcome.
    GiveUp,
}

/// Decides what follows `error`. `jitter` is a random number in 0..1, from a real generator.
pub(crate) fn next(policy: &Policy, error: &Error, state: &State, jitter: f64) -> Next {
    let hopeless = error.retry() == Retry::Never && !state.meant;
    if state.attempt >= policy.max_attempts || hopeless {
        return Next::GiveUp;
    }
    // Another target answers sooner than this one recovers.
    if state.another {
        let after = Duration::ZERO;
        return Next::Fallback { after };
    }
    let wait = match error.retry() {
        Retry::Never | Retry::Elsewhere => None,
        Retry::Once if state.tries_here >= TRIES_ONCE => None,
        Retry::After(floor) => asked_for(floor, state, jitter),
        Retry::Backoff | Retry::Once => Some(backoff(state, jitter)),
    };
    match wait {
        Some(after) if state.remaining.is_none_or(|left| after < left) => Next::Again { after },
        _ => Next::GiveUp,
    }
}

/// What the provider asked for, never less; `None` if that is too long to wait for.
fn asked_for(floor: Duration, state: &State, jitter: f64) -> Option<Duration> {
    match floor {
        // "At once" says nothing about the load there.
        Duration::ZERO => Some(backoff(state, jitter)),
        floor if floor > ASKED_MAX => None,
        floor => Some(floor + floor.mul_f64(ASKED_JITTER * chance(jitter))),
    }
}

/// Full jitter: callers that failed together do not come back together.
fn backoff(state: &State, jitter: f64) -> Duration {
    let doublings = state.tries_here.saturating_sub(1).min(16);
    BACKOFF_MAX
        .min(BACKOFF_FIRST * (1 << doublings))
        .mul_f64(chance(jitter))
}

fn chance(jitter: f64) -> f64 {
    // A generator that errs costs a wrong delay, not a panic in `mul_f64`.
    if jitter.is_finite() {
        jitter.clamp(0.0, 1.0)
    } else {
        1.0
    }
}

// BEHAVIOUR.md section 3: `rand(0, min(8 s, 0.5 s x 2^n))`, the bounds of the vendors' own clients; full jitter as in
// "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(8);
// BEHAVIOUR.md section 3: longer than this nobody waits for a token; the wait asked for is spread by 0-10 %.
const ASKED_MAX: Duration = Duration::from_secs(60);
const ASKED_JITTER: f64 = 0.1;
// The first try may have been billed: one more, not two.
const TRIES_ONCE: u32 = 2;

#[cfg(test)]
mod tests {
    use libllm_proto::ErrorKind;

    use super::*;

    const THREE: Policy = Policy { max_attempts: 3 };
    const FIRST: State = State {
        attempt: 1,
        tries_here: 1,
        another: false,
        meant: false,
        remaining: None,
    };

    fn error(retry: Retry) -> Error {
        Error::new(ErrorKind::Overloaded, "made up").with_retry(retry)
    }

    fn again(ms: u64) -> Next {
        Next::Again {
            after: Duration::from_millis(ms),
        }
    }

    fn over() -> Next {
        Next::Fallback {
            after: Duration::ZERO,
        }
    }

    fn check(retry: Retry, state: State, expected: Next) {
        check_at(0.5, retry, state, expected);
    }

    fn check_at(jitter: f64, retry: Retry, state: State, expected: Next) {
        let what = next(&THREE, &error(retry), &state, jitter);
        assert_eq!(what, expected, "{retry:?} {state:?} {jitter}");
    }

    #[test]
    fn decides_by_the_errors_own_word() {
        let two = State {
            another: true,
            ..FIRST
        };
        let second = State {
            attempt: 2,
            tries_here: 2,
            ..FIRST
        };
        let ten_s = Retry::After(Duration::from_secs(10));
        for (retry, state, expected) in [
            (Retry::Never, FIRST, Next::GiveUp),
            (Retry::Never, two, Next::GiveUp),
            (Retry::Never, State { meant: true, ..two }, over()),
            (Retry::Elsewhere, FIRST, Next::GiveUp),
            (Retry::Elsewhere, two, over()),
            (Retry::Backoff, FIRST, again(250)),
            (Retry::Backoff, second, again(500)),
            (Retry::Backoff, two, over()),
            (Retry::Once, FIRST, again(250)),
            (Retry::Once, second, Next::GiveUp),
            (
                Retry::Once,
                State {
                    another: true,
                    ..second
                },
                over(),
            ),
            (
                Retry::Once,
                State {
                    tries_here: 1,
                    ..second
                },
                again(250),
            ),
            (ten_s, FIRST, again(10_500)),
            (ten_s, two, over()),
        ] {
            check(retry, state, expected);
        }
    }

    #[test]
    fn counts_attempts_over_all_targets() {
        let last = State {
            attempt: 3,
            another: true,
            ..FIRST
        };
        for retry in [
            Retry::Backoff,
            Retry::Once,
            Retry::Elsewhere,
            Retry::After(Duration::ZERO),
        ] {
            check(retry, last, Next::GiveUp);
        }
        let once = Policy { max_attempts: 1 };
        let two = State {
            another: true,
            ..FIRST
        };
        assert_eq!(next(&once, &error(Retry::Backoff), &two, 0.5), Next::GiveUp);
        check(
            Retry::Backoff,
            State {
                attempt: 2,
                another: true,
                ..FIRST
            },
            over(),
        );
    }

    #[test]
    fn delays_double_up_to_eight_seconds_and_are_spread_over_all_of_it() {
        let patient = Policy {
            max_attempts: u32::MAX,
        };
        for (tries_here, most_ms) in [
            (1, 500),
            (2, 1_000),
            (4, 4_000),
            (5, 8_000),
            (6, 8_000),
            (u32::MAX - 1, 8_000),
        ] {
            for (jitter, ms) in [
                (0.0, 0),
                (0.5, most_ms / 2),
                (1.0, most_ms),
                (f64::NAN, most_ms),
            ] {
                let state = State {
                    attempt: tries_here,
                    tries_here,
                    ..FIRST
                };
                let what = next(&patient, &error(Retry::Backoff), &state, jitter);
                assert_eq!(what, again(ms), "{tries_here} {jitter}");
            }
        }
    }

    #[test]
    fn a_wait_that_was_asked_for_is_a_floor_and_has_an_end() {
        let asked = |ms| Retry::After(Duration::from_millis(ms));
        for (jitter, ms) in [(0.0, 1_000), (1.0, 1_100), (-3.0, 1_000), (9.0, 1_100)] {
            check_at(jitter, asked(1_000), FIRST, again(ms));
        }
        check(asked(0), FIRST, again(250));
        check_at(0.0, asked(60_000), FIRST, again(60_000));
        check(asked(60_001), FIRST, Next::GiveUp);
        check(
            asked(60_001),
            State {
                another: true,
                ..FIRST
            },
            over(),
        );
    }

    #[test]
    fn nobody_waits_beyond_the_deadline() {
        let left = |ms| State {
            remaining: Some(Duration::from_millis(ms)),
            ..FIRST
        };
        check(Retry::Backoff, left(251), again(250));
        check(Retry::Backoff, left(250), Next::GiveUp);
        check(
            Retry::After(Duration::from_secs(1)),
            left(1_050),
            Next::GiveUp,
        );
        check(
            Retry::Backoff,
            State {
                another: true,
                ..left(1)
            },
            over(),
        );
    }
}
