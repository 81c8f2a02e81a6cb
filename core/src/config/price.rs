//! What somebody pays for a target, where that is not what everybody pays: US dollars a million tokens.

use std::sync::Arc;

use libllm_proto::catalog::{self, Rates, Unit};

use super::scope::{Item, Table};
use crate::error::Result;

/// `price = { input, output, cache_read?, cache_write? }` of a target. It goes before the catalog's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price(Arc<catalog::Price>);

impl Price {
    /// A target's `price`, if it has one.
    pub(crate) fn read_in(target: &Table<'_>) -> Result<Option<Price>> {
        let item = target.get("price");
        item.map(|item| Price::read(&item)).transpose()
    }

    fn read(item: &Item<'_>) -> Result<Price> {
        let table = item.table()?;
        table.check(&["input", "output", "cache_read", "cache_write"], &[])?;
        let mut rates = Rates::default();
        for (key, unit, required) in [
            ("input", Unit::Input, true),
            ("output", Unit::Output, true),
            ("cache_read", Unit::CacheRead, false),
            ("cache_write", Unit::CacheWrite, false),
        ] {
            match table.get(key) {
                Some(dollars) => {
                    let dollars = dollars.number(0.0..=DOLLARS_MAX, EXPECTED)?;
                    // A dollar a million tokens is a million picodollars a token.
                    rates = rates.with(unit, Some((dollars * 1e6).round() as u64));
                }
                None if required => return Err(table.missing(item, key, EXPECTED)),
                None => {}
            }
        }
        Ok(Price(Arc::new(catalog::Price::flat(rates))))
    }

    /// The rates.
    pub fn rates(&self) -> &catalog::Price {
        &self.0
    }
}

const EXPECTED: &str = "US dollars a million tokens";
/// A dollar a token: above that somebody wrote another unit.
const DOLLARS_MAX: f64 = 1e6;
