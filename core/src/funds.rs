//! What may be spent on attempts beyond the first: the purses of hosts and the client's share, between calls.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use http::Uri;

use crate::error::Error;
use crate::metrics::TryCounters;
use crate::plan::Candidate;
use crate::policy::budget::{Cause, Purse, Settings, Share};

/// One client's.
pub(crate) struct Funds {
    settings: Mutex<Settings>,
    share: Mutex<Share>,
    /// Those that are not full.
    purses: Mutex<HashMap<Box<str>, Purse>>,
    /// How many they are: of most clients none.
    owing: AtomicUsize,
}

impl Funds {
    pub(crate) fn new(settings: Settings, now: Instant) -> Funds {
        Funds {
            settings: Mutex::new(settings),
            share: Mutex::new(Share::new(now)),
            purses: Mutex::default(),
            owing: AtomicUsize::new(0),
        }
    }

    /// What a reload says.
    pub(crate) fn configure(&self, settings: Settings) {
        *crate::lock(&self.settings) = settings;
    }

    /// A request is made.
    pub(crate) fn request(&self, now: Instant) {
        crate::lock(&self.share).request(now);
    }

    /// Pays for an attempt at `target` after `error`, which was `failed`'s; the error of who cannot.
    pub(crate) fn pay(
        &self,
        target: &Candidate,
        failed: &Candidate,
        error: &Error,
        tries: &TryCounters,
        now: Instant,
    ) -> Result<(), Error> {
        let elsewhere = || host(target) != host(failed);
        let Some(cause) = Cause::of(error, elsewhere) else {
            return Ok(());
        };
        match self.spend(target, cause, now) {
            Ok(()) => Ok(()),
            Err(what) => {
                tries.unpaid.fetch_add(1, Ordering::Relaxed);
                let place = format!("not tried again, {what} is empty");
                Err(error.clone().context(place))
            }
        }
    }

    /// Pays for a second attempt beside one that is slow.
    pub(crate) fn hedge(&self, target: &Candidate, most: f64, now: Instant) -> bool {
        let few = crate::lock(&self.share).is_below(most);
        few && self.spend(target, Cause::Hedge, now).is_ok()
    }

    /// It answered.
    pub(crate) fn earn(&self, target: &Candidate) {
        if self.owing.load(Ordering::Relaxed) == 0 {
            return;
        }
        let host = host(target);
        let mut purses = crate::lock(&self.purses);
        if let Some(purse) = purses.get_mut(&*host) {
            purse.earn();
            if *purse == Purse::FULL {
                purses.remove(&*host);
            }
        }
        self.owing.store(purses.len(), Ordering::Relaxed);
    }

    fn spend(&self, target: &Candidate, cause: Cause, now: Instant) -> Result<(), String> {
        let settings = *crate::lock(&self.settings);
        let host = host(target);
        let mut purses = crate::lock(&self.purses);
        if purses.len() >= HOSTS_MAX && !purses.contains_key(&*host) {
            // Made-up hosts share what is left.
            return self.share(&settings, now);
        }
        let mut purse = purses.get(&*host).copied().unwrap_or(Purse::FULL);
        if !purse.spend(&settings, cause) {
            return Err(format!("the retry budget of {host}"));
        }
        self.share(&settings, now)?;
        if purse != Purse::FULL {
            purses.insert(host, purse);
        }
        self.owing.store(purses.len(), Ordering::Relaxed);
        Ok(())
    }

    fn share(&self, settings: &Settings, now: Instant) -> Result<(), String> {
        match crate::lock(&self.share).spend(settings, now) {
            true => Ok(()),
            false => Err("the client's retry budget".to_owned()),
        }
    }
}

impl fmt::Debug for Funds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Funds").finish_non_exhaustive()
    }
}

/// Whose purse it is; each script has its own.
fn host(target: &Candidate) -> Box<str> {
    if target.mock {
        return target.target.text().into();
    }
    let uri: Option<Uri> = target.provider.base_url.parse().ok();
    let authority = uri.as_ref().and_then(Uri::authority);
    authority.map_or(target.provider.id.as_str().into(), |it| it.as_str().into())
}

const HOSTS_MAX: usize = 4096;
