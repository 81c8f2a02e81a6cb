//! How many tokens a request is, about, when nobody counts them exactly: four bytes of text a token (OpenAI, "What are tokens and how to
//! count them?": about four characters of English). Other scripts take more bytes a character and more tokens.

use memchr::{memchr, memchr2};

/// Tokens of what is said in a request's JSON, about: its texts, without names of members and without what is no text (images, sound
/// and files in base 64 are no tokens of that number).
pub fn prompt_tokens(json: &[u8]) -> u64 {
    let (mut bytes, mut at) = (0u64, 0);
    while let Some(quote) = memchr(b'"', &json[at..]) {
        let start = at + quote + 1;
        let end = end_of_string(json, start);
        let text = &json[start..end];
        at = (end + 1).min(json.len());
        let is_key = json[at..]
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            .is_some_and(|byte| *byte == b':');
        if !is_key && !is_binary(text) {
            bytes += length(text);
        }
    }
    bytes / BYTES_A_TOKEN
}

const BYTES_A_TOKEN: u64 = 4;

/// Where a string ends whose first byte is at `at`: at its quote, or where there is nothing more.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr2(b'"', b'\\', json.get(at..).unwrap_or_default()) {
        at += found;
        if json[at] == b'"' {
            return at;
        }
        at += 2;
    }
    json.len()
}

/// Bytes of UTF-8 that a string is when its escapes are undone.
fn length(text: &[u8]) -> u64 {
    let (mut bytes, mut at) = (text.len(), 0);
    while let Some(escape) = memchr(b'\\', text.get(at..).unwrap_or_default()) {
        at += escape + 1;
        // Six bytes become three at most, as most characters that are written so do; others lose the backslash.
        bytes -= match text.get(at) {
            Some(b'u') => 3.min(text.len() - at),
            _ => 1,
        };
        at += 1;
    }
    bytes as u64
}

/// Whether a string is a data URL, or long and in base 64: text has blanks.
fn is_binary(text: &[u8]) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
    // Some writers put a backslash before each slash.
    let slash = |pair: &[u8]| pair[0] != b'\\' || pair[1] == b'/';
    let head = text.get(..HEAD);
    text.starts_with(b"data:")
        || head.is_some_and(|head| {
            head.iter().all(|byte| plain(*byte) || *byte == b'\\') && head.windows(2).all(slash)
        })
}

const HEAD: usize = 512;

#[cfg(test)]
mod tests {
    use super::prompt_tokens;

    #[test]
    fn texts_count_and_names_do_not() {
        let said = r#"{"model":"abcd","messages":[{"role" : "user","content":"four words are said"}],"n":12345678}"#;
        // abcd, user, and nineteen bytes.
        assert_eq!(prompt_tokens(said.as_bytes()), (4 + 4 + 19) / 4);
        assert_eq!(prompt_tokens(b""), 0);
        assert_eq!(prompt_tokens(br#"{}"#), 0);
    }

    #[test]
    fn escapes_are_the_characters_that_they_stand_for() {
        let text = |text: &str| prompt_tokens(format!("[\"{text}\"]").as_bytes());
        assert_eq!(text(&r"\u4e2d".repeat(100)), text(&"中".repeat(100)));
        assert_eq!(text(&r#"\""#.repeat(100)), 25);
        assert_eq!(text(&r"a\n".repeat(100)), 50);
    }

    #[test]
    fn what_is_no_text_does_not_count() {
        let image = "iVBORw0KGgo".repeat(1000);
        assert_eq!(prompt_tokens(format!(r#"["{image}"]"#).as_bytes()), 0);
        let escaped = r"iVB\/Rw0KGgo".repeat(1000);
        assert_eq!(prompt_tokens(format!(r#"["{escaped}"]"#).as_bytes()), 0);
        let url = format!(r#"["data:image/png;base64,{image}","abcd"]"#);
        assert_eq!(prompt_tokens(url.as_bytes()), 1);
        let words = "some words ".repeat(100);
        assert_eq!(prompt_tokens(format!(r#"["{words}"]"#).as_bytes()), 275);
    }

    #[test]
    fn what_is_cut_anywhere_is_no_panic() {
        let said = br#"{"a":"b\\\"c\u12","d":["data:x"]}"#;
        for end in 0..said.len() {
            assert!(prompt_tokens(&said[..end]) <= said.len() as u64);
        }
    }
}
