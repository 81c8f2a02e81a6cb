//! Text that the library owns and C reads: followed by a NUL byte that its length does not count.

use std::ffi::c_char;

/// Immutable text with a NUL byte behind it.
#[derive(Debug)]
pub(crate) struct Text(Box<[u8]>);

impl Text {
    pub(crate) fn new(text: &str) -> Text {
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        Text(bytes.into())
    }

    pub(crate) fn as_ptr(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }

    /// Without the NUL byte.
    pub(crate) fn len(&self) -> usize {
        self.0.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_byte_follows_and_is_not_counted() {
        for text in ["", "a", "naïve \u{1F600}", "cut\0here"] {
            let owned = Text::new(text);
            assert_eq!(owned.len(), text.len());
            assert_eq!(owned.0.last(), Some(&0));
            assert_eq!(&owned.0[..text.len()], text.as_bytes());
        }
    }
}
