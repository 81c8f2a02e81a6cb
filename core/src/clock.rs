//! The one place that reads time and sleeps.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

/// The monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall clock; only for HTTP dates.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// Waits this long.
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Blocks the calling thread, which must be the host's.
pub(crate) fn block(duration: Duration) {
    std::thread::sleep(duration);
}

/// Blocks the calling thread, which must be the host's, until it is so, at most this long.
pub(crate) fn block_until(timeout: Duration, so: impl Fn() -> bool) {
    let until = now() + timeout;
    while !so() && now() < until {
        block(STEP);
    }
}

/// Waits until then; at once if that has passed.
pub(crate) async fn sleep_until(at: Instant) {
    if now() < at {
        tokio::time::sleep_until(at.into()).await;
    }
}

/// How often it is looked whether it is so: a wait of this kind is the last thing a client does.
const STEP: Duration = Duration::from_millis(1);

/// An alarm that is set lazily: moving it later costs nothing, because a token stream moves it at every read.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Alarm {
    /// Ready once `at` has passed. May be polled with another `at` each time.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, at: Option<Instant>) -> Poll<()> {
        let Some(at) = at else { return Poll::Pending };
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at.into())));
        if at < sleep.deadline().into_std() {
            sleep.as_mut().reset(at.into());
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at.into());
        }
        Poll::Pending
    }
}
