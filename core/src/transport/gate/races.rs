//! Every interleaving: a connection that something woke is turned, however the wake meets the turn.

use std::future::poll_fn;

use loom::future::block_on;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::*;
use crate::sync::explore;

// What a connection waits for: counted up by others, who wake it each time.
#[derive(Default)]
struct Arrivals {
    count: AtomicUsize,
    waker: AtomicWaker,
}

impl Arrivals {
    fn add(&self) {
        self.count.fetch_add(1, Ordering::Release);
        self.waker.wake();
    }

    fn poll(&self, cx: &mut Context<'_>, wanted: usize) -> Poll<()> {
        self.waker.register(cx.waker());
        match self.count.load(Ordering::Acquire) >= wanted {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

fn arrive(others: usize, each: usize) {
    explore(move || {
        let arrivals = Arc::new(Arrivals::default());
        let adding = |_| {
            let arrivals = arrivals.clone();
            thread::spawn(move || (0..each).for_each(|_| arrivals.add()))
        };
        let threads: Vec<_> = (0..others).map(adding).collect();
        let gate = Gate::new();
        for wanted in [1, others * each] {
            block_on(poll_fn(|cx| gate.poll(cx, |cx| arrivals.poll(cx, wanted))));
        }
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn two_wakes_of_one_thread_are_both_seen() {
    arrive(1, 2);
}

#[test]
fn wakes_of_two_threads_are_both_seen() {
    arrive(2, 1);
}
