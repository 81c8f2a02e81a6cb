//! How long a conversation is, where a server says what tokens its template makes of it: `/tokenize`, which is no part of OpenAI's
//! API and lies beside its version (vLLM, `TokenizeChatRequest`, read 2026-11-22).

use super::encode::encode;
use crate::error::Result;
use crate::operation::tokens;
use crate::request::Request;
use crate::wire::{Encoded, Target, post};

/// The conversation as it would be sent, as far as a template looks at it.
pub(super) fn say(request: &Request, target: &Target<'_>) -> Result<Encoded> {
    let asked = encode(request, target)?;
    let body = tokens::counted(asked.http.body(), |name| COUNTED.contains(&name))?;
    let base = target.base_url;
    let root = base.strip_suffix("/v1").unwrap_or(base);
    let http = post(
        &format!("{root}/tokenize"),
        "application/json",
        body.into_bytes(),
    )?;
    let dropped = asked.dropped;
    Ok(Encoded { http, dropped })
}

const COUNTED: &[&str] = &[
    "add_generation_prompt",
    "add_special_tokens",
    "chat_template",
    "chat_template_kwargs",
    "continue_final_message",
    "media_io_kwargs",
    "messages",
    "mm_processor_kwargs",
    "model",
    "tools",
];
