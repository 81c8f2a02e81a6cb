//! A target as a choice sees it: how it does, and what our own limits leave of it.

use std::time::Instant;

use crate::admit::Room;
use crate::policy::View;
use crate::policy::view::{Figures, Fit, Moment};
use crate::vitals::Vitals;

/// One of several targets.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'t> {
    pub(crate) vitals: &'t Vitals,
    /// Looked up where the strategy asks for it.
    pub(crate) room: Option<&'t Room>,
}

impl Figures for Seen<'_> {
    fn fit(&self, now: Instant) -> Fit {
        self.vitals.fit(now)
    }

    fn in_flight(&self) -> u32 {
        self.vitals.in_flight()
    }

    fn ttft(&self, now: &Moment) -> Option<f64> {
        self.vitals.ttft(now)
    }

    fn tokens_per_s(&self) -> Option<f32> {
        self.vitals.tokens_per_s()
    }

    fn failures(&self) -> u32 {
        self.vitals.failures()
    }

    fn left(&self, now: Instant) -> f64 {
        let told = self.vitals.left(now);
        self.room.map_or(told, |room| told.min(room.left(now)))
    }

    fn view(&self, now: Instant) -> View {
        self.vitals.view(now)
    }
}
