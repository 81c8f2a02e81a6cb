//! What the tests of bytes share: vectors, base64, cuts and a seeded generator.
#![allow(dead_code)] // every test file uses a part

use serde_json::Value;

/// The vectors of this name.
pub(crate) fn vectors(name: &str) -> Value {
    let path = format!("{}/../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// The cases of a file of vectors, and that there are as many as it says.
pub(crate) fn cases(file: &Value) -> &[Value] {
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(file["count"].as_u64().unwrap(), cases.len() as u64);
    cases
}

/// The bytes of a base64 field.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_default().trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => panic!("no base64: {byte}"),
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

/// A generator of numbers: splitmix64, the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Calls `check` with ways to cut `input`: whole, byte by byte, every two-way cut up to 4 KiB, and seeded random cuts (25, or
/// 200 for a longer input). Every list of pieces joins to `input`.
pub(crate) fn every_cut(input: &[u8], mut check: impl FnMut(&str, &[&[u8]])) {
    check("whole", &[input]);
    check("byte by byte", &input.chunks(1).collect::<Vec<_>>());
    let short = input.len() <= 4096;
    if short {
        for at in 0..=input.len() {
            check(&format!("cut at {at}"), &[&input[..at], &input[at..]]);
        }
    }
    for seed in 0..if short { 25 } else { 200 } {
        check(&format!("random cut {seed}"), &random_cut(input, seed));
    }
}

/// Pieces of seeded random lengths, some of them empty, sizes from bytes to a good part of the whole.
pub(crate) fn random_cut(input: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut random = Random(seed);
    let longest = 1 + input.len() / (1 + random.below(40));
    let mut pieces = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(random.below(longest + 1).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}
