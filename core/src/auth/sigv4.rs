//! AWS Signature Version 4, by AWS's own crate: a pure function of the request, the keys and the time.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as signature};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::Request;

use super::AwsKeys;
use crate::error::{Error, ErrorKind, Result};

/// Puts the signature into the request's headers.
pub(super) fn sign(
    request: &mut Request<Bytes>,
    keys: &AwsKeys,
    region: &str,
    service: &str,
    now: SystemTime,
) -> Result<()> {
    // The errors of the crate are dropped on purpose: nothing near a key is printed.
    let failed = || Error::new(ErrorKind::Config, "the request cannot be signed");
    let session = keys
        .session
        .as_ref()
        .map(|session| session.expose().to_owned());
    let identity = Credentials::new(
        keys.id.clone(),
        keys.secret.expose(),
        session,
        None,
        "libllm",
    )
    .into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| failed())?
        .into();
    // Of the headers what nobody on the way changes.
    let content_type = request.headers().get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let headers = content_type.map(|value| ("content-type", value));
    let uri = request.uri().to_string();
    let signable = SignableRequest::new(
        request.method().as_str(),
        uri,
        headers.into_iter(),
        SignableBody::Bytes(request.body()),
    )
    .map_err(|_| failed())?;
    let signed = signature(signable, &parameters).map_err(|_| failed())?;
    let (instructions, _) = signed.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::secret::Secret;

    fn keys(session: Option<&str>) -> AwsKeys {
        AwsKeys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: Secret::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session: session.map(Secret::from),
        }
    }

    fn signed(keys: &AwsKeys, path: &str, body: &'static str) -> Request<Bytes> {
        let mut request = Request::post(format!("https://example.amazonaws.com{path}"))
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap();
        // 20150830T123600Z, the time of AWS's test suite for signatures.
        let now = UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        sign(&mut request, keys, "us-east-1", "service", now).unwrap();
        request
    }

    #[test]
    fn the_published_vector_is_reached() {
        // AWS's test suite, "post-vanilla".
        let request = signed(&keys(None), "/", "");
        assert_eq!(
            request.headers()["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
        assert!(!format!("{request:?}").contains("wJalr"));
    }

    #[test]
    fn body_path_and_session_are_signed() {
        let keys = keys(Some("session"));
        let of = |path, body| signed(&keys, path, body).headers()["authorization"].clone();
        let first = of("/model/a%3Ab/converse", "{}");
        assert_ne!(first, of("/model/a%3Ab/converse", "{} "));
        assert_ne!(first, of("/model/a%3Ac/converse", "{}"));
        let request = signed(&keys, "/", "");
        assert_eq!(request.headers()["x-amz-security-token"], "session");
        assert!(first.to_str().unwrap().contains("x-amz-security-token"));
    }
}
