//! What a request brings of earlier answers: whose sealed reasoning, and the words by which a conversation is known again.

use std::borrow::Cow;

use libllm_proto::json::{Cursor, Kind};
use serde::Deserialize;

use crate::request::Request;

/// The provider that sealed what the last such message carries: nobody else can open it.
pub(crate) fn owner(request: &Request) -> Option<String> {
    // Only who carries parts pays for the search.
    if !request.has_earlier() {
        return None;
    }
    let messages: Vec<Message<'_>> = serde_json::from_slice(request.field("messages")?).ok()?;
    let mut parts = messages
        .iter()
        .rev()
        .flat_map(|message| message.libllm_parts.iter().flatten().rev());
    let sealed = parts.find(|part| SEALED.contains(&&*part.kind) && !part.provider.is_empty())?;
    Some(sealed.provider.to_string())
}

#[derive(Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct Message<'a> {
    #[serde(borrow)]
    libllm_parts: Option<Vec<Part<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct Part<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    provider: Cow<'a, str>,
}

/// How a conversation begins: everything up to the end of the first thing that the user says. It is the same in each of its turns.
pub(crate) fn beginning(request: &Request) -> Option<&[u8]> {
    let messages = request.field("messages")?;
    let mut cursor = Cursor::new(messages);
    let mut end = 0;
    cursor.enter_array().ok()?;
    while end < BEGINNING_MAX && cursor.element().ok()? {
        let mut user = false;
        cursor
            .object(|key, cursor| {
                if key == b"role" && cursor.kind()? == Kind::String {
                    user = cursor.string()?.is("user");
                }
                Ok(())
            })
            .ok()?;
        end = cursor.position();
        if user {
            break;
        }
    }
    messages.get(..end.min(BEGINNING_MAX))
}

// Parts by which a model goes on thinking where it was; a citation or an image says the same to everybody.
const SEALED: &[&str] = &["encrypted", "redacted", "signature"];
// Providers look at the first 1,024 tokens before they look at anything else (OpenAI's guide on prompt caching, 2026).
const BEGINNING_MAX: usize = 16 << 10;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn request(messages: &str) -> Request {
        Request::parse(format!(r#"{{"messages":[{messages}]}}"#)).unwrap()
    }

    #[test]
    fn a_conversation_begins_the_same_in_each_turn() {
        let system = r#"{"role":"system","content":"be kind"}"#;
        let first = r#"{"role":"user","content":"hi"}"#;
        let more = r#"{"role":"assistant","content":"ho"},{"role":"user","content":"and?"}"#;
        let (one, two) = (
            request(&format!("{system},{first}")),
            request(&format!("{system},{first},{more}")),
        );
        let expected = format!("[{system},{first}");
        assert_eq!(beginning(&one).unwrap(), expected.as_bytes());
        assert_eq!(beginning(&two).unwrap(), expected.as_bytes());
        let other = request(&format!("{first},{more}"));
        assert_ne!(beginning(&other), beginning(&one));
    }

    #[test]
    fn the_last_that_sealed_something_owns_it() {
        let part = |kind, provider| {
            format!(r#"{{"kind":"{kind}","provider":"{provider}","index":0,"data":{{}}}}"#)
        };
        let says = |parts: &str| {
            format!(r#"{{"role":"assistant","content":"x","libllm_parts":[{parts}]}}"#)
        };
        let asked = r#"{"role":"user","content":"hi"}"#;
        assert_eq!(owner(&request(asked)), None);
        let messages = [
            asked.to_owned(),
            says(&part("encrypted", "first")),
            says(&part("signature", "second")),
            says(&part("citation", "third")),
        ];
        assert_eq!(
            owner(&request(&messages.join(","))).as_deref(),
            Some("second")
        );
    }
}
