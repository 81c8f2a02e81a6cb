//! Spans and metrics for a collector of OpenTelemetry: OTLP over HTTP, as JSON. A call's spans are written when it has ended and wait,
//! bounded, for a task that sends them; no call waits for that.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::{Account, Ended};
use crate::clock;
use crate::config::Otlp;
use crate::lock;
use crate::metrics::Count;
use crate::options::Options;
use crate::process::Process;
use crate::runtime::Engine;
use crate::sync::AtomicWaker;
use crate::trace::Trace;
use crate::transport::control::Fetcher;
use crate::vitals::Roll;

mod asked;
mod attributes;
mod content;
mod figures;
mod names;
mod send;
mod span;

pub(super) use asked::Asked;

/// The way to one collector. Clients that name the same one share it; what waits is sent when the last of them lets go.
#[derive(Debug)]
pub(crate) struct Exporter(Arc<Outbox>);

/// What waits for its sender, and what that must know.
#[derive(Debug)]
struct Outbox {
    to: Otlp,
    /// What is said of this process, as JSON.
    resource: String,
    fetcher: Fetcher,
    process: &'static Process,
    /// Whose targets' health is told.
    rolls: Mutex<Vec<Weak<Roll>>>,
    state: Mutex<State>,
    sender: AtomicWaker,
    /// The last flush that is over.
    done: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    calls: VecDeque<Told>,
    bytes: usize,
    /// When the first of them came.
    since: Option<Instant>,
    /// The last flush that was asked for.
    asked: u64,
    /// Nobody tells any more.
    closed: bool,
}

impl State {
    /// Whether the sender must know of it; nothing if there is no room for it.
    fn push(&mut self, told: Told) -> Option<bool> {
        if self.bytes + told.json.len() > WAITING_MAX {
            return None;
        }
        let (first, full) = (self.calls.is_empty(), self.fills_a_batch());
        self.bytes += told.json.len();
        if first {
            self.since = Some(clock::now());
        }
        self.calls.push_back(told);
        Some(first || (!full && self.fills_a_batch()))
    }

    /// There is no more to wait for.
    fn fills_a_batch(&self) -> bool {
        self.calls.len() >= BATCH_CALLS || self.bytes >= BATCH_BYTES
    }

    /// What is sent next.
    fn batch(&mut self) -> Vec<Told> {
        let mut batch = Vec::new();
        let mut left = BATCH_BYTES;
        while batch.len() < BATCH_CALLS
            && left > 0
            && let Some(told) = self.calls.pop_front()
        {
            self.bytes -= told.json.len();
            left = left.saturating_sub(told.json.len());
            batch.push(told);
        }
        self.since = (!self.calls.is_empty()).then(clock::now);
        batch
    }
}

/// What is told of one call: its spans, as JSON behind each other.
#[derive(Debug)]
struct Told {
    json: String,
    spans: u64,
}

/// All exporters of a process.
#[derive(Debug, Default)]
pub(crate) struct Exporters {
    known: Mutex<Vec<Weak<Exporter>>>,
    /// Tasks that send.
    running: AtomicUsize,
}

impl Exporters {
    /// Waits until those that nobody holds any more have sent what they have, at most so long. On the host's thread.
    pub(crate) fn finish(&self, timeout: Duration) {
        clock::block_until(timeout, || self.running.load(Ordering::Acquire) == 0);
    }
}

impl Exporter {
    /// The one to this collector; begun if there is none yet.
    pub(super) fn open(
        to: &Otlp,
        process: &'static Process,
        engine: &Engine,
        roll: &Arc<Roll>,
    ) -> Arc<Exporter> {
        let mut known = lock(&process.exporters.known);
        known.retain(|exporter| exporter.strong_count() > 0);
        let mut all = known.iter().filter_map(Weak::upgrade);
        let same = all.find(|exporter| exporter.0.to == *to);
        let exporter = same.unwrap_or_else(|| {
            let exporter = Arc::new(Exporter::begin(to, process, engine));
            known.push(Arc::downgrade(&exporter));
            exporter
        });
        let mut rolls = lock(&exporter.0.rolls);
        rolls.retain(|roll| roll.strong_count() > 0);
        if !rolls
            .iter()
            .any(|known| known.as_ptr() == Arc::as_ptr(roll))
        {
            rolls.push(Arc::downgrade(roll));
        }
        drop(rolls);
        exporter
    }

    fn begin(to: &Otlp, process: &'static Process, engine: &Engine) -> Exporter {
        let outbox = Arc::new(Outbox {
            resource: names::resource(to),
            fetcher: Fetcher::to(&to.endpoint, to.trust.clone()),
            to: to.clone(),
            process,
            rolls: Mutex::default(),
            state: Mutex::default(),
            sender: AtomicWaker::new(),
            done: AtomicU64::new(0),
        });
        let running = Running::begin(&process.exporters);
        engine.keep(send::serve(outbox.clone(), running));
        Exporter(outbox)
    }

    /// The trace of a call that begins.
    pub(super) fn trace(&self, options: &Options) -> Option<Trace> {
        let traced = !options.warms() && !options.explains();
        match traced {
            true => Some(Trace::told(options.trace.as_ref(), self.0.to.sample)),
            // No model is asked.
            false => options.trace.as_ref().map(Trace::carried),
        }
    }

    /// Tells of a call that has ended, if its trace is told of.
    pub(super) fn tell(&self, account: &Account, ended: &Ended<'_>) {
        if let Some(told) = span::told(account, ended, self.0.to.semconv) {
            self.0.push(told);
        }
    }

    /// What waits is sent now; waits for that, at most so long. On the host's thread.
    pub(super) fn flush(&self, timeout: Duration) {
        let asked = {
            let mut state = lock(&self.0.state);
            state.asked += 1;
            state.asked
        };
        self.0.sender.wake();
        if !timeout.is_zero() {
            clock::block_until(timeout, || self.0.done.load(Ordering::Acquire) >= asked);
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        lock(&self.0.state).closed = true;
        self.0.sender.wake();
    }
}

impl Outbox {
    fn push(&self, told: Told) {
        let spans = told.spans;
        match lock(&self.state).push(told) {
            None => self.process.counters.add(Count::SpansLost, spans),
            Some(true) => self.sender.wake(),
            Some(false) => {}
        }
    }
}

/// A task that sends; over when this is dropped, however it ended.
struct Running(&'static Exporters);

impl Running {
    fn begin(exporters: &'static Exporters) -> Running {
        exporters.running.fetch_add(1, Ordering::AcqRel);
        Running(exporters)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Bytes of spans that wait. What comes on top is lost, and counted. As much as of call logs.
const WAITING_MAX: usize = 8 << 20;
/// Calls that are sent in one go, and for which no more time is let pass: as many as OpenTelemetry's batches have spans.
const BATCH_CALLS: usize = 512;
/// A batch is full with so much of them: half of what a collector takes at least (gRPC's 4 MiB, which many have for HTTP, too).
const BATCH_BYTES: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: usize) -> Told {
        Told {
            json: "x".repeat(bytes),
            spans: 2,
        }
    }

    #[test]
    fn what_waits_is_bounded_and_leaves_in_batches() {
        let mut state = State::default();
        let pushed: Vec<_> = (0..9).map(|_| state.push(told(1 << 20))).collect();
        let mut expected = [Some(false); 9];
        // The first sets its sender's alarm, the second fills a batch, the ninth has no room.
        (expected[0], expected[1], expected[8]) = (Some(true), Some(true), None);
        assert_eq!(pushed, expected);
        assert_eq!(state.batch().len(), 2);
        assert_eq!(
            state.push(told(1 << 20)),
            Some(false),
            "there is room again"
        );
        let left: Vec<_> = (0..5).map(|_| state.batch().len()).collect();
        assert_eq!(left, [2, 2, 2, 1, 0]);
        assert_eq!((state.bytes, state.since), (0, None));
    }

    #[test]
    fn many_small_ones_fill_a_batch_too() {
        let mut state = State::default();
        let woken = (0..BATCH_CALLS + 10).filter(|_| state.push(told(10)) == Some(true));
        assert_eq!(woken.count(), 2);
        assert_eq!(state.batch().len(), BATCH_CALLS);
        assert_eq!(state.batch().len(), 10);
    }
}
