//! Every interleaving of producers and a consumer: whoever sleeps is woken, and a queue that closes comes to its end.

use libllm_proto::event::{Batch, Event};
use loom::future::block_on;
use loom::sync::atomic::AtomicUsize;
use loom::sync::{Condvar, Mutex};
use loom::thread::{self, JoinHandle};

use super::*;
use crate::runtime::races::as_shard;
use crate::sync::explore;
use crate::ticket::Ticket;

fn queue() -> Queue {
    Queue::new(1 << 20).unwrap()
}

fn issue(queue: &Queue) -> Result<Ticket> {
    Ticket::issue(queue, 0, 0, true, usize::MAX)
}

// A request that says two things, and lets the shard ring after the first if `twice`.
fn speak(mut ticket: Ticket, twice: bool) -> JoinHandle<()> {
    thread::spawn(move || {
        as_shard(|| {
            let mut batch = Batch::new();
            batch.push(0, Event::Text("a"));
            let at = ticket.started();
            // There is room: this does not wait.
            block_on(ticket.deliver(&batch, "p", at, Duration::MAX)).unwrap();
            if twice {
                bell::flush_bells();
            }
            ticket.finish(EventType::Done, Status::Ok, "{}");
        });
    })
}

fn drain(queue: &Queue, timeout: Option<Duration>, kinds: &mut Vec<EventType>) -> usize {
    let taken = queue.poll(8, timeout, &mut |event| kinds.push(event.kind));
    taken.unwrap()
}

const WHOLE: [EventType; 2] = [EventType::Text, EventType::Done];

#[test]
fn who_sleeps_in_poll_is_woken() {
    explore(|| {
        let queue = queue();
        let producer = speak(issue(&queue).unwrap(), true);
        let mut kinds = Vec::new();
        while kinds.len() < WHOLE.len() {
            drain(&queue, None, &mut kinds);
        }
        assert_eq!(kinds, WHOLE);
        producer.join().unwrap();
    });
}

#[test]
fn who_watches_the_descriptor_is_woken() {
    explore(|| {
        let queue = queue();
        queue.fd();
        let producer = speak(issue(&queue).unwrap(), true);
        let mut kinds = Vec::new();
        while kinds.len() < WHOLE.len() {
            queue.shared.bell.wait(None).unwrap();
            while drain(&queue, Some(Duration::ZERO), &mut kinds) > 0 {}
        }
        assert_eq!(kinds, WHOLE);
        producer.join().unwrap();
    });
}

#[test]
fn who_waits_for_the_wake_callback_is_called() {
    explore(|| {
        let queue = queue();
        let called = Arc::new((Mutex::new(false), Condvar::new()));
        let call = called.clone();
        let wake = move || {
            *crate::lock(&call.0) = true;
            call.1.notify_one();
        };
        queue.set_wake(Some(Box::new(wake))).unwrap();
        let producer = speak(issue(&queue).unwrap(), true);
        let mut kinds = Vec::new();
        while kinds.len() < WHOLE.len() {
            let mut due = crate::lock(&called.0);
            while !std::mem::take(&mut *due) {
                due = called.1.wait(due).unwrap();
            }
            drop(due);
            while drain(&queue, Some(Duration::ZERO), &mut kinds) > 0 {}
        }
        assert_eq!(kinds, WHOLE);
        producer.join().unwrap();
        queue.set_wake(None).unwrap();
    });
}

#[test]
fn two_shards_that_ring_at_once_wake_one_sleeper() {
    explore(|| {
        let queue = queue();
        let producers = [(); 2].map(|()| speak(issue(&queue).unwrap(), false));
        let mut kinds = Vec::new();
        while kinds.len() < 2 * WHOLE.len() {
            drain(&queue, None, &mut kinds);
        }
        producers
            .into_iter()
            .for_each(|producer| producer.join().unwrap());
    });
}

#[test]
fn a_wakeup_ends_a_poll_that_nothing_else_ends() {
    explore(|| {
        let queue = queue();
        let other = queue.clone();
        let waker = thread::spawn(move || other.wakeup());
        assert_eq!(drain(&queue, None, &mut Vec::new()), 0);
        waker.join().unwrap();
    });
}

#[test]
fn a_close_wakes_who_sleeps() {
    explore(|| {
        let queue = queue();
        let other = queue.clone();
        let closer = thread::spawn(move || other.close().unwrap());
        let over = loop {
            if let Err(error) = queue.poll(8, None, &mut |_| {}) {
                break error;
            }
        };
        assert_eq!(over.kind(), ErrorKind::Closed);
        closer.join().unwrap();
    });
}

#[test]
fn a_request_that_meets_a_close_is_refused_or_canceled() {
    explore(|| {
        let queue = queue();
        let (other, ended) = (queue.clone(), Arc::new(AtomicUsize::new(0)));
        let issued = ended.clone();
        let host = thread::spawn(move || {
            let Ok(ticket) = issue(&other) else { return };
            issued.fetch_add(1, Ordering::Relaxed);
            let live = ticket.live().clone();
            // A call that nothing ends but the close.
            block_on(std::future::poll_fn(|cx| match live.listen(cx) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }));
            as_shard(|| drop(ticket));
        });
        queue.close().unwrap();
        let mut kinds = Vec::new();
        let over = loop {
            let polled = queue.poll(8, None, &mut |event| kinds.push(event.kind));
            if let Err(error) = polled {
                break error;
            }
        };
        assert_eq!(over.kind(), ErrorKind::Closed);
        host.join().unwrap();
        assert_eq!(kinds, vec![EventType::Error; ended.load(Ordering::Relaxed)]);
    });
}

#[test]
fn what_meets_a_release_is_thrown_away() {
    explore(|| {
        let queue = queue();
        let producer = speak(issue(&queue).unwrap(), false);
        queue.release();
        producer.join().unwrap();
        let state = crate::lock(&queue.shared.state);
        assert_eq!((state.bytes, state.live, state.waiting.len()), (0, 0, 0));
    });
}
