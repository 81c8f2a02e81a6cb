//! What one frame says, on its way into the batch: keeps watch whether the frame said one delta and nothing else.

use std::ops::Range;

use crate::event::{Batch, Event};
use crate::json::{Half, Str};
use crate::template::{Delta, DeltaKind};

/// The batch, and what of this frame went into it.
pub(super) struct Sink<'b> {
    batch: &'b mut Batch,
    /// Room for texts with escapes; kept from frame to frame.
    scratch: &'b mut String,
    said: Said,
    count: u32,
}

#[derive(Clone, Debug)]
enum Said {
    Nothing,
    /// One delta, whose string lies here in the frame.
    Delta(Range<usize>, Delta),
    More,
}

impl<'b> Sink<'b> {
    pub(super) fn new(batch: &'b mut Batch, scratch: &'b mut String) -> Sink<'b> {
        Sink {
            batch,
            scratch,
            said: Said::Nothing,
            count: 0,
        }
    }

    /// Says a delta. `half` holds what is left of a surrogate pair between the deltas of one text.
    pub(super) fn delta(&mut self, choice: u32, kind: DeltaKind, text: Str<'_>, half: &mut Half) {
        if text.is_empty() {
            return;
        }
        let delta = Delta { choice, kind };
        self.said = match self.said {
            Said::Nothing => Said::Delta(text.range(), delta),
            _ => Said::More,
        };
        self.count += 1;
        say(self.batch, delta, text, half);
    }

    /// A text that is not said.
    pub(super) fn text<'s>(&'s mut self, text: Str<'s>) -> &'s str {
        text.decode(self.scratch)
    }

    /// Says anything else: this frame is no template for the next one.
    pub(super) fn push(&mut self, choice: u32, event: Event<'_>) {
        self.said = Said::More;
        self.count += 1;
        self.batch.push(choice, event);
    }

    /// This frame changed something that another such frame would change again.
    pub(super) fn not_again(&mut self) {
        self.said = Said::More;
    }

    /// How much was said.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Whether a delta and nothing else was said.
    pub(super) fn is_one_delta(&self) -> bool {
        matches!(self.said, Said::Delta(..))
    }

    /// The frame's only delta, if it said nothing else.
    pub(super) fn only_delta(self) -> Option<(Range<usize>, Delta)> {
        match self.said {
            Said::Delta(range, delta) => Some((range, delta)),
            _ => None,
        }
    }
}

/// Puts a delta's text into the batch, straight from the frame.
#[inline]
pub(super) fn say(batch: &mut Batch, delta: Delta, text: Str<'_>, half: &mut Half) {
    match text.as_written(half) {
        Some(text) => batch.push(delta.choice, delta.event(text)),
        None => batch.push_made(delta.choice, &delta.event(""), |out| {
            text.append_joined(half, out)
        }),
    }
}
