//! `[cache]`: whether answers are kept, for how long, in how much memory, and whether a similar question is the same one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::Config;
use super::scope::{Item, Table};
use crate::error::Result;
use crate::options::label;
use crate::policy::cache::{Use, Wish};

/// What is kept of answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Cache {
    /// Whether requests use it that do not say.
    pub enabled: bool,
    /// How long an answer is kept in this process.
    pub ttl: Duration,
    /// How many bytes of answers are kept in this process.
    pub max_bytes: usize,
    /// Whether they are kept in the shared Redis as well, if there is one.
    pub shared: bool,
    /// How long an answer is kept there.
    pub shared_ttl: Duration,
    /// Whether a question that is almost the same gets the same answer.
    pub semantic: Option<Arc<Semantic>>,
    /// Tells apart configurations in which the same names stand for other models or places.
    pub(crate) scope: u64,
}

/// How a question is found that is almost the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Semantic {
    /// Who makes vectors of texts: an alias or `provider/model`.
    pub model: String,
    /// How alike two texts must be: the cosine of their vectors.
    pub threshold: f32,
    /// How many questions are remembered.
    pub max_entries: usize,
    /// How long a request waits for its vector.
    pub timeout: Duration,
}

/// BEHAVIOUR.md section 8 and llm.example.toml: five minutes here and an hour in Redis, 128 MiB.
impl Default for Cache {
    fn default() -> Cache {
        Cache {
            enabled: false,
            ttl: Duration::from_secs(300),
            max_bytes: 128 << 20,
            shared: true,
            shared_ttl: Duration::from_secs(3600),
            semantic: None,
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
        table.check(KEYS, &[])?;
        if let Some(enabled) = table.flag("enabled")? {
            cache.enabled = enabled;
        }
        if let Some(ttl) = table.seconds("ttl")? {
            cache.ttl = ttl;
        }
        if let Some(bytes) = table.integer("max_bytes", BYTES_MIN..=BYTES_MAX)? {
            cache.max_bytes = bytes as usize;
        }
        if let Some(shared) = table.flag("shared")? {
            cache.shared = shared;
        }
        if let Some(ttl) = table.seconds("shared_ttl")? {
            cache.shared_ttl = ttl;
        }
        if let Some(item) = table.get("semantic") {
            cache.semantic = Some(Arc::new(Semantic::read(&item)?));
        }
        Ok(cache)
    }
}

impl Semantic {
    fn read(item: &Item<'_>) -> Result<Semantic> {
        let table = item.table()?;
        table.check(SEMANTIC_KEYS, &[])?;
        let Some(model) = table.text("model")? else {
            return Err(table.missing(item, "model", "an alias or \"provider/model\""));
        };
        let threshold = table.number("threshold", 0.0..=1.0)?;
        let entries = table.integer("max_entries", 1..=ENTRIES_MAX)?;
        let timeout = table.integer("timeout_ms", 1..=VECTOR_MS_MAX)?;
        Ok(Semantic {
            model: model.to_owned(),
            threshold: threshold.unwrap_or(THRESHOLD) as f32,
            max_entries: entries.map_or(ENTRIES, |entries| entries as usize),
            timeout: timeout.map_or(VECTOR_PATIENCE, Duration::from_millis),
        })
    }
}

/// Refuses a model for vectors that nobody knows; to be asked once all models are read.
pub(super) fn check(root: &Table<'_>, config: &Config) -> Result<()> {
    let semantic = root.table("cache")?.map(|cache| cache.table("semantic"));
    let semantic = semantic.transpose()?.flatten();
    match semantic.and_then(|semantic| semantic.get("model")) {
        Some(model) => config
            .check_model(model.text()?)
            .map_err(|why| model.fail(why)),
        None => Ok(()),
    }
}

/// What a configuration's names stand for, as a number: under another one nothing that was kept is found.
pub(super) fn scope(config: &Config) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Whatever is said of a name; secrets do not show themselves.
    format!("{:?} {:?}", config.default_model, config.aliases).hash(&mut hasher);
    format!("{:?} {:?}", config.rules, config.region).hash(&mut hasher);
    // What was kept under some guardrails has passed those alone.
    format!("{:?}", config.guardrails).hash(&mut hasher);
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
    table.check(&["refresh", "ttl", "tags", "key", "semantic"], &[])?;
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
        semantic: table.flag("semantic")?,
    })
}

const KEYS: &[&str] = &[
    "enabled",
    "ttl",
    "max_bytes",
    "shared",
    "shared_ttl",
    "semantic",
];
const SEMANTIC_KEYS: &[&str] = &["model", "threshold", "max_entries", "timeout_ms"];
// One answer may take a sixteenth: less than 4 KiB holds hardly any.
const BYTES_MIN: u64 = 64 << 10;
const BYTES_MAX: u64 = 1 << 40;
// The design's example. Models differ: docs/cache.md says how to find one's own.
const THRESHOLD: f64 = 0.97;
// 6 KiB each with 1,536 numbers, as text-embedding-3-small has.
const ENTRIES: usize = 1000;
// Each look goes through those of one scope: above that it should be an index of another kind.
const ENTRIES_MAX: u64 = 100_000;
// A vector takes 0.1 to 0.3 s; whoever waited for one and then asks all the same has lost that.
const VECTOR_PATIENCE: Duration = Duration::from_secs(1);
const VECTOR_MS_MAX: u64 = 60_000;
