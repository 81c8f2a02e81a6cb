//! What a request's body is made of, as the Messages API names it.

use serde::Serialize;
use serde_json::value::RawValue;

/// A content block of a request.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block {
    Text {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Box<RawValue>>,
    },
    Image {
        source: Source,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Box<RawValue>>,
    },
    Document {
        source: Source,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Box<RawValue>>,
    },
    ToolUse {
        id: String,
        name: String,
        input: Box<RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Box<RawValue>>,
    },
    ToolResult {
        tool_use_id: String,
        #[serde(skip_serializing_if = "Words::is_empty")]
        content: Words,
        #[serde(skip_serializing_if = "Option::is_none")]
        is_error: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Box<RawValue>>,
    },
    /// As it was written, byte for byte.
    #[serde(untagged)]
    Raw(Box<RawValue>),
}

impl Block {
    /// Puts a cache marker on the block, unless it has one. A raw block stays what it is.
    pub(super) fn mark(&mut self, marker: &RawValue) {
        match self {
            Block::Text { cache_control, .. }
            | Block::Image { cache_control, .. }
            | Block::Document { cache_control, .. }
            | Block::ToolUse { cache_control, .. }
            | Block::ToolResult { cache_control, .. } => {
                cache_control.get_or_insert_with(|| marker.to_owned());
            }
            Block::Raw(_) => {}
        }
    }
}

/// Where a picture or document comes from.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source {
    Url {
        url: String,
    },
    Base64 {
        media_type: String,
        data: String,
    },
    Text {
        media_type: &'static str,
        data: String,
    },
    File {
        file_id: String,
    },
}

/// What is said in one turn: a string where a string was written, otherwise blocks.
#[derive(Debug, Default, Serialize)]
#[serde(untagged)]
pub(super) enum Words {
    #[default]
    None,
    Plain(String),
    Blocks(Vec<Block>),
}

impl Words {
    /// A single unmarked text is a string if the caller wrote one.
    pub(super) fn of(mut blocks: Vec<Block>, plain: bool) -> Words {
        match blocks.pop() {
            None => Words::None,
            Some(Block::Text {
                text,
                cache_control: None,
            }) if plain && blocks.is_empty() => Words::Plain(text),
            Some(last) => {
                blocks.push(last);
                Words::Blocks(blocks)
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Words::None)
    }
}

/// One turn of the conversation.
#[derive(Debug, Serialize)]
pub(super) struct Turn {
    pub(super) role: &'static str,
    pub(super) content: Words,
}
