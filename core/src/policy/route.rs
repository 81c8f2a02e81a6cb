//! Who is asked: one of the targets that a name stands for, by what is known of each.
//!
//! Figures of a target are read when they are compared and not before, and of many targets only a few are compared: a choice costs
//! the same among a thousand as among ten.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use super::View;
use super::dice::Dice;
use super::health;
use super::view::{Figures, Fit, Moment};

/// How a target is chosen. Of those with the smallest `priority` that can be asked:
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// The first.
    #[default]
    Order,
    /// One after the other.
    RoundRobin,
    /// By chance, in proportion to their weights.
    Weighted,
    /// The better of two by their time to the first item and what waits there.
    Latency,
    /// The one that makes most tokens per second.
    Throughput,
    /// The cheapest for this request.
    Cost,
    /// The one with the fewest requests under way.
    LeastBusy,
    /// The one with the largest share left of its limits.
    Headroom,
    /// The least `latency_ms + cost_weight x cost`.
    Score,
    /// The first ones at once, of which the first to answer wins.
    Race,
}

impl Strategy {
    /// Every strategy, with its word.
    pub const ALL: &'static [(&'static str, Strategy)] = &[
        ("order", Strategy::Order),
        ("round_robin", Strategy::RoundRobin),
        ("weighted", Strategy::Weighted),
        ("latency", Strategy::Latency),
        ("throughput", Strategy::Throughput),
        ("cost", Strategy::Cost),
        ("least_busy", Strategy::LeastBusy),
        ("headroom", Strategy::Headroom),
        ("score", Strategy::Score),
        ("race", Strategy::Race),
    ];

    /// A strategy by its word.
    pub fn find(word: &str) -> Option<Strategy> {
        let mut all = Strategy::ALL.iter();
        all.find(|(known, _)| *known == word)
            .map(|(_, strategy)| *strategy)
    }

    /// Its word.
    pub fn name(self) -> &'static str {
        let mut all = Strategy::ALL.iter();
        all.find(|(_, strategy)| *strategy == self)
            .map_or("", |(word, _)| word)
    }
}

/// What is said of a target and does not change from request to request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Side {
    /// Its share, or how much it is preferred; never 0.
    pub weight: f64,
    /// Targets of a larger number are asked when none of a smaller one can be.
    pub priority: u32,
    /// What it costs, if that is known.
    pub price: Option<Rate>,
}

impl Side {
    /// A target of which nothing is said.
    pub const PLAIN: Side = Side {
        weight: 1.0,
        priority: 0,
        price: None,
    };
}

/// US dollars per million tokens, which is microdollars per token.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Of what is sent.
    pub input: f64,
    /// Of what is answered.
    pub output: f64,
}

/// What is known of a request before it is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ask {
    /// Tokens that are sent, about.
    pub input: f64,
    /// Tokens that may be answered, about.
    pub output: f64,
    /// What a microdollar is worth in milliseconds, for [`Strategy::Score`].
    pub cost_weight: f64,
    /// How many requests came before this one, for [`Strategy::RoundRobin`].
    pub turn: u64,
}

impl Ask {
    /// Microdollars that a target takes for it; infinitely many if it does not say.
    pub(crate) fn cost(&self, side: &Side) -> f64 {
        side.price.map_or(f64::INFINITY, |price| {
            price.input * self.input + price.output * self.output
        })
    }
}

/// Targets that may be asked, in the order of their priorities.
pub(crate) struct Field<'f, V, O> {
    pub(crate) sides: &'f [Side],
    /// A target's figures.
    pub(crate) figures: V,
    /// Whether it may be chosen at all: it was not tried before.
    pub(crate) open: O,
    pub(crate) now: Instant,
}

impl<F: Figures, V: Fn(usize) -> F, O: Fn(usize) -> bool> Field<'_, V, O> {
    /// Chooses; `None` if none is open. `chance` is a random number.
    ///
    /// One that wants to be probed is asked when its turn comes to be looked at; if none is healthy, all are asked as if they were.
    pub(crate) fn pick(&self, strategy: Strategy, ask: &Ask, chance: u64) -> Option<usize> {
        let mut dice = Dice(chance);
        self.among(strategy, ask, &mut dice, false)
            .or_else(|| self.among(strategy, ask, &mut dice, true))
    }

    fn among(&self, strategy: Strategy, ask: &Ask, dice: &mut Dice, anyone: bool) -> Option<usize> {
        let mut start = 0;
        while let Some(first) = self.sides.get(start) {
            let tier = first.priority;
            // Mostly there is one priority.
            let end = match self.sides.last() {
                Some(last) if last.priority == tier => self.sides.len(),
                _ => start + self.sides[start..].partition_point(|side| side.priority <= tier),
            };
            let tier = Tier {
                field: self,
                start,
                len: end - start,
                anyone,
                equal: !matches!(strategy, Strategy::Order | Strategy::Race),
                asked: OnceCell::new(),
            };
            if let Some(found) = tier.pick(strategy, ask, dice) {
                return Some(found);
            }
            start = end;
        }
        None
    }
}

/// Targets of one priority.
struct Tier<'t, 'f, V, O> {
    field: &'t Field<'f, V, O>,
    start: usize,
    len: usize,
    /// In spite of their health.
    anyone: bool,
    /// Each is as good as another: never are more than half of them left out.
    equal: bool,
    asked: OnceCell<Vec<bool>>,
}

/// What a target is worth comparing for.
enum Worth<F> {
    /// It cannot be asked.
    Nothing,
    /// It is asked, to see whether it has recovered.
    Probe,
    Healthy(F),
}

impl<F: Figures, V: Fn(usize) -> F, O: Fn(usize) -> bool> Tier<'_, '_, V, O> {
    fn pick(&self, strategy: Strategy, ask: &Ask, dice: &mut Dice) -> Option<usize> {
        let (now, moment) = (self.field.now, Moment::new(self.field.now));
        match strategy {
            Strategy::Order | Strategy::Race => self.from(0),
            Strategy::RoundRobin => self.from((ask.turn % self.len as u64) as usize),
            Strategy::Weighted => self.weighted(dice),
            Strategy::Cost => self.cheapest(ask, dice),
            Strategy::Latency => self.least(2, dice, |side, figures, _| {
                latency(figures, &moment) / side.weight
            }),
            Strategy::Throughput => self.least(COMPARED, dice, |side, figures, _| {
                -speed(figures) * side.weight
            }),
            Strategy::LeastBusy => self.least(COMPARED, dice, |side, figures, _| {
                f64::from(figures.in_flight()) / side.weight
            }),
            Strategy::Headroom => self.least(COMPARED, dice, |side, figures, _| {
                -figures.left(now) * side.weight
            }),
            Strategy::Score => self.least(COMPARED, dice, |side, figures, least| {
                score(ask, side, figures, &moment, least)
            }),
        }
    }

    fn worth(&self, index: usize) -> Worth<F> {
        if !(self.field.open)(index) {
            return Worth::Nothing;
        }
        let figures = (self.field.figures)(index);
        if self.anyone {
            return Worth::Healthy(figures);
        }
        match figures.fit(self.field.now) {
            Fit::Well => Worth::Healthy(figures),
            Fit::Probe => Worth::Probe,
            Fit::Away if self.equal && self.spares(index) => Worth::Healthy(figures),
            Fit::Away => Worth::Nothing,
        }
    }

    /// Whether one that is not well is asked all the same, because too few others are.
    fn spares(&self, index: usize) -> bool {
        let asked = self.asked.get_or_init(|| {
            let all = self.start..self.start + self.len;
            let view = |index| (self.field.figures)(index).view(self.field.now);
            let views: Vec<View> = all.map(view).collect();
            health::mark(&views, self.field.now)
        });
        asked[index - self.start]
    }

    fn can(&self, index: usize) -> bool {
        !matches!(self.worth(index), Worth::Nothing)
    }

    /// The first from here on, and round.
    fn from(&self, offset: usize) -> Option<usize> {
        let mut all = (0..self.len).map(|step| self.start + (offset + step) % self.len);
        all.find(|index| self.can(*index))
    }

    fn weighted(&self, dice: &mut Dice) -> Option<usize> {
        let sides = &self.field.sides[self.start..self.start + self.len];
        let all: f64 = sides.iter().map(|side| side.weight).sum();
        // Whoever is found first is nearly always fit; only then are the others looked at.
        let found = self.drawn(dice.part() * all, |_| true)?;
        if self.can(found) {
            return Some(found);
        }
        let fit = |index: usize| self.can(index);
        let weights = (self.start..self.start + self.len).filter(|index| fit(*index));
        let all: f64 = weights.map(|index| self.field.sides[index].weight).sum();
        self.drawn(dice.part() * all, fit)
    }

    fn drawn(&self, mut left: f64, fit: impl Fn(usize) -> bool) -> Option<usize> {
        let mut last = None;
        for index in (self.start..self.start + self.len).filter(|index| fit(*index)) {
            last = Some(index);
            left -= self.field.sides[index].weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }

    fn cheapest(&self, ask: &Ask, dice: &mut Dice) -> Option<usize> {
        let mut best = None;
        let mut least = f64::INFINITY;
        let mut same = 0;
        for index in self.start..self.start + self.len {
            let cost = ask.cost(&self.field.sides[index]);
            if best.is_some() && cost > least || !self.can(index) {
                continue;
            }
            // Of those that cost the same each is as likely.
            same = if best.is_some() && cost == least {
                same + 1
            } else {
                1
            };
            if same == 1 || dice.below(same) == 0 {
                (best, least) = (Some(index), cost);
            }
        }
        best
    }

    /// The best of so many that are drawn, or of all if there are no more. Of equals the one drawn first. `worth` is told the least so
    /// far: what is no less need not be known exactly.
    fn least(
        &self,
        compared: usize,
        dice: &mut Dice,
        worth: impl Fn(&Side, &F, f64) -> f64,
    ) -> Option<usize> {
        let (mut best, mut least) = (None, f64::INFINITY);
        let mut seen = 0;
        let mut next = dice.below(self.len);
        // Each draw is another: a step that has no divisor in common with the length reaches all before it comes round.
        let step = step(dice, self.len);
        for _ in 0..self.len {
            let index = self.start + next;
            next += step;
            if next >= self.len {
                next -= self.len;
            }
            let figures = match self.worth(index) {
                Worth::Nothing => continue,
                Worth::Probe => return Some(index),
                Worth::Healthy(figures) => figures,
            };
            let worth = worth(&self.field.sides[index], &figures, least);
            if best.is_none() || worth < least {
                (best, least) = (Some(index), worth);
            }
            seen += 1;
            if seen == compared {
                break;
            }
        }
        best
    }
}

/// Seconds until a request that joins those there has its first item: the peak EWMA times the length of the queue with it.
fn latency(figures: &impl Figures, now: &Moment) -> f64 {
    let in_flight = figures.in_flight();
    let queue = f64::from(in_flight) + 1.0;
    match (figures.ttft(now), in_flight) {
        (Some(ttft), _) => ttft * queue,
        // Nobody knows: one finds out, and the others do not follow until it has.
        (None, 0) => 0.0,
        (None, _) => UNKNOWN.as_secs_f64() * queue,
    }
}

/// Tokens per second.
fn speed(figures: &impl Figures) -> f64 {
    match figures.tokens_per_s() {
        Some(speed) => f64::from(speed),
        None if figures.in_flight() == 0 && figures.failures() == 0 => f64::MAX,
        None => 0.0,
    }
}

/// Milliseconds, and what its money is worth in them. Where that alone is no less than the least so far, nobody asks for its time.
fn score(ask: &Ask, side: &Side, figures: &impl Figures, now: &Moment, least: f64) -> f64 {
    let cost = ask.cost(side);
    // Where nothing is said of a price, nothing can be saved by going there.
    let cost = if cost.is_finite() { cost } else { UNPRICED };
    let worth = ask.cost_weight * cost;
    match worth < least {
        true => latency(figures, now) * 1_000.0 + worth,
        false => worth,
    }
}

/// From one place to the next, so that all of `len` are visited.
fn step(dice: &mut Dice, len: usize) -> usize {
    if len <= 2 {
        return 1;
    }
    let mut step = 1 + dice.below(len - 1);
    if len.is_power_of_two() {
        // The same as below: one less, if it is even.
        return (step - 1) | 1;
    }
    while !are_coprime(step, len) {
        step -= 1;
    }
    step
}

/// Whether two numbers above 0 have no divisor in common. Without a division, which takes longer than all the rest of a draw (Stein:
/// "Computational problems associated with Racah algebra", 1967).
fn are_coprime(mut one: usize, mut other: usize) -> bool {
    if (one | other) & 1 == 0 {
        return false;
    }
    one >>= one.trailing_zeros();
    loop {
        other >>= other.trailing_zeros();
        if one == other || other == 1 {
            return other == 1;
        }
        (one, other) = (one.min(other), one.abs_diff(other));
    }
}

// Two would do for balance ("The power of two choices in randomized load balancing", Mitzenmacher 2001); what is best in another
// way than by being free is found more often among eight.
const COMPARED: usize = 8;
// What an answer's first item takes of hosted models, about: for whoever has not been heard of while somebody asks there.
const UNKNOWN: Duration = Duration::from_secs(1);
// Ten dollars: more than a request costs anywhere.
const UNPRICED: f64 = 1e7;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
