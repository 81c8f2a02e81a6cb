//! What the policies do at a scale that no test machine has: thousands of made-up targets and millions of made-up requests under a
//! clock of their own, decided upon by the very code that decides upon real ones (`policy/`, `vitals.rs`).
//!
//! Targets, weather and chance are made up; choices, breakers, retries, budgets and hedges are not. One seed gives one outcome.

mod choice;
mod engine;
mod outcome;
mod scenario;
mod weather;

use crate::policy::dice::Dice;
pub use choice::Choice;
pub use outcome::{Outcome, Second, Share};
pub use scenario::{Run, Scenario};

/// Runs a scenario in one of its ways, for `scale` of its time.
pub fn run(scenario: &Scenario, run: &Run, scale: f64) -> Outcome {
    engine::Engine::new(scenario, run, scale).run()
}

impl Dice {
    /// Whether something happens that does so in this share of cases.
    fn hits(&mut self, share: f64) -> bool {
        share > 0.0 && self.part() < share
    }

    /// Time between two events that come independently of each other, in the mean's unit.
    fn gap(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.part()).ln()
    }

    /// Of the standard normal distribution (Box and Muller).
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.gap(2.0).sqrt(), std::f64::consts::TAU * self.part());
        radius * angle.cos()
    }
}

// The examples are in TOML, and speak of no wire.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
