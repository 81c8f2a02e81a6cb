//! Version 1 of the format: a message with a history beside it; lines of JSON.

mod history;
pub(super) mod reader;
pub(super) mod request;
mod tools;
