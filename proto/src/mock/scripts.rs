//! Scripts by name, for `@name`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::script::{Script, ScriptError};
use crate::provider::closest;

/// Named scripts; the empty table knows `echo` and `key=value` only.
#[derive(Clone, Debug, Default)]
pub struct Scripts {
    named: BTreeMap<String, Arc<Script>>,
}

impl Scripts {
    /// Adds `text` under `name`. A name is written without the `@`.
    pub fn insert(&mut self, name: &str, text: &str) -> Result<(), ScriptError> {
        let script = Script::parse(text)
            .map_err(|error| ScriptError::new(format!("script `{name}`: {error}")))?;
        self.named.insert(name.to_owned(), Arc::new(script));
        Ok(())
    }

    /// The script that a model's name means: `@name` from this table, else the text itself.
    pub fn find(&self, model: &str) -> Result<Arc<Script>, ScriptError> {
        let Some(name) = model.strip_prefix('@') else {
            return Script::parse(model).map(Arc::new);
        };
        self.named.get(name).cloned().ok_or_else(|| {
            let near = closest(name, self.names(), 3).join(", ");
            ScriptError::new(match near.as_str() {
                "" => format!("unknown script `@{name}`: no script has a name here"),
                _ => format!("unknown script `@{name}`; closest: {near}"),
            })
        })
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }
}
