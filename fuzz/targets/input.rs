//! How targets read their input: four bytes of choices, then the bytes that are fed; and ways to cut those.

/// Choices that an input makes beside the bytes it feeds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knobs(pub(crate) [u8; 4]);

/// Takes the choices off; `None` for an input that is too short to make them.
pub(crate) fn split(data: &[u8]) -> Option<(Knobs, &[u8])> {
    let (knobs, body) = data.split_first_chunk::<4>()?;
    Some((Knobs(*knobs), body))
}

impl Knobs {
    /// One of the bits of the first byte.
    pub(crate) fn bit(self, number: u32) -> bool {
        self.0[0] >> number & 1 == 1
    }

    /// A place in `len` bytes.
    pub(crate) fn place(self, len: usize) -> usize {
        usize::from(u16::from_le_bytes([self.0[2], self.0[3]])) % (len + 1)
    }
}

/// Pieces of `body`: two ways that the choices decide, and, if it is short, byte by byte. Every list joins to `body`.
pub(crate) fn cuts(knobs: Knobs, body: &[u8]) -> Vec<Vec<&[u8]>> {
    let (first, second) = body.split_at(knobs.place(body.len()));
    let mut cuts = vec![vec![first, second], random(body, knobs.0[1])];
    if body.len() <= BYTEWISE_MAX {
        cuts.push(body.chunks(1).collect());
    }
    cuts
}

/// Pieces of seeded lengths, some of them empty.
fn random(body: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut state = u64::from(seed);
    let mut below = |end: usize| {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    };
    let longest = 1 + body.len() / (1 + below(20));
    let mut pieces = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(below(longest + 1).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

// Beyond this the cut at each byte costs more executions than it finds.
const BYTEWISE_MAX: usize = 512;
