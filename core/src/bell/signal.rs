//! The descriptor that a bell makes readable.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};

use crate::error::{Error, ErrorKind, Result};

/// An eventfd.
#[derive(Debug)]
pub(super) struct Signal(OwnedFd);

impl Signal {
    pub(super) fn new() -> Result<Signal> {
        rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map(Signal)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("eventfd: {error}")))
    }

    /// Whoever waits for it to be readable is woken. It stays the signal's own.
    pub(super) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Makes it readable. Async-signal-safe.
    pub(super) fn give(&self) {
        // A full counter is readable too, which is all that is wanted.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Makes it unreadable.
    pub(super) fn take(&self) {
        // Empty means that somebody was faster.
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }

    /// Waits until it is readable; false when a signal handler ran.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let spec = timeout.map(|timeout| Timespec {
            tv_sec: timeout.as_secs().min(i32::MAX as u64) as i64,
            tv_nsec: timeout.subsec_nanos().into(),
        });
        match rustix::event::poll(&mut fds, spec.as_ref()) {
            Ok(_) => Ok(true),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(Error::new(ErrorKind::Internal, format!("poll: {error}"))),
        }
    }
}
