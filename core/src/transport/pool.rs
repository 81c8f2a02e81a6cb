//! A client's connections, by origin and shard: a connection stays on the reactor that opened it. Those of HTTP/1.1 are here
//! while they idle; those of HTTP/2 as long as they take more requests.
//!
//! An HTTP/1.1 connection has no task of its own: whoever uses it turns it. That saves two task switches for each piece of an
//! answer, and dropping it closes the socket at once. While it idles the sweep looks in on it.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::{Arc, LazyLock, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock;
use crate::config::Provider;
use crate::runtime;
use crate::transport::http1::Connection;
use crate::transport::http2::Shared;

/// What must be equal for a connection to be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) scheme: &'static str,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The provider whose TLS settings it was opened with: two rows never share one.
    pub(crate) provider: String,
    /// Of all the others: it is asked for with each request.
    hash: u64,
}

impl Origin {
    pub(crate) fn new(scheme: &'static str, host: String, port: u16, provider: String) -> Origin {
        static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let hash = KEYS.hash_one((scheme, &host, port, &provider));
        Origin {
            scheme,
            host,
            port,
            provider,
            hash,
        }
    }
}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Hands on a hash that was made before.
#[derive(Default)]
struct Made(u64);

impl Hasher for Made {
    fn write(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.is_empty(), "an origin is one number");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// How long connections are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeping {
    /// Without a request.
    idle: Duration,
    /// At all; older ones take no more requests.
    age: Duration,
}

impl Keeping {
    pub(crate) fn of(provider: &Provider) -> Keeping {
        Keeping {
            idle: provider.idle_pool,
            age: provider.connection_age,
        }
    }
}

/// The connections of one client.
pub(crate) struct Pool {
    shards: Vec<Shard>,
}

type Shard = Arc<Mutex<Places>>;

#[derive(Default)]
struct Places {
    by_origin: HashMap<Arc<Origin>, Place, BuildHasherDefault<Made>>,
    sweeping: bool,
}

/// Everything about one origin.
#[derive(Default)]
struct Place {
    idle: Vec<Parked>,
    shared: Vec<(Arc<Shared>, Keeping)>,
    /// Somebody opens a connection that others may be able to share.
    opening: Option<watch::Receiver<Opened>>,
    /// It answered ALPN with HTTP/1.1: nobody need wait for another's connection.
    alone: bool,
}

struct Parked {
    connection: Connection,
    until: Instant,
}

/// A connection for one more request.
pub(crate) enum Found {
    One(Connection),
    Two(Lease),
}

/// What somebody who finds no connection does.
pub(crate) enum Open {
    /// Opens one for itself.
    Alone,
    /// Opens one that others wait for.
    Lead(Opening),
    /// Waits for one that somebody opens.
    Wait(watch::Receiver<Opened>),
}

/// What came of waiting, beside the end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    NotYet,
    /// There is nothing to share: each opens its own.
    Alone,
}

impl Pool {
    pub(crate) fn new(shards: usize) -> Pool {
        Pool {
            shards: (0..shards).map(|_| Shard::default()).collect(),
        }
    }

    /// A connection that takes one more request: the one that idled shortest, or one that is shared. `fresh` refuses those
    /// that idled.
    pub(crate) fn take(&self, origin: &Arc<Origin>, fresh: bool) -> Option<Found> {
        let now = clock::now();
        // Dropped behind the lock: closing takes its time.
        let mut dead = Vec::new();
        loop {
            let mut places = crate::lock(self.shard());
            let place = places.by_origin.get_mut(origin)?;
            let old = |(shared, keeping): &mut (Arc<Shared>, Keeping)| {
                shared.is_over() || now >= shared.born + keeping.age
            };
            dead.extend(place.shared.extract_if(.., old));
            let room = place
                .shared
                .iter()
                .find_map(|(shared, keeping)| shared.enter().then(|| (shared.clone(), *keeping)));
            if let Some((shared, keeping)) = room {
                return Some(Found::Two(self.lease(shared, origin, keeping)));
            }
            if fresh {
                return None;
            }
            let Parked {
                mut connection,
                until,
            } = place.idle.pop()?;
            drop(places);
            if now < until && connection.lives() {
                return Some(Found::One(connection));
            }
        }
    }

    /// What to do where `take` found nothing and the connection may turn out to be one for many requests.
    pub(crate) fn open(&self, origin: &Arc<Origin>) -> Open {
        let mut places = crate::lock(self.shard());
        if places.by_origin.len() > ORIGINS_MAX {
            places.by_origin.retain(|_, place| place.is_used());
        }
        let place = places.by_origin.entry(origin.clone()).or_default();
        if place.alone {
            return Open::Alone;
        }
        if let Some(opening) = &place.opening {
            return Open::Wait(opening.clone());
        }
        let (done, opening) = watch::channel(Opened::NotYet);
        place.opening = Some(opening);
        Open::Lead(Opening {
            shard: Arc::downgrade(self.shard()),
            origin: origin.clone(),
            done,
        })
    }

    /// Adds a connection for many requests, and takes its first place.
    pub(crate) fn share(
        &self,
        shared: Arc<Shared>,
        origin: &Arc<Origin>,
        keeping: Keeping,
    ) -> Lease {
        let entered = shared.enter();
        debug_assert!(entered, "a new connection takes one request");
        let sweep = {
            let mut places = crate::lock(self.shard());
            let place = places.by_origin.entry(origin.clone()).or_default();
            place.alone = false;
            place.shared.push((shared.clone(), keeping));
            !std::mem::replace(&mut places.sweeping, true)
        };
        if sweep {
            runtime::spawn_here(sweep_until_empty(Arc::downgrade(self.shard())));
        }
        self.lease(shared, origin, keeping)
    }

    /// A slot for a connection of this origin, to be parked in when its answer is over.
    pub(crate) fn slot(&self, origin: Arc<Origin>, keeping: Keeping) -> Slot {
        Slot {
            shard: self.shard().clone(),
            origin,
            keeping,
        }
    }

    fn lease(&self, shared: Arc<Shared>, origin: &Arc<Origin>, keeping: Keeping) -> Lease {
        Lease {
            shared,
            shard: Arc::downgrade(self.shard()),
            origin: origin.clone(),
            keeping,
        }
    }

    fn shard(&self) -> &Shard {
        &self.shards[runtime::shard() % self.shards.len()]
    }
}

impl Place {
    fn is_used(&self) -> bool {
        !self.idle.is_empty() || !self.shared.is_empty() || self.opening.is_some()
    }
}

/// The duty of opening a connection that others wait for. Whatever becomes of it, they stop waiting: with a connection to
/// share, or each for itself, or, when the one with the duty was canceled, with one of them in its place.
pub(crate) struct Opening {
    shard: Weak<Mutex<Places>>,
    origin: Arc<Origin>,
    done: watch::Sender<Opened>,
}

impl Opening {
    /// There is nothing to share; `known` if there never will be.
    pub(crate) fn alone(self, known: bool) {
        if known && let Some(shard) = self.shard.upgrade() {
            let mut places = crate::lock(&shard);
            places
                .by_origin
                .entry(self.origin.clone())
                .or_default()
                .alone = true;
        }
        // Perhaps nobody waits.
        let _ = self.done.send(Opened::Alone);
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let Some(shard) = self.shard.upgrade() else {
            return;
        };
        if let Some(place) = crate::lock(&shard).by_origin.get_mut(&self.origin) {
            place.opening = None;
        }
    }
}

/// One request's place on a connection for many.
pub(crate) struct Lease {
    pub(crate) shared: Arc<Shared>,
    shard: Weak<Mutex<Places>>,
    origin: Arc<Origin>,
    keeping: Keeping,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let last = self.shared.leave(clock::now());
        if !last || !self.keeping.idle.is_zero() {
            return;
        }
        let Some(shard) = self.shard.upgrade() else {
            return;
        };
        let mut places = crate::lock(&shard);
        if let Some(place) = places.by_origin.get_mut(&self.origin) {
            place
                .shared
                .retain(|(shared, _)| !Arc::ptr_eq(shared, &self.shared));
        }
    }
}

/// Where a connection goes when it has nothing to do.
pub(crate) struct Slot {
    shard: Shard,
    origin: Arc<Origin>,
    keeping: Keeping,
}

impl Slot {
    /// Parks a connection whose answer was read to its end.
    pub(crate) fn park(self, connection: Connection) {
        let now = clock::now();
        let old = connection.born + self.keeping.age;
        if connection.is_closed() || self.keeping.idle.is_zero() || now >= old {
            return;
        }
        connection.rest();
        let until = old.min(now + self.keeping.idle);
        let sweep = {
            let mut places = crate::lock(&self.shard);
            places
                .by_origin
                .entry(self.origin)
                .or_default()
                .idle
                .push(Parked { connection, until });
            !std::mem::replace(&mut places.sweeping, true)
        };
        if sweep {
            runtime::spawn_here(sweep_until_empty(Arc::downgrade(&self.shard)));
        }
    }
}

// Closes connections that idled too long and those that the server closed; ends with the last of them, or with the client.
async fn sweep_until_empty(shard: Weak<Mutex<Places>>) {
    loop {
        clock::sleep(SWEEP).await;
        let Some(shard) = shard.upgrade() else { return };
        let mut places = crate::lock(&shard);
        let now = clock::now();
        let mut used = false;
        for place in places.by_origin.values_mut() {
            place
                .idle
                .retain_mut(|parked| parked.until > now && parked.connection.lives());
            place.shared.retain(|(shared, keeping)| {
                let idle = shared.idles_since().map(|since| since + keeping.idle);
                let old = now >= shared.born + keeping.age;
                !(shared.is_over() || old || idle.is_some_and(|until| now >= until))
            });
            used |= !place.idle.is_empty() || !place.shared.is_empty();
        }
        places
            .by_origin
            .retain(|_, place| place.is_used() || place.alone);
        if !used {
            places.sweeping = false;
            return;
        }
    }
}

// Often enough that a closed socket does not linger, seldom enough to cost nothing.
const SWEEP: Duration = Duration::from_secs(1);
// What is remembered of places that nobody uses; each request may name one of its own.
const ORIGINS_MAX: usize = 1024;
