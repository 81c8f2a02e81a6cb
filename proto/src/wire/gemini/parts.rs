//! Parts of contents: text, pictures, sound, documents, calls and results.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::chat::{self, Content, Report, Source};
use crate::error::Result;

mod returned;

pub(super) use returned::Returned;

/// A part of a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Part {
    Text(String),
    #[serde(rename_all = "camelCase")]
    InlineData {
        mime_type: String,
        data: String,
    },
    #[serde(rename_all = "camelCase")]
    FileData {
        #[serde(skip_serializing_if = "Option::is_none")]
        mime_type: Option<String>,
        file_uri: String,
    },
    FunctionResponse {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        name: String,
        response: Box<RawValue>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        parts: Vec<Part>,
    },
    #[serde(untagged)]
    Call(Call),
    /// As it came, byte for byte.
    #[serde(untagged)]
    Raw(Box<RawValue>),
}

/// A call that the model made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call {
    function_call: Function,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Function {
    name: String,
    args: Box<RawValue>,
}

impl Part {
    pub(super) fn call(
        name: String,
        args: Box<RawValue>,
        thought_signature: Option<&'static str>,
    ) -> Part {
        Part::Call(Call {
            function_call: Function { name, args },
            thought_signature,
        })
    }
}

/// The parts of a message's content.
pub(super) fn parts(content: Vec<chat::Part>, report: &mut Report) -> Result<Vec<Part>> {
    let mut parts = Vec::with_capacity(content.len());
    for part in content {
        parts.extend(self::part(part.path, part.content, report)?);
    }
    Ok(parts)
}

/// One part; none for what is empty or has no place there.
pub(super) fn part(path: String, content: Content, report: &mut Report) -> Result<Option<Part>> {
    Ok(match content {
        Content::Text(text) | Content::Refusal(text) => {
            Some(text).filter(|text| !text.is_empty()).map(Part::Text)
        }
        Content::Image(source) | Content::File { source, .. } => Some(media(source)),
        Content::Audio { data, format } => Some(Part::InlineData {
            mime_type: format!("audio/{format}"),
            data,
        }),
        Content::Foreign { json, .. } if report.passes() => Some(Part::Raw(json)),
        Content::Foreign { kind, .. } => {
            report.dropped(path, format!("{kind:?} is not known there"))?;
            None
        }
    })
}

fn media(source: Source) -> Part {
    match source {
        Source::Base64 { media_type, data } => Part::InlineData {
            mime_type: media_type,
            data,
        },
        Source::Url(url) => Part::FileData {
            mime_type: media_type(&url).map(str::to_owned),
            file_uri: url,
        },
        // An address of the Files API, or `gs://`.
        Source::Uploaded(id) => Part::FileData {
            mime_type: media_type(&id).map(str::to_owned),
            file_uri: id,
        },
    }
}

/// The media type of an address, by the ending of its path: Vertex wants one.
fn media_type(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    let (_, media_type) = MEDIA_TYPES.iter().find(|(known, _)| *known == ending)?;
    Some(media_type)
}

/// Vertex AI docs, "Image / Document / Audio / Video understanding", supported media types.
const MEDIA_TYPES: &[(&str, &str)] = &[
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("mp3", "audio/mp3"),
    ("wav", "audio/wav"),
    ("flac", "audio/flac"),
    ("ogg", "audio/ogg"),
    ("m4a", "audio/m4a"),
    ("mp4", "video/mp4"),
    ("mov", "video/mov"),
    ("webm", "video/webm"),
    ("mpeg", "video/mpeg"),
];
