//! Text to [`Config`]: what exists is good. What is wrong says where it stands, what was expected and which name is near.
//!
//! ```
//! use libllm::config::{Config, SystemEnvironment};
//!
//! let error = Config::parse("[timeouts]\nidel = 5\n", &SystemEnvironment).unwrap_err();
//! assert!(error.message().starts_with("config line 2, column 1: unknown key timeouts.idel"));
//! assert!(error.message().ends_with("closest: idle"));
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::error::{Error, ErrorKind, Result};
use libllm_proto::wire::Unsupported;

mod admission;
mod cache;
mod catalog;
mod document;
mod environment;
mod guardrails;
mod headers;
mod health;
mod hooks;
mod http2;
mod issue;
mod limits;
mod models;
mod otlp;
mod price;
mod provider;
mod providers;
mod proxy;
mod race;
mod reload;
mod rules;
mod scope;
mod shared;
mod target;
mod telemetry;
mod tenants;
mod timeouts;

pub use crate::policy::route::Strategy;
pub use crate::policy::route::{Rate, Side};
pub use crate::policy::rule::When;
pub use cache::{Cache, Semantic};
pub use environment::{Environment, SystemEnvironment};
pub use health::{Health, Hedge};
pub use hooks::Hooks;
pub use http2::{Http2, Speak};
pub use limits::{Memory, OnPartial, PER_PROCESS_DEFAULT, Retry, Runtime};
pub use models::{Affinity, Alias, Branch, Fallbacks, Score};
pub use otlp::{Otlp, Semconv};
pub use price::Price;
pub use provider::{Key, Provider, Tls};
pub use proxy::Proxies;
pub use race::Race;
pub use reload::Reload;
pub use rules::{Rule, Use};
pub use shared::Shared;
pub use target::Target;
pub use telemetry::Telemetry;
pub use timeouts::{Limit, Timeouts, TimeoutsOverride};

pub(crate) use admission::{Admission, Caps, InFlight, Scope};
pub(crate) use cache::wish;
pub(crate) use document::Document;
pub(crate) use guardrails::{Action, Guardrail};
pub(crate) use headers::{header_value, request_header_name};
pub(crate) use health::Probe;
pub(crate) use limits::{max_attempts, on_partial, unsupported_word};
pub(crate) use models::strategy;
pub(crate) use models::{Known, MOCK, Spare, split_model};
#[cfg(feature = "otlp")]
pub(crate) use otlp::SERVICE;
pub(crate) use providers::clean as clean_key;
pub(crate) use proxy::{Proxy, Scheme};
pub(crate) use scope::{Item, Table, shown};
pub(crate) use shared::RedisPlace;
pub(crate) use target::{PRIORITIES, rate};
pub(crate) use tenants::Tenants;

/// Everything a client was told: providers with their keys, aliases, limits.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is asked when a request names no model.
    pub default_model: Option<String>,
    /// Names for lists of targets.
    pub aliases: BTreeMap<String, Alias>,
    /// What holds for some requests instead of what their alias says.
    pub rules: Vec<Rule>,
    /// Where this process is, in the words of the variable `LLM_REGION`.
    pub region: Option<String>,
    /// Every service that can be named, built-in rows included, by id.
    pub providers: BTreeMap<String, Arc<Provider>>,
    /// Built-in rows that cannot be used, and why: their wire is not in this build, or a variable of theirs is unusable.
    pub unusable: BTreeMap<String, Error>,
    /// Limits in time.
    pub timeouts: TimeoutsOverride,
    /// How often a request is tried.
    pub retry: Retry,
    /// When targets are left alone.
    pub health: Health,
    /// What happens to a parameter that a provider cannot take.
    pub unsupported: Unsupported,
    /// Whether requests are held against what is known of the model before they are sent.
    pub check_limits: bool,
    /// Limits in bytes.
    pub memory: Memory,
    /// The folder that exchanges with providers are written to.
    pub record: Option<PathBuf>,
    /// The folder of recordings that are played instead of asking anybody.
    pub replay: Option<PathBuf>,
    /// The engine's threads and their turns.
    pub runtime: Runtime,
    /// What is kept of answers.
    pub cache: Cache,
    /// What several processes have in common.
    pub shared: Shared,
    /// What is limited, if anything is.
    pub(crate) admission: Option<Arc<Admission>>,
    /// Who may ask for which models.
    pub(crate) tenants: Tenants,
    /// What the host is asked while a request runs.
    pub hooks: Hooks,
    /// What is known of models.
    pub(crate) catalog: Arc<Catalog>,
    /// Whether files that change are read again.
    pub reload: Reload,
    /// What may not pass.
    pub(crate) guardrails: Arc<[Guardrail]>,
    /// What is told of requests when they have ended.
    pub telemetry: Telemetry,
}

impl Config {
    /// Reads a configuration: JSON if its first character is `{`, `@PATH` for a file, else TOML. An empty text or an empty
    /// object reads the file that `LLM_CONFIG` names, if it is set.
    pub fn parse(text: &str, environment: &dyn Environment) -> Result<Config> {
        let text = text.trim_start_matches('\u{feff}');
        if let Some(path) = text.trim().strip_prefix('@') {
            return Config::read(path.trim(), environment);
        }
        if is_empty(text) {
            return match environment.var("LLM_CONFIG") {
                Some(path) => {
                    Config::read(&path, environment).map_err(|error| error.context("LLM_CONFIG"))
                }
                None => Config::build(&Document::config("", None)?, environment),
            };
        }
        Config::build(&Document::config(text, None)?, environment)
    }

    fn read(path: &str, environment: &dyn Environment) -> Result<Config> {
        let text = environment
            .read(path)
            .map(zeroize::Zeroizing::new)
            .map_err(|error| {
                Error::new(
                    ErrorKind::Config,
                    format!("cannot read config file {path}: {error}"),
                )
            })?;
        let text = text.trim_start_matches('\u{feff}');
        Config::build(&Document::config(text, Some(path))?, environment)
    }

    fn build(document: &Document<'_>, environment: &dyn Environment) -> Result<Config> {
        let root = document.root()?;
        root.check(KEYS, LATER)?;
        let (providers, unusable) = providers::read_all(&root, environment)?;
        let mut config = Config {
            default_model: None,
            aliases: BTreeMap::new(),
            rules: Vec::new(),
            region: environment.var("LLM_REGION"),
            providers,
            unusable,
            timeouts: TimeoutsOverride::read_in(&root)?,
            retry: Retry::read(&root)?,
            health: Health::read(&root)?,
            unsupported: limits::unsupported(&root)?,
            check_limits: limits::check_limits(&root)?,
            memory: Memory::read(&root)?,
            record: folder(&root, "record")?,
            replay: folder(&root, "replay")?,
            runtime: Runtime::read(&root)?,
            cache: Cache::read(&root)?,
            shared: Shared::read(&root, environment)?,
            admission: None,
            tenants: Tenants::default(),
            hooks: Hooks::read(&root)?,
            catalog: catalog::read(&root, environment)?,
            reload: Reload::read(&root)?,
            guardrails: guardrails::read_all(&root)?,
            telemetry: Telemetry::read(&root, environment)?,
        };
        if config.replay.is_some() {
            if let Some(item) = root.get("record") {
                return Err(
                    item.fail("nobody is asked while recordings are played: goes without replay")
                );
            }
            // Who is not asked need not be shown a key.
            config.providers.values_mut().for_each(|provider| {
                let provider = Arc::make_mut(provider);
                provider.keeper = None;
                if let Key::Missing { .. } | Key::Host = provider.key {
                    provider.key = Key::None;
                }
            });
        }
        models::read_all(&root, &mut config)?;
        cache::check(&root, &config)?;
        config.tenants = Tenants::read(&root, &config)?;
        config.admission = Admission::read(&root, config.shared.share)?;
        config.cache.scope = cache::scope(&config);
        Ok(config)
    }
}

fn folder(root: &Table<'_>, key: &str) -> Result<Option<PathBuf>> {
    let Some(item) = root.get(key) else {
        return Ok(None);
    };
    let path = item.text()?;
    match path.is_empty() {
        true => Err(item.fail("expected the path of a folder")),
        false => Ok(Some(PathBuf::from(path))),
    }
}

/// Nothing but blanks, or an empty object.
fn is_empty(text: &str) -> bool {
    let text = text.trim();
    let inside = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    text.is_empty() || inside.is_some_and(|text| text.trim().is_empty())
}

const KEYS: &[&str] = &[
    "default_model",
    "models",
    "providers",
    "timeouts",
    "retry",
    "health",
    "params",
    "memory",
    "runtime",
    "hooks",
    "reload",
    "guardrails",
    "cache",
    "record",
    "replay",
    "shared",
    "catalog",
    "telemetry",
    "admission",
    "tenants",
    "budgets",
    "rules",
];
const LATER: &[&str] = &[];
