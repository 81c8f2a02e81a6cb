//! The choice among targets by itself, so that what it takes can be measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Dice;
use crate::config::{Rate, Side, Strategy};
use crate::policy::breaker;
use crate::policy::route::{Ask, Field};
use crate::vitals::Vitals;

/// Targets of one name, of which each has answered a few times: slow ones and quick ones, dear ones and cheap ones.
pub struct Choice {
    sides: Vec<Side>,
    vitals: Vec<Arc<Vitals>>,
    now: Instant,
    ask: Ask,
    dice: Dice,
}

impl Choice {
    /// So many of them.
    pub fn new(targets: usize) -> Choice {
        let mut dice = Dice(targets as u64);
        let start = crate::clock::now();
        let side = |dice: &mut Dice| Side {
            weight: 1.0 + dice.part(),
            priority: 0,
            price: Some(Rate {
                input: 0.1 + dice.part(),
                output: 1.0 + 9.0 * dice.part(),
            }),
        };
        let sides = (0..targets).map(|_| side(&mut dice)).collect();
        let mut now = start;
        let mut vitals = Vec::with_capacity(targets);
        for _ in 0..targets {
            let one = Arc::new(Vitals::new(breaker::Settings::default(), start));
            for _ in 0..ANSWERS {
                let mut turn = one.begin(start);
                let first = start + FIRST.mul_f64(0.5 + dice.part());
                let end = first + REST.mul_f64(0.5 + dice.part());
                turn.first(first);
                turn.end(None, Some(TOKENS), end);
                now = now.max(end);
            }
            vitals.push(one);
        }
        let ask = Ask {
            input: 1_000.0,
            output: 200.0,
            cost_weight: 0.1,
            turn: 0,
        };
        Choice {
            sides,
            vitals,
            now,
            ask,
            dice,
        }
    }

    /// Chooses one for the next request.
    pub fn pick(&mut self, strategy: Strategy) -> Option<usize> {
        self.ask.turn += 1;
        let field = Field {
            sides: &self.sides,
            figures: |index: usize| &*self.vitals[index],
            open: |_| true,
            now: self.now,
        };
        field.pick(strategy, &self.ask, self.dice.next())
    }
}

const ANSWERS: usize = 8;
const FIRST: Duration = Duration::from_millis(300);
const REST: Duration = Duration::from_secs(4);
const TOKENS: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_chooses_one_that_is_there() {
        for targets in [1, 32, 1_000] {
            let mut choice = Choice::new(targets);
            for (word, strategy) in Strategy::ALL {
                let found = choice.pick(*strategy);
                assert!(found.is_some_and(|found| found < targets), "{word}");
            }
        }
    }
}
