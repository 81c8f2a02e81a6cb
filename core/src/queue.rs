//! The completion queue: the events of any number of requests meet one consumer. Bounded in bytes; one bell.
//!
//! ```text
//! task --deliver--> waiting (joined) --poll--> lent to the consumer --next poll--> spare buffers
//!        ^ room?                        |
//!        +---- resumed in turn <--------+
//! ```

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::bell::{self, Bell};
use crate::error::{Error, ErrorKind, Result, Status};
use crate::lent::{EVENT_COST, Lent, SPARE_MAX};
use crate::live::Live;
use crate::process::{self, Process};
use crate::runtime;
use crate::sync::{AtomicBool, Mutex, MutexGuard};

pub use crate::lent::Delivered;

/// What an event carries; the numbers are `llm_event_type`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
#[allow(missing_docs)] // the names are `llm.h`'s, documented there
pub enum EventType {
    Text = 1,
    Reasoning = 2,
    ToolCall = 3,
    ToolArgs = 4,
    Route = 5,
    Result = 6,
    HttpHead = 7,
    HttpBody = 8,
    Raw = 9,
    Log = 10,
    Ask = 11,
    Refusal = 12,
    Part = 13,
    Done = 100,
    Error = 101,
}

impl EventType {
    /// Whether this is a request's last event.
    pub fn is_terminal(self) -> bool {
        self as i32 >= EventType::Done as i32
    }

    fn joins(self) -> bool {
        use EventType::{Reasoning, Refusal, Text, ToolArgs};
        matches!(self, Text | Reasoning | Refusal | ToolArgs)
    }

    // Few and small, or never to be held back: they do not count against the bounds.
    pub(crate) fn is_free(self) -> bool {
        self.is_terminal() || matches!(self, EventType::Route | EventType::Log | EventType::Ask)
    }
}

/// Where the events of any number of requests meet one consumer. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Queue {
    pub(crate) shared: Arc<Shared>,
    process: &'static Process,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) number: u64,
    pub(crate) bell: Bell,
    state: Mutex<State>,
    /// What the consumer holds; locked for the length of a poll, by the one that polls.
    lent: Mutex<Lent>,
    polling: AtomicBool,
    max_bytes: usize,
    process: &'static Process,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.process.is_current() {
            self.process.memory.sub(crate::lock(&self.state).bytes);
        }
    }
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Delivered>,
    /// Sequence number of the front of `waiting`.
    base: u64,
    spare: Vec<Vec<u8>>,
    bytes: usize,
    live: usize,
    blocked: VecDeque<Arc<Live>>,
    /// The consumer was rung for since it last found nothing more to take.
    told: bool,
    closed: bool,
    released: bool,
}

/// Default of `max_bytes`; BEHAVIOUR 9.
pub const MAX_BYTES_DEFAULT: usize = 64 << 20;
// A request's share never falls below this, however many there are: CONTRACTS 9.
const SHARE_MIN: usize = 64 << 10;
impl Queue {
    /// Makes a queue; `max_bytes` bounds what waits in it (0: 64 MiB). It may serve several clients.
    pub fn new(max_bytes: usize) -> Result<Queue> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let process = process::current();
        let max_bytes = match max_bytes {
            0 => process.memory.per_queue(),
            bytes => bytes,
        };
        let shared = Shared {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            bell: Bell::new()?,
            state: Mutex::default(),
            lent: Mutex::default(),
            polling: AtomicBool::new(false),
            max_bytes,
            process,
        };
        Ok(Queue {
            shared: Arc::new(shared),
            process,
        })
    }

    /// Hands over up to `max` events; returns how many. Waits up to `timeout` (`None`: for ever) for the first.
    ///
    /// Payloads stay where they are until the next poll or [`Queue::release`]. One consumer: an overlapping call is
    /// [`ErrorKind::Busy`]. Returns 0 early after a signal or [`Queue::wakeup`], and [`ErrorKind::Closed`] once the queue is
    /// closed and its last request's terminal event was taken.
    pub fn poll(
        &self,
        max: usize,
        timeout: Option<Duration>,
        deliver: &mut dyn FnMut(&Delivered),
    ) -> Result<usize> {
        self.process.check("queue")?;
        if bell::in_wake() {
            let message = "polling a queue from its wake callback";
            return Err(Error::new(ErrorKind::WouldDeadlock, message));
        }
        if timeout != Some(Duration::ZERO) {
            runtime::refuse_blocking("polling a queue")?;
        }
        if self.shared.polling.swap(true, Ordering::AcqRel) {
            return Err(Error::new(
                ErrorKind::Busy,
                "another thread polls this queue",
            ));
        }
        let _turn = Turn(&self.shared);
        let until = match timeout {
            Some(Duration::ZERO) | None => None,
            Some(timeout) => crate::clock::now().checked_add(timeout),
        };
        let mut lent = crate::lock(&self.shared.lent);
        let lent = &mut *lent;
        loop {
            let block = timeout != Some(Duration::ZERO);
            let taken = self.shared.take(self.process, lent, max, block)?;
            lent.events.iter().for_each(&mut *deliver);
            let woken = self.shared.bell.wakeup.swap(false, Ordering::SeqCst);
            if taken > 0 || max == 0 || woken || timeout == Some(Duration::ZERO) {
                return Ok(taken);
            }
            let left = until.map(|until| until.saturating_duration_since(crate::clock::now()));
            if left == Some(Duration::ZERO) {
                return Ok(0);
            }
            if !self.shared.sleep(left)? {
                return Ok(0);
            }
        }
    }

    /// A descriptor that is readable while events wait. Owned by the queue.
    pub fn fd(&self) -> RawFd {
        let fd = self.shared.bell.watch();
        if !crate::lock(&self.shared.state).waiting.is_empty() {
            self.shared.bell.write();
        }
        fd
    }

    /// Calls `wake` from a library thread each time the queue goes from empty to non-empty; `None` removes it, and when this
    /// returns the old one is not running and will not run again.
    pub fn set_wake(&self, wake: Option<Box<dyn Fn() + Send + Sync>>) -> Result<()> {
        self.process.check("queue")?;
        self.shared.bell.set_wake(wake.map(Arc::from))?;
        // Events that wait already are told of by a library thread, as all others are.
        bell::announce(&self.shared);
        Ok(())
    }

    /// Makes the present (or else the next) poll return early. Async-signal-safe.
    pub fn wakeup(&self) {
        self.shared.bell.wakeup.swap(true, Ordering::SeqCst);
        self.shared.bell.write();
    }

    /// Refuses new submissions, cancels this queue's requests and wakes its consumer, who still gets every terminal event.
    pub fn close(&self) -> Result<()> {
        self.process.check("queue")?;
        crate::lock(&self.shared.state).closed = true;
        let number = self.shared.number;
        self.process
            .live
            .matching(|live| live.queue == number)
            .iter()
            .for_each(|live| live.cancel());
        self.shared.bell.write();
        bell::announce(&self.shared);
        Ok(())
    }

    /// Ends the queue: its requests are cancelled, its events thrown away, and no `user_data` is held any more.
    pub fn release(&self) {
        if !self.process.is_current() {
            return;
        }
        // Removing the callback waits for one that is running elsewhere; inside it, it is the caller's own.
        let _ = self.shared.bell.set_wake(None);
        let number = self.shared.number;
        let waiting = {
            let mut state = crate::lock(&self.shared.state);
            state.closed = true;
            state.released = true;
            self.process.memory.sub(std::mem::take(&mut state.bytes));
            state.base += state.waiting.len() as u64;
            state.spare.clear();
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
        if let Ok(mut lent) = self.shared.lent.try_lock() {
            lent.events.clear();
        }
        self.process
            .live
            .matching(|live| live.queue == number)
            .iter()
            .for_each(|live| live.cancel());
        self.shared.bell.write();
    }

    /// Whether this queue was made before a fork: nothing of it may be touched, not even to free it.
    pub fn is_foreign(&self) -> bool {
        !self.process.is_current()
    }

    /// Adds a log line; false if it was dropped because the queue is full or closed.
    pub fn push_log(&self, level: i32, text: &str) -> bool {
        if !self.process.is_current() {
            return false;
        }
        let mut state = crate::lock(&self.shared.state);
        let size = text.len() + EVENT_COST;
        if state.closed || state.bytes + size > self.shared.max_bytes {
            return false;
        }
        let mut data = state.buffer();
        data.extend_from_slice(text.as_bytes());
        state.bytes += size;
        self.process.memory.add(size);
        state.waiting.push_back(Delivered {
            request: 0,
            user_data: 0,
            kind: EventType::Log,
            status: Status::Ok,
            choice: 0,
            attempt: 0,
            index: level.unsigned_abs(),
            at_us: 0,
            data,
            live: None,
        });
        drop(state);
        bell::mark(&self.shared, text.len(), crate::clock::now());
        true
    }

    pub(crate) fn process(&self) -> &'static Process {
        self.process
    }
}

/// The consumer's turn ends with its call.
struct Turn<'a>(&'a Shared);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.bell.sleeping.store(false, Ordering::SeqCst);
        self.0.polling.store(false, Ordering::Release);
    }
}

impl Shared {
    /// Counts a new request in; refused when the queue is closed.
    pub(crate) fn enter(&self) -> Result<()> {
        let mut state = crate::lock(&self.state);
        if state.closed {
            return Err(Error::new(ErrorKind::Closed, "the queue is closed"));
        }
        state.live += 1;
        Ok(())
    }

    /// Opens the queue for the events of one read: one lock for all of them.
    pub(crate) fn inlet(&self) -> Inlet<'_> {
        Inlet {
            state: crate::lock(&self.state),
            max_bytes: self.max_bytes,
        }
    }

    /// Whether it takes no more requests.
    pub(crate) fn is_closed(&self) -> bool {
        crate::lock(&self.state).closed
    }

    /// Rings if events wait of which the consumer was not told.
    pub(crate) fn ring_if_waiting(&self) {
        {
            let mut state = crate::lock(&self.state);
            if state.told || (state.waiting.is_empty() && !state.closed) {
                return;
            }
            state.told = true;
        }
        self.bell.ring();
    }

    /// Rings if events wait, whatever was told: somebody else listens now.
    pub(crate) fn ring_again(&self) {
        crate::lock(&self.state).told = false;
        self.ring_if_waiting();
    }

    // Moves up to `max` events to `lent`, whose last contents are given back. Finds nothing and is going to `block`: the bell
    // rings from here on for a sleeper. The lock is held only while events move: the shards wait for it, and freeing takes longer.
    fn take(&self, process: &Process, lent: &mut Lent, max: usize, block: bool) -> Result<usize> {
        lent.give_back();
        let mut state = crate::lock(&self.state);
        if state.spare.len() + lent.spare.len() <= SPARE_MAX {
            state.spare.append(&mut lent.spare);
        }
        let count = state.waiting.len().min(max);
        if count == 0 && max > 0 {
            self.settle(&mut state);
            if state.closed && state.live == 0 {
                return Err(Error::new(
                    ErrorKind::Closed,
                    "the queue is closed and empty",
                ));
            }
            self.bell.sleeping.store(block, Ordering::SeqCst);
            return Ok(0);
        }
        let State { waiting, base, .. } = &mut *state;
        *base += count as u64;
        lent.events.extend(waiting.drain(..count));
        if count < max {
            self.settle(&mut state);
        }
        drop(state);
        let freed = lent.receive();
        self.free(process, freed);
        Ok(count)
    }

    // Counts bytes out, and wakes who waited for that.
    fn free(&self, process: &Process, freed: usize) {
        let blocked = {
            let mut state = crate::lock(&self.state);
            // Whoever released the queue meanwhile has counted them out.
            let freed = freed.min(state.bytes);
            state.bytes -= freed;
            process.memory.sub(freed);
            state.unblock(self.max_bytes / 2)
        };
        blocked.iter().for_each(|live| live.wake());
    }

    /// How many events were ever taken: whether the consumer reads at all.
    pub(crate) fn taken(&self) -> u64 {
        crate::lock(&self.state).base
    }

    // Everything was taken: the bell is quiet until something comes. That the queue is over is for ever something to be told.
    fn settle(&self, state: &mut State) {
        state.told = false;
        match state.closed && state.live == 0 && state.waiting.is_empty() {
            true => self.bell.write(),
            false => self.bell.clear(),
        }
        self.bell.arm();
    }

    // False when a signal handler ran.
    fn sleep(&self, timeout: Option<Duration>) -> Result<bool> {
        let woken = self.bell.wait(timeout);
        // What rang while the handler ran is still to be told.
        if matches!(woken, Ok(true)) {
            self.bell.clear();
        }
        self.bell.sleeping.store(false, Ordering::SeqCst);
        woken
    }
}

impl State {
    // Who may try again: everybody once there is much room, else those of whom nothing waits any more.
    fn unblock(&mut self, much: usize) -> VecDeque<Arc<Live>> {
        let mut woken = std::mem::take(&mut self.blocked);
        if self.bytes > much {
            let (free, still) = woken.into_iter().partition(|live| !live.lags());
            (woken, self.blocked) = (free, still);
        }
        for live in &woken {
            live.blocked.store(false, Ordering::Relaxed);
        }
        woken
    }

    fn block(&mut self, live: &Arc<Live>) {
        if !live.blocked.swap(true, Ordering::Relaxed) {
            self.blocked.push_back(live.clone());
        }
    }

    fn forget(&mut self, live: &Live) {
        if live.blocked.swap(false, Ordering::Relaxed) {
            self.blocked.retain(|other| other.id != live.id);
        }
    }

    fn buffer(&mut self) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }
}

/// The queue, open for one request's events.
pub(crate) struct Inlet<'a> {
    state: MutexGuard<'a, State>,
    max_bytes: usize,
}

impl Inlet<'_> {
    /// Adds one event, or joins it to the last one of its request. False, and nothing is taken, when there is no room: the
    /// request is woken when there is.
    pub(crate) fn push(&mut self, lane: &mut Lane, event: New<'_>, at: Instant) -> bool {
        let state = &mut *self.state;
        if event.kind.is_terminal() {
            state.live -= 1;
            state.forget(&lane.live);
        }
        if state.released {
            return true;
        }
        if !event.kind.is_free() {
            let joins = lane.last_waiting(&event, state).is_some();
            let size = event.data.len() + if joins { 0 } else { EVENT_COST };
            let held = lane.live.held.load(Ordering::Relaxed);
            let share = (self.max_bytes / state.live.max(1))
                .max(SHARE_MIN)
                .min(lane.share_max);
            let full = held + size > share
                || state.bytes + size > self.max_bytes
                || !lane.process.memory.has_room();
            // With nothing waiting one event is always admitted, whatever its size.
            if full && held > 0 {
                state.block(&lane.live);
                return false;
            }
            lane.live.held.fetch_add(size, Ordering::Relaxed);
            state.bytes += size;
            lane.process.memory.add(size);
        }
        if let Some(last) = lane.last_waiting(&event, state) {
            last.data.extend_from_slice(event.data);
            return true;
        }
        let mut data = state.buffer();
        // And a NUL byte: the consumer's thread should not have to move it.
        data.reserve(event.data.len() + 1);
        data.extend_from_slice(event.data);
        lane.last = Some((event.kind, event.choice, lane.attempt, event.index));
        lane.last_seq = state.base + state.waiting.len() as u64;
        state.waiting.push_back(Delivered {
            request: lane.live.id,
            user_data: lane.user_data,
            kind: event.kind,
            status: event.status,
            choice: event.choice,
            attempt: lane.attempt,
            index: event.index,
            at_us: at.saturating_duration_since(lane.started).as_micros() as u64,
            data,
            live: Some(lane.live.clone()),
        });
        true
    }
}

/// One request's way into its queue.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) live: Arc<Live>,
    pub(crate) process: &'static Process,
    pub(crate) user_data: usize,
    pub(crate) started: Instant,
    pub(crate) attempt: u32,
    pub(crate) join: bool,
    pub(crate) share_max: usize,
    pub(crate) last: Option<(EventType, u32, u32, u32)>,
    pub(crate) last_seq: u64,
}

impl Lane {
    // The request's last event, if it still waits and a delta like `event` may be joined to it.
    fn last_waiting<'s>(&self, event: &New<'_>, state: &'s mut State) -> Option<&'s mut Delivered> {
        let key = (event.kind, event.choice, self.attempt, event.index);
        if !self.join || !event.kind.joins() || self.last != Some(key) {
            return None;
        }
        let index = self.last_seq.checked_sub(state.base)?;
        state.waiting.get_mut(index as usize)
    }
}

/// An event on its way in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct New<'a> {
    pub(crate) kind: EventType,
    pub(crate) status: Status,
    pub(crate) choice: u32,
    pub(crate) index: u32,
    pub(crate) data: &'a [u8],
}

#[cfg(all(test, llm_loom))]
mod races;
