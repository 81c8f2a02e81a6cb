//! loom's primitives under the names that the code uses.

use std::sync::{LockResult, Mutex as RealMutex, MutexGuard as RealGuard};
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
        self.lock()
    }
}

/// loom's threads share one of the system's.
macro_rules! model_local {
    ($(static $name:ident: $type:ty = const { $init:expr };)*) => {
        loom::thread_local! { $(static $name: $type = $init;)* }
    };
}
pub(crate) use model_local as thread_local;
