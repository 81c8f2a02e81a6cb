//! When a target is left alone, and what may be spent on trying again: `[health]`, `retry.budget` and a model's `hedge`.

use std::time::Duration;

use super::scope::{Item, Table};
use crate::error::Result;
use crate::policy::{breaker, budget};

/// When targets are left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Health {
    /// When a breaker opens and closes.
    pub(crate) breaker: breaker::Settings,
    /// Whether targets are asked on the library's own account.
    pub(crate) probe: Option<Probe>,
}

/// How targets are asked on the library's own account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Probe {
    pub(crate) every: Duration,
    /// How long one may take.
    pub(crate) timeout: Duration,
    /// Those that are well, too.
    pub(crate) all: bool,
}

impl Probe {
    fn read(health: &Table<'_>) -> Result<Option<Probe>> {
        let Some(table) = health.table("probe")? else {
            return Ok(None);
        };
        table.check(&["every", "timeout", "all"], &[])?;
        let (timeout, all) = (table.seconds("timeout")?, flag(&table, "all")?);
        let probe = |every: Duration| Probe {
            every,
            timeout: timeout.unwrap_or(PROBE_TIMEOUT).min(every),
            all: all.unwrap_or(false),
        };
        Ok(table.seconds("every")?.map(probe))
    }
}

impl Health {
    pub(super) fn read(root: &Table<'_>) -> Result<Health> {
        let mut health = Health::default();
        let Some(table) = root.table("health")? else {
            return Ok(health);
        };
        table.check(&["breaker", "probe"], &[])?;
        health.probe = Probe::read(&table)?;
        let Some(table) = table.table("breaker")? else {
            return Ok(health);
        };
        table.check(BREAKER_KEYS, &[])?;
        let plain = breaker::Settings::default();
        let whole = |key, most| -> Result<Option<u32>> {
            Ok(table.integer(key, 1..=most)?.map(|number| number as u32))
        };
        health.breaker = breaker::Settings {
            enabled: flag(&table, "enabled")?.unwrap_or(plain.enabled),
            failures: whole("failures", COUNT_MAX)?.unwrap_or(plain.failures),
            ratio: fraction(&table, "ratio")?.unwrap_or(plain.ratio),
            calls: whole("calls", COUNT_MAX)?.unwrap_or(plain.calls),
            window: table.seconds("window")?.unwrap_or(plain.window),
            open: table.seconds("open")?.unwrap_or(plain.open),
            open_max: table.seconds("open_max")?.unwrap_or(plain.open_max),
            successes: whole("successes", COUNT_MAX)?.unwrap_or(plain.successes),
            probe: table.seconds("probe_timeout")?.unwrap_or(plain.probe),
        };
        Ok(health)
    }
}

/// Reads `retry.budget`.
pub(super) fn budget(retry: &Table<'_>) -> Result<budget::Settings> {
    let plain = budget::Settings::default();
    let Some(table) = retry.table("budget")? else {
        return Ok(plain);
    };
    table.check(&["bucket", "ratio", "floor"], &[])?;
    let whole = |key, plain| -> Result<u32> {
        let said = table.integer(key, 0..=COUNT_MAX)?;
        Ok(said.map_or(plain, |number| number as u32))
    };
    Ok(budget::Settings {
        bucket: whole("bucket", plain.bucket)?,
        ratio: fraction(&table, "ratio")?.unwrap_or(plain.ratio),
        floor: whole("floor", plain.floor)?,
    })
}

/// When a second target is asked because the first is slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge {
    /// After the time in which so many of a hundred answers have begun.
    pub percentile: f64,
    /// And never before.
    pub min_delay: Duration,
    /// At most this share of requests beside.
    pub max_extra: f64,
}

impl Hedge {
    /// Reads a model's `hedge`; `None` if there is none, or it is not enabled.
    pub(super) fn read(model: &Table<'_>) -> Result<Option<Hedge>> {
        let Some(table) = model.table("hedge")? else {
            return Ok(None);
        };
        table.check(&["enabled", "percentile", "min_delay", "max_extra"], &[])?;
        let hedge = Hedge {
            percentile: table
                .number("percentile", 1.0..=99.9)?
                .unwrap_or(PERCENTILE),
            min_delay: table.seconds("min_delay")?.unwrap_or(MIN_DELAY),
            max_extra: fraction(&table, "max_extra")?.unwrap_or(MAX_EXTRA),
        };
        Ok(flag(&table, "enabled")?.unwrap_or(false).then_some(hedge))
    }
}

fn flag(table: &Table<'_>, key: &str) -> Result<Option<bool>> {
    let read = |item: Item<'_>| {
        let said = item.to_json().as_bool();
        said.ok_or_else(|| item.expected("true or false"))
    };
    table.get(key).map(read).transpose()
}

fn fraction(table: &Table<'_>, key: &str) -> Result<Option<f64>> {
    table.number(key, 0.0..=1.0)
}

const BREAKER_KEYS: &[&str] = &[
    "enabled",
    "failures",
    "ratio",
    "calls",
    "window",
    "open",
    "open_max",
    "successes",
    "probe_timeout",
];

// BEHAVIOUR.md section 6: the 95th percentile, half a second, one in twenty ("The Tail at Scale", CACM 2013).
const PERCENTILE: f64 = 95.0;
const MIN_DELAY: Duration = Duration::from_millis(500);
const MAX_EXTRA: f64 = 0.05;
const COUNT_MAX: u64 = 1_000_000;
// The few tokens of a probe come within seconds where anything does.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
