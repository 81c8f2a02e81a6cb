//! Several keys of one provider, taken in turn, and keys in files that are read again when they change.
//!
//! A key that is refused is put aside until its file changes or the configuration is loaded again; one that is asked too often rests for as
//! long as the provider says. Files are looked at on a thread of their own: a file system may hang, a shard must not.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use futures::channel::oneshot;

use crate::clock;
use crate::config::{Environment as _, SystemEnvironment, clean_key};
use crate::error::{Error, ErrorKind, Retry};
use crate::plan::Candidate;
use crate::runtime;
use crate::secret::Secret;
use crate::ticket::Ticket;

/// The keys of one provider.
pub(crate) struct Ring {
    slots: Box<[Slot]>,
    turn: AtomicUsize,
    /// When its files were looked at last, after `base`.
    looked: AtomicU64,
    base: Instant,
}

struct Slot {
    /// Where it is read from, if that is a file.
    file: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    key: Secret,
    /// The provider does not know it, or no longer.
    refused: bool,
    /// It is asked too often until then.
    rests: Option<Instant>,
    /// The file as it was when it was read.
    stamp: Option<(SystemTime, u64)>,
}

/// One of the keys, for one attempt.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    ring: Arc<Ring>,
    slot: usize,
    key: Secret,
}

impl Ring {
    /// Keys, and the files that they are from.
    pub(crate) fn new(keys: Vec<(Secret, Option<PathBuf>)>) -> Ring {
        let slot = |(key, file): (Secret, Option<PathBuf>)| Slot {
            state: Mutex::new(State {
                key,
                refused: false,
                rests: None,
                stamp: file.as_ref().and_then(stamp),
            }),
            file,
        };
        Ring {
            slots: keys.into_iter().map(slot).collect(),
            turn: AtomicUsize::new(0),
            looked: AtomicU64::new(0),
            base: clock::now(),
        }
    }

    /// The first key, whatever it is worth by now.
    pub(crate) fn first(&self) -> Secret {
        crate::lock(&self.slots[0].state).key.clone()
    }

    /// The next key that is good; if none is, the one that will be first.
    pub(crate) fn take(self: &Arc<Ring>, now: Instant) -> Taken {
        self.take_slot(self.best(now))
    }

    /// Which one that is.
    pub(crate) fn best(self: &Arc<Ring>, now: Instant) -> usize {
        self.look_again(now);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let order = (0..self.slots.len()).map(|step| (turn + step) % self.slots.len());
        let best = order.min_by_key(|slot| {
            let state = crate::lock(&self.slots[*slot].state);
            (state.refused, state.rests.filter(|until| *until > now))
        });
        best.unwrap_or(0)
    }

    /// This one, which somebody chose.
    pub(crate) fn take_slot(self: &Arc<Ring>, slot: usize) -> Taken {
        Taken {
            ring: self.clone(),
            slot,
            key: crate::lock(&self.slots[slot].state).key.clone(),
        }
    }

    /// The keys that are good, the one first whose turn it is.
    pub(crate) fn good(self: &Arc<Ring>, now: Instant) -> Vec<usize> {
        self.look_again(now);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let order = (0..self.slots.len()).map(|step| (turn + step) % self.slots.len());
        let good = |slot: &usize| {
            let state = crate::lock(&self.slots[*slot].state);
            !state.refused && state.rests.is_none_or(|until| until <= now)
        };
        order.filter(good).collect()
    }

    /// Whether a key other than this one is good.
    fn has_another(&self, than: usize, now: Instant) -> bool {
        self.slots.iter().enumerate().any(|(slot, other)| {
            let state = crate::lock(&other.state);
            slot != than && !state.refused && state.rests.is_none_or(|until| until <= now)
        })
    }

    /// Has somebody look whether files have changed, now and then. Whoever asks does not wait for it.
    fn look_again(self: &Arc<Ring>, now: Instant) {
        if self.slots.iter().all(|slot| slot.file.is_none()) {
            return;
        }
        let since = now.saturating_duration_since(self.base).as_millis() as u64;
        let last = self.looked.load(Ordering::Relaxed);
        let is_due = since >= last + LOOK.as_millis() as u64;
        if is_due
            && self
                .looked
                .compare_exchange(last, since, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            let ring = self.clone();
            // Without a thread the keys stay what they are.
            let _ = runtime::spawn_thread("llm-keys", move || {
                for slot in &ring.slots {
                    slot.look();
                }
            });
        }
    }
}

impl Slot {
    /// Reads the file again if it has changed; says whether the key has.
    fn look(&self) -> bool {
        let Some(file) = &self.file else { return false };
        let stamp = stamp(file);
        if stamp.is_none() || stamp == crate::lock(&self.state).stamp {
            return false;
        }
        let read = SystemEnvironment.read(&file.to_string_lossy());
        let read = read.map_err(|error| error.to_string());
        let key = read.and_then(|text| Ok(Secret::from(clean_key(&text)?)));
        let mut state = crate::lock(&self.state);
        match key {
            Ok(key) => {
                state.stamp = stamp;
                let changed = state.key != key;
                if changed {
                    tracing::info!(target: "libllm", file = %file.display(), "a key has changed");
                    (state.key, state.refused, state.rests) = (key, false, None);
                }
                changed
            }
            Err(why) => {
                tracing::warn!(target: "libllm", file = %file.display(), "a key was not read again: {why}");
                false
            }
        }
    }
}

impl Taken {
    /// Whether the target as a whole is none the worse for this error: another key can be taken.
    pub(crate) fn spares(&self, error: &Error, now: Instant) -> bool {
        concerns_key(error) && self.ring.has_another(self.slot, now)
    }

    /// The key was refused, or asked too often: notes it, and says whether another try with another key is worth it.
    pub(crate) async fn failed(&self, error: &Error, now: Instant) -> Failed {
        if !concerns_key(error) {
            return Failed::Not;
        }
        let put_aside = self.note(error, now);
        if put_aside && self.reread().await {
            return Failed::Again { put_aside: false };
        }
        match self.ring.has_another(self.slot, now) {
            true => Failed::Again { put_aside },
            false => Failed::Last { put_aside },
        }
    }

    fn note(&self, error: &Error, now: Instant) -> bool {
        let mut state = crate::lock(&self.ring.slots[self.slot].state);
        // It has changed meanwhile: the new one is not to blame.
        if state.key != self.key {
            return false;
        }
        if error.kind() == ErrorKind::RateLimited {
            let asked = match error.retry() {
                Retry::After(wait) => wait,
                _ => error.retry_after().unwrap_or_default(),
            };
            state.rests = now.checked_add(asked.max(REST));
            return false;
        }
        !std::mem::replace(&mut state.refused, true)
    }

    /// Waits for a look at the file.
    async fn reread(&self) -> bool {
        if self.ring.slots[self.slot].file.is_none() {
            return false;
        }
        let (tell, told) = oneshot::channel();
        let (ring, slot) = (self.ring.clone(), self.slot);
        let looking = runtime::spawn_thread("llm-keys", move || {
            // Whoever asked may have been canceled.
            let _ = tell.send(ring.slots[slot].look());
        });
        looking.is_ok() && told.await.unwrap_or(false)
    }

    pub(crate) fn key(&self) -> &Secret {
        &self.key
    }

    /// Which of the provider's keys it is, from 1.
    pub(crate) fn number(&self) -> usize {
        self.slot + 1
    }
}

/// What a failed attempt means for its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// It was not the key.
    Not,
    /// Another key may do.
    Again {
        /// The key is not used any more.
        put_aside: bool,
    },
    /// There is no other.
    Last {
        /// The key is not used while there is another.
        put_aside: bool,
    },
}

impl Candidate {
    /// The same with the next of its provider's keys; `None` if it has no such choice.
    pub(crate) fn with_next_key(&self, slot: Option<usize>) -> Option<Candidate> {
        let ring = self.provider.ring.as_ref()?;
        let taken = match slot {
            Some(slot) => ring.take_slot(slot),
            None => ring.take(clock::now()),
        };
        let mut keyed = self.clone();
        keyed.provider = Arc::new(self.provider.with_key(taken.key().clone()));
        keyed.taken = Some(taken);
        Some(keyed)
    }
}

/// Whether the same target may be asked at once with another key, after it failed with this one.
pub(crate) async fn another(candidate: &Candidate, error: &Error, ticket: &Ticket) -> bool {
    let Some(taken) = &candidate.taken else {
        return false;
    };
    let failed = taken.failed(error, clock::now()).await;
    if let Failed::Again { put_aside: true } | Failed::Last { put_aside: true } = failed {
        let refused = &ticket.process().counters.tries.keys_refused;
        refused.fetch_add(1, Ordering::Relaxed);
        tracing::error!(target: "libllm", provider = candidate.provider.id, key = taken.number(), "a key is put aside: {error}");
    }
    matches!(failed, Failed::Again { .. })
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring of {}", self.slots.len())
    }
}

fn concerns_key(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Auth => error.http_status().is_some(),
        ErrorKind::RateLimited => true,
        // The account behind the key has nothing left.
        ErrorKind::Quota => true,
        _ => false,
    }
}

fn stamp(file: &PathBuf) -> Option<(SystemTime, u64)> {
    let told = std::fs::metadata(file).ok()?;
    Some((told.modified().ok()?, told.len()))
}

// A look costs a few system calls; a rotation leaves the old key good for minutes.
const LOOK: Duration = Duration::from_secs(1);
// As long as a target that names no time is left alone (`vitals.rs`).
const REST: Duration = Duration::from_secs(1);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    fn ring(keys: &[&str]) -> Arc<Ring> {
        let plain = |key: &&str| (Secret::from(*key), None);
        Arc::new(Ring::new(keys.iter().map(plain).collect()))
    }

    fn taken(ring: &Arc<Ring>, count: usize, now: Instant) -> Vec<String> {
        let take = |_| ring.take(now).key().expose().to_owned();
        (0..count).map(take).collect()
    }

    fn refused(status: u16) -> Error {
        Error::new(ErrorKind::Auth, "no").with_http_status(status)
    }

    #[test]
    fn keys_are_taken_in_turn_and_a_refused_one_is_put_aside() {
        let (ring, now) = (ring(&["a", "b", "c"]), Instant::now());
        assert_eq!(taken(&ring, 4, now), ["a", "b", "c", "a"]);
        let b = ring.take(now);
        assert_eq!((b.key().expose(), b.number()), ("b", 2));
        assert!(b.spares(&refused(401), now));
        assert_eq!(
            block_on(b.failed(&refused(401), now)),
            Failed::Again { put_aside: true }
        );
        assert_eq!(
            block_on(b.failed(&refused(401), now)),
            Failed::Again { put_aside: false }
        );
        assert!(!taken(&ring, 6, now).contains(&"b".to_owned()));
    }

    #[test]
    fn one_that_is_asked_too_often_rests_as_long_as_it_was_told() {
        let (ring, now) = (ring(&["a", "b"]), Instant::now());
        let limited = Error::new(ErrorKind::RateLimited, "slow down")
            .with_retry(Retry::After(Duration::from_secs(9)));
        let a = ring.take(now);
        assert_eq!(
            block_on(a.failed(&limited, now)),
            Failed::Again { put_aside: false }
        );
        assert_eq!(taken(&ring, 3, now), ["b", "b", "b"]);
        let later = now + Duration::from_secs(9);
        assert!(taken(&ring, 2, later).contains(&"a".to_owned()));
        let b = ring.take(now);
        assert_eq!(
            block_on(b.failed(&limited, now)),
            Failed::Last { put_aside: false }
        );
        assert!(!b.spares(&limited, now));
    }

    #[test]
    fn what_the_key_is_not_to_blame_for_changes_nothing() {
        let (ring, now) = (ring(&["a", "b"]), Instant::now());
        for kind in [ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::Auth] {
            let error = Error::new(kind, "made up");
            assert_eq!(block_on(ring.take(now).failed(&error, now)), Failed::Not);
        }
    }
}
