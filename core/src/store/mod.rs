//! What is kept beyond a request: in other processes' reach, behind one bounded connection.

pub(crate) mod answers;
pub(crate) mod cooldowns;
mod memory;
mod redis;

pub(crate) use memory::{Kept, Memory};
pub(crate) use redis::{Lost, Owed, Redis, Script};
