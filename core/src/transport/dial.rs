//! From a URL to a stream that speaks to its host: name, TCP, TLS, and which HTTP both sides agreed on.

use std::collections::HashMap;
use std::future::{Future as _, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::clock::{self, Alarm};
use crate::config::{Provider, Speak, Tls};
use crate::error::{Error, ErrorKind, Phase};
use crate::transport::dns::Resolver;
use crate::transport::pool::Origin;
use crate::transport::stream::{Counted, Stream};
use crate::transport::{Route, tls, words};

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
    /// Opens a connection to an origin within the route's time.
    pub(crate) async fn dial(&self, origin: &Origin, route: &Route) -> Result<Dialed, Error> {
        let mut dialing = std::pin::pin!(self.connect(origin, &route.provider));
        let (mut alarm, until) = (Alarm::default(), clock::now() + route.connect);
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
        let tcp = self.tcp(&origin.host, origin.port).await;
        let stream = Stream::Plain(tcp.map_err(|why| failed(origin, &why))?);
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

    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        let place: ::http::Uri = format!("http://{host}:{port}")
            .parse()
            .map_err(|_| "no such place can be named".to_owned())?;
        let mut http = HttpConnector::new_with_resolver(self.resolver.clone());
        http.set_nodelay(true);
        let stream = http.call(place).await.map_err(|error| words(&error))?;
        Ok(stream.into_inner())
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

// A URL writes an IPv6 address in brackets, a certificate does not.
fn name_of(host: &str) -> Result<ServerName<'static>, Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
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
