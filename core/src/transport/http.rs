//! Model calls over HTTP/1.1: hyper connections out of our own pool, which knows whether a request was sent, and keeps a
//! connection whose answer is over though its body is not.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt as _;
use http_body_util::Full;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::client::conn::http1;
use hyper_rustls::{
    DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName,
};
use hyper_util::client::legacy::connect::HttpConnector;
use libllm_proto::wire::Head;
use tower_service::Service;

use crate::clock::{self, Alarm};
use crate::config::{Provider, Tls};
use crate::error::{Error, ErrorKind, Phase};
use crate::runtime;
use crate::transport::dns::Resolver;
use crate::transport::pool::{Connection, Origin, Pool, Slot};
use crate::transport::{Body, BoxFuture, Exchanged, Route, SendError, Sent, Transport, tls};

type Secure = HttpsConnector<HttpConnector<Resolver>>;

/// One client's connections.
pub(crate) struct Http {
    pool: Pool,
    resolver: Resolver,
    secure: Mutex<HashMap<Tls, Secure>>,
}

impl Http {
    pub(crate) fn new(shards: usize) -> Http {
        Http {
            pool: Pool::new(shards),
            resolver: Resolver::default(),
            secure: Mutex::default(),
        }
    }

    async fn exchange(
        &self,
        mut request: ::http::Request<Bytes>,
        route: &Route,
    ) -> Result<Exchanged, SendError> {
        let uri = std::mem::take(request.uri_mut());
        let origin = Arc::new(origin(&uri, &route.provider).map_err(SendError::unsent)?);
        make_relative(&mut request, &uri).map_err(SendError::unsent)?;
        let request = request.map(Full::new);
        if !route.fresh
            && let Some(connection) = self.pool.take(&origin)
        {
            return self
                .send_on(connection, request, &origin, route, None)
                .await;
        }
        let started = clock::now();
        // Boxed, because most calls find a connection and need not carry this around.
        let connection = Box::pin(self.connect(&uri, route))
            .await
            .map_err(SendError::unsent)?;
        let connected = clock::now() - started;
        self.send_on(connection, request, &origin, route, Some(connected))
            .await
    }

    async fn send_on(
        &self,
        mut connection: Connection,
        request: ::http::Request<Full<Bytes>>,
        origin: &Arc<Origin>,
        route: &Route,
        connected: Option<Duration>,
    ) -> Result<Exchanged, SendError> {
        let sending = connection.sender.try_send_request(request);
        let mut sending = std::pin::pin!(sending);
        let answer = poll_fn(|cx| {
            // What the connection does may be what the answer waits for, and the other way round.
            if let ready @ Poll::Ready(_) = sending.as_mut().poll(cx) {
                return ready;
            }
            connection.turn(cx);
            sending.as_mut().poll(cx)
        })
        .await
        .map_err(|mut failed| {
            let pooled = connected.is_none();
            let unsent = failed.take_message().is_some();
            let error = failed.into_error();
            // A pooled connection that died before the first byte of an answer: the server closed it while it idled.
            let sent = match unsent || pooled && died_silently(&error) {
                true => Sent::No,
                false => Sent::Maybe,
            };
            SendError {
                error: lost(&error),
                sent,
                pooled,
            }
        })?;
        let (parts, body) = answer.into_parts();
        let head = Head {
            status: parts.status.as_u16(),
            headers: parts.headers,
        };
        let slot = self.pool.slot(origin.clone(), route.provider.idle_pool);
        let body = Box::new(HttpBody {
            body,
            connection: Some((connection, slot)),
        });
        Ok(Exchanged {
            head,
            body,
            connected,
        })
    }

    async fn connect(&self, uri: &::http::Uri, route: &Route) -> Result<Connection, Error> {
        let failed = |error: &(dyn std::error::Error + 'static)| connect_failed(uri, error);
        let connecting = async {
            if uri.scheme() == Some(&::http::uri::Scheme::HTTP) {
                let stream = self
                    .plain()
                    .call(uri.clone())
                    .await
                    .map_err(|error| failed(&error))?;
                return handshake(stream).await.map_err(|error| failed(&error));
            }
            let mut connector = self.secure(&route.provider)?;
            let stream = connector
                .call(uri.clone())
                .await
                .map_err(|error| failed(&*error))?;
            handshake(stream).await.map_err(|error| failed(&error))
        };
        let mut connecting = std::pin::pin!(connecting);
        let (mut alarm, until) = (Alarm::default(), clock::now() + route.connect);
        poll_fn(|cx| match connecting.as_mut().poll(cx) {
            Poll::Pending => alarm
                .poll(cx, Some(until))
                .map(|()| Err(connect_timed_out(uri, route))),
            ready => ready,
        })
        .await
    }

    fn plain(&self) -> HttpConnector<Resolver> {
        let mut http = HttpConnector::new_with_resolver(self.resolver.clone());
        http.enforce_http(false);
        http.set_nodelay(true);
        http
    }

    // Made at the first connection that needs it: roots take milliseconds to read.
    fn secure(&self, provider: &Provider) -> Result<Secure, Error> {
        let mut secure = crate::lock(&self.secure);
        if let Some(connector) = secure.get(&provider.tls) {
            return Ok(connector.clone());
        }
        let names: Arc<dyn ResolveServerName + Send + Sync> = match tls::server_name(&provider.tls)?
        {
            Some(name) => Arc::new(FixedServerNameResolver::new(name)),
            None => Arc::new(DefaultServerNameResolver::default()),
        };
        let connector = HttpsConnector::new(
            self.plain(),
            tls::client_config(&provider.tls)?,
            true,
            names,
        );
        secure.insert(provider.tls.clone(), connector.clone());
        Ok(connector)
    }
}

async fn handshake<S>(stream: S) -> Result<Connection, hyper::Error>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_MAX)
        .handshake(stream)
        .await?;
    // What went wrong reaches the request; an idle connection may die in peace.
    Ok(Connection::new(sender, Box::pin(connection.map(drop))))
}

impl Transport for Http {
    fn send<'a>(
        &'a self,
        request: ::http::Request<Bytes>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Exchanged, SendError>> {
        Box::pin(self.exchange(request, route))
    }
}

impl SendError {
    fn unsent(error: Error) -> SendError {
        SendError {
            error,
            sent: Sent::No,
            pooled: false,
        }
    }
}

struct HttpBody {
    body: Incoming,
    connection: Option<(Connection, Slot)>,
}

impl HttpBody {
    fn park(&mut self) {
        if let Some((connection, slot)) = self.connection.take() {
            slot.park(connection);
        }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // The connection first: mostly it is what has something to say, and the body's own wait costs more than a turn.
        if let Some((connection, _)) = &mut self.connection {
            connection.turn(cx);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }
}

impl Body for HttpBody {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        loop {
            match std::task::ready!(self.poll_frame(cx)) {
                None => {
                    self.park();
                    return Poll::Ready(None);
                }
                Some(Ok(frame)) => {
                    // Trailers carry nothing of the answer.
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(words(&error)))),
            }
        }
    }

    fn release(mut self: Box<Self>) {
        if self.connection.is_none() {
            return;
        }
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut drained = 0;
        // The end mostly came with the last bytes; only otherwise a task has to wait for it.
        while let Poll::Ready(read) = self.poll_read(&mut cx) {
            match read {
                Some(Ok(data)) if drained + data.len() <= DRAIN_MAX => drained += data.len(),
                _ => return,
            }
        }
        runtime::spawn_here(drain(self, drained, clock::now() + DRAIN_TIME));
    }
}

async fn drain(mut body: Box<HttpBody>, mut drained: usize, until: Instant) {
    let mut alarm = Alarm::default();
    poll_fn(|cx| {
        while let Poll::Ready(read) = body.poll_read(cx) {
            match read {
                Some(Ok(data)) if drained + data.len() <= DRAIN_MAX => drained += data.len(),
                _ => return Poll::Ready(()),
            }
        }
        alarm.poll(cx, Some(until))
    })
    .await;
}

// What may follow a terminal marker before the connection is worth less than a new one: a chunk's end, a comment.
const DRAIN_MAX: usize = 64 << 10;
const DRAIN_TIME: Duration = Duration::from_secs(1);

fn origin(uri: &::http::Uri, provider: &Provider) -> Result<Origin, Error> {
    let invalid = || {
        Error::new(
            ErrorKind::Config,
            format!("base_url of {}: no http or https URL", provider.id),
        )
    };
    let scheme = match uri.scheme_str() {
        Some("https") => "https",
        Some("http") => "http",
        _ => return Err(invalid()),
    };
    let host = uri.host().ok_or_else(invalid)?.to_ascii_lowercase();
    let port = uri
        .port_u16()
        .unwrap_or(if scheme == "https" { 443 } else { 80 });
    Ok(Origin {
        scheme,
        host,
        port,
        provider: provider.id.clone(),
    })
}

// HTTP/1.1 wants the path in the request line and the authority in `host`.
fn make_relative(request: &mut ::http::Request<Bytes>, uri: &::http::Uri) -> Result<(), Error> {
    let invalid = |_| Error::new(ErrorKind::Config, "the URL cannot be sent");
    let authority = uri
        .authority()
        .map(|authority| authority.as_str())
        .unwrap_or_default();
    let host = ::http::HeaderValue::from_str(authority).map_err(|_| invalid(()))?;
    request.headers_mut().insert(::http::header::HOST, host);
    let path = uri
        .path_and_query()
        .map(|path| path.as_str())
        .unwrap_or("/");
    *request.uri_mut() = path.parse().map_err(|_| invalid(()))?;
    Ok(())
}

fn died_silently(error: &hyper::Error) -> bool {
    error.is_incomplete_message() || error.is_closed() || error.is_canceled() || is_reset(error)
}

fn is_reset(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::{
                BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected,
            };
            return matches!(
                io.kind(),
                ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected
            );
        }
        source = cause.source();
    }
    false
}

fn lost(error: &hyper::Error) -> Error {
    let kind = match error.is_parse() {
        true => ErrorKind::Protocol,
        false => ErrorKind::ConnectionLost,
    };
    Error::new(kind, words(error)).with_phase(Phase::Send)
}

fn connect_failed(uri: &::http::Uri, error: &(dyn std::error::Error + 'static)) -> Error {
    let place = uri
        .authority()
        .map(|authority| authority.as_str())
        .unwrap_or_default();
    Error::new(
        ErrorKind::Connect,
        format!("connecting to {place}: {}", words(error)),
    )
    .with_phase(Phase::Connect)
}

fn connect_timed_out(uri: &::http::Uri, route: &Route) -> Error {
    let place = uri
        .authority()
        .map(|authority| authority.as_str())
        .unwrap_or_default();
    let message = format!(
        "connecting to {place}: no connection within {} s",
        route.connect.as_secs_f64()
    );
    Error::new(ErrorKind::Connect, message).with_phase(Phase::Connect)
}

// An error's own words and its causes', outermost first, none twice.
fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}
// BEHAVIOUR 9: a header block; hyper bounds it by its read buffer.
const HEAD_MAX: usize = 64 << 10;
