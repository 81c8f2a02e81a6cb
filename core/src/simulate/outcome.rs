//! What came of a run.

use std::time::Duration;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The run's name.
    pub name: String,
    /// Requests that ended, and how many of them failed.
    pub requests: u64,
    /// Of those, the ones without an answer.
    pub failed: u64,
    /// Attempts at targets.
    pub attempts: u64,
    /// Of those, the ones made beside one that was slow.
    pub hedges: u64,
    /// Microdollars, those of losers included.
    pub microusd: f64,
    /// Who got how many of the attempts.
    pub shares: Vec<Share>,
    /// Second by second.
    pub seconds: Vec<Second>,
    /// Seconds to the first token, from submission, sorted.
    pub(super) firsts: Vec<f32>,
    /// The same to the end.
    pub(super) totals: Vec<f32>,
}

/// A group of targets' part.
#[derive(Clone, Debug)]
pub struct Share {
    /// The group's name.
    pub name: String,
    /// Attempts there.
    pub attempts: u64,
}

/// One second.
#[derive(Clone, Debug, Default)]
pub struct Second {
    /// Requests that came.
    pub requests: u32,
    /// Requests that failed.
    pub failed: u32,
    /// Attempts that were made.
    pub attempts: u32,
    /// Attempts by group.
    pub by_group: Vec<u32>,
}

impl Outcome {
    /// Time to the first token below which this share of answers stays.
    pub fn first(&self, share: f64) -> Duration {
        quantile(&self.firsts, share)
    }

    /// The same of whole answers.
    pub fn total(&self, share: f64) -> Duration {
        quantile(&self.totals, share)
    }

    /// Requests without an answer, of one.
    pub fn error_rate(&self) -> f64 {
        self.failed as f64 / self.requests.max(1) as f64
    }

    /// Attempts beyond the first, of one request.
    pub fn extra(&self) -> f64 {
        self.attempts as f64 / self.requests.max(1) as f64 - 1.0
    }

    /// Microdollars of an answer.
    pub fn microusd_each(&self) -> f64 {
        self.microusd / (self.requests - self.failed).max(1) as f64
    }

    /// A group's share of the attempts of these seconds, of one.
    pub fn share(&self, group: &str, seconds: std::ops::Range<usize>) -> f64 {
        let Some(place) = self.shares.iter().position(|share| share.name == group) else {
            return 0.0;
        };
        let end = seconds.end.min(self.seconds.len());
        let seconds = &self.seconds[seconds.start.min(end)..end];
        let all: u32 = seconds.iter().map(|second| second.attempts).sum();
        let own: u32 = seconds.iter().map(|second| second.by_group[place]).sum();
        f64::from(own) / f64::from(all.max(1))
    }
}

fn quantile(sorted: &[f32], share: f64) -> Duration {
    let place = (sorted.len() as f64 * share) as usize;
    let value = sorted.get(place.min(sorted.len().saturating_sub(1)));
    Duration::from_secs_f32(value.copied().unwrap_or(0.0))
}
