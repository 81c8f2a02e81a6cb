//! Aliases: a name for an ordered list of targets and, behind them, fallbacks. Every name in them is known, or the configuration is bad.

use libllm_proto::provider::closest;

use super::scope::{Item, Table, shown};
use super::{Config, Price, TimeoutsOverride};
use crate::error::Result;
use crate::policy::route::Strategy;

/// A name for a list of targets.
#[derive(Clone, Debug, Default)]
pub struct Alias {
    /// Asked in this order.
    pub targets: Vec<Target>,
    /// Asked when all targets have failed: models, or aliases, whose targets then count and not their fallbacks.
    pub fallbacks: Vec<String>,
}

/// One target of an alias.
#[derive(Clone, Debug)]
pub struct Target {
    /// `provider/model`.
    pub model: String,
    /// Limits in time that differ from the provider's.
    pub timeouts: TimeoutsOverride,
    /// What is paid for it, where that is not what the catalog says.
    pub price: Option<Price>,
}

/// Splits `provider/model` at its first slash; neither part is empty.
pub(crate) fn split_model(name: &str) -> Option<(&str, &str)> {
    name.split_once('/')
        .filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
}

impl Config {
    /// Checks that `name` is an alias or names a provider that can be used.
    pub(crate) fn check_model(&self, name: &str) -> Result<(), String> {
        if self.aliases.contains_key(name) {
            return Ok(());
        }
        match split_model(name) {
            Some((MOCK, _)) => Ok(()),
            Some((provider, _)) => self.check_provider(provider),
            None => Err(self.no_such_model(name)),
        }
    }

    /// Checks that a provider of this id can be used.
    pub(crate) fn check_provider(&self, id: &str) -> Result<(), String> {
        if self.providers.contains_key(id) {
            return Ok(());
        }
        if let Some(why) = self.unusable.get(id) {
            return Err(why.message().to_owned());
        }
        let known = self.providers.keys().map(String::as_str).chain([MOCK]);
        let near = closest(id, known, 3).join(", ");
        Err(format!("unknown provider {:?}, closest: {near}", shown(id)))
    }

    /// Why a name that has no provider in it is no model.
    pub(crate) fn no_such_model(&self, name: &str) -> String {
        // A provider's id alone, or a slip in an alias: both kinds of names are candidates.
        let known = self
            .aliases
            .keys()
            .chain(self.providers.keys())
            .map(String::as_str);
        let near = closest(name, known, 3).join(", ");
        let name = shown(name);
        format!(
            "model {name:?} is no alias and names no provider (provider/model); closest: {near}"
        )
    }
}

/// Reads `default_model` and `[models]` into a configuration whose providers are known.
pub(super) fn read_all(root: &Table<'_>, config: &mut Config) -> Result<()> {
    let mut fallbacks = Vec::new();
    if let Some(models) = root.table("models")? {
        for (name, item) in models.items() {
            config
                .aliases
                .insert(name.to_owned(), read(&item, config, &mut fallbacks)?);
        }
    }
    // They may name aliases that come later in the text.
    for item in fallbacks {
        config
            .check_model(item.text()?)
            .map_err(|why| item.fail(why))?;
    }
    if let Some(item) = root.get("default_model") {
        let name = item.text()?;
        config.check_model(name).map_err(|why| item.fail(why))?;
        config.default_model = Some(name.to_owned());
    }
    Ok(())
}

fn read<'d>(item: &Item<'d>, config: &Config, named: &mut Vec<Item<'d>>) -> Result<Alias> {
    let table = item.table()?;
    table.check(
        &["targets", "strategy", "fallbacks", "limits"],
        &["affinity", "hedge"],
    )?;
    strategy(&table)?;
    let Some(targets) = table.get("targets") else {
        return Err(table.missing(item, "targets", "a list of { model = \"provider/model\" }"));
    };
    let list = targets.list()?;
    if list.is_empty() {
        return Err(targets.fail("expected at least one target"));
    }
    let targets = list
        .iter()
        .map(|item| read_target(item, config))
        .collect::<Result<_>>()?;
    let mut fallbacks = Vec::new();
    if let Some(table) = table.table("fallbacks")? {
        table.check(&["any"], &["context_window", "content_policy"])?;
        for item in table
            .get("any")
            .map(|any| any.list())
            .transpose()?
            .unwrap_or_default()
        {
            fallbacks.push(item.text()?.to_owned());
            named.push(item);
        }
    }
    Ok(Alias { targets, fallbacks })
}

fn read_target(item: &Item<'_>, config: &Config) -> Result<Target> {
    let table = item.table()?;
    table.check(
        &["model", "timeouts", "price", "limits"],
        &["weight", "priority", "tags"],
    )?;
    let Some(model) = table.get("model") else {
        return Err(table.missing(item, "model", "\"provider/model\""));
    };
    let name = model.text()?;
    let known = match split_model(name) {
        Some((MOCK, _)) => Ok(()),
        Some((provider, _)) => config.check_provider(provider),
        None => Err(format!(
            "expected \"provider/model\", got {:?}",
            shown(name)
        )),
    };
    known.map_err(|why| model.fail(why))?;
    Ok(Target {
        model: name.to_owned(),
        timeouts: TimeoutsOverride::read_in(&table)?,
        price: Price::read_in(&table)?,
    })
}

/// Reads `strategy`, which options may hold too.
pub(crate) fn strategy(table: &Table<'_>) -> Result<Option<Strategy>> {
    let word = table.word("strategy", &["order"], STRATEGIES_LATER)?;
    Ok(word.and_then(Strategy::find))
}

/// The provider that is played in this process.
pub(crate) const MOCK: &str = "mock";

const STRATEGIES_LATER: &[&str] = &[
    "weighted",
    "latency",
    "throughput",
    "cost",
    "least_busy",
    "headroom",
    "score",
];
