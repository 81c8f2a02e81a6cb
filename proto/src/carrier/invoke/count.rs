//! How long a conversation is, said in the body that InvokeModel would be given (API reference, `InvokeModelTokensRequest`, read
//! 2026-11-22: the body is bytes, which JSON carries in base64).

use serde_json::json;

use super::Invoke;
use crate::base64;
use crate::error::Result;
use crate::operation::{Operation, Unary};
use crate::request::Request;
use crate::wire::bedrock::count;
use crate::wire::{Encoded, Target, Wire, post};

pub(super) static UNARY: Unary = Unary {
    operation: Operation::CountTokens,
    say,
    hear: count::hear,
};

fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let url = count::place(target)?;
    let asked = Target {
        operation: Operation::Chat,
        stream: false,
        ..*target
    };
    let whole = Invoke.encode(request, &asked)?;
    let body = base64::encode(whole.http.body());
    let asked = json!({ "input": { "invokeModel": { "body": body } } });
    Ok(Encoded {
        http: post(&url, "application/json", asked.to_string())?,
        dropped: whole.dropped,
    })
}
