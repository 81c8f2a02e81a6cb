//! A service as one client uses it: a built-in row with `[providers.P]` laid over it, or one of the user's own.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::header::{HeaderName, HeaderValue};
use libllm_proto::provider::{Auth, Quirks};
use libllm_proto::wire::Wire;

use super::{Http2, Proxies, TimeoutsOverride};
use crate::auth::Keeper;
use crate::keys::Ring;
use crate::secret::Secret;
use crate::transport::tls::{Identity, Trust};

/// A service that can be asked.
#[derive(Clone, Debug)]
pub struct Provider {
    /// What stands before the `/` in `provider/model`.
    pub id: String,
    /// The format it speaks.
    pub wire: &'static dyn Wire,
    /// Everything before the wire's path, without a final slash.
    pub base_url: String,
    /// Where the key goes.
    pub auth: Auth,
    /// The key of `base_url`'s origin.
    pub key: Key,
    /// All of its keys, where there are several or one may change.
    pub(crate) ring: Option<Arc<Ring>>,
    /// Who issues credentials for `base_url`'s origin, where there is no key.
    pub(crate) keeper: Option<Arc<Keeper>>,
    /// Where it is, as far as signatures must say.
    pub(crate) region: Option<String>,
    /// Headers of every request, the row's before the configuration's; a later one of the same name wins.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How many of `headers` are the row's: those hold no secret and may go to another place.
    pub row_headers: usize,
    /// How it differs from the plain format.
    pub quirks: Quirks,
    /// How its certificate is checked.
    pub tls: Tls,
    /// Which proxy leads to it.
    pub proxies: Proxies,
    /// Which HTTP it is spoken to in.
    pub http2: Http2,
    /// How long an idle connection is kept.
    pub idle_pool: Duration,
    /// How long a connection takes new requests.
    pub connection_age: Duration,
    /// Limits in time that differ from the client's.
    pub timeouts: TimeoutsOverride,
}

/// A service's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// It needs none.
    None,
    /// This one.
    Set(Secret),
    /// The host gives one for each attempt.
    Host,
    /// It needs one, and none of these variables holds it.
    Missing {
        /// In the order in which they are looked at.
        variables: Vec<String>,
    },
}

/// How a service's certificate is checked, and which one it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    /// Whom to trust.
    pub(crate) trust: Trust,
    /// The name its certificate must hold, if it is not the URL's host.
    pub server_name: Option<String>,
    /// Who we are, for a server that asks.
    pub(crate) identity: Option<Identity>,
}

impl Provider {
    /// The same service at another place, with that place's key. What the configuration says about the service's own origin
    /// stays there: its key, its headers, its certificate's name, and our own certificate.
    pub(crate) fn moved(&self, base_url: String, key: Option<Secret>) -> Provider {
        let mut moved = self.clone();
        moved.headers.truncate(self.row_headers);
        if origin(&base_url) != origin(&self.base_url) {
            moved.tls.server_name = None;
            moved.tls.identity = None;
        }
        moved.base_url = base_url;
        moved.key = Key::None;
        moved.keeper = None;
        moved.ring = None;
        match key {
            Some(key) => moved.with_key(key),
            None => moved,
        }
    }

    /// The same service with another key.
    pub(crate) fn with_key(&self, key: Secret) -> Provider {
        let auth = match &self.auth {
            // Whoever gives a key wants it sent.
            Auth::None => Auth::Bearer,
            auth => auth.clone(),
        };
        Provider {
            auth,
            key: Key::Set(key),
            keeper: None,
            ring: None,
            ..self.clone()
        }
    }

    /// A service that is played in this process.
    pub(crate) fn mock(wire: &'static dyn Wire) -> Provider {
        Provider {
            id: super::models::MOCK.to_owned(),
            wire,
            base_url: "http://mock.invalid/v1".to_owned(),
            auth: Auth::None,
            key: Key::None,
            keeper: None,
            ring: None,
            region: None,
            headers: Vec::new(),
            row_headers: 0,
            quirks: Quirks::PLAIN,
            tls: Tls::default(),
            proxies: Proxies::default(),
            http2: Http2::default(),
            idle_pool: Duration::ZERO,
            connection_age: Duration::ZERO,
            timeouts: TimeoutsOverride::default(),
        }
    }
}

/// Scheme, host and port of a checked base URL.
fn origin(base_url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = base_url.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let port = uri
        .port_u16()
        .unwrap_or(if scheme == "http" { 80 } else { 443 });
    Some((scheme.to_owned(), uri.host()?.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://H/v1"), origin("https://h:443/other"));
        assert_ne!(origin("https://h"), origin("http://h"));
        assert_ne!(origin("https://h"), origin("https://h:8443"));
        assert_ne!(origin("https://h"), origin("https://h.example"));
    }
}
