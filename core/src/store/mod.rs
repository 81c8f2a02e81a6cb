//! What is kept beyond a request: in other processes' reach, behind one bounded connection.

#[allow(dead_code, reason = "limits and the cache's second level ask it")]
mod redis;

#[allow(unused_imports, reason = "the same")]
pub(crate) use redis::{Lost, Redis, Script};
