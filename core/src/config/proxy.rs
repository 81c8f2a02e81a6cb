//! Which proxy leads to a service, if any: `providers.P.proxy`, or the variables that all programs know. Pure.

use std::net::IpAddr;
use std::sync::Arc;

use super::Environment;
use crate::secret::Secret;

/// A proxy and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) scheme: Scheme,
    /// A name or an address, in brackets if it is an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// User and password.
    pub(crate) auth: Option<(Secret, Secret)>,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// HTTP, with `CONNECT` for all that is not plain HTTP itself.
    Http,
    /// The same inside TLS.
    Https,
    /// SOCKS version 5, with names looked up here.
    Socks,
    /// SOCKS version 5, with names looked up by the proxy.
    SocksNames,
}

impl Proxy {
    /// Reads `scheme://user:password@host:port`. What is wrong is told without the text, which holds a password.
    pub(crate) fn parse(text: &str) -> Result<Proxy, &'static str> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (scheme, port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            "socks5" => (Scheme::Socks, 1080),
            "socks5h" => (Scheme::SocksNames, 1080),
            _ => return Err("expected a proxy with http, https, socks5 or socks5h"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        // The parser leaves off at a path or a query.
        if place.contains(['/', '?', '#']) || place.ends_with(':') {
            return Err(EXPECTED);
        }
        let place: http::uri::Authority = place.parse().map_err(|_| EXPECTED)?;
        let host = place.host();
        if host.is_empty() {
            return Err(EXPECTED);
        }
        // A port that is too large is none to the parser.
        let port = match (place.port_u16(), place.as_str() == host) {
            (None, true) => port,
            (Some(port), _) if port > 0 => port,
            _ => return Err("expected a port in 1 to 65535"),
        };
        let auth = user.map(|user| {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            Some((decode(user)?.into(), decode(password)?.into()))
        });
        let auth = match auth {
            Some(None) => return Err("user and password are badly escaped: % wants two digits"),
            Some(auth) => auth,
            None => None,
        };
        Ok(Proxy {
            scheme,
            host: host.to_ascii_lowercase(),
            port,
            auth,
        })
    }
}

/// The proxies to one service, by the scheme of its URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<Arc<Proxy>>,
    https: Option<Arc<Proxy>>,
    except: Except,
}

impl Proxies {
    /// One proxy for everything.
    pub(crate) fn all(proxy: Proxy) -> Proxies {
        let proxy = Some(Arc::new(proxy));
        Proxies {
            http: proxy.clone(),
            https: proxy,
            except: Except::default(),
        }
    }

    /// What `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in small letters or large; small ones count first, as
    /// in curl. A complaint names the variable.
    pub(crate) fn of_environment(environment: &dyn Environment) -> Result<Proxies, String> {
        let find = |name: &str| {
            // A web server's CGI puts a request's `Proxy` header there (CVE-2016-5385).
            let forged = name == "HTTP_PROXY" && environment.var("REQUEST_METHOD").is_some();
            let small = name.to_ascii_lowercase();
            let large = || environment.var(name).filter(|_| !forged);
            let said = environment.var(&small).map(|value| (small, value));
            said.or_else(|| Some((name.to_owned(), large()?)))
                .filter(|(_, value)| !value.trim().is_empty())
        };
        let proxy = |name| match find(name) {
            None => Ok(None),
            Some((name, value)) => Proxy::parse(value.trim())
                .map(|proxy| Some(Arc::new(proxy)))
                .map_err(|why| format!("variable {name}: {why}")),
        };
        let all = proxy("ALL_PROXY")?;
        let except = find("NO_PROXY").map(|(_, list)| Except::parse(&list));
        Ok(Proxies {
            http: proxy("HTTP_PROXY")?.or_else(|| all.clone()),
            https: proxy("HTTPS_PROXY")?.or(all),
            except: Except {
                // This machine is not on the proxy's side, whatever the variables were set for.
                loopback: true,
                ..except.unwrap_or_default()
            },
        })
    }

    /// The proxy to this place.
    pub(crate) fn to(&self, scheme: &str, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = match scheme {
            "https" => self.https.as_deref()?,
            _ => self.http.as_deref()?,
        };
        (!self.except.holds(host, port)).then_some(proxy)
    }
}

/// Places that are reached without a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Except {
    everything: bool,
    loopback: bool,
    rules: Vec<(Rule, Option<u16>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// A name and all below it.
    Name(String),
    /// Addresses that begin with these bits.
    Net(IpAddr, u8),
}

impl Except {
    // Names, addresses and networks, each perhaps with a port, between commas or blanks. What is none of these is a name that
    // no host has.
    fn parse(list: &str) -> Except {
        let mut except = Except::default();
        let items = list.split(|c: char| c == ',' || c.is_whitespace());
        for item in items.filter(|item| !item.is_empty()) {
            if item == "*" {
                except.everything = true;
                continue;
            }
            let (place, port) = match item.rsplit_once(':') {
                // More than one colon and no brackets is an address.
                Some((place, port)) if !place.contains(':') || place.ends_with(']') => {
                    // Without a port that is one it is a name that no host has.
                    let Ok(port) = port.parse() else { continue };
                    (place, Some(port))
                }
                _ => (item, None),
            };
            except.rules.push((rule(place), port));
        }
        except
    }

    fn holds(&self, host: &str, port: u16) -> bool {
        let bare = host.trim_matches(['[', ']']);
        let address: Option<IpAddr> = bare.parse().ok();
        let here = bare == "localhost" || address.is_some_and(|address| address.is_loopback());
        let named = |(rule, only): &(Rule, Option<u16>)| {
            let found = match rule {
                Rule::Name(name) => {
                    bare == name
                        || bare
                            .strip_suffix(name.as_str())
                            .is_some_and(|rest| rest.ends_with('.'))
                }
                Rule::Net(net, bits) => {
                    address.is_some_and(|address| begins_with(address, *net, *bits))
                }
            };
            found && only.is_none_or(|only| only == port)
        };
        self.everything || self.loopback && here || self.rules.iter().any(named)
    }
}

fn rule(place: &str) -> Rule {
    let (bare, bits) = match place.split_once('/') {
        Some((bare, bits)) => (bare, bits.parse().ok()),
        None => (place, Some(u8::MAX)),
    };
    let address = bare.trim_matches(['[', ']']);
    match (address.parse::<IpAddr>(), bits) {
        (Ok(address), Some(bits)) => Rule::Net(address, bits),
        _ => Rule::Name(
            place
                .trim_start_matches('*')
                .trim_start_matches('.')
                .to_ascii_lowercase(),
        ),
    }
}

fn begins_with(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    let (address, net): (Vec<u8>, Vec<u8>) = match (address, net) {
        (IpAddr::V4(address), IpAddr::V4(net)) => (address.octets().into(), net.octets().into()),
        (IpAddr::V6(address), IpAddr::V6(net)) => (address.octets().into(), net.octets().into()),
        _ => return false,
    };
    let bits = usize::from(bits).min(address.len() * 8);
    let (whole, rest) = (bits / 8, bits % 8);
    let mask = !(0xff_u16 >> rest) as u8;
    address[..whole] == net[..whole] && (rest == 0 || address[whole] & mask == net[whole] & mask)
}

/// Percent-decoding of what stands before the `@`.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        let digit = |at: usize| char::from(digits[at]).to_digit(16);
        bytes.push((digit(0)? * 16 + digit(1)?) as u8);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

const EXPECTED: &str = "expected a proxy such as http://user:password@host:port";

#[cfg(test)]
mod tests {
    use super::*;

    struct Variables(&'static [(&'static str, &'static str)]);

    impl Environment for Variables {
        fn var(&self, name: &str) -> Option<String> {
            let found = self.0.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        }

        fn read(&self, _: &str) -> std::io::Result<String> {
            Err(std::io::ErrorKind::NotFound.into())
        }
    }

    #[test]
    fn a_proxy_is_read_with_its_defaults() {
        for (text, scheme, host, port) in [
            ("proxy.example", Scheme::Http, "proxy.example", 80),
            (
                "http://Proxy.example:3128/",
                Scheme::Http,
                "proxy.example",
                3128,
            ),
            ("https://proxy", Scheme::Https, "proxy", 443),
            ("socks5://10.0.0.1", Scheme::Socks, "10.0.0.1", 1080),
            ("SOCKS5H://[::1]:9050", Scheme::SocksNames, "[::1]", 9050),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            let parts = (proxy.scheme, proxy.host.as_str(), proxy.port, proxy.auth);
            assert_eq!(parts, (scheme, host, port, None), "{text}");
        }
        let proxy = Proxy::parse("http://us%40er:p%3Aw:x@host:1").unwrap();
        let (user, password) = proxy.auth.unwrap();
        assert_eq!((user.expose(), password.expose()), ("us@er", "p:w:x"));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_words() {
        for text in [
            "",
            "http://",
            "http://:3128",
            "http://host:",
            "http://host:0",
            "http://host:99999",
            "http://host/path",
            "http://host?canary",
            "ftp://canary:canary@host",
            "http://canary%4:x@host",
            "http://canary%ff:x@host",
            "http://a b",
        ] {
            let why = Proxy::parse(text).unwrap_err();
            assert!(!why.contains("canary"), "{text:?}: {why}");
        }
    }

    #[test]
    fn variables_choose_by_scheme_and_small_letters_first() {
        let to = |variables, scheme| {
            let proxies = Proxies::of_environment(&Variables(variables)).unwrap();
            proxies
                .to(scheme, "api.example", 443)
                .map(|proxy| proxy.host.clone())
        };
        let both: &[_] = &[("https_proxy", "small"), ("HTTPS_PROXY", "large")];
        assert_eq!(to(both, "https").as_deref(), Some("small"));
        assert_eq!(to(both, "http"), None);
        let all: &[_] = &[("ALL_PROXY", "all"), ("HTTP_PROXY", "one")];
        assert_eq!(to(all, "https").as_deref(), Some("all"));
        assert_eq!(to(all, "http").as_deref(), Some("one"));
        let cgi: &[_] = &[("HTTP_PROXY", "forged"), ("REQUEST_METHOD", "GET")];
        assert_eq!(to(cgi, "http"), None);
        let wrong = Proxies::of_environment(&Variables(&[("HTTPS_PROXY", "ftp://canary")]));
        let why = wrong.unwrap_err();
        assert!(
            why.contains("HTTPS_PROXY") && !why.contains("canary"),
            "{why}"
        );
    }

    #[test]
    fn exceptions_are_names_with_all_below_addresses_and_networks() {
        let except = Except::parse(
            "a.example, .b.example *.c.example\t10.0.0.0/9,[2001:db8::]/32 ::2 d.example:8080, 127.1.2.3",
        );
        for (host, port) in [
            ("a.example", 1),
            ("x.a.example", 1),
            ("b.example", 1),
            ("y.x.c.example", 1),
            ("10.127.255.255", 1),
            ("[2001:db8:1::5]", 1),
            ("[::2]", 1),
            ("d.example", 8080),
            ("127.1.2.3", 1),
        ] {
            assert!(except.holds(host, port), "{host}:{port}");
        }
        for (host, port) in [
            ("xa.example", 1),
            ("example", 1),
            ("10.128.0.0", 1),
            ("[2001:db9::]", 1),
            ("[::3]", 1),
            ("d.example", 80),
            ("localhost", 1),
            ("", 1),
        ] {
            assert!(!except.holds(host, port), "{host}:{port}");
        }
        assert!(Except::parse("*").holds("anything", 1));
        assert!(!Except::parse("").holds("anything", 1));
        assert!(!Except::parse("a.example:all").holds("a.example", 1));
    }

    #[test]
    fn this_machine_needs_no_proxy_unless_it_is_configured() {
        let environment = Variables(&[("ALL_PROXY", "proxy")]);
        let said = Proxies::of_environment(&environment).unwrap();
        let configured = Proxies::all(Proxy::parse("proxy").unwrap());
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(said.to("http", host, 80), None, "{host}");
            assert!(configured.to("http", host, 80).is_some(), "{host}");
        }
    }
}
