//! Numbers: where one ends, and what it means as a count or as a real.

/// The largest count: every integer up to here is exact in JavaScript and in `f64` (2^53 - 1).
pub const COUNT_MAX: u64 = (1 << 53) - 1;

/// A number as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Num<'a> {
    text: &'a [u8],
}

impl<'a> Num<'a> {
    pub(super) fn new(text: &'a [u8]) -> Num<'a> {
        Num { text }
    }

    /// The digits as written.
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// As a count in 0 ..= [`COUNT_MAX`]: what is below or above is clamped, a fraction is cut off. `None` if it exceeds `f64`.
    pub fn as_u64_clamped(&self) -> Option<u64> {
        count(self.text)
    }

    /// The nearest `f64`; `None` if it exceeds what an `f64` holds.
    pub fn as_f64(&self) -> Option<f64> {
        real(self.text)
    }
}

/// The count that `text` holds; the text may come from a string.
pub(super) fn count(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    let mut sum: u64 = 0;
    for byte in digits {
        let b'0'..=b'9' = byte else {
            // `as` saturates: a negative number becomes 0.
            return real(digits).map(|real| (real as u64).min(COUNT_MAX));
        };
        sum = sum
            .saturating_mul(10)
            .saturating_add(u64::from(byte - b'0'));
    }
    Some(sum.min(COUNT_MAX))
}

/// The real that `text` holds; the text may come from a string.
pub(super) fn real(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    // `f64::from_str` also takes "inf", "nan", "+1" and ".5": the grammar goes first.
    if end(text, 0) != Some(text.len()) {
        return None;
    }
    let real: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    real.is_finite().then_some(real)
}

/// Where the number that begins at `start` ends (RFC 8259 section 6); `None` if none begins there.
pub(super) fn end(input: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    if input.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match input.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => digits(input, at)?,
        _ => return None,
    };
    if input.get(at) == Some(&b'.') {
        at = digits(input, at + 1)?;
    }
    if let Some(b'e' | b'E') = input.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = input.get(at) {
            at += 1;
        }
        at = digits(input, at)?;
    }
    Some(at)
}

/// Behind one or more digits.
fn digits(input: &[u8], start: usize) -> Option<usize> {
    let rest = input.get(start..)?;
    let len = rest
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(rest.len());
    (len > 0).then_some(start + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_ends_where_its_grammar_does() {
        let whole = |text: &str| end(text.as_bytes(), 0) == Some(text.len());
        for good in [
            "0",
            "-0",
            "10",
            "1.5",
            "-1.5e10",
            "1E+2",
            "1e-2",
            "123456789012345678901",
        ] {
            assert!(whole(good), "{good}");
        }
        for bad in [
            "", "-", "01", "+1", ".5", "1.", "1e", "1e+", "0x1", "--1", "1_0",
        ] {
            assert!(!whole(bad), "{bad}");
        }
    }

    #[test]
    fn a_count_is_clamped_and_never_wraps() {
        let table: &[(&str, Option<u64>)] = &[
            ("0", Some(0)),
            ("42", Some(42)),
            (" 42 ", Some(42)),
            ("-1", Some(0)),
            ("12.9", Some(12)),
            ("1e3", Some(1000)),
            ("18446744073709551616", Some(COUNT_MAX)),
            ("99999999999999999999999999999999", Some(COUNT_MAX)),
            ("1e300", Some(COUNT_MAX)),
            ("1e999", None),
            ("", None),
            ("twelve", None),
            ("inf", None),
        ];
        for (text, expected) in table {
            assert_eq!(count(text.as_bytes()), *expected, "{text}");
        }
    }
}
