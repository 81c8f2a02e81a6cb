//! Headers that users name: well formed, and none that is the library's own to set.

use http::header::{HeaderName, HeaderValue};

/// A header's name, or why it may not be set.
pub(crate) fn header_name(name: &str) -> Result<HeaderName, String> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "expected a header name (letters, digits, hyphens)".to_owned())?;
    match parsed.as_str() {
        "authorization" => Err("credentials go into api_key; auth says in which header".to_owned()),
        name if OURS.contains(&name) || name.starts_with("proxy-") => {
            Err("is set by the library, and can not be set here".to_owned())
        }
        _ => Ok(parsed),
    }
}

/// A name for a header of one request, which every target of it gets: none that carries a key, which belongs to one origin.
pub(crate) fn request_header_name(name: &str) -> Result<HeaderName, String> {
    let parsed = header_name(name)?;
    match KEYS.contains(&parsed.as_str()) {
        true => Err("credentials go into api_key, or into the provider's own headers".to_owned()),
        false => Ok(parsed),
    }
}

/// A header's value. Marked sensitive, because users put tokens there: no log of headers shows it.
pub(crate) fn header_value(value: &str) -> Result<HeaderValue, String> {
    // The error of `http` is dropped on purpose: nothing near a secret is printed.
    let mut parsed = HeaderValue::from_str(value)
        .map_err(|_| "expected visible characters, without line ends".to_owned())?;
    parsed.set_sensitive(true);
    Ok(parsed)
}

/// Headers in which providers take keys, and cookies.
const KEYS: &[&str] = &["api-key", "cookie", "x-api-key", "x-goog-api-key"];

/// Framing and hop-by-hop headers (RFC 9110 7.6.1, RFC 9112 6), and those that a wire or the transport sets.
const OURS: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_would_break_the_request() {
        for name in [
            "",
            "a b",
            "a:",
            "Host",
            "content-length",
            "Authorization",
            "Proxy-Connection",
        ] {
            assert!(header_name(name).is_err(), "{name}");
        }
        assert_eq!(header_name("X-Team").unwrap(), "x-team");
        assert_eq!(request_header_name("X-Team").unwrap(), "x-team");
        for name in ["X-Api-Key", "cookie", "api-key", "authorization", "host"] {
            assert!(request_header_name(name).is_err(), "{name}");
        }
        for value in ["canary\r\nb: c", "canary\0", "canary\u{7f}"] {
            assert!(!header_value(value).unwrap_err().contains("canary"));
        }
        let value = header_value("sk-canary").unwrap();
        assert!(!format!("{value:?}").contains("canary"));
    }
}
