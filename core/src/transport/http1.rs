//! One request on one HTTP/1.1 connection, turned by whoever waits for the answer.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt as _;
use http_body_util::Full;
use hyper::Response;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use libllm_proto::wire::Head;

use crate::clock;
use crate::error::{Error, ErrorKind, Phase};
use crate::transport::gate::Gate;
use crate::transport::pool::Slot;
use crate::transport::stream::{Counted, Heard};
use crate::transport::{Body, BoxFuture, Exchanged, SILENT_MAX, SendError, Sent, drain, words};

/// One connection, alone: not shared, not spawned.
pub(crate) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    turning: Option<BoxFuture<'static, ()>>,
    gate: Gate,
    heard: Heard,
    /// When it was opened.
    pub(crate) born: Instant,
}

impl Connection {
    /// Speaks HTTP/1.1 on a stream.
    pub(crate) async fn new(stream: Counted) -> Result<Connection, Error> {
        let heard = stream.heard();
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| lost(&error))?;
        // What went wrong reaches the request; an idle connection may die in peace.
        let turning: BoxFuture<'static, ()> = Box::pin(connection.map(drop));
        Ok(Connection {
            sender,
            turning: Some(turning),
            gate: Gate::new(),
            heard,
            born: clock::now(),
        })
    }

    /// Sends a request whose URL is as HTTP/1.1 writes it, and waits for the answer's head. `connected` says how long opening
    /// the connection took, if it was opened for this request.
    pub(crate) fn send(
        mut self,
        request: ::http::Request<Full<Bytes>>,
        slot: Slot,
        connected: Option<Duration>,
    ) -> impl Future<Output = Result<Exchanged, SendError>> {
        // At once, so that who waits does not carry the request around.
        let sending = self.sender.try_send_request(request);
        self.answer(sending, slot, connected)
    }

    async fn answer(
        mut self,
        sending: impl Future<Output = Result<Response<Incoming>, TrySendError<Sending>>>,
        slot: Slot,
        connected: Option<Duration>,
    ) -> Result<Exchanged, SendError> {
        let (heard, asked) = (self.heard.count(), clock::now());
        let mut sending = std::pin::pin!(sending);
        // Whose answer lagged before is no matter now.
        self.heard.lag(false);
        self.gate.open();
        let answer = poll_fn(|cx| self.poll(cx, |cx| sending.as_mut().poll(cx))).await;
        let answer = answer.map_err(|mut failed| {
            // A pooled connection that died before the first byte of an answer: the server closed it while it idled.
            let silent = connected.is_none()
                && self.heard.count() == heard
                && clock::now() - asked < SILENT_MAX;
            let unsent = failed.take_message().is_some();
            let error = failed.into_error();
            let unseen = unsent || silent && died(&error);
            SendError {
                error: lost(&error),
                sent: if unseen { Sent::No } else { Sent::Maybe },
                free: unseen && connected.is_none(),
            }
        })?;
        let (parts, body) = answer.into_parts();
        let head = Head {
            status: parts.status.as_u16(),
            headers: parts.headers,
        };
        self.gate.open();
        let body = Box::new(Answer {
            body,
            connection: Some((self, slot)),
        });
        Ok(Exchanged {
            head,
            body,
            connected,
        })
    }

    /// Whether it could carry another request, having looked.
    pub(crate) fn lives(&mut self) -> bool {
        turn(&mut self.turning, &mut Context::from_waker(Waker::noop()));
        self.turning.is_some() && !self.sender.is_closed()
    }

    /// Whether it is known to be of no use any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Forgets who used it last.
    pub(crate) fn rest(&self) {
        self.gate.forget();
    }

    // Moves bytes, then polls what its user waits for; neither unless something woke one of them since the last time.
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut work: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let turning = &mut self.turning;
        self.gate.poll(cx, |cx| {
            turn(turning, cx);
            work(cx)
        })
    }
}

fn turn(turning: &mut Option<BoxFuture<'static, ()>>, cx: &mut Context<'_>) {
    if let Some(future) = turning
        && future.as_mut().poll(cx).is_ready()
    {
        *turning = None;
    }
}

type Sending = ::http::Request<Full<Bytes>>;

struct Answer {
    body: Incoming,
    connection: Option<(Connection, Slot)>,
}

impl Answer {
    fn park(&mut self) {
        if let Some((connection, slot)) = self.connection.take() {
            slot.park(connection);
        }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let body = &mut self.body;
        match &mut self.connection {
            Some((connection, _)) => connection.poll(cx, |cx| Pin::new(&mut *body).poll_frame(cx)),
            None => Pin::new(body).poll_frame(cx),
        }
    }
}

impl Body for Answer {
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

    fn lag(&mut self, lags: bool) {
        if let Some((connection, _)) = &self.connection {
            connection.heard.lag(lags);
        }
    }

    fn release(self: Box<Self>) {
        if self.connection.is_some() {
            drain::release(self);
        }
    }
}

fn died(error: &hyper::Error) -> bool {
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
    // hyper has no question for these two; tests/faults notices when its words change.
    let says = |part| words(error).contains(part);
    if error.is_parse() && says("head is too large") {
        let message = format!("the answer's head exceeds the limit of {HEAD_MAX} bytes");
        return Error::new(ErrorKind::LimitExceeded, message).with_phase(Phase::Send);
    }
    // A peer that speaks first speaks something else.
    let kind = match error.is_parse() || says("unexpected message") {
        true => ErrorKind::Protocol,
        false => ErrorKind::ConnectionLost,
    };
    Error::new(kind, words(error)).with_phase(Phase::Send)
}

// BEHAVIOUR 9: a header block; hyper bounds it by its read buffer.
const HEAD_MAX: usize = 64 << 10;
