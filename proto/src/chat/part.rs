//! One part of a message's content.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{bad, read};
use crate::error::Result;

/// One part of a message's content.
#[derive(Debug)]
pub struct Part {
    /// Where it was in the request: `messages[0].content[2]`.
    pub path: String,
    /// What it is.
    pub content: Content,
    /// How closely a picture is looked at, as written: `low`, `high`, `auto`.
    pub detail: Option<String>,
    /// A cache marker, as written.
    pub cache_control: Option<Box<RawValue>>,
}

impl Part {
    pub(super) fn new(path: String, content: Content) -> Part {
        Part {
            path,
            content,
            detail: None,
            cache_control: None,
        }
    }
}

/// What a part is.
#[derive(Debug)]
pub enum Content {
    /// Text.
    Text(String),
    /// What the model refused with in an earlier turn.
    Refusal(String),
    /// A picture.
    Image(Source),
    /// Sound: base64 data and its format (`wav`, `mp3`).
    Audio {
        /// Base64.
        data: String,
        /// The format's name.
        format: String,
    },
    /// A document.
    File {
        /// Its bytes, or where they are.
        source: Source,
        /// What it is called.
        name: Option<String>,
    },
    /// A part of another format than Chat Completions, as written, with its `type`.
    Foreign {
        /// Its `type`.
        kind: String,
        /// The whole part.
        json: Box<RawValue>,
    },
}

impl PartialEq for Content {
    fn eq(&self, other: &Content) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// Where a picture or a document comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An http or https address.
    Url(String),
    /// The bytes themselves.
    Base64 {
        /// The media type, such as `image/png`, in lower case without parameters.
        media_type: String,
        /// Base64 as the caller wrote it.
        data: String,
    },
    /// The provider's number for a file that was uploaded before.
    Uploaded(String),
}

impl Source {
    /// Reads an http address or a base64 `data:` address (RFC 2397).
    pub fn parse(text: &str, path: &str) -> Result<Source> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return Ok(Source::Url(text.to_string()));
        }
        let Some(rest) = text.strip_prefix("data:") else {
            return Err(bad(path, "expected an http, https or data address"));
        };
        let Some((head, data)) = rest.split_once(',') else {
            return Err(bad(path, "the data address has no comma"));
        };
        let Some(media_type) = head.strip_suffix(";base64") else {
            return Err(bad(path, "the data address is not base64"));
        };
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if media_type.is_empty() {
            return Err(bad(path, "the data address names no media type"));
        }
        Ok(Source::Base64 {
            media_type: media_type.to_ascii_lowercase(),
            data: data.to_string(),
        })
    }
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    image_url: Option<WrittenImage>,
    #[serde(default)]
    input_audio: Option<WrittenAudio>,
    #[serde(default)]
    file: Option<WrittenFile>,
    #[serde(default)]
    cache_control: Option<Box<RawValue>>,
}

/// The reference says an object; a bare address is common.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenImage {
    Bare(String),
    Object {
        url: String,
        #[serde(default)]
        detail: Option<String>,
    },
}

#[derive(Deserialize)]
struct WrittenAudio {
    data: String,
    format: String,
}

#[derive(Deserialize)]
struct WrittenFile {
    #[serde(default)]
    file_data: Option<String>,
    #[serde(default)]
    file_id: Option<String>,
    #[serde(default)]
    filename: Option<String>,
}

/// Reads a message's `content`; says also whether it was a string.
pub(super) fn read_content(json: Option<&RawValue>, path: &str) -> Result<(Vec<Part>, bool)> {
    let Some(json) = json else {
        return Ok((Vec::new(), true));
    };
    let path = format!("{path}.content");
    if json.get().starts_with('"') {
        let text = read(json.get().as_bytes(), &path)?;
        return Ok((vec![Part::new(path, Content::Text(text))], true));
    }
    let list: Vec<Box<RawValue>> = read(json.get().as_bytes(), &path)?;
    let parts = list
        .into_iter()
        .enumerate()
        .map(|(number, json)| part(json, format!("{path}[{number}]")));
    Ok((parts.collect::<Result<_>>()?, false))
}

fn part(json: Box<RawValue>, path: String) -> Result<Part> {
    let kind: Kind = read(json.get().as_bytes(), &path)?;
    if !matches!(
        kind.kind.as_str(),
        "text" | "refusal" | "image_url" | "input_audio" | "file"
    ) {
        return Ok(Part::new(
            path,
            Content::Foreign {
                kind: kind.kind,
                json,
            },
        ));
    }
    let written: Written = read(json.get().as_bytes(), &path)?;
    let mut detail = None;
    let missing = |member: &str| bad(&format!("{path}.{member}"), "is missing");
    let content = match written.kind.as_str() {
        "text" => Content::Text(written.text.ok_or_else(|| missing("text"))?),
        "refusal" => Content::Refusal(written.refusal.ok_or_else(|| missing("refusal"))?),
        "image_url" => {
            let url = match written.image_url.ok_or_else(|| missing("image_url"))? {
                WrittenImage::Bare(url) => url,
                WrittenImage::Object { url, detail: said } => {
                    detail = said;
                    url
                }
            };
            Content::Image(Source::parse(&url, &format!("{path}.image_url.url"))?)
        }
        "input_audio" => {
            let audio = written.input_audio.ok_or_else(|| missing("input_audio"))?;
            Content::Audio {
                data: audio.data,
                format: audio.format,
            }
        }
        // One whose `file` is no object of the reference's shape was refused above.
        _ => file(written.file.ok_or_else(|| missing("file"))?, &path)?,
    };
    Ok(Part {
        path,
        content,
        detail,
        cache_control: written.cache_control,
    })
}

fn file(file: WrittenFile, path: &str) -> Result<Content> {
    let source = match (file.file_data, file.file_id) {
        // The reference allows base64 without an address around it; the first bytes of a PDF are `%PDF-`.
        (Some(data), _) if data.starts_with("JVBERi") => Source::Base64 {
            media_type: "application/pdf".into(),
            data,
        },
        (Some(data), _) => Source::parse(&data, &format!("{path}.file.file_data"))?,
        (None, Some(id)) => Source::Uploaded(id),
        (None, None) => {
            return Err(bad(
                &format!("{path}.file"),
                "has neither file_data nor file_id",
            ));
        }
    };
    Ok(Content::File {
        source,
        name: file.filename,
    })
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}
