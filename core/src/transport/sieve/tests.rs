use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// What a peer sends: reads of it, then nothing, or the end.
#[derive(Default)]
struct Peer {
    reads: VecDeque<Vec<u8>>,
    ended: bool,
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(read) = self.reads.front_mut() else {
            return match self.ended {
                true => Poll::Ready(Ok(())),
                false => Poll::Pending,
            };
        };
        let now = read.len().min(buffer.remaining());
        buffer.put_slice(&read[..now]);
        read.drain(..now);
        if read.is_empty() {
            self.reads.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Line {
    sieve: Sieve<Peer>,
    taps: Taps,
    turned: Arc<Count>,
}

impl Line {
    fn new() -> Line {
        let taps = Taps::default();
        Line {
            sieve: Sieve::new(Peer::default(), taps.clone()),
            taps,
            turned: Arc::default(),
        }
    }

    fn sends(&mut self, bytes: &[u8]) {
        self.sieve.stream.reads.push_back(bytes.to_vec());
    }

    /// All that h2 reads now, in reads of so much.
    fn heard(&mut self, most: usize) -> Vec<u8> {
        let waker = Waker::from(self.turned.clone());
        let mut cx = Context::from_waker(&waker);
        let mut all = Vec::new();
        loop {
            let mut space = vec![0; most];
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.sieve).poll_read(&mut cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    all.extend_from_slice(buffer.filled());
                }
                _ => return all,
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let frame = Frame {
        len,
        kind,
        flags,
        stream,
    };
    [&frame.head()[..], payload].concat()
}

fn head(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, b"head")
}

fn data(stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(DATA, 0, stream, payload)
}

fn last(stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(DATA, END_STREAM, stream, payload)
}

fn taken(tap: &Tap) -> Vec<Taken> {
    let cx = Context::from_waker(Waker::noop());
    let all = std::iter::from_fn(|| Some(tap.take(&cx)));
    all.take_while(|taken| *taken != Taken::Nothing).collect()
}

fn pieces(tap: &Tap) -> Vec<u8> {
    let bytes = taken(tap).into_iter().map(|taken| match taken {
        Taken::Piece(piece) => piece.to_vec(),
        _ => Vec::new(),
    });
    bytes.flatten().collect()
}

#[test]
fn pieces_come_to_their_stream_and_h2_hears_as_many_blanks() {
    let mut line = Line::new();
    let taps = [1, 3].map(|stream| line.taps.open(stream));
    let other = frame(4, 0, 0, b"settings");
    let all = [
        &other[..],
        &head(1),
        &head(3),
        &data(1, b"one "),
        &data(3, b"three "),
        &data(1, b"more"),
        &last(1, b"!"),
        &data(3, b"last"),
        &last(3, b""),
    ];
    line.sends(&all.concat());
    let told = [
        &other[..],
        &head(1),
        &head(3),
        &last(1, &[0; 9]),
        &last(3, &[0; 10]),
    ];
    assert_eq!(line.heard(4096), told.concat());
    assert_eq!(pieces(&taps[0]), b"one more!");
    assert_eq!(pieces(&taps[1]), b"three last");
}

#[test]
fn wherever_reads_are_cut_the_same_comes_out() {
    let mut bytes = [head(5), data(5, b"abc"), frame(2, 0, 5, b"prio!")].concat();
    bytes.extend([data(5, &[7; 300]), head(7), data(9, b"not tapped")].concat());
    bytes.extend(last(5, b"end"));
    let told = [
        head(5),
        frame(2, 0, 5, b"prio!"),
        head(7),
        data(9, b"not tapped"),
        last(5, &[0; 306]),
    ];
    for (cut, most) in (1..bytes.len()).flat_map(|cut| [(cut, 1), (cut, 64), (cut, 9999)]) {
        let mut line = Line::new();
        let tap = line.taps.open(5);
        for part in bytes.chunks(cut) {
            line.sends(part);
        }
        assert_eq!(line.heard(most), told.concat(), "cut at {cut}, {most}");
        assert_eq!(pieces(&tap), [b"abc", &[7; 300][..], b"end"].concat());
    }
}

#[test]
fn h2_is_told_in_time() {
    let mut line = Line::new();
    let _tap = line.taps.open(1);
    line.sends(&head(1));
    assert_eq!(line.heard(999), head(1));
    let (piece, mut sent, mut told) = (data(1, &[9; 1000]), 0, 0);
    for _ in 0..100 {
        line.sends(&piece);
        sent += 1000;
        told += line.heard(TELL * 2).len().saturating_sub(HEAD);
        assert!(sent - told < TELL, "{sent} came, {told} were told");
    }
    // Before what ends a stream in another way.
    let reset = frame(RST_STREAM, 0, 1, b"code");
    line.sends(&reset);
    let left = data(1, &vec![0; sent - told]);
    assert_eq!(line.heard(TELL), [left, reset].concat());
}

#[test]
fn what_a_reader_left_is_told_when_it_leaves_and_never_within_a_frame() {
    let mut line = Line::new();
    let (gone, other) = (line.taps.open(1), line.taps.open(3));
    line.sends(&[head(1), data(1, b"unread")].concat());
    assert_eq!(line.heard(999), head(1));
    // Half a frame of another kind.
    let block = frame(HEADERS, 0, 3, b"a part");
    line.sends(&block[..12]);
    assert_eq!(line.heard(999), block[..12]);
    drop(gone);
    assert_eq!(line.turned.0.load(Ordering::SeqCst), 1);
    assert_eq!(line.heard(999), b"");
    // And not between the parts of a header block.
    line.sends(&block[12..]);
    assert_eq!(line.heard(999), block[12..]);
    assert_eq!(line.heard(999), b"");
    let rest = frame(CONTINUATION, END_HEADERS, 3, b"the rest");
    line.sends(&rest);
    assert_eq!(line.heard(999), [rest, data(1, &[0; 6])].concat());
    // What comes late is h2's.
    line.sends(&[data(1, b"late"), data(3, b"here")].concat());
    assert_eq!(line.heard(999), data(1, b"late"));
    assert_eq!(pieces(&other), b"here");
}

#[test]
fn what_is_not_as_usual_is_let_through_in_order() {
    let padded = frame(DATA, PADDED, 1, b"\x02data..");
    let cases: [(Vec<u8>, Vec<u8>); 5] = [
        // Padding, and what follows it.
        (
            [head(1), data(1, b"abc"), padded.clone(), data(1, b"d")].concat(),
            [head(1), data(1, &[0; 3]), padded, data(1, b"d")].concat(),
        ),
        // No head yet.
        (data(1, b"abc"), data(1, b"abc")),
        // A whole answer, not a token.
        (
            [head(1), data(1, &[5; SMALL + 1])].concat(),
            [head(1), data(1, &[5; SMALL + 1])].concat(),
        ),
        // Trailers.
        (
            [
                head(1),
                data(1, b"abc"),
                frame(HEADERS, END_HEADERS | END_STREAM, 1, b"t"),
            ]
            .concat(),
            [
                head(1),
                data(1, &[0; 3]),
                frame(HEADERS, END_HEADERS | END_STREAM, 1, b"t"),
            ]
            .concat(),
        ),
        // More after the end.
        (
            [head(1), last(1, b"abc"), data(1, b"d")].concat(),
            [head(1), last(1, &[0; 3]), data(1, b"d")].concat(),
        ),
    ];
    for (sent, told) in cases {
        let mut line = Line::new();
        let _tap = line.taps.open(1);
        line.sends(&sent);
        assert_eq!(line.heard(9999), told);
    }
}

#[test]
fn what_h2_hands_out_is_blank_or_the_answers_own() {
    let mut line = Line::new();
    let tap = line.taps.open(1);
    let padded = frame(DATA, PADDED, 1, b"\x02data..");
    line.sends(&[head(1), data(1, b"abc"), padded].concat());
    line.heard(9999);
    tap.handed_out(Bytes::from_static(&[0; 3]));
    tap.handed_out(Bytes::from_static(b"data"));
    assert_eq!(pieces(&tap), b"abcdata");
}

#[test]
fn an_end_within_a_frame_is_h2s_to_find() {
    let mut line = Line::new();
    let tap = line.taps.open(1);
    let cut = &data(1, b"never whole")[..15];
    line.sends(&[&head(1)[..], &data(1, b"abc"), cut].concat());
    line.sieve.stream.ended = true;
    assert_eq!(line.heard(9999), [&head(1)[..], cut].concat());
    assert_eq!(pieces(&tap), b"abc");
}

#[test]
fn a_reader_is_woken_once_for_what_it_has_not_taken_and_asks_h2_when_that_stirs() {
    let mut line = Line::new();
    let tap = line.taps.open(1);
    let woken = Arc::new(Count::default());
    let waker = Waker::from(woken.clone());
    let cx = Context::from_waker(&waker);
    let count = || woken.0.load(Ordering::SeqCst);
    assert_eq!(tap.take(&cx), Taken::Ask);
    assert_eq!(tap.take(&cx), Taken::Nothing);
    line.sends(&[head(1), data(1, b"a"), data(1, b"b")].concat());
    line.heard(999);
    assert_eq!(count(), 1);
    assert_eq!(tap.take(&cx), Taken::Piece(Bytes::from_static(b"a")));
    assert_eq!(tap.take(&cx), Taken::Piece(Bytes::from_static(b"b")));
    assert_eq!(tap.take(&cx), Taken::Nothing);
    tap.waker().wake_by_ref();
    assert_eq!(count(), 2);
    assert_eq!(tap.take(&cx), Taken::Ask);
    assert_eq!(tap.take(&cx), Taken::Nothing);
}
