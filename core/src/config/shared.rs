//! `[shared]`: what several processes have in common, and where.

use std::time::Duration;

use super::Environment;
use super::providers::secret;
use super::proxy::decode;
use super::scope::Table;
use crate::config::Tls;
use crate::error::Result;
use crate::secret::Secret;
use crate::transport::tls::Trust;

/// What lies beyond this process.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared {
    /// Where the Redis is; without one everything stays in the process.
    pub(crate) place: Option<RedisPlace>,
    /// How long any call waits for it.
    pub timeout: Duration,
    /// The part of each limit that this process takes while Redis does not answer.
    pub share: f64,
    /// What the names of keys there begin with.
    pub prefix: String,
}

/// Where a Redis is and how it is greeted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedisPlace {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// How its certificate is checked; `None` for a plain connection.
    pub(crate) tls: Option<Tls>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) database: i64,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared {
            place: None,
            timeout: TIMEOUT_DEFAULT,
            share: SHARE_DEFAULT,
            prefix: PREFIX_DEFAULT.to_owned(),
        }
    }
}

impl Shared {
    pub(super) fn read(root: &Table<'_>, environment: &dyn Environment) -> Result<Shared> {
        let mut shared = Shared::default();
        let Some(table) = root.table("shared")? else {
            return Ok(shared);
        };
        table.check(&["redis", "timeout_ms", "share", "prefix"], &[])?;
        if let Some(item) = table.get("redis") {
            let url = secret(&item, environment)?;
            let place = RedisPlace::parse(&url, environment).map_err(|why| item.fail(why))?;
            shared.place = Some(place);
        }
        if let Some(timeout) = table.integer("timeout_ms", 1..=TIMEOUT_MS_MAX)? {
            shared.timeout = Duration::from_millis(timeout);
        }
        if let Some(share) = table.number("share", 0.0..=1.0)? {
            shared.share = share;
        }
        if let Some(prefix) = table.text("prefix")? {
            shared.prefix = prefix.to_owned();
        }
        Ok(shared)
    }
}

impl RedisPlace {
    /// Reads `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS.
    fn parse(url: &str, environment: &dyn Environment) -> Result<RedisPlace, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or(EXPECTED)?;
        let tls = match scheme {
            "redis" => None,
            "rediss" => Some(Tls {
                trust: Trust::platform(environment),
                ..Tls::default()
            }),
            _ => return Err(EXPECTED),
        };
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
        let place: http::uri::Authority = place.parse().map_err(|_| EXPECTED)?;
        let port = match (place.port_u16(), place.as_str() == place.host()) {
            (None, true) => PORT,
            (Some(port), _) if port > 0 => port,
            _ => return Err("expected a port in 1 to 65535"),
        };
        let (user, password) = match login {
            Some(login) => login.split_once(':').unwrap_or((login, "")),
            None => ("", ""),
        };
        let said = |text: &str| match text {
            "" => Ok(None),
            text => decode(text)
                .map(Some)
                .ok_or("user and password are badly escaped: % wants two digits"),
        };
        Ok(RedisPlace {
            host: place.host().to_owned(),
            port,
            tls,
            user: said(user)?,
            password: said(password)?.map(Secret::from),
            database: match database {
                "" => 0,
                number => number.parse().map_err(|_| "the database is no number")?,
            },
        })
    }
}

const EXPECTED: &str =
    "expected redis://[user[:password]@]host[:port][/database], or rediss:// for TLS";
const PORT: u16 = 6379;
// BEHAVIOUR.md section 7 and the design's example: no call waits for Redis longer than 5 ms.
const TIMEOUT_DEFAULT: Duration = Duration::from_millis(5);
// Longer is no bound: a model's own first token comes sooner.
const TIMEOUT_MS_MAX: u64 = 10_000;
// Two processes alone take then together what both may: more of them take more, so say less where there are more.
const SHARE_DEFAULT: f64 = 0.5;
const PREFIX_DEFAULT: &str = "libllm:";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SystemEnvironment;

    fn parse(url: &str) -> Result<RedisPlace, &'static str> {
        RedisPlace::parse(url, &SystemEnvironment)
    }

    #[test]
    fn a_place_has_a_port_a_login_and_a_database() {
        let place = parse("redis://me:p%40ss@cache.example:7000/3").unwrap();
        assert_eq!((place.host.as_str(), place.port), ("cache.example", 7000));
        assert_eq!(place.user.as_deref(), Some("me"));
        assert_eq!(place.password, Some(Secret::from("p@ss")));
        assert_eq!((place.database, place.tls), (3, None));
        let plain = parse("redis://127.0.0.1").unwrap();
        assert_eq!((plain.port, plain.user, plain.password), (6379, None, None));
        let alone = parse("rediss://:secret@h").unwrap();
        assert!(alone.tls.is_some() && alone.user.is_none() && alone.password.is_some());
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for url in [
            "",
            "cache:6379",
            "http://h",
            "redis://h:0",
            "redis://h:99999",
            "redis://h/x",
            "redis://%zz@h",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
