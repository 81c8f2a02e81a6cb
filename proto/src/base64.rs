//! RFC 4648 section 4: how bytes travel inside JSON.

/// What `text` stands for; `None` if it is not what [`encode`] writes. For what this library wrote, and for keys.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = digits(text.bytes().take_while(|byte| *byte != b'='), false)?;
    (encode(&bytes) == text).then_some(bytes)
}

/// What `text` stands for, as others write it: with line breaks, with the letters of addresses (RFC 4648 section 5), with or without the
/// padding. `None` if it is no base64.
pub fn decode_loose(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_end();
    let text = text
        .strip_suffix(b"==")
        .or_else(|| text.strip_suffix(b"="))
        .unwrap_or(text);
    digits(
        text.iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace()),
        true,
    )
}

/// `bytes` as text.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            text.push(match digit <= three.len() {
                true => char::from(DIGITS[value as usize]),
                false => '=',
            });
        }
    }
    text
}

fn digits(digits: impl Iterator<Item = u8>, of_addresses: bool) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0);
    bytes.reserve(digits.size_hint().1.unwrap_or_default() / 4 * 3 + 2);
    for byte in digits {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'-' if of_addresses => 62,
            b'_' if of_addresses => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    // A digit alone is less than a byte.
    (held < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_the_standard_says() {
        // RFC 4648 10.
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(encode(&[0xfb, 0xff]), "+/8=");
        assert_eq!(decode("+/8="), Some(vec![0xfb, 0xff]));
    }

    #[test]
    fn what_is_not_written_so_is_not_read() {
        for text in [
            "Z", "Zg", "Zg=", "Zh==", "Zg==Zg==", "====", "Z===", "Zm9v!mFy", "-_8=", "Zm8=\n",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn what_others_write_is_read_too() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("aGk=", b"hi"),
            ("aGk", b"hi"),
            ("aGki", b"hi\""),
            ("/w==", b"\xff"),
            (" +/8= ", b"\xfb\xff"),
            ("-_8=", b"\xfb\xff"),
            ("aG\r\nk=", b"hi"),
            ("Zh==", b"f"),
        ] {
            assert_eq!(
                decode_loose(text.as_bytes()).as_deref(),
                Some(bytes),
                "{text}"
            );
        }
        for bad in ["a*", "a", "aGki=aGki", "=aGk", "Zg==="] {
            assert_eq!(decode_loose(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn what_is_encoded_decodes() {
        let bytes: Vec<u8> = (0..=255).rev().collect();
        for len in 0..bytes.len() {
            let text = encode(&bytes[..len]);
            assert_eq!(text.len() % 4, 0);
            assert_eq!(decode(&text).as_deref(), Some(&bytes[..len]));
            assert_eq!(
                decode_loose(text.as_bytes()).as_deref(),
                Some(&bytes[..len])
            );
        }
    }
}
