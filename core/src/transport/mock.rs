//! Plays scripts for `mock/...` models: the same scripts that `libllm mock` plays over sockets, here without any.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use libllm_proto::mock::{self, Cut, Place, Step, Turn};
use libllm_proto::wire::Head;

use crate::clock::{self, Alarm};
use crate::error::{Error, ErrorKind, Phase};
use crate::transport::{Body, BoxFuture, Exchanged, Route, SendError, Sent, Transport};

/// A provider made of scripts.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    number: AtomicU64,
    attempts: Mutex<HashMap<(String, String), u32>>,
}

// Counts of `times` are kept for this many scripts; a test that needs more starts over, which is what a new one expects.
const COUNTS_MAX: usize = 10_000;

impl Scripts {
    fn reply(&self, request: &::http::Request<Bytes>) -> Result<mock::Reply, Error> {
        let target = request.uri().path_and_query();
        let target = target.map_or("/", |target| target.as_str());
        let created = clock::wall()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let turn = |attempt| Turn {
            number: self.number.fetch_add(1, Ordering::Relaxed) + 1,
            attempt,
            created,
        };
        if request.method() == ::http::Method::GET {
            let anthropic = request.headers().contains_key("anthropic-version");
            let path = request.uri().path();
            let list = Place::of_list(path, request.uri().query().unwrap_or_default(), anthropic);
            if let Some(dialect) = list {
                return Ok(mock::listed(dialect, ["echo"].into_iter(), turn(1)));
            }
        }
        let place = Place::of(request.uri().path())
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, "scripts do not speak this wire"))?;
        let bad =
            |message: String| Error::new(ErrorKind::InvalidArgument, format!("mock: {message}"));
        let ask = place.ask(target, request.body()).map_err(bad)?;
        let script = mock::Scripts::default()
            .find(&ask.model)
            .map_err(|error| bad(error.to_string()))?;
        let turn = turn(self.attempt(request, &ask.model));
        Ok(mock::answer(&script, &ask, turn))
    }

    async fn play(&self, request: ::http::Request<Bytes>) -> Result<Exchanged, SendError> {
        let asked = clock::now();
        let reply = self.reply(&request).map_err(|error| SendError {
            error,
            sent: Sent::No,
            free: false,
        })?;
        clock::sleep_until(asked + reply.head_at).await;
        if let Some(cut) = reply.cut_head {
            let error = Error::new(ErrorKind::ConnectionLost, words(cut)).with_phase(Phase::Send);
            return Err(SendError {
                error,
                sent: Sent::Maybe,
                free: false,
            });
        }
        let mut head = Head::new(reply.status);
        for (name, value) in &reply.headers {
            let name = ::http::HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, ::http::HeaderValue::from_str(value)) {
                head.headers.append(name, value);
            }
        }
        let body = Played {
            body: reply.body,
            asked,
            held: None,
            alarm: Alarm::default(),
            over: false,
        };
        Ok(Exchanged {
            head,
            body: Box::new(body),
            connected: None,
        })
    }

    fn attempt(&self, request: &::http::Request<Bytes>, script: &str) -> u32 {
        let key = request
            .headers()
            .get("x-mock-key")
            .map(|key| key.as_bytes())
            .unwrap_or_default();
        let key = (String::from_utf8_lossy(key).into_owned(), script.to_owned());
        let mut attempts = crate::lock(&self.attempts);
        if attempts.len() >= COUNTS_MAX {
            attempts.clear();
        }
        let count = attempts.entry(key).or_default();
        *count += 1;
        *count
    }
}

impl Transport for Scripts {
    fn send<'a>(
        &'a self,
        request: ::http::Request<Bytes>,
        _: &'a Route,
    ) -> BoxFuture<'a, Result<Exchanged, SendError>> {
        Box::pin(self.play(request))
    }
}

struct Played {
    body: mock::Body,
    asked: Instant,
    held: Option<Duration>,
    alarm: Alarm,
    over: bool,
}

impl Body for Played {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        loop {
            if let Some(held) = self.held {
                std::task::ready!(self.alarm.poll(cx, Some(self.asked + held)));
                self.held = None;
            }
            if self.over {
                return Poll::Ready(None);
            }
            match self.body.next() {
                None | Some(Step::Cut(Cut::Fin)) => self.over = true,
                Some(Step::Until(offset)) => self.held = Some(offset),
                Some(Step::Bytes(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Some(Step::Cut(cut)) => {
                    self.over = true;
                    return Poll::Ready(Some(Err(words(cut).to_owned())));
                }
            }
        }
    }

    fn release(self: Box<Self>) {}
}

// What a socket would say.
fn words(cut: Cut) -> &'static str {
    match cut {
        Cut::Fin => "the server closed the connection before it answered",
        Cut::Rst => "connection reset by peer",
        Cut::Chunk => "invalid chunk size",
    }
}
