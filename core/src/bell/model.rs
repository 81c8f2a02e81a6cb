//! What an eventfd does, as loom sees it: a counter, and whoever waits until it is not zero.

use std::os::fd::RawFd;
use std::time::Duration;

use loom::sync::{Condvar, Mutex};

use crate::error::Result;

#[derive(Debug)]
pub(super) struct Signal {
    given: Mutex<bool>,
    change: Condvar,
}

impl Signal {
    pub(super) fn new() -> Result<Signal> {
        Ok(Signal {
            given: Mutex::new(false),
            change: Condvar::new(),
        })
    }

    // There is none.
    pub(super) fn descriptor(&self) -> RawFd {
        -1
    }

    pub(super) fn give(&self) {
        *crate::lock(&self.given) = true;
        self.change.notify_all();
    }

    pub(super) fn take(&self) {
        *crate::lock(&self.given) = false;
    }

    // No time passes in a model: whoever is not woken waits for ever, and loom says so.
    pub(super) fn wait(&self, _timeout: Option<Duration>) -> Result<bool> {
        let mut given = crate::lock(&self.given);
        while !*given {
            given = self
                .change
                .wait(given)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        Ok(true)
    }
}
