//! Idle connections, by origin and shard: a connection stays on the reactor that opened it.
//!
//! A connection has no task of its own: whoever uses it turns it. That saves two task switches for each piece of an answer, and
//! dropping it closes the socket at once. While it idles the sweep looks in on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;

use crate::clock;
use crate::runtime;
use crate::transport::BoxFuture;

/// One connection, alone: not shared, not spawned.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Full<Bytes>>,
    turning: Option<BoxFuture<'static, ()>>,
}

impl Connection {
    pub(crate) fn new(
        sender: SendRequest<Full<Bytes>>,
        turning: BoxFuture<'static, ()>,
    ) -> Connection {
        Connection {
            sender,
            turning: Some(turning),
        }
    }

    /// Moves bytes; to be called whenever its user waits for anything of it.
    pub(crate) fn turn(&mut self, cx: &mut Context<'_>) {
        if let Some(turning) = &mut self.turning
            && turning.as_mut().poll(cx).is_ready()
        {
            self.turning = None;
        }
    }

    /// Whether it could carry another request, having looked.
    fn lives(&mut self) -> bool {
        self.turn(&mut Context::from_waker(Waker::noop()));
        self.turning.is_some() && !self.sender.is_closed()
    }
}

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
pub(crate) struct Pool {
    shards: Vec<Shard>,
}

type Shard = Arc<Mutex<Idle>>;

#[derive(Default)]
struct Idle {
    by_origin: HashMap<Arc<Origin>, Vec<Parked>>,
    sweeping: bool,
}

struct Parked {
    connection: Connection,
    until: Instant,
}

impl Pool {
    pub(crate) fn new(shards: usize) -> Pool {
        Pool {
            shards: (0..shards).map(|_| Shard::default()).collect(),
        }
    }

    /// The connection that idled shortest, if one lives.
    pub(crate) fn take(&self, origin: &Arc<Origin>) -> Option<Connection> {
        loop {
            let parked = crate::lock(self.shard()).by_origin.get_mut(origin)?.pop()?;
            let Parked {
                mut connection,
                until,
            } = parked;
            if clock::now() < until && connection.lives() {
                return Some(connection);
            }
        }
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
pub(crate) struct Slot {
    shard: Shard,
    origin: Arc<Origin>,
    idle_max: Duration,
}

impl Slot {
    /// Parks a connection whose answer was read to its end.
    pub(crate) fn park(self, connection: Connection) {
        if connection.sender.is_closed() || self.idle_max.is_zero() {
            return;
        }
        let until = clock::now() + self.idle_max;
        let sweep = {
            let mut idle = crate::lock(&self.shard);
            idle.by_origin
                .entry(self.origin)
                .or_default()
                .push(Parked { connection, until });
            !std::mem::replace(&mut idle.sweeping, true)
        };
        if sweep {
            runtime::spawn_here(sweep_until_empty(Arc::downgrade(&self.shard)));
        }
    }
}

// Closes connections that idled too long and those that the server closed; ends with the last of them, or with the client.
async fn sweep_until_empty(shard: Weak<Mutex<Idle>>) {
    loop {
        clock::sleep(SWEEP).await;
        let Some(shard) = shard.upgrade() else { return };
        let mut idle = crate::lock(&shard);
        let now = clock::now();
        for parked in idle.by_origin.values_mut() {
            parked.retain_mut(|parked| parked.until > now && parked.connection.lives());
        }
        idle.by_origin.retain(|_, parked| !parked.is_empty());
        if idle.by_origin.is_empty() {
            idle.sweeping = false;
            return;
        }
    }
}

// Often enough that a closed socket does not linger, seldom enough to cost nothing.
const SWEEP: Duration = Duration::from_secs(1);
