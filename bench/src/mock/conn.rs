//! One connection of the mock: bytes in, and the answer that is being written.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::plan::Plan;
use super::stats::Stats;

#[derive(Debug)]
pub(super) struct Conn {
    pub(super) socket: TcpStream,
    /// Tells this connection from an earlier one in the same place, for timers that outlive theirs.
    pub(super) generation: u32,
    pub(super) input: Vec<u8>,
    pub(super) answer: Option<Answer>,
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) plan: Rc<Plan>,
    /// When the next write is due.
    pub(super) due: Instant,
    gap: Duration,
    /// Writes that are due already.
    released: usize,
    sent: usize,
}

impl Answer {
    pub(super) fn new(plan: Rc<Plan>, due: Instant, gap: Duration) -> Answer {
        Answer {
            plan,
            due,
            gap,
            released: 0,
            sent: 0,
        }
    }

    /// Lets the next write go if it is due by `now`; says when the one after it is, if there is one. One write a call: a
    /// token has its own, also when the mock is late.
    pub(super) fn release(&mut self, now: Instant, stats: &mut Stats) -> Option<Instant> {
        if self.due <= now {
            stats.late = stats.late.max(now - self.due);
            self.released += 1;
            self.due += self.gap;
        }
        (self.released < self.plan.cuts.len()).then_some(self.due)
    }
}

/// How a connection goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It waits for the socket or the clock.
    Wait,
    /// The answer is out; `chat`: it was a model's.
    Finished { chat: bool },
    /// The client has gone.
    Closed,
}

impl Conn {
    /// Takes in what the client sent. `Closed` at its end.
    pub(super) fn read(&mut self, scratch: &mut [u8]) -> Next {
        loop {
            match self.socket.read(scratch) {
                Ok(0) => return Next::Closed,
                Ok(count) => {
                    self.input.extend_from_slice(&scratch[..count]);
                    // A short read empties the socket, and what comes later rings again.
                    if count < scratch.len() {
                        return Next::Wait;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Next::Wait,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Next::Closed,
            }
        }
    }

    /// Writes what has been released.
    pub(super) fn flush(&mut self, stats: &mut Stats) -> Next {
        let Some(answer) = &mut self.answer else {
            return Next::Wait;
        };
        let end = answer
            .released
            .checked_sub(1)
            .map_or(0, |last| answer.plan.cuts[last]);
        while answer.sent < end {
            stats.writes += 1;
            match self.socket.write(&answer.plan.bytes[answer.sent..end]) {
                Ok(count) => answer.sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stats.writes_short += 1;
                    return Next::Wait;
                }
                Err(_) => return Next::Closed,
            }
        }
        if answer.sent < answer.plan.bytes.len() {
            return Next::Wait;
        }
        let chat = answer.plan.chat;
        self.answer = None;
        Next::Finished { chat }
    }
}
