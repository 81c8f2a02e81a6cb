//! Rankings: `/rerank`, which OpenAI's API does not have and those that follow it do (Jina, Voyage, Together, vLLM and others).

use super::encode;
use super::usage::Latest;
use crate::error::Result;
use crate::event::Usage;
use crate::json::Cursor;
use crate::operation::embeddings::counted;
use crate::operation::{Answer, Said, rerank};
use crate::request::Request;
use crate::wire::{Encoded, Target};

/// Says the request.
pub(super) fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    encode::plain(request, target, "/rerank", "application/json")
}

/// Hears the answer.
pub(super) fn hear(answer: &Answer<'_>) -> Result<Said> {
    rerank::hear(answer, usage)
}

fn usage(key: &[u8], json: &[u8]) -> Result<Option<Usage>> {
    let mut latest = Latest::default();
    if key == b"usage" {
        latest.read(&mut Cursor::new(json))?;
    }
    Ok(latest.say().map(counted))
}
