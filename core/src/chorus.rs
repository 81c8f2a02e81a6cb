//! Every answer of a race: whoever is asked is heard to the end, and each answer is a choice of its own. Each is handed over when it is
//! whole, in the order in which they end; one that fails takes nothing from the others.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use libllm_proto::event::{Batch, Event};
use libllm_proto::wire::Operation;

use crate::attempt::{discreet, open};
use crate::call::{Job, admitted};
use crate::clock;
use crate::cost::{Cost, Meter};
use crate::error::{Error, ErrorKind, Result};
use crate::guard;
use crate::partial::sum;
use crate::plan::Candidate;
use crate::report::{self, Record};
use crate::target::Target;
use crate::ticket::Ticket;
use crate::transport::BoxFuture;

/// Whose a choice is.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    pub(crate) choice: u32,
    pub(crate) target: Target,
}

/// What several answers come to.
#[derive(Debug, Default)]
pub(crate) struct Voices {
    pub(crate) all: Vec<Voice>,
    cost: Cost,
}

/// One answer, heard to its end.
struct Sung {
    place: u32,
    record: Box<Record>,
    candidate: Arc<Candidate>,
    outcome: Result<Vec<Batch>>,
}

/// Whether all answers are wanted. To who speaks HTTP one answer is given, and who asks about each attempt is asked about one at a
/// time.
pub(crate) fn is_due(job: &Job) -> bool {
    let chats = matches!(job.asked.operation, Operation::Chat | Operation::Responses);
    let single = job.caller.is_some() || job.hooks.attempt || guard::repair(&job.rules).is_some();
    job.candidates.race.all && chats && !single
}

/// How many answers there will be, if all of a race's are wanted.
pub(crate) fn answers(job: &Job, first: usize) -> usize {
    match is_due(job) {
        true => job.candidates.racers(first).len(),
        false => 1,
    }
}

/// Asks all of a race and tells every answer.
pub(crate) async fn run(
    job: &Job,
    ticket: &mut Ticket,
    record: &mut Record,
    deadline: Option<Instant>,
) -> Result<()> {
    job.funds.request(clock::now());
    let first = job.candidates.start();
    let other = admitted(job, (first, 0), record, deadline).await?;
    let racers = job.candidates.racers(other.unwrap_or(first));
    let meter = Meter::new(&job.catalog, &job.request);
    let mut first = Some(record.held.split());
    let mut running: Vec<BoxFuture<'_, Sung>> = Vec::with_capacity(racers.len());
    for (place, target) in racers.iter().enumerate() {
        let aside = ticket.aside();
        // The first one was let in before.
        let held = first.take().unwrap_or_else(|| record.held.beside());
        let mut own = Box::new(Record::new(aside.started()));
        (own.held, own.meter, own.waited) = (held, Some(meter.clone()), record.waited);
        let run = ask(job, *target, place as u32, own, aside, deadline);
        running.push(Box::pin(run));
    }
    record.renew(job.keeps_text());
    let mut failed = None;
    while !running.is_empty() {
        let sung = poll_fn(|cx| {
            for place in 0..running.len() {
                if let Poll::Ready(sung) = running[place].as_mut().poll(cx) {
                    drop(running.swap_remove(place));
                    return Poll::Ready(sung);
                }
            }
            Poll::Pending
        })
        .await;
        if let Err(error) = tell(job, sung, &meter, ticket, record).await? {
            failed = Some(error);
        }
    }
    match (record.voices.is_some(), failed) {
        (false, Some(error)) => Err(error),
        (false, None) => Err(Error::new(ErrorKind::NoRoute, "nobody was asked")),
        (true, _) => Ok(()),
    }
}

/// One of them, from its place in the line to the end of its answer.
async fn ask(
    job: &Job,
    target: usize,
    place: u32,
    mut record: Box<Record>,
    ticket: Ticket,
    deadline: Option<Instant>,
) -> Sung {
    let candidate = &job.candidates[target];
    if place > 0
        && let Some(pass) = &job.pass
    {
        let held = (&mut record.held, &mut record.waited);
        let admitted = pass.admit_beside(&job.candidates, target, held, deadline);
        if let Err(full) = Box::pin(admitted).await {
            let (candidate, outcome) = (candidate.clone(), Err(full));
            return Sung {
                place,
                record,
                candidate,
                outcome,
            };
        }
    }
    let own = candidate.with_next_key(record.held.key());
    let candidate = own.map_or_else(|| candidate.clone(), Arc::new);
    record.begin(&candidate, guard::needs_text(&job.rules));
    ticket.process().counters.attempted();
    let outcome = match open(job, &candidate, &ticket, &mut record).await {
        Ok(mut live) => {
            live.hear(candidate.timeouts.consumer_stall, &ticket, &mut record)
                .await
        }
        Err(error) => Err(error),
    };
    let outcome = outcome.map_err(|error| discreet(error, &candidate));
    let took = clock::now() - record.begun;
    record.end(&candidate, outcome.as_ref().err(), took);
    Sung {
        place,
        record,
        candidate,
        outcome,
    }
}

/// Hands one answer over, and notes what it came to; the inner error is its own, the outer one the consumer's.
async fn tell(
    job: &Job,
    sung: Sung,
    meter: &Meter,
    ticket: &mut Ticket,
    record: &mut Record,
) -> Result<Result<()>> {
    let Sung {
        place,
        record: mut own,
        candidate,
        outcome,
    } = sung;
    ticket.waited = Duration::ZERO;
    record.attempts.append(&mut own.attempts);
    record.flags.append(&mut own.flags);
    let usage = own.response.take_usage();
    let before = record.voices.as_ref().map(|voices| voices.cost);
    let heard = match outcome {
        Ok(heard) => heard,
        Err(error) => {
            record.put(usage, own.target, own.price, false);
            record.target = candidate.target.clone();
            return Ok(Err(error));
        }
    };
    let cost = meter.cost(usage.as_ref(), &own.target, own.price.as_ref());
    if record.voices.is_none() {
        record.target = own.target.clone();
        record.price.clone_from(&own.price);
        record.wire = own.wire;
        record.key = ticket.account.as_ref().and(candidate.key().cloned());
        record.request_id = own.request_id.take();
        (record.connect, record.first_item) = (own.connect, own.first_item);
        record.dropped = std::mem::take(&mut own.dropped);
    }
    record.last_bytes = record.last_bytes.max(own.last_bytes);
    record.incomplete |= own.incomplete;
    let cost = before.map_or(cost, |before| before.and(cost));
    record.voices.get_or_insert_default().cost = cost;
    ticket.set_attempt(place + 1);
    let now = clock::now();
    ticket.route(report::route(&own, place + 1), now);
    let width = job.request.n().max(1);
    let said = record.response.take_usage();
    let stall = candidate.timeouts.consumer_stall;
    for batch in heard {
        let batch = moved(&batch, place * width);
        record.response.absorb(&batch);
        let provider = &candidate.provider.id;
        ticket.deliver(&batch, provider, now, stall).await?;
    }
    record.response.set_usage(sum(said, usage));
    record.response.finish(!own.incomplete);
    let voice = |choice| Voice {
        choice: place * width + choice,
        target: candidate.target.clone(),
    };
    let voices = record.voices.get_or_insert_default();
    voices.all.extend((0..width).map(voice));
    Ok(Ok(()))
}

/// The same events as those of a later choice; usage is told of all together.
fn moved(batch: &Batch, by: u32) -> Batch {
    let mut moved = Batch::new();
    for (choice, event) in batch.iter() {
        if !matches!(event, Event::Usage(_)) {
            moved.push(choice + by, event);
        }
    }
    moved
}

impl Voices {
    /// What those cost that were heard.
    pub(crate) fn cost(&self) -> Cost {
        self.cost
    }
}

impl Record {
    /// Whose a choice is, where there are several's.
    pub(crate) fn voice(&self, choice: u32) -> Option<&Target> {
        let mut all = self.voices.as_ref()?.all.iter();
        let found = all.find(|voice| voice.choice == choice)?;
        Some(&found.target)
    }
}
