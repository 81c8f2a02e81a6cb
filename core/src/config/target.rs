//! One target of an alias: whom it names, and what is said of it there.

use libllm_proto::catalog::{self, Service, Unit};

use super::models::{MOCK, split_model};
use super::scope::{Item, Table, shown};
use super::{Config, Price, TimeoutsOverride};
use crate::error::Result;
use crate::policy::route::{Rate, Side};
use crate::target::Target as Name;

/// One target of an alias.
#[derive(Clone, Debug)]
pub struct Target {
    /// `provider/model`.
    pub model: String,
    /// The same, as every attempt and report shares it.
    pub(crate) name: Name,
    /// Limits in time that differ from the provider's.
    pub timeouts: TimeoutsOverride,
    /// What is paid for it, where that is not what the catalog says.
    pub price: Option<Price>,
    /// Its weight, its priority, and its price as it is compared.
    pub side: Side,
    /// Words that rules choose by.
    pub tags: Vec<String>,
    /// It is for these alone; if there are none, for everybody who has no target of their own here.
    pub tenants: Vec<String>,
}

impl Target {
    /// A target of which nothing is said but its name.
    pub(super) fn of(name: &str) -> Target {
        let slash = split_model(name).map_or(0, |(provider, _)| provider.len());
        Target {
            model: name.to_owned(),
            name: Name::written(name, slash),
            timeouts: TimeoutsOverride::default(),
            price: None,
            side: Side::PLAIN,
            tags: Vec::new(),
            tenants: Vec::new(),
        }
    }
}

/// Reads `targets`, those of a smaller priority first.
pub(super) fn read_all(item: &Item<'_>, config: &Config) -> Result<Vec<Target>> {
    let list = item.list()?;
    if list.is_empty() {
        return Err(item.fail("expected at least one target"));
    }
    let targets = list.iter().map(|item| read(item, config));
    let mut targets = targets.collect::<Result<Vec<_>>>()?;
    targets.sort_by_key(|target| target.side.priority);
    Ok(targets)
}

fn read(item: &Item<'_>, config: &Config) -> Result<Target> {
    let table = item.table()?;
    table.check(KEYS, &[])?;
    let Some(model) = table.get("model") else {
        return Err(table.missing(item, "model", "\"provider/model\""));
    };
    let written = model.text()?;
    let provider = match split_model(written) {
        Some((MOCK, _)) => Ok(MOCK),
        Some((provider, _)) => config.check_provider(provider).map(|()| provider),
        None => Err(format!(
            "expected \"provider/model\", got {:?}",
            shown(written)
        )),
    };
    let provider = provider.map_err(|why| model.fail(why))?;
    let priority = table.integer("priority", 0..=PRIORITY_MAX)?.unwrap_or(0);
    let weight = table
        .number("weight", WEIGHT_MIN..=WEIGHT_MAX)?
        .unwrap_or(1.0);
    let price = Price::read_in(&table)?;
    Ok(Target {
        model: written.to_owned(),
        name: Name::written(written, provider.len()),
        timeouts: TimeoutsOverride::read_in(&table)?,
        side: Side {
            weight,
            priority: priority as u32,
            price: price.as_ref().and_then(|price| rate(price.rates())),
        },
        price,
        tags: words(&table, "tags")?,
        tenants: words(&table, "tenants")?,
    })
}

/// What tokens cost in and out, of everything that a price says.
pub(crate) fn rate(price: &catalog::Price) -> Option<Rate> {
    let rate = |unit| {
        let picodollars = price.rate(Service::Standard, 0, unit)?;
        Some(picodollars as f64 / PICODOLLARS)
    };
    Some(Rate {
        input: rate(Unit::Input)?,
        output: rate(Unit::Output)?,
    })
}

/// A list of strings.
pub(super) fn words(table: &Table<'_>, key: &str) -> Result<Vec<String>> {
    let list = table.get(key).map(|item| item.list()).transpose()?;
    let list = list.unwrap_or_default();
    list.iter()
        .map(|item| item.text().map(str::to_owned))
        .collect()
}

const KEYS: &[&str] = &[
    "model", "timeouts", "weight", "priority", "tags", "tenants", "price", "limits",
];
// More would be a slip: percentages and counts of machines are smaller.
const WEIGHT_MIN: f64 = 0.001;
const WEIGHT_MAX: f64 = 1e6;
const PRIORITY_MAX: u64 = PRIORITIES as u64 - 1;
/// How many priorities there are.
pub(crate) const PRIORITIES: u32 = 1_000;
// In a microdollar.
const PICODOLLARS: f64 = 1e6;
