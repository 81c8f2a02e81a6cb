//! Who may ask now, who waits, and who is refused: limits of providers, keys, targets, models and tenants, and their budgets.
//!
//! Before anything is sent a request takes what it needs of everything that limits it, or nothing: a place among the requests in flight,
//! one request of its minute, as many tokens and millionths of a dollar as it may come to. In the end what was used replaces what was
//! thought. What it holds is a value: dropped on the way (a cancel, a panic, a deadline) it gives its places back, and what it may have
//! used stays counted.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::future::{Either, select};

use crate::clock;
use crate::config::{Admission, Caps, Scope};
use crate::error::{Error, ErrorKind, Phase, Result, Retry};
use crate::policy::fair::Place;
use crate::process::Process;
use crate::store::{Redis, Waited};

mod limiter;
mod line;
mod pass;
mod quick;
mod room;
mod shared;

pub(crate) use limiter::{Load, Used};
pub(crate) use pass::{Held, Pass, tenant};
pub(crate) use room::Room;

use limiter::{Barred, By, Counting, Hold, Limiter, Now, Want};
use line::{Choice, Entered, Line, Waiter};

/// Everything that is limited of one client, and who waits for it. Outlives a reload: what was used stays used.
pub(crate) struct Gates {
    process: &'static Process,
    limiters: Mutex<Limiters>,
    line: Mutex<Line>,
}

/// By scope and by name: nothing is allocated to look one up.
type Limiters = [Names; Scope::COUNT];

#[derive(Default)]
struct Names {
    all: HashMap<Box<str>, Arc<Limiter>>,
    /// When those were last looked for that nobody needs.
    swept: Option<Instant>,
}

impl Names {
    // Makes room, if there is none and something may be forgotten.
    fn sweep(&mut self, now: Now) {
        let just = self.swept.is_some_and(|at| now.instant < at + SWEEP);
        if self.all.len() < LIMITERS_MAX || just {
            return;
        }
        self.swept = Some(now.instant);
        self.all
            .retain(|_, limiter| Arc::strong_count(limiter) > 1 || !limiter.is_idle(now));
    }
}

/// What counts for one request while it waits.
struct Ask<'a> {
    admission: &'a Admission,
    store: Option<&'a Arc<Redis>>,
    tenant: &'a str,
    /// In the place of its tenant's.
    priority: Option<u8>,
    until: Instant,
}

impl Gates {
    pub(crate) fn new(process: &'static Process) -> Arc<Gates> {
        Arc::new(Gates {
            process,
            limiters: Mutex::default(),
            line: Mutex::default(),
        })
    }

    /// What is needed of this one, if it is limited.
    fn want(&self, admission: &Admission, scope: Scope, name: &str) -> Option<Want> {
        let caps = admission.caps(scope, name)?.clone();
        Some(self.want_of(caps, scope, name))
    }

    fn want_of(&self, caps: Arc<Caps>, scope: Scope, name: &str) -> Want {
        let mut limiters = crate::lock(&self.limiters);
        let known = &mut limiters[scope as usize];
        if let Some(limiter) = known.all.get(name) {
            let limiter = limiter.clone();
            return Want { limiter, caps };
        }
        let now = now();
        known.sweep(now);
        // More names than anybody has share what one may: else a name that is made up would be a way past its limits.
        let name = match known.all.len() >= LIMITERS_MAX {
            true => OTHERS,
            false => name,
        };
        let new = || Arc::new(Limiter::new(scope, name));
        let limiter = known.all.entry(name.into()).or_insert_with(new).clone();
        Want { limiter, caps }
    }

    /// Waits until one of these has room, and takes it: the first, which mostly has, or one of all, which are found only then.
    async fn enter(
        self: &Arc<Gates>,
        ask: &Ask<'_>,
        waited: &mut Waited,
        first: Choice,
        all: impl FnOnce(Choice) -> Vec<Choice>,
    ) -> Result<Entered> {
        // Who has waited for Redis for as long as it may goes on without.
        let alone = ask.store.is_some_and(|store| waited.is_over(store));
        let (mut place, mut alone, mut in_line) = (None, alone, None);
        let mut entered = self.take(std::slice::from_ref(&first), counting(ask, alone));
        if let Some(entered) = entered.take_if(|_| ask.store.is_none()) {
            return Ok(entered.begun());
        }
        let choices: Arc<[Choice]> = all(first).into();
        loop {
            let counting = counting(ask, alone);
            let entered = match entered.take().or_else(|| self.take(&choices, counting)) {
                Some(entered) => entered,
                None => self.wait(ask, &choices, alone, &mut place).await?,
            };
            let Entered {
                candidate,
                key,
                mut permit,
            } = entered;
            let answer = match ask.store.filter(|_| permit.asks) {
                Some(store) => {
                    // Who waits for room anyway waits for Redis meanwhile.
                    let waited = place.map_or(&mut *waited, |_| in_line.insert(Waited::default()));
                    self.confirm(permit, store, waited).await
                }
                None => {
                    permit.alone = ask.store.cloned();
                    Answer::Yes(permit)
                }
            };
            match answer {
                Answer::Yes(permit) if place.is_none() || clock::now() < ask.until => {
                    let entered = Entered {
                        candidate,
                        key,
                        permit,
                    };
                    return Ok(entered.begun());
                }
                // It came too late to be of use.
                Answer::Yes(_) => return Err(self.refusal(ask, &choices, counting)),
                // Somebody else was faster: from the beginning, at the same place.
                Answer::No => {}
                Answer::Silence => alone = true,
            }
        }
    }

    // Nobody waits: nobody is passed.
    fn take(self: &Arc<Gates>, choices: &[Choice], counting: Counting) -> Option<Entered> {
        let mut line = crate::lock(&self.line);
        line.counting = counting;
        match line.waiting.is_empty() {
            true => line.take(self, choices.iter(), counting, now()),
            false => None,
        }
    }

    async fn wait(
        self: &Arc<Gates>,
        ask: &Ask<'_>,
        choices: &Arc<[Choice]>,
        alone: bool,
        place: &mut Option<Place>,
    ) -> Result<Entered> {
        let mut counting = counting(ask, alone);
        if self
            .soonest(choices, counting)
            .is_some_and(|(_, at)| at >= ask.until)
        {
            return Err(self.refusal(ask, choices, counting));
        }
        let (mut told, place) = self.queue(ask, choices, counting, place)?;
        // Leaves the line whatever ends the wait.
        let _waits = Waits { gates: self, place };
        let counters = &self.process.counters.admission;
        counters.waited.fetch_add(1, Ordering::Relaxed);
        counters.waiting.fetch_add(1, Ordering::Relaxed);
        self.serve(counting, false);
        loop {
            let now = clock::now();
            let soon = self.soonest(choices, counting).map(|(_, at)| at);
            let wake = soon
                .map_or(now + LOOK, |at| at.max(now + STEP))
                .min(ask.until);
            match select(told, Box::pin(clock::sleep_until(wake))).await {
                Either::Left((Ok(taken), _)) => return Ok(taken),
                // Somebody who goes first needed the place.
                Either::Left((Err(_), _)) => return Err(self.refusal(ask, choices, counting)),
                Either::Right(((), waiting)) => told = waiting,
            }
            if clock::now() >= ask.until {
                return Err(self.refusal(ask, choices, counting));
            }
            counting = self::counting(ask, alone);
            self.serve(counting, true);
        }
    }

    // A full line takes who goes before its last, and nobody else.
    fn queue(
        &self,
        ask: &Ask<'_>,
        choices: &Arc<[Choice]>,
        counting: Counting,
        known: &mut Option<Place>,
    ) -> Result<(oneshot::Receiver<Entered>, Place)> {
        let standing = ask.admission.standing(ask.tenant);
        let (tell, told) = oneshot::channel();
        let mut line = crate::lock(&self.line);
        let place = *known.get_or_insert_with(|| {
            let priority = ask.priority.unwrap_or(standing.priority);
            line.fair.place(ask.tenant, standing.weight, priority)
        });
        if line.waiting.len() >= ask.admission.queue {
            let last = line.waiting.last_key_value().map(|(place, _)| *place);
            if last.is_none_or(|last| last < place) {
                drop(line);
                return Err(self.refusal(ask, choices, counting));
            }
            line.waiting.pop_last();
        }
        let choices = choices.clone();
        line.waiting.insert(place, Waiter { choices, tell });
        Ok((told, place))
    }

    // `timed`: because somebody's time has come, which is everybody's at about the same moment.
    fn serve(self: &Arc<Gates>, counting: Counting, timed: bool) {
        let unwanted = {
            let mut line = crate::lock(&self.line);
            let now = now();
            let just = line.looked.is_some_and(|at| now.instant < at + LOOKED);
            if line.waiting.is_empty() || timed && just {
                return;
            }
            line.looked = timed.then_some(now.instant).or(line.looked);
            line.counting = counting;
            line.serve(self, now)
        };
        drop(unwanted);
    }

    // When one of them may have room, and what keeps it out; `None` if one has, or if others decide that.
    fn soonest(&self, choices: &[Choice], counting: Counting) -> Option<(Barred, Instant)> {
        let now = now();
        let mut soonest: Option<(Barred, Instant)> = None;
        for choice in choices {
            let barred = choice.room(counting, now).err()?;
            let at = match barred.by {
                By::Size => now.instant + NEVER,
                _ if barred.moves => return None,
                _ => now.instant + barred.wait?,
            };
            if soonest.as_ref().is_none_or(|(_, other)| at < *other) {
                soonest = Some((barred, at));
            }
        }
        soonest
    }

    fn refusal(&self, ask: &Ask<'_>, choices: &[Choice], counting: Counting) -> Error {
        let refused = &self.process.counters.admission.refused;
        refused.fetch_add(1, Ordering::Relaxed);
        let now = now();
        let barred = match self.soonest(choices, counting) {
            Some((barred, _)) => Some(barred),
            None => choices
                .iter()
                .find_map(|choice| choice.room(counting, now).err()),
        };
        refusal(barred, ask.admission.wait)
    }

    // Redis counts for all processes. It may say no, and it may say nothing.
    async fn confirm(
        self: &Arc<Gates>,
        mut permit: Permit,
        store: &Arc<Redis>,
        waited: &mut Waited,
    ) -> Answer {
        // In a task of its own: what it takes there is given back even if nobody waits for the answer any more.
        let (tell, told) = oneshot::channel();
        let (place, store) = (store, store.clone());
        let (holds, load) = (permit.holds.clone(), permit.load);
        let asked = crate::runtime::try_spawn_here(async move {
            let answer = shared::take(&store, &holds, load).await;
            if let Err(Ok(Ok(taken))) = tell.send(answer) {
                taken.undo(load);
            }
        });
        let answer = match asked {
            true => waited.wait(place, told).await,
            false => return Answer::Silence,
        };
        permit.answered();
        match answer {
            Some(Ok(Ok(Ok(taken)))) => {
                permit.taken = Some(taken);
                Answer::Yes(permit)
            }
            Some(Ok(Ok(Err(denied)))) => {
                let (by, wait) = match denied.by {
                    By::Budget(period) => (denied.by, period.at(clock::wall()).1),
                    _ if denied.wait.is_zero() => (By::Size, NEVER),
                    by => (by, denied.wait),
                };
                let limiter = &permit.holds[denied.hold].want.limiter;
                limiter.shut(by, load, wait, clock::now());
                Answer::No
            }
            Some(Ok(Err(_)) | Err(_)) | None => Answer::Silence,
        }
    }
}

/// What came of asking Redis.
enum Answer {
    Yes(Permit),
    No,
    /// It does not answer, or not this.
    Silence,
}

fn counting(ask: &Ask<'_>, alone: bool) -> Counting {
    match ask.store {
        None => Counting::Here,
        Some(store) if !alone && store.is_worth_asking(clock::now()) => Counting::There,
        Some(_) => Counting::Share(ask.admission.share),
    }
}

fn now() -> Now {
    Now::new(clock::now(), clock::wall())
}

fn refusal(barred: Option<Barred>, patience: Duration) -> Error {
    let Some(barred) = barred else {
        let message = "no room for the request among those that wait";
        return Error::new(ErrorKind::RateLimited, message)
            .with_retry(Retry::After(SOON))
            .with_retry_after(Some(SOON))
            .with_phase(Phase::Local);
    };
    let (kind, retry, what) = match barred.by {
        By::Requests => (
            ErrorKind::RateLimited,
            None,
            "requests_per_minute".to_owned(),
        ),
        By::Tokens => (ErrorKind::RateLimited, None, "tokens_per_minute".to_owned()),
        By::InFlight => (ErrorKind::RateLimited, None, "in_flight".to_owned()),
        By::Size => (
            ErrorKind::RateLimited,
            Some(Retry::Elsewhere),
            "the request alone is more than tokens_per_minute".to_owned(),
        ),
        By::Budget(period) => (
            ErrorKind::Quota,
            Some(Retry::Elsewhere),
            format!("usd_per_{}", period.name()),
        ),
    };
    let wait = match barred.by {
        By::Size => None,
        _ => Some(barred.wait.unwrap_or(SOON)),
    };
    let seconds = patience.as_secs_f64();
    let message = match barred.by {
        By::Size => format!("limit of {}: {what}", barred.whose),
        By::Budget(_) => format!("budget of {}: {what} is used up", barred.whose),
        _ => format!(
            "limit of {}: no room under {what} within {seconds} s",
            barred.whose
        ),
    };
    Error::new(kind, message)
        .with_retry(retry.unwrap_or(Retry::After(wait.unwrap_or(SOON))))
        .with_retry_after(wait)
        .with_phase(Phase::Local)
}

/// A place in the line, left when this is dropped.
struct Waits<'g> {
    gates: &'g Gates,
    place: Place,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        crate::lock(&self.gates.line).waiting.remove(&self.place);
        let counters = &self.gates.process.counters.admission;
        counters.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one request holds of everything that limits it.
pub(crate) struct Permit {
    gates: Arc<Gates>,
    holds: Box<[Hold]>,
    load: Load,
    /// What it holds of it in Redis.
    taken: Option<shared::Taken>,
    /// The Redis that counts for all, and did not say anything: it is told what budgets this one used.
    alone: Option<Arc<Redis>>,
    /// Redis is still to be asked.
    asks: bool,
    /// It was handed to whoever asked for it.
    begun: bool,
    over: bool,
}

impl Permit {
    fn new(gates: Arc<Gates>, holds: Box<[Hold]>, load: Load) -> Permit {
        Permit {
            gates,
            holds,
            load,
            taken: None,
            alone: None,
            asks: false,
            begun: false,
            over: false,
        }
    }

    /// The request is over, and this is what it took.
    pub(crate) fn settle(mut self, used: &Used, now: Instant) {
        self.release(used, now);
    }

    /// The request was not made after all.
    pub(crate) fn undo(mut self) {
        self.begun = false;
    }

    fn answered(&mut self) {
        if std::mem::take(&mut self.asks) {
            crate::lock(&self.gates.line).asking -= 1;
        }
    }

    // What was never begun is given back whole.
    fn release(&mut self, used: &Used, now: Instant) {
        self.over = true;
        match self.begun {
            true => self.holds.iter().for_each(|hold| hold.release(used, now)),
            false => self.holds.iter().for_each(Hold::undo),
        }
        if let Some(taken) = self.taken.take() {
            match self.begun {
                true => taken.settle(self.load, used),
                false => taken.undo(self.load),
            }
        }
        if let Some(store) = self.alone.take().filter(|_| self.begun) {
            shared::spent_alone(&store, &self.holds, self.load, used);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.answered();
        if !self.over {
            self.release(&Used::UNKNOWN, clock::now());
        }
        let unwanted = {
            let mut line = crate::lock(&self.gates.line);
            match line.waiting.is_empty() {
                true => Vec::new(),
                false => line.serve(&self.gates, now()),
            }
        };
        drop(unwanted);
    }
}

// Their names are, of tenants and targets, whatever callers say.
const LIMITERS_MAX: usize = 10_000;
// No name of a provider, target, model or tenant is empty.
const OTHERS: &str = "";
// All of them are looked at for that.
const SWEEP: Duration = Duration::from_secs(1);
// Whoever waits for what others give back looks again after that: it is told, but in another order.
const STEP: Duration = Duration::from_millis(20);
const LOOK: Duration = Duration::from_millis(100);
// However many wait for the same second, the line is looked through so often.
const LOOKED: Duration = Duration::from_millis(5);
// When nobody knows better.
const SOON: Duration = Duration::from_secs(1);
// Longer than any wait.
const NEVER: Duration = Duration::from_secs(366 * 86_400);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
