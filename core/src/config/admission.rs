//! How much may be asked and spent, of whom and by whom: `limits`, `[tenants]`, `[[budgets]]`, `[admission]`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::scope::{Item, Table};
use crate::error::Result;
use crate::policy::spend::Period;

/// Whose a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    Provider,
    /// Each key of a provider by itself.
    Key,
    Target,
    /// What requests name: an alias, or `provider/model`.
    Model,
    Tenant,
}

impl Scope {
    /// How many there are; each is its own number.
    pub(crate) const COUNT: usize = 5;

    /// Its name in texts and stores.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scope::Provider => "provider",
            Scope::Key => "key",
            Scope::Target => "target",
            Scope::Model => "model",
            Scope::Tenant => "tenant",
        }
    }
}

/// What one provider, key, target, model or tenant may use.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Caps {
    pub(crate) requests_per_minute: Option<u64>,
    pub(crate) tokens_per_minute: Option<u64>,
    pub(crate) in_flight: Option<InFlight>,
    /// Millionths of a dollar.
    pub(crate) budgets: Vec<(Period, u64)>,
}

/// How many requests at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InFlight {
    Fixed(u32),
    /// As many as it is found to take.
    Adaptive,
}

/// A tenant's place among those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) weight: u32,
    /// 0 goes first.
    pub(crate) priority: u8,
}

impl Default for Standing {
    fn default() -> Standing {
        Standing {
            weight: 1,
            priority: PRIORITY_DEFAULT,
        }
    }
}

/// Everything that is limited, and how its limits are waited for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Admission {
    /// By scope and name.
    caps: [HashMap<String, Arc<Caps>>; Scope::COUNT],
    /// By scope: for each that is not named. Where none is, nothing is looked up.
    each: [Option<Arc<Caps>>; Scope::COUNT],
    standings: HashMap<String, Standing>,
    /// How many requests may wait.
    pub(crate) queue: usize,
    /// How long one waits.
    pub(crate) wait: Duration,
    /// The part of each limit that is this process's own while Redis does not answer.
    pub(crate) share: f64,
}

impl Admission {
    /// Reads all of it; `None` if nothing is limited. Models, providers and targets are known to be right.
    pub(super) fn read(root: &Table<'_>, share: f64) -> Result<Option<Arc<Admission>>> {
        let mut admission = Admission {
            caps: Default::default(),
            each: Default::default(),
            standings: HashMap::new(),
            queue: QUEUE_DEFAULT,
            wait: WAIT_DEFAULT,
            share,
        };
        if let Some(table) = root.table("admission")? {
            table.check(&["queue", "wait_s"], &[])?;
            if let Some(queue) = table.integer("queue", 0..=QUEUE_MAX)? {
                admission.queue = queue as usize;
            }
            if let Some(wait) = table.seconds_or_none("wait_s")? {
                admission.wait = wait;
            }
        }
        admission.providers(root)?;
        admission.models(root)?;
        admission.tenants(root)?;
        admission.budgets(root)?;
        admission.inherit();
        let each = admission.each.iter().any(Option::is_some);
        let any = each || admission.caps.iter().any(|caps| !caps.is_empty());
        Ok(any.then(|| Arc::new(admission)))
    }

    /// What this one may use, if that is limited. What is said of `*` holds for each that is not named.
    pub(crate) fn caps(&self, scope: Scope, name: &str) -> Option<&Arc<Caps>> {
        let named = self.caps[scope as usize].get(name);
        named.or(self.each[scope as usize].as_ref())
    }

    /// Where a tenant stands among those who wait.
    pub(crate) fn standing(&self, tenant: &str) -> Standing {
        let known = self.standings.get(tenant);
        known
            .or_else(|| self.standings.get(EACH))
            .copied()
            .unwrap_or_default()
    }

    fn providers(&mut self, root: &Table<'_>) -> Result<()> {
        let Some(tables) = root.table("providers")? else {
            return Ok(());
        };
        for (id, item) in tables.items() {
            let table = item.table()?;
            self.limits(Scope::Provider, id, table.get("limits"))?;
            self.limits(Scope::Key, id, table.get("key_limits"))?;
        }
        Ok(())
    }

    fn models(&mut self, root: &Table<'_>) -> Result<()> {
        let Some(tables) = root.table("models")? else {
            return Ok(());
        };
        for (alias, item) in tables.items() {
            let table = item.table()?;
            self.limits(Scope::Model, alias, table.get("limits"))?;
            let targets = table.get("targets").map(|targets| targets.list());
            for target in targets.transpose()?.unwrap_or_default() {
                let target = target.table()?;
                if let (Some(model), Some(limits)) = (target.text("model")?, target.get("limits")) {
                    self.target(model, limits)?;
                }
            }
        }
        Ok(())
    }

    // The server behind it is one, whatever names lead there.
    fn target(&mut self, model: &str, item: Item<'_>) -> Result<()> {
        let caps = caps(&item)?;
        let known = &mut self.caps[Scope::Target as usize];
        match known.get(model) {
            Some(other) if **other != caps => Err(item.fail(
                "this target has other limits elsewhere: it is one server, whatever names lead to it",
            )),
            _ => {
                known.insert(model.to_owned(), Arc::new(caps));
                Ok(())
            }
        }
    }

    fn tenants(&mut self, root: &Table<'_>) -> Result<()> {
        let Some(tables) = root.table("tenants")? else {
            return Ok(());
        };
        for (name, item) in tables.items() {
            let table = item.table()?;
            table.check(&["limits", "weight", "priority", "models"], &[])?;
            self.limits(Scope::Tenant, name, table.get("limits"))?;
            let plain = Standing::default();
            let weight = table.integer("weight", 1..=WEIGHT_MAX)?;
            let standing = Standing {
                weight: weight.map_or(plain.weight, |weight| weight as u32),
                priority: priority(&table)?.unwrap_or(plain.priority),
            };
            self.standings.insert(name.to_owned(), standing);
        }
        Ok(())
    }

    fn budgets(&mut self, root: &Table<'_>) -> Result<()> {
        let Some(list) = root.get("budgets") else {
            return Ok(());
        };
        for item in list.list()? {
            let table = item.table()?;
            let scopes = [Scope::Tenant, Scope::Key, Scope::Model, Scope::Provider];
            let mut known: Vec<&str> = scopes.map(Scope::name).to_vec();
            known.extend(PERIODS.map(|(key, _)| key));
            table.check(&known, &[])?;
            let mut said = scopes
                .iter()
                .filter_map(|scope| Some((*scope, table.get(scope.name())?)));
            let Some((scope, name)) = said.next() else {
                return Err(item.fail("expected whose it is: tenant, key, model or provider"));
            };
            if let Some((other, item)) = said.next() {
                let (other, scope) = (other.name(), scope.name());
                return Err(item.fail(format!("{other} and {scope}: expected one of them")));
            }
            let name = name.text()?;
            let mut budgets = Vec::new();
            for (key, period) in PERIODS {
                if let Some(usd) = table.number(key, USD_MIN..=USD_MAX)? {
                    budgets.push((period, (usd * 1e6).round() as u64));
                }
            }
            if budgets.is_empty() {
                let keys = PERIODS.map(|(key, _)| key).join(", ");
                return Err(item.fail(format!("expected one of {keys}")));
            }
            let caps = self.entry(scope, name);
            if !caps.budgets.is_empty() {
                return Err(item.fail("this has a budget already: say all of it once"));
            }
            caps.budgets = budgets;
        }
        Ok(())
    }

    fn limits(&mut self, scope: Scope, name: &str, item: Option<Item<'_>>) -> Result<()> {
        if let Some(item) = item {
            *self.entry(scope, name) = caps(&item)?;
        }
        Ok(())
    }

    fn entry(&mut self, scope: Scope, name: &str) -> &mut Caps {
        let caps = &mut self.caps[scope as usize];
        Arc::make_mut(caps.entry(name.to_owned()).or_default())
    }

    // Who is named has what `*` says in all that is not said of it.
    fn inherit(&mut self) {
        for (caps, said) in self.caps.iter_mut().zip(&mut self.each) {
            let Some(each) = caps.remove(EACH) else {
                continue;
            };
            for own in caps.values_mut().map(Arc::make_mut) {
                own.requests_per_minute = own.requests_per_minute.or(each.requests_per_minute);
                own.tokens_per_minute = own.tokens_per_minute.or(each.tokens_per_minute);
                own.in_flight = own.in_flight.or(each.in_flight);
                if own.budgets.is_empty() {
                    own.budgets.clone_from(&each.budgets);
                }
            }
            *said = Some(each);
        }
    }
}

/// Reads `priority`, which rules may say, too.
pub(super) fn priority(table: &Table<'_>) -> Result<Option<u8>> {
    let said = table.integer("priority", 0..=PRIORITY_MAX)?;
    Ok(said.map(|priority| priority as u8))
}

fn caps(item: &Item<'_>) -> Result<Caps> {
    let table = item.table()?;
    table.check(
        &["requests_per_minute", "tokens_per_minute", "in_flight"],
        &[],
    )?;
    let in_flight = match table.get("in_flight") {
        Some(item) if item.text().is_ok() => {
            table.word("in_flight", &["adaptive"], &[])?;
            Some(InFlight::Adaptive)
        }
        _ => table
            .integer("in_flight", 1..=u64::from(u32::MAX))?
            .map(|most| InFlight::Fixed(most as u32)),
    };
    Ok(Caps {
        requests_per_minute: table.integer("requests_per_minute", 1..=PER_MINUTE_MAX)?,
        tokens_per_minute: table.integer("tokens_per_minute", 1..=PER_MINUTE_MAX)?,
        in_flight,
        budgets: Vec::new(),
    })
}

const PERIODS: [(&str, Period); 3] = [
    ("usd_per_hour", Period::Hour),
    ("usd_per_day", Period::Day),
    ("usd_per_month", Period::Month),
];

/// Each one that is not named.
pub(super) const EACH: &str = "*";
// More than a thousand that wait are served after everybody's patience; nobody waits longer than a first token may take.
const QUEUE_DEFAULT: usize = 1_000;
const QUEUE_MAX: u64 = 1_000_000;
const WAIT_DEFAULT: Duration = Duration::from_secs(10);
const WEIGHT_MAX: u64 = 1_000;
const PRIORITY_DEFAULT: u8 = 5;
const PRIORITY_MAX: u64 = 9;
const PER_MINUTE_MAX: u64 = 1 << 40;
// A millionth of a dollar is the unit; a billion is nobody's budget.
const USD_MIN: f64 = 0.000_001;
const USD_MAX: f64 = 1e9;
