//! Model calls over sockets: finds or opens a connection, in HTTP/1.1 or HTTP/2, and gives the request the form that it takes.

use std::future::{Future as _, poll_fn, ready};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;

use crate::clock::{self, Alarm};
use crate::config::{Proxy, Speak};
use crate::error::{Error, ErrorKind};
use crate::transport::dial::{self, Dialer};
use crate::transport::http1::Connection;
use crate::transport::http2::{self, Shared};
use crate::transport::place::Place;
use crate::transport::pool::{Found, Keeping, Lease, Open, Opened, Opening, Origin, Pool};
use crate::transport::{BoxFuture, Exchanged, Route, SendError, Sent, Transport, tunnel};

/// One client's connections.
pub(crate) struct Http {
    pool: Pool,
    dialer: Dialer,
}

impl Http {
    pub(crate) fn new(shards: usize) -> Http {
        Http {
            pool: Pool::new(shards),
            dialer: Dialer::default(),
        }
    }

    // Opens a connection, or waits for one that somebody else opens, and asks there.
    async fn open(
        &self,
        request: ::http::Request<Bytes>,
        place: Place,
        route: &Route,
    ) -> Result<Exchanged, SendError> {
        // Boxed, and gone before the answer is waited for.
        let found = Box::pin(self.find(&place.origin, route)).await;
        let (found, connected) = found.map_err(SendError::unsent)?;
        self.exchange(request, place, found, connected, route).await
    }

    // Asks on a connection.
    fn exchange<'a>(
        &'a self,
        mut request: ::http::Request<Bytes>,
        place: Place,
        found: Found,
        connected: Option<Duration>,
        route: &Route,
    ) -> BoxFuture<'a, Result<Exchanged, SendError>> {
        let uri = std::mem::take(request.uri_mut());
        match found {
            Found::One(connection) => {
                let proxy = dial::forwarder(&place.origin, &route.provider);
                let request = match for_one(request, uri, place.host, proxy) {
                    Ok(request) => request,
                    Err(error) => return Box::pin(ready(Err(SendError::unsent(error)))),
                };
                let slot = self.pool.slot(place.origin, Keeping::of(&route.provider));
                Box::pin(connection.send(request, slot, connected))
            }
            Found::Two(lease) => Box::pin(http2::send(lease, for_two(request, uri), connected)),
        }
    }

    async fn stand(&self, uri: &::http::Uri, route: &Route) -> Result<Option<Duration>, Error> {
        let origin = Place::of(uri, &route.provider)?.origin;
        let (found, connected) = match self.pool.take(&origin, false) {
            Some(found) => (found, None),
            None => self.find(&origin, route).await?,
        };
        // One of HTTP/2 stays in the pool of itself.
        if let Found::One(connection) = found {
            let slot = self.pool.slot(origin, Keeping::of(&route.provider));
            slot.park(connection);
        }
        Ok(connected)
    }

    // Opens a connection, or waits for one that somebody else opens; with how long it took, if it is this request's own.
    async fn find(
        &self,
        origin: &Arc<Origin>,
        route: &Route,
    ) -> Result<(Found, Option<Duration>), Error> {
        let started = clock::now();
        // Waiting for another's connection and opening one's own have one time together.
        let until = started + route.connect;
        let speak = route.provider.http2.speak;
        let mut opening = None;
        if speak == Speak::Two || speak == Speak::Best && origin.scheme == "https" {
            match self.turn(origin, route, until).await? {
                Turn::Found(found) => return Ok((found, None)),
                Turn::Lead(duty) => opening = Some(duty),
                Turn::Alone => {}
            }
        }
        let found = self.dial(origin, route, until, opening).await?;
        Ok((found, Some(clock::now() - started)))
    }

    // Whose turn it is to open a connection that may be one for many requests.
    async fn turn(
        &self,
        origin: &Arc<Origin>,
        route: &Route,
        until: Instant,
    ) -> Result<Turn, Error> {
        loop {
            let mut opened = match self.pool.open(origin) {
                Open::Alone => return Ok(Turn::Alone),
                Open::Lead(duty) => return Ok(Turn::Lead(duty)),
                Open::Wait(opened) => opened,
            };
            let mut waiting = std::pin::pin!(opened.wait_for(|now| *now == Opened::Alone));
            let mut alarm = Alarm::default();
            let alone = poll_fn(|cx| match waiting.as_mut().poll(cx) {
                Poll::Ready(told) => Poll::Ready(Ok(told.is_ok())),
                Poll::Pending => alarm
                    .poll(cx, Some(until))
                    .map(|()| Err(dial::timed_out(origin, route))),
            });
            if alone.await? {
                return Ok(Turn::Alone);
            }
            if let Some(found) = self.pool.take(origin, true) {
                return Ok(Turn::Found(found));
            }
        }
    }

    async fn dial(
        &self,
        origin: &Arc<Origin>,
        route: &Route,
        until: Instant,
        opening: Option<Opening>,
    ) -> Result<Found, Error> {
        let dialed = match self.dialer.dial(origin, route, until).await {
            Ok(dialed) => dialed,
            Err(error) => {
                opening.into_iter().for_each(|opening| opening.alone(false));
                return Err(error);
            }
        };
        if !dialed.two {
            opening.into_iter().for_each(|opening| opening.alone(true));
            return Connection::new(dialed.stream).await.map(Found::One);
        }
        let shared = Shared::open(dialed.stream, &route.provider.http2, opening).await?;
        let keeping = Keeping::of(&route.provider);
        let lease: Lease = self.pool.share(shared, origin, keeping);
        Ok(Found::Two(lease))
    }
}

/// What a request does that found no connection.
enum Turn {
    /// Takes one that was opened meanwhile.
    Found(Found),
    /// Opens one, and tells those that wait.
    Lead(Opening),
    /// Opens one for itself.
    Alone,
}

impl Transport for Http {
    fn send<'a>(
        &'a self,
        request: ::http::Request<Bytes>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Exchanged, SendError>> {
        let place = match Place::of(request.uri(), &route.provider) {
            Ok(place) => place,
            Err(error) => return Box::pin(ready(Err(SendError::unsent(error)))),
        };
        // Most calls find a connection and need not carry around what opening one takes.
        match self.pool.take(&place.origin, route.fresh) {
            Some(found) => self.exchange(request, place, found, None, route),
            None => Box::pin(self.open(request, place, route)),
        }
    }

    fn warm<'a>(
        &'a self,
        uri: &'a ::http::Uri,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Option<Duration>, Error>> {
        Box::pin(self.stand(uri, route))
    }
}

impl SendError {
    fn unsent(error: Error) -> SendError {
        SendError {
            error,
            sent: Sent::No,
            free: false,
        }
    }
}

// HTTP/1.1 wants the path in the request line and the authority in `host`; a proxy that is asked itself wants the whole URL.
fn for_one(
    mut request: ::http::Request<Bytes>,
    uri: ::http::Uri,
    host: ::http::HeaderValue,
    proxy: Option<&Proxy>,
) -> Result<::http::Request<Full<Bytes>>, Error> {
    let invalid = |_| Error::new(ErrorKind::Config, "the URL cannot be sent");
    request.headers_mut().insert(::http::header::HOST, host);
    if let Some(proxy) = proxy {
        if let Some(auth) = &proxy.auth {
            let mut value =
                ::http::HeaderValue::from_str(&tunnel::basic(auth)).map_err(|_| invalid(()))?;
            value.set_sensitive(true);
            let name = ::http::header::PROXY_AUTHORIZATION;
            request.headers_mut().insert(name, value);
        }
        *request.uri_mut() = uri;
        return Ok(request.map(Full::new));
    }
    let path = uri.into_parts().path_and_query;
    *request.uri_mut() = path.map_or_else(::http::Uri::default, ::http::Uri::from);
    Ok(request.map(Full::new))
}

// HTTP/2 takes the URL apart itself; the length it does not know.
fn for_two(mut request: ::http::Request<Bytes>, uri: ::http::Uri) -> ::http::Request<Bytes> {
    *request.uri_mut() = uri;
    *request.version_mut() = ::http::Version::HTTP_2;
    let length = ::http::HeaderValue::from(request.body().len());
    request
        .headers_mut()
        .insert(::http::header::CONTENT_LENGTH, length);
    request
}
