//! A streamed answer: tokens on their schedule, and the faults between them.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::body::Line;
use super::fault::Kind;
use super::pieces::{Piece, Pieces};
use super::script::{At, Script, What};

/// How a dialect says things; each function appends whole events.
pub(super) trait Voice: Send + Debug {
    fn open(&mut self, out: &mut Vec<u8>);
    fn piece(&mut self, choice: u32, piece: &Piece<'_>, out: &mut Vec<u8>);
    fn close(&mut self, out: &mut Vec<u8>);
    fn ping(&self, out: &mut Vec<u8>);
    fn garbage(&self, out: &mut Vec<u8>);
    fn error(&self, kind: Kind, out: &mut Vec<u8>);
}

/// One streamed answer under way.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) script: Arc<Script>,
    pub(super) voice: Box<dyn Voice>,
    pub(super) pieces: Pieces,
    /// Tokens in all.
    pub(super) total: u32,
    pub(super) choices: u32,
    /// The next of the script's faults; their number if this request is spared.
    pub(super) fault: usize,
    /// When the first token would come with neither `ttft` nor stalls: the head's time.
    pub(super) start: Duration,
    /// Of `jitter`.
    pub(super) seed: u64,
    pub(super) opened: bool,
    pub(super) sent: u32,
}

impl Stream {
    /// Says the next thing on the schedule.
    pub(super) fn advance(&mut self, line: &mut Line) {
        if !self.opened {
            self.opened = true;
            self.voice.open(&mut line.out);
            return line.wait(self.start + self.script.ttft);
        }
        if let Some(what) = self.due_fault() {
            return self.act(what, line);
        }
        if self.sent == self.total {
            self.voice.close(&mut line.out);
            return line.end();
        }
        let due = self.due();
        if due > line.now {
            return line.wait(due);
        }
        self.sent += 1;
        if let Some(piece) = self.pieces.next() {
            for choice in 0..self.choices {
                self.voice.piece(choice, &piece, &mut line.out);
            }
        }
        line.flush_if_long();
    }

    /// The fault that comes now; one placed beyond the last token comes after the last token.
    fn due_fault(&mut self) -> Option<What> {
        let fault = self.script.faults.get(self.fault)?;
        let due = match fault.at {
            At::Head => true,
            At::Token(at) => at.min(self.total) <= self.sent,
        };
        due.then(|| {
            self.fault += 1;
            fault.what
        })
    }

    fn act(&mut self, what: What, line: &mut Line) {
        match what {
            What::Stall(time) => {
                self.start += time;
                line.wait(line.now + time);
            }
            What::Garbage => self.voice.garbage(&mut line.out),
            What::Cut(cut) => line.cut(cut),
            What::Error(kind) => {
                self.voice.error(kind, &mut line.out);
                line.end();
            }
        }
    }

    fn due(&self) -> Duration {
        let script = &self.script;
        let jitter = script.jitter.mul_f64(fraction(self.seed, self.sent));
        self.start + script.ttft + script.pace.saturating_mul(self.sent) + jitter
    }
}

/// A number of `0..1` that looks random and is the same in every run (splitmix64's finalizer).
fn fraction(seed: u64, at: u32) -> f64 {
    let mut x = seed
        .wrapping_add(u64::from(at))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 11) as f64 / (1u64 << 53) as f64
}
