//! What a client knows of models: the catalog that is built in, and what its configuration lays over that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use libllm_proto::catalog::{self, Price, Table};

use crate::lock;
use crate::target::Target;

/// A model that is known, whole: what lies over the catalog may change while it is used.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) price: Price,
}

/// The catalog as one client sees it. Cheap to ask: what was found once is kept.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Laid over what is built in; the first goes first.
    over: Vec<Arc<Table>>,
    /// By `provider/model`, with what is not known.
    found: HashMap<Box<str>, Option<Arc<Known>>>,
}

impl Catalog {
    /// What is known of a target.
    pub(crate) fn model(&self, target: &Target) -> Option<Arc<Known>> {
        let mut state = lock(&self.state);
        if let Some(found) = state.found.get(target.text()) {
            return found.clone();
        }
        let over: Vec<&Table> = state.over.iter().map(|table| &**table).collect();
        let model = catalog::find_in(&over, target.provider(), target.model());
        let known = model.map(|model| Arc::new(Known { price: model.price }));
        // Names are the callers': they may never end.
        if state.found.len() >= FOUND_MAX {
            state.found.clear();
        }
        state.found.insert(target.text().into(), known.clone());
        known
    }

    /// Lays tables over what is built in, instead of those that lie there.
    pub(crate) fn lay(&self, over: Vec<Arc<Table>>) {
        let mut state = lock(&self.state);
        state.over = over;
        state.found.clear();
    }
}

/// More models than anybody uses at a time.
const FOUND_MAX: usize = 1024;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use libllm_proto::catalog::{Service, Unit};

    use super::*;

    #[test]
    fn what_is_laid_over_is_seen_at_once_and_unknown_names_are_bounded() {
        let catalog = Catalog::default();
        let rate = |provider: &str, model: &str| {
            let known = catalog.model(&Target::new(provider, model))?;
            known.price.rate(Service::Standard, 1, Unit::Input)
        };
        assert_eq!(rate("house", "m"), None);
        let table = Table::from_text("house\tm\tchat\t77\t\t\t\tin=1").unwrap();
        catalog.lay(vec![Arc::new(table)]);
        assert_eq!(rate("house", "m"), Some(1));
        for number in 0..2 * FOUND_MAX {
            let name = number.to_string();
            assert_eq!(rate("house", &name), None);
        }
        assert!(lock(&catalog.state).found.len() <= FOUND_MAX);
        assert_eq!(rate("house", "m"), Some(1));
        assert_eq!(rate("openai", "gpt-4o"), Some(2_500_000));
    }
}
