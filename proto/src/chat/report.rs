//! What of a request did not fit, and what to do about it.

use crate::error::{Error, ErrorKind, Result, Retry};
use crate::wire::{Dropped, Unsupported};

/// Collects what of a request did not fit a provider.
#[derive(Debug)]
pub struct Report {
    mode: Unsupported,
    dropped: Vec<Dropped>,
}

impl Report {
    /// Nothing yet.
    pub fn new(mode: Unsupported) -> Report {
        Report {
            mode,
            dropped: Vec::new(),
        }
    }

    /// Whether what the provider may not take is sent all the same, where the format has a place for it.
    pub fn passes(&self) -> bool {
        self.mode == Unsupported::Pass
    }

    /// This is left out; an error where the target wants one. Another target may take it.
    pub fn dropped(&mut self, param: impl Into<String>, why: impl Into<String>) -> Result<()> {
        self.unfit("dropped", param.into(), why.into())
    }

    /// This number is brought into the provider's range; an error where the target wants one.
    pub fn clamped(&mut self, param: impl Into<String>, why: impl Into<String>) -> Result<()> {
        self.unfit("clamped", param.into(), why.into())
    }

    /// This is said in other words, or said although the caller did not.
    pub fn converted(&mut self, param: impl Into<String>, why: impl Into<String>) {
        self.dropped.push(Dropped {
            param: param.into(),
            action: "converted",
            why: why.into(),
        });
    }

    /// What was collected.
    pub fn finish(self) -> Vec<Dropped> {
        self.dropped
    }

    fn unfit(&mut self, action: &'static str, param: String, why: String) -> Result<()> {
        if self.mode == Unsupported::Error {
            let error = Error::new(ErrorKind::Unsupported, format!("{param}: {why}"));
            return Err(error.with_retry(Retry::Elsewhere));
        }
        self.dropped.push(Dropped { param, action, why });
        Ok(())
    }
}
