//! Strings: where one ends, and its text with escapes undone, bad bytes replaced and split surrogate pairs joined.

use std::borrow::Cow;
use std::fmt;

/// A string as it is written, without its quotes. Its escapes are known to be good; its bytes may be no UTF-8.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Str<'a> {
    raw: &'a [u8],
    /// Twice where it lies in the input, plus one if it has escapes. With a `bool` of its own this would be copied in odd pieces
    /// on the way out of each call, and the processor waits for those longer than the scan takes.
    place: usize,
}

impl<'a> Str<'a> {
    pub(super) fn new(raw: &'a [u8], start: usize, escaped: bool) -> Str<'a> {
        Str {
            raw,
            place: start << 1 | usize::from(escaped),
        }
    }

    /// The bytes between the quotes.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Where the bytes between the quotes lie in the cursor's input.
    pub fn range(&self) -> std::ops::Range<usize> {
        let start = self.place >> 1;
        start..start + self.raw.len()
    }

    /// Whether there is no escape in it.
    pub fn is_plain(&self) -> bool {
        self.place & 1 == 0
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether its text is `text`.
    pub fn is(&self, text: &str) -> bool {
        if self.is_plain() {
            self.raw == text.as_bytes()
        } else {
            self.owned() == text
        }
    }

    /// Its text: borrowed from the input if that is the text, else made in `scratch`, whose old content is lost.
    pub fn decode<'s>(&self, scratch: &'s mut String) -> &'s str
    where
        'a: 's,
    {
        if self.is_plain()
            && let Some(text) = utf8(self.raw)
        {
            return text;
        }
        let mut half = Half::default();
        self.decode_into(&mut half, scratch);
        half.flush_into(scratch);
        scratch
    }

    /// The text of one delta of a longer text, as [`Str::decode`] does it, but for a surrogate pair that a server cut in two: a
    /// high half at the end is held in `half` and joined with the next delta. [`Half::flush`] when the text ends.
    pub fn decode_joined<'s>(&self, half: &mut Half, scratch: &'s mut String) -> &'s str
    where
        'a: 's,
    {
        if let Some(text) = self.as_written(half) {
            return text;
        }
        self.decode_into(half, scratch);
        scratch
    }

    /// Its text where that is what is written and no `half` waits: nothing has to be made.
    pub fn as_written(&self, half: &Half) -> Option<&'a str> {
        if self.is_plain() && (half.0.is_none() || self.raw.is_empty()) {
            return utf8(self.raw);
        }
        None
    }

    /// Its text in memory of its own.
    pub fn owned(&self) -> String {
        self.borrowed().into_owned()
    }

    /// Its text, borrowed from the input if that is the text.
    pub fn borrowed(&self) -> Cow<'a, str> {
        let mut half = Half::default();
        if let Some(text) = self.as_written(&half) {
            return Cow::Borrowed(text);
        }
        let mut text = String::new();
        self.append_joined(&mut half, &mut text);
        half.flush_into(&mut text);
        Cow::Owned(text)
    }

    /// Its text in `buffer`; `None` if that is too small. For keys: invalid UTF-8 stays, a lone surrogate matches nothing.
    pub(super) fn decode_short<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let mut len = 0;
        let mut rest = self.raw;
        while let Some((&first, tail)) = rest.split_first() {
            let mut encoded = [first, 0, 0, 0];
            let mut size = 1;
            rest = tail;
            if first == b'\\' {
                let (escape, used) = escape(tail);
                rest = &tail[used..];
                let unit = match escape {
                    Escape::Char(char) => char,
                    Escape::High(high) => match low(rest) {
                        Some(low) => {
                            rest = &rest[6..];
                            join(high, low)
                        }
                        None => char::REPLACEMENT_CHARACTER,
                    },
                    Escape::Low(_) => char::REPLACEMENT_CHARACTER,
                };
                size = unit.encode_utf8(&mut encoded).len();
            }
            buffer
                .get_mut(len..len + size)?
                .copy_from_slice(&encoded[..size]);
            len += size;
        }
        Some(&buffer[..len])
    }

    fn decode_into(&self, half: &mut Half, out: &mut String) {
        out.clear();
        self.append_joined(half, out);
    }

    /// Like [`Str::decode_joined`], but appends the text to `out`.
    pub fn append_joined(&self, half: &mut Half, out: &mut String) {
        out.reserve(self.raw.len());
        // One check of the whole is several times faster than one of each piece between two escapes.
        let valid = utf8(self.raw);
        let mut at = 0;
        while at < self.raw.len() {
            let next = backslash(self.raw, at);
            if next > at {
                half.flush_into(out);
                match valid.and_then(|text| text.get(at..next)) {
                    Some(text) => out.push_str(text),
                    None => push_lossy(&self.raw[at..next], out),
                }
            }
            let Some(tail) = self.raw.get(next + 1..) else {
                break;
            };
            let short = tail.first().map_or(0, |&letter| SHORT[usize::from(letter)]);
            if short != 0 && half.0.is_none() {
                // ASCII, which is all that has a short form: the mask says so to the compiler.
                out.push(char::from(short & 0x7f));
                at = next + 2;
                continue;
            }
            let (escape, used) = escape(tail);
            at = next + 1 + used;
            half.then(escape, out);
        }
    }
}

impl fmt::Debug for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.owned())
    }
}

/// The first half of a surrogate pair whose second half has not come yet; empty to begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Half(Option<u16>);

impl Half {
    /// What to say for a half that nothing followed: U+FFFD, or nothing if none is held. Holds none afterwards.
    pub fn flush(&mut self) -> &'static str {
        if self.0.take().is_some() {
            "\u{fffd}"
        } else {
            ""
        }
    }

    #[inline]
    fn flush_into(&mut self, out: &mut String) {
        if self.0.is_some() {
            out.push_str(self.flush());
        }
    }

    /// An escape that follows a half, or is one.
    #[inline(never)]
    fn then(&mut self, escape: Escape, out: &mut String) {
        match (escape, self.0.take()) {
            (Escape::Low(low), Some(high)) => out.push(join(high, low)),
            (escape, held) => {
                if held.is_some() {
                    out.push(char::REPLACEMENT_CHARACTER);
                }
                match escape {
                    Escape::Char(char) => out.push(char),
                    Escape::High(high) => self.0 = Some(high),
                    Escape::Low(_) => out.push(char::REPLACEMENT_CHARACTER),
                }
            }
        }
    }
}

/// Where the string ends whose first special byte is at `at`, or where and why it is none.
pub(super) fn end(input: &[u8], mut at: usize) -> Result<usize, (usize, &'static str)> {
    loop {
        match input.get(at) {
            Some(b'"') => return Ok(at),
            Some(b'\\') => {
                let letter = input.get(at + 1).copied().unwrap_or_default();
                at += match SHORT[usize::from(letter)] {
                    0 => escape_len(&input[at..]).ok_or((at, "bad escape"))?,
                    _ => 2,
                };
            }
            Some(_) => return Err((at, "control character in a string")),
            None => return Err((at, "unfinished string")),
        }
        at = special(input, at);
    }
}

// Eight bytes at a time: in a word, the lowest flagged byte is exact (a borrow only runs upwards).
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

/// The first quote, backslash or control character at or behind `at`; the length if there is none.
#[inline]
pub(super) fn special(input: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = input.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let quote = zeros(word ^ (ONES * b'"' as u64));
        let backslash = zeros(word ^ (ONES * b'\\' as u64));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (quote | backslash | control) & HIGHS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = &input[at.min(input.len())..];
    let found = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    at + found.unwrap_or(rest.len())
}

/// The first backslash at or behind `at`; the length if there is none. Escapes lie closer together than a call of `memchr` is
/// worth.
#[inline]
fn backslash(input: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = input.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let found = zeros(u64::from_le_bytes(*chunk) ^ (ONES * b'\\' as u64)) & HIGHS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = &input[at.min(input.len())..];
    let found = rest.iter().position(|byte| *byte == b'\\');
    at + found.unwrap_or(rest.len())
}

/// The length of the long escape that `text` begins with, backslash included; of one that the end of the text cuts, what there is.
fn escape_len(text: &[u8]) -> Option<usize> {
    match text.get(1) {
        None => Some(1),
        Some(b'u') => {
            let digits = &text[2..text.len().min(6)];
            digits
                .iter()
                .all(u8::is_ascii_hexdigit)
                .then_some(2 + digits.len())
        }
        Some(_) => None,
    }
}

enum Escape {
    Char(char),
    High(u16),
    Low(u16),
}

/// What an escape of one letter stands for; 0 for all others.
static SHORT: [u8; 256] = {
    let mut short = [0; 256];
    short[b'"' as usize] = b'"';
    short[b'\\' as usize] = b'\\';
    short[b'/' as usize] = b'/';
    short[b'b' as usize] = 0x08;
    short[b'f' as usize] = 0x0c;
    short[b'n' as usize] = b'\n';
    short[b'r' as usize] = b'\r';
    short[b't' as usize] = b'\t';
    short
};

/// The escape whose backslash lies before `text`, and its length without that.
fn escape(text: &[u8]) -> (Escape, usize) {
    let char = match text.first() {
        Some(&letter) if SHORT[usize::from(letter)] != 0 => char::from(SHORT[usize::from(letter)]),
        Some(b'u') => {
            let unit = hex(text.get(1..5).unwrap_or_default());
            let escape = match unit {
                0xD800..=0xDBFF => Escape::High(unit),
                0xDC00..=0xDFFF => Escape::Low(unit),
                _ => Escape::Char(char::from_u32(u32::from(unit)).unwrap_or('\u{fffd}')),
            };
            return (escape, text.len().min(5));
        }
        Some(&other) => char::from(other),
        None => return (Escape::Char(char::REPLACEMENT_CHARACTER), 0),
    };
    (Escape::Char(char), 1)
}

/// The low half of a pair that `text` begins with.
fn low(text: &[u8]) -> Option<u16> {
    match escape(text.strip_prefix(b"\\")?) {
        (Escape::Low(low), _) => Some(low),
        _ => None,
    }
}

fn hex(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |sum, &digit| {
        sum << 4 | char::from(digit).to_digit(16).unwrap_or_default() as u16
    })
}

/// RFC 8259 section 7, by way of UTF-16.
fn join(high: u16, low: u16) -> char {
    let code = 0x1_0000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The text, where it is UTF-8. Whole answers are checked by vectors, deltas without the call that those cost.
#[inline]
fn utf8(bytes: &[u8]) -> Option<&str> {
    match bytes.len() < VECTORS_FROM {
        true => std::str::from_utf8(bytes).ok(),
        false => simdutf8::basic::from_utf8(bytes).ok(),
    }
}

const VECTORS_FROM: usize = 128;

fn push_lossy(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Cursor;

    fn deltas(parts: &[&str]) -> Vec<String> {
        let (mut half, mut scratch) = (Half::default(), String::new());
        let mut texts: Vec<String> = Vec::new();
        for part in parts {
            let text = Cursor::new(part.as_bytes()).string().unwrap();
            texts.push(text.decode_joined(&mut half, &mut scratch).to_owned());
        }
        texts.push(half.flush().to_owned());
        texts
    }

    #[test]
    fn a_pair_cut_between_two_deltas_is_joined() {
        assert_eq!(deltas(&[r#""a\ud83d""#, r#""\ude00b""#]), ["a", "😀b", ""]);
        assert_eq!(
            deltas(&[r#""\ud83d""#, r#""""#, r#""\ude00""#]),
            ["", "", "😀", ""]
        );
    }

    #[test]
    fn a_half_that_nothing_fits_is_replaced_once() {
        assert_eq!(deltas(&[r#""\ud83d""#, r#""x""#]), ["", "\u{fffd}x", ""]);
        assert_eq!(
            deltas(&[r#""\ud83d\ud83d""#, r#""\ude00""#]),
            ["\u{fffd}", "😀", ""]
        );
        assert_eq!(deltas(&[r#""\ude00\ud83d""#]), ["\u{fffd}", "\u{fffd}"]);
        assert_eq!(deltas(&[r#""\ud83d\n""#]), ["\u{fffd}\n", ""]);
    }

    #[test]
    fn a_special_byte_is_found_wherever_it_lies_in_a_word() {
        for len in 0..40 {
            for special_byte in [b'"', b'\\', 0x00, 0x1f] {
                for filler in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff] {
                    let mut text = vec![filler; len];
                    text.push(special_byte);
                    text.extend_from_slice(b"\"\\\x01 tail");
                    assert_eq!(special(&text, 0), len);
                }
            }
        }
        assert_eq!(special(b"no end", 0), 6);
        assert_eq!(special(b"", 0), 0);
    }

    #[test]
    fn bad_bytes_are_replaced_in_short_texts_and_in_long_ones() {
        for len in [0, 1, VECTORS_FROM - 2, VECTORS_FROM, VECTORS_FROM * 9] {
            for filler in ["x", "\u{e9}", "\u{1f600}", "\\n"] {
                let good = filler.repeat(len.div_ceil(filler.len()));
                let text = good.replace("\\n", "\n");
                for (bad, told) in [
                    (&b""[..], ""),
                    (b"\xff", "\u{fffd}"),
                    (b"\xe2\x82", "\u{fffd}"),
                ] {
                    let raw = [good.as_bytes(), bad, b"end"].concat();
                    let read = Str::new(&raw, 0, filler == "\\n");
                    assert_eq!(read.owned(), format!("{text}{told}end"));
                    assert_eq!(read.decode(&mut String::new()), read.owned());
                }
            }
        }
    }

    #[test]
    fn escaped_keys_are_recognised() {
        let mut seen = Vec::new();
        let text = r#"{"conte\u006et":1,"\ud83d\ude00":2,"\ud83d":3,"a\/b":4}"#;
        Cursor::new(text.as_bytes())
            .object(|key, _| {
                seen.push(String::from_utf8(key.to_vec()).unwrap());
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, ["content", "😀", "\u{fffd}", "a/b"]);
    }
}
