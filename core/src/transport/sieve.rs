//! What stands between an HTTP/2 connection's bytes and h2: it takes the pieces of answers out and lets everything else through.
//!
//! A token of a stream is a DATA frame of some 300 bytes, and a hundred streams bring a hundred of them in a few reads. To cut one
//! out, to count it and to hand it to its stream took h2 3,000 instructions of the 8,500 that a token cost over HTTP/2; so it
//! takes 1,400 (callgrind of bench/ scenario h2, 2026-11-22, requests included).
//!
//! h2 still has the last word on everything, windows among it: what was taken out is told to it a little later, as DATA frames of
//! as many bytes of nothing, [`TELL`] at a time and the rest with whatever ends the answer. So h2 counts what has come, and gives it
//! back to the peer as it is told that it was read; a peer that sends more than it may is found out that much later.
//!
//! ```text
//! socket -> read -> DATA of a stream that is tapped -> its inbox -> who reads the answer
//!                   everything else, and blanks -----> h2 --------> its end, its errors, its windows
//! ```

use std::collections::{HashMap, VecDeque};
use std::future::Future as _;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// How much of an answer h2 is not told of at most.
pub(crate) const TELL: usize = 16 << 10;
// One read of so much at once brings fifty tokens; a piece that nobody took yet holds no more than this of it.
const READ: usize = 16 << 10;
// And from less room than this nothing is read.
const ROOM: usize = 4 << 10;
// RFC 9113 4.1, 6: what is looked at of frames. A longer one than this nobody allowed the peer to send.
const HEAD: usize = 9;
const FRAME_MAX: usize = 16 << 10;
// An answer whose first piece is larger comes in few, which h2 hands out at no cost that matters; the blanks would be one.
const SMALL: usize = 2 << 10;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// The streams whose answers are taken out.
#[derive(Clone, Default)]
pub(crate) struct Taps(Arc<Mutex<Places>>);

#[derive(Default)]
struct Places {
    by_stream: HashMap<u32, Place, BuildHasherDefault<Spread>>,
    /// What h2 has yet to be told of streams that nobody reads any more.
    debts: Vec<(u32, usize)>,
    /// What turns the connection.
    turns: Option<Waker>,
}

struct Place {
    inbox: Arc<Inbox>,
    flows: Flows,
    /// What came of it that h2 does not know of.
    untold: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flows {
    /// The answer's head has not come.
    NotYet,
    /// Nothing but the head has come.
    Begun,
    /// What comes is taken out.
    Here,
    /// It has ended, or h2 shall see for itself what comes.
    Through,
}

impl Taps {
    /// Takes out what comes on a stream, from before its first byte.
    pub(crate) fn open(&self, stream: u32) -> Tap {
        let inbox = Arc::new(Inbox::default());
        let place = Place {
            inbox: inbox.clone(),
            flows: Flows::NotYet,
            untold: 0,
        };
        crate::lock(&self.0).by_stream.insert(stream, place);
        Tap {
            waker: Waker::from(inbox.clone()),
            inbox,
            stream,
            taps: self.clone(),
        }
    }
}

/// Numbers that a peer cannot choose, spread.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.is_empty(), "a stream is one number");
    }

    fn write_u32(&mut self, number: u32) {
        // 2^64 over the golden ratio: Knuth's multiplicative hashing.
        self.0 = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// One stream's answer, as its reader has it.
pub(crate) struct Tap {
    inbox: Arc<Inbox>,
    /// Wakes the reader for what h2 has to say of the stream.
    waker: Waker,
    stream: u32,
    taps: Taps,
}

#[derive(Default)]
struct Inbox(Mutex<Come>);

#[derive(Default)]
struct Come {
    first: Option<Bytes>,
    more: VecDeque<Bytes>,
    /// h2 has something to say, or may have: it is asked at the beginning, too.
    quiet: bool,
    /// How many blank bytes h2 was told that it has not handed out.
    blank: usize,
    reader: Option<Waker>,
}

/// What there is for a reader.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The next piece.
    Piece(Bytes),
    /// No piece, but h2 has to be asked, with [`Tap::waker`].
    Ask,
    /// Nothing; the reader is woken.
    Nothing,
}

impl Tap {
    /// The next piece of the answer.
    pub(crate) fn take(&self, cx: &Context<'_>) -> Taken {
        let mut come = crate::lock(&self.inbox.0);
        if let Some(piece) = come.first.take() {
            come.first = come.more.pop_front();
            return Taken::Piece(piece);
        }
        if !std::mem::replace(&mut come.quiet, true) {
            return Taken::Ask;
        }
        match &come.reader {
            Some(reader) if reader.will_wake(cx.waker()) => {}
            _ => come.reader = Some(cx.waker().clone()),
        }
        Taken::Nothing
    }

    /// With what h2 is asked.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// h2 has handed out these bytes. They are the answer's if it was not told of blank ones: then it was let through.
    pub(crate) fn handed_out(&self, data: Bytes) {
        let mut come = crate::lock(&self.inbox.0);
        match come.blank.checked_sub(data.len()) {
            Some(left) => come.blank = left,
            None => come.put(data),
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let mut places = crate::lock(&self.taps.0);
        let untold = match places.by_stream.remove(&self.stream) {
            Some(place) => place.untold,
            None => 0,
        };
        if untold == 0 {
            return;
        }
        // The connection's window is short of it until h2 knows.
        places.debts.push((self.stream, untold));
        let turns = places.turns.take();
        drop(places);
        if let Some(turns) = turns {
            turns.wake();
        }
    }
}

impl Come {
    fn put(&mut self, piece: Bytes) {
        match self.first {
            None => self.first = Some(piece),
            Some(_) => self.more.push_back(piece),
        }
    }
}

impl Inbox {
    fn put(&self, piece: Bytes) {
        let mut come = crate::lock(&self.0);
        // Whoever was woken for another piece finds this one, too.
        let reader = match come.first {
            None => come.reader.take(),
            Some(_) => None,
        };
        come.put(piece);
        drop(come);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Wake for Inbox {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut come = crate::lock(&self.0);
        come.quiet = false;
        let reader = come.reader.take();
        drop(come);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// A connection's stream, as h2 reads it.
pub(crate) struct Sieve<S> {
    stream: S,
    taps: Taps,
    /// Read, and not looked at.
    raw: BytesMut,
    /// What has yet to come of a frame that is let through.
    passing: usize,
    /// A header block is not whole: nothing may come in between.
    block: bool,
    /// What h2 reads next.
    out: VecDeque<Piece>,
}

enum Piece {
    Read(Bytes),
    Blank(usize),
}

struct Frame {
    len: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn of(raw: &[u8]) -> Option<Frame> {
        let head: &[u8; HEAD] = raw.first_chunk()?;
        let [a, b, c, kind, flags, stream @ ..] = *head;
        Some(Frame {
            len: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & (u32::MAX >> 1),
        })
    }

    fn head(&self) -> Bytes {
        let [_, a, b, c] = (self.len as u32).to_be_bytes();
        let [d, e, f, g] = self.stream.to_be_bytes();
        Bytes::copy_from_slice(&[a, b, c, self.kind, self.flags, d, e, f, g])
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    // Whether the rest of a header block has to follow it.
    fn begins_block(&self) -> bool {
        matches!(self.kind, HEADERS | PUSH_PROMISE | CONTINUATION) && !self.has(END_HEADERS)
    }
}

impl<S> Sieve<S> {
    pub(crate) fn new(stream: S, taps: Taps) -> Sieve<S> {
        Sieve {
            stream,
            taps,
            raw: BytesMut::new(),
            passing: 0,
            block: false,
            out: VecDeque::new(),
        }
    }

    // Before anything is read: what is owed, and who is woken when more is.
    fn settle(&mut self, cx: &Context<'_>) {
        let mut places = crate::lock(&self.taps.0);
        if self.passing == 0 && !self.block {
            for (stream, untold) in places.debts.drain(..) {
                tell(&mut self.out, stream, untold, false);
            }
        }
        match &places.turns {
            Some(turns) if turns.will_wake(cx.waker()) => {}
            _ => places.turns = Some(cx.waker().clone()),
        }
    }

    // Looks at all that was read, but for a frame that has not come whole.
    fn sift(&mut self) {
        let mut places = crate::lock(&self.taps.0);
        loop {
            if self.passing > 0 {
                let now = self.passing.min(self.raw.len());
                if now == 0 {
                    return;
                }
                self.passing -= now;
                let read = self.raw.split_to(now).freeze();
                self.out.push_back(Piece::Read(read));
                continue;
            }
            let Some(frame) = Frame::of(&self.raw) else {
                return;
            };
            // Anything between the parts of a header block is an error, which h2 tells the peer.
            let place = match self.block {
                true => None,
                false => places.by_stream.get_mut(&frame.stream),
            };
            if let Some(place) = place {
                if frame.kind == DATA && place.takes(&frame) {
                    if self.raw.len() < HEAD + frame.len {
                        return;
                    }
                    self.raw.advance(HEAD);
                    let piece = self.raw.split_to(frame.len).freeze();
                    place.take_out(&frame, piece, &mut self.out);
                    continue;
                }
                place.let_through(&frame, &mut self.out);
            }
            self.block = match self.block {
                true => frame.kind != CONTINUATION || frame.begins_block(),
                false => frame.begins_block(),
            };
            self.passing = HEAD + frame.len;
        }
    }

    fn fill(&mut self, buffer: &mut ReadBuf<'_>) {
        while let Some(piece) = self.out.front_mut() {
            let room = buffer.remaining();
            let left = match piece {
                Piece::Read(bytes) => {
                    let now = bytes.len().min(room);
                    buffer.put_slice(&bytes[..now]);
                    bytes.advance(now);
                    bytes.len()
                }
                Piece::Blank(count) => {
                    let now = (*count).min(room);
                    buffer.initialize_unfilled_to(now);
                    buffer.advance(now);
                    *count -= now;
                    *count
                }
            };
            if left > 0 {
                return;
            }
            self.out.pop_front();
        }
    }
}

impl Place {
    // Padding counts and is no part of the answer: that is rare, and h2's.
    fn takes(&self, frame: &Frame) -> bool {
        let most = match self.flows {
            Flows::Begun => SMALL,
            Flows::Here => FRAME_MAX,
            Flows::NotYet | Flows::Through => return false,
        };
        frame.len <= most && !frame.has(PADDED)
    }

    fn take_out(&mut self, frame: &Frame, piece: Bytes, out: &mut VecDeque<Piece>) {
        self.flows = Flows::Here;
        self.untold += frame.len;
        if !piece.is_empty() {
            self.inbox.put(piece);
        }
        if frame.has(END_STREAM) {
            self.flows = Flows::Through;
            self.tell(frame.stream, self.untold, true, out);
        } else if self.untold >= TELL {
            self.tell(frame.stream, TELL, false, out);
        }
    }

    // After some frames nothing more may be said of a stream.
    fn let_through(&mut self, frame: &Frame, out: &mut VecDeque<Piece>) {
        self.flows = match (frame.kind, self.flows) {
            (HEADERS, Flows::NotYet) if !frame.has(END_STREAM) => Flows::Begun,
            (DATA | HEADERS | RST_STREAM, _) => Flows::Through,
            (_, flows) => flows,
        };
        if self.flows == Flows::Through && self.untold > 0 {
            self.tell(frame.stream, self.untold, false, out);
        }
    }

    fn tell(&mut self, stream: u32, count: usize, ends: bool, out: &mut VecDeque<Piece>) {
        self.untold -= count;
        // Known before h2 hands any of it out.
        crate::lock(&self.inbox.0).blank += count;
        tell(out, stream, count, ends);
    }
}

// As DATA frames of blanks.
fn tell(out: &mut VecDeque<Piece>, stream: u32, mut count: usize, ends: bool) {
    loop {
        let len = count.min(FRAME_MAX);
        count -= len;
        let frame = Frame {
            len,
            kind: DATA,
            flags: if ends && count == 0 { END_STREAM } else { 0 },
            stream,
        };
        out.push_back(Piece::Read(frame.head()));
        if len > 0 {
            out.push_back(Piece::Blank(len));
        }
        if count == 0 {
            return;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sieve<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.out.is_empty() {
                this.settle(cx);
            }
            if !this.out.is_empty() {
                this.fill(buffer);
                return Poll::Ready(Ok(()));
            }
            if this.raw.capacity() - this.raw.len() < ROOM {
                this.raw.reserve(READ);
            }
            if ready!(pin!(this.stream.read_buf(&mut this.raw)).poll(cx))? > 0 {
                this.sift();
            } else if this.raw.is_empty() {
                return Poll::Ready(Ok(()));
            } else {
                // Part of a frame: the end came too early, which is h2's to say.
                let read = this.raw.split().freeze();
                this.out.push_back(Piece::Read(read));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sieve<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
