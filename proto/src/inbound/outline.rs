//! What routing must know of a request before anybody reads it: its members of these names mean the same in every face's format.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::chat::body::Body;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Cursor, Kind};
use crate::request::Request;

/// A request's outline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The model, as the caller names it.
    pub model: Option<String>,
    /// Whether events are wanted.
    pub stream: bool,
    /// Chat Completions' `stream_options.include_usage`.
    pub include_usage: bool,
    /// Whether the model is asked to think first.
    pub reasons: bool,
}

impl Outline {
    /// Reads it. The text must be a JSON object.
    pub fn read(body: &[u8]) -> Result<Outline> {
        let bad = |why: Cow<'_, str>| Error::new(ErrorKind::InvalidArgument, why);
        // serde_json does not look into strings that nobody reads.
        if let Err(error) = simdutf8::compat::from_utf8(body) {
            let at = error.valid_up_to();
            return Err(bad(format!("the request is not UTF-8 at byte {at}").into()));
        }
        // The judge of what is JSON: what passes on unread must not be anything else.
        serde_json::from_slice::<IgnoredAny>(body)
            .map_err(|error| bad(format!("the request is malformed JSON: {error}").into()))?;
        let mut cursor = Cursor::new(body);
        if cursor.kind()? != Kind::Object {
            return Err(bad("the request: expected an object".into()));
        }
        let mut outline = Outline::default();
        cursor.object(|key, cursor| {
            let kind = cursor.kind()?;
            match (key, kind) {
                (_, Kind::Null) => {}
                (b"model", Kind::String) => outline.model = Some(cursor.string()?.owned()),
                (b"model", _) => return Err(bad("model: expected a string".into())),
                (b"stream", Kind::Bool) => outline.stream = cursor.bool()?,
                (b"stream", _) => return Err(bad("stream: expected true or false".into())),
                (b"stream_options", Kind::Object) => cursor.object(|key, cursor| {
                    if key == b"include_usage" {
                        outline.include_usage = cursor.flag()?.unwrap_or(false);
                    }
                    Ok(())
                })?,
                (b"reasoning_effort" | b"reasoning" | b"thinking", _) => {
                    outline.reasons = cursor.raw()? != b"\"none\"";
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(outline)
    }

    /// A request of this outline: enough to plan for, and to learn where the real one goes.
    pub fn request(&self) -> Result<Request> {
        let mut body = Body::default();
        body.say("model", &self.model)?;
        let hello = serde_json::json!([{"role": "user", "content": "hello"}]);
        body.say("messages", &hello)?;
        body.say("stream", &self.stream)?;
        if self.reasons {
            body.say("reasoning_effort", &"medium")?;
        }
        Request::parse(body.into_bytes())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_routing_needs_in_every_format() {
        let body = br#"{"model":"a/b","stream":true,"stream_options":{"include_usage":true},"thinking":{"type":"enabled"}}"#;
        let outline = Outline::read(body).unwrap();
        let expected = Outline {
            model: Some("a/b".into()),
            stream: true,
            include_usage: true,
            reasons: true,
        };
        assert_eq!(outline, expected);
        assert_eq!(outline.request().unwrap().model(), Some("a/b"));
        assert_eq!(Outline::read(b"{}").unwrap(), Outline::default());
        assert_eq!(Outline::default().request().unwrap().model(), None);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for (body, why) in [
            (&b""[..], "malformed JSON"),
            (b"[]", "expected an object"),
            (br#"{"model":5}"#, "model: expected a string"),
            (br#"{"stream":"yes"}"#, "stream: expected true or false"),
            (br#"{"a":NaN}"#, "malformed JSON"),
            (b"{\"a\":\"\xff\"}", "not UTF-8 at byte 6"),
        ] {
            let error = Outline::read(body).unwrap_err();
            assert!(error.message().contains(why), "{error}");
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }
}
