//! Requests to HTTP, bytes to events: the pure half of libllm.
//!
//! Nothing here does I/O, reads a clock or the environment: a `now` is an argument. A [`request::Request`] becomes an HTTP
//! request through a [`wire::Wire`]; the answer's bytes, cut anywhere, become [`event::Event`]s through a
//! [`decoder::Decoder`]; a [`response::Response`] is the fold over them.
#![forbid(unsafe_code)]

mod answer_tool;
pub mod base64;
pub mod carrier;
pub mod catalog;
pub mod chat;
pub mod decoder;
pub mod error;
pub mod estimate;
pub mod event;
pub mod frame;
pub mod inbound;
mod inflate;
pub mod json;
pub mod mock;
pub mod operation;
pub mod provider;
pub mod rate;
pub mod refusal;
pub mod request;
pub mod response;
pub mod retry_after;
pub mod template;
pub mod tokenizer;
pub mod wire;

pub use error::{Error, ErrorKind, Phase, Result, Retry, Status};
pub use event::{Batch, Event, Finish, Usage};
pub use request::Request;
pub use response::Response;
