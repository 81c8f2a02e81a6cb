//! Answers from before, and answers that others are just getting: the loop looks here before it asks anybody.
//!
//! ```text
//! look -> kept?  replay
//!      -> asked?  sit in that flight, read along (follow)
//!      -> neither: lead; what comes is published, and kept when it is whole
//! ```

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use libllm_proto::event::{Batch, Usage};
use libllm_proto::response::Response;

use crate::attempt::{Live, Pumped, pump};
use crate::call::Job;
use crate::clock;
use crate::error::{Error, Phase, Result};
use crate::outlet::Outlet;
use crate::plan::Candidate;
use crate::process::Process;
use crate::report::{self, Reason, Record};
use crate::source::spare;
use crate::store::{Kept, Memory};
use crate::ticket::Ticket;

mod counters;
mod entry;
mod flight;
mod forgotten;
pub(crate) mod invalidate;
mod letter;
mod mark;
pub(crate) mod probe;
mod question;
pub(crate) mod second;
pub(crate) mod semantic;

pub(crate) use counters::Counters;
pub(crate) use flight::{Heir, Lead};
pub(crate) use question::Question;

use counters::count;
use entry::{Entry, Facts};
use flight::{Boarded, Course, Flight, Flights, News, Seat};
use forgotten::Forgotten;
use question::Secret;
use semantic::Near;

/// What a client keeps of answers. Takes nothing before the first is kept.
pub(crate) struct Cache {
    memory: OnceLock<Memory<Entry>>,
    max_bytes: usize,
    flights: Flights,
    secret: Secret,
    /// Questions by what they are about.
    near: Arc<Near>,
    /// What is void lately; others are told of it.
    forgotten: Arc<Forgotten>,
    /// Somebody keeps answers in Redis, too.
    shared: Arc<AtomicBool>,
    /// Bytes and answers of it that the process counts.
    counted: [AtomicU64; 2],
    process: &'static Process,
}

/// What the cache has for a request.
pub(crate) enum Found {
    /// Its answer, which has been delivered.
    Told,
    /// Nothing, and nothing that it says is kept.
    Nothing,
    /// Nothing: what it gets is for others, too.
    Lead(Box<Lead>),
    /// The rest of an answer whose beginning has been delivered.
    Heir(Box<Heir>),
}

impl Cache {
    pub(crate) fn new(max_bytes: usize, process: &'static Process) -> Cache {
        Cache {
            memory: OnceLock::new(),
            max_bytes,
            flights: Flights::default(),
            secret: Secret::default(),
            near: Arc::default(),
            forgotten: Arc::default(),
            shared: Arc::default(),
            counted: Default::default(),
            process,
        }
    }

    /// The same with room for so many bytes.
    pub(crate) fn resized(self: &Arc<Cache>, max_bytes: usize) -> Arc<Cache> {
        if self.max_bytes == max_bytes {
            return self.clone();
        }
        let mut resized = Cache::new(max_bytes, self.process);
        resized.secret = self.secret.clone();
        resized.near = self.near.clone();
        resized.forgotten = self.forgotten.clone();
        resized.shared = self.shared.clone();
        let kept = self.memory.get().map(Memory::all).unwrap_or_default();
        for (key, entry) in kept {
            resized.keep(key, entry);
        }
        Arc::new(resized)
    }

    fn memory(&self) -> &Memory<Entry> {
        self.memory.get_or_init(|| Memory::new(self.max_bytes))
    }

    // Says no to what is void already.
    fn keep(&self, key: u128, entry: Arc<Entry>) -> bool {
        if self.forgotten.covers(&entry) {
            return false;
        }
        if entry.bytes() > self.max_bytes {
            return true;
        }
        let (memory, begun) = (self.memory(), entry.begun);
        // One that was asked for later is newer, whichever ends first.
        if memory.get(key).is_some_and(|kept| kept.begun > begun) {
            return true;
        }
        memory.put(key, entry.clone());
        // What was forgotten in between did not find it.
        let void = self.forgotten.covers(&entry);
        if void {
            memory.remove(|kept| self.forgotten.covers(kept));
        }
        !void
    }

    // From now on what others say is void is void here.
    fn share(&self) {
        if !self.is_shared() {
            self.shared.store(true, Ordering::Relaxed);
        }
    }

    fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Relaxed)
    }

    /// Counts what is kept.
    pub(crate) fn measure(&self) {
        let (bytes, entries) = self.memory.get().map_or((0, 0), Memory::size);
        self.count(bytes, entries);
    }

    // What is counted of this one follows what it keeps.
    fn count(&self, bytes: u64, entries: u64) {
        let counters = &self.process.counters.cache;
        for (now, counted, total) in [
            (bytes, &self.counted[0], &counters.bytes),
            (entries, &self.counted[1], &counters.entries),
        ] {
            let before = counted.swap(now, Ordering::Relaxed);
            total.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if self.process.is_current() {
            self.count(0, 0);
        }
    }
}

/// Answers from what is kept or from what others are getting, if it can be; else says what is to be done.
pub(crate) async fn look(
    question: Box<Question>,
    job: &Job,
    ticket: &mut Ticket,
    record: &mut Record,
) -> Result<Found> {
    let Some(seen) = question.see(job) else {
        return Ok(Found::Nothing);
    };
    let (cache, counters) = (question.cache.clone(), &ticket.process().counters.cache);
    if question.how.refresh {
        let (flight, digest) = (Flight::new(ticket), question.digest(job));
        return Ok(Found::Lead(Lead::new(question, seen, flight, None, digest)));
    }
    let course = Course {
        key: seen.key,
        stream: job.stream,
        patience: question.patience,
    };
    let mut failures = 0;
    loop {
        let kept = cache.memory().get(seen.key);
        let boarded = match kept {
            Some(entry) => Boarded::Kept(entry),
            None => cache.flights.board(course, cache.memory(), ticket),
        };
        match boarded {
            Boarded::Kept(entry) => {
                count(&counters.hits);
                replay(&entry, report::Kept::Memory, job, ticket, record).await?;
                return Ok(Found::Told);
            }
            Boarded::Leads(flight) => {
                let digest = question.digest(job);
                let mut lead = Lead::new(question, seen, flight, Some(course), digest);
                let Some((entry, from)) = lead.find(job, record).await else {
                    count(&counters.misses);
                    return Ok(Found::Lead(lead));
                };
                count(&counters.hits);
                replay(&entry, from, job, ticket, record).await?;
                return Ok(Found::Told);
            }
            Boarded::Sits(seat) => {
                count(&counters.joins);
                match follow(seat, None, Some(job), ticket, record, &mut failures).await? {
                    Followed::Told => return Ok(Found::Told),
                    Followed::Heir(heir) => return Ok(Found::Heir(heir)),
                    Followed::Alone => {}
                }
            }
        }
    }
}

async fn replay(
    entry: &Entry,
    from: report::Kept,
    job: &Job,
    ticket: &mut Ticket,
    record: &mut Record,
) -> Result<()> {
    record.from = from;
    let mut delivery = Delivery::begin(&entry.facts, job, ticket, record);
    delivery.hand(&entry.events, ticket, record).await?;
    delivery.end(false, ticket, record).await
}

enum Followed {
    Told,
    Heir(Box<Heir>),
    /// Nothing came of it: it looks again, and may lead.
    Alone,
}

// Reads along to the end. `job` is there for as long as nothing was delivered.
async fn follow(
    mut seat: Seat,
    mut delivery: Option<Delivery>,
    job: Option<&Job>,
    ticket: &mut Ticket,
    record: &mut Record,
    failures: &mut u32,
) -> Result<Followed> {
    loop {
        if ticket.live().is_paused() {
            let stall = delivery.as_ref().map(|delivery| delivery.stall);
            let stall = stall.or_else(|| Some(stall_of(job?)));
            ticket.wait_while_paused(stall.unwrap_or_default()).await?;
        }
        let mut batch = spare::take(ticket.joins());
        let live = ticket.live().clone();
        let news = poll_fn(|cx| match live.is_paused() {
            true => Poll::Ready(None),
            false => seat.poll(cx, &mut batch).map(Some),
        });
        let Some(news) = news.await else { continue };
        if delivery.is_none()
            && matches!(news, News::Events | News::Heir(_))
            && let (Some(facts), Some(job)) = (seat.facts(), job)
        {
            record.from = facts
                .similarity
                .map_or(report::Kept::Flight, report::Kept::Semantic);
            delivery = Some(Delivery::begin(&facts, job, ticket, record));
        }
        match (news, &mut delivery) {
            (News::Events, Some(delivery)) => {
                let outcome = delivery.hand(&batch, ticket, record).await;
                spare::give(batch);
                outcome?;
            }
            (News::Over { incomplete }, Some(delivery)) => {
                delivery.end(incomplete, ticket, record).await?;
                return Ok(Followed::Told);
            }
            (News::Heir(mut heir), Some(_)) => {
                let outlet = delivery.map_or(Outlet::Events, |delivery| delivery.outlet);
                heir.live.inherit(outlet);
                record.take_over(&mut heir);
                return Ok(Followed::Heir(heir));
            }
            (News::Failed { error, .. }, Some(delivery)) => {
                delivery.broken(&error, ticket).await;
                return Err(error);
            }
            // Whoever has heard nothing yet may still ask for itself: once after a failure of the provider.
            (
                News::Failed {
                    error,
                    personal: false,
                },
                None,
            ) if *failures > 0 => return Err(error),
            (News::Failed { personal, .. }, None) => {
                *failures += u32::from(!personal);
                return Ok(Followed::Alone);
            }
            (News::Events | News::Over { .. } | News::Heir(_), None) => {
                return Ok(Followed::Alone);
            }
        }
    }
}

fn stall_of(job: &Job) -> Duration {
    job.candidates[0].timeouts.consumer_stall
}

/// An answer that a leader asked for has begun, or not: those who wait for it are told.
pub(crate) fn led(
    mut lead: Box<Lead>,
    committed: Result<(Box<Live>, Arc<Candidate>)>,
    record: &Record,
) -> Result<(Box<Live>, Arc<Candidate>)> {
    match committed {
        Ok((mut live, target)) => {
            lead.commit(record);
            live.share(lead);
            Ok((live, target))
        }
        Err(error) => {
            lead.fail(&error);
            Err(error)
        }
    }
}

/// Moves an answer that others may wait for to their flight and to this request's consumer. If that one cannot keep up, somebody
/// else goes on reading, and this request reads along. Gone before the end, it leaves the rest to the others.
pub(crate) async fn carry(
    live: Box<Live>,
    target: &Arc<Candidate>,
    ticket: &mut Ticket,
    record: &mut Record,
) -> Result<()> {
    let mut held = Held::new(live, target.clone(), record);
    loop {
        let target = held.target.clone();
        let (provider, stall) = (&target.provider.id, target.timeouts.consumer_stall);
        let Some(live) = &mut held.live else {
            return Ok(());
        };
        match pump(live, provider, stall, ticket, held.record).await {
            Ok(Pumped::Over) => {
                if let Some(mut lead) = held.end() {
                    lead.complete(held.record);
                }
                return Ok(());
            }
            Ok(Pumped::Behind(rest, mut done)) => {
                let seat = live.lead().map(Lead::seat);
                let at = live.at;
                held.pays = false;
                drop(held);
                let Some(seat) = seat else { return Ok(()) };
                let delivering = ticket.deliver_from(&rest, &mut done, provider, at, stall);
                delivering.await?;
                let delivery = Delivery {
                    outlet: Outlet::Events,
                    provider: provider.clone(),
                    stall,
                };
                let mut failures = 1;
                let reading = follow(seat, Some(delivery), None, ticket, record, &mut failures);
                match reading.await? {
                    Followed::Heir(heir) => held = Held::new(heir.live, heir.target, record),
                    Followed::Told | Followed::Alone => return Ok(()),
                }
            }
            // What the provider said is the others' affair, too; what this request's consumer did is not.
            Err(error) => {
                if !flight::is_personal(&error)
                    && let Some(mut lead) = held.end()
                {
                    lead.fail(&error);
                }
                return Err(error);
            }
        }
    }
}

/// What is being read, left to those who read along when it is dropped.
struct Held<'r> {
    live: Option<Box<Live>>,
    target: Arc<Candidate>,
    pays: bool,
    record: &'r mut Record,
}

impl<'r> Held<'r> {
    fn new(live: Box<Live>, target: Arc<Candidate>, record: &'r mut Record) -> Held<'r> {
        Held {
            live: Some(live),
            target,
            pays: true,
            record,
        }
    }

    fn end(&mut self) -> Option<Box<Lead>> {
        self.live.take()?.take_lead()
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            Lead::hand_over(live, self.target.clone(), self.pays, self.record);
        }
    }
}

impl Record {
    /// What this request used of what somebody must pay for.
    pub(crate) fn spent(&self) -> Option<&Usage> {
        self.response.usage().filter(|_| !self.cached)
    }

    // It reads on, and has what the one before it had for that.
    fn take_over(&mut self, heir: &mut Heir) {
        self.cached &= !heir.pays;
        self.price.clone_from(&heir.target.price);
        self.begun = clock::now();
        self.underway = Some(Phase::Stream);
        std::mem::take(&mut heir.stake).go_to(self);
    }
}

/// The delivery of an answer that was asked for by another request.
struct Delivery {
    outlet: Outlet,
    provider: String,
    stall: Duration,
}

impl Delivery {
    fn begin(facts: &Facts, job: &Job, ticket: &mut Ticket, record: &mut Record) -> Delivery {
        let now = clock::now();
        facts.tell(record);
        record.response = Response::default();
        record.response.keep_text(job.keeps_text());
        record.first_item = Some(now - ticket.started());
        let caller = job.caller.as_deref();
        if caller.is_none() {
            record.reason = Reason::Cache;
            ticket.route(report::route(record, 1), now);
        }
        Delivery {
            outlet: Outlet::anew(caller, &facts.target, ticket, record),
            provider: facts.target.provider().to_owned(),
            stall: stall_of(job),
        }
    }

    async fn hand(
        &mut self,
        batch: &Batch,
        ticket: &mut Ticket,
        record: &mut Record,
    ) -> Result<()> {
        record.response.absorb(batch);
        let at = clock::now();
        self.outlet
            .hand(batch, &self.provider, at, ticket, self.stall)
            .await
    }

    async fn end(
        &mut self,
        incomplete: bool,
        ticket: &mut Ticket,
        record: &mut Record,
    ) -> Result<()> {
        record.incomplete = incomplete;
        record.response.finish(!incomplete);
        if record.response.has_parts() {
            record.response.set_provider(&self.provider);
        }
        self.outlet.finish(clock::now(), ticket, self.stall).await
    }

    async fn broken(&mut self, error: &Error, ticket: &mut Ticket) {
        self.outlet.broken(error, ticket, self.stall).await;
    }
}
