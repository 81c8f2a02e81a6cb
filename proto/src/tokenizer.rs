//! How many tokens a text is, exactly, by a model's own vocabulary: byte pair encoding as OpenAI's tiktoken does it, with the
//! vocabulary read from the file that it is published in. What is counted is text; words that stand for control are text as well.
//!
//! ```
//! use libllm_proto::tokenizer::{Split, Tokenizer};
//!
//! // 256 single bytes, and one pair: "ab".
//! let mut file: String = (0..=255u8).map(|byte| format!("{} {byte}\n", libllm_proto::base64::encode(&[byte]))).collect();
//! file += "YWI= 256\n";
//! let tokenizer = Tokenizer::parse(&file, Split::O200k)?;
//! assert_eq!(tokenizer.count("abab c"), Some(2 + 2));
//! # Ok::<(), libllm_proto::Error>(())
//! ```

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::base64;
use crate::error::{Error, ErrorKind, Result};

mod split;

pub use split::Split;

/// A vocabulary and how texts are cut before it is applied.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokenizer {
    ranks: HashMap<Box<[u8]>, u32>,
    /// Bytes of the longest token.
    longest: usize,
    split: Split,
}

impl Tokenizer {
    /// Reads tiktoken's format: on each line a token in base64, a blank, and its rank. Every single byte is a token.
    pub fn parse(file: &str, split: Split) -> Result<Tokenizer> {
        let bad = |why: String| Error::new(ErrorKind::InvalidArgument, why);
        let mut ranks = HashMap::with_capacity(file.len() / LINE);
        for (number, line) in file
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
        {
            let read = line.split_once(' ').and_then(|(token, rank)| {
                let token = base64::decode(token).filter(|token| !token.is_empty())?;
                Some((token.into_boxed_slice(), rank.trim_end().parse().ok()?))
            });
            let Some((token, rank)) = read else {
                let number = number + 1;
                return Err(bad(format!(
                    "line {number}: expected a token in base64, a blank and its rank"
                )));
            };
            ranks.insert(token, rank);
        }
        if let Some(byte) = (0..=u8::MAX).find(|byte| !ranks.contains_key(&[*byte][..])) {
            return Err(bad(format!(
                "no vocabulary of bytes: 0x{byte:02x} is no token"
            )));
        }
        let longest = ranks.keys().map(|token| token.len()).max();
        Ok(Tokenizer {
            ranks,
            longest: longest.unwrap_or_default(),
            split,
        })
    }

    /// Tokens of a text. `None` if a piece of it, cut as the vocabulary is meant to be used, is too long to be looked at.
    pub fn count(&self, text: &str) -> Option<u64> {
        let (mut tokens, mut at) = (0, 0);
        while at < text.len() {
            let (more, to) = self.count_from(text, at, usize::MAX)?;
            (tokens, at) = (tokens + more, to);
        }
        Some(tokens)
    }

    /// The same of a part that begins at `at`, where another ended, and has about `bytes`; and where it ends.
    pub fn count_from(&self, text: &str, at: usize, bytes: usize) -> Option<(u64, usize)> {
        let (mut tokens, mut to) = (0, at);
        while to < text.len() && to - at < bytes {
            let piece = self.split.next(&text[to..]);
            if piece > PIECE_MAX {
                return None;
            }
            tokens += self.tokens(&text.as_bytes()[to..to + piece]);
            to += piece;
        }
        Some((tokens, to))
    }

    fn rank(&self, bytes: &[u8]) -> Option<u32> {
        (bytes.len() <= self.longest).then(|| self.ranks.get(bytes).copied())?
    }

    /// Tokens of one piece: the two neighbours of the lowest rank become one, the first of them if there are several, for as long as
    /// any two do.
    fn tokens(&self, piece: &[u8]) -> u64 {
        if self.rank(piece).is_some() {
            return 1;
        }
        // Where the part ends that begins there, 0 if none does; and where the part before it begins.
        let mut ends: Vec<usize> = (1..=piece.len()).collect();
        let mut before: Vec<usize> = (0..piece.len()).map(|at| at.saturating_sub(1)).collect();
        let mut pairs = BinaryHeap::new();
        let offer = |pairs: &mut BinaryHeap<_>, from: usize, middle: usize, to: usize| {
            if let Some(rank) = self.rank(&piece[from..to]) {
                pairs.push(Reverse((rank, from, middle, to)));
            }
        };
        for from in 0..piece.len() - 1 {
            offer(&mut pairs, from, from + 1, from + 2);
        }
        let mut parts = piece.len() as u64;
        while let Some(Reverse((_, from, middle, to))) = pairs.pop() {
            // One of the two may be part of something else by now.
            if ends[from] != middle || ends[middle] != to {
                continue;
            }
            (ends[from], ends[middle]) = (to, 0);
            parts -= 1;
            if from > 0 {
                offer(&mut pairs, before[from], from, to);
            }
            if to < piece.len() {
                before[to] = from;
                offer(&mut pairs, from, to, ends[to]);
            }
        }
        parts
    }
}

// Two hundred thousand tokens say nothing to a reader.
impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Tokenizer({:?}, {} tokens)",
            self.split,
            self.ranks.len()
        )
    }
}

/// Bytes of a line, about.
const LINE: usize = 16;
/// Words are shorter. What is longer would keep a thread from its other work for more than some milliseconds.
const PIECE_MAX: usize = 64 << 10;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Single bytes, and these.
    fn with(tokens: &[&str]) -> Tokenizer {
        let bytes = (0..=u8::MAX).map(|byte| vec![byte]);
        let all = bytes.chain(tokens.iter().map(|token| token.as_bytes().to_vec()));
        let lines = all
            .enumerate()
            .map(|(rank, token)| format!("{} {rank}\n", base64::encode(&token)));
        Tokenizer::parse(&lines.collect::<String>(), Split::Cl100k).unwrap()
    }

    #[test]
    fn the_lowest_rank_goes_first_and_the_first_of_equals() {
        // "abc": b and c become one first, which leaves a alone.
        assert_eq!(with(&["bc", "ab"]).count("abc"), Some(2));
        assert_eq!(with(&["bc", "ab", "abc"]).count("abc"), Some(1));
        // "aaa" is "aa" and "a", and "aaaa" two of the first.
        let tokenizer = with(&["aa"]);
        assert_eq!(
            (tokenizer.count("aaa"), tokenizer.count("aaaa")),
            (Some(2), Some(2))
        );
        // What became one with its neighbour is none's neighbour any more.
        assert_eq!(with(&["ab", "bc", "cd", "abcd"]).count("abcd"), Some(1));
        assert_eq!(with(&["bc", "ab", "cd", "abc"]).count("abcd"), Some(2));
        assert_eq!(with(&[]).count("\u{e9}"), Some(2));
        assert_eq!(with(&[]).count(""), Some(0));
    }

    #[test]
    fn parts_of_a_text_are_counted_one_after_another() {
        let tokenizer = with(&["ab"]);
        let text = "ab ab ab";
        let (first, at) = tokenizer.count_from(text, 0, 3).unwrap();
        assert_eq!((first, at), (1 + 2, 5));
        let (rest, end) = tokenizer.count_from(text, at, 100).unwrap();
        assert_eq!(
            (first + rest, end),
            (tokenizer.count(text).unwrap(), text.len())
        );
    }

    #[test]
    fn what_has_no_end_is_not_counted() {
        let tokenizer = with(&["aa"]);
        assert_eq!(
            tokenizer.count(&"a".repeat(PIECE_MAX)),
            Some(PIECE_MAX as u64 / 2)
        );
        assert_eq!(tokenizer.count(&"a".repeat(PIECE_MAX + 1)), None);
    }

    #[test]
    fn a_file_that_is_none_says_where() {
        let said = |file: &str| {
            Tokenizer::parse(file, Split::O200k)
                .unwrap_err()
                .message()
                .to_owned()
        };
        assert!(said("IQ== 0\nIg== one\n").starts_with("line 2: expected a token"));
        assert!(said("{\"vocab\": 1}").starts_with("line 1: "));
        assert!(said("IQ== 0\n").contains("0x00 is no token"));
        assert!(said("").contains("0x00"));
    }
}
