//! Every interleaving of a call with those who cancel it and those who read it: one terminal event, and nobody left asleep.

use std::future::Future;
use std::pin::pin;

use loom::future::block_on;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread::{self, JoinHandle};

use super::*;
use crate::live::cancel;
use crate::runtime::races::{as_shard, timeless};
use crate::sync::{AtomicWaker, explore};

// Runs a call on a shard of its own as `call::run` does: it ends with its work, or when it is canceled.
fn call(
    mut ticket: Ticket,
    work: impl AsyncFnOnce(&mut Ticket) + Send + 'static,
) -> JoinHandle<()> {
    thread::spawn(move || {
        as_shard(|| {
            let live = ticket.live().clone();
            let done = {
                let mut work = pin!(work(&mut ticket));
                timeless(|| {
                    block_on(poll_fn(|cx| match live.listen(cx) {
                        true => Poll::Ready(false),
                        false => {
                            // As the shard parks between two turns.
                            let turned = work.as_mut().poll(cx).map(|()| true);
                            bell::flush_bells();
                            turned
                        }
                    }))
                })
            };
            if done {
                ticket.finish(EventType::Done, Status::Ok, "{}");
            }
        });
    })
}

fn kinds_until_the_last(queue: &Queue) -> Vec<EventType> {
    let mut kinds: Vec<EventType> = Vec::new();
    while !kinds.last().is_some_and(|kind| kind.is_terminal()) {
        queue
            .poll(8, None, &mut |event| kinds.push(event.kind))
            .unwrap();
    }
    kinds
}

#[test]
fn a_call_that_falls_asleep_while_it_is_canceled_ends() {
    explore(|| {
        let queue = Queue::new(1 << 20).unwrap();
        let ticket = Ticket::issue(&queue, 0, 0, true, usize::MAX).unwrap();
        let id = ticket.id();
        let running = call(ticket, async |_| std::future::pending().await);
        cancel(id).unwrap();
        assert_eq!(kinds_until_the_last(&queue), [EventType::Error]);
        running.join().unwrap();
        assert_eq!(cancel(id).unwrap_err().kind(), ErrorKind::NoRequest);
    });
}

#[test]
fn a_cancel_that_meets_the_end_leaves_one_terminal_event() {
    explore(|| {
        let queue = Queue::new(1 << 20).unwrap();
        let ticket = Ticket::issue(&queue, 0, 0, true, usize::MAX).unwrap();
        let id = ticket.id();
        let answer = Arc::new((AtomicBool::new(false), AtomicWaker::new()));
        let awaited = answer.clone();
        let running = call(ticket, async move |_| {
            poll_fn(|cx| {
                awaited.1.register(cx.waker());
                match awaited.0.load(Ordering::Acquire) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await
        });
        let provider = thread::spawn(move || {
            answer.0.store(true, Ordering::Release);
            answer.1.wake();
        });
        let known = cancel(id);
        if let Err(error) = &known {
            assert_eq!(error.kind(), ErrorKind::NoRequest);
        }
        let kinds = kinds_until_the_last(&queue);
        assert!(
            matches!(kinds[..], [EventType::Done | EventType::Error]),
            "{kinds:?}"
        );
        running.join().unwrap();
        provider.join().unwrap();
        let more = queue.poll(8, Some(Duration::ZERO), &mut |_| {});
        assert_eq!(more.unwrap(), 0);
    });
}

#[test]
fn a_call_without_room_goes_on_when_there_is_some() {
    explore(|| {
        let queue = Queue::new(1 << 20).unwrap();
        // A share of one byte: each text waits until the last one was taken.
        let ticket = Ticket::issue(&queue, 0, 0, false, 1).unwrap();
        let running = call(ticket, async |ticket| {
            let mut batch = Batch::new();
            batch.push(0, Event::Text("a"));
            batch.push(0, Event::Text("b"));
            let at = ticket.started();
            let delivered = ticket
                .deliver(&batch, "p", at, Duration::from_secs(60))
                .await;
            delivered.unwrap();
        });
        let kinds = kinds_until_the_last(&queue);
        assert_eq!(kinds, [EventType::Text, EventType::Text, EventType::Done]);
        running.join().unwrap();
    });
}
