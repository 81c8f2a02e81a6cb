//! The loop: one call from plan to terminal event, top to bottom. Before the first item everything may be tried again;
//! after it nothing is, and the two are different functions with a type between them.
//!
//! Long: a call is read from top to bottom, in one place.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant, UNIX_EPOCH};

use libllm_proto::decoder::Limits;
use libllm_proto::wire::Operation;

use crate::admit::Pass;
use crate::attempt::{Live, connect, discreet, open, pump};
use crate::cached::{self, Found, Question};
use crate::catalog::Catalog;
use crate::chorus;
use crate::clock::{self, Alarm};
use crate::config::{Config, Guardrail, Hooks, OnPartial};
use crate::contest::{self, Lineup, Score};
use crate::cost::Meter;
use crate::error::{Error, ErrorKind, Phase, Result, Status};
use crate::estimate;
use crate::explain;
use crate::funds::Funds;
use crate::guard;
use crate::hooks::{self, Replan};
use crate::inbound::{self, Caller};
use crate::keys;
use crate::observe::{self, Ended};
use crate::options::Options;
use crate::outlet::{self, Answer};
use crate::own::Own;
use crate::partial;
use crate::plan::Candidate;
use crate::policy::retry;
use crate::queue::EventType;
use crate::report::{self, Reason, Record};
use crate::request::Request;
use crate::route::Candidates;
use crate::store::{Redis, cooldowns};
use crate::ticket::Ticket;
use crate::trace::{self, Trace};
use crate::transport::Transport;

/// One call, ready to run.
pub(crate) struct Job {
    pub(crate) request: Request,
    /// When the host asked.
    pub(crate) began: Instant,
    /// When it left the host's thread.
    pub(crate) handed: Instant,
    /// Figures are kept by target.
    pub(crate) counted: bool,
    /// The answer is told to whoever listens.
    pub(crate) captures: bool,
    pub(crate) asked: Asked,
    pub(crate) candidates: Candidates,
    pub(crate) stream: bool,
    pub(crate) retry: retry::Policy,
    pub(crate) funds: Arc<Funds>,
    pub(crate) on_partial: OnPartial,
    pub(crate) limits: Limits,
    pub(crate) sockets: Arc<dyn Transport>,
    /// What is known of models.
    pub(crate) catalog: Arc<Catalog>,
    /// The way to those who issue credentials.
    pub(crate) control: Arc<dyn Transport>,
    pub(crate) scripts: Arc<dyn Transport>,
    /// Where the whole answer goes, for callers who wait for it.
    pub(crate) answer: Option<Arc<Mutex<Option<Answered>>>>,
    /// Who asked over HTTP, in a provider's format.
    pub(crate) caller: Option<Box<Caller>>,
    /// What it shows to be admitted, where anything is limited.
    pub(crate) pass: Option<Box<Pass>>,
    /// What other processes share with this one.
    pub(crate) shared: Option<Arc<Redis>>,
    /// What the host is asked, and who is asked should it replace the request.
    pub(crate) hooks: Hooks,
    /// What the cache is asked first.
    pub(crate) question: Option<Box<Question>>,
    pub(crate) replan: Option<Replan>,
    /// What may not pass.
    pub(crate) rules: Arc<[Guardrail]>,
    /// The trace that it belongs to.
    pub(crate) trace: Option<Arc<Trace>>,
}

impl Job {
    /// Whether it is asked again when it is cut. What left over HTTP cannot be made void.
    fn asks_again(&self) -> bool {
        self.on_partial != OnPartial::Error && self.caller.is_none()
    }

    pub(crate) fn keeps_text(&self) -> bool {
        let asked = self.asked.message || self.answer.is_some() || self.captures;
        asked || guard::needs_text(&self.rules) || self.on_partial == OnPartial::Continue
    }

    // The same once more, for who is not content with the answer. What the host replaces it cannot be asked for twice.
    fn again(&self) -> Option<Box<Job>> {
        let wanted = guard::repair(&self.rules).is_some();
        (wanted && self.caller.is_none() && !self.hooks.before).then(|| {
            Box::new(Job {
                request: self.request.clone(),
                asked: self.asked.clone(),
                candidates: self.candidates.clone(),
                funds: self.funds.clone(),
                sockets: self.sockets.clone(),
                catalog: self.catalog.clone(),
                control: self.control.clone(),
                scripts: self.scripts.clone(),
                answer: self.answer.clone(),
                caller: None,
                pass: self.pass.clone(),
                shared: self.shared.clone(),
                replan: None,
                question: None,
                rules: self.rules.clone(),
                trace: self.trace.clone(),
                ..*self
            })
        })
    }
}

/// What of a request's options matters while it runs; the rest went into its candidates.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    /// Open a connection, and ask nothing.
    pub(crate) warms: bool,
    /// Say who would be asked, and ask nobody.
    pub(crate) explains: bool,
    /// Deliver the provider's own chunks too.
    pub(crate) raw: bool,
    /// Give the whole text in the last event.
    pub(crate) message: bool,
    /// The caller set the time to the first token, or between tokens: then they hold for unary answers too.
    pub(crate) first_token: bool,
    pub(crate) idle: bool,
    /// The request is held against what is known of the model before it is sent.
    pub(crate) check_limits: bool,
    /// Merged into the request's body last.
    pub(crate) extra_body: Option<String>,
}

impl Asked {
    pub(crate) fn of(options: &Options, config: &Config) -> Asked {
        Asked {
            // The plan has refused what is unknown.
            operation: options.operation().unwrap_or_default(),
            warms: options.warms(),
            explains: options.explains(),
            raw: options.raw,
            message: options.message,
            first_token: options.first_token_timeout.is_some(),
            idle: options.idle_timeout.is_some(),
            check_limits: options.check_limits.unwrap_or(config.check_limits),
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
#[expect(
    clippy::manual_async_fn,
    reason = "an async function would keep its ticket twice"
)]
pub(crate) fn run(job: Box<Job>, mut ticket: Ticket) -> impl Future<Output = ()> {
    async move {
        let mut record = Record::new(job.began);
        let mut own = Own::new(job.began, job.handed, clock::now());
        // A connection that was opened is no answer of a model.
        record.streams = job.stream;
        record.counted = (job.counted && !job.asked.warms).then(|| job.asked.operation.name());
        let (with_text, place) = (job.asked.message, job.answer.clone());
        let total = job
            .candidates
            .first()
            .and_then(|first| first.timeouts.total);
        let deadline = total.and_then(|total| ticket.started().checked_add(total));
        let live = ticket.live().clone();
        let meter = Meter::new(&job.catalog, &job.request);
        record.meter = Some(meter.clone());
        let outcome = {
            // Boxed, so that the call is small while it is moved to its shard.
            let mut work = Box::pin(attended(job, &mut ticket, &mut record, deadline));
            let mut alarm = Alarm::default();
            poll_fn(|cx| {
                if live.listen(cx) {
                    return Poll::Ready(Err(Error::new(ErrorKind::Canceled, "canceled")));
                }
                match own.during(|| work.as_mut().poll(cx)) {
                    Poll::Pending => alarm.poll(cx, deadline).map(|()| Err(out_of_time(total))),
                    ready => ready,
                }
            })
            .await
        };
        let outcome = outcome.map_err(|error| record.interrupted(error));
        record.tell_flags();
        let (error, used) = (outcome.as_ref().err(), record.response.usage());
        record.held.over(error, used, clock::now());
        record.cost = record.costs(&meter);
        record.add_up();
        let now = clock::now();
        let ended = Ended::of(&record, error, Some((own, ticket.waited)), now);
        ended.count(ticket.process());
        let took = ended.at - ticket.started();
        match &outcome {
            Ok(()) => {
                tracing::debug!(target: "libllm", request = ticket.id(), to = %record.target, ms = took.as_millis() as u64, "done");
                let json = report::done(&record, ticket.id(), with_text, took);
                if let Some(place) = place {
                    *crate::lock(&place) = Some(answered(&record, ticket.id(), &json));
                }
                ticket.finish(EventType::Done, Status::Ok, &json);
            }
            Err(error) => {
                tracing::warn!(target: "libllm", request = ticket.id(), to = %record.target, kind = error.kind().name(), "{error}");
                ticket.finish(
                    EventType::Error,
                    error.status(),
                    &report::failed(&record, error),
                );
            }
        }
        if let Some(account) = ticket.account.take() {
            account.tell(&ended);
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

// A call and its host's word on how it went, if it wants to know.
async fn attended(
    job: Box<Job>,
    ticket: &mut Ticket,
    record: &mut Record,
    deadline: Option<Instant>,
) -> Result<()> {
    let (hooks, with_text) = (job.hooks, job.asked.message);
    let asks_nobody = job.asked.warms || job.asked.explains;
    let again = job.again();
    let mut outcome = drive(job, ticket, record, deadline).await;
    if let (Err(error), Some(mut job)) = (&outcome, again) {
        let text = record.response.text().unwrap_or_default();
        if let Some(better) = guard::better(&job.request, &job.rules, error, text) {
            job.request = better;
            record.put_by(true);
            outcome = Box::pin(drive(job, ticket, record, deadline)).await;
        }
    }
    if !hooks.after || asks_nobody {
        return outcome;
    }
    Box::pin(hooks::after(
        hooks, outcome, with_text, ticket, record, deadline,
    ))
    .await
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
    if job.hooks.before && !job.asked.explains {
        Box::pin(hooks::before(&mut job, ticket, deadline)).await?;
    }
    guard::request(&mut job, record)?;
    observe::capture(&job, ticket);
    if job.asked.explains {
        return Box::pin(explain::tell(&job, ticket, record)).await;
    }
    if estimate::is_due(&job) {
        return Box::pin(estimate::tell(&job, ticket, record)).await;
    }
    if chorus::is_due(&job) {
        return Box::pin(chorus::run(&job, ticket, record, deadline)).await;
    }
    let mut found = match job.question.take() {
        None => Ok(Found::Nothing),
        Some(question) => Box::pin(cached::look(question, &job, ticket, record)).await,
    };
    count_request(&job, &found);
    let mut course = Box::new(Course::new(&job, record.attempts.len()));
    loop {
        let committed = match std::mem::replace(&mut found, Ok(Found::Nothing)) {
            Ok(Found::Told) => return Ok(()),
            Ok(Found::Heir(heir)) => Ok((heir.live, heir.target)),
            Ok(Found::Lead(lead)) => {
                let committed = Box::pin(commit(&job, &mut course, ticket, record, deadline)).await;
                cached::led(lead, committed, record)
            }
            Ok(Found::Nothing) => {
                Box::pin(commit(&job, &mut course, ticket, record, deadline)).await
            }
            Err(error) => Err(error),
        };
        let (mut live, target) = match committed {
            Ok(committed) => committed,
            Err(error) => return Box::pin(refused(job, error, ticket, record)).await,
        };
        // A stream may last for hours: what was asked is not kept for it, unless it may be asked again.
        let kept = Some(job).filter(|job| job.asks_again() && !live.is_led());
        let begun = record.begun;
        let (provider, stall) = (&target.provider.id, target.timeouts.consumer_stall);
        let outcome = match live.is_led() {
            true => Box::pin(cached::carry(live, &target, ticket, record)).await,
            false => {
                let pumping = pump(&mut live, provider, stall, ticket, record);
                // A box each: allocators keep what is below a kilobyte in better order than what is above.
                Box::pin(pumping).await.map(drop)
            }
        };
        let outcome = outcome.map_err(|error| discreet(error, &target));
        record.end(&target, outcome.as_ref().err(), clock::now() - begun);
        let (Err(error), Some(kept)) = (&outcome, kept) else {
            return outcome;
        };
        partial::again(&kept, &mut course, error, record)?;
        let next = follow(&kept, &mut course, error.clone(), ticket, record, deadline);
        Box::pin(next).await?;
        job = kept;
    }
}

// What others have asked for is no request that may be tried again.
fn count_request(job: &Job, found: &Result<Found>) {
    if !matches!(found, Ok(Found::Told | Found::Heir(_))) {
        job.funds.request(clock::now());
    }
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
            record.refused = Some(error);
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

// Waits for room. Who has none is passed by, if another has: then it says who.
pub(crate) async fn admitted(
    job: &Job,
    (current, tried): (usize, u64),
    record: &mut Record,
    deadline: Option<Instant>,
) -> Result<Option<usize>> {
    let Some(pass) = &job.pass else {
        return Ok(None);
    };
    let untried = job.candidates.from(current);
    let untried = untried.filter(|at| *at == current || tried >> at & 1 == 0);
    let answers = chorus::answers(job, current);
    let wanted = (current, untried.clone());
    if pass.admit_at_once(&job.candidates, wanted, answers, &mut record.held) {
        record.queued.get_or_insert_default();
        return Ok(None);
    }
    let admitted = pass.admit(
        &job.candidates,
        untried,
        answers,
        (&mut record.held, &mut record.waited),
        deadline,
    );
    let asked = clock::now();
    let other = Box::pin(admitted).await?;
    let waited = clock::now() - asked;
    record.queued = Some(record.queued.unwrap_or_default() + waited);
    Ok(other.filter(|other| *other != current))
}

// Where a request stands among its candidates.
pub(crate) struct Course {
    pub(crate) current: usize,
    /// Attempts made, and of those the ones at the current target.
    attempt: u32,
    here: u32,
    /// A bit for each candidate that was asked, or cannot be.
    pub(crate) tried: u64,
    /// A bit for each in whose place another was asked.
    passed: u64,
    reason: Reason,
    /// Something was delivered: what is done about that.
    pub(crate) cut: Option<Reason>,
}

impl Course {
    // Attempts that were made before count with those that follow.
    fn new(job: &Job, attempts: usize) -> Course {
        let current = job.candidates.start();
        Course {
            current,
            attempt: attempts as u32,
            here: 0,
            tried: 1 << current,
            passed: 0,
            reason: Reason::First,
            cut: None,
        }
    }

    /// Who is asked beside the current target, if anybody is.
    fn lineup(&self, job: &Job) -> Option<Lineup> {
        if self.attempt > 1 || self.cut.is_some() || job.candidates.len() < 2 {
            return None;
        }
        if job.candidates.races(self.current) {
            let racers = job.candidates.racers(self.current);
            if racers.len() > 1 {
                return Some(Lineup::Race(racers));
            }
        }
        let hedge = job.candidates.hedge?;
        let vitals = &job.candidates[self.current].vitals;
        Some(Lineup::Hedge(contest::Hedge {
            after: vitals.usual(hedge.percentile)?.max(hedge.min_delay),
            beside: self.current,
            tried: self.tried,
            max_extra: hedge.max_extra,
        }))
    }
}

// Attempts until one commits, or none may follow; says which target it was.
async fn commit(
    job: &Job,
    course: &mut Course,
    ticket: &mut Ticket,
    record: &mut Record,
    deadline: Option<Instant>,
) -> Result<(Box<Live>, Arc<Candidate>)> {
    loop {
        if let Some(other) = admitted(job, (course.current, course.tried), record, deadline).await?
        {
            course.turn(other);
        }
        if let Some(other) = course.instead(job) {
            record.held.withdraw();
            course.turn(other);
            continue;
        }
        let (outcome, candidate) = attempt(job, course, ticket, record, deadline).await?;
        let error = match outcome {
            Ok(live) => {
                job.funds.earn(&candidate);
                if job.caller.is_none() {
                    let route = report::route(record, course.attempt);
                    ticket.route(route, live.at);
                }
                record.underway = Some(Phase::Stream);
                job.candidates.answers(course.current, live.at);
                return Ok((live, candidate));
            }
            Err(error) => error,
        };
        cooldowns::tell_of(job, &candidate, &error);
        let other_key = keys::another(&candidate, &error, ticket).await;
        if other_key && course.attempt < job.retry.max_attempts {
            course.reason = course.because(Reason::Retry);
            continue;
        }
        follow(job, course, error, ticket, record, deadline).await?;
    }
}

// One attempt, or several beside each other.
async fn attempt(
    job: &Job,
    course: &mut Course,
    ticket: &mut Ticket,
    record: &mut Record,
    deadline: Option<Instant>,
) -> Result<(Result<Box<Live>>, Arc<Candidate>)> {
    let candidate = &job.candidates[course.current];
    course.attempt += 1;
    course.here += 1;
    ticket.set_attempt(course.attempt);
    record.reason = course.reason;
    let own = hooks::attempt(job, candidate, course.attempt, ticket, deadline).await?;
    let own = own.map(Arc::new);
    let lineup = match own {
        Some(_) => None,
        None => course.lineup(job),
    };
    if let Some(Lineup::Race(racers)) = &lineup {
        let running = contest::run(job, racers, ticket, record, course.attempt, deadline);
        let score = Box::pin(running).await;
        return Ok(course.scored(score, ticket));
    }
    let keyed = || candidate.with_next_key(record.held.key());
    let candidate = own
        .or_else(|| keyed().map(Arc::new))
        .unwrap_or_else(|| candidate.clone());
    record.begin(&candidate, job.keeps_text());
    ticket.process().counters.attempted();
    if let Some(Lineup::Hedge(hedge)) = lineup {
        let attempt = course.attempt;
        let running = contest::hedged(job, hedge, candidate, ticket, record, attempt, deadline);
        let score = Box::pin(running).await;
        return Ok(course.scored(score, ticket));
    }
    let outcome = open(job, &candidate, ticket, record).await;
    let outcome = outcome.map_err(|error| discreet(error, &candidate));
    if let Err(error) = &outcome {
        record.end(&candidate, Some(error), clock::now() - record.begun);
    }
    Ok((outcome, candidate))
}

// What follows a failure: the course is set for another attempt, which is waited for and paid, or the error is the request's.
async fn follow(
    job: &Job,
    course: &mut Course,
    error: Error,
    ticket: &Ticket,
    record: &mut Record,
    deadline: Option<Instant>,
) -> Result<()> {
    let another = (job.candidates).another(course.current, course.tried, &error, &job.request);
    let state = retry::State {
        attempt: course.attempt,
        tries_here: course.here,
        another: another.is_some(),
        meant: another.is_some_and(|another| another.meant),
        remaining: deadline.map(|deadline| deadline.saturating_duration_since(clock::now())),
    };
    let failed = course.current;
    let wait = match retry::next(&job.retry, &error, &state, fastrand::f64()) {
        retry::Next::GiveUp => return Err(error),
        retry::Next::Again { after } => {
            course.reason = course.because(Reason::Retry);
            after
        }
        retry::Next::Fallback { after } => {
            (course.current, record.cause) =
                another.map_or((course.current, None), |it| (it.target, it.cause));
            course.reason = course.because(Reason::Fallback);
            course.here = 0;
            course.tried |= 1 << course.current;
            after
        }
    };
    let tries = &ticket.process().counters.tries;
    let (next, failed) = (&job.candidates[course.current], &job.candidates[failed]);
    job.funds.pay(next, failed, &error, tries, clock::now())?;
    tracing::info!(target: "libllm", request = ticket.id(), to = %next.target, kind = error.kind().name(),
        wait_ms = wait.as_millis() as u64, "{error}; trying again");
    if !wait.is_zero() {
        clock::sleep(wait).await;
    }
    Ok(())
}

impl Course {
    /// Who is asked in place of a target that fell ill since it was chosen. It was not asked, and may be later; where it was, what
    /// follows has been decided.
    fn instead(&mut self, job: &Job) -> Option<usize> {
        if self.here > 0 {
            return None;
        }
        let seen = self.tried | self.passed;
        let other = job.candidates.instead(self.current, seen)?;
        self.passed |= 1 << self.current;
        self.tried &= !(1 << self.current);
        Some(other)
    }

    /// Another is asked in place of the current target, which was not.
    fn turn(&mut self, other: usize) {
        (self.current, self.here) = (other, 0);
        self.tried |= 1 << other;
    }

    /// Why another attempt is made: what was cut stays so, whatever else happened since.
    fn because(&self, reason: Reason) -> Reason {
        self.cut.unwrap_or(reason)
    }

    /// What came of several attempts beside each other.
    fn scored(&mut self, score: Score, ticket: &mut Ticket) -> (Result<Box<Live>>, Arc<Candidate>) {
        self.tried |= score.asked;
        if score.hedged {
            self.reason = Reason::Hedge;
        }
        self.current = score.target;
        self.attempt = match &score.outcome {
            Ok(_) => score.attempt,
            Err(_) => score.last,
        };
        ticket.set_attempt(self.attempt);
        (score.outcome, score.candidate)
    }
}

impl Record {
    pub(crate) fn begin(&mut self, candidate: &Candidate, keep_text: bool) {
        self.renew(keep_text);
        self.target = candidate.target.clone();
        self.price.clone_from(&candidate.price);
        self.wire = candidate.wire.name();
        self.request_id = None;
        self.refusal = None;
        self.begun = clock::now();
        self.span = trace::span_id();
        self.asked = Some(candidate.provider.clone());
        self.turn = Some(candidate.vitals.begin(self.begun));
        self.patience = candidate.timeouts.first_token;
        self.underway = Some(Phase::Send);
    }

    pub(crate) fn end(&mut self, candidate: &Candidate, error: Option<&Error>, took: Duration) {
        self.underway = None;
        let now = self.begun + took;
        if let Some(turn) = self.turn.take() {
            let usage = self.response.usage();
            let tokens = usage.and_then(|usage| usage.completion_tokens);
            match error.zip(candidate.taken.as_ref()) {
                Some((error, taken)) if taken.spares(error, now) => turn.spare(error, now),
                _ => turn.end(error, tokens, now),
            }
        }
        let first = self.first_item.map(|first| self.began + first);
        // Who reads on where another has begun saw its first item before.
        let first = first.and_then(|first| first.checked_duration_since(self.begun));
        self.held
            .attempt_over(error, self.response.usage(), first, now);
        // Only parts say whose they are.
        if self.response.has_parts() {
            self.response.set_provider(&candidate.provider.id);
        }
        self.tried(self.attempt(error, took));
    }

    /// An error that came from outside, a cancel or the deadline, ends the attempt that is under way, too.
    fn interrupted(&mut self, error: Error) -> Error {
        let Some(phase) = self.underway.take() else {
            return error;
        };
        let error = error.with_phase(phase);
        let took = clock::now() - self.begun;
        if let Some(turn) = self.turn.take() {
            let patient = error.kind() == ErrorKind::Timeout && took >= self.patience;
            turn.give_up(patient, self.begun + took);
        }
        self.tried(self.attempt(Some(&error), took));
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
    if let Some(result) = record.response.result() {
        let json = report::whole(result, done);
        return Answered { text, json };
    }
    let mut json = record.response.chat_completion_json(&made_id);
    // An object that is never empty: what only this side knows goes before its end.
    json.truncate(json.len() - 1);
    json.push_str(&format!(r#","created":{created},"libllm":{done}}}"#));
    Answered { text, json }
}

fn out_of_time(total: Option<Duration>) -> Error {
    let total = total.unwrap_or_default().as_secs_f64();
    Error::new(
        ErrorKind::Timeout,
        format!("the request's deadline of {total} s passed"),
    )
}
