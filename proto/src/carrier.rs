//! How a wire's body travels where its vendor does not serve it: another path, another envelope, another name for the model. A
//! carrier is a wire to whoever asks, and knows the wires whose bodies it carries; they do not know it.

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};

use crate::chat::body::Body;
use crate::error::{Error, ErrorKind, Result};
use crate::wire::Encoded;

#[cfg(feature = "bedrock")]
mod invoke;
#[cfg(all(feature = "anthropic", feature = "gemini"))]
mod vertex;

#[cfg(feature = "bedrock")]
pub use invoke::Invoke;
#[cfg(all(feature = "anthropic", feature = "gemini"))]
pub use vertex::VertexAnthropic;

/// The request that a wire has made, its body taken apart, on its way to another address.
#[allow(dead_code)] // a build may have no carrier
fn readdress(
    encoded: &mut Encoded,
    url: &str,
    accept: &'static str,
    change: impl FnOnce(&mut Body) -> Result<()>,
) -> Result<()> {
    let mut body = Body::default();
    body.merge(encoded.http.body())?;
    change(&mut body)?;
    *encoded.http.body_mut() = Bytes::from(body.into_bytes());
    *encoded.http.uri_mut() = url
        .parse()
        .map_err(|_| Error::new(ErrorKind::Config, "base URL is no URL"))?;
    let headers = encoded.http.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    // The body says the version there.
    headers.remove("anthropic-version");
    Ok(())
}
