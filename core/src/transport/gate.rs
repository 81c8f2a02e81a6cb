//! A door before a connection: it is turned only when something woke it, and what it does to itself wakes nobody.
//!
//! The two halves of a hyper connection wake each other through the waker they are polled with. Where one task owns both, each
//! such wake would run the whole task once more for nothing: twice a token (measured with callgrind, see bench/).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};

use crate::sync::{AtomicU8, AtomicWaker};

// Nobody is inside, and nothing has happened since they left.
const QUIET: u8 = 0;
// Somebody is inside.
const INSIDE: u8 = 1;
// Something has happened; together with `INSIDE`, since they looked.
const WOKEN: u8 = 2;

#[derive(Debug)]
struct Bolt {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wake for Bolt {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Released: whoever looks at the state sees what the waker's caller did before. Written though it may be said already: a
        // mere look could see what was before the one inside began to look anew, and both would miss the other.
        if self.state.fetch_or(WOKEN, Ordering::AcqRel) == QUIET {
            self.task.wake();
        }
    }
}

/// The door before one connection.
#[derive(Debug)]
pub(crate) struct Gate {
    bolt: Arc<Bolt>,
    waker: Waker,
}

impl Gate {
    pub(crate) fn new() -> Gate {
        let bolt = Arc::new(Bolt {
            state: AtomicU8::new(WOKEN),
            task: AtomicWaker::new(),
        });
        Gate {
            waker: Waker::from(bolt.clone()),
            bolt,
        }
    }

    /// The next [`Gate::poll`] looks inside: something new is waited for.
    pub(crate) fn open(&self) {
        self.bolt.state.swap(WOKEN, Ordering::AcqRel);
    }

    /// Forgets the task that waits.
    pub(crate) fn forget(&self) {
        self.bolt.task.take();
    }

    /// Polls `work` if anything woke it since it was polled last, and once more if it woke itself meanwhile. Whoever gets
    /// `Ready` polls again before it waits.
    pub(crate) fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        mut work: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let state = &self.bolt.state;
        // First, so that a wake after the look at the state finds the task.
        self.bolt.task.register(cx.waker());
        if state
            .compare_exchange(WOKEN, INSIDE, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
        {
            return Poll::Pending;
        }
        let mut inner = Context::from_waker(&self.waker);
        for _ in 0..LOOKS_MAX {
            if let Poll::Ready(value) = work(&mut inner) {
                state.swap(WOKEN, Ordering::AcqRel);
                return Poll::Ready(value);
            }
            let quiet = state.compare_exchange(INSIDE, QUIET, Ordering::AcqRel, Ordering::Acquire);
            if quiet.is_ok() {
                return Poll::Pending;
            }
            // Exchanged, here and below: a wake that this overwrites is one whose cause the next look must see.
            state.swap(INSIDE, Ordering::AcqRel);
        }
        state.swap(WOKEN, Ordering::AcqRel);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

// A task whose turn is over wakes itself at every look (tokio's cooperative budget): then it has to be left.
const LOOKS_MAX: usize = 3;

#[cfg(all(test, llm_loom))]
mod races;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Watch {
        gate: Gate,
        count: Arc<Count>,
        looks: usize,
        inner: Option<Waker>,
    }

    impl Watch {
        fn new() -> Watch {
            Watch {
                gate: Gate::new(),
                count: Arc::new(Count(AtomicUsize::new(0))),
                looks: 0,
                inner: None,
            }
        }

        // Polls work that wakes itself `own` times and is ready, or not.
        fn poll(&mut self, mut own: usize, ready: bool) -> Poll<()> {
            let waker = Waker::from(self.count.clone());
            let mut cx = Context::from_waker(&waker);
            let (looks, inner) = (&mut self.looks, &mut self.inner);
            self.gate.poll(&mut cx, |cx| {
                *looks += 1;
                *inner = Some(cx.waker().clone());
                if own > 0 {
                    own -= 1;
                    cx.waker().wake_by_ref();
                }
                match ready && own == 0 {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
        }

        fn woken(&self) -> usize {
            self.count.0.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn looks_only_when_woken() {
        let mut watch = Watch::new();
        assert!(watch.poll(0, false).is_pending());
        assert!(watch.poll(0, true).is_pending());
        assert_eq!((watch.looks, watch.woken()), (1, 0));
        watch.inner.take().unwrap().wake();
        assert_eq!(watch.woken(), 1);
        assert!(watch.poll(0, true).is_ready());
        assert_eq!(watch.looks, 2);
    }

    #[test]
    fn its_own_wake_is_another_look_and_no_turn_of_the_task() {
        let mut watch = Watch::new();
        assert!(watch.poll(1, false).is_pending());
        assert_eq!((watch.looks, watch.woken()), (2, 0));
    }

    #[test]
    fn after_ready_it_looks_again() {
        let mut watch = Watch::new();
        assert!(watch.poll(0, true).is_ready());
        assert!(watch.poll(0, false).is_pending());
        assert_eq!(watch.looks, 2);
    }

    #[test]
    fn one_that_wakes_itself_for_ever_leaves_the_turn_to_others() {
        let mut watch = Watch::new();
        assert!(watch.poll(usize::MAX, false).is_pending());
        assert_eq!((watch.looks, watch.woken()), (LOOKS_MAX, 1));
        assert!(watch.poll(0, true).is_ready());
    }

    #[test]
    fn a_wake_between_polls_is_not_lost() {
        let mut watch = Watch::new();
        assert!(watch.poll(0, false).is_pending());
        let waker = watch.inner.take().unwrap();
        let other = std::thread::spawn(move || waker.wake());
        other.join().unwrap();
        assert_eq!(watch.woken(), 1);
        assert!(watch.poll(0, true).is_ready());
    }

    #[test]
    fn opened_it_looks_though_nothing_woke_it() {
        let mut watch = Watch::new();
        assert!(watch.poll(0, false).is_pending());
        watch.gate.open();
        assert!(watch.poll(0, true).is_ready());
    }
}
