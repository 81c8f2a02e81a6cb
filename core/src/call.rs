//! The loop: one call from plan to terminal event, top to bottom. Before the first item everything may be tried again;
//! after it nothing is, and the two are different functions with a type between them.

use std::future::{Future as _, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use libllm_proto::decoder::{Decoder, Limits};
use libllm_proto::event::Batch;
use libllm_proto::response::Response;
use libllm_proto::wire::{Ending, Exchange, Head, Operation, Target};

use crate::auth;
use crate::clock::{self, Alarm};
use crate::error::{Error, ErrorKind, Phase, Result, Status};
use crate::inbound::{self, Caller};
use crate::options::Options;
use crate::outlet::{self, Answer, Outlet};
use crate::pace::Flowing;
use crate::plan::Candidate;
use crate::policy::retry;
use crate::queue::EventType;
use crate::report::{self, Reason, Record};
use crate::request::Request;
use crate::source::{Patience, Source, before, spare};
use crate::ticket::Ticket;
use crate::transport::{Exchanged, Route, Sent, Transport};

/// One call, ready to run.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) asked: Asked,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) stream: bool,
    pub(crate) retry: retry::Policy,
    pub(crate) limits: Limits,
    pub(crate) sockets: Arc<dyn Transport>,
    /// The way to those who issue credentials.
    pub(crate) control: Arc<dyn Transport>,
    pub(crate) scripts: Arc<dyn Transport>,
    /// Where the whole answer goes, for callers who wait for it.
    pub(crate) answer: Option<Arc<Mutex<Option<Answered>>>>,
    /// Who asked over HTTP, in a provider's format.
    pub(crate) caller: Option<Box<Caller>>,
}

impl Job {
    fn keeps_text(&self) -> bool {
        self.asked.message || self.answer.is_some()
    }
}

/// What of a request's options matters while it runs; the rest went into its candidates.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    /// Open a connection, and ask nothing.
    pub(crate) warms: bool,
    /// Deliver the provider's own chunks too.
    pub(crate) raw: bool,
    /// Give the whole text in the last event.
    pub(crate) message: bool,
    /// The caller set the time to the first token, or between tokens: then they hold for unary answers too.
    pub(crate) first_token: bool,
    pub(crate) idle: bool,
    /// Merged into the request's body last.
    pub(crate) extra_body: Option<String>,
}

impl Asked {
    pub(crate) fn of(options: &Options) -> Asked {
        Asked {
            // The plan has refused what is unknown.
            operation: options.operation().unwrap_or_default(),
            warms: options.warms(),
            raw: options.raw,
            message: options.message,
            first_token: options.first_token_timeout.is_some(),
            idle: options.idle_timeout.is_some(),
            extra_body: options.extra_body.clone(),
        }
    }
}

/// A whole answer, for a blocking call.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    pub(crate) text: String,
    pub(crate) json: String,
}

/// Runs one call to its end and says how it ended.
pub(crate) async fn run(job: Box<Job>, mut ticket: Ticket) {
    let mut record = Record::new(ticket.started());
    let (with_text, place) = (job.asked.message, job.answer.clone());
    let total = job
        .candidates
        .first()
        .and_then(|first| first.timeouts.total);
    let deadline = total.and_then(|total| ticket.started().checked_add(total));
    let live = ticket.live().clone();
    let outcome = {
        // Boxed, so that the call is small while it is moved to its shard.
        let mut work = Box::pin(drive(job, &mut ticket, &mut record, deadline));
        let mut alarm = Alarm::default();
        poll_fn(|cx| {
            if live.listen(cx) {
                return Poll::Ready(Err(Error::new(ErrorKind::Canceled, "canceled")));
            }
            match work.as_mut().poll(cx) {
                Poll::Pending => alarm.poll(cx, deadline).map(|()| Err(out_of_time(total))),
                ready => ready,
            }
        })
        .await
    };
    let outcome = outcome.map_err(|error| record.interrupted(error));
    let took = clock::now() - ticket.started();
    let counters = &ticket.process().counters;
    match outcome {
        Ok(()) => {
            let status = record.refused.unwrap_or(Status::Ok);
            counters.finished(status, record.response.usage());
            tracing::debug!(target: "libllm", request = ticket.id(), to = %record.target, ms = took.as_millis() as u64, "done");
            let json = report::done(&record, ticket.id(), with_text, took);
            if let Some(place) = place {
                *crate::lock(&place) = Some(answered(&record, ticket.id(), &json));
            }
            ticket.finish(EventType::Done, Status::Ok, &json);
        }
        Err(error) => {
            counters.finished(error.status(), record.response.usage());
            tracing::warn!(target: "libllm", request = ticket.id(), to = %record.target, kind = error.kind().name(), "{error}");
            ticket.finish(
                EventType::Error,
                error.status(),
                &report::failed(&record, &error),
            );
        }
    }
}

/// Delivers an answer that is known already.
pub(crate) async fn tell(answer: Answer, mut ticket: Ticket, stall: Duration) {
    let record = Record::new(ticket.started());
    let live = ticket.live().clone();
    let status = answer.outcome;
    let outcome = {
        let mut work = Box::pin(answer.send(&record, &mut ticket, stall));
        poll_fn(|cx| match live.listen(cx) {
            true => Poll::Ready(Err(Error::new(ErrorKind::Canceled, "canceled"))),
            false => work.as_mut().poll(cx),
        })
        .await
    };
    let counters = &ticket.process().counters;
    match outcome {
        Ok(()) => {
            counters.finished(status, None);
            let took = clock::now() - ticket.started();
            let json = report::done(&record, ticket.id(), false, took);
            ticket.finish(EventType::Done, Status::Ok, &json);
        }
        Err(error) => {
            counters.finished(error.status(), None);
            let json = report::failed(&record, &error);
            ticket.finish(EventType::Error, error.status(), &json);
        }
    }
}

async fn drive(
    mut job: Box<Job>,
    ticket: &mut Ticket,
    record: &mut Record,
    deadline: Option<Instant>,
) -> Result<()> {
    if job.asked.warms {
        return Box::pin(warm(&job, ticket, record)).await;
    }
    let (live, target) = match Box::pin(commit(&job, ticket, record, deadline)).await {
        Ok(committed) => committed,
        Err(error) => return Box::pin(refused(job, error, ticket, record)).await,
    };
    let target = job.candidates.swap_remove(target);
    // A stream may last for hours: what was asked is not kept for it.
    drop(job);
    let begun = record.begun;
    let (provider, stall) = (&target.provider.id, target.timeouts.consumer_stall);
    let outcome = pump(live, provider, stall, ticket, record).await;
    let outcome = outcome.map_err(|error| discreet(error, &target));
    record.end(&target, outcome.as_ref().err(), clock::now() - begun);
    outcome
}

// To a caller who speaks HTTP a provider's refusal is an answer.
async fn refused(
    job: Box<Job>,
    error: Error,
    ticket: &mut Ticket,
    record: &mut Record,
) -> Result<()> {
    match &job.caller {
        Some(caller) if inbound::is_answer(&error) => {
            let stall = job.candidates[0].timeouts.consumer_stall;
            outlet::refuse(caller.face, &error, record, ticket, stall).await?;
            record.refused = Some(error.status());
            Ok(())
        }
        _ => Err(error),
    }
}

// A connection to the first target stands when this ends well. Tried once: nobody waits for its answer.
async fn warm(job: &Job, ticket: &mut Ticket, record: &mut Record) -> Result<()> {
    let candidate = &job.candidates[0];
    ticket.set_attempt(1);
    record.begin(candidate, false);
    ticket.process().counters.attempted();
    let outcome = connect(job, candidate, record).await;
    let outcome = outcome.map_err(|error| discreet(error, candidate));
    record.end(
        candidate,
        outcome.as_ref().err(),
        clock::now() - record.begun,
    );
    outcome
}

async fn connect(job: &Job, candidate: &Candidate, record: &mut Record) -> Result<()> {
    let http = encode(job, candidate, record)?;
    let (transport, route) = way(job, candidate);
    record.connect = transport.warm(http.uri(), &route).await?;
    Ok(())
}

// Attempts until one commits, or none may follow; says which target it was.
async fn commit(
    job: &Job,
    ticket: &mut Ticket,
    record: &mut Record,
    deadline: Option<Instant>,
) -> Result<(Box<Live>, usize)> {
    let (mut current, mut attempt, mut here) = (0, 0, 0);
    let mut reason = Reason::First;
    loop {
        let candidate = &job.candidates[current];
        attempt += 1;
        here += 1;
        ticket.set_attempt(attempt);
        record.begin(candidate, job.keeps_text());
        ticket.process().counters.attempted();
        let error = match open(job, candidate, ticket, record).await {
            Ok(live) => {
                if job.caller.is_none() {
                    let route = report::route(record, attempt, reason);
                    ticket.route(route, live.at);
                }
                record.underway = Some(Phase::Stream);
                return Ok((live, current));
            }
            Err(error) => discreet(error, candidate),
        };
        record.end(candidate, Some(&error), clock::now() - record.begun);
        let state = retry::State {
            attempt,
            tries_here: here,
            current,
            candidates: job.candidates.len(),
            remaining: deadline.map(|deadline| deadline.saturating_duration_since(clock::now())),
        };
        let wait = match retry::next(&job.retry, &error, &state, fastrand::f64()) {
            retry::Next::GiveUp => return Err(error),
            retry::Next::Again { after } => {
                reason = Reason::Retry;
                after
            }
            retry::Next::Fallback { after, target } => {
                (current, here, reason) = (target, 0, Reason::Fallback);
                after
            }
        };
        tracing::info!(target: "libllm", request = ticket.id(), from = %candidate.target, kind = error.kind().name(),
            wait_ms = wait.as_millis() as u64, "{error}; trying again");
        if !wait.is_zero() {
            clock::sleep(wait).await;
        }
    }
}

/// An answer that has begun: its first item is here, and nothing may be tried again.
struct Live {
    source: Source,
    decoder: Decoder,
    outlet: Outlet,
    batch: Batch,
    /// When the bytes of the batch came.
    at: Instant,
    /// How the answer ended, if it has; an error is told after the batch.
    ended: Option<Result<Ending>>,
}

// Everything that may be retried or fallen back from ends here, before the first item.
async fn open(
    job: &Job,
    candidate: &Candidate,
    ticket: &mut Ticket,
    record: &mut Record,
) -> Result<Box<Live>> {
    crate::fault::point("open");
    let patience = Patience::of(&candidate.timeouts, &job.asked, job.stream);
    let first_by = patience.first_token.map(|first| record.begun + first);
    let sending = send(job, candidate, record);
    let exchanged = before(first_by, sending, || patience.late("the answer's head")).await??;
    record.underway = Some(Phase::FirstItem);
    record.connect = exchanged.connected.or(record.connect);
    record.request_id = exchanged.head.request_id().map(str::to_owned);
    let (head, caller) = (exchanged.head, job.caller.as_deref());
    let outlet = Outlet::open(caller, candidate, &head, ticket, record);
    let mut source = Source::new(exchanged.body, patience, first_by);
    if outlet.taps() {
        source.tap(match job.stream {
            true => job.limits.event,
            false => usize::try_from(job.limits.answer).unwrap_or(usize::MAX),
        });
    }
    // Where it stays: it is too large to be handed on from future to future.
    let mut live = Box::new(Live {
        at: source.last_bytes,
        source,
        decoder: decoder(job, candidate, head),
        outlet,
        batch: spare::take(ticket.joins()),
        ended: None,
    });
    loop {
        let Live {
            source,
            decoder,
            batch,
            ..
        } = &mut *live;
        if ticket.live().is_paused() {
            ticket
                .wait_while_paused(candidate.timeouts.consumer_stall)
                .await?;
            source.touch();
        }
        let read = match source.read(ticket.live()).await {
            // The status has been told: that the rest of a refusal does not come changes nothing.
            Err(late) if decoder.is_refusal() => Some(Err(late.to_string())),
            read => read.map_err(|error| error.with_phase(Phase::FirstItem))?,
        };
        let Some(read) = read else {
            continue;
        };
        let ended = match source.decode(read, decoder, batch).await {
            Err(error) if !batch.has_item() => {
                // The provider's names and numbers are worth telling, even of an answer without an item.
                record.response.absorb(batch);
                return Err(error.with_phase(Phase::FirstItem));
            }
            decoded => decoded.transpose(),
        };
        if ended.is_some() || batch.has_item() {
            source.first_by = None;
            live.at = live.source.last_bytes;
            live.ended = ended;
            record.first_item = Some(live.at - ticket.started());
            return Ok(live);
        }
    }
}

fn decoder(job: &Job, candidate: &Candidate, head: Head) -> Decoder {
    let exchange = Exchange {
        stream: job.stream,
        operation: job.asked.operation,
        quirks: &candidate.provider.quirks,
    };
    Decoder::new(
        candidate.wire,
        &exchange,
        head,
        job.limits,
        job.asked.raw,
        clock::wall(),
    )
}

// After the first item: hand over, read on. Nothing is tried again.
async fn pump(
    mut live: Box<Live>,
    provider: &str,
    stall: Duration,
    ticket: &mut Ticket,
    record: &mut Record,
) -> Result<()> {
    let outcome = flow(&mut live, provider, stall, ticket, record).await;
    if let Err(error) = &outcome {
        live.outlet.broken(error, ticket, stall).await;
    }
    outcome
}

async fn flow(
    live: &mut Live,
    provider: &str,
    stall: Duration,
    ticket: &mut Ticket,
    record: &mut Record,
) -> Result<()> {
    let Live {
        source,
        decoder,
        outlet,
        batch,
        at,
        ended,
    } = live;
    let mut flowing = None;
    loop {
        record.response.absorb(batch);
        outlet
            .deliver(batch, source, provider, *at, ticket, stall)
            .await?;
        spare::give(std::mem::take(batch));
        if let Some(ended) = ended.take() {
            let ending = ended.map_err(|error| error.with_phase(Phase::Stream))?;
            record.incomplete = ending.incomplete;
            record.response.finish(!ending.incomplete);
            return outlet.finish(*at, ticket, stall).await;
        }
        flowing.get_or_insert_with(Flowing::new);
        crate::fault::point("pump");
        let read = loop {
            if ticket.live().is_paused() {
                let waiting = std::pin::pin!(ticket.wait_while_paused(stall));
                source.meanwhile(waiting).await?;
                source.touch();
            }
            let read = source.read(ticket.live()).await;
            if let Some(read) = read.map_err(|error| error.with_phase(Phase::Stream))? {
                break read;
            }
        };
        *batch = spare::take(ticket.joins());
        *ended = source.decode(read, decoder, batch).await.transpose();
        *at = source.last_bytes;
    }
}

// What was provably not seen, on a connection that had died or was closing unseen, costs one free try, never more.
async fn send(job: &Job, candidate: &Candidate, record: &mut Record) -> Result<Exchanged> {
    let (transport, mut route) = way(job, candidate);
    let credential = auth::credential(&*job.control, &candidate.provider).await?;
    loop {
        let mut http = encode(job, candidate, record)?;
        if let Some(credential) = &credential {
            auth::prove(&mut http, credential, &candidate.provider)?;
        }
        match transport.send(http, &route).await {
            Err(failed) if failed.free && failed.sent == Sent::No && !route.fresh => {
                route.fresh = true;
            }
            outcome => return outcome.map_err(|failed| failed.error),
        }
    }
}

fn way<'j>(job: &'j Job, candidate: &Candidate) -> (&'j Arc<dyn Transport>, Route) {
    let transport = match candidate.mock {
        true => &job.scripts,
        false => &job.sockets,
    };
    let route = Route {
        provider: candidate.provider.clone(),
        connect: candidate.timeouts.connect,
        fresh: false,
    };
    (transport, route)
}

fn encode(job: &Job, candidate: &Candidate, record: &mut Record) -> Result<http::Request<Bytes>> {
    let target = Target {
        provider: &candidate.provider.id,
        model: candidate.target.model(),
        base_url: &candidate.provider.base_url,
        stream: job.stream,
        operation: job.asked.operation,
        quirks: &candidate.provider.quirks,
        unsupported: candidate.unsupported,
        extra_body: job.asked.extra_body.as_deref().map(str::as_bytes),
    };
    let wire = candidate.wire;
    let encoded = match &job.caller {
        None => wire.encode(&job.request, &target)?,
        Some(caller) => caller.encode(&job.request, wire, &target)?,
    };
    record.dropped = encoded.dropped;
    let mut http = encoded.http;
    for (name, value) in candidate.headers() {
        http.headers_mut().insert(name, value.clone());
    }
    if let Some(key) = candidate.key() {
        candidate.provider.auth.apply(&mut http, key.expose())?;
    }
    Ok(http)
}

impl Record {
    fn begin(&mut self, candidate: &Candidate, keep_text: bool) {
        self.response = Response::default();
        self.response.keep_text(keep_text);
        self.target = candidate.target.clone();
        self.wire = candidate.wire.name();
        self.request_id = None;
        self.begun = clock::now();
        self.underway = Some(Phase::Send);
    }

    fn end(&mut self, candidate: &Candidate, error: Option<&Error>, took: Duration) {
        self.underway = None;
        // Only parts say whose they are.
        if self.response.has_parts() {
            self.response.set_provider(&candidate.provider.id);
        }
        self.attempts
            .push(report::attempt(&candidate.target, error, took));
    }

    /// An error that came from outside, a cancel or the deadline, ends the attempt that is under way, too.
    fn interrupted(&mut self, error: Error) -> Error {
        let Some(phase) = self.underway.take() else {
            return error;
        };
        let error = error.with_phase(phase);
        let took = clock::now() - self.begun;
        let attempt = report::attempt(&self.target, Some(&error), took);
        self.attempts.push(attempt);
        error
    }
}

fn answered(record: &Record, request: u64, done: &str) -> Answered {
    let made_id = |choice, index| report::tool_id(request, choice, index);
    let created = clock::wall()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let text = record.response.text().unwrap_or_default().to_owned();
    let mut json = record.response.chat_completion_json(&made_id);
    // An object that is never empty: what only this side knows goes before its end.
    json.truncate(json.len() - 1);
    json.push_str(&format!(r#","created":{created},"libllm":{done}}}"#));
    Answered { text, json }
}

// A provider may repeat the key that it refuses.
fn discreet(error: Error, candidate: &Candidate) -> Error {
    match candidate.key() {
        Some(key) => error.without(key.expose()),
        None => error,
    }
}

fn out_of_time(total: Option<Duration>) -> Error {
    let total = total.unwrap_or_default().as_secs_f64();
    Error::new(
        ErrorKind::Timeout,
        format!("the request's deadline of {total} s passed"),
    )
}
