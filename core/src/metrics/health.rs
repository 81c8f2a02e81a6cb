//! How targets do now, as those who choose among them see it.

use std::sync::Arc;
use std::time::Instant;

use super::page::{Family, Figure};
use super::targets::label;
use crate::policy::view::Gate;
use crate::vitals::Vitals;

/// What is told of the targets that one client has asked.
#[rustfmt::skip]
pub(crate) fn families(targets: &[(Box<str>, Arc<Vitals>)], now: Instant) -> [Family; 3] {
    let mut breaker = Family::gauge("target_breaker_state", "Breakers of targets, now: 0 closed, 1 half open, 2 open.", BY);
    let mut in_flight = Family::gauge("target_in_flight", "Attempts under way at targets, now.", BY);
    let mut away = Family::gauge("target_unavailable_seconds", "For how long targets asked not to be asked, from now on.", BY);
    let mut last = Vec::new();
    for (name, vitals) in targets {
        let (provider, model) = name.split_once('/').unwrap_or((name, ""));
        let labels = vec![label(provider), label(model)];
        // Names that are alike as far as labels go; they come in order.
        if last == labels {
            continue;
        }
        let view = vitals.view(now);
        let state = match view.gate {
            Gate::Closed => 0.0,
            Gate::HalfOpen { .. } => 1.0,
            Gate::Open { .. } => 2.0,
        };
        let left = view.unavailable_until.map(|until| until.saturating_duration_since(now));
        breaker.push(labels.clone(), Figure::Level(state));
        in_flight.push(labels.clone(), Figure::Level(view.in_flight.into()));
        away.push(labels.clone(), Figure::Level(left.unwrap_or_default().as_secs_f64()));
        last = labels;
    }
    [breaker, in_flight, away]
}

const BY: &[&str] = &["provider", "model"];
