//! One request's way through the gates: what it needs of whom, what it may come to, and what it came to.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libllm_proto::event::Usage;

use super::limiter::{Load, Used, Want};
use super::line::Choice;
use super::room::Room;
use super::{Ask, Gates, Permit};
use crate::catalog::Catalog;
use crate::clock;
use crate::config::{Admission, Config, Price, Scope};
use crate::cost::Meter;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::plan::Candidate;
use crate::policy::adaptive::Sign;
use crate::request::Request;
use crate::route::Candidates;
use crate::store::{Redis, Waited};
use crate::target::Target;

/// What a request shows at the gates. Only where anything is limited at all.
#[derive(Clone)]
pub(crate) struct Pass {
    pub(super) gates: Arc<Gates>,
    pub(super) admission: Arc<Admission>,
    pub(super) store: Option<Arc<Redis>>,
    tenant: Box<str>,
    /// What is needed of its tenant and of the model that it names.
    pub(super) wants: Vec<Want>,
    prompt_tokens: u64,
    output_tokens: u64,
    meter: Meter,
}

/// What a request holds while it runs; most are limited by nothing, and live for long.
#[derive(Default)]
pub(crate) struct Held(pub(super) Option<Box<Holding>>);

#[derive(Default)]
pub(super) struct Holding {
    /// Of its tenant and of the model that it names, from its first attempt to its end.
    pub(super) call: Option<Permit>,
    /// Of the target that is asked.
    pub(super) attempt: Option<Permit>,
    /// Which of the provider's keys, where each of them is limited.
    pub(super) key: Option<usize>,
    /// How its cost is known, and what it may come to.
    pub(super) bill: Option<Bill>,
    pub(super) load: Load,
    /// The target may have seen it: whatever becomes of it now, it may be billed.
    asked: bool,
    /// What the call's attempts came to that are over.
    tab: Tab,
    /// The same of those that are made beside each other.
    beside: Option<Arc<Mutex<Tab>>>,
}

/// What attempts used, as far as anybody knows, and may have used where nobody does.
#[derive(Clone, Copy, Debug, Default)]
struct Tab {
    tokens: u64,
    microusd: u64,
}

impl Tab {
    fn add(&mut self, other: Tab) {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.microusd = self.microusd.saturating_add(other.microusd);
    }
}

/// What attempts beside each other come to.
pub(crate) struct Shared(Arc<Mutex<Tab>>);

pub(super) struct Bill {
    meter: Meter,
    target: Target,
    price: Option<Price>,
}

impl Bill {
    fn microusd(&self, usage: &Usage) -> Option<u64> {
        let cost = self
            .meter
            .cost(Some(usage), &self.target, self.price.as_ref());
        cost.microusd
    }
}

impl Pass {
    pub(crate) fn of(
        gates: &Arc<Gates>,
        config: &Config,
        store: &Option<Arc<Redis>>,
        request: &Request,
        options: &Options,
    ) -> Option<Box<Pass>> {
        let admission = config.admission.clone()?;
        let model = request.model().filter(|model| !model.is_empty());
        let model = model
            .or(config.default_model.as_deref())
            .unwrap_or_default();
        let model = match options.provider.as_deref() {
            Some(provider) => Cow::Owned(format!("{provider}/{model}")),
            None => Cow::Borrowed(model),
        };
        let scopes = [(Scope::Tenant, tenant(options)), (Scope::Model, &*model)];
        let wants = scopes.map(|(scope, name)| gates.want(&admission, scope, name));
        Some(Box::new(Pass {
            gates: gates.clone(),
            wants: wants.into_iter().flatten().collect(),
            admission,
            store: store.clone(),
            tenant: tenant(options).into(),
            prompt_tokens: prompt_tokens(request),
            output_tokens: output_tokens(request),
            meter: Meter::new(&config.catalog, request),
        }))
    }

    /// The host has replaced the request: this is what counts from here on.
    pub(crate) fn measure(&mut self, request: &Request, catalog: &Arc<Catalog>) {
        self.prompt_tokens = prompt_tokens(request);
        self.output_tokens = output_tokens(request);
        self.meter = Meter::new(catalog, request);
    }

    /// Waits until one of these candidates may be asked, the first that has room; says which one. So many `answers` are wanted.
    /// `waited` is how long the call has waited for Redis.
    pub(crate) async fn admit(
        &self,
        candidates: &Candidates,
        order: impl Iterator<Item = usize> + Clone,
        answers: usize,
        (held, waited): (&mut Held, &mut Waited),
        deadline: Option<Instant>,
    ) -> Result<Option<usize>> {
        let held = held.0.get_or_insert_default();
        let ask = self.ask(candidates, deadline);
        if held.call.is_none() && !self.wants.is_empty() {
            let choice = Choice {
                candidate: 0,
                key: None,
                wants: self.wants.clone(),
                load: self.load_of_all(candidates, order.clone(), answers),
            };
            held.call = Some(
                self.gates
                    .enter(&ask, waited, choice, |only| vec![only])
                    .await?
                    .permit,
            );
        }
        self.admit_one(&ask, candidates, order, (held, waited))
            .await
    }

    /// The same for an attempt beside another of its call, whose tenant and model have let the call in.
    pub(crate) async fn admit_beside(
        &self,
        candidates: &Candidates,
        at: usize,
        (held, waited): (&mut Held, &mut Waited),
        deadline: Option<Instant>,
    ) -> Result<()> {
        let held = held.0.get_or_insert_default();
        let only = std::iter::once(at);
        let ask = self.ask(candidates, deadline);
        let admitted = self.admit_one(&ask, candidates, only, (held, waited));
        admitted.await.map(drop)
    }

    fn ask(&self, candidates: &Candidates, deadline: Option<Instant>) -> Ask<'_> {
        let patience = clock::now() + self.admission.wait;
        Ask {
            admission: &self.admission,
            store: self.store.as_ref(),
            tenant: &self.tenant,
            priority: candidates.notes.priority,
            until: deadline.map_or(patience, |deadline| deadline.min(patience)),
        }
    }

    async fn admit_one(
        &self,
        ask: &Ask<'_>,
        candidates: &Candidates,
        order: impl Iterator<Item = usize>,
        (held, waited): (&mut Holding, &mut Waited),
    ) -> Result<Option<usize>> {
        let mut choices = order.flat_map(|at| self.choices(at, &candidates[at]));
        // The first that nothing limits needs no gate, but those before it go first.
        held.key = None;
        let candidate = match choices.next() {
            Some(first) if !first.wants.is_empty() => {
                let all = |first| std::iter::once(first).chain(choices).collect();
                let entered = self.gates.enter(ask, waited, first, all).await?;
                held.key = entered.key;
                held.load = entered.permit.load;
                held.attempt = Some(entered.permit);
                entered.candidate
            }
            Some(first) => {
                held.load = first.load;
                first.candidate
            }
            None => return Ok(None),
        };
        held.bill = Some(self.bill(&candidates[candidate]));
        Ok(Some(candidate))
    }

    /// The limits of a candidate and of its provider.
    pub(super) fn room(&self, candidate: &Candidate) -> Arc<Room> {
        let known = candidate.room.clone();
        known.unwrap_or_else(|| {
            let (provider, target) = (candidate.provider.id.as_str(), candidate.target.text());
            Arc::new(self.gates.room(&self.admission, provider, target))
        })
    }

    /// As much as the dearest of them may come to.
    pub(super) fn load_of_all(
        &self,
        candidates: &Candidates,
        order: impl Iterator<Item = usize>,
        answers: usize,
    ) -> Load {
        let (loads, answers) = (order.map(|at| self.load(&candidates[at])), answers as u64);
        let dearest = loads.map(|load| load.microusd).max();
        Load {
            tokens: self.tokens().saturating_mul(answers),
            microusd: dearest.unwrap_or(0).saturating_mul(answers),
        }
    }

    pub(super) fn bill(&self, candidate: &Candidate) -> Bill {
        Bill {
            meter: self.meter.clone(),
            target: candidate.target.clone(),
            price: candidate.price.clone(),
        }
    }

    // One for each of its keys that is good, where each of them is limited.
    fn choices(&self, at: usize, candidate: &Candidate) -> Vec<Choice> {
        let provider = candidate.provider.id.as_str();
        let choice = Choice {
            candidate: at,
            key: None,
            wants: self.room(candidate).wants().to_vec(),
            load: self.load(candidate),
        };
        let Some(caps) = self.admission.caps(Scope::Key, provider) else {
            return vec![choice];
        };
        let keyed = |key: Option<usize>| {
            let name = match key {
                Some(key) => format!("{provider}#{}", key + 1),
                None => provider.to_owned(),
            };
            let mut choice = choice.clone();
            let want = self.gates.want_of(caps.clone(), Scope::Key, &name);
            choice.key = key;
            choice.wants.push(want);
            choice
        };
        let ring = candidate.provider.ring.as_ref();
        let Some(ring) = ring else {
            return vec![keyed(None)];
        };
        // Where none is good one is asked with all the same: under its own limit.
        let now = clock::now();
        let mut keys = ring.good(now);
        if keys.is_empty() {
            keys.push(ring.best(now));
        }
        keys.into_iter().map(|key| keyed(Some(key))).collect()
    }

    fn tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.output_tokens)
    }

    pub(super) fn load(&self, candidate: &Candidate) -> Load {
        Load {
            tokens: self.tokens(),
            microusd: self.meter.ahead(
                self.prompt_tokens,
                self.output_tokens,
                &candidate.target,
                candidate.price.as_ref(),
            ),
        }
    }
}

impl Held {
    /// What is held for the attempt alone, for one of several beside each other.
    pub(crate) fn split(&mut self) -> Held {
        let beside = self.beside();
        let attempt = |held: &mut Box<Holding>| {
            let mut kept = Holding::with(held.beside.clone());
            kept.call = held.call.take();
            kept.tab = std::mem::take(&mut held.tab);
            std::mem::replace(held, Box::new(kept))
        };
        self.0
            .as_mut()
            .map_or(beside, |held| Held(Some(attempt(held))))
    }

    /// Where what attempts beside each other come to is added up, from now on.
    pub(crate) fn share(&mut self) -> Option<Shared> {
        let held = self.0.as_mut()?;
        Some(Shared(held.beside.get_or_insert_default().clone()))
    }

    /// For one that is to be let in, beside whoever shared this.
    pub(crate) fn sharing(share: Option<Shared>) -> Held {
        Held(share.map(|Shared(beside)| Box::new(Holding::with(Some(beside)))))
    }

    /// For one of several beside each other that is to be let in.
    pub(crate) fn beside(&mut self) -> Held {
        Held(self.0.as_mut().map(|held| {
            let beside = held.beside.get_or_insert_default().clone();
            Box::new(Holding::with(Some(beside)))
        }))
    }

    /// Takes over what the call holds.
    pub(crate) fn inherit(&mut self, call: &mut Held) {
        if let Some(call) = &mut call.0 {
            let held = self.0.get_or_insert_default();
            held.tab.add(std::mem::take(&mut call.tab));
            held.call = call.call.take().or(held.call.take());
            held.beside = call.beside.take().or(held.beside.take());
        }
    }

    /// The attempt's request is handed to its connection.
    pub(crate) fn sends(&mut self) {
        if let Some(holding) = &mut self.0 {
            holding.asked = true;
        }
    }

    /// Nobody has seen it.
    pub(crate) fn unsent(&mut self) {
        if let Some(holding) = &mut self.0 {
            holding.asked = false;
        }
    }

    /// Another target is asked in place of the one that it was let in to.
    pub(crate) fn withdraw(&mut self) {
        if let Some(permit) = self.0.as_mut().and_then(|held| held.attempt.take()) {
            permit.undo();
        }
    }

    /// The key that the attempt is made with, if it matters here.
    pub(crate) fn key(&self) -> Option<usize> {
        self.0.as_ref()?.key
    }

    /// The attempt is over; its first item came after so long.
    pub(crate) fn attempt_over(
        &mut self,
        error: Option<&Error>,
        usage: Option<&Usage>,
        first: Option<Duration>,
        now: Instant,
    ) {
        let Some(holding) = &mut self.0 else {
            return;
        };
        let mut used = match std::mem::take(&mut holding.asked) {
            true => holding.used(error, usage),
            false => Used::NOTHING,
        };
        holding.note(&used);
        if let Some(permit) = holding.attempt.take() {
            used.sign = sign(error, first);
            permit.settle(&used, now);
        }
    }

    /// The call is over.
    pub(crate) fn over(&mut self, error: Option<&Error>, usage: Option<&Usage>, now: Instant) {
        self.attempt_over(error, usage, None, now);
        if let Some(mut holding) = self.0.take()
            && let Some(permit) = holding.call.take()
        {
            let mut tab = holding.tab;
            if let Some(beside) = &holding.beside {
                tab.add(*crate::lock(beside));
            }
            let used = Used {
                tokens: Some(tab.tokens),
                microusd: Some(tab.microusd),
                sign: Sign::Nothing,
            };
            permit.settle(&used, now);
        }
    }
}

impl Holding {
    fn with(beside: Option<Arc<Mutex<Tab>>>) -> Holding {
        let mut holding = Holding::default();
        holding.beside = beside;
        holding
    }

    /// An attempt came to this; the estimate stands for what nobody knows.
    fn note(&mut self, used: &Used) {
        let tab = Tab {
            tokens: used.tokens.unwrap_or(self.load.tokens),
            microusd: used.microusd.unwrap_or(self.load.microusd),
        };
        match &self.beside {
            Some(beside) => crate::lock(beside).add(tab),
            None => self.tab.add(tab),
        }
    }

    fn used(&self, error: Option<&Error>, usage: Option<&Usage>) -> Used {
        match (usage, error) {
            (Some(usage), _) => Used {
                tokens: total(usage),
                microusd: self.bill.as_ref().and_then(|bill| bill.microusd(usage)),
                sign: Sign::Nothing,
            },
            // Who refuses bills nothing.
            (None, Some(error)) if error.http_status().is_some() || is_unsent(error) => {
                Used::NOTHING
            }
            _ => Used::UNKNOWN,
        }
    }
}

// One that another was faster than: nobody hears what it came to.
impl Drop for Holding {
    fn drop(&mut self) {
        match std::mem::take(&mut self.asked) {
            true => self.note(&Used::UNKNOWN),
            false => self.attempt.take().into_iter().for_each(Permit::undo),
        }
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let holds = |of: fn(&Holding) -> bool| self.0.as_deref().is_some_and(of);
        let call = holds(|holding| holding.call.is_some());
        let attempt = holds(|holding| holding.attempt.is_some());
        write!(f, "Held({call}, {attempt})")
    }
}

fn is_unsent(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Connect | ErrorKind::Auth | ErrorKind::Config | ErrorKind::InvalidRequest
    )
}

fn sign(error: Option<&Error>, first: Option<Duration>) -> Sign {
    match error.map(Error::kind) {
        None => first.map_or(Sign::Nothing, Sign::Answered),
        Some(
            ErrorKind::RateLimited
            | ErrorKind::Overloaded
            | ErrorKind::Unavailable
            | ErrorKind::Timeout,
        ) => Sign::Overloaded,
        Some(_) => Sign::Nothing,
    }
}

fn total(usage: &Usage) -> Option<u64> {
    let sum = || Some(usage.prompt_tokens? + usage.completion_tokens?);
    usage.total_tokens.or_else(sum)
}

// Four bytes of a request are a token of it, more or less, its JSON included (BEHAVIOUR.md section 7 asks for an estimate).
fn prompt_tokens(request: &Request) -> u64 {
    (request.source().len() as u64).div_ceil(4).min(TOKENS_MAX)
}

fn output_tokens(request: &Request) -> u64 {
    let said = ["max_completion_tokens", "max_tokens", "max_output_tokens"];
    // What no integer of 64 bits holds is much, not nothing.
    let number = |key: &&str| -> Option<u64> {
        let said: f64 = std::str::from_utf8(request.field(key)?)
            .ok()?
            .parse()
            .ok()?;
        Some(said as u64)
    };
    let each = said.iter().find_map(number).unwrap_or(OUTPUT_UNSAID);
    each.saturating_mul(u64::from(request.n().max(1)))
        .min(TOKENS_MAX)
}

// A page: most answers are shorter, and a request that wants more says so.
const OUTPUT_UNSAID: u64 = 1_000;
// No answer is as long, and at no price does it cost more than 64 bits of millionths hold, or the numbers of Redis's scripts (2^53).
const TOKENS_MAX: u64 = 1 << 32;
/// On whose behalf a request with these options is made.
pub(crate) fn tenant(options: &Options) -> &str {
    options.tenant.as_deref().unwrap_or(NOBODY)
}

/// The tenant of requests that name none.
const NOBODY: &str = "default";
