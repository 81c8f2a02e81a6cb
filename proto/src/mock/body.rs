//! An answer as steps in time: what leaves, when, and where it breaks.
//!
//! Times are offsets from the request's arrival on one absolute schedule, so that a late write does not delay the rest.

use std::time::Duration;

use bytes::Bytes;

use super::script::Script;
use super::stream::Stream;

/// One thing for the transport to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing leaves before this offset from the request's arrival.
    Until(Duration),
    /// Body bytes, before any HTTP framing, in one write of their own.
    Bytes(Bytes),
    /// The answer breaks here; the last step.
    Cut(Cut),
}

/// How an answer breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The body ends cleanly though the answer is not over, then the connection closes (a FIN).
    Fin,
    /// The connection is reset.
    Rst,
    /// The chunked coding breaks in the middle of a chunk, then the connection closes.
    Chunk,
}

/// The body of a [`super::Reply`]: an iterator of [`Step`]s, made as they are asked for.
#[derive(Debug)]
pub struct Body {
    line: Line,
    source: Source,
}

/// Where the bytes come from.
#[derive(Debug)]
enum Source {
    Stream(Box<Stream>),
    Whole(Whole),
}

/// One JSON object or page.
#[derive(Debug)]
struct Whole {
    at: Duration,
    bytes: Vec<u8>,
    cut: Option<Cut>,
}

impl Body {
    pub(super) fn stream(script: &Script, now: Duration, stream: Stream) -> Body {
        Body {
            line: Line::new(script, now),
            source: Source::Stream(Box::new(stream)),
        }
    }

    /// All of `bytes` at `at`, the caller having waited since `now`.
    pub(super) fn whole(
        script: &Script,
        now: Duration,
        at: Duration,
        bytes: Vec<u8>,
        cut: Option<Cut>,
    ) -> Body {
        Body {
            line: Line::new(script, now),
            source: Source::Whole(Whole { at, bytes, cut }),
        }
    }

    /// No bytes at all.
    pub(super) fn empty() -> Body {
        let mut line = Line::default();
        line.end();
        let whole = Whole {
            at: Duration::ZERO,
            bytes: Vec::new(),
            cut: None,
        };
        Body {
            line,
            source: Source::Whole(whole),
        }
    }
}

impl Iterator for Body {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.line.leaving() {
                return Some(step);
            }
            if self.line.over {
                return None;
            }
            if let Some((step, silent)) = self.line.waiting() {
                if silent {
                    self.source.keep_alive(&mut self.line.out);
                }
                return Some(step);
            }
            self.source.advance(&mut self.line);
        }
    }
}

impl Source {
    fn advance(&mut self, line: &mut Line) {
        match self {
            Source::Stream(stream) => stream.advance(line),
            Source::Whole(whole) if line.now < whole.at => line.wait(whole.at),
            Source::Whole(whole) => {
                line.out.append(&mut whole.bytes);
                match whole.cut {
                    Some(cut) => line.cut(cut),
                    None => line.end(),
                }
            }
        }
    }

    fn keep_alive(&self, out: &mut Vec<u8>) {
        match self {
            Source::Stream(stream) => stream.voice.ping(out),
            // JSON allows blank lines before it; DeepSeek docs "rate limit" keep unary requests alive so.
            Source::Whole(_) => out.push(b'\n'),
        }
    }
}

/// The way out: bytes gather until something has to happen before more may follow.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Where on the schedule we are.
    pub(super) now: Duration,
    /// Bytes said but not yet due to leave.
    pub(super) out: Vec<u8>,
    leaving: Bytes,
    until: Option<Duration>,
    cut: Option<Cut>,
    over: bool,
    /// Bytes per write.
    chunk: Option<usize>,
    keepalive: Option<Duration>,
}

impl Line {
    fn new(script: &Script, now: Duration) -> Line {
        Line {
            now,
            chunk: script.chunk,
            keepalive: script.keepalive,
            ..Line::default()
        }
    }

    /// Lets nothing more out before `until`.
    pub(super) fn wait(&mut self, until: Duration) {
        if until > self.now {
            self.until = Some(until);
            self.flush();
        }
    }

    /// Bounds the memory of a long answer without pace.
    pub(super) fn flush_if_long(&mut self) {
        if self.out.len() >= WRITE_MAX {
            self.flush();
        }
    }

    pub(super) fn cut(&mut self, cut: Cut) {
        self.cut = Some(cut);
        self.end();
    }

    pub(super) fn end(&mut self) {
        self.over = true;
        self.flush();
    }

    fn flush(&mut self) {
        self.leaving = Bytes::from(std::mem::take(&mut self.out));
    }

    fn leaving(&mut self) -> Option<Step> {
        if !self.leaving.is_empty() {
            let size = self.chunk.unwrap_or(usize::MAX).min(self.leaving.len());
            return Some(Step::Bytes(self.leaving.split_to(size)));
        }
        if self.over {
            return self.cut.take().map(Step::Cut);
        }
        None
    }

    /// The wait in progress, if any, and whether it ends in a keep-alive.
    fn waiting(&mut self) -> Option<(Step, bool)> {
        // A keep-alive of the wait before leaves first.
        if !self.out.is_empty() && self.until.is_some() {
            self.flush();
            return self.leaving().map(|step| (step, false));
        }
        let until = self.until?;
        let ping = self
            .keepalive
            .map(|every| self.now + every)
            .filter(|at| *at < until);
        self.now = ping.unwrap_or(until);
        if ping.is_none() {
            self.until = None;
        }
        Some((Step::Until(self.now), ping.is_some()))
    }
}

/// One write of an answer without pace; a longer answer is cut into several.
const WRITE_MAX: usize = 256 * 1024;
