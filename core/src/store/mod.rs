//! What is kept beyond a request: in other processes' reach, behind one bounded connection.

mod alone;
pub(crate) mod answers;
pub(crate) mod cooldowns;
mod memory;
mod redis;
mod waited;

pub(crate) use memory::{Kept, Memory};
pub(crate) use redis::{Lost, Owed, Redis, Script};
pub(crate) use waited::Waited;
