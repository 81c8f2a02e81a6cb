//! loom's primitives under the names that the code uses.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LockResult, Mutex as RealMutex, MutexGuard as RealGuard};
use std::task::Waker;

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
pub(crate) use loom::sync::{Mutex, MutexGuard};

/// loom's has other names for the same.
#[derive(Debug, Default)]
pub(crate) struct AtomicWaker(loom::future::AtomicWaker);

impl AtomicWaker {
    pub(crate) fn new() -> AtomicWaker {
        AtomicWaker::default()
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.0.register_by_ref(waker);
    }

    pub(crate) fn wake(&self) {
        self.0.wake();
    }

    pub(crate) fn take(&self) -> Option<Waker> {
        self.0.take_waker()
    }
}

/// A mutex of either kind: what belongs to the process is not loom's.
pub(crate) trait Lockable {
    type Guard<'a>
    where
        Self: 'a;

    fn lock_it(&self) -> LockResult<Self::Guard<'_>>;
}

impl<T> Lockable for Mutex<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    fn lock_it(&self) -> LockResult<MutexGuard<'_, T>> {
        self.lock()
    }
}

impl<T> Lockable for RealMutex<T> {
    type Guard<'a>
        = RealGuard<'a, T>
    where
        T: 'a;

    fn lock_it(&self) -> LockResult<RealGuard<'_, T>> {
        DOOR.fetch_add(1, Ordering::Relaxed);
        self.lock()
    }
}

loom::lazy_static! {
    // loom does not see the locks of a process: what it sees instead is that whoever takes one comes by here.
    static ref DOOR: AtomicUsize = AtomicUsize::new(0);
}

impl<M: Lockable> Lockable for Arc<M> {
    type Guard<'a>
        = M::Guard<'a>
    where
        M: 'a;

    fn lock_it(&self) -> LockResult<M::Guard<'_>> {
        (**self).lock_it()
    }
}

/// loom's threads share one of the system's.
macro_rules! model_local {
    ($(static $name:ident: $type:ty = const { $init:expr };)*) => {
        loom::thread_local! { $(static $name: $type = $init;)* }
    };
}
pub(crate) use model_local as thread_local;

/// Runs a scenario in every order in which at most `PREEMPTIONS` threads are interrupted in the middle of what they do;
/// `LOOM_MAX_PREEMPTIONS` says another number. A thread that waits for ever is an error.
pub(crate) fn explore(scenario: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.or(Some(PREEMPTIONS));
    model.check(scenario);
}

// Most mistakes need one or two; each more multiplies the time.
const PREEMPTIONS: usize = 3;
