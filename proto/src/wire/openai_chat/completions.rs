//! A request as a legacy completion: a prompt, and no conversation.

use serde_json::json;

use crate::chat::body::Body;
use crate::chat::{
    Chat, Content, Message, Params, Report, Role, Standing, ToolChoice, Unsaid, standing,
};
use crate::error::Result;
use crate::request::Request;
use crate::wire::{Dropped, Target};

/// The body of `/completions`, and what did not fit.
pub(super) fn body(request: &Request, target: &Target<'_>) -> Result<(Vec<u8>, Vec<Dropped>)> {
    let mut report = Report::new(target.unsupported);
    let mut chat = Chat::read(request)?;
    chat.leave_out(
        &[Unsaid::Names, Unsaid::CacheMarkers, Unsaid::Failures],
        &mut report,
    )?;
    let mut body = Body::default();
    body.say("model", &target.model)?;
    match chat.params.take_raw("prompt") {
        Some(prompt) => body.set("prompt", prompt),
        None => {
            let messages = std::mem::take(&mut chat.messages);
            body.say("prompt", &prompt(messages, &mut report)?)?;
        }
    }
    if !chat.tools.is_empty() {
        report.dropped("tools", "a completion calls no tools")?;
        if let Some(ToolChoice::Required | ToolChoice::Named(_)) = chat.tool_choice {
            report.dropped("tool_choice", "a completion calls no tools")?;
        }
    }
    if chat.response_format.is_some() {
        report.dropped("response_format", "a completion has none")?;
    }
    params(&mut chat.params, &mut body, &mut report)?;
    if target.stream {
        body.say("stream", &true)?;
        if target.quirks.stream_usage {
            body.say("stream_options", &json!({ "include_usage": true }))?;
        }
    }
    let own = chat.extra_body.as_deref().map(|json| json.get().as_bytes());
    for extra in [own, target.extra_body].into_iter().flatten() {
        body.merge(extra)?;
    }
    Ok((body.into_bytes(), report.finish()))
}

/// What system and user say, in their order.
fn prompt(messages: Vec<Message>, report: &mut Report) -> Result<String> {
    let mut texts = Vec::with_capacity(messages.len());
    for message in messages {
        if matches!(message.role, Role::Assistant | Role::Tool) {
            report.dropped(
                message.path,
                "a completion has a prompt and no conversation",
            )?;
            continue;
        }
        let mut text = String::new();
        for part in message.content {
            match part.content {
                Content::Text(said) => text.push_str(&said),
                _ => report.dropped(part.path, "a prompt is text")?,
            }
        }
        texts.push(text);
    }
    if texts.len() > 1 {
        report.converted("messages", "several messages were sent as one prompt");
    }
    Ok(texts.join("\n"))
}

fn params(params: &mut Params, body: &mut Body, report: &mut Report) -> Result<()> {
    let newer = params.take_raw("max_completion_tokens");
    let older = params.take_raw("max_tokens");
    if let Some(limit) = newer.or(older) {
        body.set("max_tokens", limit);
    }
    // A number there: how many alternatives of each token are told.
    let logprobs = params.take::<bool>("logprobs")?.unwrap_or(false);
    let alternatives = params.take::<u64>("top_logprobs")?.unwrap_or(0);
    if logprobs {
        body.say("logprobs", &alternatives)?;
    }
    for (name, value) in std::mem::take(params).rest() {
        match standing(&name, &value) {
            _ if SAME.contains(&name.as_str()) => body.set(&name, value),
            Standing::Neutral => {}
            Standing::Known if !report.passes() => {
                report.dropped(name, "a completion does not know it")?;
            }
            Standing::Known | Standing::Foreign => body.set(&name, value),
        }
    }
    Ok(())
}

/// API reference, "Create completion": members that mean the same in both formats.
const SAME: &[&str] = &[
    "frequency_penalty",
    "logit_bias",
    "n",
    "presence_penalty",
    "seed",
    "stop",
    "temperature",
    "top_p",
    "user",
];
