//! Where requests go: a URL is read once a thread, not once a request.

use std::cell::RefCell;

use http::Uri;
use http::uri::InvalidUri;

/// The URL `base` + `path`.
pub(super) fn joined(base: &str, path: &str) -> Result<Uri, InvalidUri> {
    KNOWN.with_borrow_mut(|known| {
        let same = |(text, _): &&(String, Uri)| text.strip_prefix(base) == Some(path);
        if let Some((_, uri)) = known.iter().find(same) {
            return Ok(uri.clone());
        }
        let text = format!("{base}{path}");
        let uri: Uri = text.parse()?;
        if known.len() == KNOWN_MAX {
            known.remove(0);
        }
        known.push((text, uri.clone()));
        Ok(uri)
    })
}

thread_local! {
    static KNOWN: RefCell<Vec<(String, Uri)>> = const { RefCell::new(Vec::new()) };
}

/// More places than most programs ask; where there are more still, some are read again.
const KNOWN_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_the_same_read_or_remembered() {
        for round in 0..3 {
            for number in 0..KNOWN_MAX + 2 {
                let base = format!("https://h{number}.example/v1");
                let uri = joined(&base, "/chat").unwrap();
                assert_eq!(uri, *format!("{base}/chat"), "round {round}");
            }
        }
        assert_eq!(KNOWN.with_borrow(Vec::len), KNOWN_MAX);
        assert_eq!(joined("http://h/a", "b").unwrap(), "http://h/ab");
        assert_eq!(joined("http://h/", "ab").unwrap(), "http://h/ab");
        assert!(joined("http://h h/", "ab").is_err());
    }
}
