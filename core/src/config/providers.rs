//! Reading `[providers]`: each part of a provider comes from its table, else from its built-in row and the row's variables.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use libllm_proto::provider::{self, Auth, Quirks, QuirksPatch, Row, closest};
use libllm_proto::wire::{self, Wire};
use zeroize::Zeroizing;

use super::headers::{header_name, header_value};
use super::issue::{self, PLACES};
use super::models::MOCK;
use super::scope::{Item, Table, shown};
use super::{Environment, Http2, Key, Provider, Proxies, Proxy, TimeoutsOverride, Tls};
use crate::auth::Keeper;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::Ring;
use crate::secret::Secret;
use crate::transport::tls::{self, Identity, Trust};

/// Providers by id, and why some built-in rows are none.
pub(super) type All = (BTreeMap<String, Arc<Provider>>, BTreeMap<String, Error>);

/// Every built-in row, and what `[providers]` adds to them or to their number.
pub(super) fn read_all(root: &Table<'_>, environment: &dyn Environment) -> Result<All> {
    let (mut providers, mut unusable) = (BTreeMap::new(), BTreeMap::new());
    let platform = Trust::platform(environment);
    let tables = root.table("providers")?;
    for row in provider::rows() {
        // A row that a table speaks of is read with it, below.
        if tables
            .as_ref()
            .is_some_and(|tables| tables.get(row.id).is_some())
        {
            continue;
        }
        let source = Source {
            id: row.id,
            row: Some(row),
            said: None,
            environment,
        };
        // A stray variable must not take the other providers away: what is wrong is told to who asks for this one.
        match source.read(&platform) {
            Ok(provider) => drop(providers.insert(row.id.to_owned(), Arc::new(provider))),
            Err(error) => drop(unusable.insert(row.id.to_owned(), error)),
        }
    }
    for (id, item) in tables.iter().flat_map(|tables| tables.items()) {
        if id == MOCK || id.is_empty() || id.contains('/') {
            return Err(item.fail("expected a name that is not empty, not mock and has no slash"));
        }
        let table = item.table()?;
        table.check(KEYS, LATER)?;
        let said = Some((&item, &table));
        let source = Source {
            id,
            row: provider::find(id),
            said,
            environment,
        };
        providers.insert(id.to_owned(), Arc::new(source.read(&platform)?));
    }
    Ok((providers, unusable))
}

/// Where one provider's parts come from.
struct Source<'s, 'd> {
    id: &'s str,
    row: Option<&'static Row>,
    said: Option<(&'s Item<'d>, &'s Table<'d>)>,
    environment: &'s dyn Environment,
}

impl<'d> Source<'_, 'd> {
    fn read(&self, platform: &Trust) -> Result<Provider> {
        let auth = self.auth()?;
        let mut headers = Vec::new();
        for (name, value) in self.row.iter().flat_map(|row| row.headers) {
            let bad = |why| self.own(format!("header {name}: {why}"));
            headers.push((
                header_name(name).map_err(bad)?,
                header_value(value).map_err(bad)?,
            ));
        }
        let row_headers = headers.len();
        headers.extend(self.organization()?);
        headers.extend(self.headers(&auth)?);
        let ring = self.ring(&auth)?;
        let mut key = match &ring {
            Some(ring) => Key::Set(ring.first()),
            None => self.key(&auth)?,
        };
        let keeper = match key {
            Key::Set(_) | Key::Host => None,
            _ => self.keeper(&auth)?,
        };
        if keeper.is_some() {
            key = Key::None;
        }
        let timeouts = match self.said {
            Some((_, table)) => TimeoutsOverride::read_in(table)?,
            None => TimeoutsOverride::default(),
        };
        Ok(Provider {
            id: self.id.to_owned(),
            wire: self.wire()?,
            base_url: self.base_url()?,
            keeper,
            ring,
            region: self.place("region")?,
            key,
            auth,
            headers,
            row_headers,
            quirks: self.quirks()?,
            tls: self.tls(platform)?,
            proxies: self.proxies()?,
            http2: self.http2()?,
            idle_pool: self.idle_pool()?,
            connection_age: self.connection_age()?,
            timeouts,
        })
    }

    /// What its table says of a key.
    fn get(&self, key: &str) -> Option<Item<'d>> {
        self.said.and_then(|(_, table)| table.get(key))
    }

    /// A complaint about what no key of the text said.
    fn own(&self, message: String) -> Error {
        match self.said {
            Some((item, _)) => item.fail(message),
            None => Error::new(
                ErrorKind::Config,
                format!("provider {}: {message}", self.id),
            ),
        }
    }

    fn missing(&self, key: &str, expected: &str) -> Error {
        match self.said {
            Some((item, table)) => table.missing(item, key, expected),
            None => self.own(format!("{key} is missing")),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.environment
            .var(name)
            .filter(|value| !value.trim().is_empty())
    }

    fn wire(&self) -> Result<&'static dyn Wire> {
        let Some(item) = self.get("wire") else {
            let row = self
                .row
                .ok_or_else(|| self.missing("wire", &wire::KNOWN.join(", ")))?;
            return row.wire().map_err(|error| {
                self.said.map_or(error, |(item, _)| {
                    item.fail(format!(
                        "speaks wire {}, which is not in this build",
                        row.wire
                    ))
                })
            });
        };
        let name = item.text()?;
        if let Some(wire) = wire::find(name) {
            return Ok(wire);
        }
        if wire::KNOWN.contains(&name) {
            return Err(item.fail(format!("wire {name} is not in this build")));
        }
        let near = closest(name, wire::KNOWN.iter().copied(), 1).concat();
        let known = wire::KNOWN.join(", ");
        let name = shown(name);
        Err(item.fail(format!(
            "unknown wire {name:?}, expected one of {known}; closest: {near}"
        )))
    }

    fn base_url(&self) -> Result<String> {
        if let Some(item) = self.get("base_url") {
            let text = self.filled(item.text()?)?;
            return provider::base_url(&text).map_err(|error| item.fail(error.message()));
        }
        let expected = "everything before the wire's path, such as \"http://127.0.0.1:8000/v1\"";
        let row = self.row.ok_or_else(|| self.missing("base_url", expected))?;
        let url = row.base_url_from(|name| self.environment.var(name));
        let url = url.map_err(|error| self.own(format!("variable {}", error.message())))?;
        let url = self.filled(&url)?;
        provider::base_url(&url).map_err(|error| self.own(error.message().to_owned()))
    }

    /// An address with its places in it.
    fn filled(&self, url: &str) -> Result<String> {
        let mut places = Vec::new();
        for name in PLACES {
            places.extend(self.place(name)?.map(|place| (name, place)));
        }
        let of = |name: &str| {
            let (_, place) = places.iter().find(|(known, _)| *known == name)?;
            Some(place.clone())
        };
        provider::fill(url, of).map_err(|name| {
            let row = self
                .row
                .and_then(|row| row.places.iter().find(|it| it.name == name));
            let variables = row.map_or(String::new(), |place| {
                format!("set {}, or ", place.env.join(" or "))
            });
            self.own(format!(
                "{name} is missing: {variables}{name} in [providers.{}]",
                self.id
            ))
        })
    }

    fn place(&self, name: &str) -> Result<Option<String>> {
        let table = self.said.map(|(_, table)| table);
        issue::place(name, table, self.row, self.environment)
    }

    /// Who issues credentials, where no key is given.
    fn keeper(&self, auth: &Auth) -> Result<Option<Arc<Keeper>>> {
        let item = self.get("credentials");
        if let Some(item) = item.as_ref().filter(|_| *auth != Auth::Google) {
            return Err(item.fail("goes with auth = \"google\""));
        }
        let lacks = |name: &str| Err(self.own(format!("auth {name} is not in this build")));
        if !cfg!(feature = "bedrock") && *auth == Auth::Sigv4 {
            return lacks("sigv4");
        }
        if !cfg!(feature = "gemini") && *auth == Auth::Google {
            return lacks("google");
        }
        if *auth == Auth::Sigv4 && self.place("region")?.is_none() {
            return Err(self.own("auth sigv4 needs a region".to_owned()));
        }
        let file = item.as_ref().map(|item| item.text()).transpose()?;
        issue::keeper(auth, file, self.environment).map_err(|why| match &item {
            Some(item) => item.fail(why),
            None => self.own(why),
        })
    }

    /// A service of one's own takes a key as a bearer token if it is given one.
    fn auth(&self) -> Result<Auth> {
        match (self.get("auth"), self.row) {
            (Some(item), _) => {
                Auth::parse(item.text()?).map_err(|error| item.fail(error.message()))
            }
            (None, Some(row)) => Ok(row.auth.clone()),
            (None, None) if self.get("api_key").or(self.get("api_keys")).is_some() => {
                Ok(Auth::Bearer)
            }
            (None, None) => Ok(Auth::None),
        }
    }

    /// Several keys, or one in a file, which may change.
    fn ring(&self, auth: &Auth) -> Result<Option<Arc<Ring>>> {
        let one = self.get("api_key");
        let Some(list) = self.get("api_keys") else {
            let Some(item) = one.filter(|_| *auth != Auth::None) else {
                return Ok(None);
            };
            let file = file_of(&item)?;
            return match file {
                Some(_) => Ok(Some(Arc::new(Ring::new(vec![self.slot(&item)?])))),
                None => Ok(None),
            };
        };
        if *auth == Auth::None {
            return Err(list.fail("auth is \"none\": these keys would not be sent"));
        }
        if one.is_some() {
            return Err(list.fail("goes without api_key"));
        }
        let items = list.list()?;
        if items.is_empty() || items.len() > RING_MAX {
            return Err(list.fail(format!("expected 1 to {RING_MAX} keys")));
        }
        let slots = items.iter().map(|item| self.slot(item));
        Ok(Some(Arc::new(Ring::new(slots.collect::<Result<_>>()?))))
    }

    fn slot(&self, item: &Item<'_>) -> Result<(Secret, Option<PathBuf>)> {
        let key = secret(item, self.environment)?;
        Ok((Secret::from(key.as_str()), file_of(item)?))
    }

    fn key(&self, auth: &Auth) -> Result<Key> {
        if let Some(item) = self.get("api_key") {
            if *auth == Auth::None {
                return Err(item.fail("auth is \"none\": this key would not be sent"));
            }
            if item.text()? == ASK {
                return Ok(Key::Host);
            }
            let key = secret(&item, self.environment)?;
            return Ok(Key::Set(Secret::from(key.as_str())));
        }
        let Some(row) = self.row.filter(|_| *auth != Auth::None) else {
            return Ok(match auth {
                Auth::None => Key::None,
                auth => Key::Missing {
                    variables: issue::variables(auth)
                        .iter()
                        .map(|name| (*name).to_owned())
                        .collect(),
                },
            });
        };
        for name in row.key_env {
            if let Some(key) = self.variable(name).map(Zeroizing::new) {
                let key = clean(&key).map_err(|why| self.own(format!("variable {name} {why}")))?;
                return Ok(Key::Set(Secret::from(key)));
            }
        }
        let names = row.key_env.iter().chain(issue::variables(auth));
        let variables = names.map(|name| (*name).to_owned()).collect();
        Ok(if row.key_optional {
            Key::None
        } else {
            Key::Missing { variables }
        })
    }

    fn organization(&self) -> Result<Option<(HeaderName, HeaderValue)>> {
        let row = self.row.and_then(|row| row.organization);
        let header = match (row, self.row) {
            (Some(organization), _) => organization.header,
            (None, None) => OPENAI_ORGANIZATION,
            (None, Some(_)) => {
                return match self.get("organization") {
                    Some(item) => Err(item.fail("this provider takes no organization")),
                    None => Ok(None),
                };
            }
        };
        let value = match (self.get("organization"), row) {
            (Some(item), _) => {
                let value = secret(&item, self.environment)?;
                header_value(&value).map_err(|why| item.fail(why))?
            }
            (None, Some(row)) => match self.variable(row.env) {
                Some(value) => header_value(value.trim())
                    .map_err(|why| self.own(format!("variable {}: {why}", row.env)))?,
                None => return Ok(None),
            },
            (None, None) => return Ok(None),
        };
        Ok(Some((HeaderName::from_static(header), value)))
    }

    fn headers(&self, auth: &Auth) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let Some(item) = self.get("headers") else {
            return Ok(Vec::new());
        };
        let mut headers = Vec::new();
        for (name, item) in item.table()?.items() {
            let name = header_name(name).map_err(|why| item.fail(why))?;
            if matches!(auth, Auth::Header(key) if name == key.as_ref()) {
                return Err(item.fail("this is where the key goes: use api_key"));
            }
            let value = secret(&item, self.environment)?;
            headers.push((name, header_value(&value).map_err(|why| item.fail(why))?));
        }
        Ok(headers)
    }

    fn quirks(&self) -> Result<Quirks> {
        let mut quirks = self.row.map_or(Quirks::PLAIN, |row| row.quirks);
        let Some(item) = self.get("quirks") else {
            return Ok(quirks);
        };
        // One at a time, so that a complaint stands where the mistake does.
        for (name, item) in item.table()?.items() {
            let one = serde_json::Map::from_iter([(name.to_owned(), item.to_json())]);
            let patch: QuirksPatch =
                serde_json::from_value(one.into()).map_err(|why| item.fail(why))?;
            quirks = quirks.with(&patch);
        }
        Ok(quirks)
    }

    fn tls(&self, platform: &Trust) -> Result<Tls> {
        let mut tls = Tls {
            trust: platform.clone(),
            server_name: None,
            identity: None,
        };
        let Some(item) = self.get("tls") else {
            return Ok(tls);
        };
        let table = item.table()?;
        table.check(TLS_KEYS, &[])?;
        if let Some(item) = table.get("ca_file") {
            let path = item.text()?;
            let pem = self.environment.read(path);
            let pem = pem.map_err(|error| item.fail(format!("cannot read {path}: {error}")))?;
            let added = tls.trust.add(pem.as_bytes());
            added.map_err(|why| item.fail(format!("{path}: {why}")))?;
        }
        if let Some(item) = table.get("server_name") {
            let name = item.text()?;
            tls.server_name = Some(name.to_owned());
            tls::server_name(&tls).map_err(|error| item.fail(error.message()))?;
        }
        tls.identity = self.identity(&table)?;
        Ok(tls)
    }

    fn proxies(&self) -> Result<Proxies> {
        let Some(item) = self.get("proxy") else {
            return Proxies::of_environment(self.environment).map_err(|why| self.own(why));
        };
        let said = secret(&item, self.environment)?;
        if said.as_str() == "none" {
            return Ok(Proxies::default());
        }
        let proxy = Proxy::parse(&said).map_err(|why| item.fail(why))?;
        Ok(Proxies::all(proxy))
    }

    fn identity(&self, table: &Table<'_>) -> Result<Option<Identity>> {
        let read = |key| -> Result<Option<(Item<'_>, Zeroizing<String>)>> {
            let Some(item) = table.get(key) else {
                return Ok(None);
            };
            let path = item.text()?;
            let pem = self.environment.read(path);
            let pem = pem.map_err(|error| item.fail(format!("cannot read {path}: {error}")))?;
            Ok(Some((item, Zeroizing::new(pem))))
        };
        match (read("client_cert")?, read("client_key")?) {
            (None, None) => Ok(None),
            (Some((item, cert)), Some((_, key))) => Identity::read(cert.as_bytes(), key.as_bytes())
                .map(Some)
                .map_err(|why| item.fail(why)),
            (Some((item, _)), None) => Err(item.fail("goes with client_key, which is missing")),
            (None, Some((item, _))) => Err(item.fail("goes with client_cert, which is missing")),
        }
    }

    fn http2(&self) -> Result<Http2> {
        match self.get("http2") {
            Some(item) => Http2::read(&item.table()?),
            None => Ok(Http2::default()),
        }
    }

    fn connection_age(&self) -> Result<Duration> {
        let said = match self.said {
            Some((_, table)) => table.seconds("connection_age_s")?,
            None => None,
        };
        Ok(said.unwrap_or(CONNECTION_AGE))
    }

    fn idle_pool(&self) -> Result<Duration> {
        let said = match self.said {
            Some((_, table)) => table.seconds_or_none("idle_pool_s")?,
            None => None,
        };
        Ok(said
            .or(self.row.map(|row| row.idle_pool))
            .unwrap_or(OWN_IDLE_POOL))
    }
}

/// What `env:NAME` or `file:PATH` stands for, or the text itself.
pub(super) fn secret(item: &Item<'_>, environment: &dyn Environment) -> Result<Zeroizing<String>> {
    let text = item.text()?;
    let value = match text.split_once(':') {
        Some(("env", name)) => environment
            .var(name)
            .ok_or_else(|| item.fail(format!("environment variable {} is not set", shown(name))))?,
        Some(("file", path)) => environment
            .read(path)
            .map_err(|error| item.fail(format!("cannot read {}: {error}", shown(path))))?,
        _ => text.to_owned(),
    };
    let value = Zeroizing::new(value);
    clean(&value)
        .map(|value| Zeroizing::new(value.to_owned()))
        .map_err(|why| item.fail(why))
}

/// The file that a secret is in.
fn file_of(item: &Item<'_>) -> Result<Option<PathBuf>> {
    Ok(item.text()?.strip_prefix("file:").map(PathBuf::from))
}

/// A key without the blanks and line ends that files and shells leave around it.
pub(crate) fn clean(key: &str) -> Result<&str, &'static str> {
    let key = key.trim();
    match HeaderValue::from_str(key) {
        Ok(_) if key.is_empty() => Err("is empty"),
        Ok(_) => Ok(key),
        Err(_) => Err("holds characters that HTTP does not allow"),
    }
}

const KEYS: &[&str] = &[
    "wire",
    "base_url",
    "region",
    "project",
    "location",
    "auth",
    "api_key",
    "api_keys",
    "credentials",
    "headers",
    "organization",
    "quirks",
    "tls",
    "proxy",
    "http2",
    "idle_pool_s",
    "connection_age_s",
    "timeouts",
    "limits",
    "key_limits",
];
const LATER: &[&str] = &[];
// More keys are more accounts than anybody has.
const RING_MAX: usize = 64;
const TLS_KEYS: &[&str] = &["ca_file", "client_cert", "client_key", "server_name"];
/// In the place of a key: the host is asked for it.
const ASK: &str = "ask";
/// OpenAI API reference, "Authentication", read 2026-11-20; servers that copy the API copy its header.
const OPENAI_ORGANIZATION: &str = "openai-organization";
/// Node and uvicorn close idle connections after 5 s; a server of one's own is likely one of them.
const OWN_IDLE_POOL: Duration = Duration::from_secs(4);
/// nginx's `keepalive_time`: a connection that lives for ever never notices that its name has moved.
const CONNECTION_AGE: Duration = Duration::from_secs(3600);
