//! What a decision sees of a target: a snapshot that is copied, so that a route is chosen on figures that do not move meanwhile.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// One target as it stands at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct View {
    /// Attempts that have begun and not ended.
    pub(crate) in_flight: u32,
    /// Time to the first item, weighted towards its recent peaks; `None` before the first sample.
    pub(crate) ttft: Option<Duration>,
    /// Answers that `ttft` is made of, as far as 32 bits count.
    pub(crate) samples: u32,
    /// Tokens per second after the first; `None` before the first sample.
    pub(crate) tokens_per_s: Option<f32>,
    /// Attempts that failed since the last that did not.
    pub(crate) failures: u32,
    /// What its breaker says.
    pub(crate) gate: Gate,
    /// It asked not to be asked before then.
    pub(crate) unavailable_until: Option<Instant>,
    /// What it said is left of its requests per time.
    pub(crate) requests: Option<Quota>,
    /// What it said is left of its tokens per time.
    pub(crate) tokens: Option<Quota>,
    /// Every key for it is refused.
    pub(crate) locked: bool,
}

/// Whether a target should be asked now, if another can be asked instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Nothing speaks against it.
    Well,
    /// One attempt may try if it has recovered.
    Probe,
    Away,
}

/// A target's figures, each read when it is asked for: a choice needs few of them, of several targets.
pub(crate) trait Figures {
    /// Whether it should be asked.
    fn fit(&self, now: Instant) -> Fit;
    /// Attempts that have begun and not ended.
    fn in_flight(&self) -> u32;
    /// Seconds to the first item, weighted towards its recent peaks.
    fn ttft(&self, now: &Moment) -> Option<f64>;
    /// Tokens per second after the first.
    fn tokens_per_s(&self) -> Option<f32>;
    /// Attempts that failed since the last that did not.
    fn failures(&self) -> u32;
    /// The share that is left of the limit that is nearest; 1 if none is known.
    fn left(&self, now: Instant) -> f64;
    /// All of them.
    fn view(&self, now: Instant) -> View;
}

/// One moment in which several targets are looked at. Their times are counted from where they were first heard of, which of one client's
/// is the same: how long ago that was is found out once.
pub(crate) struct Moment {
    now: Instant,
    last: Cell<(Instant, u64)>,
}

impl Moment {
    pub(crate) fn new(now: Instant) -> Moment {
        Moment {
            now,
            last: Cell::new((now, 0)),
        }
    }

    /// Nanoseconds since then.
    pub(crate) fn since(&self, base: Instant) -> u64 {
        let (last, ns) = self.last.get();
        if last == base {
            return ns;
        }
        let ns = nanoseconds(self.now.saturating_duration_since(base));
        self.last.set((base, ns));
        ns
    }
}

/// As many as a number holds.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    let whole = time.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(time.subsec_nanos().into())
}

/// A breaker's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Attempts pass.
    Closed,
    /// None should be made before then.
    Open {
        /// When one may probe.
        until: Instant,
    },
    /// One attempt at a time may probe.
    HalfOpen {
        /// It is under way.
        busy: bool,
    },
}

/// What is left of a limit that a provider tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// The whole of it; 0 if that was not said.
    pub(crate) limit: u64,
    /// What is left.
    pub(crate) remaining: u64,
}

impl Quota {
    /// The share that is left; what is under way may not be counted there yet.
    pub(crate) fn share(&self, under_way: u32) -> f64 {
        let remaining = self.remaining.saturating_sub(under_way.into());
        match self.limit {
            0 => f64::from(u8::from(remaining > 0)),
            limit => remaining as f64 / limit as f64,
        }
    }
}

/// The share that is left of the nearer of two limits; of one that nobody told of all is left.
pub(crate) fn left(requests: Option<Quota>, tokens: Option<Quota>, in_flight: u32) -> f64 {
    let requests = requests.map_or(1.0, |quota| quota.share(in_flight));
    tokens.map_or(requests, |quota| requests.min(quota.share(0)))
}

impl View {
    /// A target nobody has asked yet.
    #[cfg(test)]
    pub(crate) const NEW: View = View {
        in_flight: 0,
        ttft: None,
        samples: 0,
        tokens_per_s: None,
        failures: 0,
        gate: Gate::Closed,
        unavailable_until: None,
        requests: None,
        tokens: None,
        locked: false,
    };

    /// Whether it should be asked now, if another can be asked instead.
    pub(crate) fn is_healthy(&self, now: Instant) -> bool {
        !self.locked
            && self.gate == Gate::Closed
            && self.unavailable_until.is_none_or(|until| until <= now)
    }

    /// Whether one attempt may try if it has recovered.
    pub(crate) fn wants_probe(&self, now: Instant) -> bool {
        let open = match self.gate {
            Gate::Closed => false,
            Gate::Open { until } => until <= now,
            Gate::HalfOpen { busy } => !busy,
        };
        open && !self.locked && self.unavailable_until.is_none_or(|until| until <= now)
    }
}

impl<F: Figures> Figures for &F {
    fn fit(&self, now: Instant) -> Fit {
        F::fit(self, now)
    }

    fn in_flight(&self) -> u32 {
        F::in_flight(self)
    }

    fn ttft(&self, now: &Moment) -> Option<f64> {
        F::ttft(self, now)
    }

    fn tokens_per_s(&self) -> Option<f32> {
        F::tokens_per_s(self)
    }

    fn failures(&self) -> u32 {
        F::failures(self)
    }

    fn left(&self, now: Instant) -> f64 {
        F::left(self, now)
    }

    fn view(&self, now: Instant) -> View {
        F::view(self, now)
    }
}

impl Figures for View {
    fn fit(&self, now: Instant) -> Fit {
        match self.is_healthy(now) {
            true => Fit::Well,
            false if self.wants_probe(now) => Fit::Probe,
            false => Fit::Away,
        }
    }

    fn in_flight(&self) -> u32 {
        self.in_flight
    }

    fn ttft(&self, _: &Moment) -> Option<f64> {
        self.ttft.map(|ttft| ttft.as_secs_f64())
    }

    fn tokens_per_s(&self) -> Option<f32> {
        self.tokens_per_s
    }

    fn failures(&self) -> u32 {
        self.failures
    }

    fn left(&self, _: Instant) -> f64 {
        left(self.requests, self.tokens, self.in_flight)
    }

    fn view(&self, _: Instant) -> View {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_healthy_when_nothing_speaks_against_it() {
        let now = Instant::now();
        let (past, later) = (now - Duration::from_secs(1), now + Duration::from_secs(1));
        let away = |until| View {
            unavailable_until: Some(until),
            ..View::NEW
        };
        let gate = |gate| View { gate, ..View::NEW };
        for (view, healthy, probe) in [
            (View::NEW, true, false),
            (away(past), true, false),
            (away(later), false, false),
            (gate(Gate::Open { until: later }), false, false),
            (gate(Gate::Open { until: past }), false, true),
            (gate(Gate::HalfOpen { busy: true }), false, false),
            (gate(Gate::HalfOpen { busy: false }), false, true),
            (
                View {
                    locked: true,
                    ..View::NEW
                },
                false,
                false,
            ),
        ] {
            assert_eq!(
                (view.is_healthy(now), view.wants_probe(now)),
                (healthy, probe),
                "{view:?}"
            );
        }
    }
}
