//! Who would be asked, in which order and why: an answer that is made here, of what is known now. Nobody is asked.

use std::time::{Duration, Instant};

use libllm_proto::event::Batch;
use libllm_proto::json::write::Object;

use crate::call::Job;
use crate::clock;
use crate::config;
use crate::error::Result;
use crate::plan::Candidate;
use crate::policy::View;
use crate::policy::route::Side;
use crate::policy::view::{Gate, Quota};
use crate::report::Record;
use crate::route::{Candidates, First, Group};
use crate::ticket::Ticket;

/// Tells it. No attempt is made, so none is in the record.
pub(crate) async fn tell(job: &Job, ticket: &mut Ticket, record: &mut Record) -> Result<()> {
    let now = clock::now();
    let mut batch = Batch::new();
    batch.push_result(told(job, now).into_bytes(), None);
    record.response.absorb(&batch);
    let first = &job.candidates[0];
    let stall = first.timeouts.consumer_stall;
    ticket.deliver(&batch, &first.provider.id, now, stall).await
}

fn told(job: &Job, now: Instant) -> String {
    let candidates = &job.candidates;
    let notes = &candidates.notes;
    let ranked = candidates.ranked();
    let mut json = String::with_capacity(512 * ranked.len());
    let mut route = Object::begin(&mut json);
    route
        .text("object", "route")
        .maybe("model", job.request.model())
        .count("rule", notes.rule.map(|rule| rule as u64))
        .maybe("branch", notes.branch.as_deref())
        .list("candidates", &ranked, |object, index| {
            let Some(group) = candidates.group(*index) else {
                return;
            };
            let candidate = &candidates[*index];
            object
                .text("target", candidate.target.text())
                .text("provider", candidate.target.provider())
                .text("model", candidate.target.model())
                .text("strategy", group.strategy.name())
                .text("because", because(candidates, ranked[0], *index, group))
                .maybe("after", group.after.map(|cause| cause.name()));
            offers(job, candidate, object);
            known(&candidate.vitals.view(now), now, object);
        });
    route.end();
    json
}

/// Why it is where it is.
fn because(candidates: &Candidates, first: usize, index: usize, group: &Group) -> &'static str {
    let begins_after = candidates.group(first).and_then(|group| group.after);
    match (index == first, index, candidates.notes.first) {
        (true, 0, First::Owner) => "sealed",
        (true, 0, First::Pinned) => "affinity",
        (true, 0, First::Chosen) => "strategy",
        // Those before it are not well.
        (true, ..) => "instead",
        (false, ..) if group.after.is_some() => "fallback",
        (false, ..) if begins_after.is_some() => "passed_by",
        (false, ..) => "strategy",
    }
}

/// What is said of it: in the configuration, and in the catalog.
fn offers(job: &Job, candidate: &Candidate, object: &mut Object<'_>) {
    let side = candidate.side;
    let listed = || {
        let known = job.catalog.model(&candidate.target)?;
        config::rate(&known.price)
    };
    let price = side.price.or_else(listed);
    let cost = job.candidates.ask.cost(&Side { price, ..side });
    object
        .count("priority", Some(side.priority.into()))
        .raw("weight", &side.weight.to_string());
    match price {
        None => object.raw("price", "null"),
        Some(price) => object.object("price", |object| {
            object
                .raw("input", &price.input.to_string())
                .raw("output", &price.output.to_string());
        }),
    };
    // Rounded up, as every cost is.
    let cost = cost.is_finite().then(|| cost.ceil() as u64);
    object.count("cost_microusd", cost);
}

/// How it does.
fn known(view: &View, now: Instant, object: &mut Object<'_>) {
    let micros = |time: Duration| time.as_micros() as u64;
    let until = |until: Instant| until.saturating_duration_since(now);
    let (breaker, opens) = match view.gate {
        Gate::Closed => ("closed", None),
        Gate::Open { until } => ("open", Some(until)),
        Gate::HalfOpen { .. } => ("half_open", None),
    };
    let away = view.unavailable_until.map(until);
    let away = away.filter(|away| !away.is_zero());
    let speed = view.tokens_per_s.map(|speed| speed.round() as u64);
    object
        .flag("well", view.is_healthy(now))
        .count("in_flight", Some(view.in_flight.into()))
        .thousandths("ttft_ms", view.ttft.map(micros))
        .count("answers", Some(view.samples.into()))
        .count("tokens_per_s", speed)
        .count("failures", Some(view.failures.into()))
        .text("breaker", breaker)
        .thousandths("breaker_opens_ms", opens.map(until).map(micros))
        .thousandths("unavailable_ms", away.map(micros))
        .flag("locked", view.locked)
        .count("requests_left", left(view.requests))
        .count("tokens_left", left(view.tokens));
}

fn left(quota: Option<Quota>) -> Option<u64> {
    quota.map(|quota| quota.remaining)
}
