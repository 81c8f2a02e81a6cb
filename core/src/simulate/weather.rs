//! What an attempt at a made-up target comes to, and when.

use std::time::Duration;

use libllm_proto::error::{Error, ErrorKind, Retry};

use super::Dice;
use super::scenario::{Event, Kind, Scenario, Target};

/// What an attempt comes to.
pub(super) enum Fate {
    /// The first token comes after this long.
    First(Duration),
    /// It fails after this long.
    Fails(Duration, Error),
}

/// The state of one target's own world.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Climate {
    /// Requests that it would still take, of its rate, and when that was so.
    tokens: f64,
    at: Duration,
    /// Since when it has been up.
    up_since: Duration,
    begun: bool,
}

/// How often requests come now, against the usual.
pub(super) fn surge(scenario: &Scenario, now: Duration) -> f64 {
    let events = scenario.events.iter();
    let surges = events.filter(|event| event.kind == Kind::Surge && event.is_on(now));
    surges.map(|event| event.factor).product()
}

impl Event {
    fn is_on(&self, now: Duration) -> bool {
        self.from <= now && now < self.until
    }

    // Which targets of the group: always the same.
    fn befalls(&self, target: &Target, index: usize) -> bool {
        let place = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
        self.group == target.group && place as f64 / (1u64 << 53) as f64 <= self.part
    }
}

/// What becomes of an attempt at target number `index` with so many others under way there.
pub(super) fn fate(
    scenario: &Scenario,
    index: usize,
    climate: &mut Climate,
    others: u32,
    now: Duration,
    dice: &mut Dice,
) -> Fate {
    let target = &scenario.targets[index];
    let mut slower = 1.0;
    let mut errors = target.errors;
    for event in &scenario.events {
        if !event.is_on(now) || !event.befalls(target, index) {
            continue;
        }
        match event.kind {
            Kind::Outage | Kind::BlackHole => {
                climate.up_since = event.until;
                let wait = match event.kind {
                    Kind::BlackHole => BLACK_HOLE,
                    _ => REFUSED,
                };
                return Fate::Fails(wait, unavailable());
            }
            Kind::Brownout => slower *= event.factor,
            Kind::Errors => errors += event.factor,
            Kind::Surge => {}
        }
    }
    if target.rate > 0.0 && !climate.admits(target.rate, now) {
        return Fate::Fails(REFUSED, limited());
    }
    let up = now.saturating_sub(climate.up_since).as_secs_f64();
    if up < target.warm_up {
        slower *= 1.0 + (COLD - 1.0) * (1.0 - up / target.warm_up);
    }
    if dice.hits(target.tail.0) {
        slower *= target.tail.1;
    }
    let queue = (f64::from(others) + 1.0) / target.capacity;
    let seconds = target.ttft * (target.spread * dice.normal()).exp() * slower * queue.max(1.0);
    let wait = Duration::from_secs_f64(seconds.min(1e6));
    match dice.hits(errors) {
        // A failure is told before an answer would have begun.
        true => Fate::Fails(wait / 2, unavailable()),
        false => Fate::First(wait),
    }
}

impl Climate {
    // A bucket of a second's requests, as providers' own limits are.
    fn admits(&mut self, rate: f64, now: Duration) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            self.tokens = rate;
        }
        let since = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * rate).min(rate.max(1.0));
        self.at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "made up")
        .with_http_status(503)
        .with_retry(Retry::Backoff)
}

fn limited() -> Error {
    Error::new(ErrorKind::RateLimited, "made up")
        .with_http_status(429)
        .with_retry(Retry::After(LIMITED))
}

/// The first token that did not come in time.
pub(super) fn late() -> Error {
    Error::new(ErrorKind::Timeout, "made up").with_retry(Retry::Backoff)
}

/// A refusal takes a way there and back.
const REFUSED: Duration = Duration::from_millis(30);
const BLACK_HOLE: Duration = Duration::from_millis(1);
/// What providers ask for at least, in whole seconds (RFC 9110, 10.2.3).
const LIMITED: Duration = Duration::from_secs(1);
/// How much slower a cold target is.
const COLD: f64 = 10.0;
