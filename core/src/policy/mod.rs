//! Decisions, one file each. Pure: numbers, times and chance are arguments, and no policy knows another.

pub(crate) mod retry;
pub(crate) mod route;
