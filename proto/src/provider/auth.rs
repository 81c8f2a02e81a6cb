//! Where a key goes in a request.

use std::borrow::Cow;
use std::fmt;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Uri};

use crate::error::{Error, ErrorKind, Result};

/// Where a provider wants its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `authorization: Bearer KEY`.
    Bearer,
    /// A header of this name, the key as its value.
    Header(Cow<'static, str>),
    /// A query parameter of this name.
    Query(Cow<'static, str>),
    /// Signed with AWS keys; a key is a bearer token there, too.
    Sigv4,
    /// A bearer token that Google issues, or a key.
    Google,
    /// A bearer token that Microsoft Entra ID issues, or a key.
    Entra,
    /// No key.
    None,
}

impl Auth {
    /// Reads `bearer`, `header:NAME`, `query:NAME`, `sigv4`, `google`, `entra` or `none`.
    pub fn parse(text: &str) -> Result<Auth> {
        match text.split_once(':') {
            None if text == "bearer" => Ok(Auth::Bearer),
            None if text == "none" => Ok(Auth::None),
            None if text == "sigv4" => Ok(Auth::Sigv4),
            None if text == "google" => Ok(Auth::Google),
            None if text == "entra" => Ok(Auth::Entra),
            Some(("header", name)) if HeaderName::try_from(name).is_ok() => {
                Ok(Auth::Header(Cow::Owned(name.to_ascii_lowercase())))
            }
            Some(("query", name)) if !name.is_empty() && name.bytes().all(is_plain) => {
                Ok(Auth::Query(Cow::Owned(name.to_string())))
            }
            _ => Err(config(format!(
                "unknown auth {text:?}, expected bearer, header:NAME, query:NAME, sigv4, google, entra or none"
            ))),
        }
    }

    /// Adds the key. Header values are marked sensitive, so that no log of headers shows them.
    pub fn apply<B>(&self, request: &mut Request<B>, key: &str) -> Result<()> {
        match self {
            Auth::None => Ok(()),
            Auth::Bearer | Auth::Sigv4 | Auth::Google | Auth::Entra => {
                set_header(request, AUTHORIZATION, ["Bearer ", key].concat())
            }
            Auth::Header(name) => {
                let name = HeaderName::try_from(name.as_ref())
                    .map_err(|_| config("auth names no valid header".into()))?;
                set_header(request, name, key.to_owned())
            }
            Auth::Query(name) => set_query(request, name, key),
        }
    }
}

/// As rows and configuration write it.
impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::Bearer => f.write_str("bearer"),
            Auth::Header(name) => write!(f, "header:{name}"),
            Auth::Query(name) => write!(f, "query:{name}"),
            Auth::Sigv4 => f.write_str("sigv4"),
            Auth::Google => f.write_str("google"),
            Auth::Entra => f.write_str("entra"),
            Auth::None => f.write_str("none"),
        }
    }
}

fn set_header<B>(request: &mut Request<B>, name: HeaderName, value: String) -> Result<()> {
    // The error of `http` is dropped on purpose: nothing near a key is printed.
    let mut value = HeaderValue::try_from(value).map_err(|_| bad_key())?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

fn set_query<B>(request: &mut Request<B>, name: &str, key: &str) -> Result<()> {
    let mut text = request.uri().path().to_string();
    text.push('?');
    if let Some(query) = request.uri().query() {
        text.push_str(query);
        text.push('&');
    }
    text.push_str(name);
    text.push('=');
    for byte in key.bytes() {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).map_err(|_| bad_key())?);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| bad_key())?;
    Ok(())
}

/// RFC 3986 2.3: unreserved characters.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn bad_key() -> Error {
    config("the key holds characters that HTTP does not allow".into())
}

fn config(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn request() -> Request<()> {
        Request::builder()
            .uri("https://h/v1/x?a=b")
            .body(())
            .unwrap()
    }

    #[test]
    fn puts_the_key_where_the_row_says_and_hides_it() {
        let mut bearer = request();
        Auth::Bearer.apply(&mut bearer, "k").unwrap();
        assert_eq!(bearer.headers()["authorization"], "Bearer k");
        assert!(!format!("{bearer:?}").contains("Bearer k"));

        let mut header = request();
        Auth::parse("header:X-Api-Key")
            .unwrap()
            .apply(&mut header, "k")
            .unwrap();
        assert_eq!(header.headers()["x-api-key"], "k");

        let mut query = request();
        Auth::parse("query:key")
            .unwrap()
            .apply(&mut query, "k&/é")
            .unwrap();
        assert_eq!(query.uri(), "https://h/v1/x?a=b&key=k%26%2F%C3%A9");

        for text in ["bearer", "header:x-api-key", "query:key", "none"] {
            assert_eq!(Auth::parse(text).unwrap().to_string(), text);
        }
        let mut none = request();
        Auth::None.apply(&mut none, "k").unwrap();
        assert!(none.headers().is_empty());
    }

    #[test]
    fn refuses_keys_that_would_split_a_header_without_printing_them() {
        let error = Auth::Bearer
            .apply(&mut request(), "sec\r\nret")
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!error.message().contains("sec"));
    }

    #[test]
    fn names_what_it_expected() {
        for text in [
            "",
            "Bearer",
            "header:",
            "header:a b",
            "query:",
            "query:a&b",
            "basic",
        ] {
            assert!(
                Auth::parse(text)
                    .unwrap_err()
                    .message()
                    .contains("expected bearer"),
                "{text}"
            );
        }
        for (text, auth) in [
            ("sigv4", Auth::Sigv4),
            ("google", Auth::Google),
            ("entra", Auth::Entra),
        ] {
            let mut request = request();
            assert_eq!(Auth::parse(text).unwrap(), auth);
            auth.apply(&mut request, "k").unwrap();
            assert_eq!(request.headers()["authorization"], "Bearer k");
        }
    }
}
