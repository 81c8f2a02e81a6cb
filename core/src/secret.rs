//! Keys in memory: wiped when dropped, never printed, never serialised.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A key. Clones share one copy, which is wiped with the last of them.
///
/// ```
/// let key = libllm::secret::Secret::from("sk-123");
/// assert_eq!(format!("{key:?}"), "***");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// The key itself, for the one place that puts it into a request.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(key: &str) -> Secret {
        Secret::from(key.to_owned())
    }
}

impl From<String> for Secret {
    fn from(key: String) -> Secret {
        Secret(Arc::new(Zeroizing::new(key)))
    }
}

// What prints a secret prints this, in every log line, error and core dump of formatted text.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_seen_by_expose_alone() {
        let key = Secret::from("canary");
        assert_eq!(key.expose(), "canary");
        assert!(!format!("{key:?} {:#?}", Some(&key)).contains("canary"));
        assert_eq!(key, key.clone());
        assert_ne!(key, Secret::from("other"));
    }
}
