//! Many requests on one HTTP/2 connection. A task of its own turns it; each stream has a window of its own, so that one that
//! nobody reads stops itself and no other.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{PingPong, Reason, RecvStream, SendStream};
use libllm_proto::wire::Head;

use crate::clock::{self, Alarm};
use crate::config::Http2;
use crate::error::{Error, ErrorKind, Phase};
use crate::runtime;
use crate::transport::kept::Kept;
use crate::transport::pool::{Lease, Opening};
use crate::transport::seats::Seats;
use crate::transport::stream::{Counted, Heard};
use crate::transport::{Body, Exchanged, SILENT_MAX, SendError, Sent, drain, words};

/// One connection, as its users see it. It closes when the last of them and the pool have let go of it.
pub(crate) struct Shared {
    sender: SendRequest<Bytes>,
    state: Arc<State>,
    heard: Heard,
    /// When it was opened.
    pub(crate) born: Instant,
}

struct State {
    seats: Seats,
    over: AtomicBool,
    idle_since: Mutex<Instant>,
}

impl Shared {
    /// Speaks HTTP/2 on a stream and spawns what turns it. Until the peer has said how many streams it takes it is given one;
    /// `opening` ends then.
    pub(crate) async fn open(
        stream: Counted,
        settings: &Http2,
        opening: Option<Opening>,
    ) -> Result<Arc<Shared>, Error> {
        let heard = stream.heard();
        let most = settings.max_streams;
        let budget = FRAMES_BUDGET.saturating_mul(most as usize);
        let (sender, mut connection) = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW.saturating_mul(most).max(WINDOW_MIN))
            .max_header_list_size(HEAD_MAX)
            .data_frame_budget(budget)
            .initial_max_send_streams(1)
            .handshake(stream)
            .await
            .map_err(|error| lost(&error).with_phase(Phase::Connect))?;
        let born = clock::now();
        let state = Arc::new(State {
            seats: Seats::new(),
            over: AtomicBool::new(false),
            idle_since: Mutex::new(born),
        });
        let pings = connection
            .ping_pong()
            .map(|pings| Pings::new(pings, settings.ping));
        runtime::spawn_here(Driver {
            connection,
            pings,
            state: state.clone(),
            heard: heard.clone(),
            opening,
            most: most as usize,
            settled: false,
        });
        Ok(Arc::new(Shared {
            sender,
            state,
            heard,
            born,
        }))
    }

    /// Takes a place for one more stream, if there is one.
    pub(crate) fn enter(&self) -> bool {
        self.state.seats.enter()
    }

    /// Gives the place back; whether it was the last one taken.
    pub(crate) fn leave(&self, now: Instant) -> bool {
        let last = self.state.seats.leave();
        if last {
            *crate::lock(&self.state.idle_since) = now;
        }
        last
    }

    /// Since when it has had no stream; `None` while it has one.
    pub(crate) fn idles_since(&self) -> Option<Instant> {
        let idles = self.state.seats.are_free();
        idles.then(|| *crate::lock(&self.state.idle_since))
    }

    /// Whether it takes no more requests: closed, or the peer said that it is going away.
    pub(crate) fn is_over(&self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.state.over.load(Ordering::Relaxed)
            || matches!(self.sender.clone().poll_ready(&mut cx), Poll::Ready(Err(_)))
    }
}

/// Sends a request with its whole URL, and waits for the answer's head.
pub(crate) async fn send(
    lease: Lease,
    request: ::http::Request<Bytes>,
    connected: Option<Duration>,
) -> Result<Exchanged, SendError> {
    let (heard, asked) = (lease.shared.heard.count(), clock::now());
    let failed = |error: h2::Error| {
        let refused = error.is_remote()
            && (error.is_go_away()
                || error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM));
        if refused && error.is_reset() {
            lease.shared.state.seats.refused();
        }
        // An idle connection that died before it said another word: the server closed it meanwhile.
        let silent = connected.is_none()
            && error.is_io()
            && lease.shared.heard.count() == heard
            && clock::now() - asked < SILENT_MAX;
        SendError {
            error: lost(&error),
            sent: if refused || silent {
                Sent::No
            } else {
                Sent::Maybe
            },
            free: refused || silent,
        }
    };
    let (parts, body) = request.into_parts();
    let mut sender = lease.shared.sender.clone();
    poll_fn(|cx| sender.poll_ready(cx)).await.map_err(unsent)?;
    let whole = body.is_empty();
    let (mut answer, stream) = sender
        .send_request(::http::Request::from_parts(parts, ()), whole)
        .map_err(unsent)?;
    drop(sender);
    let mut upload = (!whole).then(|| Upload::new(stream, body));
    let answer = poll_fn(|cx| {
        if let ready @ Poll::Ready(_) = Pin::new(&mut answer).poll(cx) {
            return ready;
        }
        push(&mut upload, cx);
        Poll::Pending
    })
    .await
    .map_err(failed)?;
    lease.shared.state.seats.answered();
    let (parts, body) = answer.into_parts();
    let head = Head {
        status: parts.status.as_u16(),
        headers: parts.headers,
    };
    let body = Box::new(Answer {
        body,
        over: None,
        kept: Kept::default(),
        owed: 0,
        upload,
        _lease: lease,
    });
    Ok(Exchanged {
        head,
        body,
        connected,
    })
}

// Nothing of the request was written: the connection had ended before.
fn unsent(error: h2::Error) -> SendError {
    SendError {
        error: lost(&error),
        sent: Sent::No,
        free: true,
    }
}

/// A request's body on its way, as fast as the peer takes it.
struct Upload {
    stream: SendStream<Bytes>,
    left: Bytes,
}

impl Upload {
    fn new(mut stream: SendStream<Bytes>, body: Bytes) -> Upload {
        stream.reserve_capacity(body.len());
        Upload { stream, left: body }
    }

    // Ready when all of it is handed over, or the peer wants no more of it.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.left.is_empty() {
            if self.stream.capacity() == 0 {
                match std::task::ready!(self.stream.poll_capacity(cx)) {
                    Some(Ok(_)) => continue,
                    // Why is what the answer says.
                    _ => return Poll::Ready(()),
                }
            }
            let piece = self
                .left
                .split_to(self.stream.capacity().min(self.left.len()));
            let last = self.left.is_empty();
            if self.stream.send_data(piece, last).is_err() {
                return Poll::Ready(());
            }
            self.stream.reserve_capacity(self.left.len());
        }
        Poll::Ready(())
    }
}

fn push(upload: &mut Option<Upload>, cx: &mut Context<'_>) {
    if let Some(sending) = upload
        && sending.poll(cx).is_ready()
    {
        *upload = None;
    }
}

struct Answer {
    body: RecvStream,
    /// How it ended, if it did.
    over: Option<Option<String>>,
    /// What came of it while nobody read.
    kept: Kept,
    /// What was read of it and not yet credited to the peer.
    owed: usize,
    /// What is left of the request, of a peer that answers before it has read it all.
    upload: Option<Upload>,
    _lease: Lease,
}

impl Answer {
    // What comes next, `None` at the end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.over.is_some() {
            return Poll::Ready(None);
        }
        match std::task::ready!(self.body.poll_data(cx)) {
            Some(Ok(data)) => return Poll::Ready(Some(data)),
            Some(Err(error)) => self.over = Some(Some(words(&error))),
            None => self.over = Some(None),
        }
        Poll::Ready(None)
    }

    // Read is credited: whoever does not read is not sent more than a window. Not each token by itself: that takes a lock.
    fn credit(&mut self, read: usize) {
        self.owed += read;
        if self.owed >= CREDIT {
            // Refused only where no window is left to grow: the answer has ended.
            let _ = self.body.flow_control().release_capacity(self.owed);
            self.owed = 0;
        }
    }
}

impl Body for Answer {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        push(&mut self.upload, cx);
        let data = match self.kept.take() {
            Some(kept) => Some(kept),
            None => std::task::ready!(self.poll_data(cx)),
        };
        if let Some(data) = data {
            self.credit(data.len());
            return Poll::Ready(Some(Ok(data)));
        }
        // A cut answer is one only once.
        let why = self.over.replace(None).flatten();
        Poll::Ready(why.map(Err))
    }

    fn keep(&mut self, cx: &mut Context<'_>) {
        push(&mut self.upload, cx);
        while let Poll::Ready(Some(data)) = self.poll_data(cx) {
            self.kept.add(&data);
        }
    }

    fn release(self: Box<Self>) {
        if self.over.is_none() && !self.body.is_end_stream() {
            drain::release(self);
        }
    }
}

/// What turns a connection: moves bytes, learns the peer's limit, asks whether the peer is still there.
struct Driver {
    connection: h2::client::Connection<Counted, Bytes>,
    pings: Option<Pings>,
    state: Arc<State>,
    heard: Heard,
    opening: Option<Opening>,
    most: usize,
    /// Whether the peer's first settings are here.
    settled: bool,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let ended = Pin::new(&mut this.connection).poll(cx).is_ready();
        let mut alive = true;
        if let Some(pings) = &mut this.pings {
            let answered;
            (answered, alive) = pings.poll(cx, &this.heard);
            this.settled |= answered;
        }
        this.learn();
        if ended || !alive {
            this.state.over.store(true, Ordering::Relaxed);
            this.opening = None;
            // Dropping the connection ends its streams.
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Driver {
    // The peer's first SETTINGS frame comes before anything else of it, so whoever answered a ping has sent it. It may send more.
    fn learn(&mut self) {
        let allowed = self.connection.max_concurrent_send_streams().min(self.most);
        self.settled |= allowed != 1;
        if !self.settled {
            return;
        }
        self.opening = None;
        self.state.seats.allow(allowed);
    }
}

/// Whether anybody is there: asked when a connection has been silent for so long.
struct Pings {
    pings: PingPong,
    every: Option<Duration>,
    alarm: Alarm,
    at: Instant,
    heard: u64,
    asked: bool,
}

impl Pings {
    // The first one is sent at once: it says when the peer's settings are here.
    fn new(mut pings: PingPong, every: Option<Duration>) -> Pings {
        let asked = pings.send_ping(h2::Ping::opaque()).is_ok();
        Pings {
            pings,
            every,
            alarm: Alarm::default(),
            at: clock::now() + PONG_MAX.min(every.unwrap_or(PONG_MAX)),
            heard: 0,
            asked,
        }
    }

    /// Whether an answer came just now, and whether the peer may still live.
    fn poll(&mut self, cx: &mut Context<'_>, heard: &Heard) -> (bool, bool) {
        let mut answered = false;
        while self.asked {
            match self.pings.poll_pong(cx) {
                Poll::Ready(Ok(_)) => (self.asked, answered) = (false, true),
                Poll::Ready(Err(_)) => return (false, false),
                Poll::Pending => break,
            }
        }
        let Some(every) = self.every else {
            return (answered, true);
        };
        while self.alarm.poll(cx, Some(self.at)).is_ready() {
            let now = clock::now();
            if heard.count() != self.heard {
                self.heard = heard.count();
                self.at = now + every;
            } else if self.asked {
                return (answered, false);
            } else {
                self.asked = self.pings.send_ping(h2::Ping::opaque()).is_ok();
                self.at = now + PONG_MAX.min(every);
            }
        }
        (answered, true)
    }
}

fn lost(error: &h2::Error) -> Error {
    let kind = match error.is_library() {
        true => ErrorKind::Protocol,
        false => ErrorKind::ConnectionLost,
    };
    Error::new(kind, words(error)).with_phase(Phase::Send)
}

// RFC 9113 6.9.2: what a stream has before anybody speaks of windows. Small, because it is what a stream that nobody reads may
// hold; the connection's is as much for each stream, so that those cannot stop the others.
const STREAM_WINDOW: u32 = 65_535;
const WINDOW_MIN: u32 = 65_535;
// A quarter of a window, of which half must be left free before h2 tells the peer.
const CREDIT: usize = 16 << 10;
// What h2 lets a peer spend on frames below 256 bytes that wait, in bytes short of those: a stream's window full of events of 50.
const FRAMES_BUDGET: usize = 256 << 10;
// How long the answer to a ping may take, if one is not sent more often.
const PONG_MAX: Duration = Duration::from_secs(10);
// BEHAVIOUR 9: a header block.
const HEAD_MAX: u32 = 64 << 10;
