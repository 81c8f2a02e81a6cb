//! Attempts beside each other, of which the first to begin its answer wins: a race from the start, or a second one beside a first that is
//! slow. Nothing of those that lose reaches the consumer; their connections close with them.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
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
pub(crate) enum Lineup {
    /// These at once.
    Race(Vec<usize>),
    /// One, and another if that has not begun by then.
    Hedge(Hedge),
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
    pub(crate) candidate: Arc<Candidate>,
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

type Ran = (Box<Record>, Arc<Candidate>, Result<Box<Live>>);

/// A runner that has ended.
struct Ended {
    target: usize,
    attempt: u32,
    hedge: bool,
    record: Box<Record>,
    candidate: Arc<Candidate>,
    outcome: Result<Box<Live>>,
}

/// Runs a race until one begins its answer, or all have failed. `attempt` is the number of the first one. Every one of them is in the
/// record at the end, the winner's as the one that is under way.
pub(crate) async fn run(
    job: &Job,
    racers: &[usize],
    ticket: &Ticket,
    record: &mut Record,
    attempt: u32,
    deadline: Option<Instant>,
) -> Score {
    let mut field = Field {
        job,
        ticket,
        runners: Vec::with_capacity(racers.len()),
        last: attempt - 1,
        asked: 0,
        deadline,
        beside: record.held.beside(),
        meter: record.meter.clone(),
        waited: record.waited,
    };
    let mut held = Some(record.held.split());
    for one in racers {
        // The first one was let in before.
        field.start(*one, false, held.take());
    }
    if let Some(first) = racers.first() {
        // What is told of a call that is interrupted meanwhile.
        record.target = job.candidates[*first].target.clone();
        (record.begun, record.underway) = (clock::now(), Some(Phase::Send));
        record.asked = Some(job.candidates[*first].provider.clone());
        record.span = field.runners.first().map_or(0, |runner| runner.span);
    }
    loop {
        let ended = poll_fn(|cx| field.poll(cx)).await;
        if ended.outcome.is_err() && !field.runners.is_empty() {
            note(ended.record, record);
            continue;
        }
        let score = field.score(ended, record);
        field.losers(record);
        return score;
    }
}

/// The attempt that has begun in this record, and a second one beside it if it is slow. Mostly it is not: little is made ready for a
/// second before it is needed.
pub(crate) async fn hedged(
    job: &Job,
    hedge: Hedge,
    candidate: Arc<Candidate>,
    ticket: &Ticket,
    record: &mut Record,
    attempt: u32,
    deadline: Option<Instant>,
) -> Score {
    let mut field = Field {
        job,
        ticket,
        runners: Vec::new(),
        last: attempt,
        asked: 1 << hedge.beside,
        deadline,
        beside: Held::default(),
        meter: record.meter.clone(),
        waited: record.waited,
    };
    let share = record.held.share();
    let at = record.begun.checked_add(hedge.after);
    let first = {
        let mut opening = pin!(open(job, &candidate, ticket, record));
        let mut alarm = Alarm::default();
        let early = poll_fn(|cx| match opening.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => alarm.poll(cx, at).map(|()| None),
        });
        match early.await {
            Some(outcome) => First::Ended(outcome, None),
            None => {
                field.beside = Held::sharing(share);
                field.hedge(hedge);
                field.first(opening).await
            }
        }
    };
    let outcome = match first {
        First::Beaten(second) => return field.beaten(&candidate, second, record),
        First::Ended(outcome, failed) => {
            if let Some(mut failed) = failed {
                // As if it had come before.
                record.inherit_tries(&mut failed.record);
            }
            outcome.map_err(|error| discreet(error, &candidate))
        }
    };
    if let Err(error) = &outcome {
        record.end(&candidate, Some(error), clock::now() - record.begun);
        if !field.runners.is_empty() {
            let second = poll_fn(|cx| field.poll(cx)).await;
            return field.score(second, record);
        }
    }
    field.losers(record);
    Score {
        outcome,
        candidate,
        target: hedge.beside,
        attempt,
        last: field.last,
        hedged: false,
        asked: field.asked,
    }
}

/// What became of an attempt beside which another was begun.
enum First {
    /// It is over, and the other had failed by then, if it is there.
    Ended(Result<Box<Live>>, Option<Ended>),
    /// The other was faster.
    Beaten(Ended),
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
            let own = candidate.with_next_key(record.held.key());
            let candidate = own.map_or_else(|| candidate.clone(), Arc::new);
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
    fn hedge(&mut self, hedge: Hedge) {
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

    /// Waits for the first attempt, which is turned elsewhere, or for a second that is faster.
    async fn first(
        &mut self,
        mut opening: Pin<&mut impl Future<Output = Result<Box<Live>>>>,
    ) -> First {
        let mut failed = None;
        poll_fn(|cx| {
            if let Poll::Ready(outcome) = opening.as_mut().poll(cx) {
                return Poll::Ready(First::Ended(outcome, failed.take()));
            }
            match self.poll(cx) {
                Poll::Ready(ended) if ended.outcome.is_ok() => Poll::Ready(First::Beaten(ended)),
                Poll::Ready(ended) => {
                    failed = Some(ended);
                    Poll::Pending
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// The second attempt was faster than the first, which is dropped on the way, as those are that lose a race.
    fn beaten(&self, candidate: &Candidate, second: Ended, record: &mut Record) -> Score {
        record.turn = None;
        drop(record.held.split());
        let lost = Lost {
            begun: record.begun,
            span: record.span,
            reason: record.reason,
        };
        let score = self.score(second, record);
        lost.tell(candidate, clock::now(), record);
        score
    }

    /// The call goes on with this one.
    fn score(&self, ended: Ended, record: &mut Record) -> Score {
        if ended.hedge && ended.outcome.is_ok() {
            let counts = &self.ticket.process().counters.tries;
            counts.hedges_won.fetch_add(1, Ordering::Relaxed);
        }
        note(ended.record, record);
        Score {
            outcome: ended.outcome,
            candidate: ended.candidate,
            target: ended.target,
            attempt: ended.attempt,
            last: self.last,
            hedged: ended.hedge,
            asked: self.asked,
        }
    }

    /// Ends those that are still under way.
    fn losers(&mut self, record: &mut Record) {
        if self.runners.is_empty() {
            return;
        }
        let now = clock::now();
        for runner in self.runners.drain(..) {
            let lost = Lost {
                begun: runner.begun,
                span: runner.span,
                reason: reason(runner.hedge),
            };
            lost.tell(&self.job.candidates[runner.target], now, record);
        }
    }
}

/// The call's record is now this attempt's, with all that were before it.
fn note(mut ended: Box<Record>, record: &mut Record) {
    ended.inherit(record);
    std::mem::swap(&mut *ended, record);
}

/// An attempt that another was faster than.
struct Lost {
    begun: Instant,
    span: u64,
    reason: Reason,
}

impl Lost {
    fn tell(&self, candidate: &Candidate, now: Instant, record: &mut Record) {
        let error = Error::new(ErrorKind::Canceled, "another target answered first");
        let mut lost = Record::new(self.begun);
        lost.target = candidate.target.clone();
        lost.asked = Some(candidate.provider.clone());
        (lost.reason, lost.span) = (self.reason, self.span);
        record.tried(lost.attempt(Some(&error), now - self.begun));
    }
}

fn reason(hedge: bool) -> Reason {
    match hedge {
        true => Reason::Hedge,
        false => Reason::First,
    }
}
