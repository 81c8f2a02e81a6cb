//! The loop of a simulation: what happens next, until the time is over and every request has ended.
//!
//! ```text
//! Arrive -> attempt -> First -> End          a hedge is a second attempt beside the first;
//!              \-----> Fails -> Retry -> ..  whichever has its first token ends the other
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libllm_proto::error::Error;

use super::Dice;
use super::outcome::{Outcome, Second, Share as Part};
use super::scenario::{Run, Scenario, Workload};
use super::weather::{self, Climate, Fate};
use crate::policy::breaker;
use crate::policy::budget::{self, Purse, Share};
use crate::policy::retry;
use crate::policy::route::{Ask, Field, Rate};
use crate::vitals::{Turn, Vitals};

pub(super) struct Engine<'s> {
    scenario: &'s Scenario,
    run: &'s Run,
    /// The moment that virtual time is counted from.
    base: Instant,
    now: Duration,
    end: Duration,
    agenda: BinaryHeap<Reverse<(Duration, u64, What)>>,
    planned: u64,
    attempts: u64,
    calls: Vec<Option<Call>>,
    free: Vec<u32>,
    turn: u64,
    targets: Vec<Here>,
    share: Share,
    settings: budget::Settings,
    dice: Dice,
    outcome: Outcome,
}

/// One target and what the library knows of it.
struct Here {
    vitals: Arc<Vitals>,
    purse: Purse,
    climate: Climate,
}

/// One request under way.
struct Call {
    begun: Duration,
    workload: Workload,
    attempts: u32,
    tries_here: u32,
    /// The last target that was asked.
    current: usize,
    tried: Vec<u32>,
    running: Vec<Attempt>,
    /// Its first token has come.
    answered: bool,
}

struct Attempt {
    /// Its own among all attempts: a call's place is used again, and what was planned for it may still come.
    number: u64,
    target: usize,
    turn: Turn,
    error: Option<Error>,
}

/// What happens: to the call in this place, in this attempt of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Arrive,
    First(u32, u64),
    Fails(u32, u64),
    End(u32, u64),
    Retry(u32),
    Hedge(u32, u64),
}

impl<'s> Engine<'s> {
    pub(super) fn new(scenario: &'s Scenario, run: &'s Run, scale: f64) -> Engine<'s> {
        let base = crate::clock::now();
        let here = |_: &_| Here {
            vitals: Arc::new(Vitals::new(breaker::Settings::default(), base)),
            purse: Purse::FULL,
            climate: Climate::default(),
        };
        // Breakers draw from the thread's own generator.
        fastrand::seed(scenario.seed);
        let named = |name: &String| Part {
            name: name.clone(),
            attempts: 0,
        };
        Engine {
            scenario,
            run,
            base,
            now: Duration::ZERO,
            end: scenario.duration.mul_f64(scale),
            agenda: BinaryHeap::new(),
            planned: 0,
            attempts: 0,
            calls: Vec::new(),
            free: Vec::new(),
            turn: 0,
            targets: scenario.targets.iter().map(here).collect(),
            share: Share::new(base),
            settings: match run.budget {
                true => budget::Settings::default(),
                false => budget::Settings {
                    bucket: 0,
                    ..budget::Settings::default()
                },
            },
            dice: Dice(scenario.seed),
            outcome: Outcome {
                name: run.name.clone(),
                shares: scenario.groups.iter().map(named).collect(),
                ..Outcome::default()
            },
        }
    }

    pub(super) fn run(mut self) -> Outcome {
        self.plan(Duration::ZERO, What::Arrive);
        while let Some(Reverse((at, _, what))) = self.agenda.pop() {
            self.now = at;
            match what {
                What::Arrive => self.arrive(),
                What::First(call, number) => self.first(call, number),
                What::Fails(call, number) => self.fails(call, number),
                What::End(call, number) => self.ends(call, number),
                What::Retry(call) => self.attempt(call),
                What::Hedge(call, number) => self.hedge(call, number),
            }
        }
        self.outcome.firsts.sort_unstable_by(f32::total_cmp);
        self.outcome.totals.sort_unstable_by(f32::total_cmp);
        self.outcome
    }

    fn plan(&mut self, after: Duration, what: What) {
        self.planned += 1;
        self.agenda
            .push(Reverse((self.now + after, self.planned, what)));
    }

    fn instant(&self) -> Instant {
        self.base + self.now
    }

    fn second(&mut self) -> &mut Second {
        let place = self.now.as_secs() as usize;
        if self.outcome.seconds.len() <= place {
            let empty = Second {
                by_group: vec![0; self.scenario.groups.len()],
                ..Second::default()
            };
            self.outcome.seconds.resize(place + 1, empty);
        }
        &mut self.outcome.seconds[place]
    }

    fn arrive(&mut self) {
        let rate = self.scenario.rate * weather::surge(self.scenario, self.now);
        let next = Duration::from_secs_f64(self.dice.gap(1.0 / rate.max(1e-9)));
        if self.now + next < self.end {
            self.plan(next, What::Arrive);
        }
        let call = Call {
            begun: self.now,
            workload: self.workload(),
            attempts: 0,
            tries_here: 0,
            current: usize::MAX,
            tried: Vec::new(),
            running: Vec::with_capacity(1),
            answered: false,
        };
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.calls.push(None);
                (self.calls.len() - 1) as u32
            }
        };
        self.calls[place as usize] = Some(call);
        self.second().requests += 1;
        self.share.request(self.instant());
        self.choose(place);
        self.attempt(place);
    }

    fn workload(&mut self) -> Workload {
        let all: f64 = self.scenario.workloads.iter().map(|one| one.share).sum();
        let mut left = self.dice.part() * all;
        let mut found = self.scenario.workloads[0];
        for one in &self.scenario.workloads {
            found = *one;
            left -= one.share;
            if left < 0.0 {
                break;
            }
        }
        // Sizes spread, as those of real requests do.
        let spread = (0.5 * self.dice.normal()).exp();
        found.input *= spread;
        found.output = (found.output * (0.5 * self.dice.normal()).exp()).max(1.0);
        found
    }

    /// The next target of a call, by the strategy; false if all were asked.
    fn choose(&mut self, place: u32) -> bool {
        let now = self.instant();
        let Some(call) = self.calls[place as usize].as_mut() else {
            return false;
        };
        let ask = Ask {
            input: call.workload.input,
            output: call.workload.output,
            cost_weight: self.run.cost_weight,
            turn: self.turn,
        };
        self.turn += 1;
        let targets = &self.targets;
        let tried = &call.tried;
        let field = Field {
            sides: &self.scenario.sides,
            figures: |index: usize| &*targets[index].vitals,
            open: |index: usize| !tried.contains(&(index as u32)),
            now,
        };
        let Some(chosen) = field.pick(self.run.strategy, &ask, self.dice.next()) else {
            return false;
        };
        call.current = chosen;
        call.tried.push(chosen as u32);
        call.tries_here = 0;
        true
    }

    /// Asks the call's present target.
    fn attempt(&mut self, place: u32) {
        let now = self.instant();
        let Some(call) = self.calls[place as usize].as_mut() else {
            return;
        };
        call.attempts += 1;
        call.tries_here += 1;
        self.attempts += 1;
        let (target, number) = (call.current, self.attempts);
        let is_first = call.attempts == 1;
        let here = &mut self.targets[target];
        let others = here.vitals.view(now).in_flight;
        let turn = here.vitals.begin(now);
        let fate = weather::fate(
            self.scenario,
            target,
            &mut here.climate,
            others,
            self.now,
            &mut self.dice,
        );
        let patience = self.scenario.first_token;
        let (after, error) = match fate {
            Fate::First(after) if after > patience => (patience, Some(weather::late())),
            Fate::First(after) => (after, None),
            Fate::Fails(after, _) if after > patience => (patience, Some(weather::late())),
            Fate::Fails(after, error) => (after, Some(error)),
        };
        let what = match error {
            None => What::First(place, number),
            Some(_) => What::Fails(place, number),
        };
        call.running.push(Attempt {
            number,
            target,
            turn,
            error,
        });
        let usual = self
            .run
            .hedge
            .filter(|_| is_first)
            .and_then(|hedge| Some((here.vitals.usual(hedge.percentile)?, hedge.least)));
        self.plan(after, what);
        if let Some((usual, least)) = usual {
            self.plan(usual.max(least), What::Hedge(place, number));
        }
        let group = self.scenario.targets[target].group;
        self.outcome.attempts += 1;
        self.outcome.shares[group].attempts += 1;
        let second = self.second();
        second.attempts += 1;
        second.by_group[group] += 1;
    }

    /// A second attempt beside one whose first token is late.
    fn hedge(&mut self, place: u32, number: u64) {
        let Some(hedge) = self.run.hedge else { return };
        let call = self.calls[place as usize].as_ref();
        let waits =
            call.is_some_and(|call| !call.answered) && self.running(place, number).is_some();
        let few = self.share.is_below(hedge.max_extra);
        if waits && few && self.choose(place) && self.spends(place, budget::Cause::Hedge) {
            self.outcome.hedges += 1;
            self.attempt(place);
        }
    }

    /// Whether the budgets have room for one attempt more, at the call's present target.
    fn spends(&mut self, place: u32, cause: budget::Cause) -> bool {
        let now = self.instant();
        let Some(call) = self.calls[place as usize].as_ref() else {
            return false;
        };
        let purse = &mut self.targets[call.current].purse;
        purse.spend(&self.settings, cause) && self.share.spend(&self.settings, now)
    }

    fn pays(&mut self, place: u32, cause: Option<budget::Cause>) -> bool {
        cause.is_none_or(|cause| self.spends(place, cause))
    }

    fn running(&self, place: u32, number: u64) -> Option<usize> {
        let call = self.calls[place as usize].as_ref()?;
        let mut running = call.running.iter();
        running.position(|attempt| attempt.number == number)
    }

    fn first(&mut self, place: u32, number: u64) {
        let now = self.instant();
        let Some(which) = self.running(place, number) else {
            return;
        };
        let Some(call) = self.calls[place as usize].as_mut() else {
            return;
        };
        let mut winner = call.running.swap_remove(which);
        winner.turn.first(now);
        call.answered = true;
        // Losers are closed; what they were sent is paid for.
        for loser in call.running.drain(..) {
            let (target, input) = (loser.target, call.workload.input);
            loser.turn.give_up(false, now);
            self.outcome.microusd += price(&self.scenario.sides[target].price, input, 0.0);
        }
        let speed = self.scenario.targets[winner.target].tokens_per_s;
        let after = Duration::from_secs_f64(call.workload.output / speed);
        let waited = (self.now - call.begun).as_secs_f32();
        call.running.push(winner);
        self.outcome.firsts.push(waited);
        self.plan(after, What::End(place, number));
    }

    fn ends(&mut self, place: u32, number: u64) {
        let now = self.instant();
        let Some(which) = self.running(place, number) else {
            return;
        };
        let Some(mut call) = self.calls[place as usize].take() else {
            return;
        };
        let winner = call.running.swap_remove(which);
        let Workload { input, output, .. } = call.workload;
        winner.turn.end(None, Some(output as u64), now);
        self.targets[winner.target].purse.earn();
        self.outcome.microusd += price(&self.scenario.sides[winner.target].price, input, output);
        let took = (self.now - call.begun).as_secs_f32();
        self.outcome.totals.push(took);
        self.outcome.requests += 1;
        self.free.push(place);
    }

    fn fails(&mut self, place: u32, number: u64) {
        let now = self.instant();
        let Some(which) = self.running(place, number) else {
            return;
        };
        let Some(call) = self.calls[place as usize].as_mut() else {
            return;
        };
        let failed = call.running.swap_remove(which);
        failed.turn.end(failed.error.as_ref(), None, now);
        // Its rival goes on.
        if !call.running.is_empty() {
            return;
        }
        let (attempts, tries_here, tried) = (call.attempts, call.tries_here, call.tried.len());
        let Some(error) = failed.error else { return };
        let policy = retry::Policy {
            max_attempts: self.scenario.max_attempts,
        };
        let state = retry::State {
            attempt: attempts,
            tries_here,
            another: tried < self.scenario.targets.len(),
            meant: false,
            remaining: None,
        };
        let chance = self.dice.part();
        let after = match retry::next(&policy, &error, &state, chance) {
            retry::Next::GiveUp => None,
            retry::Next::Again { after } => {
                let cause = budget::Cause::of(&error, || false);
                self.pays(place, cause).then_some(after)
            }
            retry::Next::Fallback { after } => {
                let cause = budget::Cause::of(&error, || true);
                let goes = self.choose(place) && self.pays(place, cause);
                goes.then_some(after)
            }
        };
        match after {
            Some(after) => self.plan(after, What::Retry(place)),
            None => self.lost(place),
        }
    }

    fn lost(&mut self, place: u32) {
        self.calls[place as usize] = None;
        self.free.push(place);
        self.outcome.requests += 1;
        self.outcome.failed += 1;
        self.second().failed += 1;
    }
}

/// Microdollars: US dollars per million tokens are microdollars per token.
fn price(price: &Option<Rate>, input: f64, output: f64) -> f64 {
    price.map_or(0.0, |price| price.input * input + price.output * output)
}
