//! The limits of our own that a target is under, looked up once for a configuration: what they leave of it, for who chooses among several,
//! and what a request takes of them.

use std::time::Instant;

use super::Gates;
use super::limiter::Want;
use crate::clock;
use crate::config::{Admission, Scope};

/// The limits of a target and of its provider.
#[derive(Default)]
pub(crate) struct Room(Vec<Want>);

impl Gates {
    /// Those that are ours of this target.
    pub(crate) fn room(&self, admission: &Admission, provider: &str, target: &str) -> Room {
        let scopes = [(Scope::Provider, provider), (Scope::Target, target)];
        let wants = scopes.map(|(scope, name)| self.want(admission, scope, name));
        Room(wants.into_iter().flatten().collect())
    }
}

impl Room {
    /// What a request needs there.
    pub(super) fn wants(&self) -> &[Want] {
        &self.0
    }

    /// The share that is left of the limit that is nearest; 1 if there is none.
    pub(crate) fn left(&self, now: Instant) -> f64 {
        let left = self.0.iter().map(|want| want.left(now));
        left.fold(1.0, f64::min)
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Room({})", self.left(clock::now()))
    }
}
