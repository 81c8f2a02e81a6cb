//! Which of several targets are asked at all: never so few that those who are left drown, and never none.
//!
//! BEHAVIOUR.md section 5: at most half of equal targets are left out; if none is healthy, all are asked as if nothing were known.
#![allow(dead_code, reason = "routes read this")]

use std::time::Instant;

use super::view::{Gate, View};

/// Marks the targets that may be asked. Healthy ones are, and those that wait for a probe. Of the others those that fail least are, until no
/// more than the share `max_ejected` is left out; what asked to be left alone is not, while another can be asked.
pub(crate) fn mark(views: &[View], now: Instant, max_ejected: f64, asked: &mut [bool]) {
    let mut out = 0;
    for (view, asked) in views.iter().zip(asked.iter_mut()) {
        *asked = view.is_healthy(now) || view.wants_probe(now);
        out += usize::from(!*asked);
    }
    if out == 0 {
        return;
    }
    let most = (views.len() as f64 * max_ejected.clamp(0.0, 1.0)) as usize;
    for _ in most.min(out)..out {
        let failing = views.iter().zip(asked.iter()).enumerate();
        let least = failing
            .filter(|(_, (view, asked))| !**asked && is_ejected(view, now))
            .min_by_key(|(_, (view, _))| view.failures)
            .map(|(place, _)| place);
        match least {
            Some(place) => asked[place] = true,
            None => break,
        }
    }
    if !asked.contains(&true) {
        asked.fill(true);
    }
}

/// Left out for its failures alone.
fn is_ejected(view: &View, now: Instant) -> bool {
    view.gate != Gate::Closed
        && !view.locked
        && view.unavailable_until.is_none_or(|until| until <= now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn marked(views: &[View], now: Instant) -> Vec<bool> {
        let mut asked = vec![false; views.len()];
        mark(views, now, 0.5, &mut asked);
        asked
    }

    #[test]
    fn no_more_than_half_are_left_out_and_the_least_bad_stay() {
        let now = Instant::now();
        let until = now + Duration::from_secs(5);
        let open = |failures| View {
            gate: Gate::Open { until },
            failures,
            ..View::NEW
        };
        let away = View {
            unavailable_until: Some(until),
            ..View::NEW
        };
        let probe = View {
            gate: Gate::HalfOpen { busy: false },
            ..View::NEW
        };
        let well = View::NEW;
        for (views, asked) in [
            (vec![well, well], vec![true, true]),
            (vec![open(5), well], vec![false, true]),
            (vec![open(9), open(5), well], vec![false, true, true]),
            (
                vec![open(9), open(5), open(7), well],
                vec![false, true, false, true],
            ),
            (
                vec![away, away, away, well],
                vec![false, false, false, true],
            ),
            (vec![away, open(5), well], vec![false, true, true]),
            (vec![probe, open(5)], vec![true, false]),
            (vec![open(5)], vec![true]),
            (vec![away], vec![true]),
            (vec![away, away], vec![true, true]),
            (vec![], vec![]),
        ] {
            assert_eq!(marked(&views, now), asked, "{views:?}");
        }
        assert_eq!(marked(&[open(1), away], until), [true, true]);
    }
}
