//! Live requests: between submission and their terminal event each can be named, cancelled and paused from any thread.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Context;

use crate::error::{Error, ErrorKind, Result};
use crate::hooks::Asks;
use crate::process;
use crate::sync::{AtomicBool, AtomicU8, AtomicUsize, AtomicWaker};

/// What others may do to a running request.
#[derive(Debug)]
pub(crate) struct Live {
    /// Its number, for the life of the process.
    pub(crate) id: u64,
    /// Number of the client it came from.
    pub(crate) client: u64,
    /// Number of the queue its events go to.
    pub(crate) queue: u64,
    /// Bytes of it that wait in the queue, or are just being taken.
    pub(crate) held: AtomicUsize,
    /// It waits for room in the queue; changed under the queue's lock only.
    pub(crate) blocked: AtomicBool,
    /// What it asks its host.
    pub(crate) asks: Asks,
    flags: AtomicU8,
    waker: AtomicWaker,
}

const CANCELED: u8 = 1;
const PAUSED: u8 = 2;

impl Live {
    /// Ends the request: its task wakes, drops its connection and delivers the terminal event.
    pub(crate) fn cancel(&self) {
        self.flags.fetch_or(CANCELED, Ordering::AcqRel);
        self.waker.wake();
    }

    pub(crate) fn is_canceled(&self) -> bool {
        self.flags.load(Ordering::Acquire) & CANCELED != 0
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.flags.load(Ordering::Acquire) & PAUSED != 0
    }

    /// Whether events of it wait for their consumer.
    pub(crate) fn lags(&self) -> bool {
        self.held.load(Ordering::Relaxed) > 0
    }

    /// Lets the request's task look again.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// From now on all of the above wake this task; whether the request was canceled already.
    pub(crate) fn listen(&self, cx: &Context<'_>) -> bool {
        // First registered, then looked: what happens in between is seen by one of the two.
        self.waker.register(cx.waker());
        self.is_canceled()
    }
}

/// The live requests of one process.
#[derive(Debug)]
pub(crate) struct Registry {
    first: u64,
    shards: [Shard; SHARDS],
}

type Shard = Mutex<HashMap<u64, Arc<Live>>>;

const SHARDS: usize = 16;
/// Numbers stay exact in a JavaScript number: 2^53 at a million requests a second lasts 285 years.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Default for Registry {
    fn default() -> Registry {
        Registry {
            first: NEXT.load(Ordering::Relaxed),
            shards: Default::default(),
        }
    }
}

impl Registry {
    /// Gives a request its number.
    pub(crate) fn enter(&self, client: u64, queue: u64) -> Arc<Live> {
        let live = Arc::new(Live {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            client,
            queue,
            held: AtomicUsize::new(0),
            blocked: AtomicBool::new(false),
            asks: Asks::default(),
            flags: AtomicU8::new(0),
            waker: AtomicWaker::new(),
        });
        crate::lock(self.shard(live.id)).insert(live.id, live.clone());
        live
    }

    /// Forgets a request; its number is never used again.
    pub(crate) fn leave(&self, id: u64) {
        crate::lock(self.shard(id)).remove(&id);
    }

    /// How many requests of this client are live.
    pub(crate) fn of_client(&self, client: u64) -> usize {
        let count = |shard: &Shard| {
            crate::lock(shard)
                .values()
                .filter(|live| live.client == client)
                .count()
        };
        self.shards.iter().map(count).sum()
    }

    /// How many requests are live.
    pub(crate) fn count(&self) -> usize {
        let count = |shard: &Shard| crate::lock(shard).len();
        self.shards.iter().map(count).sum()
    }

    /// The live requests that `which` chooses.
    pub(crate) fn matching(&self, which: impl Fn(&Live) -> bool) -> Vec<Arc<Live>> {
        let chosen = |shard: &Shard| -> Vec<Arc<Live>> {
            crate::lock(shard)
                .values()
                .filter(|live| which(live))
                .cloned()
                .collect()
        };
        self.shards.iter().flat_map(chosen).collect()
    }

    fn find(&self, id: u64) -> Result<Arc<Live>> {
        if let Some(live) = crate::lock(self.shard(id)).get(&id) {
            return Ok(live.clone());
        }
        if id != 0 && id < self.first {
            let message = "this request belongs to the process that forked this one";
            return Err(Error::new(ErrorKind::Forked, message));
        }
        Err(Error::new(
            ErrorKind::NoRequest,
            "no such request: it has finished, or never was",
        ))
    }

    fn shard(&self, id: u64) -> &Shard {
        &self.shards[id as usize % SHARDS]
    }
}

/// A live request by its number.
pub(crate) fn find(request: u64) -> Result<Arc<Live>> {
    process::current().live.find(request)
}

/// Cancels one request from any thread; its terminal event says so unless it was already decided. The provider's stream is
/// closed. A request that has ended, or never was, is [`ErrorKind::NoRequest`]: harmless.
pub fn cancel(request: u64) -> Result<()> {
    find(request)?.cancel();
    Ok(())
}

/// Stops (`true`) or resumes (`false`) reading one request's stream.
pub fn pause(request: u64, on: bool) -> Result<()> {
    let live = find(request)?;
    match on {
        true => live.flags.fetch_or(PAUSED, Ordering::AcqRel),
        false => live.flags.fetch_and(!PAUSED, Ordering::AcqRel),
    };
    live.wake();
    Ok(())
}
