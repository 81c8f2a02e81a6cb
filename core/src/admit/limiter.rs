//! One thing that is limited, and what is held of it. Several of them are looked at and taken from under the line's lock, so that a
//! request gets all that it needs or nothing.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use crate::config::{Caps, InFlight, Scope};
use crate::policy::adaptive::{Adaptive, Sign};
use crate::policy::limit::{Full, Slot, Window};
use crate::policy::spend::{Calendar, Period, Spent};

/// What was used of one provider, key, target, model or tenant.
pub(crate) struct Limiter {
    scope: Scope,
    name: Box<str>,
    state: Mutex<State>,
}

struct State {
    requests: Window,
    tokens: Window,
    spent: [Spent; Period::ALL.len()],
    /// What it spends matters to somebody.
    budgeted: bool,
    in_flight: u32,
    adaptive: Adaptive,
    /// Redis said that there is no room.
    shut: Option<Shut>,
}

#[derive(Clone, Copy)]
struct Shut {
    by: By,
    /// For a request of this size; there may be room for a smaller one.
    load: Load,
    /// When there is room, unless others give back what they hold.
    room: Instant,
    /// When it is worth asking again.
    again: Instant,
}

/// What a request needs of one of them.
#[derive(Clone)]
pub(crate) struct Want {
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) caps: Arc<Caps>,
}

/// How much one request takes, as far as it is known before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) tokens: u64,
    /// Millionths of a dollar.
    pub(crate) microusd: u64,
}

/// What it took in the end; `None` for what nobody knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) tokens: Option<u64>,
    pub(crate) microusd: Option<u64>,
    pub(crate) sign: Sign,
}

impl Used {
    /// Nobody can tell: what was thought stands.
    pub(crate) const UNKNOWN: Used = Used {
        tokens: None,
        microusd: None,
        sign: Sign::Nothing,
    };
    /// The provider was not asked, or refused.
    pub(crate) const NOTHING: Used = Used {
        tokens: Some(0),
        microusd: Some(0),
        sign: Sign::Nothing,
    };
}

/// Who counts what is used in a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Counting {
    /// This process.
    Here,
    /// Redis, for all processes.
    There,
    /// This process, up to its share, because Redis does not answer.
    Share(f64),
}

/// Both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) wall: SystemTime,
    /// What the minutes are counted by.
    since: Duration,
    calendar: Calendar,
}

/// How long after the first time that anything was counted in this process.
fn since_first(instant: Instant) -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    instant.saturating_duration_since(*FIRST.get_or_init(|| instant))
}

impl Now {
    pub(crate) fn new(instant: Instant, wall: SystemTime) -> Now {
        Now {
            instant,
            wall,
            since: since_first(instant),
            calendar: Calendar::at(wall),
        }
    }
}

/// What keeps a request out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Barred {
    pub(crate) by: By,
    /// Of whom.
    pub(crate) whose: String,
    /// After that there is room; `None` if that depends on others' requests.
    pub(crate) wait: Option<Duration>,
    /// There may be room before.
    pub(crate) moves: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Requests,
    Tokens,
    /// The request is larger than the whole limit.
    Size,
    InFlight,
    Budget(Period),
}

impl Shut {
    fn bars(&self, load: &Load, now: Instant) -> bool {
        let as_large = match self.by {
            By::Requests | By::InFlight => true,
            By::Tokens | By::Size => load.tokens >= self.load.tokens,
            By::Budget(_) => load.microusd >= self.load.microusd,
        };
        as_large && now < self.again
    }
}

impl Limiter {
    pub(crate) fn new(scope: Scope, name: &str) -> Limiter {
        let state = State {
            requests: Window::default(),
            tokens: Window::default(),
            spent: Default::default(),
            budgeted: false,
            in_flight: 0,
            adaptive: Adaptive::default(),
            shut: None,
        };
        Limiter {
            scope,
            name: name.into(),
            state: Mutex::new(state),
        }
    }

    /// `provider:house`.
    pub(crate) fn label(&self) -> String {
        format!("{}:{}", self.scope.name(), self.name)
    }

    /// Whether anything is under way there, or counted.
    pub(crate) fn is_idle(&self, now: Now) -> bool {
        let mut state = crate::lock(&self.state);
        let spends = |period: &Period| state.spent[*period as usize].microusd(*period, now.wall);
        let spent = state.budgeted && Period::ALL.iter().any(|period| spends(period) > 0);
        state.in_flight == 0
            && !spent
            && state.requests.used(now.since) == 0
            && state.tokens.used(now.since) == 0
    }

    /// Redis said that there is no room for so long; it is left alone for a moment.
    pub(crate) fn shut(&self, by: By, load: Load, wait: Duration, now: Instant) {
        let (room, again) = (now + wait, now + wait.min(AGAIN));
        crate::lock(&self.state).shut = Some(Shut {
            by,
            load,
            room,
            again,
        });
    }

    // What others hold of tokens and money is more than they use: part of it comes back when they are done.
    fn barred(&self, by: By, wait: Option<Duration>, in_flight: u32) -> Barred {
        let whose = format!("{} {}", self.scope.name(), self.name);
        let moves = in_flight > 0 && matches!(by, By::Tokens | By::Budget(_));
        Barred {
            by,
            whose,
            wait,
            moves,
        }
    }
}

impl Want {
    /// Whether what Redis may count is limited at all.
    pub(crate) fn is_counted(&self) -> bool {
        let caps = &self.caps;
        caps.requests_per_minute.is_some()
            || caps.tokens_per_minute.is_some()
            || !caps.budgets.is_empty()
    }

    /// Whether this request may go now.
    pub(crate) fn room(&self, load: &Load, counting: Counting, now: Now) -> Result<(), Barred> {
        let (limiter, caps) = (&*self.limiter, &*self.caps);
        let mut state = crate::lock(&limiter.state);
        let most = match caps.in_flight {
            Some(InFlight::Fixed(most)) => most,
            Some(InFlight::Adaptive) => state.adaptive.limit(),
            None => u32::MAX,
        };
        if state.in_flight >= most {
            return Err(limiter.barred(By::InFlight, None, state.in_flight));
        }
        let part = match counting {
            Counting::Here => 1.0,
            Counting::Share(part) => part,
            Counting::There => {
                let tokens = caps.tokens_per_minute;
                if tokens.is_some_and(|limit| load.tokens > limit) {
                    return Err(limiter.barred(By::Size, None, state.in_flight));
                }
                if let Some(shut) = state.shut.filter(|shut| shut.bars(load, now.instant)) {
                    let wait = shut.room.saturating_duration_since(now.instant);
                    return Err(limiter.barred(shut.by, Some(wait), state.in_flight));
                }
                // What this process alone has used is part of what all have: Redis may have lost its counts.
                1.0
            }
        };
        let in_flight = state.in_flight;
        let full = |by, full| match full {
            Full::For(wait) => limiter.barred(by, Some(wait), in_flight),
            Full::Ever => limiter.barred(By::Size, None, in_flight),
        };
        if let Some(limit) = caps.requests_per_minute {
            let room = state.requests.room(share(limit, part), 1, now.since);
            room.map_err(|why| full(By::Requests, why))?;
        }
        if let Some(limit) = caps.tokens_per_minute {
            let limit = share(limit, part);
            let room = state.tokens.room(limit, load.tokens, now.since);
            room.map_err(|why| full(By::Tokens, why))?;
        }
        for (period, budget) in &caps.budgets {
            let (spent, number) = (
                &mut state.spent[*period as usize],
                now.calendar.number(*period),
            );
            if !spent.has_room(number, share(*budget, part), load.microusd) {
                let wait = period.at(now.wall).1;
                return Err(limiter.barred(By::Budget(*period), Some(wait), in_flight));
            }
        }
        Ok(())
    }

    /// The share that is left of the nearest of its limits in requests and tokens per minute and in flight, as far as this process knows.
    pub(super) fn left(&self, now: Instant) -> f64 {
        let caps = &*self.caps;
        let mut state = crate::lock(&self.limiter.state);
        if state.shut.is_some_and(|shut| now < shut.again) {
            return 0.0;
        }
        let in_flight = match caps.in_flight {
            Some(InFlight::Fixed(most)) => Some(most),
            Some(InFlight::Adaptive) => Some(state.adaptive.limit()),
            None => None,
        };
        let since = since_first(now);
        let minutes = [
            (caps.requests_per_minute, state.requests.used(since)),
            (caps.tokens_per_minute, state.tokens.used(since)),
            (in_flight.map(u64::from), u64::from(state.in_flight)),
        ];
        let left = minutes.into_iter().filter_map(|(limit, used)| {
            let limit = limit?;
            Some(limit.saturating_sub(used) as f64 / limit as f64)
        });
        left.fold(1.0, f64::min)
    }

    /// Takes what it needs, whether there is room or not.
    pub(crate) fn take(&self, load: Load, now: Now) -> Hold {
        let mut state = crate::lock(&self.limiter.state);
        state.in_flight += 1;
        state.budgeted |= !self.caps.budgets.is_empty();
        let request = state.requests.take(1, now.since);
        let tokens = state.tokens.take(load.tokens, now.since);
        let numbers = now.calendar.numbers();
        for (spent, number) in state.spent.iter_mut().zip(numbers) {
            spent.take(number, load.microusd);
        }
        Hold {
            want: self.clone(),
            load,
            request,
            tokens,
            numbers,
        }
    }
}

/// What a request has of one of them.
#[derive(Clone)]
pub(crate) struct Hold {
    pub(crate) want: Want,
    load: Load,
    request: Slot,
    tokens: Slot,
    /// Of the periods in which it is counted.
    pub(crate) numbers: [u64; Period::ALL.len()],
}

impl Hold {
    /// The request is over.
    pub(crate) fn release(&self, used: &Used, now: Instant) {
        let mut state = crate::lock(&self.want.limiter.state);
        let in_flight = state.in_flight;
        state.adaptive.ended(used.sign, in_flight, now);
        state.in_flight = in_flight.saturating_sub(1);
        if let Some(tokens) = used.tokens {
            state.tokens.correct(self.tokens, self.load.tokens, tokens);
        }
        if let Some(spent) = used.microusd {
            self.correct_spent(&mut state, spent);
        }
    }

    /// It was not made.
    pub(crate) fn undo(&self) {
        let mut state = crate::lock(&self.want.limiter.state);
        state.in_flight = state.in_flight.saturating_sub(1);
        state.requests.correct(self.request, 1, 0);
        state.tokens.correct(self.tokens, self.load.tokens, 0);
        self.correct_spent(&mut state, 0);
    }

    fn correct_spent(&self, state: &mut State, spent: u64) {
        for period in Period::ALL {
            let number = self.numbers[period as usize];
            state.spent[period as usize].correct(number, self.load.microusd, spent);
        }
    }
}

// Something, unless nothing was asked for: a process that is alone goes on.
fn share(limit: u64, part: f64) -> u64 {
    match part {
        0.0 => 0,
        part => ((limit as f64 * part) as u64).max(1),
    }
}

// What other processes give back is not told here.
const AGAIN: Duration = Duration::from_millis(100);
