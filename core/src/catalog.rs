//! What a client knows of models: the catalog that is built in, and what its configuration lays over that, from a file and from afar.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libllm_proto::catalog::{self, Price, Table};
use libllm_proto::operation::tokens::Spoken;
use libllm_proto::tokenizer::Tokenizer;

use crate::clock;
use crate::lock;
use crate::target::Target;
use crate::transport::control::Fetcher;

/// A model that is known, whole: what lies over the catalog may change while it is used.
#[derive(Debug)]
pub(crate) struct Known {
    /// The most tokens that a prompt may have.
    pub(crate) context: Option<u64>,
    /// The most tokens that an answer may have.
    pub(crate) output_max: Option<u64>,
    pub(crate) price: Price,
}

/// A vocabulary that is at hand, and whose it is.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// Names of models, alone or after their provider's; `*` at the end stands for anything.
    pub(crate) models: Vec<String>,
    pub(crate) tokenizer: Tokenizer,
    /// Tokens around a message and before the answer.
    pub(crate) per_message: u64,
    pub(crate) per_answer: u64,
}

impl Vocabulary {
    fn is_of(&self, target: &Target) -> bool {
        let fits = |pattern: &String, name: &str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        self.models
            .iter()
            .any(|pattern| fits(pattern, target.text()) || fits(pattern, target.model()))
    }

    /// Tokens of what is around the texts. A name has one more.
    pub(crate) fn around(&self, spoken: &Spoken) -> u64 {
        spoken.messages * self.per_message + spoken.names + self.per_answer
    }
}

/// The catalog as one client sees it. Cheap to ask: what was found once is kept.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// Laid over all else.
    file: Option<Table>,
    remote: Option<Remote>,
    vocabularies: Vec<Vocabulary>,
    state: Mutex<State>,
}

/// Where a catalog is fetched from.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) url: String,
    /// How long one is good; for ever if there is no such time.
    pub(crate) every: Option<Duration>,
    pub(crate) fetcher: Fetcher,
}

#[derive(Debug, Default)]
struct State {
    fetched: Option<Arc<Table>>,
    /// When it is fetched next; at once if it never was.
    next: Option<Instant>,
    /// By `provider/model`, with what is not known.
    found: HashMap<Box<str>, Option<Arc<Known>>>,
}

impl Catalog {
    pub(crate) fn new(
        file: Option<Table>,
        remote: Option<Remote>,
        vocabularies: Vec<Vocabulary>,
    ) -> Catalog {
        Catalog {
            file,
            remote,
            vocabularies,
            state: Mutex::default(),
        }
    }

    /// The vocabulary of a target, the first that is said to be its.
    pub(crate) fn vocabulary(&self, target: &Target) -> Option<&Vocabulary> {
        self.vocabularies.iter().find(|known| known.is_of(target))
    }

    /// What is known of a target.
    pub(crate) fn model(&self, target: &Target) -> Option<Arc<Known>> {
        let mut state = lock(&self.state);
        if let Some(found) = state.found.get(target.text()) {
            return found.clone();
        }
        let over: Vec<&Table> = self.file.iter().chain(state.fetched.as_deref()).collect();
        let model = catalog::find_in(&over, target.provider(), target.model());
        let known = model.map(|model| {
            Arc::new(Known {
                context: model.context,
                output_max: model.output_max,
                price: model.price,
            })
        });
        // Names are the callers': they may never end.
        if state.found.len() >= FOUND_MAX {
            state.found.clear();
        }
        state.found.insert(target.text().into(), known.clone());
        known
    }

    /// Fetching it anew, if that is due: for whoever makes a call, who does not wait for it. One at a time.
    pub(crate) fn refresh(
        self: &Arc<Self>,
        now: Instant,
    ) -> Option<impl Future<Output = ()> + use<>> {
        let remote = self.remote.as_ref()?;
        let mut state = lock(&self.state);
        if state.next.is_some_and(|next| now < next) {
            return None;
        }
        let every = remote.every.unwrap_or(FOR_EVER);
        state.next = Some(now + every);
        drop(state);
        let catalog = self.clone();
        Some(async move {
            let remote = catalog.remote.as_ref();
            let Some(Remote { url, fetcher, .. }) = remote else {
                return;
            };
            let fetched = fetcher.fetch(url).await;
            let fetched = fetched.and_then(|json| {
                Table::from_source(&json).map_err(|error| error.message().to_owned())
            });
            let mut state = lock(&catalog.state);
            match fetched {
                Ok(table) => {
                    tracing::info!(target: "libllm", models = table.len(), "catalog fetched");
                    state.fetched = Some(Arc::new(table));
                    state.found.clear();
                }
                Err(why) => {
                    tracing::warn!(target: "libllm", "catalog.url: {why}; the catalog stays as it is");
                    state.next = Some(clock::now() + every.min(AGAIN));
                }
            }
        })
    }
}

/// More models than anybody uses at a time.
const FOUND_MAX: usize = 1024;
/// Whoever is away for a moment is not asked by each call.
const AGAIN: Duration = Duration::from_secs(60);
/// A century.
const FOR_EVER: Duration = Duration::from_secs(100 * 366 * 86_400);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use libllm_proto::catalog::{Service, Unit};

    use super::*;
    use crate::transport::tls::Trust;

    #[test]
    fn what_is_laid_over_goes_first_and_unknown_names_are_bounded() {
        let table = Table::from_text("house\tm\tchat\t77\t\t\t\tin=1").unwrap();
        let catalog = Catalog::new(Some(table), None, Vec::new());
        let rate = |provider: &str, model: &str| {
            let known = catalog.model(&Target::new(provider, model))?;
            known.price.rate(Service::Standard, 1, Unit::Input)
        };
        for number in 0..2 * FOUND_MAX {
            let name = number.to_string();
            assert_eq!(rate("house", &name), None);
        }
        assert!(lock(&catalog.state).found.len() <= FOUND_MAX);
        assert_eq!(rate("house", "m"), Some(1));
        assert_eq!(rate("openai", "gpt-4o"), Some(2_500_000));
    }

    #[test]
    fn is_fetched_when_that_is_due_and_by_one_at_a_time() {
        let now = clock::now();
        assert!(Arc::new(Catalog::default()).refresh(now).is_none());
        let remote = |every| Remote {
            url: "http://127.0.0.1:1/".to_owned(),
            every,
            fetcher: Fetcher::new(Trust::default()),
        };
        let hour = Duration::from_secs(3600);
        let catalog = Arc::new(Catalog::new(None, Some(remote(Some(hour))), Vec::new()));
        assert!(catalog.refresh(now).is_some());
        assert!(catalog.refresh(now).is_none());
        assert!(catalog.refresh(now + hour / 2).is_none());
        assert!(catalog.refresh(now + hour).is_some());
        let once = Arc::new(Catalog::new(None, Some(remote(None)), Vec::new()));
        assert!(once.refresh(now).is_some());
        assert!(once.refresh(now + 1000 * hour).is_none());
    }
}
