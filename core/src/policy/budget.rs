//! How many attempts may be made beyond the first: a provider that is down must not be asked more than one that is up.
//!
//! Two rules, and both must agree (BEHAVIOUR.md section 3). A purse per host, with the constants of botocore's retry quota: it empties while
//! attempts fail, and only success fills it. And a share of all requests with a floor, as Finagle's and tower's budgets: who asks little
//! may try again, who asks much not more than a part of it.

use std::time::{Duration, Instant};

use libllm_proto::error::{Error, ErrorKind, Retry};

/// How much may be spent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    /// What a purse holds; 0 switches both rules off.
    pub(crate) bucket: u32,
    /// Attempts beyond the first, as a share of requests ..
    pub(crate) ratio: f64,
    /// .. and so many a second beside.
    pub(crate) floor: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            bucket: 500,
            ratio: 0.2,
            floor: 10,
        }
    }
}

/// What an attempt beyond the first is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The one before it failed.
    Failure,
    /// The one before it did not come in time: its work may be going on.
    Timeout,
    /// The one before it is slow.
    Hedge,
}

impl Cause {
    /// What an attempt after `error` is made for; `None` if it takes nothing from any budget. `elsewhere`: at another host.
    pub(crate) fn of(error: &Error, elsewhere: impl FnOnce() -> bool) -> Option<Cause> {
        match (error.retry(), error.kind()) {
            // It is another's turn for what is asked, not for how the first one does.
            (Retry::Elsewhere, _) => None,
            // Who refuses to be asked too often has done no work, and is left alone from then on; the other sees the request for the
            // first time. Nobody is asked more often for it than there are requests, however many are refused at once.
            (_, ErrorKind::RateLimited) if elsewhere() => None,
            (_, ErrorKind::Timeout | ErrorKind::GatewayTimeout | ErrorKind::Cdn(524)) => {
                Some(Cause::Timeout)
            }
            _ => Some(Cause::Failure),
        }
    }

    fn price(self) -> u32 {
        match self {
            Cause::Failure | Cause::Hedge => RETRY,
            Cause::Timeout => TIMEOUT,
        }
    }
}

/// What is left for one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Purse {
    spent: u32,
}

impl Purse {
    pub(crate) const FULL: Purse = Purse { spent: 0 };

    /// Takes the price of one attempt, if there is as much.
    pub(crate) fn spend(&mut self, settings: &Settings, cause: Cause) -> bool {
        let spent = self.spent.saturating_add(cause.price());
        let enough = settings.bucket == 0 || spent <= settings.bucket;
        if enough && settings.bucket > 0 {
            self.spent = spent;
        }
        enough
    }

    /// An attempt succeeded.
    pub(crate) fn earn(&mut self) {
        self.spent = self.spent.saturating_sub(SUCCESS);
    }
}

/// Requests of the last ten seconds, and attempts beyond the first among them.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    base: Instant,
    step: u64,
    counts: [(u32, u32); STEPS],
}

impl Share {
    pub(crate) fn new(now: Instant) -> Share {
        Share {
            base: now,
            step: 0,
            counts: [(0, 0); STEPS],
        }
    }

    /// A request was made.
    pub(crate) fn request(&mut self, now: Instant) {
        let (requests, _) = self.at(now);
        *requests = requests.saturating_add(1);
    }

    /// Counts one more attempt, if so many may be made.
    pub(crate) fn spend(&mut self, settings: &Settings, now: Instant) -> bool {
        self.at(now);
        let (requests, extra) = self.counts.iter().fold((0u64, 0u64), |sum, count| {
            (sum.0 + u64::from(count.0), sum.1 + u64::from(count.1))
        });
        let floor = u64::from(settings.floor) * WINDOW.as_secs();
        let most = settings.ratio * requests as f64 + floor as f64;
        if settings.bucket > 0 && (extra + 1) as f64 > most {
            return false;
        }
        let (_, extra) = self.at(now);
        *extra = extra.saturating_add(1);
        true
    }

    /// Of the last ten seconds' requests, at most the share `most` was asked twice.
    pub(crate) fn is_below(&self, most: f64) -> bool {
        let (requests, extra) = self.counts.iter().fold((0u64, 0u64), |sum, count| {
            (sum.0 + u64::from(count.0), sum.1 + u64::from(count.1))
        });
        (extra + 1) as f64 <= most * requests as f64
    }

    fn at(&mut self, now: Instant) -> &mut (u32, u32) {
        let since = now.saturating_duration_since(self.base).as_millis();
        let step = u64::try_from(since / STEP.as_millis()).unwrap_or(u64::MAX);
        let step = step.max(self.step);
        for old in (self.step + 1..=step).rev().take(STEPS) {
            self.counts[old as usize % STEPS] = (0, 0);
        }
        self.step = step;
        &mut self.counts[step as usize % STEPS]
    }
}

// botocore, `retries/standard.py` and `quota.py`: 500, 5, 10 and 1.
const RETRY: u32 = 5;
const TIMEOUT: u32 = 10;
const SUCCESS: u32 = 1;
// Finagle, `RetryBudget`: the share is of the last ten seconds.
const WINDOW: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_secs(1);
const STEPS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Settings = Settings {
        bucket: 500,
        ratio: 0.2,
        floor: 10,
    };

    #[test]
    fn who_was_refused_for_asking_too_often_pays_nothing_elsewhere() {
        let after = |kind, elsewhere: bool| Cause::of(&Error::new(kind, "made up"), || elsewhere);
        assert_eq!(after(ErrorKind::RateLimited, true), None);
        for (kind, elsewhere, cause) in [
            (ErrorKind::RateLimited, false, Cause::Failure),
            (ErrorKind::Unavailable, true, Cause::Failure),
            (ErrorKind::Timeout, true, Cause::Timeout),
        ] {
            assert_eq!(after(kind, elsewhere), Some(cause), "{kind:?}");
        }
    }

    #[test]
    fn a_purse_is_emptied_by_attempts_and_filled_by_success_alone() {
        let mut purse = Purse::FULL;
        let spent = (0..1000).filter(|_| purse.spend(&PLAIN, Cause::Failure));
        assert_eq!(spent.count(), 100);
        (0..9).for_each(|_| purse.earn());
        assert!(!purse.spend(&PLAIN, Cause::Timeout));
        assert!(purse.spend(&PLAIN, Cause::Failure));
        let mut full = Purse::FULL;
        full.earn();
        assert_eq!(full, Purse::FULL);
        let off = Settings { bucket: 0, ..PLAIN };
        assert!((0..1000).all(|_| purse.spend(&off, Cause::Timeout)));
    }

    #[test]
    fn a_share_of_the_last_ten_seconds_and_a_floor() {
        let start = Instant::now();
        let mut share = Share::new(start);
        let at = |seconds| start + Duration::from_secs(seconds);
        let spend =
            |share: &mut Share, now| (0..10_000).filter(|_| share.spend(&PLAIN, now)).count();
        assert_eq!(spend(&mut share, at(0)), 100);
        assert_eq!(spend(&mut share, at(9)), 0);
        (0..1_000).for_each(|_| share.request(at(10)));
        assert_eq!(spend(&mut share, at(10)), 100 + 200);
        assert_eq!(spend(&mut share, at(20)), 100);
        assert!(!share.is_below(0.05));
        (0..10_000).for_each(|_| share.request(at(21)));
        assert!(share.is_below(0.05));
    }

    /// A thousand requests a second against a provider that refuses everything for a minute, three attempts each if nothing
    /// spoke against it.
    #[test]
    fn a_provider_that_is_down_is_not_stormed_and_recovers_at_once() {
        const RATE: u64 = 1_000;
        const DOWN: u64 = 60;
        let start = Instant::now();
        let (mut purse, mut share) = (Purse::FULL, Share::new(start));
        let (mut upstream, mut failed_after) = (0, 0);
        for request in 0..RATE * (DOWN + 10) {
            let now = start + Duration::from_micros(request * 1_000_000 / RATE);
            let is_down = request < RATE * DOWN;
            share.request(now);
            let mut answered = false;
            for attempt in 0..3 {
                let may =
                    attempt == 0 || purse.spend(&PLAIN, Cause::Failure) && share.spend(&PLAIN, now);
                if !may {
                    break;
                }
                upstream += u64::from(is_down);
                if !is_down {
                    purse.earn();
                    answered = true;
                    break;
                }
            }
            failed_after += u64::from(!is_down && !answered);
        }
        let offered = RATE * DOWN;
        let most = offered * 12 / 10 + u64::from(PLAIN.floor) * DOWN;
        assert!(upstream <= most, "{upstream} of {most}");
        assert!(upstream >= offered + 100, "{upstream}");
        assert_eq!(failed_after, 0);
    }

    /// Half of what is asked fails: what is earned and the share bound what is tried again.
    #[test]
    fn a_provider_that_is_half_down_is_asked_no_more_than_a_fifth_beside() {
        let start = Instant::now();
        let (mut purse, mut share) = (Purse::FULL, Share::new(start));
        let (mut offered, mut upstream) = (0u64, 0u64);
        for request in 0..60_000u64 {
            let now = start + Duration::from_millis(request);
            share.request(now);
            offered += 1;
            upstream += 1;
            if request % 2 == 0 {
                purse.earn();
            } else if purse.spend(&PLAIN, Cause::Failure) && share.spend(&PLAIN, now) {
                upstream += 1;
                purse.earn();
            }
        }
        assert!(upstream <= offered * 12 / 10 + 600, "{upstream}");
        assert!(upstream > offered * 105 / 100, "{upstream}");
    }
}
