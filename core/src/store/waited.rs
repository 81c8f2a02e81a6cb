//! How long one call waits for Redis: no longer in all than the bound, whatever it asks there.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::{Either, select};

use super::Redis;
use crate::clock;

/// What a call has waited so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waited(Duration);

impl Waited {
    /// Whether it may wait at all.
    pub(crate) fn is_over(self, store: &Redis) -> bool {
        self.0 >= store.bound()
    }

    /// What comes of this, if it comes in what is left of the time.
    pub(crate) async fn wait<T>(
        &mut self,
        store: &Redis,
        told: impl Future<Output = T> + Unpin,
    ) -> Option<T> {
        let began = clock::now();
        let until = began + store.bound().saturating_sub(self.0);
        let told = match select(told, Box::pin(clock::sleep_until(until))).await {
            Either::Left((told, _)) => Some(told),
            Either::Right(_) => {
                // An answer that takes the whole bound counts itself as late.
                let late = u64::from(!self.0.is_zero());
                store.count().late.fetch_add(late, Ordering::Relaxed);
                None
            }
        };
        self.0 += clock::now() - began;
        told
    }
}
