//! `[cache]`: whether answers are kept, for how long, and in how much memory.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::Config;
use super::scope::{Item, Table};
use crate::error::Result;
use crate::options::label;
use crate::policy::cache::{Use, Wish};

/// What is kept of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Whether requests use it that do not say.
    pub enabled: bool,
    /// How long an answer is kept in this process.
    pub ttl: Duration,
    /// How many bytes of answers are kept in this process.
    pub max_bytes: usize,
    /// Tells apart configurations in which the same names stand for other models or places.
    pub(crate) scope: u64,
}

/// BEHAVIOUR.md section 8 and llm.example.toml: five minutes, 128 MiB.
impl Default for Cache {
    fn default() -> Cache {
        Cache {
            enabled: false,
            ttl: Duration::from_secs(300),
            max_bytes: 128 << 20,
            scope: 0,
        }
    }
}

impl Cache {
    pub(super) fn read(root: &Table<'_>) -> Result<Cache> {
        let mut cache = Cache::default();
        let Some(table) = root.table("cache")? else {
            return Ok(cache);
        };
        table.check(KEYS, LATER)?;
        if let Some(enabled) = table.flag("enabled")? {
            cache.enabled = enabled;
        }
        if let Some(ttl) = table.seconds("ttl")? {
            cache.ttl = ttl;
        }
        if let Some(bytes) = table.integer("max_bytes", BYTES_MIN..=BYTES_MAX)? {
            cache.max_bytes = bytes as usize;
        }
        Ok(cache)
    }
}

/// What a configuration's names stand for, as a number: under another one nothing that was kept is found.
pub(super) fn scope(config: &Config) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Whatever is said of a name; secrets do not show themselves.
    format!("{:?} {:?}", config.default_model, config.aliases).hash(&mut hasher);
    for provider in config.providers.values() {
        (&provider.id, provider.wire.name(), &provider.base_url).hash(&mut hasher);
    }
    hasher.finish()
}

/// Reads `cache`, which options hold.
pub(crate) fn wish(table: &Table<'_>) -> Result<Option<Wish>> {
    table.get("cache").map(|item| wished(&item)).transpose()
}

fn wished(item: &Item<'_>) -> Result<Wish> {
    if item.is_table() {
        return how(&item.table()?).map(Wish::On);
    }
    match (item.flag(), item.text()) {
        (Ok(true), _) => Ok(Wish::On(Use::default())),
        (Ok(false), _) => Ok(Wish::Off),
        (_, Ok("refresh")) => Ok(Wish::On(Use {
            refresh: true,
            ..Use::default()
        })),
        _ => Err(item.expected("true, false, \"refresh\" or a table")),
    }
}

fn how(table: &Table<'_>) -> Result<Use> {
    table.check(&["refresh", "ttl", "tags", "key"], &[])?;
    let mut tags = Vec::new();
    if let Some(item) = table.get("tags") {
        for item in item.list()? {
            tags.push(label(&item)?);
        }
    }
    Ok(Use {
        refresh: table.flag("refresh")?.unwrap_or(false),
        ttl: table.seconds("ttl")?,
        tags,
        key: table.get("key").map(|item| label(&item)).transpose()?,
    })
}

const KEYS: &[&str] = &["enabled", "ttl", "max_bytes"];
const LATER: &[&str] = &["semantic"];
// One answer may take a sixteenth: less than 4 KiB holds hardly any.
const BYTES_MIN: u64 = 64 << 10;
const BYTES_MAX: u64 = 1 << 40;
