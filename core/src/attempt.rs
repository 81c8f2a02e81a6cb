//! One try at one target: until its first item, and what follows it. Whether another try follows is the loop's business (`call.rs`).

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use libllm_proto::decoder::Decoder;
use libllm_proto::event::Batch;
use libllm_proto::operation;
use libllm_proto::wire::{Ending, Exchange, Head, Target, Unsupported};

use crate::auth;
use crate::cached::Lead;
use crate::call::Job;
use crate::check::{self, Checked, check};
use crate::clock;
use crate::error::{Error, Phase, Result, without};
use crate::guard::Screen;
use crate::inbound::{Caller, end_to_end};
use crate::outlet::Outlet;
use crate::own;
use crate::pace::Flowing;
use crate::partial;
use crate::plan::Candidate;
use crate::report::Record;
use crate::request::Request;
use crate::secret::Secret;
use crate::source::{Patience, Read, Source, before, spare};
use crate::ticket::Ticket;
use crate::transport::{Exchanged, Route, Sent, Transport};

mod hear;

/// An answer that has begun: its first item is here, and nothing may be tried again.
pub(crate) struct Live {
    source: Source,
    decoder: Decoder,
    outlet: Outlet,
    /// What looks at the answer before it leaves.
    screen: Option<Box<Screen>>,
    /// What was read and not handed over yet; nothing while more is waited for.
    batch: Option<Box<Batch>>,
    /// When the bytes of the batch came.
    pub(crate) at: Instant,
    /// How the answer ended, if it has; an error is told after the batch.
    ended: Option<Result<Ending>>,
    /// The way to others who wait for the same answer, and to what is kept.
    lead: Option<Box<Lead>>,
}

impl Live {
    /// What comes is for others, too.
    pub(crate) fn share(&mut self, lead: Box<Lead>) {
        self.lead = Some(lead);
    }

    /// Whether others may wait for it.
    pub(crate) fn is_led(&self) -> bool {
        self.lead.is_some()
    }

    pub(crate) fn lead(&self) -> Option<&Lead> {
        self.lead.as_deref()
    }

    /// It is over.
    pub(crate) fn take_lead(&mut self) -> Option<Box<Lead>> {
        self.lead.take()
    }

    /// Another request reads on from here; what was read so far it has got already.
    pub(crate) fn inherit(&mut self, outlet: Outlet) {
        self.outlet = outlet;
        self.batch = None;
        self.source.inherit();
    }
}

/// How far a pump came.
pub(crate) enum Pumped {
    /// To the end.
    Over,
    /// Others wait for what follows, and this request's consumer does not take what is here: the events that it still has to get, from
    /// this one on.
    Behind(Box<Batch>, usize),
}

// Everything that may be retried or fallen back from ends here, before the first item.
pub(crate) async fn open(
    job: &Job,
    candidate: &Candidate,
    ticket: &Ticket,
    record: &mut Record,
) -> Result<Box<Live>> {
    crate::fault::point("open");
    record.key = ticket.account.as_ref().and(candidate.key().cloned());
    let patience = Patience::of(&candidate.timeouts, &job.asked, job.stream);
    let first_by = patience.first_token.map(|first| record.begun + first);
    let exchanged = {
        // It stays here, and is not moved into what waits for it: for most of a call's time this is what a call is.
        let sending = pin!(send(job, candidate, record));
        before(first_by, sending, || patience.late("the answer's head")).await??
    };
    let mut live = begin(
        job,
        candidate,
        ticket,
        record,
        exchanged,
        (patience, first_by),
    );
    loop {
        let Live {
            source,
            decoder,
            batch,
            ..
        } = &mut *live;
        let batch = &mut **batch.get_or_insert_with(|| spare::take(ticket.joins()));
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
            record.items_begin(live.at, ticket.started());
            return Ok(live);
        }
    }
}

// The answer's head is here. No part of a future: what it takes up would stay taken up in every call that waits.
fn begin(
    job: &Job,
    candidate: &Candidate,
    ticket: &Ticket,
    record: &mut Record,
    exchanged: Exchanged,
    (patience, first_by): (Patience, Option<Instant>),
) -> Box<Live> {
    record.headed(&exchanged, candidate);
    let (head, caller) = (exchanged.head, job.caller.as_deref());
    record.refused_with(&head, caller, candidate);
    let outlet = Outlet::open(caller, candidate, &head, ticket, record);
    let mut source = Source::new(exchanged.body, patience, first_by);
    if outlet.taps() {
        source.tap(tap_max(job));
    }
    // Where it stays: it is too large to be handed on from future to future.
    Box::new(Live {
        at: source.last_bytes,
        source,
        decoder: decoder(job, candidate, head, record.answer_tool),
        outlet,
        screen: Screen::of(&job.rules, ticket.joins()),
        batch: None,
        ended: None,
        lead: None,
    })
}

// What is passed on at once is kept only until it is known to be whole.
fn tap_max(job: &Job) -> usize {
    match job.stream {
        true => job.limits.event,
        false => usize::try_from(job.limits.answer).unwrap_or(usize::MAX),
    }
}

impl Record {
    fn headed(&mut self, exchanged: &Exchanged, candidate: &Candidate) {
        self.underway = Some(Phase::FirstItem);
        self.connect = exchanged.connected.or(self.connect);
        let id = exchanged.head.request_id().map(str::to_owned);
        self.request_id = id.map(|id| {
            secrets(candidate).fold(id, |id, secret| without(&id, secret.expose()).unwrap_or(id))
        });
        if let Some(turn) = &self.turn {
            turn.head(&exchanged.head.headers);
        }
    }

    // What an SDK reads of its provider's refusal beside the body: how much of a limit is left, whose answer it is. The body is kept
    // decoded.
    fn refused_with(&mut self, head: &Head, caller: Option<&Caller>, candidate: &Candidate) {
        if caller.is_none() || head.status < 400 {
            return;
        }
        let headers = end_to_end(&head.headers);
        let headers = headers.filter(|(name, _)| *name != "content-encoding");
        let shown = |(name, value): (&str, &str)| {
            let value = secrets(candidate).fold(value.to_owned(), |value, secret| {
                without(&value, secret.expose()).unwrap_or(value)
            });
            (name.to_owned(), value)
        };
        self.refusal = Some(Box::new((head.status, headers.map(shown).collect())));
    }

    fn items_begin(&mut self, at: Instant, started: Instant) {
        if let Some(turn) = &mut self.turn {
            turn.first(at);
        }
        self.first_item = Some(at - started);
        self.piece(at);
    }
}

fn decoder(job: &Job, candidate: &Candidate, head: Head, answer_tool: bool) -> Decoder {
    let exchange = Exchange {
        stream: job.stream,
        operation: job.asked.operation,
        quirks: &candidate.provider.quirks,
        packed: wants_packed(&job.request),
        answer_tool,
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

// Whether vectors are asked for in base64: then that is what the caller gets.
fn wants_packed(request: &Request) -> bool {
    let format = request.field("encoding_format");
    format.is_some_and(|format| format.starts_with(b"\"base64"))
}

/// After the first item: hand over, read on. Nothing is tried again. An answer that others wait for may be given up to them.
pub(crate) async fn pump(
    live: &mut Live,
    provider: &str,
    stall: Duration,
    ticket: &mut Ticket,
    record: &mut Record,
) -> Result<Pumped> {
    let outcome = flow(live, provider, stall, ticket, record).await;
    if let Err(error) = &outcome {
        Box::pin(live.outlet.broken(error, ticket, stall)).await;
    }
    outcome
}

async fn flow(
    live: &mut Live,
    provider: &str,
    stall: Duration,
    ticket: &mut Ticket,
    record: &mut Record,
) -> Result<Pumped> {
    let mut flowing = None;
    loop {
        // What comes from here on is behind the last bytes that were read.
        ticket.waited = Duration::ZERO;
        if let Some(mut batch) = live.batch.take() {
            if let Some(screen) = &mut live.screen {
                screen.pass(&mut batch, live.ended.is_some(), record)?;
            }
            record.response.absorb(&batch);
            let handing = live.hand_over(&mut batch, provider, stall, ticket);
            if let Some(done) = handing.await? {
                return Ok(Pumped::Behind(batch, done));
            }
            spare::give(batch);
        }
        if let Some(ended) = live.ended.take() {
            let ending = ended.map_err(|error| error.with_phase(Phase::Stream))?;
            Box::pin(live.end(ending, provider, stall, ticket, record)).await?;
            return Ok(Pumped::Over);
        }
        flowing.get_or_insert_with(Flowing::new);
        crate::fault::point("pump");
        let Some(read) = live.read(stall, ticket).await? else {
            return Ok(Pumped::Behind(Box::default(), 0));
        };
        let mut batch = spare::take(ticket.joins());
        let Live {
            source, decoder, ..
        } = live;
        live.ended = source.decode(read, decoder, &mut batch).await.transpose();
        live.at = live.source.last_bytes;
        if batch.has_item() {
            record.piece(live.at);
        }
        live.batch = Some(batch);
    }
}

impl Live {
    // Gives the batch to who follows and to whom it is for; a number if they wait for what this one does not take from there on.
    async fn hand_over(
        &mut self,
        batch: &mut Batch,
        provider: &str,
        stall: Duration,
        ticket: &mut Ticket,
    ) -> Result<Option<usize>> {
        let holds = self.screen.as_ref().is_some_and(|screen| screen.holds());
        if let Some(lead) = self.lead.as_mut().filter(|_| !holds) {
            lead.publish(batch);
            if self.outlet.is_events() {
                // Rare, and larger than all the rest: streams that nobody follows need not have room for it.
                return Box::pin(self.hand_over_followed(batch, provider, stall, ticket)).await;
            }
        }
        let Live {
            source,
            outlet,
            screen,
            at,
            ..
        } = self;
        match screen.as_mut().filter(|screen| screen.holds()) {
            Some(screen) => screen.held.push(std::mem::take(batch)),
            None => {
                let delivering = outlet.deliver(batch, source, provider, *at, ticket, stall);
                delivering.await?;
            }
        }
        Ok(None)
    }

    async fn hand_over_followed(
        &mut self,
        batch: &Batch,
        provider: &str,
        stall: Duration,
        ticket: &mut Ticket,
    ) -> Result<Option<usize>> {
        let (Some(lead), mut done) = (&self.lead, 0) else {
            return Ok(None);
        };
        let waited = {
            let delivering = ticket.deliver_from(batch, &mut done, provider, self.at, stall);
            let delivering = std::pin::pin!(delivering);
            let waiting = std::pin::pin!(lead.unless_followed(delivering));
            self.source.meanwhile(waiting).await
        };
        match waited {
            Some(delivered) => delivered.map(|()| None),
            None => Ok(Some(done)),
        }
    }

    // The provider has said all: so has the record, and what a screen held back goes its way.
    async fn end(
        &mut self,
        ending: Ending,
        provider: &str,
        stall: Duration,
        ticket: &mut Ticket,
        record: &mut Record,
    ) -> Result<()> {
        let Live {
            source,
            outlet,
            screen,
            at,
            ..
        } = self;
        record.incomplete = ending.incomplete;
        record.response.finish(!ending.incomplete);
        if let Some(screen) = screen {
            screen.check(record)?;
            for batch in screen.held.drain(..) {
                if let Some(lead) = &mut self.lead {
                    lead.publish(&batch);
                }
                outlet
                    .deliver(&batch, source, provider, *at, ticket, stall)
                    .await?;
            }
        }
        record.last_bytes = Some(*at);
        outlet.finish(*at, ticket, stall).await
    }

    // Waits while this one's consumer is paused; false if others wait for what follows.
    async fn resumed(&mut self, stall: Duration, ticket: &mut Ticket) -> Result<bool> {
        let waiting = std::pin::pin!(ticket.wait_while_paused(stall));
        match &self.lead {
            Some(lead) if self.outlet.is_events() => {
                let waiting = std::pin::pin!(lead.unless_followed(waiting));
                match self.source.meanwhile(waiting).await {
                    Some(resumed) => resumed?,
                    None => return Ok(false),
                }
            }
            _ => self.source.meanwhile(waiting).await?,
        }
        self.source.touch();
        Ok(true)
    }

    // The next bytes, or how they ended; nothing if others wait for them and this one's consumer is paused.
    async fn read(&mut self, stall: Duration, ticket: &mut Ticket) -> Result<Option<Read>> {
        loop {
            if ticket.live().is_paused() && !Box::pin(self.resumed(stall, ticket)).await? {
                return Ok(None);
            }
            let read = self.source.read(ticket.live()).await;
            if let Some(read) = read.map_err(|error| error.with_phase(Phase::Stream))? {
                return Ok(Some(read));
            }
        }
    }
}

pub(crate) async fn connect(job: &Job, candidate: &Candidate, record: &mut Record) -> Result<()> {
    let http = encode(job, candidate, record)?;
    let (transport, route) = way(job, candidate);
    record.connect = transport.warm(http.uri(), &route).await?;
    Ok(())
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
        own::sends();
        record.held.sends();
        match transport.send(http, &route).await {
            Err(failed) if failed.free && failed.sent == Sent::No && !route.fresh => {
                route.fresh = true;
            }
            Err(failed) => {
                if failed.sent == Sent::No {
                    record.held.unsent();
                }
                return Err(failed.error);
            }
            exchanged => return exchanged.map_err(|failed| failed.error),
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
    let (request, mut changed) = checked(job, candidate)?;
    let request = partial::begun(request, candidate, record)?;
    let encoded = match &job.caller {
        None => operation::encode(wire, &request, &target)?,
        Some(caller) => caller.encode(&request, wire, &target)?,
    };
    record.answer_tool = encoded.answers_by_tool();
    changed.extend(encoded.dropped);
    record.dropped = changed;
    let mut http = encoded.http;
    for (name, value) in candidate.headers() {
        http.headers_mut().insert(name, value.clone());
    }
    if let Some(key) = candidate.key() {
        candidate.provider.auth.apply(&mut http, key.expose())?;
    }
    if let Some(trace) = &job.trace {
        trace.hand_on(record.span, http.headers_mut());
    }
    Ok(http)
}

// As it was written, unless its caller wants it held against what is known of the model.
fn checked<'j>(job: &'j Job, candidate: &Candidate) -> Result<Checked<'j>> {
    let plain = (Cow::Borrowed(&job.request), Vec::new());
    let known = job
        .asked
        .check_limits
        .then(|| job.catalog.model(&candidate.target));
    let Some(known) = known.flatten() else {
        return Ok(plain);
    };
    match &job.caller {
        None => check(&job.request, &known, candidate.unsupported),
        Some(_) if candidate.unsupported == Unsupported::Pass => Ok(plain),
        Some(caller) => check::prompt(caller.said(&job.request), &known).map(|()| plain),
    }
}

// A provider may repeat the key that it refuses.
pub(crate) fn discreet(error: Error, candidate: &Candidate) -> Error {
    secrets(candidate).fold(error, |error, secret| error.without(secret.expose()))
}

fn secrets(candidate: &Candidate) -> impl Iterator<Item = Secret> {
    let key = candidate.key().cloned();
    key.into_iter().chain(auth::sent(&candidate.provider))
}
