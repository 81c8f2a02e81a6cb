//! How bytes get to a provider and back: sockets, a script played in process, or a recording.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use libllm_proto::wire::Head;

use crate::config::{Config, Provider};
use crate::error::{Error, Result};

pub(crate) use dial::Dialer;

pub(crate) mod control;
mod dial;
mod dns;
mod drain;
mod gate;
mod http;
mod http1;
mod http2;
mod kept;
pub(crate) mod mock;
mod place;
mod pool;
mod record;
mod replay;
mod seats;
mod stream;
mod tape;
pub(crate) mod tls;
mod tunnel;

/// A future on the heap, as an object-safe trait needs it.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to a provider.
pub(crate) trait Transport: Send + Sync {
    /// Sends one request and waits for the answer's head. Dropping the future closes the connection.
    fn send<'a>(
        &'a self,
        request: ::http::Request<Bytes>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Exchanged, SendError>>;

    /// Has a connection to that place stand, for the next request of this shard; with how long that took, if it was opened
    /// for this.
    fn warm<'a>(
        &'a self,
        _uri: &'a ::http::Uri,
        _route: &'a Route,
    ) -> BoxFuture<'a, Result<Option<Duration>>> {
        // A script and a recording have none.
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// The way to providers that a configuration names: sockets, perhaps with a witness, or recordings in their place.
pub(crate) fn open(config: &Config, shards: usize) -> Result<Arc<dyn Transport>> {
    if let Some(folder) = &config.replay {
        return Ok(Arc::new(replay::Replay::new(folder)?));
    }
    let sockets = Arc::new(http::Http::new(shards));
    match &config.record {
        Some(folder) => Ok(Arc::new(record::Recorder::new(sockets, folder)?)),
        None => Ok(sockets),
    }
}

/// The way to token endpoints: sockets of their own, which nobody records and no recording replaces.
pub(crate) fn control(shards: usize) -> Arc<dyn Transport> {
    Arc::new(http::Http::new(shards))
}

/// What a transport must know beside the request.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// The provider: its TLS settings and how long its connections may idle.
    pub(crate) provider: Arc<Provider>,
    /// For name, TCP and TLS together.
    pub(crate) connect: Duration,
    /// Not on a connection that idled in the pool.
    pub(crate) fresh: bool,
}

/// An answer whose head has come.
pub(crate) struct Exchanged {
    pub(crate) head: Head,
    pub(crate) body: Box<dyn Body>,
    /// How long the connection took; `None` for a pooled one.
    pub(crate) connected: Option<Duration>,
}

/// The body of an answer. Dropping it closes the connection, so that generation is no longer paid for.
pub(crate) trait Body: Send {
    /// The next bytes, `None` at a clean end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>>;

    /// What was read waits for its consumer, or does not: in the first case little should be held.
    fn lag(&mut self, _lags: bool) {}

    /// What was read waits for its consumer still: what has come meanwhile is held in as little as it needs.
    fn keep(&mut self, _cx: &mut Context<'_>) {}

    /// The answer is over, though the body may not be: drain what little may be left, within bounds, and keep the connection.
    fn release(self: Box<Self>);
}

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) struct SendError {
    pub(crate) error: Error,
    /// Whether the provider may have seen the request.
    pub(crate) sent: Sent,
    /// Whether it is tried once more without counting: provably unseen, on a connection that stood before the peer let it down.
    pub(crate) free: bool,
}

/// A connection that a server closed while it idled says so within a round trip; one that dies later may have died at work.
const SILENT_MAX: Duration = Duration::from_secs(2);

/// Whether a request may have been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Provably not.
    No,
    /// Perhaps.
    Maybe,
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
