//! Idle connections, by origin and shard: a connection stays on the reactor that opened it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;

use crate::clock;
use crate::runtime;

/// The sending half of one connection.
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// What must be equal for a connection to be shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) scheme: &'static str,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The provider whose TLS settings it was opened with: two rows never share one.
    pub(crate) provider: String,
}

/// Idle connections of one client.
#[derive(Debug)]
pub(crate) struct Pool {
    shards: Vec<Shard>,
}

type Shard = Arc<Mutex<Idle>>;

#[derive(Debug, Default)]
struct Idle {
    by_origin: HashMap<Arc<Origin>, Vec<Parked>>,
    sweeping: bool,
}

#[derive(Debug)]
struct Parked {
    sender: Sender,
    until: Instant,
}

impl Pool {
    pub(crate) fn new(shards: usize) -> Pool {
        Pool {
            shards: (0..shards).map(|_| Shard::default()).collect(),
        }
    }

    /// The connection that idled shortest, if one lives.
    pub(crate) fn take(&self, origin: &Arc<Origin>) -> Option<Sender> {
        let mut idle = crate::lock(self.shard());
        let parked = idle.by_origin.get_mut(origin)?;
        while let Some(Parked { sender, until }) = parked.pop() {
            if !sender.is_closed() && clock::now() < until {
                return Some(sender);
            }
        }
        None
    }

    /// A slot for a connection of this origin, to be parked in when its answer is over.
    pub(crate) fn slot(&self, origin: Arc<Origin>, idle_max: Duration) -> Slot {
        Slot {
            shard: self.shard().clone(),
            origin,
            idle_max,
        }
    }

    fn shard(&self) -> &Shard {
        &self.shards[runtime::shard() % self.shards.len()]
    }
}

/// Where a connection goes when it has nothing to do.
#[derive(Debug)]
pub(crate) struct Slot {
    shard: Shard,
    origin: Arc<Origin>,
    idle_max: Duration,
}

impl Slot {
    /// Parks a connection whose answer was read to its end.
    pub(crate) fn park(self, sender: Sender) {
        if sender.is_closed() || self.idle_max.is_zero() {
            return;
        }
        let until = clock::now() + self.idle_max;
        let sweep = {
            let mut idle = crate::lock(&self.shard);
            idle.by_origin
                .entry(self.origin)
                .or_default()
                .push(Parked { sender, until });
            !std::mem::replace(&mut idle.sweeping, true)
        };
        if sweep {
            runtime::spawn_here(sweep_until_empty(Arc::downgrade(&self.shard)));
        }
    }
}

// Closes connections that idled too long; ends with the last of them, or with the client.
async fn sweep_until_empty(shard: std::sync::Weak<Mutex<Idle>>) {
    loop {
        let next = {
            let Some(shard) = shard.upgrade() else { return };
            let mut idle = crate::lock(&shard);
            let now = clock::now();
            for parked in idle.by_origin.values_mut() {
                parked.retain(|parked| parked.until > now && !parked.sender.is_closed());
            }
            idle.by_origin.retain(|_, parked| !parked.is_empty());
            let next = idle
                .by_origin
                .values()
                .flatten()
                .map(|parked| parked.until)
                .min();
            let Some(next) = next else {
                idle.sweeping = false;
                return;
            };
            next.saturating_duration_since(now)
        };
        clock::sleep(next.max(SWEEP_MIN)).await;
    }
}

// Often enough that a server's own idle close finds ours done, seldom enough to cost nothing.
const SWEEP_MIN: Duration = Duration::from_millis(100);
