//! Messages of a conversation in Converse's words: system blocks, and turns of user and assistant.

use serde_json::value::RawValue;

use super::body::{Block, Turn};
use super::parts::{append, cache_point, kept};
use crate::chat::{Chat, Content, Message, Report, Role, ToolCall, bad};
use crate::error::Result;

/// A conversation in Converse's words.
#[derive(Default)]
pub(super) struct Conversation {
    pub(super) system: Vec<Block>,
    pub(super) turns: Vec<Turn>,
    /// Tools are called in it.
    pub(super) calls: bool,
    /// The last turn is the assistant's: the answer goes on from there.
    pub(super) prefilled: bool,
    /// The last assistant turn calls tools and holds no reasoning.
    pub(super) thoughtless_calls: bool,
}

/// Takes the messages out of `chat`. `provider` is the target's id: what another provider signed stays here.
pub(super) fn conversation(
    chat: &mut Chat,
    provider: &str,
    report: &mut Report,
) -> Result<Conversation> {
    let mut said = Conversation::default();
    for message in std::mem::take(&mut chat.messages) {
        said.add(message, provider, report)?;
    }
    said.prefilled = said.turns.last().is_some_and(|it| it.role == "assistant");
    Ok(said)
}

impl Conversation {
    fn add(&mut self, mut message: Message, provider: &str, report: &mut Report) -> Result<()> {
        let marker = message.cache_control.take();
        let (role, mut content) = match message.role {
            Role::System => {
                if !self.turns.is_empty() {
                    let why = "system text goes before the conversation there";
                    report.converted(message.path.clone(), why);
                }
                for part in message.content {
                    match part.content {
                        Content::Text(_) => append(&mut self.system, part, report)?,
                        _ => report.dropped(part.path, "system text is text only there")?,
                    }
                }
                self.system.extend(marker.as_deref().map(cache_point));
                return Ok(());
            }
            Role::User => ("user", blocks(message, report)?),
            Role::Tool => ("user", vec![result(message, report)?]),
            Role::Assistant => {
                let calls = !message.tool_calls.is_empty();
                let (blocks, thinks) = answer(message, provider, report)?;
                self.calls |= calls;
                self.thoughtless_calls = calls && !thinks;
                ("assistant", blocks)
            }
        };
        if content.is_empty() {
            return Ok(());
        }
        content.extend(marker.as_deref().map(cache_point));
        // Turns alternate: what one side says in several messages, results of parallel calls above all, is one turn.
        match self.turns.last_mut() {
            Some(last) if last.role == role => last.content.append(&mut content),
            _ => self.turns.push(Turn { role, content }),
        }
        Ok(())
    }
}

fn blocks(message: Message, report: &mut Report) -> Result<Vec<Block>> {
    let mut blocks = Vec::with_capacity(message.content.len());
    for part in message.content {
        append(&mut blocks, part, report)?;
    }
    Ok(blocks)
}

fn result(mut message: Message, report: &mut Report) -> Result<Block> {
    let id = message.tool_call_id.take().unwrap_or_default();
    let tool_use_id = tool_id(id, &format!("{}.tool_call_id", message.path), report);
    let status = (message.is_error == Some(true)).then_some("error");
    Ok(Block::ToolResult {
        tool_use_id,
        content: blocks(message, report)?,
        status,
    })
}

/// Signed reasoning comes first, as it was; then text; then calls. Says also whether there was reasoning.
fn answer(mut message: Message, provider: &str, report: &mut Report) -> Result<(Vec<Block>, bool)> {
    let path = message.path.clone();
    let parts = std::mem::take(&mut message.parts);
    let (mut content, thinks) = kept(parts, &path, provider, report)?;
    if message.reasoning.take().is_some() && !thinks {
        let why = "reasoning without a signature cannot be sent back";
        report.dropped(format!("{path}.reasoning"), why)?;
    }
    let calls = std::mem::take(&mut message.tool_calls);
    let mut text = blocks(message, report)?;
    // A text of blanks is refused; models write one before a call.
    text.retain(|block| !matches!(block, Block::Text(text) if text.trim().is_empty()));
    content.append(&mut text);
    for (number, call) in calls.into_iter().enumerate() {
        let path = format!("{path}.tool_calls[{number}]");
        content.push(tool_use(call, &path, report)?);
    }
    Ok((content, thinks))
}

fn tool_use(call: ToolCall, path: &str, report: &mut Report) -> Result<Block> {
    let arguments = match call.arguments.trim() {
        "" | "null" => "{}",
        text => text,
    };
    let input: Option<Box<RawValue>> = serde_json::from_str(arguments).ok();
    let Some(input) = input.filter(|_| arguments.starts_with('{')) else {
        let path = format!("{path}.function.arguments");
        return Err(bad(&path, "expected the text of a JSON object"));
    };
    Ok(Block::ToolUse {
        tool_use_id: tool_id(call.id, &format!("{path}.id"), report),
        name: call.name,
        input,
    })
}

/// The API takes 1 to 64 of `[a-zA-Z0-9_.:-]` (service model, ToolUseId); ids of other providers may be longer.
fn tool_id(id: String, path: &str, report: &mut Report) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    if !id.is_empty() && id.len() <= TOOL_ID_MAX && id.chars().all(plain) {
        return id;
    }
    report.converted(
        path,
        "tool call ids are up to 64 letters, digits and _.:- there",
    );
    // The ends of ids differ where their beginnings do not.
    let skipped = id.chars().count().saturating_sub(TOOL_ID_MAX);
    let fit = id.chars().skip(skipped);
    let mut fit: String = fit.map(|c| if plain(c) { c } else { '_' }).collect();
    if fit.is_empty() {
        fit.push('_');
    }
    fit
}

const TOOL_ID_MAX: usize = 64;
