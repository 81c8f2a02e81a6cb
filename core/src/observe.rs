//! What is told of a call when it has ended: made once, out of its record, and handed to whoever counts, writes or sends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::call::Job;
use crate::clock;
use crate::config::Telemetry;
use crate::error::{Error, Result, Status};
use crate::options::Options;
use crate::own::Own;
use crate::process::Process;
use crate::report::Record;
use crate::request::Request;
use crate::runtime::Engine;
use crate::ticket::Ticket;
use crate::trace::Trace;
use crate::vitals::Roll;

mod entry;
mod journal;
#[cfg_attr(not(feature = "otlp"), path = "observe/no_otlp.rs")]
mod otlp;

pub(crate) use journal::{Journal, Waiting};
use otlp::Asked;
pub(crate) use otlp::{Exporter, Exporters};

/// Who wants to be told of a client's calls, beside those who count.
#[derive(Debug)]
pub(crate) struct Listeners {
    journal: Option<Arc<Journal>>,
    exporter: Option<Arc<Exporter>>,
    /// Prompts and answers are told, too.
    capture: bool,
    /// Calls that have not been told of yet: a consumer knows the end of each before they are.
    telling: AtomicUsize,
}

impl Listeners {
    /// Those that a configuration names, if any; `before` is who listened until now.
    pub(crate) fn open(
        telemetry: &Telemetry,
        process: &'static Process,
        engine: &Engine,
        roll: &Arc<Roll>,
        before: Option<&Listeners>,
    ) -> Result<Option<Arc<Listeners>>> {
        let known = before.and_then(|before| before.journal.as_ref());
        let journal = match &telemetry.call_log {
            None => None,
            Some(path) => match known.filter(|journal| journal.path == *path) {
                Some(journal) => Some(journal.clone()),
                None => Some(Arc::new(Journal::open(path, process)?)),
            },
        };
        let to = telemetry.otlp.as_ref();
        let exporter = to.map(|to| Exporter::open(to, process, engine, roll));
        if journal.is_none() && exporter.is_none() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Listeners {
            journal,
            exporter,
            capture: telemetry.capture_content,
            telling: AtomicUsize::new(0),
        })))
    }

    /// What waits is sent now; waits for that, and for what is being told of calls that have ended, at most so long. On the host's thread.
    pub(crate) fn flush(&self, timeout: Duration) {
        if !timeout.is_zero() {
            clock::block_until(timeout, || self.telling.load(Ordering::Acquire) == 0);
        }
        if let Some(exporter) = &self.exporter {
            exporter.flush(timeout);
        }
    }
}

/// What must be kept of a request to tell of it at its end.
#[derive(Debug)]
pub(crate) struct Account {
    listeners: Arc<Listeners>,
    request: u64,
    began: Instant,
    operation: &'static str,
    stream: bool,
    /// As it was asked for: an alias, or a target.
    model: Option<String>,
    tenant: Option<String>,
    session: Option<String>,
    user: Option<String>,
    tags: Vec<String>,
    metadata: Vec<(String, String)>,
    pub(crate) capture: bool,
    prompt: Option<String>,
    /// Its span, and what that says of the request.
    told: Option<(Arc<Trace>, Asked)>,
}

/// Keeps what is asked, once hooks and guardrails have left it as it goes out: what they take away is told to nobody.
pub(crate) fn capture(job: &Job, ticket: &mut Ticket) {
    if let Some(account) = &mut ticket.account {
        account.capture(&job.request);
    }
}

impl Account {
    /// What is kept of a request, if anybody is to be told, and its place in a trace, if it has one.
    pub(crate) fn open(
        listeners: &Arc<Listeners>,
        request: &Request,
        options: &Options,
        stream: bool,
        began: Instant,
    ) -> (Option<Arc<Trace>>, Option<Box<Account>>) {
        let trace = match &listeners.exporter {
            Some(exporter) => exporter.trace(options),
            None => options.trace.as_ref().map(Trace::carried),
        };
        let trace = trace.map(Arc::new);
        let told = trace.as_ref().filter(|trace| trace.span.is_some());
        let told = told.map(|trace| (trace.clone(), Asked::of(request, false)));
        let wanted = told.is_some() || listeners.journal.is_some();
        let account =
            wanted.then(|| Account::new(listeners, request, options, stream, began, told));
        (trace, account)
    }

    fn new(
        listeners: &Arc<Listeners>,
        request: &Request,
        options: &Options,
        stream: bool,
        began: Instant,
        told: Option<(Arc<Trace>, Asked)>,
    ) -> Box<Account> {
        let text = |key: &str| {
            let json = request.field(key)?;
            serde_json::from_slice::<String>(json).ok()
        };
        let capture = listeners.capture;
        listeners.telling.fetch_add(1, Ordering::AcqRel);
        Box::new(Account {
            listeners: listeners.clone(),
            request: 0,
            began,
            operation: match (options.warms(), options.explains()) {
                (true, _) => "warm",
                (_, true) => "explain",
                _ => options.operation().unwrap_or_default().name(),
            },
            stream,
            model: request.model().map(str::to_owned),
            tenant: options.tenant.clone(),
            session: options.session.clone(),
            user: text("user"),
            tags: options.tags.clone(),
            metadata: options.metadata.clone(),
            capture,
            prompt: None,
            told,
        })
    }

    fn capture(&mut self, request: &Request) {
        if !self.capture {
            return;
        }
        let prompt = ["messages", "input", "prompt"].iter();
        let prompt = prompt.filter_map(|key| request.field(key)).next();
        self.prompt = prompt.map(|json| String::from_utf8_lossy(json).into_owned());
        if let Some((_, asked)) = &mut self.told {
            *asked = Asked::of(request, true);
        }
    }

    /// Gives it the request's number.
    pub(crate) fn numbered(mut self: Box<Self>, request: u64) -> Box<Account> {
        self.request = request;
        self
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, ended: &Ended<'_>) {
        if let Some(journal) = &self.listeners.journal {
            journal.add(entry::line(self, ended, clock::wall()));
        }
        if let Some(exporter) = &self.listeners.exporter {
            exporter.tell(self, ended);
        }
    }

    /// Tells of a call that ended without a word of its own: a panic, or a shutdown.
    pub(crate) fn lost(&self, error: &Error) {
        let record = Record::new(self.began);
        self.tell(&Ended::of(&record, Some(error), None, clock::now()));
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.listeners.telling.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The first half of a key's SHA-256: enough to tell keys apart, and of no use to whoever reads it.
fn key_id(key: &str) -> Box<str> {
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    let hex = digest.as_ref()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"));
    format!("sha256:{}", hex.collect::<String>()).into()
}

/// A call that has ended.
#[derive(Clone, Copy)]
pub(crate) struct Ended<'c> {
    pub(crate) record: &'c Record,
    /// A refusal that was an answer to a caller who speaks HTTP is one all the same.
    pub(crate) error: Option<&'c Error>,
    /// The time in our own code, and for how long its host was waited for at its end.
    own: Option<(Own, Duration)>,
    /// When its last event left.
    pub(crate) at: Instant,
}

impl<'c> Ended<'c> {
    pub(crate) fn of(
        record: &'c Record,
        error: Option<&'c Error>,
        own: Option<(Own, Duration)>,
        at: Instant,
    ) -> Ended<'c> {
        let error = error.or(record.refused.as_ref());
        Ended {
            record,
            error,
            own,
            at,
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.error.map_or(Status::Ok, Error::status)
    }

    /// Counts it.
    pub(crate) fn count(&self, process: &Process) {
        let Ended {
            record, error, at, ..
        } = *self;
        let status = self.status();
        let usage = record.spent();
        process.counters.finished(status, usage);
        let Some(operation) = record.counted.filter(|_| !record.attempts.is_empty()) else {
            return;
        };
        let targets = &process.counters.targets;
        let series = targets.of(&record.target, operation);
        series.ended(error, at - record.began);
        series.own_time(self.overhead(), self.dispatch(), record.queued);
        if let Some(first) = record.first_item {
            series.first_token.add(first.as_nanos() as u64);
            if record.streams {
                series.first_chunk.add(first.as_nanos() as u64);
            }
        }
        series.gap.merge(&record.pieces.gaps);
        if let Some(usage) = usage {
            series.used(usage, record.cost.microusd);
        }
        for attempt in &record.attempts {
            let failed = attempt.kind.map(|kind| (kind, attempt.status));
            match attempt.target == record.target {
                true => series.attempted(attempt.reason, failed),
                false => targets
                    .of(&attempt.target, operation)
                    .attempted(attempt.reason, failed),
            }
        }
    }

    /// Our own part of it: the time that our code ran for it until the first attempt's request was handed to its connection, and from the
    /// answer's last bytes to its last event. Of a call that failed, nothing: what it took there was not our work.
    pub(crate) fn overhead(&self) -> Option<Duration> {
        let (own, waited) = self.own?;
        let (before, last) = (own.until_sent()?, self.record.last_bytes?);
        let after = self.at.saturating_duration_since(last);
        Some(before + after.saturating_sub(waited))
    }

    /// What it waited for the engine's thread, if it has been given a turn there.
    pub(crate) fn dispatch(&self) -> Option<Duration> {
        self.own.map(|(own, _)| own.dispatch())
    }
}
