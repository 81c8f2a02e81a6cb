//! A request's candidates in groups, and who is next: the strategies' figures are read here, and what they count between calls is kept
//! here.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;

use libllm_proto::error::{Error, Retry};

use crate::clock;
use crate::config::{Hedge, Race, Score};
use crate::media;
use crate::plan::Candidate;
use crate::policy::affinity::Pins;
use crate::policy::cause::Cause;
use crate::policy::dial::{Dial, Goal};
use crate::policy::route::{Ask, Field, Side, Strategy};
use crate::policy::view::{Figures as _, Fit};
use crate::request::Request;
use crate::seen::Seen;

/// Who may be asked, in groups; the first is asked first.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    pub(crate) all: Vec<Arc<Candidate>>,
    pub(crate) groups: Vec<Group>,
    /// What is known of the request before it is sent.
    pub(crate) ask: Ask,
    /// Where what belongs to it stays.
    pub(crate) pin: Option<Pin>,
    /// What is counted of its alias, where the choice is by score.
    pub(crate) tally: Option<(Arc<Tally>, Score)>,
    /// How it came to these candidates.
    pub(crate) notes: Notes,
    /// The request as it is sent, if words in it were meant for us.
    pub(crate) request: Option<Box<Request>>,
    /// When a second one is asked because the first is slow.
    pub(crate) hedge: Option<Hedge>,
    /// How many are asked at once and who is heard, where the strategy is a race.
    pub(crate) race: Race,
}

/// Who is asked after a failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Another {
    pub(crate) target: usize,
    /// The list of fallbacks that it is from.
    pub(crate) cause: Option<Cause>,
    /// The list is for just this error.
    pub(crate) meant: bool,
}

/// How a request came to its candidates, for whoever asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    /// The rule that was for it, from 0.
    pub(crate) rule: Option<usize>,
    /// Its place among those who wait for room, if the rule says it.
    pub(crate) priority: Option<u8>,
    /// Where a split sent it.
    pub(crate) branch: Option<String>,
    /// Why the first is the first.
    pub(crate) first: First,
}

/// Why the first candidate is the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum First {
    /// By the strategy.
    #[default]
    Chosen,
    /// It answered last.
    Pinned,
    /// It sealed what the request brings.
    Owner,
}

/// Where a conversation stays.
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    pub(crate) key: u64,
    pub(crate) routes: Arc<Routes>,
}

impl Pin {
    /// Who answered last.
    pub(crate) fn get(&self, now: Instant) -> Option<Arc<str>> {
        crate::lock(&self.routes.pins).get(self.key, now).cloned()
    }
}

/// Candidates that stand for one name.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Which they are.
    pub(crate) range: Range<usize>,
    /// How one of them is chosen.
    pub(crate) strategy: Strategy,
    /// What must have happened before they are asked; nothing for those that the request names.
    pub(crate) after: Option<Cause>,
    /// They are asked whatever the cause is.
    pub(crate) always: bool,
}

impl Candidates {
    pub(crate) fn new(ask: Ask) -> Candidates {
        Candidates {
            all: Vec::new(),
            groups: Vec::with_capacity(1),
            ask,
            pin: None,
            tally: None,
            notes: Notes::default(),
            request: None,
            hedge: None,
            race: Race::default(),
        }
    }

    /// Nobody is asked but the first.
    pub(crate) fn keep_first(&mut self) {
        self.all.truncate(1);
        self.groups.truncate(1);
        self.groups[0].range = 0..1;
    }

    /// Leaves out those of which this is not true.
    pub(crate) fn retain(&mut self, fits: impl Fn(&Candidate) -> bool) {
        let kept: Vec<bool> = self.all.iter().map(|it| fits(it)).collect();
        let count = |end: usize| kept[..end].iter().filter(|kept| **kept).count();
        for Group { range, .. } in &mut self.groups {
            *range = count(range.start)..count(range.end);
        }
        self.all.retain(|it| fits(it));
    }

    /// What was planned is going to be done; returns the request as it is sent.
    pub(crate) fn settle(&mut self, request: Request) -> Request {
        if let (Some((tally, score)), Some(first)) = (&self.tally, self.all.first())
            && goal(score) != Goal::None
        {
            let cost = self.ask.cost(&first.side);
            let view = first.vitals.view(clock::now());
            let latency = view.ttft.unwrap_or_default().as_secs_f64() * 1_000.0;
            let mut dial = crate::lock(&tally.dial);
            dial.chose(score.cost_weight, goal(score), cost, latency);
        }
        self.request.take().map_or(request, |stripped| *stripped)
    }

    /// This one and those that may be asked in its place when it is full: none that are for another cause.
    pub(crate) fn from(&self, current: usize) -> Range<usize> {
        let own = |group: &&Group| group.range.contains(&current);
        let after = self.groups.iter().find(own).and_then(|group| group.after);
        let fits = |group: &&Group| group.after == after || group.after == Some(Cause::Any);
        let later = self.groups.iter().filter(|group| group.range.end > current);
        let end = later.take_while(fits).last().map(|group| group.range.end);
        current..end.unwrap_or(current + 1)
    }

    /// This one has begun to answer: what belongs to the request stays there.
    pub(crate) fn answers(&self, index: usize, now: Instant) {
        if let (Some(pin), Some(candidate)) = (&self.pin, self.all.get(index)) {
            let name = candidate.target.shared();
            crate::lock(&pin.routes.pins).set(pin.key, name, now);
        }
    }

    /// Who is asked first: of those that need no cause, or any, the first that is well; if none is, the first.
    pub(crate) fn start(&self) -> usize {
        if self.all.len() < 2 || self.all[0].vitals.is_untroubled() {
            return 0;
        }
        let now = clock::now();
        let is_well = |index: &usize| self.all[*index].vitals.fit(now) != Fit::Away;
        if is_well(&0) {
            return 0;
        }
        let groups = self.groups.iter();
        let mut groups = groups.filter(|it| matches!(it.after, None | Some(Cause::Any)));
        let well = |group: &Group| {
            let first = group.range.start == 0;
            // The strategy has chosen the first of its group, of which none is well then.
            if first && group.strategy != Strategy::Order {
                return None;
            }
            group.range.clone().find(is_well)
        };
        groups.find_map(well).unwrap_or(0)
    }

    /// The group that a candidate is of.
    pub(crate) fn group(&self, index: usize) -> Option<&Group> {
        let mut groups = self.groups.iter();
        groups.find(|group| group.range.contains(&index))
    }

    /// All in the order in which they would be asked if one after the other failed now. Last come those that need another cause
    /// than just any.
    pub(crate) fn ranked(&self) -> Vec<usize> {
        let now = clock::now();
        let first = self.start();
        let begins = self.group(first).and_then(|group| group.after);
        let (mut ranked, mut tried) = (vec![first], 1 << first);
        let mut groups: Vec<&Group> = self.groups.iter().collect();
        groups.sort_by_key(|group| match group.after {
            after if after == begins => 0,
            Some(Cause::Any) => 1,
            _ => 2,
        });
        for group in groups {
            while let Some(next) = self.pick(group, tried, now) {
                tried |= 1 << next;
                ranked.push(next);
            }
        }
        ranked
    }

    /// Who may be asked beside `current`, of its own group and well.
    pub(crate) fn beside(&self, current: usize, tried: u64) -> Option<usize> {
        let now = clock::now();
        let mut groups = self.groups.iter();
        let group = groups.find(|group| group.range.contains(&current))?;
        let tried = tried | 1 << current;
        let found = self.pick(group, tried, now)?;
        let view = self.all[found].vitals.view(now);
        view.is_healthy(now).then_some(found)
    }

    /// Who is asked in place of `current`, which somebody else tries out or which asked to be left alone since it was chosen: one of
    /// those that may be asked when it is full, and well.
    pub(crate) fn instead(&self, current: usize, tried: u64) -> Option<usize> {
        if self.all.len() < 2 || self.all[current].vitals.is_untroubled() {
            return None;
        }
        let now = clock::now();
        let fit = |index: usize| self.all[index].vitals.fit(now);
        if fit(current) != Fit::Away {
            return None;
        }
        let mut others = self.from(current);
        let well = |other: &usize| tried >> other & 1 == 0 && fit(*other) == Fit::Well;
        self.beside(current, tried).or_else(|| others.find(well))
    }

    /// Whether others race this one.
    pub(crate) fn races(&self, current: usize) -> bool {
        let group = self.group(current);
        group.is_some_and(|group| group.strategy == Strategy::Race)
    }

    /// The first one and those that race it.
    pub(crate) fn racers(&self, current: usize) -> Vec<usize> {
        let mut groups = self.groups.iter();
        let group = groups.find(|group| group.range.contains(&current));
        let mut racers = vec![current];
        let mut tried = 1 << current;
        if group.is_some_and(|group| group.strategy == Strategy::Race) {
            while racers.len() < self.race.targets
                && let Some(other) = self.beside(current, tried)
            {
                tried |= 1 << other;
                racers.push(other);
            }
        }
        racers
    }

    /// Who is asked after `current` failed so, if anybody else may be, and because of what. `tried` has a bit for each that was.
    pub(crate) fn another(
        &self,
        current: usize,
        tried: u64,
        error: &Error,
        request: &Request,
    ) -> Option<Another> {
        let now = clock::now();
        let special = self.special(error, request);
        let of = |cause: Option<Cause>| {
            let fits = |group: &&Group| group.after == cause || group.always && cause.is_some();
            let mut groups = self.groups.iter().filter(fits);
            let target = groups.find_map(|group| self.pick(group, tried, now))?;
            Some(Another {
                target,
                cause,
                meant: special.is_some() && cause == special,
            })
        };
        if let Some(found) = special.and_then(|cause| of(Some(cause))) {
            return Some(found);
        }
        if error.retry() == Retry::Never {
            return None;
        }
        // Those of the name that is being asked, those for the same cause, and at last those for any.
        let mut groups = self.groups.iter();
        let asked = groups.find(|group| group.range.contains(&current));
        of(asked.and_then(|group| group.after)).or_else(|| of(Some(Cause::Any)))
    }

    /// The list of fallbacks that is for this error and not for others, if there is one.
    fn special(&self, error: &Error, request: &Request) -> Option<Cause> {
        let listed = |cause| {
            let mut groups = self.groups.iter();
            groups.any(|group| group.always || group.after == Some(cause))
        };
        let media = || listed(Cause::Modality) && media::is_in(request);
        Cause::of(error, media).filter(|cause| listed(*cause))
    }

    fn pick(&self, group: &Group, tried: u64, now: Instant) -> Option<usize> {
        // In the order of their priorities, in which the first one chosen need not have stood.
        let mut indices: Vec<usize> = group.range.clone().collect();
        indices.sort_by_key(|index| self.all[*index].side.priority);
        let sides: Vec<Side> = indices.iter().map(|index| self.all[*index].side).collect();
        let field = Field {
            sides: &sides,
            figures: |at: usize| self.all[indices[at]].seen(),
            open: |at: usize| tried >> indices[at] & 1 == 0,
            now,
        };
        let found = field.pick(group.strategy, &self.ask, fastrand::u64(..))?;
        Some(indices[found])
    }
}

impl Candidate {
    fn seen(&self) -> Seen<'_> {
        Seen {
            vitals: &self.vitals,
            room: self.room.as_deref(),
        }
    }
}

impl Deref for Candidates {
    type Target = Vec<Arc<Candidate>>;

    fn deref(&self) -> &Vec<Arc<Candidate>> {
        &self.all
    }
}

impl DerefMut for Candidates {
    fn deref_mut(&mut self) -> &mut Vec<Arc<Candidate>> {
        &mut self.all
    }
}

/// What is counted of each alias between calls; outlives a reload.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    tallies: RwLock<HashMap<Box<str>, Arc<Tally>>>,
    pins: Mutex<Pins>,
}

/// One alias's counts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    turn: AtomicU64,
    dial: Mutex<Dial>,
}

impl Tally {
    /// What a microdollar is worth in milliseconds now.
    pub(crate) fn cost_weight(&self, score: &Score) -> f64 {
        crate::lock(&self.dial).weight(score.cost_weight)
    }

    /// How many requests came so far.
    pub(crate) fn turns(&self) -> u64 {
        self.turn.load(Ordering::Relaxed)
    }

    /// How many requests came before this one.
    pub(crate) fn turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }
}

impl Routes {
    /// The counts of the alias of this name. There are as many as aliases were ever configured.
    pub(crate) fn of(&self, alias: &str) -> Arc<Tally> {
        let known = self.tallies.read().unwrap_or_else(|all| all.into_inner());
        if let Some(known) = known.get(alias) {
            return known.clone();
        }
        drop(known);
        let mut all = self.tallies.write().unwrap_or_else(|all| all.into_inner());
        all.entry(alias.into()).or_default().clone()
    }
}

fn goal(score: &Score) -> Goal {
    match (score.cost_goal, score.latency_goal) {
        (Some(goal), _) => Goal::Cost(goal),
        (None, Some(goal)) => Goal::Latency(goal),
        (None, None) => Goal::None,
    }
}

/// As many candidates as a request's bits can tell apart.
pub(crate) const CANDIDATES_MAX: usize = 64;
