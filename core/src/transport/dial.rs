//! From a URL to a stream that speaks to its host: name, TCP, a proxy, TLS, and which HTTP both sides agreed on.

use std::collections::HashMap;
use std::future::{Future as _, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Instant;

use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::clock::Alarm;
use crate::config::{Provider, Proxy, Scheme, Speak, Tls};
use crate::error::{Error, ErrorKind, Phase};
use crate::transport::dns::Resolver;
use crate::transport::pool::Origin;
use crate::transport::stream::{Counted, Stream};
use crate::transport::{Route, tls, tunnel, words};

/// Opens connections, and keeps what they share: the resolver, TLS settings with their sessions.
#[derive(Default)]
pub(crate) struct Dialer {
    resolver: Resolver,
    settings: Mutex<HashMap<(Tls, Speak), Arc<ClientConfig>>>,
}

/// A stream to an origin.
pub(crate) struct Dialed {
    pub(crate) stream: Counted,
    /// Whether HTTP/2 is spoken on it.
    pub(crate) two: bool,
}

impl Dialer {
    /// Opens a connection to an origin until then, which is when the route's time is over.
    pub(crate) async fn dial(
        &self,
        origin: &Origin,
        route: &Route,
        until: Instant,
    ) -> Result<Dialed, Error> {
        let mut dialing = std::pin::pin!(self.connect(origin, &route.provider));
        let mut alarm = Alarm::default();
        poll_fn(|cx| match dialing.as_mut().poll(cx) {
            Poll::Pending => alarm
                .poll(cx, Some(until))
                .map(|()| Err(timed_out(origin, route))),
            ready => ready,
        })
        .await
    }

    async fn connect(&self, origin: &Origin, provider: &Provider) -> Result<Dialed, Error> {
        let speak = provider.http2.speak;
        let stream = match proxy(origin, provider) {
            None => self.tcp(&origin.host, origin.port).await,
            Some(proxy) => self
                .through(proxy, origin, provider)
                .await
                .map_err(|why| format!("through proxy {}:{}: {why}", proxy.host, proxy.port)),
        };
        let stream = stream.map_err(|why| failed(origin, &why))?;
        if origin.scheme == "http" {
            return Ok(Dialed {
                stream: Counted::new(stream),
                two: speak == Speak::Two,
            });
        }
        let settings = self.settings(&provider.tls, speak)?;
        let name = match tls::server_name(&provider.tls)? {
            Some(name) => name,
            None => name_of(&origin.host)?,
        };
        let secure = TlsConnector::from(settings).connect(name, stream).await;
        let secure = secure.map_err(|error| failed(origin, &words(&error)))?;
        let two = secure.get_ref().1.alpn_protocol() == Some(tls::HTTP2);
        if speak == Speak::Two && !two {
            return Err(failed(origin, "the server does not speak HTTP/2"));
        }
        Ok(Dialed {
            stream: Counted::new(Stream::Tls(Box::new(secure))),
            two,
        })
    }

    /// A connection to what is no provider, such as a store: no proxy leads there.
    pub(crate) async fn raw(
        &self,
        host: &str,
        port: u16,
        tls: Option<&Tls>,
    ) -> Result<Stream, String> {
        let stream = self.tcp(host, port).await?;
        let Some(tls) = tls else {
            return Ok(stream);
        };
        let said = |error: Error| error.message().to_owned();
        let settings = self.settings(tls, Speak::One).map_err(said)?;
        let name = name_of(host).map_err(said)?;
        let secure = TlsConnector::from(settings).connect(name, stream).await;
        Ok(Stream::Tls(Box::new(
            secure.map_err(|error| words(&error))?,
        )))
    }

    // To a proxy and, but for plain HTTP/1.1, through it.
    async fn through(
        &self,
        proxy: &Proxy,
        origin: &Origin,
        provider: &Provider,
    ) -> Result<Stream, String> {
        let mut stream = self.tcp(&proxy.host, proxy.port).await?;
        if proxy.scheme == Scheme::Https {
            // The proxy is not the service: it is trusted like it, and shown nothing that is for it.
            let tls = Tls {
                trust: provider.tls.trust.clone(),
                ..Tls::default()
            };
            let said = |error: Error| error.message().to_owned();
            let settings = self.settings(&tls, Speak::One).map_err(said)?;
            let name = name_of(&proxy.host).map_err(said)?;
            let secure = TlsConnector::from(settings).connect(name, stream).await;
            stream = Stream::Tls(Box::new(secure.map_err(|error| words(&error))?));
        }
        let (host, port, auth) = (&origin.host, origin.port, proxy.auth.as_ref());
        match proxy.scheme {
            Scheme::Http | Scheme::Https if forwards(origin, provider) => {}
            Scheme::Http | Scheme::Https => tunnel::connect(&mut stream, host, port, auth).await?,
            Scheme::SocksNames => tunnel::socks(&mut stream, host, port, auth).await?,
            Scheme::Socks => {
                let address = self.resolver.first(host).await?;
                tunnel::socks(&mut stream, &address, port, auth).await?;
            }
        }
        Ok(stream)
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<Stream, String> {
        let place: ::http::Uri = format!("http://{host}:{port}")
            .parse()
            .map_err(|_| "no such place can be named".to_owned())?;
        let mut http = HttpConnector::new_with_resolver(self.resolver.clone());
        http.set_nodelay(true);
        let stream = http.call(place).await.map_err(|error| words(&error))?;
        Ok(Stream::Plain(stream.into_inner()))
    }

    // Made at the first connection that needs it: roots take milliseconds to read.
    fn settings(&self, tls: &Tls, speak: Speak) -> Result<Arc<ClientConfig>, Error> {
        let mut settings = crate::lock(&self.settings);
        let key = (tls.clone(), speak);
        if let Some(known) = settings.get(&key) {
            return Ok(known.clone());
        }
        let made = tls::client_config(tls, speak)?;
        settings.insert(key, made.clone());
        Ok(made)
    }
}

/// The proxy that is itself asked for what this origin has, rather than for a way to it: HTTP's own kind, of plain HTTP/1.1.
pub(crate) fn forwarder<'p>(origin: &Origin, provider: &'p Provider) -> Option<&'p Proxy> {
    let http = |proxy: &&Proxy| matches!(proxy.scheme, Scheme::Http | Scheme::Https);
    proxy(origin, provider)
        .filter(http)
        .filter(|_| forwards(origin, provider))
}

fn proxy<'p>(origin: &Origin, provider: &'p Provider) -> Option<&'p Proxy> {
    provider
        .proxies
        .to(origin.scheme, &origin.host, origin.port)
}

fn forwards(origin: &Origin, provider: &Provider) -> bool {
    origin.scheme == "http" && provider.http2.speak != Speak::Two
}

// A URL writes an IPv6 address in brackets, a certificate does not.
fn name_of(host: &str) -> Result<ServerName<'static>, Error> {
    let bare = host.trim_matches(['[', ']']);
    ServerName::try_from(bare.to_owned())
        .map_err(|_| Error::new(ErrorKind::Config, "the URL's host is no name for TLS"))
}

fn failed(origin: &Origin, why: &str) -> Error {
    Error::new(
        ErrorKind::Connect,
        format!("connecting to {}:{}: {why}", origin.host, origin.port),
    )
    .with_phase(Phase::Connect)
}

pub(crate) fn timed_out(origin: &Origin, route: &Route) -> Error {
    let seconds = route.connect.as_secs_f64();
    failed(origin, &format!("no connection within {seconds} s"))
}
