//! Rows: what each service is called, which wire it speaks, where, with which key, and how it differs.
//!
//! Rows are data (`proto/data/providers.toml`); a difference between two services is a [`Quirks`] field, never a name in code.
//!
//! ```
//! let row = libllm_proto::provider::find("groq").ok_or("no such row")?;
//! assert_eq!((row.wire, row.key_env), ("openai_chat", &["GROQ_API_KEY"][..]));
//! # Ok::<(), &str>(())
//! ```

use std::borrow::Cow;
use std::time::Duration;

use http::Uri;

use crate::error::{Error, ErrorKind, Result};
use crate::wire::{self, Wire};

mod auth;
mod closest;
mod quirks;

pub use auth::Auth;
pub use closest::closest;
pub use quirks::{Prefill, Quirks, QuirksPatch, TerminalMarker, TokenCounts, Vocabulary};

/// A service as this build knows it.
#[derive(Clone, Debug)]
pub struct Row {
    /// What stands before the `/` in `provider/model`.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// How we know what the row says.
    pub verified: Verified,
    /// The name of its wire, in this build or not; see [`Row::wire`].
    pub wire: &'static str,
    /// Everything before the wire's path, without a final slash.
    pub base_url: &'static str,
    /// Where the key goes.
    pub auth: Auth,
    /// Variables that may hold the key; the first that is set counts.
    pub key_env: &'static [&'static str],
    /// Without a key the request goes out without credentials.
    pub key_optional: bool,
    /// A variable that holds a whole base URL.
    pub base_url_env: Option<&'static str>,
    /// A variable that holds a host, `host:port` or an origin; the rest comes from `base_url`.
    pub host_env: Option<&'static str>,
    /// Where an organization is named.
    pub organization: Option<Organization>,
    /// Headers of every request.
    pub headers: &'static [(&'static str, &'static str)],
    /// What stands in braces in `base_url`.
    pub places: &'static [Place],
    /// How it differs from the plain format.
    pub quirks: Quirks,
    /// How long an idle connection is kept.
    pub idle_pool: Duration,
    /// The page this row was checked against.
    pub docs: &'static str,
}

/// How we know what a row says, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verified {
    /// Answers of the service were recorded and are read right; its own documents name place and key.
    Recording,
    /// The service's own documents were read.
    Documents,
    /// Place and key are what public lists and programs that use the service say; its own page was not read.
    Listed,
}

impl Verified {
    /// Its name in rows and listings.
    pub fn name(self) -> &'static str {
        match self {
            Verified::Recording => "recording",
            Verified::Documents => "documents",
            Verified::Listed => "listed",
        }
    }
}

/// A part of an address that depends on who asks: `{region}`, `{project}`, `{location}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name in braces.
    pub name: &'static str,
    /// Variables that may hold it, the first that is set counts.
    pub env: &'static [&'static str],
    /// For everybody who says nothing.
    pub default: Option<&'static str>,
}

/// `url` with its places in it; the name of one that `place` does not know is the error. Google's hosts have no location before
/// them where that is `global`, so `{location}-` is then left out.
///
/// ```
/// use libllm_proto::provider::fill;
/// let of = |name: &str| (name == "region").then(|| "eu-west-1".to_string());
/// assert_eq!(fill("https://b.{region}.example", of).unwrap(), "https://b.eu-west-1.example");
/// assert_eq!(fill("https://{zone}", of).unwrap_err(), "zone");
/// ```
pub fn fill(url: &str, place: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::with_capacity(url.len());
    let mut rest = url;
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((name, tail)) = behind.split_once('}') else {
            break;
        };
        let value = place(name).ok_or_else(|| name.to_string())?;
        filled.push_str(before);
        rest = match tail.strip_prefix('-') {
            Some(tail) if value == "global" => tail,
            _ => {
                filled.push_str(&value);
                tail
            }
        };
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Where a provider takes the name of the organization that pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Organization {
    /// The header.
    pub header: &'static str,
    /// The variable its vendor's own clients read.
    pub env: &'static str,
}

/// Every row, sorted by id.
pub fn rows() -> &'static [Row] {
    ROWS
}

/// The row of this id.
pub fn find(id: &str) -> Option<&'static Row> {
    ROWS.binary_search_by(|row| row.id.cmp(id))
        .ok()
        .map(|found| &ROWS[found])
}

impl Row {
    /// The wire this service speaks, or which one is missing from this build.
    pub fn wire(&self) -> Result<&'static dyn Wire> {
        wire_of(self.id, self.wire)
    }

    /// The base URL that the environment asks for, else the row's own. `variable` looks a variable up: this crate reads none.
    pub fn base_url_from(&self, variable: impl Fn(&str) -> Option<String>) -> Result<String> {
        let set = |name: Option<&'static str>| {
            let name = name?;
            variable(name)
                .filter(|value| !value.trim().is_empty())
                .map(|value| (name, value))
        };
        if let Some((name, value)) = set(self.base_url_env) {
            return base_url(&value).map_err(|error| error.context(name));
        }
        match set(self.host_env) {
            Some((name, value)) => {
                with_host(self.base_url, &value).map_err(|error| error.context(name))
            }
            None => Ok(self.base_url.to_string()),
        }
    }
}

/// A service as one client uses it: a row with the configuration laid over it, or one of the user's own.
#[derive(Clone, Debug)]
pub struct Provider {
    /// What stands before the `/` in `provider/model`.
    pub id: String,
    /// The name of its wire; see [`Provider::wire`].
    pub wire: String,
    /// Everything before the wire's path, without a final slash; see [`base_url`].
    pub base_url: String,
    /// Where the key goes.
    pub auth: Auth,
    /// Variables that may hold the key, for messages and look-up.
    pub key_env: Vec<Cow<'static, str>>,
    /// Without a key the request goes out without credentials.
    pub key_optional: bool,
    /// Where an organization is named.
    pub organization: Option<Organization>,
    /// Headers of every request; a later one of the same name wins.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// How it differs from the plain format.
    pub quirks: Quirks,
    /// How long an idle connection is kept.
    pub idle_pool: Duration,
}

impl Provider {
    /// A service of one's own: bearer auth, a key that may be missing, short idle times.
    pub fn custom(id: impl Into<String>, wire: impl Into<String>, base: &str) -> Result<Provider> {
        let (id, wire) = (id.into(), wire.into());
        if !wire::KNOWN.contains(&wire.as_str()) {
            let near = closest(&wire, wire::KNOWN.iter().copied(), 3).join(", ");
            let message = format!("provider {id}: unknown wire {wire:?}, closest: {near}");
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(Provider {
            base_url: base_url(base).map_err(|error| error.context(format!("provider {id}")))?,
            id,
            wire,
            auth: Auth::Bearer,
            key_env: Vec::new(),
            key_optional: true,
            organization: None,
            headers: Vec::new(),
            quirks: Quirks::PLAIN,
            idle_pool: OWN_IDLE_POOL,
        })
    }

    /// The wire this service speaks, or which one is missing from this build.
    pub fn wire(&self) -> Result<&'static dyn Wire> {
        wire_of(&self.id, &self.wire)
    }
}

impl From<&Row> for Provider {
    fn from(row: &Row) -> Provider {
        let borrow = |text: &&'static str| Cow::Borrowed(*text);
        Provider {
            id: row.id.to_string(),
            wire: row.wire.to_string(),
            base_url: row.base_url.to_string(),
            auth: row.auth.clone(),
            key_env: row.key_env.iter().map(borrow).collect(),
            key_optional: row.key_optional,
            organization: row.organization,
            headers: row
                .headers
                .iter()
                .map(|(name, value)| (borrow(name), borrow(value)))
                .collect(),
            quirks: row.quirks,
            idle_pool: row.idle_pool,
        }
    }
}

/// Checks a base URL and takes its final slashes off: http or https, a host, no user, query or fragment.
pub fn base_url(text: &str) -> Result<String> {
    let text = text.trim().trim_end_matches('/');
    let bad = |why: &str| Error::new(ErrorKind::Config, format!("base URL {why}"));
    let uri: Uri = text.parse().map_err(|_| bad("is no URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(bad("must begin with http:// or https://"));
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => {
            Err(bad("must not hold a user or password"))
        }
        Some(authority) if authority.host().is_empty() => Err(bad("has no host")),
        None => Err(bad("has no host")),
        // `http` drops a fragment silently.
        _ if text.contains(['?', '#']) => Err(bad("must not hold a query or fragment")),
        _ => Ok(text.to_string()),
    }
}

/// `base` with its scheme, host and port replaced by those of `host`; what `host` leaves out stays, but for an address that only
/// makes sense to a listening server.
fn with_host(base: &str, host: &str) -> Result<String> {
    let bad = || Error::new(ErrorKind::Config, "is no host, host:port or origin");
    let base: Uri = base.parse().map_err(|_| bad())?;
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest, named) = match host.split_once("://") {
        Some((scheme, rest)) => (scheme, rest, true),
        None => (base.scheme_str().unwrap_or("http"), host, false),
    };
    let uri: Uri = format!("{scheme}://{rest}").parse().map_err(|_| bad())?;
    let authority = uri.authority().ok_or_else(bad)?;
    let name = match authority.host() {
        "0.0.0.0" | "" => "127.0.0.1",
        "[::]" => "[::1]",
        name => name,
    };
    // An origin with a scheme means that scheme's own port, as Ollama's client reads it.
    let port = match (authority.port_u16(), named) {
        (Some(port), _) => format!(":{port}"),
        (None, true) => String::new(),
        (None, false) => base
            .port_u16()
            .map(|port| format!(":{port}"))
            .unwrap_or_default(),
    };
    let before = uri.path().trim_end_matches('/');
    let before = before.strip_suffix(base.path()).unwrap_or(before);
    base_url(&format!("{scheme}://{name}{port}{before}{}", base.path()))
}

fn wire_of(id: &str, name: &str) -> Result<&'static dyn Wire> {
    wire::find(name).ok_or_else(|| {
        let message = format!("provider {id} speaks wire {name}, which is not in this build");
        Error::new(ErrorKind::Config, message)
    })
}

/// Node and uvicorn close idle connections after 5 s; a server of one's own is likely one of them.
const OWN_IDLE_POOL: Duration = Duration::from_secs(4);

static ROWS: &[Row] = include!(concat!(env!("OUT_DIR"), "/providers.rs"));

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
