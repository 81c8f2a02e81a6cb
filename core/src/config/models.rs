//! Aliases: a name for targets and for how one of them is chosen, with fallbacks behind them. Every name in them is known, or the
//! configuration is bad.

use std::sync::{Arc, OnceLock};

use libllm_proto::provider::closest;

use super::rules;
use super::scope::{Item, Table, shown};
use super::target::{self, Target};
use super::{Config, Hedge, Race};
use crate::admit::Room;
use crate::error::Result;
use crate::plan::Ready;
use crate::policy::cause::Cause;
use crate::policy::route::{Side, Strategy};
use crate::route::Tally;
use crate::target::Target as Name;
use crate::vitals::Vitals;

/// A name for targets.
#[derive(Clone, Debug, Default)]
pub struct Alias {
    /// Those that may be asked, by priority.
    pub targets: Vec<Target>,
    /// How one of them is chosen.
    pub strategy: Strategy,
    /// What time and money are worth, for [`Strategy::Score`].
    pub score: Score,
    /// What should stay at one target.
    pub affinity: Affinity,
    /// Instead of targets: other names, each with its share of the requests.
    pub split: Vec<Branch>,
    /// Asked when all targets have failed.
    pub fallbacks: Fallbacks,
    /// When a second target is asked because the first is slow.
    pub hedge: Option<Hedge>,
    /// How many are asked at once and who of them is heard, for [`Strategy::Race`].
    pub race: Race,
    /// What is looked up when it is asked for the first time.
    pub(crate) known: OnceLock<Known>,
}

/// An alias's targets as they are compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) sides: Box<[Side]>,
    /// With the catalog's prices.
    pub(crate) priced: OnceLock<Box<[Side]>>,
    pub(crate) vitals: Box<[Arc<Vitals>]>,
    pub(crate) ready: Box<[Ready]>,
    /// What is counted of it between calls.
    pub(crate) tally: OnceLock<Arc<Tally>>,
    /// Its fallbacks, in their order.
    pub(crate) spares: Box<[Spare]>,
    /// What our own limits leave of each, if there are any.
    pub(crate) rooms: OnceLock<Box<[Arc<Room>]>>,
}

/// A fallback.
#[derive(Clone, Debug)]
pub(crate) struct Spare {
    pub(crate) name: Box<str>,
    /// The one target that it is, unless it stands for others, and its figures.
    pub(crate) target: Option<(Name, Arc<Vitals>)>,
    pub(crate) after: Cause,
    pub(crate) ready: Ready,
}

/// Models, or aliases, whose targets then count and not their fallbacks; by what went wrong.
#[derive(Clone, Debug, Default)]
pub struct Fallbacks {
    /// Whatever may be tried elsewhere.
    pub any: Vec<String>,
    /// The request is longer than the model's window.
    pub context_window: Vec<String>,
    /// The provider's filter refused it.
    pub content_policy: Vec<String>,
    /// It holds images, sound or files, and was refused.
    pub modality: Vec<String>,
}

impl Alias {
    /// Targets of which nothing is said but their names, which are known.
    pub(crate) fn of(names: &[String]) -> Alias {
        Alias {
            targets: names.iter().map(|name| Target::of(name)).collect(),
            ..Alias::default()
        }
    }
}

impl Fallbacks {
    /// Every name in them.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.all().map(|(name, _)| name)
    }

    /// The same, each with what it is for.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&String, Cause)> {
        let lists = [
            (&self.any, Cause::Any),
            (&self.context_window, Cause::ContextWindow),
            (&self.content_policy, Cause::ContentPolicy),
            (&self.modality, Cause::Modality),
        ];
        lists
            .into_iter()
            .flat_map(|(names, cause)| names.iter().map(move |name| (name, cause)))
    }
}

/// What time and money are worth to each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Milliseconds that one microdollar is worth, to begin with.
    pub cost_weight: f64,
    /// Microdollars of a request in the mean, for which the weight is adapted.
    pub cost_goal: Option<f64>,
    /// Milliseconds to the first item in the mean, for which the weight is adapted.
    pub latency_goal: Option<f64>,
}

impl Default for Score {
    fn default() -> Score {
        Score {
            cost_weight: COST_WEIGHT,
            cost_goal: None,
            latency_goal: None,
        }
    }
}

/// What should stay at one target, where its prompt is still in the provider's cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Affinity {
    /// Nothing.
    #[default]
    Off,
    /// What has the same `session`.
    Session,
    /// What begins in the same words.
    Prefix,
}

/// One part of a split.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// A model or an alias.
    pub to: String,
    /// Of a hundred requests.
    pub percent: f64,
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

/// Reads `default_model`, `[models]` and `[[rules]]` into a configuration whose providers are known.
pub(super) fn read_all(root: &Table<'_>, config: &mut Config) -> Result<()> {
    let mut named = Vec::new();
    let mut branches = Vec::new();
    if let Some(models) = root.table("models")? {
        for (name, item) in models.items() {
            let alias = Reader {
                config,
                named: &mut named,
                branches: &mut branches,
            }
            .read(&item)?;
            config.aliases.insert(name.to_owned(), alias);
        }
    }
    config.rules = rules::read_all(root, &mut named)?;
    // They may name aliases that come later in the text.
    for item in named {
        config
            .check_model(item.text()?)
            .map_err(|why| item.fail(why))?;
    }
    for item in branches {
        let name = item.text()?;
        if config
            .aliases
            .get(name)
            .is_some_and(|alias| !alias.split.is_empty())
        {
            return Err(item.fail("expected a name that is not split itself"));
        }
    }
    if let Some(item) = root.get("default_model") {
        let name = item.text()?;
        config.check_model(name).map_err(|why| item.fail(why))?;
        config.default_model = Some(name.to_owned());
    }
    Ok(())
}

struct Reader<'r, 'd> {
    config: &'r Config,
    /// Names that must be known once all are read.
    named: &'r mut Vec<Item<'d>>,
    /// Names that must not be split.
    branches: &'r mut Vec<Item<'d>>,
}

impl<'d> Reader<'_, 'd> {
    fn read(&mut self, item: &Item<'d>) -> Result<Alias> {
        let table = item.table()?;
        table.check(KEYS, &[])?;
        let affinity = table.word("affinity", &["off", "session", "prefix"], &[])?;
        let (targets, split) = match (table.get("targets"), table.get("split")) {
            (None, None) => {
                let expected = "a list of { model = \"provider/model\" }";
                return Err(table.missing(item, "targets", expected));
            }
            (Some(_), Some(split)) => return Err(split.fail("expected either this or targets")),
            (Some(targets), None) => (target::read_all(&targets, self.config)?, Vec::new()),
            (None, Some(split)) => (Vec::new(), self.split(&split)?),
        };
        Ok(Alias {
            targets,
            strategy: strategy(&table)?.unwrap_or_default(),
            score: score(&table)?,
            affinity: match affinity {
                Some("session") => Affinity::Session,
                Some("prefix") => Affinity::Prefix,
                _ => Affinity::Off,
            },
            split,
            fallbacks: self.fallbacks(&table)?,
            hedge: Hedge::read(&table)?,
            race: Race::read(&table)?,
            known: OnceLock::new(),
        })
    }

    fn fallbacks(&mut self, table: &Table<'d>) -> Result<Fallbacks> {
        let Some(table) = table.table("fallbacks")? else {
            return Ok(Fallbacks::default());
        };
        table.check(
            &["any", "context_window", "content_policy", "modality"],
            &[],
        )?;
        let mut names = |key| -> Result<Vec<String>> {
            let mut names = Vec::new();
            let list = table.get(key).map(|item| item.list()).transpose()?;
            for item in list.unwrap_or_default() {
                names.push(item.text()?.to_owned());
                self.named.push(item);
            }
            Ok(names)
        };
        Ok(Fallbacks {
            any: names("any")?,
            context_window: names("context_window")?,
            content_policy: names("content_policy")?,
            modality: names("modality")?,
        })
    }

    fn split(&mut self, item: &Item<'d>) -> Result<Vec<Branch>> {
        let mut branches = Vec::new();
        for part in item.list()? {
            let table = part.table()?;
            table.check(&["to", "percent"], &[])?;
            let Some(to) = table.get("to") else {
                return Err(table.missing(&part, "to", "a model or an alias"));
            };
            let percent = table.number("percent", 0.0..=100.0)?;
            let percent =
                percent.ok_or_else(|| table.missing(&part, "percent", "a number in 0 to 100"))?;
            branches.push(Branch {
                to: to.text()?.to_owned(),
                percent,
            });
            self.branches.push(table.get("to").unwrap_or(to));
            self.named.extend(table.get("to"));
        }
        let sum: f64 = branches.iter().map(|branch| branch.percent).sum();
        // Thirds are written with so many digits.
        match (sum - 100.0).abs() < 0.1 {
            true => Ok(branches),
            false => Err(item.fail(format!("expected percentages of 100 in all, got {sum}"))),
        }
    }
}

fn score(table: &Table<'_>) -> Result<Score> {
    let plain = Score::default();
    let Some(table) = table.table("score")? else {
        return Ok(plain);
    };
    table.check(
        &["cost_weight", "cost_goal_microusd", "latency_goal_ms"],
        &[],
    )?;
    let score = Score {
        cost_weight: table
            .number("cost_weight", 0.0..=1e6)?
            .unwrap_or(plain.cost_weight),
        cost_goal: table.number("cost_goal_microusd", 0.001..=1e9)?,
        latency_goal: table.number("latency_goal_ms", 0.001..=1e9)?,
    };
    match (table.get("latency_goal_ms"), score.cost_goal) {
        (Some(item), Some(_)) => {
            Err(item.fail("expected one goal, and there is cost_goal_microusd"))
        }
        _ => Ok(score),
    }
}

/// Reads `strategy`, which options and rules may hold too.
pub(crate) fn strategy(table: &Table<'_>) -> Result<Option<Strategy>> {
    let words: Vec<&'static str> = Strategy::ALL.iter().map(|(word, _)| *word).collect();
    let word = table.word("strategy", &words, &[])?;
    Ok(word.and_then(Strategy::find))
}

/// The provider that is played in this process.
pub(crate) const MOCK: &str = "mock";

const KEYS: &[&str] = &[
    "targets",
    "strategy",
    "score",
    "affinity",
    "split",
    "fallbacks",
    "limits",
    "hedge",
    "race",
    "race_return",
];
// A usual answer costs some hundred microdollars and begins within some hundred milliseconds: so they weigh about the same.
const COST_WEIGHT: f64 = 1.0;
