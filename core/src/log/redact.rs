//! Keys taken out of text by their shape. Nothing of ours prints a key; this is for the words of others, such as a provider that
//! repeats the key it refuses.

use std::borrow::Cow;

/// `text` with everything that looks like a key replaced by `***`.
///
/// ```
/// assert_eq!(libllm::log::redact("bad key sk-abcdefgh1234"), "bad key sk-***");
/// ```
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some((begin, end)) = next_key(text, at) {
        out.push_str(&text[copied..begin]);
        out.push_str("***");
        (copied, at) = (end, end);
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Where the next key begins, behind its prefix, and ends.
fn next_key(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        let fresh = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let rest = &bytes[at..];
        let prefix = PREFIXES.iter().filter(|_| fresh).find(|prefix| {
            rest.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        });
        if let Some(prefix) = prefix {
            let begin = at + prefix.len();
            let run = bytes[begin..]
                .iter()
                .take_while(|byte| is_key(**byte))
                .count();
            if run >= RUN_MIN {
                return Some((begin, begin + run));
            }
        }
        at += 1;
    }
    None
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~+/=%*".contains(&byte)
}

/// How vendors' keys begin, and what stands before keys in headers and URLs.
const PREFIXES: &[&[u8]] = &[
    b"bearer ", b"sk-", b"sk_", b"gsk_", b"xai-", b"pplx-", b"tgp_", b"fw_", b"hf_", b"AIza",
    b"key=", b"key: ",
];
/// Shorter than any vendor's key, longer than the words that begin so.
const RUN_MIN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_keys_out_and_leaves_words() {
        for (text, expected) in [
            ("", ""),
            ("nothing to hide", "nothing to hide"),
            ("Bearer abcdefgh.ijk", "Bearer ***"),
            (
                "authorization: bearer aaaaaaaaaa, sk-proj-1234567890!",
                "authorization: bearer ***, sk-***!",
            ),
            (
                "https://h/v1?key=AIzaSyABCDEFG&x=1",
                "https://h/v1?key=***&x=1",
            ),
            ("x-api-key: abcdefgh12", "x-api-key: ***"),
            (
                "ask-questions, desk-drawers, sk-ip",
                "ask-questions, desk-drawers, sk-ip",
            ),
            ("é sk-é", "é sk-é"),
        ] {
            assert_eq!(redact(text), expected);
        }
        assert!(matches!(redact("plain"), Cow::Borrowed(_)));
    }
}
