//! An alias's targets as far as they are for one request, and the order in which they are asked.

use std::sync::Arc;
use std::time::Instant;

use super::{Plan, Ready};
use crate::admit::Room;
use crate::config::{self, Alias, Known, Spare, split_model};
use crate::policy::cause::Cause;
use crate::policy::route::{Ask, Field, Side, Strategy};
use crate::policy::view::{Figures, Fit};
use crate::seen::Seen;
use crate::target::Target;
use crate::vitals::Vitals;
use crate::wish::{self, Wish};

/// What is said of a request's targets beside their alias.
pub(super) struct Wanted<'w> {
    /// They have all of these.
    pub(super) tags: &'w [String],
    pub(super) tenant: Option<&'w str>,
    pub(super) wish: &'w Wish,
}

pub(super) struct Members<'m> {
    alias: &'m Alias,
    known: &'m Known,
    /// What our own limits leave of each, if there are any.
    rooms: Option<&'m [Arc<Room>]>,
    /// Of all, or of those that are left.
    sides: &'m [Side],
    left: Option<Left>,
}

/// Some of an alias's targets, in the order of their priorities.
struct Left {
    indices: Vec<usize>,
    sides: Vec<Side>,
}

impl<'m> Members<'m> {
    pub(super) fn of(
        plan: &Plan<'_>,
        alias: &'m Alias,
        strategy: Strategy,
        wanted: &Wanted<'_>,
    ) -> Members<'m> {
        let known = known(plan, alias);
        let by_price = matches!(strategy, Strategy::Cost | Strategy::Score);
        let sides = match by_price || wanted.wish.has_max_price() {
            true => known.priced.get_or_init(|| priced(plan, alias)),
            false => &known.sides,
        };
        Members {
            alias,
            known,
            rooms: rooms(plan, alias, known),
            sides,
            left: left(alias, sides, wanted),
        }
    }

    pub(super) fn vitals(&self, index: usize) -> Option<&'m Arc<Vitals>> {
        self.known.vitals.get(index)
    }

    pub(super) fn ready(&self, index: usize) -> Option<&'m Ready> {
        self.known.ready.get(index)
    }

    pub(super) fn room(&self, index: usize) -> Option<&'m Arc<Room>> {
        self.rooms?.get(index)
    }

    /// A target that is well and of which this is true.
    pub(super) fn healthy(&self, now: Instant, is: impl Fn(&Target) -> bool) -> Option<usize> {
        let mut all = 0..self.sides().len();
        all.find(|at| {
            is(&self.alias.targets[self.index(*at)].name) && self.figures(*at).fit(now) == Fit::Well
        })
    }

    /// The one that is asked first, and then others: as they are written, or, of many, as many as can be needed.
    pub(super) fn order(
        &self,
        strategy: Strategy,
        ask: &Ask,
        first: Option<usize>,
        now: Instant,
    ) -> Vec<usize> {
        let sides = self.sides();
        let needed = sides.len().min(NEEDED);
        let mut order: Vec<usize> = Vec::with_capacity(needed);
        order.extend(first);
        while order.len() < needed {
            if let (Some(first), true) = (order.first().copied(), sides.len() <= NEEDED) {
                order.truncate(1);
                order.extend((0..sides.len()).filter(|at| *at != first));
                break;
            }
            let field = Field {
                sides,
                figures: |at: usize| self.figures(at),
                open: |at: usize| !order.contains(&at),
                now,
            };
            match field.pick(strategy, ask, fastrand::u64(..)) {
                Some(found) => order.push(found),
                None => break,
            }
        }
        order
    }

    /// One of those that are left: its number in the alias, and what is said of it.
    pub(super) fn at(&self, at: usize) -> (usize, Side) {
        (self.index(at), self.sides()[at])
    }

    fn sides(&self) -> &[Side] {
        self.left.as_ref().map_or(self.sides, |left| &left.sides)
    }

    fn index(&self, at: usize) -> usize {
        self.left.as_ref().map_or(at, |left| left.indices[at])
    }

    fn figures(&self, at: usize) -> Seen<'m> {
        let index = self.index(at);
        Seen {
            vitals: &self.known.vitals[index],
            room: self.rooms.map(|rooms| &*rooms[index]),
        }
    }
}

fn left(alias: &Alias, sides: &[Side], wanted: &Wanted<'_>) -> Option<Left> {
    let named = |target: &config::Target| match wanted.tenant {
        Some(tenant) => target.tenants.iter().any(|known| known == tenant),
        None => false,
    };
    let pools = alias
        .targets
        .iter()
        .any(|target| !target.tenants.is_empty());
    if !pools && wanted.tags.is_empty() && !wanted.wish.chooses() {
        return None;
    }
    // Who has targets of their own is asked there, and nowhere else.
    let own = pools && alias.targets.iter().any(named);
    let mut left: Vec<(usize, Side)> = Vec::new();
    for (index, (target, side)) in alias.targets.iter().zip(sides).enumerate() {
        let pool = match own {
            true => named(target),
            false => target.tenants.is_empty(),
        };
        let tagged = wanted.tags.iter().all(|tag| target.tags.contains(tag));
        if let (true, true, Some(rank)) = (
            pool,
            tagged,
            wanted.wish.rank(target.name.provider(), side.price),
        ) {
            let priority = rank.saturating_mul(config::PRIORITIES) + side.priority;
            left.push((index, Side { priority, ..*side }));
        }
    }
    left.sort_by_key(|(_, side)| side.priority);
    let (indices, sides) = left.into_iter().unzip();
    Some(Left { indices, sides })
}

/// What is looked up of an alias once for each configuration.
pub(super) fn known<'m>(plan: &Plan<'_>, alias: &'m Alias) -> &'m Known {
    alias.known.get_or_init(|| {
        let targets = alias.targets.iter();
        let vitals = |target: &config::Target| plan.learnt.roll.of(target.name.text());
        let spare = |(name, after): (&String, Cause)| spare(plan, name, after);
        Known {
            sides: targets.clone().map(|target| target.side).collect(),
            ready: targets.clone().map(|_| Ready::default()).collect(),
            vitals: targets.map(vitals).collect(),
            spares: alias.fallbacks.all().map(spare).collect(),
            ..Known::default()
        }
    })
}

/// A fallback is a target, or a name that stands for others.
fn spare(plan: &Plan<'_>, name: &str, after: Cause) -> Spare {
    let is_target =
        wish::suffix(plan.config, name) == (name, None) && !plan.config.aliases.contains_key(name);
    let target = split_model(name).filter(|_| is_target);
    let target = target.map(|(provider, _)| Target::written(name, provider.len()));
    let known = |target: Target| {
        let vitals = plan.learnt.roll.of(target.text());
        (target, vitals)
    };
    Spare {
        name: name.into(),
        target: target.map(known),
        after,
        ready: Ready::default(),
    }
}

/// Found once for each configuration; where nothing is limited, there is nothing to find.
fn rooms<'m>(plan: &Plan<'_>, alias: &Alias, known: &'m Known) -> Option<&'m [Arc<Room>]> {
    let admission = plan.config.admission.as_deref()?;
    let gates = plan.learnt.gates.as_deref()?;
    let rooms = known.rooms.get_or_init(|| {
        let names = alias.targets.iter().map(|target| &target.name);
        let room = |name: &Target| gates.room(admission, name.provider(), name.text());
        names.map(|name| Arc::new(room(name))).collect()
    });
    Some(rooms)
}

/// The same with prices of the catalog for those that say none.
fn priced(plan: &Plan<'_>, alias: &Alias) -> Box<[Side]> {
    let side = |target: &config::Target| Side {
        price: target.side.price.or_else(|| plan.rate(&target.name)),
        ..target.side
    };
    alias.targets.iter().map(side).collect()
}

// A request is tried ten times at most, and two more may be under way beside that.
const NEEDED: usize = 12;
