//! An answer on its way that more than one request waits for: who leads asks for it, who sits in the flight reads along, each at
//! their own pace. When the leader goes, one of the others goes on with what it was reading.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use libllm_proto::event::{Batch, Place};

use super::entry::{Entry, Facts};
use super::question::{Digest, Patience, Question, Seen};
use super::second;
use super::semantic::Nearby;
use crate::admit::Held;
use crate::attempt::Live;
use crate::call::Job;
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::plan::Candidate;
use crate::policy::cache as policy;
use crate::process::Process;
use crate::report::{Kept, Record};
use crate::store::Memory;
use crate::ticket::Ticket;
use crate::vitals::Turn;

/// The answers that are on their way.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Course, Arc<Flight>>>);

/// Requests of one course may share an answer: one question, asked in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Course {
    pub(super) key: u128,
    pub(super) stream: bool,
    pub(super) patience: Patience,
}

/// What becomes of a request whose answer is not kept.
pub(super) enum Boarded {
    /// It came in between.
    Kept(Arc<Entry>),
    /// It asks.
    Leads(Arc<Flight>),
    /// It reads along.
    Sits(Seat),
}

impl Flights {
    /// Nobody else boards what flies now.
    pub(super) fn clear(&self) {
        crate::lock(&self.0).clear();
    }

    /// Finds the flight of this course, or begins one.
    pub(super) fn board(&self, course: Course, memory: &Memory<Entry>, ticket: &Ticket) -> Boarded {
        let mut flights = crate::lock(&self.0);
        if let Some(seat) = flights.get(&course).and_then(Flight::sit) {
            return Boarded::Sits(seat);
        }
        // A leader keeps the answer before its flight is over: who sees neither is the first.
        if let Some(entry) = memory.get(course.key) {
            return Boarded::Kept(entry);
        }
        let flight = Flight::new(ticket);
        flights.insert(course, flight.clone());
        Boarded::Leads(flight)
    }

    fn leave(&self, course: &Course, flight: &Arc<Flight>) {
        let mut flights = crate::lock(&self.0);
        if flights
            .get(course)
            .is_some_and(|now| Arc::ptr_eq(now, flight))
        {
            flights.remove(course);
        }
    }
}

/// One answer on its way.
pub(super) struct Flight {
    state: Mutex<State>,
    process: &'static Process,
    /// The request that began it.
    leader: Arc<crate::live::Live>,
}

#[derive(Default)]
struct State {
    facts: Option<Arc<Facts>>,
    /// What came so far.
    events: Batch,
    /// The same, once it is whole and kept.
    entry: Option<Arc<Entry>>,
    end: Option<End>,
    /// Left by a leader who went.
    heir: Option<Box<Heir>>,
    seats: Vec<Option<Waker>>,
    free: Vec<usize>,
    sitting: usize,
    /// Bytes that the process was told of.
    counted: usize,
    /// It is larger than what may be kept: who sits may stay, nobody else comes.
    overgrown: bool,
}

#[derive(Clone)]
enum End {
    Whole { incomplete: bool },
    Failed { error: Error, personal: bool },
}

/// An answer that lost its leader while others read it.
pub(crate) struct Heir {
    pub(crate) live: Box<Live>,
    pub(crate) target: Arc<Candidate>,
    /// Who asked for it has gone, and tells nobody what it took.
    pub(crate) pays: bool,
    /// What goes with it to whoever reads on.
    pub(crate) stake: Stake,
}

/// What the request that reads an answer has of everything that is limited, and its turn at the target: both last as long as the answer.
#[derive(Default)]
pub(crate) struct Stake {
    held: Held,
    turn: Option<Turn>,
}

impl Stake {
    fn of(record: &mut Record) -> Stake {
        Stake {
            held: std::mem::take(&mut record.held),
            turn: record.turn.take(),
        }
    }

    pub(super) fn go_to(self, record: &mut Record) {
        (record.held, record.turn) = (self.held, self.turn);
    }
}

impl Flight {
    pub(super) fn new(ticket: &Ticket) -> Arc<Flight> {
        Arc::new(Flight {
            state: Mutex::default(),
            process: ticket.process(),
            leader: ticket.live().clone(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        crate::lock(&self.state)
    }

    // `None` if nobody can read it from its beginning any more.
    fn sit(self: &Arc<Flight>) -> Option<Seat> {
        let mut state = self.state();
        if state.overgrown || matches!(state.end, Some(End::Failed { .. })) {
            return None;
        }
        let seat = self.take_seat(&mut state);
        drop(state);
        // Who waits for its own consumer need not any more: another reads on.
        self.leader.wake();
        Some(seat)
    }

    fn take_seat(self: &Arc<Flight>, state: &mut State) -> Seat {
        state.sitting += 1;
        let number = state.free.pop().unwrap_or_else(|| {
            state.seats.push(None);
            state.seats.len() - 1
        });
        Seat {
            flight: self.clone(),
            number,
            place: Place::default(),
        }
    }

    // Counts what is held among what waits in the process's queues.
    fn count(&self, state: &mut State) {
        let bytes = state.events.cost();
        if bytes > state.counted {
            self.process.memory.add(bytes - state.counted);
        } else {
            self.process.memory.sub(state.counted - bytes);
        }
        state.counted = bytes;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if self.process.is_current() {
            self.process.memory.sub(self.state().counted);
        }
    }
}

impl State {
    fn events(&self) -> &Batch {
        self.entry
            .as_ref()
            .map_or(&self.events, |entry| &entry.events)
    }

    fn wakers(&mut self) -> Vec<Waker> {
        self.seats.iter_mut().filter_map(Option::take).collect()
    }
}

/// The place of one who reads along.
pub(super) struct Seat {
    flight: Arc<Flight>,
    number: usize,
    place: Place,
}

/// What there is for one who reads along.
pub(super) enum News {
    /// Events.
    Events,
    /// Nothing more will come; whether the provider sends no sign of the end.
    Over { incomplete: bool },
    /// Nor will the rest. `personal`: it is the leader's own affair.
    Failed { error: Error, personal: bool },
    /// The leader went, and left the rest to whoever takes it.
    Heir(Box<Heir>),
}

impl Seat {
    /// Who answers, if that is known.
    pub(super) fn facts(&self) -> Option<Arc<Facts>> {
        self.flight.state().facts.clone()
    }

    /// What there is now; otherwise the task is woken when there is something.
    pub(super) fn poll(&mut self, cx: &Context<'_>, out: &mut Batch) -> Poll<News> {
        let mut state = self.flight.state();
        self.place = state.events().since(self.place, out);
        if !out.is_empty() {
            return Poll::Ready(News::Events);
        }
        if let Some(heir) = state.heir.take() {
            return Poll::Ready(News::Heir(heir));
        }
        match state.end.clone() {
            Some(End::Whole { incomplete }) => Poll::Ready(News::Over { incomplete }),
            Some(End::Failed { error, personal }) => Poll::Ready(News::Failed { error, personal }),
            None => {
                state.seats[self.number] = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let heir = {
            let mut state = self.flight.state();
            state.seats[self.number] = None;
            state.free.push(self.number);
            state.sitting -= 1;
            match state.sitting {
                0 => state.heir.take(),
                // It may have been woken to take it, and goes instead.
                _ if state.heir.is_some() => {
                    let others = state.wakers();
                    drop(state);
                    others.into_iter().for_each(Waker::wake);
                    None
                }
                _ => None,
            }
        };
        // Outside the lock: its own end is told to this flight.
        drop(heir);
    }
}

/// The one who asks. Dropped before its end, it has gone.
pub(crate) struct Lead {
    question: Box<Question>,
    seen: Seen,
    flight: Arc<Flight>,
    /// None: nobody else is to read along.
    course: Option<Course>,
    /// When it was asked for, and what other processes call it.
    begun: Instant,
    digest: Option<Digest>,
    /// How it is compared with others.
    nearby: Option<Nearby>,
    ended: bool,
}

impl Lead {
    pub(super) fn new(
        question: Box<Question>,
        seen: Seen,
        flight: Arc<Flight>,
        course: Option<Course>,
        digest: Option<Digest>,
    ) -> Box<Lead> {
        Box::new(Lead {
            question,
            seen,
            flight,
            course,
            begun: clock::now(),
            digest,
            nearby: None,
            ended: false,
        })
    }

    /// Looks for the answer where it takes time: what other processes have, and what was answered to almost the same question.
    pub(super) async fn find(
        &mut self,
        job: &Job,
        record: &mut Record,
    ) -> Option<(Arc<Entry>, Kept)> {
        let (key, process) = (self.seen.key, self.flight.process);
        if let Some(entry) = Box::pin(second::find(
            &self.question,
            key,
            self.digest.as_ref(),
            &mut record.waited,
            process,
        ))
        .await
        {
            self.found(&entry, None);
            return Some((entry, Kept::Redis));
        }
        self.nearby = Box::pin(self.question.nearby(job, process)).await;
        let (entry, likeness) = self.question.nearest(self.nearby.as_ref()?, process)?;
        self.found(&entry, Some(likeness));
        Some((entry, Kept::Semantic(likeness)))
    }

    // It need not be asked for: everybody who waits for it has it.
    fn found(&mut self, entry: &Arc<Entry>, similarity: Option<f32>) {
        {
            let mut state = self.flight.state();
            let facts = entry.facts.clone();
            state.facts = Some(Arc::new(Facts {
                similarity,
                ..facts
            }));
            state.entry = Some(entry.clone());
        }
        self.end(End::Whole { incomplete: false });
    }

    /// Who answers is known.
    pub(crate) fn commit(&mut self, record: &Record) {
        self.flight.state().facts = Some(Arc::new(Facts::of(record)));
    }

    /// Hands events to everybody who reads along.
    pub(crate) fn publish(&mut self, batch: &Batch) {
        let (wakers, overgrown) = {
            let mut state = self.flight.state();
            if state.overgrown && state.sitting == 0 {
                return;
            }
            state.events.keep(batch, DELTA_MAX);
            let overgrown = !state.overgrown && state.events.cost() > self.question.entry_max;
            state.overgrown |= overgrown;
            if state.overgrown && state.sitting == 0 {
                state.events = Batch::new();
            }
            self.flight.count(&mut state);
            (state.wakers(), overgrown)
        };
        if overgrown {
            self.unlist();
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A place behind all that came so far, for a leader who becomes one of those who read along.
    pub(super) fn seat(&self) -> Seat {
        let mut state = self.flight.state();
        let place = state.events().end();
        let mut seat = self.flight.take_seat(&mut state);
        seat.place = place;
        seat
    }

    /// Does `work`, unless it has to wait while somebody reads along: `None` then.
    pub(crate) async fn unless_followed<T>(
        &self,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.flight.state().sitting > 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// The answer is whole: it is kept, if it is worth it.
    pub(crate) fn complete(&mut self, record: &Record) {
        let worth = policy::is_storable(&record.response, record.incomplete, self.seen.limited);
        let entry = {
            let mut state = self.flight.state();
            let kept = worth && !state.overgrown;
            let entry = kept.then(|| state.facts.clone()).flatten().map(|facts| {
                let mut events = std::mem::take(&mut state.events);
                events.shrink();
                let mut facts = (*facts).clone();
                facts.dropped.extend(record.found_in_answer());
                Arc::new(self.entry(facts, events))
            });
            state.entry = entry.clone();
            self.flight.count(&mut state);
            entry
        };
        if let Some(entry) = entry
            && self.question.cache.keep(self.seen.key, entry.clone())
        {
            second::keep(&self.question, self.digest.as_ref(), &entry);
            if let Some(nearby) = self.nearby.take() {
                self.question.cache.remember(self.seen.key, nearby, &entry);
            }
        }
        self.end(End::Whole {
            incomplete: record.incomplete,
        });
    }

    /// No answer came, or not all of it.
    pub(crate) fn fail(&mut self, error: &Error) {
        self.end(End::Failed {
            error: error.clone(),
            personal: is_personal(error),
        });
    }

    /// Whoever reads along goes on with what was being read; if nobody does, that is its end.
    pub(super) fn hand_over(
        live: Box<Live>,
        target: Arc<Candidate>,
        pays: bool,
        record: &mut Record,
    ) {
        let Some(flight) = live.lead().map(|lead| lead.flight.clone()) else {
            return;
        };
        let mut state = flight.state();
        if state.sitting == 0 {
            drop(state);
            // Its lead goes with it, and says so.
            drop(live);
            return;
        }
        state.heir = Some(Box::new(Heir {
            live,
            target,
            pays,
            stake: Stake::of(record),
        }));
        let wakers = state.wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn entry(&self, facts: Facts, events: Batch) -> Entry {
        let Question {
            how, ttl, tenant, ..
        } = &*self.question;
        Entry {
            facts,
            events,
            asked: self.seen.asked.clone(),
            tenant: tenant.clone(),
            tags: how.tags.clone(),
            name: how.key.clone(),
            begun: self.begun,
            there: None,
            until: clock::now() + *ttl,
        }
    }

    fn end(&mut self, end: End) {
        self.ended = true;
        // First: who comes now begins anew, or finds it kept.
        self.unlist();
        let wakers = {
            let mut state = self.flight.state();
            state.end = Some(end);
            state.wakers()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn unlist(&self) {
        if let Some(course) = &self.course {
            self.question.cache.flights.leave(course, &self.flight);
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.ended {
            let error = Error::new(ErrorKind::Canceled, GONE);
            self.end(End::Failed {
                error,
                personal: true,
            });
        }
    }
}

/// Whether a failure is the asking request's own affair, and no word of the provider's.
pub(crate) fn is_personal(error: &Error) -> bool {
    use ErrorKind::{Canceled, Closed, ConsumerStalled, Internal};
    matches!(error.kind(), Canceled | Closed | ConsumerStalled | Internal)
}

const GONE: &str = "the request whose answer this one shared has gone";
/// Kept text comes back in pieces of this size: no more of it waits in a queue at once than of any stream.
const DELTA_MAX: usize = 16 << 10;
