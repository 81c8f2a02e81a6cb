//! Anthropic Messages as a caller's format. (API reference "Messages" and docs "Streaming messages", "Errors", read 2026-11-21.)

use bytes::Bytes;

use super::{Asked, Facts, Inbound, Taker, Writer, refusal};
use crate::error::{Error, Result};

mod blocks;
mod read;
mod write;

/// The face of Messages.
#[derive(Debug)]
pub(super) struct Messages;

impl Inbound for Messages {
    fn wire(&self) -> &'static str {
        "anthropic"
    }

    fn home(&self) -> &'static str {
        "anthropic"
    }

    fn read(&self, body: &Bytes, taker: Taker<'_>) -> Result<Asked> {
        read::read(body, taker)
    }

    fn writer(&self, facts: Facts) -> Box<dyn Writer> {
        Box::new(write::Message::new(facts))
    }

    fn refusal(&self, error: &Error) -> (u16, Vec<u8>) {
        let (status, body) = refusal::anthropic(error);
        (status, body.to_string().into_bytes())
    }

    fn broken(&self, error: &Error, out: &mut Vec<u8>) {
        let (_, body) = refusal::anthropic(error);
        out.extend_from_slice(format!("event: error\ndata: {body}\n\n").as_bytes());
    }

    fn request_id(&self) -> &'static str {
        "request-id"
    }
}
