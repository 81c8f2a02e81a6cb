//! Half a character: a lone surrogate, which JSON can escape and UTF-8 cannot hold. Providers refuse it or take it, each as it likes, and so
//! do parsers; so it is U+FFFD before anybody looks, as it is in answers, whatever language a request comes from.

/// The text with the escapes of lone surrogates replaced by that of U+FFFD, which is as long; nothing if there are none.
pub(super) fn replaced(source: &[u8]) -> Option<Vec<u8>> {
    let mut made: Option<Vec<u8>> = None;
    let mut next = 0;
    // Prompts have many escapes and few of these: nothing else is looked at.
    for escape in memchr::memmem::find_iter(source, b"\\u") {
        if escape < next || is_escaped(source, escape) {
            continue;
        }
        match (unit(source, escape), unit(source, escape + UNIT)) {
            (Some(HIGH_MIN..=HIGH_MAX), Some(LOW_MIN..=LOW_MAX)) => next = escape + 2 * UNIT,
            (Some(HIGH_MIN..=LOW_MAX), _) => {
                let text = made.get_or_insert_with(|| source.to_vec());
                text[escape..escape + UNIT].copy_from_slice(REPLACEMENT);
            }
            _ => {}
        }
    }
    made
}

/// Whether the backslash here is what another one stands before.
fn is_escaped(source: &[u8], at: usize) -> bool {
    let before = source[..at].iter().rev();
    before.take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The UTF-16 unit that is escaped here, if one is.
fn unit(source: &[u8], at: usize) -> Option<u32> {
    let digits = source.get(at..at + UNIT)?.strip_prefix(b"\\u")?;
    let mut value = 0;
    for digit in digits {
        value = (value << 4) | char::from(*digit).to_digit(16)?;
    }
    Some(value)
}

/// Bytes of `\uXXXX`.
const UNIT: usize = REPLACEMENT.len();
const REPLACEMENT: &[u8; 6] = b"\\ufffd";
/// Surrogates (The Unicode Standard 16.0, section 23.6).
const HIGH_MIN: u32 = 0xd800;
const HIGH_MAX: u32 = 0xdbff;
const LOW_MIN: u32 = 0xdc00;
const LOW_MAX: u32 = 0xdfff;

#[cfg(test)]
mod tests {
    use super::replaced;

    fn text(source: &str) -> String {
        let made = replaced(source.as_bytes()).unwrap_or_else(|| source.into());
        String::from_utf8(made).expect("ASCII was replaced by ASCII")
    }

    #[test]
    fn halves_are_replaced_and_whole_characters_stay() {
        for (given, wanted) in [
            (r"a\ud83d", r"a\ufffd"),
            (r"\uDE00 b", r"\ufffd b"),
            (r"\ud83d\ude00", r"\ud83d\ude00"),
            (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00"),
            (r"\ude00\ud83d", r"\ufffd\ufffd"),
            (r"\ud83d\n\ude00", r"\ufffd\n\ufffd"),
            (r"\ud83dx\ude00", r"\ufffdx\ufffd"),
            (r"\\ud83d", r"\\ud83d"),
            (r"\\\ud83d", r"\\\ufffd"),
            (r#"\"\ud83d\""#, r#"\"\ufffd\""#),
            (r"\u00e9\ue000", r"\u00e9\ue000"),
        ] {
            assert_eq!(text(given), wanted, "{given}");
        }
    }

    #[test]
    fn what_has_none_is_not_copied() {
        for given in [
            "",
            "plain",
            r"line\nline",
            r"\ud83d\ude00",
            "\\",
            r"\u",
            r"\ud83",
            r"\ud8zz",
        ] {
            assert_eq!(replaced(given.as_bytes()), None, "{given}");
        }
    }
}
