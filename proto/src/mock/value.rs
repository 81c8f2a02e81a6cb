//! The values of a script: percent-encoding, durations, numbers.

use std::borrow::Cow;
use std::time::Duration;

/// Longest duration of a script; a longer one is a slip of the unit.
const DURATION_MAX: Duration = Duration::from_secs(3600);

/// Decodes `%3B` and the like. The error says what is wrong with the text.
pub(super) fn percent_decode(text: &str) -> Result<Cow<'_, str>, String> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            out.push(byte);
            rest = tail;
            continue;
        }
        let digits = tail.get(..2).and_then(|pair| {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()
        });
        let Some(decoded) = digits else {
            return Err("expected two hex digits after % (a literal % is %25)".into());
        };
        out.push(decoded);
        rest = &tail[2..];
    }
    String::from_utf8(out)
        .map(Cow::Owned)
        .map_err(|_| "percent-encoded bytes are not UTF-8".into())
}

/// Reads `250us`, `20ms`, `1.5s`, `2m` or a bare `0`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected a duration such as 20ms or 5s, found `{text}`");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(expected)?;
    let (amount, unit) = text.split_at(unit_at);
    let amount: f64 = amount.parse().map_err(|_| expected())?;
    let seconds = match unit {
        "us" => amount / 1e6,
        "ms" => amount / 1e3,
        "s" => amount,
        "m" => amount * 60.0,
        _ => return Err(expected()),
    };
    if seconds > DURATION_MAX.as_secs_f64() {
        return Err(format!("`{text}` is longer than an hour"));
    }
    // Whole microseconds: 0.02 s as a float is not 20 ms.
    Ok(Duration::from_micros((seconds * 1e6).round() as u64))
}

/// Reads a whole number of `min..=max`.
pub(super) fn number(text: &str, min: u32, max: u32) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|n| (min..=max).contains(n))
        .ok_or_else(|| format!("expected a whole number from {min} to {max}, found `{text}`"))
}

/// Reads a fraction of `0..=1` as parts of a million.
pub(super) fn millionths(text: &str) -> Result<u32, String> {
    text.parse::<f64>()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .map(|share| (share * 1e6).round() as u32)
        .ok_or_else(|| format!("expected a fraction from 0 to 1, found `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_a_limit() {
        let read = |text| duration(text).ok();
        assert_eq!(read("20ms"), Some(Duration::from_millis(20)));
        assert_eq!(read("250us"), Some(Duration::from_micros(250)));
        assert_eq!(read("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(read("0.02s"), Some(Duration::from_millis(20)));
        assert_eq!(read("2m"), Some(Duration::from_secs(120)));
        assert_eq!(read("0"), Some(Duration::ZERO));
        for wrong in ["", "5", "ms", "-5ms", "5h", "1..2s", "61m", "5 ms"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn percent_decoding_refuses_what_it_cannot_read() {
        assert_eq!(percent_decode("a%3Bb%25").as_deref(), Ok("a;b%"));
        assert_eq!(percent_decode("na%C3%AFve").as_deref(), Ok("naïve"));
        for wrong in ["%", "%4", "%zz", "%+1", "%ff"] {
            assert!(percent_decode(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_stay_in_their_range() {
        assert_eq!(number("7", 1, 10), Ok(7));
        assert!(number("0", 1, 10).is_err() && number("x", 1, 10).is_err());
        assert_eq!(millionths("0.1"), Ok(100_000));
        assert!(millionths("1.1").is_err() && millionths("NaN").is_err());
    }
}
