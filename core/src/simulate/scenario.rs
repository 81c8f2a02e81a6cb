//! A scenario's text: targets, what is asked of them, what befalls them, and the ways of choosing that are compared.

use std::time::Duration;

use crate::config::{Document, Item, Table};
use crate::error::Result;
use crate::policy::route::{Rate, Side, Strategy};

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What a reader should know of it.
    pub title: String,
    pub(super) seed: u64,
    pub(super) duration: Duration,
    /// Requests per second.
    pub(super) rate: f64,
    pub(super) max_attempts: u32,
    pub(super) first_token: Duration,
    pub(super) workloads: Vec<Workload>,
    /// In the order of their priorities, as a plan has them.
    pub(super) targets: Vec<Target>,
    pub(super) sides: Vec<Side>,
    /// Names of groups of equal targets.
    pub(super) groups: Vec<String>,
    pub(super) events: Vec<Event>,
    /// The ways of choosing.
    pub runs: Vec<Run>,
}

/// One way of choosing.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it is called in tables.
    pub name: String,
    pub(super) strategy: Strategy,
    pub(super) cost_weight: f64,
    pub(super) hedge: Option<Hedge>,
    pub(super) budget: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Hedge {
    pub(super) percentile: f64,
    pub(super) max_extra: f64,
    pub(super) least: Duration,
}

/// Requests of one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workload {
    pub(super) share: f64,
    pub(super) input: f64,
    pub(super) output: f64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) group: usize,
    /// Median seconds to the first token, and how far they spread (sigma of the logarithm).
    pub(super) ttft: f64,
    pub(super) spread: f64,
    /// This share of answers takes so many times as long.
    pub(super) tail: (f64, f64),
    pub(super) tokens_per_s: f64,
    pub(super) errors: f64,
    /// Requests at once; what is beyond them waits in proportion.
    pub(super) capacity: f64,
    /// Requests per second that are not refused; 0: all.
    pub(super) rate: f64,
    /// Seconds in which it warms up after its start and after an outage, ten times as slow at first.
    pub(super) warm_up: f64,
}

/// What befalls a group of targets for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) kind: Kind,
    pub(super) group: usize,
    /// This share of the group.
    pub(super) part: f64,
    pub(super) from: Duration,
    pub(super) until: Duration,
    pub(super) factor: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Everything is refused with 503.
    Outage,
    /// Everything is refused with 503, within a millisecond.
    BlackHole,
    /// First tokens take `factor` times as long.
    Brownout,
    /// This share of requests fails.
    Errors,
    /// Requests come `factor` times as often.
    Surge,
}

impl Scenario {
    /// Reads a scenario: TOML, or JSON if its first character is `{`.
    pub fn parse(text: &str) -> Result<Scenario> {
        let document = Document::config(text, None)?;
        let root = document.root()?;
        root.check(KEYS, &[])?;
        let mut scenario = Scenario {
            title: root.text("title")?.unwrap_or("simulation").to_owned(),
            seed: root.integer("seed", 0..=u64::MAX >> 1)?.unwrap_or(1),
            duration: root
                .seconds("duration_s")?
                .unwrap_or(Duration::from_secs(60)),
            rate: number(&root, "rate", 10.0)?,
            max_attempts: root.integer("max_attempts", 1..=10)?.unwrap_or(3) as u32,
            first_token: root
                .seconds("first_token_s")?
                .unwrap_or(Duration::from_secs(60)),
            workloads: Vec::new(),
            targets: Vec::new(),
            sides: Vec::new(),
            groups: Vec::new(),
            events: Vec::new(),
            runs: Vec::new(),
        };
        for item in list(&root, "workloads")? {
            scenario.workloads.push(workload(&item)?);
        }
        if scenario.workloads.is_empty() {
            let (share, input, output) = (1.0, 500.0, 200.0);
            scenario.workloads.push(Workload {
                share,
                input,
                output,
            });
        }
        for item in list(&root, "targets")? {
            scenario.add(&item)?;
        }
        for item in list(&root, "events")? {
            let event = scenario.event(&item)?;
            scenario.events.push(event);
        }
        for item in list(&root, "runs")? {
            scenario.runs.push(way(&item)?);
        }
        match (root.get("targets"), root.get("runs")) {
            (Some(_), Some(_)) => Ok(scenario),
            _ => Err(crate::error::Error::new(
                crate::error::ErrorKind::Config,
                "a scenario needs [[targets]] and [[runs]]",
            )),
        }
    }

    fn add(&mut self, item: &Item<'_>) -> Result<()> {
        let table = item.table()?;
        table.check(TARGET, &[])?;
        let Some(name) = table.text("name")? else {
            return Err(table.missing(item, "name", "a string"));
        };
        let price = match table.table("price")? {
            None => None,
            Some(price) => Some(Rate {
                input: number(&price, "input", 0.0)?,
                output: number(&price, "output", 0.0)?,
            }),
        };
        let side = Side {
            weight: number(&table, "weight", 1.0)?,
            priority: table.integer("priority", 0..=1000)?.unwrap_or(0) as u32,
            price,
        };
        let target = Target {
            group: self.groups.len(),
            ttft: number(&table, "ttft_ms", 500.0)? / 1000.0,
            spread: number(&table, "spread", 0.4)?,
            tail: (
                number(&table, "tail_share", 0.0)?,
                number(&table, "tail_factor", 10.0)?,
            ),
            tokens_per_s: number(&table, "tokens_per_s", 80.0)?.max(1.0),
            errors: number(&table, "errors", 0.0)?,
            capacity: number(&table, "capacity", 1e9)?.max(1.0),
            rate: number(&table, "rate", 0.0)?,
            warm_up: number(&table, "warm_up_s", 0.0)?,
        };
        self.groups.push(name.to_owned());
        for _ in 0..table.integer("count", 1..=100_000)?.unwrap_or(1) {
            // Behind all of its priority: a plan's targets are in that order, too.
            let place = self
                .sides
                .partition_point(|other| other.priority <= side.priority);
            self.sides.insert(place, side);
            self.targets.insert(place, target);
        }
        Ok(())
    }

    fn event(&self, item: &Item<'_>) -> Result<Event> {
        let table = item.table()?;
        table.check(EVENT, &[])?;
        let words: Vec<&'static str> = KINDS.iter().map(|(word, _)| *word).collect();
        let Some(word) = table.word("kind", &words, &[])? else {
            return Err(table.missing(item, "kind", &words.join(", ")));
        };
        let kind = KINDS.iter().find(|(known, _)| *known == word);
        let kind = kind.map_or(Kind::Outage, |(_, kind)| *kind);
        let group = match table.get("target") {
            None if kind == Kind::Surge => 0,
            None => return Err(table.missing(item, "target", "a target's name")),
            Some(name) => {
                let wanted = name.text()?;
                let found = self.groups.iter().position(|known| known == wanted);
                found.ok_or_else(|| name.fail("is no target's name"))?
            }
        };
        Ok(Event {
            kind,
            group,
            part: number(&table, "part", 1.0)?,
            from: table.seconds_or_none("from_s")?.unwrap_or_default(),
            until: table.seconds("until_s")?.unwrap_or(Duration::MAX),
            factor: number(&table, "factor", 10.0)?,
        })
    }
}

fn workload(item: &Item<'_>) -> Result<Workload> {
    let table = item.table()?;
    table.check(&["share", "input", "output"], &[])?;
    Ok(Workload {
        share: number(&table, "share", 1.0)?,
        input: number(&table, "input", 500.0)?,
        output: number(&table, "output", 200.0)?,
    })
}

fn way(item: &Item<'_>) -> Result<Run> {
    let table = item.table()?;
    table.check(RUN, &[])?;
    let words: Vec<&'static str> = Strategy::ALL.iter().map(|(word, _)| *word).collect();
    let word = table.word("strategy", &words, &[])?.unwrap_or("order");
    let hedge = match table.table("hedge")? {
        None => None,
        Some(hedge) => {
            hedge.check(&["percentile", "max_extra", "least_ms"], &[])?;
            Some(Hedge {
                percentile: number(&hedge, "percentile", 95.0)?,
                max_extra: number(&hedge, "max_extra", 0.05)?,
                least: Duration::from_secs_f64(number(&hedge, "least_ms", 500.0)? / 1000.0),
            })
        }
    };
    Ok(Run {
        name: table.text("name")?.unwrap_or(word).to_owned(),
        strategy: Strategy::find(word).unwrap_or_default(),
        cost_weight: number(&table, "cost_weight", 0.0)?,
        hedge,
        budget: table.flag("budget")?.unwrap_or(true),
    })
}

fn list<'d>(table: &Table<'d>, key: &str) -> Result<Vec<Item<'d>>> {
    table.get(key).map_or(Ok(Vec::new()), |item| item.list())
}

fn number(table: &Table<'_>, key: &str, default: f64) -> Result<f64> {
    let Some(item) = table.get(key) else {
        return Ok(default);
    };
    let value = item.to_json().as_f64();
    value
        .filter(|value| value.is_finite() && *value >= 0.0)
        .ok_or_else(|| item.fail("expected a number, 0 or more"))
}

const KEYS: &[&str] = &[
    "title",
    "seed",
    "duration_s",
    "rate",
    "max_attempts",
    "first_token_s",
    "workloads",
    "targets",
    "events",
    "runs",
];
const TARGET: &[&str] = &[
    "name",
    "count",
    "price",
    "weight",
    "priority",
    "ttft_ms",
    "spread",
    "tail_share",
    "tail_factor",
    "tokens_per_s",
    "errors",
    "capacity",
    "rate",
    "warm_up_s",
];
const EVENT: &[&str] = &["kind", "target", "part", "from_s", "until_s", "factor"];
const RUN: &[&str] = &["name", "strategy", "cost_weight", "hedge", "budget"];
const KINDS: &[(&str, Kind)] = &[
    ("outage", Kind::Outage),
    ("black_hole", Kind::BlackHole),
    ("brownout", Kind::Brownout),
    ("errors", Kind::Errors),
    ("surge", Kind::Surge),
];
