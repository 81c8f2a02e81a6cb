//! What a queue, its bell, a request's switches and a gate share between threads: the standard library's own, or, with
//! `--cfg llm_loom`, loom's, which tries every order in which threads can meet (`make loom`, docs/fuzzing.md).
//!
//! What belongs to the process rather than to one scenario stays the standard library's, as reference counts do.

#[cfg(not(llm_loom))]
mod real {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread_local;

    pub(crate) use futures::task::AtomicWaker;
}

#[cfg(not(llm_loom))]
pub(crate) use real::*;

#[cfg(llm_loom)]
mod model;

#[cfg(llm_loom)]
pub(crate) use model::*;
