//! The C ABI of libllm: every unsafe line of the library, and no logic.
//!
//! What stands here becomes `include/llm.h`: names and comments are the header's, and its rules (`cbindgen.toml`) are the safety
//! contract of every function. An export is a guard, the conversion of its arguments, one call into `libllm`, and a return.
#![allow(
    non_camel_case_types,
    reason = "types and constants carry their C names"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "the rules at the head of llm.h are the contract of every function"
)]

mod call;
mod client;
mod error;
mod event;
#[cfg(feature = "fault-injection")]
mod fault;
mod fork;
mod guard;
mod log;
mod options;
mod queue;
mod request;
mod status;
mod text;
mod version;

pub use call::*;
pub use client::*;
pub use error::*;
pub use event::*;
#[cfg(feature = "fault-injection")]
pub use fault::*;
pub use log::*;
pub use options::*;
pub use queue::*;
pub use request::*;
pub use status::*;
pub use version::*;

// Off by default: measured, it gains nothing at 9,500 streams. Its crate is asked not to use initial-exec TLS, or a process
// that loads this library with dlopen (Python, Node) could not.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: jemallocator::Jemalloc = jemallocator::Jemalloc;
