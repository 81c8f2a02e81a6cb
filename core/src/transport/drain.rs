//! What is left of an answer that is over: read to its end within bounds, so that its connection can be kept.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::clock::{self, Alarm};
use crate::runtime;
use crate::transport::Body;

/// Reads on to the end, now if it is here, else in a task that is given little time.
pub(crate) fn release<B: Body + 'static>(mut body: Box<B>) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut drained = 0;
    // The end mostly came with the last bytes; only otherwise a task has to wait for it.
    if step(&mut *body, &mut cx, &mut drained).is_pending() {
        runtime::spawn_here(drain(body, drained, clock::now() + DRAIN_TIME));
    }
}

async fn drain<B: Body>(mut body: Box<B>, mut drained: usize, until: Instant) {
    let mut alarm = Alarm::default();
    poll_fn(|cx| match step(&mut *body, cx, &mut drained) {
        Poll::Pending => alarm.poll(cx, Some(until)),
        ready => ready,
    })
    .await;
}

// Ready when nothing more is to be had, or worth having.
fn step(body: &mut dyn Body, cx: &mut Context<'_>, drained: &mut usize) -> Poll<()> {
    loop {
        match std::task::ready!(body.poll_read(cx)) {
            Some(Ok(data)) if *drained + data.len() <= DRAIN_MAX => *drained += data.len(),
            _ => return Poll::Ready(()),
        }
    }
}

// What may follow a terminal marker before the connection is worth less than a new one: a chunk's end, a comment.
const DRAIN_MAX: usize = 64 << 10;
const DRAIN_TIME: Duration = Duration::from_secs(1);
