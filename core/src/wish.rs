//! OpenRouter's words for routes, for any set of providers: `models`, `provider` and the suffixes `:floor` and `:nitro`.
//!
//! Whoever names `openrouter/...` speaks to OpenRouter itself: then nothing is read here, and everything is sent as it is written.

use serde::Deserialize;

use crate::config::{Config, split_model};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::route::{Rate, Strategy};
use crate::request::Request;

/// What a request wishes in these words.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// Asked one after the other, whatever goes wrong.
    pub(crate) models: Vec<String>,
    pub(crate) provider: Preferences,
    /// Whether the request holds such words, which go to nobody.
    pub(crate) written: bool,
}

/// The member `provider`. What is not known of it is OpenRouter's own affair: where data goes, and how numbers are packed there.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Preferences {
    order: Vec<String>,
    only: Vec<String>,
    ignore: Vec<String>,
    pub(crate) allow_fallbacks: bool,
    sort: Option<Sort>,
    max_price: MaxPrice,
    pub(crate) require_parameters: bool,
}

impl Default for Preferences {
    fn default() -> Preferences {
        Preferences {
            order: Vec::new(),
            only: Vec::new(),
            ignore: Vec::new(),
            allow_fallbacks: true,
            sort: None,
            max_price: MaxPrice::default(),
            require_parameters: false,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Sort {
    Word(String),
    By { by: String },
}

/// US dollars per million tokens.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MaxPrice {
    prompt: Option<Amount>,
    completion: Option<Amount>,
}

/// OpenRouter's prices are strings, its examples numbers.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Amount {
    Number(f64),
    Text(String),
}

impl Amount {
    fn holds(&self, price: f64) -> bool {
        let most = match self {
            Amount::Number(number) => Some(*number),
            Amount::Text(text) => text.trim().parse().ok(),
        };
        most.is_some_and(|most| price <= most)
    }
}

impl Wish {
    /// Reads them; a wrong type in them is an error.
    pub(crate) fn read(request: &Request, by_provider: bool) -> Result<Wish> {
        let model = request.model().unwrap_or_default();
        if by_provider || is_openrouter(model) {
            return Ok(Wish::default());
        }
        let object = |json: &&[u8]| json.first() == Some(&b'{');
        let list = |json: &&[u8]| json.first() == Some(&b'[');
        let provider = request.field("provider").filter(object);
        let models = request.field("models").filter(list);
        Ok(Wish {
            written: provider.is_some() || models.is_some(),
            provider: read("provider", provider)?,
            models: read("models", models)?,
        })
    }

    /// The strategy that it asks for.
    pub(crate) fn strategy(&self) -> Result<Option<Strategy>> {
        let word = match &self.provider.sort {
            None => return Ok(None),
            Some(Sort::Word(by) | Sort::By { by }) => by.as_str(),
        };
        match word {
            "price" => Ok(Some(Strategy::Cost)),
            "throughput" => Ok(Some(Strategy::Throughput)),
            "latency" => Ok(Some(Strategy::Latency)),
            _ => Err(wrong(
                "provider.sort: expected \"price\", \"throughput\" or \"latency\"",
            )),
        }
    }

    /// Whether it says anything of providers.
    pub(crate) fn chooses(&self) -> bool {
        let it = &self.provider;
        !(it.order.is_empty() && it.only.is_empty() && it.ignore.is_empty()) || self.has_max_price()
    }

    /// Whether prices matter to it.
    pub(crate) fn has_max_price(&self) -> bool {
        self.provider.max_price.prompt.is_some() || self.provider.max_price.completion.is_some()
    }

    /// When a target is asked: smaller numbers first; `None` if never.
    pub(crate) fn rank(&self, provider: &str, price: Option<Rate>) -> Option<u32> {
        let it = &self.provider;
        let is = |name: &String| {
            let slug = name.split('/').next().unwrap_or_default();
            slug.eq_ignore_ascii_case(provider)
        };
        let left = (it.only.is_empty() || it.only.iter().any(is)) && !it.ignore.iter().any(is);
        if !left || !self.affords(price) {
            return None;
        }
        match it.order.iter().position(is) {
            Some(rank) => Some(rank as u32),
            None if it.order.is_empty() || it.allow_fallbacks => Some(it.order.len() as u32),
            None => None,
        }
    }

    fn affords(&self, price: Option<Rate>) -> bool {
        let most = &self.provider.max_price;
        let holds = |most: &Option<Amount>, of: fn(&Rate) -> f64| match (most, &price) {
            (None, _) => true,
            (Some(most), Some(price)) => most.holds(of(price)),
            // What may cost anything is not within a limit.
            (Some(_), None) => false,
        };
        holds(&most.prompt, |price| price.input) && holds(&most.completion, |price| price.output)
    }

    /// Whether no second choice is wanted, however the first does.
    pub(crate) fn insists(&self) -> bool {
        !self.provider.allow_fallbacks && self.provider.order.is_empty()
    }
}

/// The name without a suffix, and what the suffix asks for. A name that is known with it has none.
pub(crate) fn suffix<'n>(config: &Config, name: &'n str) -> (&'n str, Option<Strategy>) {
    let found = SUFFIXES.iter().find_map(|(suffix, strategy)| {
        let rest = name.strip_suffix(suffix)?;
        Some((rest, Some(*strategy)))
    });
    match found {
        Some(found) if !config.aliases.contains_key(name) && !is_openrouter(name) => found,
        _ => (name, None),
    }
}

fn is_openrouter(model: &str) -> bool {
    split_model(model).is_some_and(|(provider, _)| provider == ITSELF)
}

fn read<'j, T: Default + Deserialize<'j>>(key: &str, json: Option<&'j [u8]>) -> Result<T> {
    let Some(json) = json else {
        return Ok(T::default());
    };
    serde_json::from_slice(json).map_err(|error| wrong(&format!("{key}: {error}")))
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// Members of a request that are read here.
pub(crate) const MEMBERS: &[&str] = &["models", "provider"];
/// The provider whose words these are.
const ITSELF: &str = "openrouter";
const SUFFIXES: &[(&str, Strategy)] =
    &[(":floor", Strategy::Cost), (":nitro", Strategy::Throughput)];
