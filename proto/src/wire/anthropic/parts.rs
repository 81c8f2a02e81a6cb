//! Parts of a message as content blocks: text, pictures, documents, and what an earlier answer left to be sent back.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::body::{Block, Source};
use crate::base64;
use crate::chat::{self, Content, Kept, Part, Report, bad};
use crate::error::Result;

/// The block for a part; none for what is empty or has no place there.
pub(super) fn block(part: Part, report: &mut Report) -> Result<Option<Block>> {
    let Part {
        path,
        content,
        cache_control,
        ..
    } = part;
    let block = match content {
        // An empty text block is refused.
        Content::Text(text) | Content::Refusal(text) if text.is_empty() => return Ok(None),
        Content::Text(text) | Content::Refusal(text) => Block::Text {
            text,
            cache_control,
        },
        Content::Image(source) => Block::Image {
            source: picture(source),
            cache_control,
        },
        Content::File { source, name } => return file(source, name, cache_control, path, report),
        Content::Audio { .. } => {
            report.dropped(path, "sound is not taken there")?;
            return Ok(None);
        }
        // A part of the provider's own format.
        Content::Foreign { json, .. } => Block::Raw(json),
    };
    Ok(Some(block))
}

fn picture(source: chat::Source) -> Source {
    match source {
        chat::Source::Url(url) => Source::Url { url },
        chat::Source::Base64 { media_type, data } => Source::Base64 { media_type, data },
        chat::Source::Uploaded(file_id) => Source::File { file_id },
    }
}

fn file(
    source: chat::Source,
    title: Option<String>,
    cache_control: Option<Box<RawValue>>,
    path: String,
    report: &mut Report,
) -> Result<Option<Block>> {
    let source = match source {
        chat::Source::Base64 { media_type, data } if media_type.starts_with("image/") => {
            let source = Source::Base64 { media_type, data };
            return Ok(Some(Block::Image {
                source,
                cache_control,
            }));
        }
        chat::Source::Base64 { media_type, data } if media_type.starts_with("text/") => {
            let text = base64::decode_loose(data.as_bytes());
            let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text.ok_or_else(|| {
                bad(
                    &format!("{path}.file.file_data"),
                    "expected base64 of UTF-8 text",
                )
            })?;
            Source::Text {
                media_type: "text/plain",
                data: text,
            }
        }
        chat::Source::Base64 { media_type, .. } if media_type != "application/pdf" => {
            report.dropped(
                path,
                format!("documents are PDF or text there, not {media_type}"),
            )?;
            return Ok(None);
        }
        source => picture(source),
    };
    Ok(Some(Block::Document {
        source,
        title,
        cache_control,
    }))
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: String,
}

/// Blocks that an earlier answer left to be sent back, byte for byte and in its order. Says also whether thinking is among them.
pub(super) fn kept(
    mut parts: Vec<Kept>,
    path: &str,
    provider: &str,
    report: &mut Report,
) -> Result<(Vec<Block>, bool)> {
    parts.sort_by_key(|part| part.index);
    let (mut blocks, mut thinks) = (Vec::new(), false);
    for (number, part) in parts.into_iter().enumerate() {
        let kind = serde_json::from_str::<Typed>(part.data.get()).map(|typed| typed.kind);
        let ours = part.provider.as_deref().is_none_or(|by| by == provider);
        let fits = match (part.kind.as_str(), kind.as_deref()) {
            ("signature", Ok("thinking")) | ("redacted", Ok("redacted_thinking")) => true,
            ("server_tool", Ok(_)) => true,
            // A citation points from an answer to its sources; nobody reads it again.
            ("citation", _) => continue,
            _ => false,
        };
        if ours && fits {
            thinks |= part.kind != "server_tool";
            blocks.push(Block::Raw(part.data));
        } else {
            let why = if ours {
                "no content block of this format"
            } else {
                "another provider's part"
            };
            report.dropped(format!("{path}.libllm_parts[{number}]"), why)?;
        }
    }
    Ok((blocks, thinks))
}
