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
    /// When it rings, if it was left waiting.
    rings: Option<Instant>,
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
        self.rings = None;
        while sleep.as_mut().poll(cx).is_ready() {
            if now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at.into());
        }
        self.rings = Some(sleep.deadline().into_std());
        Poll::Pending
    }

    /// Whether it is set and rings in time for `at`, and has not rung by `now`: then there is no need to poll it again, by the task that
    /// has polled it last. That is one place in memory less to be touched by each token.
    pub(crate) fn stands(&self, at: Option<Instant>, now: Instant) -> bool {
        match (at, self.rings) {
            (None, _) => true,
            (Some(at), Some(rings)) => now < rings && rings <= at,
            (Some(_), None) => false,
        }
    }

    /// Another task polls it from now on.
    pub(crate) fn pass_on(&mut self) {
        self.rings = None;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn an_alarm_stands_until_it_rings_or_is_wanted_sooner_or_by_others() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().unwrap();
        let _entered = runtime.enter();
        let (start, hour) = (now(), Duration::from_secs(3600));
        let (soon, later) = (start + hour, start + hour * 2);
        let mut alarm = Alarm::default();
        assert!(alarm.stands(None, start) && !alarm.stands(Some(later), start));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(alarm.poll(&mut cx, Some(later)).is_pending());
        assert!(alarm.stands(Some(later), start) && !alarm.stands(Some(soon), start));
        assert!(alarm.poll(&mut cx, Some(soon)).is_pending());
        assert!(alarm.stands(Some(soon), start) && alarm.stands(Some(later), start));
        assert!(!alarm.stands(Some(later), soon));
        alarm.pass_on();
        assert!(!alarm.stands(Some(later), start));
    }
}
