//! Which models a tenant may ask for: `tenants.T.models`. What else is said of tenants is in `admission.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use super::Config;
use super::admission::EACH;
use super::scope::Table;
use super::target::words;
use crate::error::Result;

/// Tenants of whom it is said which models they may ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tenants {
    named: HashMap<String, Arc<[String]>>,
    /// Of each that is not named. Where none is, nothing is looked up.
    each: Option<Arc<[String]>>,
}

impl Tenants {
    /// Every model that is named in full is known.
    pub(super) fn read(root: &Table<'_>, config: &Config) -> Result<Tenants> {
        let mut tenants = Tenants::default();
        let Some(tables) = root.table("tenants")? else {
            return Ok(tenants);
        };
        for (name, item) in tables.items() {
            let table = item.table()?;
            let Some(list) = table.get("models") else {
                continue;
            };
            for item in list.list()? {
                let model = item.text()?;
                if !model.ends_with(ANY) {
                    config.check_model(model).map_err(|why| item.fail(why))?;
                }
            }
            let models = words(&table, "models")?;
            match name {
                EACH => tenants.each = Some(models.into()),
                name => drop(tenants.named.insert(name.to_owned(), models.into())),
            }
        }
        Ok(tenants)
    }

    /// Whether this tenant may ask for this model, in the words of the request. Whoever is not named is `*`; of whom nothing is said
    /// may ask for anything.
    pub(crate) fn may_ask(&self, tenant: &str, model: &str) -> bool {
        let said = self.named.get(tenant).or(self.each.as_ref());
        let fits = |pattern: &String| match pattern.strip_suffix(ANY) {
            Some(start) => model.starts_with(start),
            None => pattern == model,
        };
        said.is_none_or(|models| models.iter().any(fits))
    }

    /// Whether anything is said at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.each.is_none()
    }
}

const ANY: char = '*';
