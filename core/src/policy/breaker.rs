//! When a target is left alone, for how long, and how it comes back: by time alone, and by one probe at a time.
//!
//! BEHAVIOUR.md section 5. The numbers are resilience4j's (window and share) and Envoy's (consecutive failures).

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
        // It answered, and well: what was wrong is the request, or this side.
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
    /// Probes that were made.
    probes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    /// Until then nobody probes; from then on it is half open.
    Open {
        until: Instant,
        /// Probes that succeeded.
        successes: u32,
        /// A probe that is under way, its number, and when it no longer counts.
        probe: Option<(u32, Instant)>,
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
            probes: 0,
        }
    }

    /// What it says now.
    pub(crate) fn gate(&self, now: Instant) -> Gate {
        match self.state {
            State::Closed => Gate::Closed,
            State::Open { until, .. } if now < until => Gate::Open { until },
            State::Open { probe, .. } => Gate::HalfOpen {
                busy: probe.is_some_and(|(_, until)| now < until),
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
            State::Open { probe, .. } => probe.map(|(_, until)| until),
            State::Closed => None,
        }
    }

    /// An attempt begins; it is the probe, of this number, if one is wanted.
    pub(crate) fn begin(&mut self, settings: &Settings, now: Instant) -> Option<u32> {
        if self.gate(now) != (Gate::HalfOpen { busy: false }) {
            return None;
        }
        self.probes = self.probes.wrapping_add(1);
        if let State::Open { probe, .. } = &mut self.state {
            *probe = now
                .checked_add(settings.probe)
                .map(|until| (self.probes, until));
        }
        Some(self.probes)
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
        // One that no longer counted, and ends at last, is not the one that was made in its place.
        if let State::Open { probe, .. } = &mut self.state
            && was.probe.is_some()
            && probe.map(|(number, _)| number) == was.probe
        {
            *probe = None;
        }
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
    /// The number of the probe that it was.
    pub(crate) probe: Option<u32>,
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

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Settings = Settings {
        enabled: true,
        failures: 5,
        ratio: 0.5,
        calls: 20,
        window: Duration::from_secs(60),
        open: Duration::from_secs(5),
        open_max: Duration::from_secs(300),
        successes: 3,
        probe: Duration::from_secs(30),
    };

    struct Clock {
        breaker: Breaker,
        settings: Settings,
        start: Instant,
    }

    impl Clock {
        fn new(settings: Settings) -> Clock {
            let start = Instant::now();
            Clock {
                breaker: Breaker::new(start),
                settings,
                start,
            }
        }

        fn at(&self, seconds: f64) -> Instant {
            self.start + Duration::from_secs_f64(seconds)
        }

        fn call(&mut self, verdict: Verdict, seconds: f64) {
            let now = self.at(seconds);
            let probe = self.breaker.begin(&self.settings, now);
            let was = Was { begun: now, probe };
            self.breaker.end(&self.settings, verdict, was, now, 0.0);
        }

        fn gate(&self, seconds: f64) -> &'static str {
            match self.breaker.gate(self.at(seconds)) {
                Gate::Closed => "closed",
                Gate::Open { .. } => "open",
                Gate::HalfOpen { busy: true } => "busy",
                Gate::HalfOpen { busy: false } => "half",
            }
        }
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let mut clock = Clock::new(PLAIN);
        for verdict in [Verdict::Bad; 4].into_iter().chain([Verdict::Good]) {
            clock.call(verdict, 0.0);
        }
        (0..4).for_each(|_| clock.call(Verdict::Bad, 1.0));
        assert_eq!(clock.gate(1.0), "closed");
        clock.call(Verdict::Bad, 1.0);
        assert_eq!((clock.gate(1.0), clock.gate(5.9)), ("open", "open"));
        assert_eq!(clock.gate(6.0), "half");
    }

    #[test]
    fn half_of_twenty_in_the_window_open_it_and_older_ones_do_not_count() {
        for (later, expected) in [(1.0, "open"), (75.0, "closed")] {
            let mut clock = Clock::new(PLAIN);
            for call in 0..20 {
                let verdict = match call % 2 {
                    0 => Verdict::Good,
                    _ => Verdict::Bad,
                };
                clock.call(verdict, if call < 10 { 0.0 } else { later });
            }
            assert_eq!(clock.gate(later), expected, "{later}");
        }
    }

    #[test]
    fn what_is_no_failure_counts_for_nothing() {
        for verdict in [Verdict::Neither, Verdict::Limited, Verdict::Locked] {
            let mut clock = Clock::new(PLAIN);
            (0..50).for_each(|_| clock.call(verdict, 0.0));
            assert_eq!(clock.gate(0.0), "closed");
        }
        let mut off = Clock::new(Settings {
            enabled: false,
            ..PLAIN
        });
        (0..50).for_each(|_| off.call(Verdict::Bad, 0.0));
        assert_eq!(off.gate(0.0), "closed");
    }

    #[test]
    fn it_stays_open_twice_as_long_each_time_up_to_an_end() {
        let mut clock = Clock::new(PLAIN);
        (0..5).for_each(|_| clock.call(Verdict::Bad, 0.0));
        let mut at = 0.0;
        for open in [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] {
            assert_eq!(clock.gate(at + open - 0.1), "open", "{open}");
            assert_eq!(clock.gate(at + open), "half", "{open}");
            at += open;
            clock.call(Verdict::Bad, at);
        }
    }

    #[test]
    fn jitter_shortens_it_by_a_tenth_at_most() {
        let start = Instant::now();
        for (chance, seconds) in [(0.0, 5.0), (1.0, 4.5), (f64::NAN, 5.0), (7.0, 4.5)] {
            let mut breaker = Breaker::new(start);
            let was = Was {
                begun: start,
                probe: None,
            };
            (0..5).for_each(|_| breaker.end(&PLAIN, Verdict::Bad, was, start, chance));
            let until = start + Duration::from_secs_f64(seconds);
            assert_eq!(breaker.gate(start), Gate::Open { until });
        }
    }

    #[test]
    fn one_probe_at_a_time_and_three_that_succeed_close_it() {
        let mut clock = Clock::new(PLAIN);
        (0..5).for_each(|_| clock.call(Verdict::Bad, 0.0));
        let now = clock.at(6.0);
        assert!(clock.breaker.begin(&PLAIN, now).is_some());
        assert!(clock.breaker.begin(&PLAIN, now).is_none());
        assert_eq!(clock.gate(6.0), "busy");
        // Nobody hears of it any more: it does not wedge the breaker.
        assert_eq!(clock.gate(36.0), "half");
        for (call, gate) in ["half", "half", "closed"].into_iter().enumerate() {
            clock.call(Verdict::Good, 40.0 + call as f64);
            assert_eq!(clock.gate(42.0), gate);
        }
        // It has forgotten how often it was open.
        (0..5).for_each(|_| clock.call(Verdict::Bad, 50.0));
        assert_eq!((clock.gate(54.9), clock.gate(55.0)), ("open", "half"));
    }

    #[test]
    fn a_probe_that_ends_late_leaves_the_next_one_alone() {
        let mut clock = Clock::new(PLAIN);
        (0..5).for_each(|_| clock.call(Verdict::Bad, 0.0));
        let was = |clock: &mut Clock, at| {
            let begun = clock.at(at);
            let probe = clock.breaker.begin(&PLAIN, begun);
            assert!(probe.is_some());
            Was { begun, probe }
        };
        let stale = was(&mut clock, 6.0);
        let next = was(&mut clock, 40.0);
        let now = clock.at(41.0);
        let mut end = |was| clock.breaker.end(&PLAIN, Verdict::Neither, was, now, 0.0);
        end(stale);
        assert_eq!(clock.gate(41.0), "busy");
        let mut end = |was| clock.breaker.end(&PLAIN, Verdict::Neither, was, now, 0.0);
        end(next);
        assert_eq!(clock.gate(41.0), "half");
    }

    #[test]
    fn what_began_before_it_opened_says_nothing_about_it() {
        let mut clock = Clock::new(PLAIN);
        let old = Was {
            begun: clock.at(0.0),
            probe: None,
        };
        (0..5).for_each(|_| clock.call(Verdict::Bad, 1.0));
        let now = clock.at(7.0);
        for verdict in [Verdict::Good, Verdict::Good, Verdict::Good, Verdict::Bad] {
            clock.breaker.end(&PLAIN, verdict, old, now, 0.0);
        }
        assert_eq!(clock.gate(7.0), "half");
    }

    #[test]
    fn the_kind_of_an_error_says_whose_fault_it_is() {
        let of = |kind| verdict(Some(&Error::new(kind, "made up")));
        for kind in [
            ErrorKind::Connect,
            ErrorKind::Timeout,
            ErrorKind::ServerError,
            ErrorKind::Unavailable,
            ErrorKind::GatewayTimeout,
            ErrorKind::Cdn(524),
            ErrorKind::Overloaded,
            ErrorKind::StreamTruncated,
            ErrorKind::ConnectionLost,
        ] {
            assert_eq!(of(kind), Verdict::Bad, "{kind:?}");
        }
        for kind in [
            ErrorKind::InvalidRequest,
            ErrorKind::Quota,
            ErrorKind::Canceled,
            ErrorKind::ConsumerStalled,
            ErrorKind::ContextLength,
            ErrorKind::NotFound,
            ErrorKind::Auth,
        ] {
            assert_eq!(of(kind), Verdict::Neither, "{kind:?}");
        }
        assert_eq!(of(ErrorKind::RateLimited), Verdict::Limited);
        let refused = Error::new(ErrorKind::Auth, "no").with_http_status(401);
        assert_eq!(verdict(Some(&refused)), Verdict::Locked);
        assert_eq!(verdict(None), Verdict::Good);
    }
}
