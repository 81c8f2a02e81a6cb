//! Parts of a message as content blocks: text, pictures, documents, sound, and what an earlier answer left to be sent back.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::body::{Block, Source};
use crate::chat::{self, Chat, Content, Kept, Part, Report};
use crate::error::Result;

/// Appends the blocks for a part: none for what is empty or has no place there, and a cache point behind one that is marked.
pub(super) fn append(blocks: &mut Vec<Block>, part: Part, report: &mut Report) -> Result<()> {
    let Part {
        path,
        content,
        cache_control,
        ..
    } = part;
    let block = match content {
        Content::Text(text) | Content::Refusal(text) => {
            Some(text).filter(|text| !text.is_empty()).map(Block::Text)
        }
        Content::Image(source) => image(source, path, report)?,
        Content::File { source, name } => file(source, name, blocks.len(), path, report)?,
        Content::Audio { data, format } => Some(Block::Audio {
            format,
            source: Source::Bytes(data),
        }),
        Content::Foreign { json, .. } if report.passes() => Some(Block::Raw(json)),
        Content::Foreign { kind, .. } => {
            report.dropped(path, format!("{kind:?} is not known there"))?;
            None
        }
    };
    let Some(block) = block else {
        return Ok(());
    };
    blocks.push(block);
    blocks.extend(cache_control.as_deref().map(cache_point));
    Ok(())
}

/// Takes documents out of a conversation.
pub(super) fn leave_documents(chat: &mut Chat, report: &mut Report) -> Result<()> {
    for message in &mut chat.messages {
        for part in std::mem::take(&mut message.content) {
            let is_document = match &part.content {
                Content::File { source, .. } => !is_picture(source),
                _ => false,
            };
            if is_document {
                report.dropped(part.path, "documents are taken by Converse alone")?;
            } else {
                message.content.push(part);
            }
        }
    }
    Ok(())
}

fn is_picture(source: &chat::Source) -> bool {
    matches!(source, chat::Source::Base64 { media_type, .. } if media_type.starts_with("image/"))
}

/// Everything up to here is worth keeping in the cache.
pub(super) fn cache_point(marker: &RawValue) -> Block {
    #[derive(Default, Deserialize)]
    struct Marker {
        #[serde(default)]
        ttl: Option<String>,
    }
    let marker: Marker = serde_json::from_str(marker.get()).unwrap_or_default();
    Block::CachePoint {
        kind: "default",
        ttl: marker.ttl,
    }
}

fn image(source: chat::Source, path: String, report: &mut Report) -> Result<Option<Block>> {
    let (format, source) = match source {
        chat::Source::Base64 { media_type, data } => {
            (format_of(&media_type, PICTURES), Source::Bytes(data))
        }
        chat::Source::Uploaded(uri) if uri.starts_with("s3://") => (
            format_of(ending(&uri), PICTURES),
            Source::S3Location { uri },
        ),
        _ => {
            report.dropped(path, "pictures are sent along or lie in S3 there")?;
            return Ok(None);
        }
    };
    let Some(format) = format else {
        report.dropped(path, "pictures are PNG, JPEG, GIF or WebP there")?;
        return Ok(None);
    };
    Ok(Some(Block::Image { format, source }))
}

fn file(
    source: chat::Source,
    name: Option<String>,
    number: usize,
    path: String,
    report: &mut Report,
) -> Result<Option<Block>> {
    let (format, source) = match source {
        ref picture if is_picture(picture) => return image(source, path, report),
        chat::Source::Base64 { media_type, data } => {
            (format_of(&media_type, DOCUMENTS), Source::Bytes(data))
        }
        chat::Source::Uploaded(uri) if uri.starts_with("s3://") => (
            format_of(ending(&uri), DOCUMENTS),
            Source::S3Location { uri },
        ),
        _ => {
            report.dropped(path, "documents are sent along or lie in S3 there")?;
            return Ok(None);
        }
    };
    let Some(format) = format else {
        report.dropped(path, "documents of this type are not taken there")?;
        return Ok(None);
    };
    let name = document_name(name.as_deref().unwrap_or_default(), number);
    Ok(Some(Block::Document {
        format,
        name,
        source,
    }))
}

/// The API takes letters, digits, single blanks, hyphens, parentheses and brackets (reference of DocumentBlock), and needs a name.
fn document_name(name: &str, number: usize) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-()[]".contains(c);
    let fit: String = stem
        .chars()
        .map(|c| if plain(c) { c } else { ' ' })
        .collect();
    let words: Vec<&str> = fit.split_whitespace().collect();
    match words.is_empty() {
        true => format!("document {number}"),
        false => words.join(" ").chars().take(DOCUMENT_NAME_MAX).collect(),
    }
}

fn ending(uri: &str) -> &str {
    uri.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// The API's word for a media type or an ending.
fn format_of(said: &str, known: &[(&'static str, &[&str])]) -> Option<&'static str> {
    let said = said.to_ascii_lowercase();
    let (format, _) = known
        .iter()
        .find(|(format, types)| *format == said || types.contains(&said.as_str()))?;
    Some(format)
}

const PICTURES: &[(&str, &[&str])] = &[
    ("png", &["image/png"]),
    ("jpeg", &["image/jpeg", "image/jpg", "jpg"]),
    ("gif", &["image/gif"]),
    ("webp", &["image/webp"]),
];

const DOCUMENTS: &[(&str, &[&str])] = &[
    ("pdf", &["application/pdf"]),
    ("csv", &["text/csv"]),
    ("doc", &["application/msword"]),
    (
        "docx",
        &["application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
    ),
    ("xls", &["application/vnd.ms-excel"]),
    (
        "xlsx",
        &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
    ),
    ("html", &["text/html"]),
    ("txt", &["text/plain"]),
    ("md", &["text/markdown"]),
];

const DOCUMENT_NAME_MAX: usize = 200;

/// What tells a kept block's kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    #[serde(default)]
    reasoning_content: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    tool_use: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    tool_result: Option<serde::de::IgnoredAny>,
}

/// Blocks that an earlier answer left to be sent back, byte for byte and in its order. Says also whether reasoning is among them.
pub(super) fn kept(
    parts: Vec<Kept>,
    path: &str,
    provider: &str,
    report: &mut Report,
) -> Result<(Vec<Block>, bool)> {
    let mut parts: Vec<(usize, Kept)> = parts.into_iter().enumerate().collect();
    parts.sort_by_key(|(_, part)| part.index);
    let (mut blocks, mut thinks) = (Vec::new(), false);
    for (number, part) in parts {
        let ours = part.provider.as_deref().is_none_or(|by| by == provider);
        let known = serde_json::from_str::<Known>(part.data.get());
        let fits = match (part.kind.as_str(), &known) {
            // A citation points from an answer to its sources; nobody reads it again.
            ("citation", _) => continue,
            ("signature" | "redacted", Ok(known)) => known.reasoning_content.is_some(),
            ("server_tool", Ok(known)) => known.tool_use.is_some() || known.tool_result.is_some(),
            _ => false,
        };
        if ours && fits {
            thinks |= part.kind != "server_tool";
            blocks.push(Block::Raw(part.data));
        } else {
            let why = match ours {
                true => "no content block of this format",
                false => "another provider's part",
            };
            report.dropped(format!("{path}.libllm_parts[{number}]"), why)?;
        }
    }
    Ok((blocks, thinks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_names_are_made_to_fit() {
        assert_eq!(document_name("Q3_report (1).v2.pdf", 0), "Q3 report (1) v2");
        assert_eq!(document_name("résumé.pdf", 0), "r sum");
        assert_eq!(document_name("...", 3), "document 3");
        assert_eq!(document_name(&"a".repeat(300), 0).len(), DOCUMENT_NAME_MAX);
    }
}
