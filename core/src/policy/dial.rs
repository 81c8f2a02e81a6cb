//! What money is worth in time, turned until requests cost, or take, what they should in the mean.

/// What a mean should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// The weight stays as it is.
    None,
    /// Microdollars of a request.
    Cost(f64),
    /// Milliseconds to the first item.
    Latency(f64),
}

/// The weight of cost, and what the last choices came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dial {
    weight: Option<f64>,
    mean: Option<f64>,
}

impl Dial {
    /// Milliseconds that a microdollar is worth now.
    pub(crate) fn weight(&self, first: f64) -> f64 {
        self.weight.unwrap_or(first)
    }

    /// A target was chosen that costs and takes so much.
    pub(crate) fn chose(&mut self, first: f64, goal: Goal, cost: f64, latency: f64) {
        let (seen, goal, up) = match goal {
            Goal::None => return,
            Goal::Cost(goal) => (cost, goal, true),
            Goal::Latency(goal) => (latency, goal, false),
        };
        if !seen.is_finite() {
            return;
        }
        let old = self.mean.unwrap_or(seen);
        let mean = old + (seen - old) * LATEST;
        self.mean = Some(mean);
        let weight = match (mean > goal) == up {
            true => self.weight(first) * STEP,
            false => self.weight(first) / STEP,
        };
        self.weight = Some(weight.clamp(WEIGHT_MIN, WEIGHT_MAX));
    }
}

// A hundred choices turn it sevenfold: faster than loads change, slower than what one answer says.
const STEP: f64 = 1.02;
const LATEST: f64 = 0.05;
// From where cost says nothing to where it says everything; both are left again in half a thousand choices.
const WEIGHT_MIN: f64 = 1e-3;
const WEIGHT_MAX: f64 = 1e4;

#[cfg(test)]
mod tests {
    use super::*;

    /// One target is fast and dear, the other slow and cheap; each choice takes the lower score, with some noise.
    fn settled(goal: Goal) -> (f64, f64) {
        let mut dial = Dial::default();
        let (mut cost, mut latency) = (0.0, 0.0);
        for turn in 0..6_000 {
            let noise = f64::from(turn * 7_919 % 200) - 100.0;
            let weight = dial.weight(1.0);
            let dear = (900.0, 200.0 + noise);
            let cheap = (100.0, 800.0);
            let score = |(cost, latency): (f64, f64)| latency + weight * cost;
            let best = if score(dear) < score(cheap) {
                dear
            } else {
                cheap
            };
            dial.chose(1.0, goal, best.0, best.1);
            if turn >= 3_000 {
                cost += best.0 / 3_000.0;
                latency += best.1 / 3_000.0;
            }
        }
        (cost, latency)
    }

    #[test]
    fn a_mean_comes_to_its_goal() {
        let (cost, _) = settled(Goal::Cost(400.0));
        assert!((cost - 400.0).abs() < 40.0, "{cost}");
        let (_, latency) = settled(Goal::Latency(500.0));
        assert!((latency - 500.0).abs() < 50.0, "{latency}");
    }

    #[test]
    fn a_fixed_weight_stays() {
        let mut dial = Dial::default();
        dial.chose(3.0, Goal::None, 1e9, 1e9);
        assert_eq!(dial.weight(3.0), 3.0);
    }

    #[test]
    fn what_is_unknown_turns_nothing() {
        let mut dial = Dial::default();
        dial.chose(2.0, Goal::Cost(1.0), f64::INFINITY, 0.0);
        assert_eq!(dial.weight(2.0), 2.0);
    }
}
