//! The name of who is asked: a provider and a model there. Shared, because every attempt and every report says it.

use std::fmt;
use std::sync::Arc;

/// `provider/model`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    text: Arc<str>,
    /// Where the slash between them is; a model's name may hold more of them.
    slash: usize,
}

impl Target {
    pub(crate) fn new(provider: &str, model: &str) -> Target {
        let text = [provider, "/", model].concat();
        Target::written(&text, provider.len())
    }

    /// A name that is written with its slash here.
    pub(crate) fn written(name: &str, slash: usize) -> Target {
        debug_assert_eq!(name.as_bytes().get(slash), Some(&b'/'));
        let text = name.into();
        Target { text, slash }
    }

    /// Both, for people; empty if nobody was asked yet.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The same, to be kept.
    pub(crate) fn shared(&self) -> &Arc<str> {
        &self.text
    }

    /// The provider's id.
    pub(crate) fn provider(&self) -> &str {
        self.text.get(..self.slash).unwrap_or_default()
    }

    /// The model's name there.
    pub(crate) fn model(&self) -> &str {
        self.text.get(self.slash + 1..).unwrap_or_default()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn is_taken_apart_where_it_was_put_together() {
        let target = Target::new("house", "a/b");
        let parts = (target.provider(), target.model());
        assert_eq!((parts, target.text()), (("house", "a/b"), "house/a/b"));
        let nobody = Target::default();
        assert_eq!((nobody.provider(), nobody.model()), ("", ""));
    }
}
