//! What is fetched or told and is no answer of a model: catalogs, and what collectors are told. reqwest does it, seldom and one at a time; whom it trusts, what its TLS is made
//! of and where it looks names up is what model calls have.

#[cfg(feature = "otlp")]
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

#[cfg(feature = "otlp")]
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use once_cell::sync::OnceCell;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;

use super::dns::Resolver;
use super::tls::{self, Trust};
use crate::config::{Speak, Tls};

/// Fetches documents.
#[derive(Debug)]
pub(crate) struct Fetcher {
    trust: Trust,
    /// No proxy stands between.
    direct: bool,
    /// Made when it is first needed: most processes fetch nothing.
    client: OnceCell<reqwest::Client>,
}

impl Fetcher {
    pub(crate) fn new(trust: Trust) -> Fetcher {
        Fetcher {
            trust,
            direct: false,
            client: OnceCell::new(),
        }
    }

    /// One for a single place. A place on this machine is no proxy's.
    #[cfg(feature = "otlp")]
    pub(crate) fn to(place: &str, trust: Trust) -> Fetcher {
        let place: Option<http::Uri> = place.parse().ok();
        let host = place.as_ref().and_then(|place| place.host());
        let host = host.unwrap_or_default().trim_matches(['[', ']']);
        let here = host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback());
        Fetcher {
            direct: here || host.eq_ignore_ascii_case("localhost"),
            ..Fetcher::new(trust)
        }
    }

    /// Tells something, as JSON. What went wrong is said without the URL.
    #[cfg(feature = "otlp")]
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        json: String,
        timeout: Duration,
    ) -> Result<Posted, String> {
        let told = |error: reqwest::Error| sources(&error.without_url());
        let client = self.client.get_or_try_init(|| self.client())?;
        let mut request = client.post(url).timeout(timeout).body(json);
        request = request.header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut response = request.send().await.map_err(told)?;
        let after = response.headers().get(RETRY_AFTER);
        let after = after.and_then(|after| after.to_str().ok()?.trim().parse().ok());
        let mut body = Vec::new();
        // What a collector says is short; of what is not, the rest is not read.
        while body.len() < ANSWER_MAX
            && let Some(piece) = response.chunk().await.map_err(told)?
        {
            body.extend_from_slice(&piece);
        }
        Ok(Posted {
            status: response.status().as_u16(),
            after: after.map(Duration::from_secs),
            body,
        })
    }

    /// The document at `url`. What went wrong is said without the URL, which may hold a secret.
    pub(crate) async fn fetch(&self, url: &str) -> Result<Vec<u8>, String> {
        let told = |error: reqwest::Error| sources(&error.without_url());
        let client = self.client.get_or_try_init(|| self.client())?;
        let mut response = client.get(url).send().await.map_err(told)?;
        if !response.status().is_success() {
            return Err(format!("it answers with status {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(told)? {
            if body.len() + piece.len() > BODY_MAX {
                return Err(format!("it is longer than {BODY_MAX} bytes"));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    fn client(&self) -> Result<reqwest::Client, String> {
        let trust = Tls {
            trust: self.trust.clone(),
            server_name: None,
            identity: None,
        };
        let tls = tls::client_config(&trust, Speak::One);
        let tls = tls.map_err(|error| error.message().to_owned())?;
        let builder = match self.direct {
            true => reqwest::Client::builder().no_proxy(),
            false => reqwest::Client::builder(),
        };
        let client = builder
            .tls_backend_preconfigured((*tls).clone())
            .dns_resolver(Names(Resolver::default()))
            // BEHAVIOUR 10: what is written in a configuration is where it is fetched.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("libllm/", env!("CARGO_PKG_VERSION")))
            // The next time is hours away.
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .build();
        client.map_err(|error| sources(&error))
    }
}

/// What was answered to what was told.
#[cfg(feature = "otlp")]
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) status: u16,
    /// When to come again.
    pub(crate) after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// Names for reqwest, on our own threads instead of more of tokio's.
struct Names(Resolver);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = resolver.ask(name.as_str()).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// An error with what is behind it: reqwest's own words alone say little.
fn sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(behind) = source {
        text = format!("{text}: {behind}");
        source = behind.source();
    }
    text
}

/// As of a model call (BEHAVIOUR 4).
const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(120);
/// Ten times the largest catalog there is.
const BODY_MAX: usize = 32 << 20;
#[cfg(feature = "otlp")]
const ANSWER_MAX: usize = 64 << 10;
