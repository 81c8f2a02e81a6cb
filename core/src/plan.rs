//! Who is asked: a request's model and options to an ordered list of candidates. Pure.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use libllm_proto::provider::base_url;
use libllm_proto::wire::{self, Operation, Unsupported};

use crate::config::{Config, Key, Limit, MOCK, Provider, Timeouts, TimeoutsOverride, split_model};
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::request::Request;
use crate::secret::Secret;

/// One target of a request, joined with everything that is said about it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The service; where options give another place, already with that place and without the service's secrets.
    pub(crate) provider: Arc<Provider>,
    /// The model's name there; the script of `mock/SCRIPT`.
    pub(crate) model: String,
    /// `provider/model`, for people.
    pub(crate) target: String,
    /// Everything before the wire's path.
    pub(crate) base_url: String,
    /// The key that belongs to `base_url`.
    pub(crate) key: Option<Secret>,
    /// Headers of every request to it; a later one of the same name wins.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Limits in time.
    pub(crate) timeouts: Timeouts,
    /// What happens to a parameter that it cannot take.
    pub(crate) unsupported: Unsupported,
    /// It is played in this process; there is no service, key or network.
    pub(crate) mock: bool,
}

/// Who is asked, in order. Nothing is sent if one of them is unknown or lacks its key: a fallback that cannot work is found when it is
/// written, not when it is needed.
pub(crate) fn candidates(
    config: &Config,
    request: &Request,
    options: &Options,
    stream: bool,
) -> Result<Vec<Candidate>> {
    let operation = options.operation()?;
    operation.check(request)?;
    let plan = Plan {
        operation,
        config,
        request,
        options,
        stream,
    };
    let named = plan.primary()?;
    let mut candidates = Vec::with_capacity(named.len() + options.fallbacks.len());
    let home = named[0].provider.clone();
    for target in named {
        candidates.push(plan.candidate(target, &home)?);
    }
    let said = |error: Error| error.context("fallbacks");
    for name in &options.fallbacks {
        for target in plan.targets(name).map_err(said)? {
            candidates.push(plan.candidate(target, &home).map_err(said)?);
        }
    }
    Ok(candidates)
}

/// A provider's id, a model there, and the target's own limits.
struct Named {
    provider: String,
    model: String,
    timeouts: TimeoutsOverride,
}

struct Plan<'p> {
    operation: Operation,
    config: &'p Config,
    request: &'p Request,
    options: &'p Options,
    stream: bool,
}

impl Plan<'_> {
    /// What the request itself names; an alias brings its fallbacks.
    fn primary(&self) -> Result<Vec<Named>> {
        let model = self.request.model().filter(|model| !model.is_empty());
        if let Some(provider) = self.options.provider.as_deref() {
            let model = model.ok_or_else(no_model)?;
            return Ok(vec![Named::new(provider, model)]);
        }
        let model = model
            .or(self.config.default_model.as_deref())
            .ok_or_else(no_model)?;
        let mut named = self.targets(model)?;
        if let Some(alias) = self.config.aliases.get(model) {
            for fallback in &alias.fallbacks {
                named.extend(self.targets(fallback)?);
            }
        }
        Ok(named)
    }

    /// The targets of an alias, or the one target that a model names.
    fn targets(&self, name: &str) -> Result<Vec<Named>> {
        let Some(alias) = self.config.aliases.get(name) else {
            let (provider, model) =
                split_model(name).ok_or_else(|| wrong(self.config.no_such_model(name)))?;
            return Ok(vec![Named::new(provider, model)]);
        };
        let named = alias.targets.iter().filter_map(|target| {
            let (provider, model) = split_model(&target.model)?;
            Some(Named {
                timeouts: target.timeouts,
                ..Named::new(provider, model)
            })
        });
        Ok(named.collect())
    }

    fn candidate(&self, target: Named, home: &str) -> Result<Candidate> {
        let mock = target.provider == MOCK;
        let mut provider = if mock {
            mock_provider(self.operation)?
        } else {
            self.provider(&target.provider)?
        };
        // A key and a place that come with the request are for whom it names, not for whoever answers when that fails.
        if !mock && target.provider == home {
            provider = self.moved(provider)?;
        }
        let key = match &provider.key {
            Key::None => None,
            Key::Set(key) => Some(key.clone()),
            Key::Missing { variables } => return Err(no_key(&provider.id, variables)),
        };
        let mut headers = provider.headers.clone();
        headers.extend(self.options.headers.iter().cloned());
        if let Some(key) = &self.options.idempotency_key {
            headers.push((HeaderName::from_static("idempotency-key"), key.clone()));
        }
        Ok(Candidate {
            target: format!("{}/{}", target.provider, target.model),
            model: target.model,
            base_url: provider.base_url.clone(),
            key,
            headers,
            timeouts: self.timeouts(&target.timeouts.or(&provider.timeouts)),
            unsupported: self.options.unsupported.unwrap_or(self.config.unsupported),
            mock,
            provider,
        })
    }

    fn provider(&self, id: &str) -> Result<Arc<Provider>> {
        self.config.check_provider(id).map_err(wrong)?;
        self.config
            .providers
            .get(id)
            .cloned()
            .ok_or_else(|| wrong(format!("no provider {id}")))
    }

    fn moved(&self, provider: Arc<Provider>) -> Result<Arc<Provider>> {
        let key = self.options.api_key.clone();
        match (&self.options.base_url, key) {
            (Some(url), key) => {
                let url = base_url(url).map_err(|error| error.with_kind(INVALID))?;
                Ok(Arc::new(provider.moved(url, key)))
            }
            (None, Some(key)) => Ok(Arc::new(provider.with_key(key))),
            (None, None) => Ok(provider),
        }
    }

    /// The request's limits before the target's, the provider's and the client's.
    fn timeouts(&self, target: &TimeoutsOverride) -> Timeouts {
        let said = target.or(&self.config.timeouts);
        let mut timeouts = said.resolve(self.stream);
        if said.first_token.is_none() && asks_for_reasoning(self.request) {
            timeouts.first_token = FIRST_TOKEN_REASONING;
        }
        if let Some(limit) = self.options.first_token_timeout {
            timeouts.first_token = limit.duration();
        }
        if let Some(limit) = self.options.idle_timeout {
            timeouts.idle = limit.duration();
        }
        match self.options.timeout {
            Some(Limit::After(total)) => timeouts.total = Some(total),
            Some(Limit::Never) => timeouts.total = None,
            None => {}
        }
        timeouts
    }
}

impl Named {
    fn new(provider: &str, model: &str) -> Named {
        let (provider, model) = (provider.to_owned(), model.to_owned());
        Named {
            provider,
            model,
            timeouts: TimeoutsOverride::default(),
        }
    }
}

/// A script speaks any wire; the first that is in this build and knows the operation reads it.
fn mock_provider(operation: Operation) -> Result<Arc<Provider>> {
    let mut wires = wire::KNOWN.iter().filter_map(|name| wire::find(name));
    let wire = wires.find(|wire| wire.speaks(operation)).ok_or_else(|| {
        wrong(format!(
            "no wire of this build knows operation {}",
            operation.name()
        ))
    })?;
    Ok(Arc::new(Provider::mock(wire)))
}

/// Whether the request itself asks the model to think first. Models that do so unasked need `timeouts.first_token`.
fn asks_for_reasoning(request: &Request) -> bool {
    let asked = |key| {
        request
            .field(key)
            .is_some_and(|json| json != b"null" && json != b"\"none\"")
    };
    asked("reasoning_effort") || asked("reasoning") || asked("thinking")
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

fn no_model() -> Error {
    let message = "the request names no model, and there is no default_model for it";
    Error::new(INVALID, message)
}

fn no_key(provider: &str, variables: &[String]) -> Error {
    let place = format!("api_key in [providers.{provider}]");
    let message = match variables.is_empty() {
        true => format!("provider {provider} has no key: set {place}"),
        false => format!(
            "provider {provider} has no key: set {}, or {place}",
            variables.join(" or ")
        ),
    };
    Error::new(ErrorKind::Auth, message)
}

const INVALID: ErrorKind = ErrorKind::InvalidArgument;
/// BEHAVIOUR.md section 4: models that reason stay silent for longer.
const FIRST_TOKEN_REASONING: Duration = Duration::from_secs(300);

// The examples speak one wire.
#[cfg(all(test, feature = "openai"))]
#[allow(clippy::unwrap_used)]
mod tests;
