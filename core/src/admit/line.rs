//! Those who wait for room, and who of them goes when there is some.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use futures::channel::oneshot;

use super::limiter::{Barred, Counting, Limiter, Load, Now, Want};
use super::{Gates, Permit};
use crate::policy::fair::{Fair, Place};

/// One of the targets that a request may go to, and what it needs for that.
#[derive(Clone)]
pub(crate) struct Choice {
    /// Its number among the request's candidates.
    pub(crate) candidate: usize,
    /// Which of its provider's keys, where each of them is limited.
    pub(crate) key: Option<usize>,
    pub(crate) wants: Vec<Want>,
    pub(crate) load: Load,
}

impl Choice {
    /// Whether it may be taken now; else what keeps it out for longest.
    pub(super) fn room(&self, counting: Counting, now: Now) -> Result<(), Barred> {
        self.wants
            .iter()
            .try_for_each(|want| want.room(&self.load, counting, now))
    }
}

pub(super) struct Waiter {
    pub(super) choices: Arc<[Choice]>,
    pub(super) tell: oneshot::Sender<Entered>,
}

/// A choice that was taken.
pub(crate) struct Entered {
    pub(crate) candidate: usize,
    pub(crate) key: Option<usize>,
    pub(crate) permit: Permit,
}

impl Entered {
    /// It is handed to whoever asked for it.
    pub(super) fn begun(mut self) -> Entered {
        self.permit.begun = true;
        self
    }
}

/// Who waits, in the order in which they are served.
pub(super) struct Line {
    pub(super) fair: Fair,
    pub(super) waiting: BTreeMap<Place, Waiter>,
    /// Questions to Redis that are not answered.
    pub(super) asking: usize,
    /// Who counts, as far as whoever came last knows.
    pub(super) counting: Counting,
    /// When it was last looked through because somebody's time had come.
    pub(super) looked: Option<Instant>,
}

impl Default for Line {
    fn default() -> Line {
        Line {
            fair: Fair::default(),
            waiting: BTreeMap::new(),
            asking: 0,
            counting: Counting::Here,
            looked: None,
        }
    }
}

impl Line {
    /// Takes the first choice that has room, if there is one.
    pub(super) fn take<'c>(
        &mut self,
        gates: &Arc<Gates>,
        mut choices: impl Iterator<Item = &'c Choice>,
        counting: Counting,
        now: Now,
    ) -> Option<Entered> {
        let free = |choice: &&Choice| {
            let asks = counting == Counting::There && choice.wants.iter().any(Want::is_counted);
            !(asks && self.asking >= ASKING_MAX) && choice.room(counting, now).is_ok()
        };
        let choice = choices.find(free)?;
        let holds = choice.wants.iter().map(|want| want.take(choice.load, now));
        let mut permit = Permit::new(gates.clone(), holds.collect(), choice.load);
        if counting == Counting::There && choice.wants.iter().any(Want::is_counted) {
            self.asking += 1;
            permit.asks = true;
        }
        Some(Entered {
            candidate: choice.candidate,
            key: choice.key,
            permit,
        })
    }

    /// Gives what there is to those who wait for it, in their order: nobody goes past somebody who waits for the same. Returns what
    /// nobody wanted any more, to be dropped without the line's lock.
    #[must_use]
    pub(super) fn serve(&mut self, gates: &Arc<Gates>, now: Now) -> Vec<Entered> {
        let counting = self.counting;
        let mut held: Vec<*const Limiter> = Vec::new();
        let mut served = Vec::new();
        let places: Vec<Place> = self.waiting.keys().copied().collect();
        for place in places {
            let Some(waiter) = self.waiting.get(&place) else {
                continue;
            };
            let choices = waiter.choices.clone();
            let open = |choice: &&Choice| {
                let mut limiters = choice.wants.iter().map(|want| Arc::as_ptr(&want.limiter));
                !limiters.any(|limiter| held.contains(&limiter))
            };
            match self.take(gates, choices.iter().filter(open), counting, now) {
                Some(taken) => {
                    self.fair.served(place);
                    served.extend(self.waiting.remove(&place).map(|waiter| (waiter, taken)));
                }
                None => {
                    let all = choices.iter().flat_map(|choice| &choice.wants);
                    held.extend(all.map(|want| Arc::as_ptr(&want.limiter)));
                }
            }
        }
        let told = served
            .into_iter()
            .map(|(waiter, taken)| waiter.tell.send(taken));
        told.filter_map(Result::err).collect()
    }
}

// A script takes Redis 10 to 20 us: so many of them are answered within a millisecond or two, well within anybody's bound.
const ASKING_MAX: usize = 64;
