//! `[[rules]]`: for which requests another model, strategy or choice of targets holds than the alias says.

use super::scope::{Item, Table};
use super::target::words;
use super::{admission, models};
use crate::error::Result;
use crate::policy::route::Strategy;
use crate::policy::rule::When;

/// One rule; the first that fits a request counts.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Which requests it is for.
    pub when: When,
    /// What holds for them.
    pub then: Use,
}

/// What a rule puts in the place of what the alias says.
#[derive(Clone, Debug, Default)]
pub struct Use {
    /// Another model or alias.
    pub model: Option<String>,
    /// Models instead of the alias's targets; its fallbacks stay.
    pub targets: Vec<String>,
    /// How one is chosen.
    pub strategy: Option<Strategy>,
    /// Only targets that have all of these.
    pub tags: Vec<String>,
    /// Where they stand among those who wait for room, whatever their tenant says; 0 goes first.
    pub priority: Option<u8>,
}

/// Reads `rules`; `named` gets the names that must be known once all aliases are read.
pub(super) fn read_all<'d>(root: &Table<'d>, named: &mut Vec<Item<'d>>) -> Result<Vec<Rule>> {
    let list = root.get("rules").map(|item| item.list()).transpose()?;
    let list = list.unwrap_or_default();
    list.iter().map(|item| read(item, named)).collect()
}

fn read<'d>(item: &Item<'d>, named: &mut Vec<Item<'d>>) -> Result<Rule> {
    let table = item.table()?;
    table.check(&["when", "use"], &[])?;
    let when = table.table("when")?.map(|table| when(&table)).transpose()?;
    let Some(then) = table.table("use")? else {
        return Err(table.missing(item, "use", "what holds for these requests"));
    };
    then.check(&["model", "targets", "strategy", "tags", "priority"], &[])?;
    let targets = then.get("targets").map(|item| item.list()).transpose()?;
    if let (Some(item), Some(_)) = (then.get("targets"), then.get("model")) {
        return Err(item.fail("expected either this or model"));
    }
    let mut all = Vec::new();
    for target in targets.unwrap_or_default() {
        let name = target.text()?;
        if models::split_model(name).is_none() {
            return Err(target.fail("expected \"provider/model\""));
        }
        all.push(name.to_owned());
        named.push(target);
    }
    let model = then.text("model")?.map(str::to_owned);
    named.extend(then.get("model"));
    Ok(Rule {
        when: when.unwrap_or_default(),
        then: Use {
            model,
            targets: all,
            strategy: models::strategy(&then)?,
            tags: words(&then, "tags")?,
            priority: admission::priority(&then)?,
        },
    })
}

fn when(table: &Table<'_>) -> Result<When> {
    table.check(
        &["tenant", "tag", "metadata", "operation", "model", "region"],
        &[],
    )?;
    let mut metadata = Vec::new();
    if let Some(table) = table.table("metadata")? {
        for (name, item) in table.items() {
            metadata.push((name.to_owned(), patterns(&item)?));
        }
    }
    let key = |key| {
        table
            .get(key)
            .map_or(Ok(Vec::new()), |item| patterns(&item))
    };
    Ok(When {
        tenant: key("tenant")?,
        tag: key("tag")?,
        metadata,
        operation: key("operation")?,
        model: key("model")?,
        region: key("region")?,
    })
}

/// A word, or a list of words of which one must fit.
fn patterns(item: &Item<'_>) -> Result<Vec<String>> {
    match item.list() {
        Ok(list) => list
            .iter()
            .map(|item| item.text().map(str::to_owned))
            .collect(),
        Err(_) => match item.text() {
            Ok(word) => Ok(vec![word.to_owned()]),
            Err(_) => Err(item.expected("a string or a list of strings")),
        },
    }
}
