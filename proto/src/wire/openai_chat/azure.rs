//! Azure OpenAI's deployments: the chat's body under a path that names the deployment, and a version in the query. (Azure OpenAI REST
//! API reference, "Chat completions"; the newer `/openai/v1` is plain Chat Completions and needs nothing of this.)

use http::Uri;
use http::uri::PathAndQuery;

use crate::error::{Error, ErrorKind, Result};
use crate::request::Request;
use crate::wire::{Encoded, Target};

/// Says the request for this deployment, as `say` says it elsewhere; the model is the deployment's name.
pub(super) fn deployed(
    request: &Request,
    target: &Target<'_>,
    say: fn(&Request, &Target<'_>) -> Result<Encoded>,
) -> Result<Encoded> {
    let base_url = format!(
        "{}/openai/deployments/{}",
        target.base_url,
        segment(target.model)
    );
    let target = Target {
        base_url: &base_url,
        ..*target
    };
    let mut encoded = say(request, &target)?;
    let no_url = || Error::new(ErrorKind::Config, "base URL is no URL");
    let mut parts = encoded.http.uri().clone().into_parts();
    let path = encoded.http.uri().path();
    let place = PathAndQuery::try_from(format!("{path}?api-version={API_VERSION}"));
    parts.path_and_query = Some(place.map_err(|_| no_url())?);
    *encoded.http.uri_mut() = Uri::from_parts(parts).map_err(|_| no_url())?;
    Ok(encoded)
}

/// The newest version of the deployments' API that is no preview (Azure OpenAI docs, "API version lifecycle").
const API_VERSION: &str = "2024-10-21";

/// A name as one segment of a path (RFC 3986 section 3.3).
fn segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => segment.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => segment.push(char::from(byte)),
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}
