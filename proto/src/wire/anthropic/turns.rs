//! Messages of a conversation in the words of the Messages API: a system text and turns of user and assistant.

use serde_json::value::RawValue;

use super::body::{Block, Turn, Words};
use super::parts::{self, block};
use crate::chat::{Chat, Content, Message, Report, Role, ToolCall, bad};
use crate::error::Result;

/// A conversation in the words of the Messages API.
pub(super) struct Conversation {
    pub(super) system: Words,
    pub(super) turns: Vec<Turn>,
    /// The last turn is the assistant's: the answer goes on from there.
    pub(super) prefilled: bool,
    /// The last assistant turn calls tools and holds no thinking.
    pub(super) thoughtless_calls: bool,
}

/// A turn that is being put together.
struct Draft {
    role: &'static str,
    blocks: Vec<Block>,
    plain: bool,
}

/// Takes the messages out of `chat`. `provider` is the target's id: parts that another provider signed stay here.
pub(super) fn conversation(
    chat: &mut Chat,
    provider: &str,
    report: &mut Report,
) -> Result<Conversation> {
    let mut said = Drafts::default();
    for message in std::mem::take(&mut chat.messages) {
        said.add(message, provider, report)?;
    }
    let Drafts {
        system,
        system_plain,
        mut turns,
        thoughtless_calls,
    } = said;
    let prefilled = turns.last().is_some_and(|draft| draft.role == "assistant");
    if prefilled {
        trim_prefill(&mut turns, report);
    }
    let turns = turns.into_iter().map(|draft| Turn {
        role: draft.role,
        content: Words::of(draft.blocks, draft.plain),
    });
    Ok(Conversation {
        system: Words::of(system, system_plain),
        turns: turns.collect(),
        prefilled,
        thoughtless_calls,
    })
}

/// A conversation that is being put together.
#[derive(Default)]
struct Drafts {
    system: Vec<Block>,
    /// The last system text was a string.
    system_plain: bool,
    turns: Vec<Draft>,
    thoughtless_calls: bool,
}

impl Drafts {
    fn add(&mut self, mut message: Message, provider: &str, report: &mut Report) -> Result<()> {
        if message.name.take().is_some_and(|name| !name.is_empty()) {
            let param = format!("{}.name", message.path);
            report.dropped(param, "messages have no names there")?;
        }
        let mut plain = message.plain;
        let (role, blocks) = match message.role {
            Role::System => {
                if !self.turns.is_empty() {
                    let why = "system text goes before the conversation there";
                    report.converted(message.path.clone(), why);
                }
                self.system_plain = plain;
                self.system.extend(system_blocks(message, report)?);
                return Ok(());
            }
            Role::User => ("user", content_blocks(message, report)?),
            Role::Tool => {
                plain = false;
                ("user", vec![tool_result(message, report)?])
            }
            Role::Assistant => {
                let calls = !message.tool_calls.is_empty();
                let (blocks, thinks) = assistant_blocks(message, provider, report)?;
                self.thoughtless_calls = calls && !thinks;
                ("assistant", blocks)
            }
        };
        append(
            &mut self.turns,
            Draft {
                role,
                blocks,
                plain,
            },
        );
        Ok(())
    }
}

/// Turns alternate: what one side says in several messages, results of parallel calls above all, is one turn.
fn append(drafts: &mut Vec<Draft>, mut next: Draft) {
    if next.blocks.is_empty() {
        return;
    }
    match drafts.last_mut() {
        Some(last) if last.role == next.role => {
            last.plain = false;
            last.blocks.append(&mut next.blocks);
        }
        _ => drafts.push(next),
    }
}

fn system_blocks(message: Message, report: &mut Report) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for part in message.content {
        match part.content {
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => blocks.push(Block::Text {
                text,
                cache_control: part.cache_control,
            }),
            _ => report.dropped(part.path, "system text is text only there")?,
        }
    }
    mark_last(&mut blocks, message.cache_control.as_deref());
    Ok(blocks)
}

fn content_blocks(message: Message, report: &mut Report) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for part in message.content {
        blocks.extend(block(part, report)?);
    }
    mark_last(&mut blocks, message.cache_control.as_deref());
    Ok(blocks)
}

fn tool_result(mut message: Message, report: &mut Report) -> Result<Block> {
    let id = message.tool_call_id.take().unwrap_or_default();
    let tool_use_id = tool_id(id, &format!("{}.tool_call_id", message.path), report);
    let (plain, is_error) = (message.plain, message.is_error);
    // The marker belongs to the result, not to what is in it.
    let cache_control = message.cache_control.take();
    let content = Words::of(content_blocks(message, report)?, plain);
    Ok(Block::ToolResult {
        tool_use_id,
        content,
        is_error,
        cache_control,
    })
}

/// Signed thinking comes first, as it was; then text; then calls. Says also whether there was thinking.
fn assistant_blocks(
    mut message: Message,
    provider: &str,
    report: &mut Report,
) -> Result<(Vec<Block>, bool)> {
    let kept = std::mem::take(&mut message.parts);
    let (mut blocks, thinks) = parts::kept(kept, &message.path, provider, report)?;
    if message.reasoning.take().is_some() && !thinks {
        let why = "reasoning without a signature cannot be sent back";
        report.dropped(format!("{}.reasoning", message.path), why)?;
    }
    let calls = std::mem::take(&mut message.tool_calls);
    let alone = blocks.is_empty() && calls.is_empty();
    let path = message.path.clone();
    let marker = message.cache_control.take();
    let mut text = content_blocks(message, report)?;
    // A text of blanks is refused; models write one before a call.
    text.retain(|block| {
        alone || !matches!(block, Block::Text { text, .. } if text.trim().is_empty())
    });
    blocks.append(&mut text);
    for (number, call) in calls.into_iter().enumerate() {
        blocks.push(tool_use(
            call,
            &format!("{path}.tool_calls[{number}]"),
            report,
        )?);
    }
    mark_last(&mut blocks, marker.as_deref());
    Ok((blocks, thinks))
}

fn tool_use(call: ToolCall, path: &str, report: &mut Report) -> Result<Block> {
    let arguments = match call.arguments.trim() {
        "" | "null" => "{}",
        text => text,
    };
    let input: Box<RawValue> = match serde_json::from_str(arguments) {
        Ok(input) if arguments.starts_with('{') => input,
        _ => {
            return Err(bad(
                &format!("{path}.function.arguments"),
                "expected the text of a JSON object",
            ));
        }
    };
    let id = tool_id(call.id, &format!("{path}.id"), report);
    Ok(Block::ToolUse {
        id,
        name: call.name,
        input,
        cache_control: call.cache_control,
    })
}

/// The API takes `[a-zA-Z0-9_-]+` (its own error message says so); ids of other providers may hold dots and colons.
fn tool_id(id: String, path: &str, report: &mut Report) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(plain) {
        return id;
    }
    report.converted(path, "tool call ids are letters, digits, _ and - there");
    let mut fit: String = id.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    if fit.is_empty() {
        fit.push('_');
    }
    fit
}

fn mark_last(blocks: &mut [Block], marker: Option<&RawValue>) {
    if let (Some(block), Some(marker)) = (blocks.last_mut(), marker) {
        block.mark(marker);
    }
}

/// The API refuses a last assistant text that ends in blanks (docs "Prefill Claude's response").
fn trim_prefill(drafts: &mut [Draft], report: &mut Report) {
    let last = drafts.last_mut().and_then(|draft| draft.blocks.last_mut());
    if let Some(Block::Text { text, .. }) = last {
        let end = text.trim_end().len();
        if end > 0 && end < text.len() {
            text.truncate(end);
            report.converted(
                "messages",
                "the assistant's last text may not end in blanks there",
            );
        }
    }
}
