//! When a target is left alone, for how long, and how it comes back: by time alone, and by one probe at a time.
//!
//! BEHAVIOUR.md section 5. The numbers are resilience4j's (window and share) and Envoy's (consecutive failures).
#![allow(dead_code, reason = "strategies read what is written here")]

use std::time::{Duration, Instant};

use libllm_proto::{Error, ErrorKind};

use super::view::Gate;

/// What opens a breaker and what closes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Whether it ever opens.
    pub(crate) enabled: bool,
    /// So many failures in a row open it.
    pub(crate) failures: u32,
    /// So does this share of failures ..
    pub(crate) ratio: f64,
    /// .. of at least so many calls ..
    pub(crate) calls: u32,
    /// .. in so long.
    pub(crate) window: Duration,
    /// How long it stays open the first time; twice as long each time that a probe fails.
    pub(crate) open: Duration,
    /// Never longer.
    pub(crate) open_max: Duration,
    /// So many probes that succeed close it.
    pub(crate) successes: u32,
    /// A probe that has not ended by then makes room for another.
    pub(crate) probe: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            enabled: true,
            failures: 5,
            ratio: 0.5,
            calls: 20,
            window: Duration::from_secs(60),
            open: Duration::from_secs(5),
            open_max: Duration::from_secs(300),
            successes: 3,
            probe: Duration::from_secs(30),
        }
    }
}

/// What an attempt's end says about its target's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answered.
    Good,
    /// It failed, and would have failed another request too.
    Bad,
    /// It said that it is asked too often.
    Limited,
    /// It refused this key.
    Locked,
    /// It says nothing about its health: the request was wrong, or nobody waited for the answer.
    Neither,
}

/// Judges how an attempt ended.
pub(crate) fn verdict(error: Option<&Error>) -> Verdict {
    let Some(error) = error else {
        return Verdict::Good;
    };
    match error.kind() {
        ErrorKind::Overloaded
        | ErrorKind::ServerError
        | ErrorKind::Unavailable
        | ErrorKind::ProviderError
        | ErrorKind::GatewayTimeout
        | ErrorKind::Cdn(_)
        | ErrorKind::Timeout
        | ErrorKind::Connect
        | ErrorKind::ConnectionLost
        | ErrorKind::StreamTruncated
        | ErrorKind::EmptyResponse
        | ErrorKind::Protocol
        | ErrorKind::BadContentType => Verdict::Bad,
        ErrorKind::RateLimited => Verdict::Limited,
        // Without a status it is ours: nobody issued a credential.
        ErrorKind::Auth if error.http_status().is_some() => Verdict::Locked,
        // It answered, and well: what was wrong is the request.
        ErrorKind::InvalidRequest
        | ErrorKind::ContentFilter
        | ErrorKind::ContextLength
        | ErrorKind::TooLarge => Verdict::Neither,
        _ => Verdict::Neither,
    }
}

/// One target's breaker.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    state: State,
    /// The state is this old: what began before it says nothing about it.
    since: Instant,
    /// Failures since the last success.
    failures: u32,
    /// How often in a row it has opened.
    opened: u32,
    calls: Window,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    /// Until then nobody probes; from then on it is half open.
    Open {
        until: Instant,
        /// Probes that succeeded.
        successes: u32,
        /// A probe that is under way, and when it no longer counts.
        probe: Option<Instant>,
    },
}

impl Breaker {
    pub(crate) fn new(now: Instant) -> Breaker {
        Breaker {
            state: State::Closed,
            since: now,
            failures: 0,
            opened: 0,
            calls: Window::new(now),
        }
    }

    /// What it says now.
    pub(crate) fn gate(&self, now: Instant) -> Gate {
        match self.state {
            State::Closed => Gate::Closed,
            State::Open { until, .. } if now < until => Gate::Open { until },
            State::Open { probe, .. } => Gate::HalfOpen {
                busy: probe.is_some_and(|until| now < until),
            },
        }
    }

    /// Failures since the last success.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// When the probe that is under way no longer counts.
    pub(crate) fn probing_until(&self) -> Option<Instant> {
        match self.state {
            State::Open { probe, .. } => probe,
            State::Closed => None,
        }
    }

    /// An attempt begins; it is the probe if one is wanted.
    pub(crate) fn begin(&mut self, settings: &Settings, now: Instant) -> bool {
        if self.gate(now) != (Gate::HalfOpen { busy: false }) {
            return false;
        }
        if let State::Open { probe, .. } = &mut self.state {
            *probe = now.checked_add(settings.probe);
        }
        true
    }

    /// An attempt that began then has ended. `chance` is a random number in 0..1.
    pub(crate) fn end(
        &mut self,
        settings: &Settings,
        verdict: Verdict,
        was: Was,
        now: Instant,
        chance: f64,
    ) {
        let probe_over = |state: &mut State| {
            if let State::Open { probe, .. } = state
                && was.probe
            {
                *probe = None;
            }
        };
        probe_over(&mut self.state);
        let bad = match verdict {
            Verdict::Good => false,
            Verdict::Bad => true,
            Verdict::Limited | Verdict::Locked | Verdict::Neither => return,
        };
        self.failures = match bad {
            true => self.failures.saturating_add(1),
            false => 0,
        };
        self.calls.add(settings.window, bad, now);
        if was.begun < self.since {
            return;
        }
        let too_bad = bad && settings.enabled && self.is_too_bad(settings, now);
        match &mut self.state {
            State::Closed if too_bad => self.open(settings, now, chance),
            State::Closed => {}
            // Asked in spite of it, because no other was better: while it is open a failure tells nothing new.
            State::Open { until, .. } if bad && now < *until => {}
            State::Open { .. } if bad => self.open(settings, now, chance),
            State::Open { successes, .. } => {
                *successes += 1;
                if *successes >= settings.successes {
                    self.state = State::Closed;
                    self.since = now;
                    self.opened = 0;
                    self.calls = Window::new(now);
                }
            }
        }
    }

    fn is_too_bad(&self, settings: &Settings, now: Instant) -> bool {
        let (calls, failures) = self.calls.sums(settings.window, now);
        self.failures >= settings.failures
            || calls >= settings.calls && f64::from(failures) >= settings.ratio * f64::from(calls)
    }

    fn open(&mut self, settings: &Settings, now: Instant, chance: f64) {
        let doubled = settings
            .open
            .saturating_mul(1 << self.opened.min(DOUBLINGS_MAX));
        let chance = if chance.is_finite() {
            chance.clamp(0.0, 1.0)
        } else {
            0.0
        };
        // Processes that failed together do not probe together.
        let spread = doubled
            .min(settings.open_max)
            .mul_f64(1.0 - JITTER * chance);
        self.state = State::Open {
            until: now + spread,
            successes: 0,
            probe: None,
        };
        self.since = now;
        self.opened = self.opened.saturating_add(1);
    }
}

/// An attempt's beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Was {
    pub(crate) begun: Instant,
    /// It was the probe.
    pub(crate) probe: bool,
}

/// Calls and failures of the last while, in steps.
#[derive(Clone, Debug)]
struct Window {
    base: Instant,
    /// Number of the step that `counts` ends with.
    step: u64,
    counts: [(u32, u32); STEPS],
}

impl Window {
    fn new(base: Instant) -> Window {
        Window {
            base,
            step: 0,
            counts: [(0, 0); STEPS],
        }
    }

    fn step_at(&self, window: Duration, now: Instant) -> u64 {
        let step = (window.as_nanos() / STEPS as u128).max(1);
        let since = now.saturating_duration_since(self.base).as_nanos();
        u64::try_from(since / step).unwrap_or(u64::MAX)
    }

    fn add(&mut self, window: Duration, bad: bool, now: Instant) {
        let step = self.step_at(window, now).max(self.step);
        for old in (self.step + 1..=step).rev().take(STEPS) {
            self.counts[old as usize % STEPS] = (0, 0);
        }
        self.step = step;
        let (calls, failures) = &mut self.counts[step as usize % STEPS];
        *calls = calls.saturating_add(1);
        *failures = failures.saturating_add(u32::from(bad));
    }

    fn sums(&self, window: Duration, now: Instant) -> (u32, u32) {
        // What was counted last is at most a moment old: nobody asks before they count.
        debug_assert!(self.step_at(window, now) <= self.step);
        self.counts
            .iter()
            .fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1))
    }
}

const STEPS: usize = 6;
const DOUBLINGS_MAX: u32 = 16;
const JITTER: f64 = 0.1;

/// Which of equal targets are asked: the healthy ones, and those that wait for a probe. Never is more than the share `max_ejected` of
/// them left out: of the others those that fail least stay. If none would be left, all are asked as if nothing were known.
pub(crate) fn eject(standing: &mut [Standing], max_ejected: f64) {
    let all = standing.len();
    let out = standing.iter().filter(|one| !one.stays).count();
    if out == all {
        standing.iter_mut().for_each(|one| one.stays = true);
        return;
    }
    let most = (all as f64 * max_ejected.clamp(0.0, 1.0)) as usize;
    for _ in most..out {
        let least = standing
            .iter_mut()
            .filter(|one| !one.stays && !one.away)
            .min_by_key(|one| one.failures);
        match least {
            Some(least) => least.stays = true,
            None => break,
        }
    }
}

/// What matters of a target when some are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It is asked.
    pub(crate) stays: bool,
    /// It asked to be left alone, or refuses every key: it is never brought back to fill a share.
    pub(crate) away: bool,
    /// Failures since its last success.
    pub(crate) failures: u32,
}
