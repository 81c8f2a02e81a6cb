//! Whether a request holds more than text. Looked up when a provider has refused it, and never before.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::request::Request;

/// Whether a message of the conversation holds an image, sound, film or a file.
pub(crate) fn is_in(request: &Request) -> bool {
    let Some(messages) = request.field("messages").or(request.field("input")) else {
        return false;
    };
    let messages: Vec<Message> = serde_json::from_slice(messages).unwrap_or_default();
    messages
        .iter()
        .any(|message| message.content.iter().any(Part::is_media))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    #[serde(deserialize_with = "parts")]
    content: Vec<Part>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    r#type: String,
}

impl Part {
    fn is_media(&self) -> bool {
        !matches!(
            &*self.r#type,
            "" | "text" | "input_text" | "output_text" | "refusal"
        )
    }
}

// A content that is one text has no parts.
fn parts<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Part>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Content {
        Parts(Vec<Part>),
        Other(IgnoredAny),
    }
    Ok(match Content::deserialize(from)? {
        Content::Parts(parts) => parts,
        Content::Other(_) => Vec::new(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn is_what_is_no_text() {
        for (content, expected) in [
            (r#""hi""#, false),
            (r#"[{"type":"text","text":"image_url"}]"#, false),
            (
                r#"[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}]"#,
                true,
            ),
            (
                r#"[{"type":"input_audio","input_audio":{"data":"","format":"wav"}}]"#,
                true,
            ),
            (r#"[{"type":"file","file":{"file_id":"f"}}]"#, true),
        ] {
            let json = format!(r#"{{"messages":[{{"role":"user","content":{content}}}]}}"#);
            assert_eq!(is_in(&Request::parse(json).unwrap()), expected, "{content}");
        }
    }
}
