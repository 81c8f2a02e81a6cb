//! Who may be asked: a request's model and options to candidates, each joined with everything that is said about it.

mod groups;
mod members;
mod permit;

use std::cell::OnceCell;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use libllm_proto::operation;
use libllm_proto::provider::{Quirks, base_url};
use libllm_proto::wire::{self, Operation, Unsupported, Wire};

use crate::admit::{Gates, Room};
use crate::config::{self, Config, Key, Limit, MOCK, Price, Provider, Timeouts, TimeoutsOverride};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::Taken;
use crate::options::Options;
use crate::policy::route::{Rate, Side};
use crate::request::Request;
use crate::route::{Candidates, Routes};
use crate::secret::Secret;
use crate::target::Target;
use crate::vitals::{Roll, Vitals};
use crate::wish::{self, Wish};
use groups::Groups;

/// One target of a request, joined with everything that is said about it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The service; where options give another place, already with that place and without the service's secrets.
    pub(crate) provider: Arc<Provider>,
    /// Its name, and the model's name there; the script of `mock/SCRIPT`.
    pub(crate) target: Target,
    /// What is said of it for the choice among others.
    pub(crate) side: Side,
    /// The request's own headers.
    more_headers: Vec<(HeaderName, HeaderValue)>,
    /// The provider's wire, or its sibling that knows the operation.
    pub(crate) wire: &'static dyn Wire,
    /// Limits in time.
    pub(crate) timeouts: Timeouts,
    /// What is paid for it, where that is not what the catalog says.
    pub(crate) price: Option<Price>,
    /// What happens to a parameter that it cannot take.
    pub(crate) unsupported: Unsupported,
    /// It is played in this process; there is no service, key or network.
    pub(crate) mock: bool,
    /// How it does.
    pub(crate) vitals: Arc<Vitals>,
    /// What our own limits leave of it, where it is chosen by that.
    pub(crate) room: Option<Arc<Room>>,
    /// Which of its provider's keys it is asked with, if there is a choice.
    pub(crate) taken: Option<Taken>,
}

impl Candidate {
    /// The key that belongs to the provider's place.
    pub(crate) fn key(&self) -> Option<&Secret> {
        match &self.provider.key {
            Key::Set(key) => Some(key),
            Key::None | Key::Host | Key::Missing { .. } => None,
        }
    }

    /// Takes what the host gives for one attempt.
    pub(crate) fn add(&mut self, headers: Vec<(HeaderName, HeaderValue)>, key: Option<Secret>) {
        self.more_headers.extend(headers);
        if let Some(key) = key {
            self.provider = Arc::new(self.provider.with_key(key));
        }
    }

    /// Headers of every request to it; a later one of the same name wins.
    pub(crate) fn headers(&self) -> impl DoubleEndedIterator<Item = &(HeaderName, HeaderValue)> {
        self.provider.headers.iter().chain(&self.more_headers)
    }
}

/// Who may be asked. Nothing is sent if one of them is unknown or lacks its key: a fallback that cannot work is found when it is
/// written, not when it is needed.
pub(crate) fn candidates(
    config: &Config,
    learnt: &Learnt,
    request: &Request,
    options: &Options,
    stream: bool,
) -> Result<Candidates> {
    let operation = options.operation()?;
    operation.check(request)?;
    let wish = Wish::read(request, options.provider.is_some())?;
    let stripped = match wish.written {
        true => Some(request.without(wish::MEMBERS)?),
        false => None,
    };
    let asks = stripped.as_ref().unwrap_or(request);
    let reasons = asks_for_reasoning(asks);
    let plain = operation == Operation::Chat && options.leaves_candidates();
    let plan = Plan {
        operation,
        config,
        learnt,
        wish,
        request: asks,
        options,
        stream,
        reasons,
        plain: plain.then_some(usize::from(stream) * 2 + usize::from(reasons)),
        timeouts: OnceCell::new(),
    };
    let mut candidates = Groups::of(&plan)?;
    candidates.request = stripped.map(Box::new);
    Ok(candidates)
}

/// What is known between calls; outlives a reload.
#[derive(Clone, Default)]
pub(crate) struct Learnt {
    /// How every target does.
    pub(crate) roll: Arc<Roll>,
    /// What routing counts.
    pub(crate) routes: Arc<Routes>,
    /// What is left of our own limits.
    gates: Option<Arc<Gates>>,
}

impl Learnt {
    pub(crate) fn new(roll: Arc<Roll>, gates: &Arc<Gates>) -> Learnt {
        Learnt {
            roll,
            routes: Arc::default(),
            gates: Some(gates.clone()),
        }
    }
}

/// A target of a request, and what is said of it where it is named.
struct Named<'p> {
    target: &'p Target,
    timeouts: TimeoutsOverride,
    price: Option<&'p Price>,
    side: Side,
    /// Its figures, where they were looked up before.
    vitals: Option<&'p Arc<Vitals>>,
    room: Option<&'p Arc<Room>>,
    /// Where it is kept as it is made for requests that say nothing of their own.
    ready: Option<&'p Ready>,
}

/// A candidate as requests share it that say nothing of their own; each of these is made by the first that needs it.
pub(crate) type Ready = [OnceLock<Arc<Candidate>>; PLAIN];

/// Such requests ask for a chat, in one piece or in many, of a model that is to think first or not.
const PLAIN: usize = 4;

struct Plan<'p> {
    operation: Operation,
    config: &'p Config,
    learnt: &'p Learnt,
    wish: Wish,
    request: &'p Request,
    options: &'p Options,
    stream: bool,
    /// The request itself asks the model to think first.
    reasons: bool,
    /// Which of the candidates that are kept are the request's, if it says nothing of its own.
    plain: Option<usize>,
    /// For all whose target and provider say nothing else.
    timeouts: OnceCell<Timeouts>,
}

impl<'p> Plan<'p> {
    /// One that is kept, or a new one.
    fn candidate(&self, named: &Named<'_>, home: &str) -> Result<Arc<Candidate>> {
        let kept = self
            .plain
            .and_then(|plain| named.ready.map(|all| &all[plain]));
        let ready = kept.and_then(OnceLock::get);
        // What a target costs, and when its turn is, may be another for each request.
        if let Some(ready) = ready.filter(|ready| ready.side == named.side) {
            return Ok(ready.clone());
        }
        let made = Arc::new(self.made(named, home)?);
        if let (Some(kept), None) = (kept, ready) {
            // Somebody else may have been faster; theirs is the same.
            kept.set(made.clone()).ok();
        }
        Ok(made)
    }

    fn made(&self, named: &Named<'_>, home: &str) -> Result<Candidate> {
        let id = named.target.provider();
        let mock = id == MOCK;
        let mut provider = if mock {
            mock_provider(self.operation)?
        } else {
            self.provider(id)?
        };
        // A key and a place that come with the request are for whom it names, not for whoever answers when that fails.
        let own = !mock && id == home && self.is_moved();
        if own {
            provider = self.moved(provider)?;
        }
        if let Key::Missing { variables } = &provider.key {
            return Err(no_key(&provider.id, variables));
        }
        let mut more_headers = self.options.headers.clone();
        if let Some(key) = &self.options.idempotency_key {
            more_headers.push((HeaderName::from_static("idempotency-key"), key.clone()));
        }
        let vitals = match (own, named.vitals) {
            (true, _) => Arc::new(self.learnt.roll.stranger()),
            (false, Some(vitals)) => vitals.clone(),
            (false, None) => self.learnt.roll.of(named.target.text()),
        };
        Ok(Candidate {
            target: named.target.clone(),
            side: named.side,
            more_headers,
            timeouts: match named.timeouts.is_empty() && provider.timeouts.is_empty() {
                true => *self.timeouts.get_or_init(|| self.timeouts(&named.timeouts)),
                false => self.timeouts(&named.timeouts.or(&provider.timeouts)),
            },
            price: named.price.cloned(),
            wire: wire::for_operation(provider.wire, self.operation, &provider.quirks),
            unsupported: self.options.unsupported.unwrap_or(self.config.unsupported),
            mock,
            provider,
            vitals,
            room: named.room.cloned(),
            taken: None,
        })
    }

    /// What the catalog says of a target.
    fn rate(&self, target: &Target) -> Option<Rate> {
        let known = self.config.catalog.model(target)?;
        config::rate(&known.price)
    }

    /// Whether nothing of the request is lost on this target.
    fn takes_all(&self, candidate: &Candidate) -> Result<bool> {
        let target = wire::Target {
            provider: &candidate.provider.id,
            model: candidate.target.model(),
            base_url: &candidate.provider.base_url,
            stream: self.stream,
            operation: self.operation,
            quirks: &candidate.provider.quirks,
            unsupported: Unsupported::Error,
            extra_body: self.options.extra_body.as_deref().map(str::as_bytes),
        };
        match candidate.wire.encode(self.request, &target) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn provider(&self, id: &str) -> Result<Arc<Provider>> {
        if let Some(known) = self.config.providers.get(id) {
            return Ok(known.clone());
        }
        self.config.check_provider(id).map_err(wrong)?;
        Err(wrong(format!("no provider {id}")))
    }

    fn is_moved(&self) -> bool {
        self.options.base_url.is_some() || self.options.api_key.is_some()
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
        if said.first_token.is_none() && self.reasons {
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

impl Named<'_> {
    fn plain(target: &Target) -> Named<'_> {
        Named {
            target,
            timeouts: TimeoutsOverride::default(),
            price: None,
            side: Side::PLAIN,
            vitals: None,
            room: None,
            ready: None,
        }
    }
}

/// A script speaks any wire; the first that is in this build and knows the operation reads it. Made once, as those of a configuration are.
fn mock_provider(operation: Operation) -> Result<Arc<Provider>> {
    static CHAT: OnceLock<Arc<Provider>> = OnceLock::new();
    if let (Operation::Chat, Some(made)) = (operation, CHAT.get()) {
        return Ok(made.clone());
    }
    let made = made_mock(operation)?;
    Ok(match operation {
        Operation::Chat => CHAT.get_or_init(|| made).clone(),
        _ => made,
    })
}

fn made_mock(operation: Operation) -> Result<Arc<Provider>> {
    let mut wires = wire::KNOWN.iter().filter_map(|name| wire::find(name));
    let wire = wires
        .find(|wire| operation::serves(*wire, operation, "", &Quirks::PLAIN))
        .ok_or_else(|| {
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
