//! Times until which targets asked to be left alone, known to all processes that share a Redis: one that is refused tells, and all
//! look now and then. Nobody's request waits for either.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::redis::{Redis, Script};
use crate::call::Job;
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::plan::Candidate;
use crate::vitals::Roll;

/// Other processes need not find out for themselves that a target is asked too often.
pub(crate) fn tell_of(job: &Job, candidate: &Candidate, error: &Error) {
    let (Some(shared), ErrorKind::RateLimited) = (&job.shared, error.kind()) else {
        return;
    };
    let now = clock::now();
    if let Some(until) = candidate.vitals.view(now).unavailable_until {
        let wait = until.saturating_duration_since(now);
        tell(shared, candidate.target.text(), wait);
    }
}

// This target is to be left alone for so long.
fn tell(redis: &Arc<Redis>, target: &str, wait: Duration) {
    let (key, target) = (redis.key(KEY), target.to_owned());
    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2);
    let asked = redis.clone();
    redis.behind(async move {
        // Who does not hear of it finds out for itself.
        let _ = asked.run(&TELL, &[&key, &target], &[wait]).await;
    });
}

/// Heeds what others were told, for as long as anybody holds the connection; it has it stand again after it broke, too.
pub(crate) async fn heed(redis: Weak<Redis>, roll: Arc<Roll>) {
    while let Some(redis) = redis.upgrade() {
        if redis.is_worth_asking(clock::now()) {
            let told = redis.run(&HEED, &[&redis.key(KEY)], &[]).await;
            let told = told.ok().and_then(|told| {
                // Names and milliseconds in turn.
                ::redis::from_redis_value::<Vec<(String, u64)>>(told).ok()
            });
            let now = clock::now();
            for (target, left) in told.unwrap_or_default() {
                roll.of(&target)
                    .leave_until(now + Duration::from_millis(left), now);
            }
        }
        drop(redis);
        clock::sleep(LOOK).await;
    }
}

const KEY: &str = "cooldowns";
// A target that is asked too often is asked by others for a quarter of a second more at most.
const LOOK: Duration = Duration::from_millis(250);

// A hash of targets and the millisecond, by Redis's clock, until which each is left alone: the latest that anybody was told.
static TELL: Script = Script::new(
    r"
local time = redis.call('TIME')
local till = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
local known = tonumber(redis.call('HGET', KEYS[1], KEYS[2]) or '0')
if till > known then redis.call('HSET', KEYS[1], KEYS[2], till) end
redis.call('EXPIRE', KEYS[1], 86400)
return {0, 0}
",
);

static HEED: Script = Script::new(
    r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all = redis.call('HGETALL', KEYS[1])
local left = {}
for at = 1, #all, 2 do
  local wait = tonumber(all[at + 1]) - now
  if wait > 0 then
    left[#left + 1] = all[at]
    left[#left + 1] = wait
  else
    redis.call('HDEL', KEYS[1], all[at])
  end
end
return left
",
);
