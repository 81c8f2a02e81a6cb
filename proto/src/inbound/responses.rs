//! OpenAI's Responses as a caller's format: text, reasoning and functions. What needs a store of earlier answers
//! (`previous_response_id`, `conversation`, `background`) is refused: there is none here. (OpenAI API reference "responses/create",
//! "responses/object" and "responses-streaming", read 2026-11-21.)

use bytes::Bytes;

use super::{Asked, Facts, Inbound, Taker, Writer, quoted, refusal};
use crate::error::{Error, Result};

mod items;
mod read;
mod write;

/// The face of Responses.
#[derive(Debug)]
pub(super) struct Responses;

impl Inbound for Responses {
    fn wire(&self) -> &'static str {
        "openai_responses"
    }

    fn home(&self) -> &'static str {
        "openai"
    }

    fn read(&self, body: &Bytes, taker: Taker<'_>) -> Result<Asked> {
        read::read(body, taker)
    }

    fn echo(&self, body: &[u8]) -> Result<Box<str>> {
        read::echo(body)
    }

    fn writer(&self, facts: Facts) -> Box<dyn Writer> {
        Box::new(write::Response::new(facts))
    }

    fn refusal(&self, error: &Error) -> (u16, Vec<u8>) {
        let (status, body) = refusal::openai(error);
        (status, body.to_string().into_bytes())
    }

    fn broken(&self, error: &Error, out: &mut Vec<u8>) {
        let (_, body) = refusal::openai(error);
        let said = &body["error"];
        let code = match &said["code"] {
            serde_json::Value::Null => &said["type"],
            code => code,
        };
        let (message, param) = (quoted(error.message()), &said["param"]);
        let text = format!(
            "event: error\ndata: {{\"type\":\"error\",\"sequence_number\":0,\"code\":{code},\"message\":{message},\"param\":{param}}}\n\n"
        );
        out.extend_from_slice(text.as_bytes());
    }

    fn request_id(&self) -> &'static str {
        "x-request-id"
    }
}
