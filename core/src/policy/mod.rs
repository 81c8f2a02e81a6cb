//! Decisions, one file each. Pure: numbers, times and chance are arguments, and no policy knows another.

pub(crate) mod adaptive;
pub(crate) mod affinity;
pub(crate) mod breaker;
pub(crate) mod budget;
pub(crate) mod cache;
pub(crate) mod cause;
pub(crate) mod dial;
pub(crate) mod dice;
pub(crate) mod fair;
pub(crate) mod guard;
pub(crate) mod health;
pub(crate) mod limit;
pub(crate) mod near;
pub(crate) mod pace;
pub(crate) mod quantile;
pub(crate) mod retry;
pub(crate) mod route;
pub(crate) mod rule;
pub(crate) mod spend;
pub(crate) mod split;
pub(crate) mod view;

pub(crate) use view::View;
