//! How a target does, between calls: what every attempt at it adds to, and what every decision about it reads.
//!
//! A writer holds a small lock for nanoseconds and never across I/O; readers take copies of what writers published and no lock.
//!
//! Long: figures, the attempt that adds to them and the list of all are one; a third of it are tests.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use http::HeaderMap;
use libllm_proto::rate;

use crate::error::{Error, Retry};
use crate::policy::View;
use crate::policy::breaker::{self, Breaker, Verdict, Was};
use crate::policy::pace::{Mean, Peak, faded};
use crate::policy::quantile::Quantile;
use crate::policy::view::{Gate, Quota, nanoseconds};

mod figures;

/// One target's figures. All times are arguments, so that a simulation can have its own.
pub(crate) struct Vitals {
    base: Instant,
    settings: Mutex<breaker::Settings>,
    state: Mutex<State>,
    in_flight: AtomicU32,
    seen: Published,
}

struct State {
    ttft: Peak,
    /// The same times, to ask how many were longer.
    times: Quantile,
    speed: Mean,
    breaker: Breaker,
    unavailable_until: Option<Instant>,
    /// Refusals of asking too often in a row, and when the last of them came that the one before had not foretold.
    limited: u32,
    limited_at: Option<Instant>,
    /// Its key is refused.
    locked_until: Option<Instant>,
}

/// What readers see. Each figure is whole; that two of them are of the same moment matters to nobody.
#[derive(Default)]
struct Published {
    /// Seconds, as bits; and when it was last moved.
    ttft: AtomicU64,
    ttft_at: AtomicU64,
    samples: AtomicU32,
    /// Tokens per second, as bits; 0 if unknown.
    speed: AtomicU32,
    failures: AtomicU32,
    /// 0 closed, else when it may be probed.
    open_until: AtomicU64,
    /// 0 if nobody probes, else until when the probe counts.
    probe_until: AtomicU64,
    unavailable_until: AtomicU64,
    locked_until: AtomicU64,
    requests: Told,
    tokens: Told,
}

/// A limit and what is left of it; `NOTHING` if that was not said. It holds until then.
struct Told {
    limit: AtomicU64,
    remaining: AtomicU64,
    until: AtomicU64,
}

const NOTHING: u64 = u64::MAX;

impl Default for Told {
    fn default() -> Told {
        Told {
            limit: AtomicU64::new(0),
            remaining: AtomicU64::new(NOTHING),
            until: AtomicU64::new(0),
        }
    }
}

impl Told {
    fn set(&self, left: Option<rate::Left>, until: impl Fn(Duration) -> u64) {
        if let Some(left) = left {
            let until = until(left.reset.unwrap_or(TOLD).min(TOLD_MAX));
            self.until.store(until, Ordering::Relaxed);
            let limit = left.limit.unwrap_or(0);
            self.limit.store(limit, Ordering::Relaxed);
            let remaining = left.remaining.min(NOTHING - 1);
            self.remaining.store(remaining, Ordering::Relaxed);
        }
    }

    // What is over by its `stamp` was long ago: by now there is as much as ever.
    fn get(&self, stamp: impl Fn() -> u64) -> Option<Quota> {
        let remaining = self.remaining.load(Ordering::Relaxed);
        let holds = remaining != NOTHING && stamp() < self.until.load(Ordering::Relaxed);
        holds.then(|| Quota {
            limit: self.limit.load(Ordering::Relaxed),
            remaining,
        })
    }
}

impl Vitals {
    pub(crate) fn new(settings: breaker::Settings, now: Instant) -> Vitals {
        Vitals {
            base: now,
            settings: Mutex::new(settings),
            state: Mutex::new(State {
                ttft: Peak::new(now),
                times: Quantile::new(),
                speed: Mean::default(),
                breaker: Breaker::new(now),
                unavailable_until: None,
                limited: 0,
                limited_at: None,
                locked_until: None,
            }),
            in_flight: AtomicU32::new(0),
            seen: Published::default(),
        }
    }

    /// The figures as they are now. Takes no lock.
    pub(crate) fn view(&self, now: Instant) -> View {
        let seen = &self.seen;
        let samples = seen.samples.load(Ordering::Relaxed);
        let ttft = match seen.ttft.load(Ordering::Relaxed) {
            0 => None,
            bits => {
                let at = self.instant(seen.ttft_at.load(Ordering::Relaxed));
                let idle = at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
                Some(faded(f64::from_bits(bits), idle))
            }
        };
        let gate = match self.instant(seen.open_until.load(Ordering::Relaxed)) {
            None => Gate::Closed,
            Some(until) if now < until => Gate::Open { until },
            Some(_) => Gate::HalfOpen {
                busy: self
                    .instant(seen.probe_until.load(Ordering::Relaxed))
                    .is_some_and(|until| now < until),
            },
        };
        let speed = seen.speed.load(Ordering::Relaxed);
        View {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            ttft,
            samples,
            tokens_per_s: (speed != 0).then(|| f32::from_bits(speed)),
            failures: seen.failures.load(Ordering::Relaxed),
            gate,
            unavailable_until: self.instant(seen.unavailable_until.load(Ordering::Relaxed)),
            requests: seen.requests.get(|| self.stamp(now)),
            tokens: seen.tokens.get(|| self.stamp(now)),
            locked: self
                .instant(seen.locked_until.load(Ordering::Relaxed))
                .is_some_and(|until| now < until),
        }
    }

    /// An attempt begins.
    pub(crate) fn begin(self: &Arc<Vitals>, now: Instant) -> Turn {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let mut probe = None;
        // Nobody else begins anything while it is closed: no lock for that.
        if self.seen.open_until.load(Ordering::Relaxed) != 0 {
            let settings = *crate::lock(&self.settings);
            let mut state = crate::lock(&self.state);
            probe = state.breaker.begin(&settings, now);
            self.publish(&state, now);
        }
        Turn {
            vitals: self.clone(),
            was: Was { begun: now, probe },
            first: None,
            ended: false,
        }
    }

    /// The time in which so many of a hundred answers began, once enough have.
    pub(crate) fn usual(&self, percent: f64) -> Option<Duration> {
        crate::lock(&self.state).times.at(percent, SAMPLES_MIN)
    }

    /// It asked to be left alone until then.
    pub(crate) fn leave_until(&self, until: Instant, now: Instant) {
        let mut state = crate::lock(&self.state);
        leave(&mut state, until);
        self.publish(&state, now);
    }

    /// What a reload says of breakers.
    fn set(&self, settings: breaker::Settings) {
        *crate::lock(&self.settings) = settings;
    }

    fn publish(&self, state: &State, now: Instant) {
        let seen = &self.seen;
        let (ttft, at) = state.ttft.raw();
        // Zero seconds would read as nothing.
        let bits = ttft.map_or(0, |ttft| ttft.max(1e-9).to_bits());
        seen.ttft.store(bits, Ordering::Relaxed);
        seen.ttft_at.store(self.stamp(at), Ordering::Relaxed);
        seen.samples.store(state.ttft.samples(), Ordering::Relaxed);
        let speed = state.speed.now().unwrap_or(0.0) as f32;
        seen.speed.store(speed.to_bits(), Ordering::Relaxed);
        let breaker = &state.breaker;
        seen.failures.store(breaker.failures(), Ordering::Relaxed);
        let open = match breaker.gate(now) {
            Gate::Closed => 0,
            Gate::Open { until } => self.stamp(until),
            // It has been over for a while: any time that is over says the same.
            Gate::HalfOpen { .. } => 1,
        };
        seen.open_until.store(open, Ordering::Relaxed);
        let probe = breaker.probing_until().map_or(0, |until| self.stamp(until));
        seen.probe_until.store(probe, Ordering::Relaxed);
        let until = state.unavailable_until.filter(|until| *until > now);
        let until = until.map_or(0, |until| self.stamp(until));
        seen.unavailable_until.store(until, Ordering::Relaxed);
        let locked = state.locked_until.map_or(0, |until| self.stamp(until));
        seen.locked_until.store(locked, Ordering::Relaxed);
    }

    // Never 0, which stands for no time.
    fn stamp(&self, at: Instant) -> u64 {
        nanoseconds(at.saturating_duration_since(self.base)).max(1)
    }

    fn instant(&self, stamp: u64) -> Option<Instant> {
        match stamp {
            0 => None,
            stamp => self.base.checked_add(Duration::from_nanos(stamp)),
        }
    }
}

impl fmt::Debug for Vitals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vitals").finish_non_exhaustive()
    }
}

/// One attempt at a target, from its beginning to its end. Dropped without an end it was given up by whoever asked.
pub(crate) struct Turn {
    vitals: Arc<Vitals>,
    was: Was,
    first: Option<Instant>,
    ended: bool,
}

impl Turn {
    /// The answer's head has come.
    pub(crate) fn head(&self, headers: &HeaderMap) {
        let told = rate::left(headers, crate::clock::wall);
        if told != rate::Told::default() {
            self.told(told, crate::clock::now());
        }
    }

    fn told(&self, told: rate::Told, now: Instant) {
        let vitals = &self.vitals;
        let until = |wait| now.checked_add(wait).map_or(0, |until| vitals.stamp(until));
        vitals.seen.requests.set(told.requests, until);
        vitals.seen.tokens.set(told.tokens, until);
    }

    /// The first item has come.
    pub(crate) fn first(&mut self, now: Instant) {
        if self.first.replace(now).is_some() {
            return;
        }
        let took = now.saturating_duration_since(self.was.begun);
        let mut state = crate::lock(&self.vitals.state);
        state.ttft.observe(took, now);
        state.times.observe(took);
        self.vitals.publish(&state, now);
    }

    /// It is over. `tokens` is how many were generated, if that is known.
    pub(crate) fn end(mut self, error: Option<&Error>, tokens: Option<u64>, now: Instant) {
        self.over(breaker::verdict(error), error, tokens, now);
    }

    /// It failed for its key, and another key can be taken.
    pub(crate) fn spare(mut self, error: &Error, now: Instant) {
        self.over(Verdict::Neither, Some(error), None, now);
    }

    /// It is over because whoever asked waited no longer; `patient` if they waited as long as one should.
    pub(crate) fn give_up(mut self, patient: bool, now: Instant) {
        let verdict = match patient && self.first.is_none() {
            true => Verdict::Bad,
            false => Verdict::Neither,
        };
        self.over(verdict, None, None, now);
    }

    fn over(&mut self, verdict: Verdict, error: Option<&Error>, tokens: Option<u64>, now: Instant) {
        self.ended = true;
        let vitals = &self.vitals;
        let took = now.saturating_duration_since(self.was.begun);
        let settings = *crate::lock(&vitals.settings);
        let mut state = crate::lock(&vitals.state);
        match verdict {
            Verdict::Good => {
                (state.limited, state.locked_until) = (0, None);
                if let Some(speed) = self.speed(tokens, now) {
                    state.speed.observe(speed);
                }
            }
            Verdict::Bad => state.ttft.failed(took, now),
            Verdict::Limited => {
                // Refused in a millisecond is not served in a millisecond.
                let wait = asked_for(error).unwrap_or_else(|| state.limit(self.was.begun, now));
                leave(&mut state, now + wait);
            }
            Verdict::Locked => state.locked_until = now.checked_add(LOCKED),
            Verdict::Neither if self.first.is_none() && error.is_none() => {
                state.ttft.missed(took, now);
                // A loser's time is at least what it was waited for. Left out, the slow ones would be missing among those that
                // say when the next one is late, and ever more would be.
                let median = state.times.at(50.0, 1);
                if median.is_some_and(|median| took > median) {
                    state.times.observe(took);
                }
            }
            Verdict::Neither => {}
        }
        if let (Verdict::Bad, Some(wait)) = (verdict, asked_for(error)) {
            leave(&mut state, now + wait);
        }
        let chance = fastrand::f64();
        state.breaker.end(&settings, verdict, self.was, now, chance);
        vitals.publish(&state, now);
    }

    fn speed(&self, tokens: Option<u64>, now: Instant) -> Option<f64> {
        let after = now.saturating_duration_since(self.first?).as_secs_f64();
        let tokens = tokens?.checked_sub(1)?;
        (tokens >= TOKENS_MIN && after > 0.0).then(|| tokens as f64 / after)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.ended {
            self.over(Verdict::Neither, None, None, crate::clock::now());
        }
        self.vitals.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("was", &self.was).finish()
    }
}

fn asked_for(error: Option<&Error>) -> Option<Duration> {
    let asked = error?.retry_after().or(match error?.retry() {
        Retry::After(wait) => Some(wait),
        _ => None,
    });
    asked.filter(|wait| !wait.is_zero())
}

impl State {
    // Those that were under way when the last one came know of no limit but that one.
    fn limit(&mut self, begun: Instant, now: Instant) -> Duration {
        if self.limited_at.is_none_or(|at| begun > at) {
            self.limited = self.limited.saturating_add(1);
            self.limited_at = Some(now);
        }
        let doubled = LIMITED_FIRST * (1 << self.limited.saturating_sub(1).min(DOUBLINGS_MAX));
        doubled.min(LIMITED_MAX)
    }
}

fn leave(state: &mut State, until: Instant) {
    let until = state.unavailable_until.map_or(until, |old| old.max(until));
    state.unavailable_until = Some(until);
}

/// Everybody's figures by name. It outlives a reload, so that what was learnt of a target is not lost with the text that named it.
pub(crate) struct Roll {
    /// What all times are counted from.
    base: Instant,
    settings: Mutex<breaker::Settings>,
    all: RwLock<HashMap<Box<str>, Arc<Vitals>>>,
}

impl Roll {
    pub(crate) fn new(settings: breaker::Settings) -> Roll {
        Roll {
            base: crate::clock::now(),
            settings: Mutex::new(settings),
            all: RwLock::default(),
        }
    }

    /// The figures of the target of this name, `provider/model`.
    pub(crate) fn of(&self, name: &str) -> Arc<Vitals> {
        if let Some(known) = self.read().get(name) {
            return known.clone();
        }
        let new = Arc::new(self.stranger());
        let mut all = self.all.write().unwrap_or_else(|all| all.into_inner());
        if all.len() >= ROLL_MAX {
            // Whose attempts are over may be forgotten: names of models are whatever callers write.
            all.retain(|_, vitals| Arc::strong_count(vitals) > 1);
        }
        if all.len() >= ROLL_MAX {
            return new;
        }
        all.entry(name.into()).or_insert(new).clone()
    }

    /// Figures of a target that is asked under somebody's own key or at their own place: they are nobody else's.
    pub(crate) fn stranger(&self) -> Vitals {
        Vitals {
            base: self.base,
            ..Vitals::new(*crate::lock(&self.settings), crate::clock::now())
        }
    }

    /// What a reload says of breakers.
    pub(crate) fn configure(&self, settings: breaker::Settings) {
        *crate::lock(&self.settings) = settings;
        self.read().values().for_each(|vitals| vitals.set(settings));
    }

    /// Every target that was asked, by name.
    pub(crate) fn all(&self) -> Vec<(Box<str>, Arc<Vitals>)> {
        let all = self.read();
        let mut all: Vec<_> = all
            .iter()
            .map(|(name, vitals)| (name.clone(), vitals.clone()))
            .collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Box<str>, Arc<Vitals>>> {
        self.all.read().unwrap_or_else(|all| all.into_inner())
    }
}

impl Default for Roll {
    fn default() -> Roll {
        Roll::new(breaker::Settings::default())
    }
}

impl fmt::Debug for Roll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roll").finish_non_exhaustive()
    }
}

// A megabyte or two of figures; more targets than that are somebody's made-up names.
const ROLL_MAX: usize = 4096;
// A refusal that names no time: as long as the shortest of the limits that providers have, and longer while it goes on.
const LIMITED_FIRST: Duration = Duration::from_secs(1);
const LIMITED_MAX: Duration = Duration::from_secs(60);
const DOUBLINGS_MAX: u32 = 6;
// What a provider says is left and not until when: its limits are mostly by the minute.
const TOLD: Duration = Duration::from_secs(60);
// And at most by the day.
const TOLD_MAX: Duration = Duration::from_secs(86_400);
// A key may be given its right back, or be replaced: whoever needs it finds out within a minute.
const LOCKED: Duration = Duration::from_secs(60);
// BEHAVIOUR.md section 6: of fewer answers nobody knows the slowest twentieth.
const SAMPLES_MIN: u32 = 100;
// Of fewer tokens the first one's time is most of it.
const TOKENS_MIN: u64 = 8;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::policy::view::{Figures as _, Fit};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn vitals(now: Instant) -> Arc<Vitals> {
        Arc::new(Vitals::new(breaker::Settings::default(), now))
    }

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "made up")
    }

    #[test]
    fn an_attempt_is_seen_while_it_lasts_and_remembered_after() {
        let start = Instant::now();
        let vitals = vitals(start);
        assert_eq!(vitals.view(start), View::NEW);
        let mut turn = vitals.begin(start);
        assert_eq!(vitals.view(start).in_flight, 1);
        turn.first(start + ms(200));
        turn.end(None, Some(101), start + ms(1_200));
        let view = vitals.view(start + ms(1_200));
        assert_eq!((view.in_flight, view.samples), (0, 1));
        assert_eq!(view.ttft, Some(ms(200)));
        assert_eq!(view.tokens_per_s, Some(100.0));
    }

    #[test]
    fn five_failures_open_it_and_time_alone_lets_one_probe() {
        let start = Instant::now();
        let vitals = vitals(start);
        for _ in 0..5 {
            assert!(vitals.view(start).is_healthy(start));
            vitals
                .begin(start)
                .end(Some(&error(ErrorKind::Connect)), None, start + ms(1));
        }
        let view = vitals.view(start + ms(1));
        assert!(matches!(view.gate, Gate::Open { .. }), "{view:?}");
        assert!(view.ttft.unwrap() >= ms(1_000), "{view:?}");
        let later = start + ms(5_001);
        assert!(vitals.view(later).wants_probe(later));
        let probe = vitals.begin(later);
        assert!(!vitals.view(later).wants_probe(later));
        drop(probe);
        assert!(vitals.view(later).wants_probe(later));
        for _ in 0..3 {
            vitals.begin(later).end(None, None, later);
        }
        assert!(vitals.view(later).is_healthy(later));
    }

    #[test]
    fn a_refusal_of_asking_too_often_is_no_failure_but_a_time() {
        let start = Instant::now();
        let vitals = vitals(start);
        let asked = error(ErrorKind::RateLimited).with_retry_after(Some(ms(7_000)));
        vitals.begin(start).end(Some(&asked), None, start);
        let view = vitals.view(start);
        assert_eq!(view.unavailable_until, Some(start + ms(7_000)));
        assert_eq!((view.failures, view.gate), (0, Gate::Closed));
        assert!(vitals.view(start + ms(7_000)).is_healthy(start + ms(7_000)));
    }

    #[test]
    fn refusals_that_come_together_are_one() {
        let start = Instant::now();
        let vitals = vitals(start);
        let refusal = error(ErrorKind::RateLimited);
        let mut now = start;
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let turns: Vec<Turn> = (0..20).map(|_| vitals.begin(now)).collect();
            now += ms(1);
            for turn in turns {
                turn.end(Some(&refusal), None, now);
            }
            let until = now + ms(seconds * 1_000);
            assert_eq!(vitals.view(now).unavailable_until, Some(until));
            now = until;
        }
        vitals.begin(now).end(None, None, now);
        now += ms(1);
        vitals.begin(now).end(Some(&refusal), None, now);
        assert_eq!(vitals.view(now).unavailable_until, Some(now + ms(1_000)));
    }

    #[test]
    fn what_the_caller_gave_up_is_no_failure_unless_they_were_patient() {
        let start = Instant::now();
        let vitals = vitals(start);
        vitals.begin(start).give_up(false, start + ms(5_000));
        let view = vitals.view(start + ms(5_000));
        assert_eq!((view.failures, view.ttft), (0, Some(ms(5_000))));
        vitals.begin(start).give_up(true, start + ms(5_000));
        assert_eq!(vitals.view(start + ms(5_000)).failures, 1);
        drop(vitals.begin(start));
        assert_eq!(vitals.view(start).in_flight, 0);
    }

    #[test]
    fn headers_tell_what_is_left() {
        let start = Instant::now();
        let vitals = vitals(start);
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-remaining-tokens", 42.into());
        headers.insert("x-ratelimit-limit-tokens", 100.into());
        vitals.begin(start).head(&headers);
        let quota = Quota {
            limit: 100,
            remaining: 42,
        };
        let view = vitals.view(start);
        assert_eq!((view.requests, view.tokens), (None, Some(quota)));
    }

    #[test]
    fn what_is_left_is_forgotten_when_it_is_there_again() {
        let told = |remaining, reset| rate::Told {
            requests: Some(rate::Left {
                limit: Some(100),
                remaining,
                reset,
            }),
            tokens: None,
        };
        for (reset, seconds) in [(None, 60), (Some(ms(7_000)), 7)] {
            let start = Instant::now();
            let vitals = vitals(start);
            vitals.begin(start).told(told(1, reset), start);
            let left = |after| vitals.left(start + ms(after));
            assert_eq!((left(0), left(seconds * 1_000 - 1)), (0.01, 0.01));
            assert_eq!(left(seconds * 1_000), 1.0);
            assert!(vitals.view(start).is_healthy(start));
        }
        let start = Instant::now();
        let vitals = vitals(start);
        // Of one key, and a reset is when all is there again: no reason to leave the target.
        vitals.begin(start).told(told(0, Some(ms(7_000))), start);
        assert_eq!(vitals.left(start), 0.0);
        assert_eq!(vitals.fit(start), Fit::Well);
    }

    #[test]
    fn names_are_kept_while_there_is_room_or_somebody_holds_them() {
        let roll = Roll::default();
        let held = roll.of("house/m");
        assert!(Arc::ptr_eq(&held, &roll.of("house/m")));
        (0..ROLL_MAX * 2).for_each(|number| drop(roll.of(&format!("made/{number}"))));
        assert!(Arc::ptr_eq(&held, &roll.of("house/m")));
        assert!(roll.all().len() <= ROLL_MAX);
    }
}
