//! What a request's body is made of, as Converse names it.

use serde::Serialize;
use serde_json::value::RawValue;

/// A content block of a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Block {
    Text(String),
    Image {
        format: &'static str,
        source: Source,
    },
    Document {
        format: &'static str,
        name: String,
        source: Source,
    },
    Audio {
        format: String,
        source: Source,
    },
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: String,
        name: String,
        input: Box<RawValue>,
    },
    #[serde(rename_all = "camelCase")]
    ToolResult {
        tool_use_id: String,
        content: Vec<Block>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
    },
    CachePoint {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl: Option<String>,
    },
    /// As it came, byte for byte.
    #[serde(untagged)]
    Raw(Box<RawValue>),
}

/// Where a picture, a document or sound comes from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Source {
    /// Base64.
    Bytes(String),
    S3Location {
        uri: String,
    },
}

/// One turn of the conversation.
#[derive(Debug, Serialize)]
pub(super) struct Turn {
    pub(super) role: &'static str,
    pub(super) content: Vec<Block>,
}
