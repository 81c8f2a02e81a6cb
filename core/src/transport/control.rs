//! What is fetched and is no answer of a model: catalogs. reqwest does it, seldom and one at a time; whom it trusts, what its TLS is made
//! of and where it looks names up is what model calls have.

use std::net::SocketAddr;
use std::time::Duration;

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
    /// Made when it is first needed: most processes fetch nothing.
    client: OnceCell<reqwest::Client>,
}

impl Fetcher {
    pub(crate) fn new(trust: Trust) -> Fetcher {
        Fetcher {
            trust,
            client: OnceCell::new(),
        }
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
        let client = reqwest::Client::builder()
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
