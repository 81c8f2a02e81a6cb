//! Chat Completions as a caller's format: its requests are our own words already; answers are chunks, or one object. (OpenAI API
//! reference "chat/create", "chat/object" and "chat/streaming", read 2026-11-21.)

use bytes::Bytes;

use super::{Asked, Facts, Inbound, Taker, Writer, refusal};
use crate::error::{Error, Result};
use crate::event::Finish;
use crate::request::Request;

mod chunks;
mod whole;

/// The face of Chat Completions.
#[derive(Debug)]
pub(super) struct Chat;

impl Inbound for Chat {
    fn wire(&self) -> &'static str {
        "openai_chat"
    }

    fn home(&self) -> &'static str {
        "openai"
    }

    fn read(&self, body: &Bytes, _: Taker<'_>) -> Result<Asked> {
        Ok(Asked {
            request: Request::parse(body.clone())?,
            dropped: Vec::new(),
        })
    }

    fn writer(&self, facts: Facts) -> Box<dyn Writer> {
        match facts.stream {
            true => Box::new(chunks::Chunks::new(facts)),
            false => Box::new(whole::Completion::new(facts)),
        }
    }

    fn refusal(&self, error: &Error) -> (u16, Vec<u8>) {
        let (status, body) = refusal::openai(error);
        (status, body.to_string().into_bytes())
    }

    fn broken(&self, error: &Error, out: &mut Vec<u8>) {
        let (_, body) = refusal::openai(error);
        out.extend_from_slice(format!("data: {body}\n\n").as_bytes());
    }

    fn request_id(&self) -> &'static str {
        "x-request-id"
    }
}

/// The word for the end of an answer: OpenAI's, else the provider's own.
fn finish_word(finish: Option<Finish>, raw: Option<&str>) -> &str {
    match finish {
        Some(finish) => finish.name(),
        None => raw.unwrap_or("stop"),
    }
}
