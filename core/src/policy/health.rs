//! Which of several targets are asked at all: never so few that those who are left drown, and never none.
//!
//! BEHAVIOUR.md section 5: at most half of equal targets are left out. Where none is healthy, that is for the caller to see: others may be.

use std::time::Instant;

use super::view::{Gate, View};

/// Marks the targets that may be asked. Healthy ones are, and those that wait for a probe. Of the others those that fail least are, until no
/// more than half is left out; what asked to be left alone is not.
pub(crate) fn mark(views: &[View], now: Instant) -> Vec<bool> {
    let fit = |view: &View| view.is_healthy(now) || view.wants_probe(now);
    let mut asked: Vec<bool> = views.iter().map(fit).collect();
    let out = asked.iter().filter(|asked| !**asked).count();
    let most = match out == views.len() {
        true => out,
        false => views.len() / 2,
    };
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
    asked
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
            (vec![open(5)], vec![false]),
            (vec![away, open(5)], vec![false, false]),
            (vec![], vec![]),
        ] {
            assert_eq!(mark(&views, now), asked, "{views:?}");
        }
        assert_eq!(mark(&[open(1), away], until), [true, true]);
    }
}
