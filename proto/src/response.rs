//! A whole answer: the fold over events.

/// A whole answer.
#[derive(Clone, Debug, Default)]
pub struct Response {}
