//! What most requests find: room in everything that limits them, and nobody who waits. Then all of it is taken at once, under one lock,
//! and nothing has to be written down for a wait.

use std::sync::Arc;

use super::limiter::{Counting, Load, Want};
use super::pass::{Held, Pass};
use super::{Gates, Permit, now};
use crate::config::Scope;
use crate::route::Candidates;

impl Pass {
    /// Takes what the call and its attempt at the current candidate need, if there is room in all of it; else nothing, and whoever has the
    /// time goes by [`Pass::admit`]. So many `answers` are wanted.
    pub(crate) fn admit_at_once(
        &self,
        candidates: &Candidates,
        (current, order): (usize, impl Iterator<Item = usize>),
        answers: usize,
        held: &mut Held,
    ) -> bool {
        let candidate = &candidates[current];
        let keyed = || self.admission.caps(Scope::Key, &candidate.provider.id);
        // What Redis counts is asked for, and which key is meant is chosen.
        if self.store.is_some() || keyed().is_some() {
            return false;
        }
        let held = held.0.get_or_insert_default();
        let call = match held.call.is_none() && !self.wants.is_empty() {
            true => (
                &self.wants[..],
                self.load_of_all(candidates, order, answers),
            ),
            false => (&[][..], Load::default()),
        };
        let (room, load) = (self.room(candidate), self.load(candidate));
        let Some([call, attempt]) = self.gates.take_all(&[call, (room.wants(), load)]) else {
            return false;
        };
        held.call = call.or(held.call.take());
        held.attempt = attempt.or(held.attempt.take());
        (held.key, held.load) = (None, load);
        held.bill = Some(self.bill(candidate));
        true
    }
}

impl Gates {
    /// All that these need, each as a permit of its own; nothing if there is no room somewhere, or somebody waits for any.
    pub(super) fn take_all(
        self: &Arc<Gates>,
        asked: &[(&[Want], Load); 2],
    ) -> Option<[Option<Permit>; 2]> {
        let now = now();
        let mut line = crate::lock(&self.line);
        if !line.waiting.is_empty() {
            return None;
        }
        line.counting = Counting::Here;
        let room = |(wants, load): &(&[Want], Load)| {
            let mut wants = wants.iter();
            wants.all(|want| want.room(load, Counting::Here, now).is_ok())
        };
        asked.iter().all(room).then(|| {
            asked.map(|(wants, load)| {
                let holds: Box<[_]> = wants.iter().map(|want| want.take(load, now)).collect();
                (!holds.is_empty()).then(|| {
                    let mut permit = Permit::new(self.clone(), holds, load);
                    permit.begun = true;
                    permit
                })
            })
        })
    }
}
