//! The load harness: a provider that costs next to nothing, clients that only drain, and what they measure in common.
//!
//! `bench/README.md` says what is compared with what. `bench/clients/libllm.c` is the client under test; it is C because
//! C is what libllm is called from.
#![forbid(unsafe_code)]

pub mod answer;
pub mod drive;
pub mod measure;
pub mod mock;
pub mod schedule;
