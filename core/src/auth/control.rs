//! How sources ask: small requests to token endpoints and to the machine's own services, on the client's connections. Nothing of
//! them is recorded.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};

use super::refused;
use crate::clock;
use crate::config::{Provider, Proxies};
use crate::error::Result;
use crate::transport::{Route, Transport};

/// The way to those who issue credentials for one provider.
pub(crate) struct Control<'c> {
    /// Whose certificates, proxies and idle times apply; tests have none.
    way: Option<(&'c dyn Transport, &'c Provider)>,
}

/// How far an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// In the Internet.
    Far,
    /// On this machine or its host: no proxy leads there, and who does not answer at once is not there.
    Near,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The JSON of an answer that is none of a refusal.
    pub(crate) fn json(&self, who: &str) -> Result<serde_json::Value> {
        if !(200..300).contains(&self.status) {
            let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
            // The two names of OAuth 2.0 (RFC 6749 section 5.2), and AWS's.
            let said = ["error_description", "error", "message", "Message"]
                .iter()
                .find_map(|name| body[*name].as_str());
            let said = said.map(|said| format!(": {said}")).unwrap_or_default();
            return Err(refused(format!(
                "{who} answers with status {}{said}",
                self.status
            )));
        }
        serde_json::from_slice(&self.body)
            .map_err(|_| refused(format!("{who} does not answer in JSON")))
    }
}

impl<'c> Control<'c> {
    pub(crate) fn new(transport: &'c dyn Transport, provider: &'c Provider) -> Control<'c> {
        let way = Some((transport, provider));
        Control { way }
    }

    #[cfg(test)]
    pub(crate) fn nowhere() -> Control<'c> {
        Control { way: None }
    }

    pub(crate) async fn get(
        &self,
        url: &str,
        headers: &[(&'static str, &str)],
        reach: Reach,
    ) -> Result<Answer> {
        self.ask(Method::GET, url, headers, Bytes::new(), reach)
            .await
    }

    /// Posts a form, as token endpoints want it.
    pub(crate) async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Result<Answer> {
        let body: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", form_value(value)))
            .collect();
        let headers = [(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")];
        let body = Bytes::from(body.join("&"));
        self.ask(Method::POST, url, &headers, body, Reach::Far)
            .await
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
        reach: Reach,
    ) -> Result<Answer> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = url
            .parse()
            .map_err(|_| refused(format!("{url} is no URL")))?;
        let all = request.headers_mut();
        all.insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
        for (name, value) in headers {
            let bad = || refused(format!("header {name} cannot be sent"));
            all.insert(*name, HeaderValue::from_str(value).map_err(|_| bad())?);
        }
        let limit = match reach {
            Reach::Far => FAR,
            Reach::Near => NEAR,
        };
        let asking = Box::pin(self.exchange(request, url, reach, limit));
        match select(asking, Box::pin(clock::sleep(limit))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => {
                let seconds = limit.as_secs();
                Err(refused(format!("{} is silent for {seconds} s", place(url))))
            }
        }
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        url: &str,
        reach: Reach,
        connect: Duration,
    ) -> Result<Answer> {
        let Some((transport, provider)) = self.way else {
            return Err(refused("there is no way to anywhere"));
        };
        let mut provider = provider.moved(url.to_owned(), None);
        if reach == Reach::Near {
            provider.proxies = Proxies::default();
        }
        let route = Route {
            provider: Arc::new(provider),
            connect,
            fresh: false,
        };
        let lost = |why: String| refused(format!("{}: {why}", place(url)));
        let sent = transport.send(request, &route).await;
        let mut exchanged = sent.map_err(|failed| lost(failed.error.message().to_owned()))?;
        let mut body = Vec::new();
        while let Some(read) = poll_fn(|cx| exchanged.body.poll_read(cx)).await {
            body.extend_from_slice(&read.map_err(lost)?);
            if body.len() > ANSWER_MAX {
                return Err(lost(format!("the answer exceeds {ANSWER_MAX} bytes")));
            }
        }
        exchanged.body.release();
        let status = exchanged.head.status;
        Ok(Answer { status, body })
    }
}

/// Scheme and host: a path may hold what is nobody's business.
fn place(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    &url[..end]
}

/// A value in a form (URL Standard, `application/x-www-form-urlencoded`).
fn form_value(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) {
            value.push(char::from(byte));
        } else {
            value.push_str(&format!("%{byte:02X}"));
        }
    }
    value
}

/// Tokens are a few KiB.
const ANSWER_MAX: usize = 256 * 1024;

/// Token endpoints answer in well under a second.
const FAR: Duration = Duration::from_secs(15);

/// What AWS's own clients wait for an instance's endpoint (SDK reference, "IMDS client", AWS_METADATA_SERVICE_TIMEOUT).
const NEAR: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_places() {
        assert_eq!(form_value("a b&c=é"), "a%20b%26c%3D%C3%A9");
        assert_eq!(place("https://h:1/x/y"), "https://h:1");
        assert_eq!(place("https://h"), "https://h");
    }
}
