//! The bytes of one answer, read with patience: nobody waits for ever for a first token, nor for the next bytes, nor on
//! keep-alives alone.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use libllm_proto::decoder::{Decoder, End};
use libllm_proto::event::Batch;
use libllm_proto::wire::{Ending, Flow};

use crate::call::Asked;
use crate::clock::{self, Alarm};
use crate::config::Timeouts;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::live::Live;
use crate::transport::Body;

/// How long to wait for what.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) first_token: Option<Duration>,
    idle: Option<Duration>,
    keepalive_only: Option<Duration>,
}

impl Patience {
    /// What one target's limits mean for this request.
    pub(crate) fn of(timeouts: &Timeouts, asked: &Asked, stream: bool) -> Patience {
        let Timeouts {
            first_token,
            idle,
            keepalive_only,
            ..
        } = *timeouts;
        // A unary answer comes when it is whole: only the total counts, unless the caller said otherwise.
        let streams = |limit| stream.then_some(limit);
        Patience {
            first_token: match asked.first_token {
                true => Some(first_token),
                false => streams(first_token),
            },
            idle: match asked.idle {
                true => Some(idle),
                false => streams(idle),
            },
            keepalive_only: streams(keepalive_only),
        }
    }

    /// The error of an answer that does not begin.
    pub(crate) fn late(&self, what: &str) -> Error {
        let waited = self.first_token.unwrap_or_default().as_secs_f64();
        Error::new(
            ErrorKind::Timeout,
            format!("{what} did not come within {waited} s"),
        )
        .with_phase(Phase::Send)
    }
}

/// Some bytes, the end, or how the connection was lost.
pub(crate) type Read = Result<Option<Bytes>, String>;

// What is handed over at once at most: a fast stream must not keep its consumer waiting.
const BATCH_MAX: usize = 16 << 10;

/// Batches between two reads: a stream that waits holds none, and there are many that wait.
pub(crate) mod spare {
    use std::cell::RefCell;

    use libllm_proto::event::Batch;

    thread_local! {
        #[expect(clippy::vec_box, reason = "each is handed on as it is, by the pointer")]
        static SPARE: RefCell<Vec<Box<Batch>>> = const { RefCell::new(Vec::new()) };
    }

    const MAX: usize = 4;
    const MEMORY_MAX: usize = 64 << 10;

    /// An empty batch, which joins deltas or does not.
    pub(crate) fn take(joins: bool) -> Box<Batch> {
        let mut batch = SPARE
            .with(|spare| spare.borrow_mut().pop())
            .unwrap_or_default();
        batch.set_joining(joins);
        batch
    }

    /// Keeps a batch's memory for the next read on this thread.
    pub(crate) fn give(mut batch: Box<Batch>) {
        batch.clear();
        SPARE.with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < MAX && batch.memory() <= MEMORY_MAX {
                spare.push(batch);
            }
        });
    }
}

/// The bytes of one answer, with patience.
pub(crate) struct Source {
    body: Option<Box<dyn Body>>,
    patience: Patience,
    alarm: Alarm,
    /// When patience for the first item ends.
    pub(crate) first_by: Option<Instant>,
    /// When bytes came last.
    pub(crate) last_bytes: Instant,
    last_frame: Instant,
    frames: u64,
    /// The bytes as they came, for whom they are passed on to.
    tap: Option<Box<Tap>>,
    /// There was nothing to read, its coming wakes this task, and the task has not slept since.
    dry: bool,
}

// Bytes that wait to be passed on: of a stream what came before its first item, of a whole answer all of it.
struct Tap {
    bytes: Vec<u8>,
    max: usize,
}

impl Tap {
    fn keep(&mut self, bytes: &[u8]) -> Result<()> {
        if self.bytes.len() + bytes.len() > self.max {
            let message = format!("nothing to pass on in {} bytes of an answer", self.max);
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// Empties a buffer that is used again; a large one is not kept for the life of a stream.
pub(crate) fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(KEPT_MAX);
}

const KEPT_MAX: usize = 32 << 10;

impl Source {
    pub(crate) fn new(
        body: Box<dyn Body>,
        patience: Patience,
        first_by: Option<Instant>,
    ) -> Source {
        let now = clock::now();
        Source {
            body: Some(body),
            patience,
            alarm: Alarm::default(),
            first_by,
            last_bytes: now,
            last_frame: now,
            frames: 0,
            tap: None,
            dry: false,
        }
    }

    /// From now on the bytes are kept as they came, at most `max` of them at a time.
    pub(crate) fn tap(&mut self, max: usize) {
        self.tap = Some(Box::new(Tap {
            bytes: Vec::new(),
            max,
        }));
    }

    /// What was kept.
    pub(crate) fn tapped(&self) -> &[u8] {
        self.tap.as_ref().map(|tap| &*tap.bytes).unwrap_or_default()
    }

    /// What was kept has been passed on.
    pub(crate) fn forget_tapped(&mut self) {
        if let Some(tap) = &mut self.tap {
            empty(&mut tap.bytes);
        }
    }

    /// Another task reads on: nothing wakes it yet.
    pub(crate) fn inherit(&mut self) {
        self.dry = false;
        self.alarm.pass_on();
        self.tap = None;
    }

    /// Time in which nobody read does not count against the provider.
    pub(crate) fn touch(&mut self) {
        self.last_bytes = clock::now();
        self.last_frame = self.last_bytes;
        // What came meanwhile woke a task that did not look.
        self.dry = false;
    }

    /// Decodes what was read, and with it whatever else is here by now; says so when the answer is over. Never waits.
    pub(crate) async fn decode(
        &mut self,
        mut read: Read,
        decoder: &mut Decoder,
        batch: &mut Batch,
    ) -> Result<Option<Ending>> {
        self.last_bytes = clock::now();
        loop {
            if let (Some(tap), Ok(Some(bytes))) = (&mut self.tap, &read) {
                tap.keep(bytes)?;
            }
            let flow = match read {
                Ok(Some(bytes)) => decoder.push(&bytes, batch)?,
                Ok(None) => return decoder.finish(End::Clean, batch).map(Some),
                Err(lost) => return decoder.finish(End::Lost(lost), batch).map(Some),
            };
            if decoder.frames() != self.frames {
                self.frames = decoder.frames();
                self.last_frame = self.last_bytes;
            }
            if flow == Flow::Done {
                return self.done(decoder, batch).map(Some);
            }
            if batch.bytes() >= BATCH_MAX {
                return Ok(None);
            }
            match self.read_now().await {
                Some(next) => read = next,
                None => return Ok(None),
            }
        }
    }

    fn done(&mut self, decoder: &mut Decoder, batch: &mut Batch) -> Result<Ending> {
        let ending = decoder.finish(End::Clean, batch)?;
        if let Some(body) = self.body.take() {
            body.release();
        }
        Ok(ending)
    }

    // What is here already; `None` if nothing is.
    async fn read_now(&mut self) -> Option<Read> {
        let Some(body) = &mut self.body else {
            return Some(Ok(None));
        };
        let read = poll_fn(|cx| match body.poll_read(cx) {
            Poll::Ready(read) => Poll::Ready(Some(read.transpose())),
            Poll::Pending => Poll::Ready(None),
        })
        .await;
        self.dry = read.is_none();
        read
    }

    /// Does `work`, and holds what comes while that waits in as little as it needs. Pinned by the caller: taken by value, it
    /// would be in a call's state twice.
    pub(crate) async fn meanwhile<T>(&mut self, mut work: Pin<&mut impl Future<Output = T>>) -> T {
        let (body, dry) = (&mut self.body, &mut self.dry);
        poll_fn(|cx| {
            let done = work.as_mut().poll(cx);
            if done.is_pending() {
                *dry = false;
                if let Some(body) = body {
                    body.keep(cx);
                }
            }
            done
        })
        .await
    }

    /// Waits for the next bytes; `None` if the request was paused meanwhile. The outer error is ours, out of patience; the
    /// inner one is the connection's.
    pub(crate) async fn read(&mut self, live: &Live) -> Result<Option<Read>> {
        let idle = self.patience.idle.map(|idle| self.last_bytes + idle);
        let keepalive = self
            .patience
            .keepalive_only
            .map(|max| self.last_frame + max);
        let until = [self.first_by, idle, keepalive].into_iter().flatten().min();
        let now = self.last_bytes;
        let (body, alarm, dry) = (&mut self.body, &mut self.alarm, &mut self.dry);
        let read = poll_fn(|cx| {
            if live.is_paused() {
                return Poll::Ready(Some(None));
            }
            let Some(body) = body else {
                return Poll::Ready(Some(Some(Ok(None))));
            };
            body.lag(live.lags());
            // Once more for nothing is what each token would cost.
            if std::mem::take(dry) {
                return match alarm.stands(until, now) {
                    true => Poll::Pending,
                    false => alarm.poll(cx, until).map(|()| None),
                };
            }
            match body.poll_read(cx) {
                Poll::Ready(read) => Poll::Ready(Some(Some(read.transpose()))),
                Poll::Pending => alarm.poll(cx, until).map(|()| None),
            }
        })
        .await;
        read.ok_or_else(|| self.out_of_patience(until))
    }

    fn out_of_patience(&self, until: Option<Instant>) -> Error {
        let seconds = |limit: Option<Duration>| limit.unwrap_or_default().as_secs_f64();
        let message = if self.first_by.is_some() && until == self.first_by {
            format!(
                "no first token within {} s",
                seconds(self.patience.first_token)
            )
        } else if until == self.patience.idle.map(|idle| self.last_bytes + idle) {
            format!("no bytes for {} s", seconds(self.patience.idle))
        } else {
            format!(
                "nothing but keep-alives for {} s",
                seconds(self.patience.keepalive_only)
            )
        };
        Error::new(ErrorKind::Timeout, message)
    }
}

/// `work`, or the error that `late` makes once `until` has passed.
pub(crate) async fn before<T>(
    until: Option<Instant>,
    work: impl Future<Output = T>,
    late: impl FnOnce() -> Error,
) -> Result<T> {
    let mut work = std::pin::pin!(work);
    let mut alarm = Alarm::default();
    let done = poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => alarm.poll(cx, until).map(|()| None),
    })
    .await;
    done.ok_or_else(late)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::task::Context;

    use futures::FutureExt as _;

    use super::*;
    use crate::live::Registry;

    /// What has come of an answer.
    #[derive(Clone, Default)]
    struct Come(Arc<Mutex<Option<Bytes>>>);

    impl Body for Come {
        fn poll_read(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
            match crate::lock(&self.0).take() {
                Some(bytes) => Poll::Ready(Some(Ok(bytes))),
                None => Poll::Pending,
            }
        }

        fn release(self: Box<Self>) {}
    }

    #[test]
    fn what_came_while_a_request_was_paused_is_read_afterwards() {
        let (come, live) = (Come::default(), Registry::default().enter(1, 1));
        let patience = Patience {
            first_token: None,
            idle: None,
            keepalive_only: None,
        };
        let mut source = Source::new(Box::new(come.clone()), patience, None);
        assert_eq!(source.read_now().now_or_never(), Some(None));
        *crate::lock(&come.0) = Some(Bytes::from_static(b"a token"));
        // The task was woken for it while it waited for something else.
        source.touch();
        let read = source.read(&live).now_or_never();
        let Some(Ok(Some(read))) = read else {
            panic!("it waits for what is there: {read:?}");
        };
        assert_eq!(read, Ok(Some(Bytes::from_static(b"a token"))));
    }
}
