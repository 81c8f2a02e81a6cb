//! Attempts beside each other, of which the first to begin its answer wins: a race from the start, or a second one beside a first that is
//! slow. Nothing of those that lose reaches the consumer; their connections close with them.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::admit::Held;
use crate::attempt::{Live, discreet, open};
use crate::call::Job;
use crate::clock::{self, Alarm};
use crate::cost::Meter;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::guard;
use crate::plan::Candidate;
use crate::report::{Reason, Record};
use crate::store::Waited;
use crate::ticket::Ticket;
use crate::trace;
use crate::transport::BoxFuture;

/// Who is asked.
#[derive(Debug)]
pub(crate) struct Lineup {
    /// At once.
    pub(crate) first: Vec<usize>,
    /// If none has begun by then.
    pub(crate) hedge: Option<Hedge>,
}

/// A second attempt beside a slow one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hedge {
    pub(crate) after: Duration,
    /// Beside whom, and who was asked before: who is asked is chosen when it comes to that.
    pub(crate) beside: usize,
    pub(crate) tried: u64,
    /// The largest share of requests that is asked twice.
    pub(crate) max_extra: f64,
}

/// How it went.
pub(crate) struct Score {
    pub(crate) outcome: Result<Box<Live>>,
    /// Whose outcome it is, with the key it was asked with.
    pub(crate) candidate: Candidate,
    pub(crate) target: usize,
    /// Which attempt that was.
    pub(crate) attempt: u32,
    /// The number of the last attempt that was made.
    pub(crate) last: u32,
    /// A second attempt beside a slow one won.
    pub(crate) hedged: bool,
    /// A bit for each candidate that was asked.
    pub(crate) asked: u64,
}

/// One attempt under way.
struct Runner<'j> {
    target: usize,
    attempt: u32,
    hedge: bool,
    begun: Instant,
    /// The attempt's number in its trace.
    span: u64,
    run: BoxFuture<'j, Ran>,
}

type Ran = (Box<Record>, Candidate, Result<Box<Live>>);

/// A runner that has ended.
struct Ended {
    target: usize,
    attempt: u32,
    hedge: bool,
    record: Box<Record>,
    candidate: Candidate,
    outcome: Result<Box<Live>>,
}

/// Runs them until one begins its answer, or all have failed. `attempt` is the number of the first one. Every one of them is in the
/// record at the end, the winner's as the one that is under way.
pub(crate) async fn run(
    job: &Job,
    lineup: &Lineup,
    ticket: &Ticket,
    record: &mut Record,
    attempt: u32,
    deadline: Option<Instant>,
) -> Score {
    let mut field = Field {
        job,
        ticket,
        runners: Vec::with_capacity(lineup.first.len() + 1),
        last: attempt - 1,
        asked: 0,
        deadline,
        beside: record.held.beside(),
        meter: record.meter.clone(),
        waited: record.waited,
    };
    let mut held = Some(record.held.split());
    for one in &lineup.first {
        // The first one was let in before.
        field.start(*one, false, held.take());
    }
    if let Some(first) = lineup.first.first() {
        // What is told of a call that is interrupted meanwhile.
        record.target = job.candidates[*first].target.clone();
        (record.begun, record.underway) = (clock::now(), Some(Phase::Send));
        record.asked = Some(job.candidates[*first].provider.clone());
        record.span = field.runners.first().map_or(0, |runner| runner.span);
    }
    let mut hedge = lineup.hedge;
    let at = hedge.and_then(|hedge| clock::now().checked_add(hedge.after));
    let mut alarm = Alarm::default();
    loop {
        let ended = poll_fn(|cx| match field.poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if hedge.is_some() => alarm.poll(cx, at).map(|()| None),
            Poll::Pending => Poll::Pending,
        })
        .await;
        let Some(ended) = ended else {
            field.hedge(hedge.take());
            continue;
        };
        let over = ended.outcome.is_ok() || field.runners.is_empty();
        field.note(ended.record, record);
        if over {
            field.losers(record);
            if ended.hedge && ended.outcome.is_ok() {
                let counts = &ticket.process().counters.tries;
                counts.hedges_won.fetch_add(1, Ordering::Relaxed);
            }
            return Score {
                outcome: ended.outcome,
                candidate: ended.candidate,
                target: ended.target,
                attempt: ended.attempt,
                last: field.last,
                hedged: ended.hedge,
                asked: field.asked,
            };
        }
    }
}

struct Field<'j> {
    job: &'j Job,
    ticket: &'j Ticket,
    runners: Vec<Runner<'j>>,
    last: u32,
    asked: u64,
    deadline: Option<Instant>,
    /// What is held for those that are not let in yet.
    beside: Held,
    meter: Option<Meter>,
    /// How long the call has waited for Redis.
    waited: Waited,
}

impl<'j> Field<'j> {
    /// Begins one; whoever holds no place for it yet waits for one.
    fn start(&mut self, target: usize, hedge: bool, held: Option<Held>) {
        let (job, ticket, deadline) = (self.job, self.ticket, self.deadline);
        let candidate = &job.candidates[target];
        let mut record = Box::new(Record::new(ticket.started()));
        record.reason = reason(hedge);
        record.meter.clone_from(&self.meter);
        record.waited = self.waited;
        // What is screened may not pass as it came, whoever of them says it.
        record.screened = guard::screens(&job.rules);
        let span = trace::span_id();
        self.last += 1;
        self.asked |= 1 << target;
        let let_in = held.is_some();
        record.held = held.unwrap_or_else(|| self.beside.beside());
        let run = Box::pin(async move {
            match &job.pass {
                Some(pass) if !let_in => {
                    let held = (&mut record.held, &mut record.waited);
                    let admitted = pass.admit_beside(&job.candidates, target, held, deadline);
                    if let Err(full) = Box::pin(admitted).await {
                        return (record, candidate.clone(), Err(full));
                    }
                }
                _ => {}
            }
            let own = candidate.with_next_key(record.held.key(), clock::now());
            let candidate = own.unwrap_or_else(|| candidate.clone());
            record.begin(&candidate, job.keeps_text());
            record.span = span;
            ticket.process().counters.attempted();
            let begun = record.begun;
            let outcome = open(job, &candidate, ticket, &mut record).await;
            let outcome = outcome.map_err(|error| discreet(error, &candidate));
            if let Err(error) = &outcome {
                record.end(&candidate, Some(error), clock::now() - begun);
            }
            (record, candidate, outcome)
        });
        self.runners.push(Runner {
            target,
            attempt: self.last,
            hedge,
            begun: clock::now(),
            span,
            run,
        });
    }

    /// Starts a second attempt, if another target is well and there is the money for it.
    fn hedge(&mut self, hedge: Option<Hedge>) {
        let Some(hedge) = hedge else { return };
        let candidates = &self.job.candidates;
        let Some(target) = candidates.beside(hedge.beside, hedge.tried) else {
            return;
        };
        let counts = &self.ticket.process().counters.tries;
        let funds = &self.job.funds;
        if funds.hedge(&candidates[target], hedge.max_extra, clock::now()) {
            counts.hedged.fetch_add(1, Ordering::Relaxed);
            self.start(target, true, None);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        for place in 0..self.runners.len() {
            if let Poll::Ready((record, candidate, outcome)) =
                self.runners[place].run.as_mut().poll(cx)
            {
                let runner = self.runners.remove(place);
                return Poll::Ready(Ended {
                    target: runner.target,
                    attempt: runner.attempt,
                    hedge: runner.hedge,
                    record,
                    candidate,
                    outcome,
                });
            }
        }
        Poll::Pending
    }

    /// The call's record is now this attempt's, with all that were before it.
    fn note(&self, mut ended: Box<Record>, record: &mut Record) {
        ended.inherit(record);
        std::mem::swap(&mut *ended, record);
    }

    /// Ends those that are still under way.
    fn losers(&mut self, record: &mut Record) {
        let now = clock::now();
        for runner in self.runners.drain(..) {
            let candidate = &self.job.candidates[runner.target];
            let error = Error::new(ErrorKind::Canceled, "another target answered first");
            let took = now - runner.begun;
            let mut lost = Record::new(runner.begun);
            lost.target = candidate.target.clone();
            lost.asked = Some(candidate.provider.clone());
            (lost.reason, lost.span) = (reason(runner.hedge), runner.span);
            record.tried(lost.attempt(Some(&error), took));
        }
    }
}

fn reason(hedge: bool) -> Reason {
    match hedge {
        true => Reason::Hedge,
        false => Reason::First,
    }
}
