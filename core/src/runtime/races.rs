//! Every interleaving: work that comes from other threads is done or dropped, and never forgotten.

use std::pin::pin;

use loom::future::block_on;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::*;
use crate::sync::explore;

/// Lets the calling thread be one of the engine's while it does this, as far as queues can see; its bells ring at the end, as
/// when it parks.
pub(crate) fn as_shard<T>(work: impl FnOnce() -> T) -> T {
    SHARD.with(|shard| shard.set(Some(0)));
    let done = work();
    bell::flush_bells();
    SHARD.with(|shard| shard.set(None));
    done
}

/// Lets alarms be set that never ring: no time passes in a model.
pub(crate) fn timeless<T>(work: impl FnOnce() -> T) -> T {
    static CLOCK: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let clock = CLOCK.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().build().unwrap()
    });
    let _inside = clock.enter();
    work()
}

#[test]
fn work_that_comes_while_a_shard_falls_asleep_is_done() {
    explore(|| {
        let inbox = Arc::new(Inbox::default());
        let done = Arc::new(AtomicUsize::new(0));
        let (theirs, counter) = (inbox.clone(), done.clone());
        let other = thread::spawn(move || {
            for _ in 0..2 {
                let counter = counter.clone();
                theirs.push(Box::new(move || {
                    counter.fetch_add(1, Ordering::Relaxed);
                }));
            }
        });
        let mut serving = pin!(serve(inbox));
        block_on(poll_fn(|cx| {
            assert!(serving.as_mut().poll(cx).is_pending());
            match done.load(Ordering::Relaxed) {
                2 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }));
        other.join().unwrap();
    });
}

#[test]
fn work_that_comes_while_a_shard_ends_is_dropped() {
    explore(|| {
        let inbox = Arc::new(Inbox::default());
        let token = Arc::new(());
        let (theirs, held) = (inbox.clone(), token.clone());
        let other = thread::spawn(move || theirs.push(Box::new(move || drop(held))));
        inbox.close();
        other.join().unwrap();
        assert_eq!(Arc::strong_count(&token), 1);
    });
}
