//! An LLM client and gateway inside your process.
//!
//! One [`Client`] holds providers, keys, routes and connections. Requests are Chat Completions shaped; the answer is a
//! stream of events, whoever the provider is. Many calls share one [`Queue`], which any event loop can wait on.
//!
//! ```
//! # fn main() -> Result<(), libllm::Error> {
//! let client = libllm::Client::new("{}")?;
//! // `mock/...` models need no key and no network.
//! let answer = client.chat("mock/echo", "hello there").send_blocking()?;
//! assert_eq!(answer.text(), "hello there");
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//! `client` owns and spawns; `call` is the loop of one request; `queue`, `bell` and `ticket` carry its events to the
//! consumer; `plan` and `policy/` decide without clock or socket; `transport/` moves bytes; `report` says what happened.
#![forbid(unsafe_code)]

mod admit;
mod attempt;
mod auth;
mod bell;
mod blocking;
mod cached;
mod call;
mod catalog;
mod chat;
mod check;
mod chorus;
mod client;
mod clock;
pub mod config;
mod contest;
mod cost;
mod earlier;
mod estimate;
mod explain;
#[cfg_attr(not(feature = "fault-injection"), path = "no_fault.rs")]
#[doc(hidden)]
pub mod fault;
mod funds;
mod guard;
mod hooks;
mod inbound;
mod keys;
mod lent;
mod live;
pub mod log;
mod media;
mod metrics;
mod observe;
mod options;
mod outlet;
mod own;
mod pace;
mod partial;
mod plan;
mod policy;
mod probe;
mod process;
mod queue;
mod reload;
mod report;
mod route;
mod runtime;
pub mod secret;
mod seen;
mod setup;
#[doc(hidden)]
pub mod simulate;
mod source;
mod store;
mod sync;
mod target;
mod ticket;
mod trace;
mod trail;
mod transport;
mod vitals;
mod wish;

pub use libllm_proto as proto;
pub use libllm_proto::{error, request, response};

pub use blocking::{Answer, invoke};
#[doc(hidden)]
pub use cached::probe::Probe as CacheProbe;
pub use chat::{Chat, Events, OwnedEvent};
pub use client::{Client, Drain, shutdown};
pub use error::{Error, ErrorKind, Status};
pub use hooks::answer;
pub use inbound::HttpRequest;
pub use live::{cancel, pause};
pub use metrics::MetricsFormat;
pub use options::Options;
#[doc(hidden)]
pub use process::{forked, tells_of_forks};
pub use queue::{Delivered, EventType, MAX_BYTES_DEFAULT, Queue};
pub use report::{bare as error_json, parse as error_from_json};
pub use request::Request;
pub use runtime::on_runtime_thread;
pub use trace::Parent;

use std::sync::PoisonError;
#[cfg(not(llm_loom))]
use std::sync::{Mutex, MutexGuard};

#[cfg(llm_loom)]
pub(crate) fn lock<M: sync::Lockable>(mutex: &M) -> M::Guard<'_> {
    mutex.lock_it().unwrap_or_else(PoisonError::into_inner)
}

// One caught panic must not turn every later call into an error: what these locks guard is whole between any two lines.
#[cfg(not(llm_loom))]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
