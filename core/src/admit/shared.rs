//! The same limits counted in Redis, for all processes at once: what a request needs is taken there in one step, or nothing is.

use std::sync::Arc;
use std::time::Duration;

use super::limiter::{By, Hold, Load, Used};
use crate::policy::limit::KEPT;
use crate::policy::spend::Period;
use crate::store::{Lost, Owed, Redis, Script};

/// What was taken there.
pub(super) struct Taken {
    store: Arc<Redis>,
    meters: Vec<Meter>,
    /// The second in which it was taken, of Redis's clock.
    second: i64,
}

/// Why nothing was taken.
pub(super) struct Denied {
    /// Whose limit it is: a number of the holds.
    pub(super) hold: usize,
    pub(super) by: By,
    pub(super) wait: Duration,
}

struct Meter {
    hold: usize,
    by: By,
    key: String,
    limit: u64,
    amount: u64,
    /// The period's number, for what counts by the calendar.
    number: Option<u64>,
    /// How long the key is kept.
    seconds: u64,
}

/// Takes all of it, or says what is in the way.
pub(super) async fn take(
    store: &Arc<Redis>,
    holds: &[Hold],
    load: Load,
) -> Result<Result<Taken, Denied>, Lost> {
    let meters = meters(store, holds, load);
    let keys: Vec<&str> = meters.iter().map(|meter| meter.key.as_str()).collect();
    let mut arguments = Vec::with_capacity(meters.len() * 4);
    for meter in &meters {
        arguments.push(whole(meter.limit));
        arguments.push(whole(meter.amount));
        arguments.push(meter.number.map_or(-1, whole));
        arguments.push(whole(meter.seconds));
    }
    let [at, number] = store.run_pair(&TAKE, &keys, &arguments).await?;
    if at == 0 {
        let store = store.clone();
        return Ok(Ok(Taken {
            store,
            meters,
            second: number,
        }));
    }
    let meter = usize::try_from(at - 1).ok().and_then(|at| meters.get(at));
    let meter = meter.ok_or(Lost::Unanswered)?;
    Ok(Err(Denied {
        hold: meter.hold,
        by: meter.by,
        wait: Duration::from_millis(number.try_into().unwrap_or(0)),
    }))
}

impl Taken {
    /// Replaces what was thought by what was used, behind everybody's back.
    pub(super) fn settle(self, load: Load, used: &Used) {
        let (mut keys, mut arguments) = (Vec::new(), Vec::new());
        for meter in &self.meters {
            let (thought, used) = match meter.by {
                By::Tokens => (load.tokens, used.tokens),
                By::Budget(_) => (load.microusd, used.microusd),
                _ => continue,
            };
            // What is lent until it is settled becomes what was used, be it the same.
            if meter.number.is_some() || used.is_some_and(|used| used != thought) {
                keys.push(meter.key.clone());
                arguments.push(meter.number.map_or(-1, whole));
                arguments.push(self.second);
                arguments.push(whole(thought));
                arguments.push(whole(used.unwrap_or(thought)));
            }
        }
        if keys.is_empty() {
            return;
        }
        self.store.owe(Owed {
            script: &SETTLE,
            keys,
            arguments,
            refusals: 0,
            once: false,
        });
    }

    /// The request was not made.
    pub(super) fn undo(self, load: Load) {
        self.settle(load, &Used::NOTHING);
    }
}

/// What a request used of budgets that was counted here alone.
pub(super) fn spent_alone(store: &Arc<Redis>, holds: &[Hold], load: Load, used: &Used) {
    let amount = used.microusd.unwrap_or(load.microusd);
    for meter in meters(store, holds, load) {
        if let Some(number) = meter.number.filter(|_| amount > 0) {
            store.spent_alone(meter.key, number, amount, meter.seconds);
        }
    }
}

fn meters(store: &Redis, holds: &[Hold], load: Load) -> Vec<Meter> {
    let mut meters = Vec::new();
    for (hold, held) in holds.iter().enumerate() {
        let (caps, label) = (&held.want.caps, held.want.limiter.label());
        let mut add = |by, what: &str, limit, amount, number, seconds| {
            let key = store.key(&format!("{what}:{label}"));
            meters.push(Meter {
                hold,
                by,
                key,
                limit,
                amount,
                number,
                seconds,
            });
        };
        if let Some(limit) = caps.requests_per_minute {
            add(By::Requests, "requests", limit, 1, None, KEPT + 1);
        }
        if let Some(limit) = caps.tokens_per_minute {
            add(By::Tokens, "tokens", limit, load.tokens, None, KEPT + 1);
        }
        for (period, budget) in &caps.budgets {
            let number = Some(held.numbers[*period as usize]);
            let what = format!("usd:{}", period.name());
            let kept = kept(*period);
            add(
                By::Budget(*period),
                &what,
                *budget,
                load.microusd,
                number,
                kept,
            );
        }
    }
    meters
}

// Longer than the period: settling may come after its end.
fn kept(period: Period) -> u64 {
    match period {
        Period::Hour => 2 * 3_600,
        Period::Day => 2 * 86_400,
        Period::Month => 62 * 86_400,
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

// Each key is a hash. What slides has a field for each second of Redis's own clock (`Window` says why 61 of them); what follows the
// calendar has a field for each period, whose number comes with the question, and fields `lent:PERIOD:MINUTE` for the part of it that
// no request has settled yet: in that minute it is given up, for whoever took it may have been killed. Answers 0 and the second, or the
// number of the key that is in the way and for how many milliseconds (-1: it is not known here; 0 of what is larger than its limit).
static TAKE: Script = Script::new(
    r"
local time = redis.call('TIME')
local second = tonumber(time[1])
local into = math.floor(tonumber(time[2]) / 1000)
for at, key in ipairs(KEYS) do
  local limit = tonumber(ARGV[at * 4 - 3])
  local amount = tonumber(ARGV[at * 4 - 2])
  local number = tonumber(ARGV[at * 4 - 1])
  if number >= 0 then
    for _, field in ipairs(redis.call('HKEYS', key)) do
      local period, minute = string.match(field, '^lent:(%d+):(%d+)$')
      if period and tonumber(minute) * 60 <= second then
        redis.call('HINCRBY', key, period, -tonumber(redis.call('HGET', key, field)))
        redis.call('HDEL', key, field)
      end
    end
    local used = tonumber(redis.call('HGET', key, ARGV[at * 4 - 1]) or '0')
    if used >= limit or used + amount > limit then return {at, 0} end
  else
    if amount > limit then return {at, 0} end
    local all = redis.call('HGETALL', key)
    local used = 0
    local slots = {}
    for field = 1, #all, 2 do
      local slot = tonumber(all[field])
      if slot + 61 <= second then
        redis.call('HDEL', key, all[field])
      else
        local count = tonumber(all[field + 1])
        used = used + count
        slots[#slots + 1] = {slot, count}
      end
    end
    local over = used + amount - limit
    if over > 0 then
      table.sort(slots, function(a, b) return a[1] < b[1] end)
      for _, slot in ipairs(slots) do
        over = over - slot[2]
        if over <= 0 then return {at, (slot[1] + 61 - second) * 1000 - into} end
      end
      return {at, 61000}
    end
  end
end
for at, key in ipairs(KEYS) do
  local number, amount = ARGV[at * 4 - 1], ARGV[at * 4 - 2]
  if tonumber(number) < 0 then
    number = time[1]
  else
    redis.call('HINCRBY', key, 'lent:' .. number .. ':' .. (math.floor(second / 60) + 16), amount)
  end
  redis.call('HINCRBY', key, number, amount)
  redis.call('EXPIRE', key, ARGV[at * 4])
end
return {0, second}
",
);

// What has slid out of its window is over. What was lent for longer than fifteen minutes was given up, and is counted again.
static SETTLE: Script = Script::new(
    r"
for at, key in ipairs(KEYS) do
  local period, second = ARGV[at * 4 - 3], tonumber(ARGV[at * 4 - 2])
  local thought, used = tonumber(ARGV[at * 4 - 1]), tonumber(ARGV[at * 4])
  local field = ARGV[at * 4 - 2]
  if tonumber(period) >= 0 then
    field = period
    local lent = 'lent:' .. period .. ':' .. (math.floor(second / 60) + 16)
    if redis.call('HEXISTS', key, lent) == 1 then
      if redis.call('HINCRBY', key, lent, -thought) <= 0 then redis.call('HDEL', key, lent) end
    else
      thought = 0
    end
  end
  if redis.call('HEXISTS', key, field) == 1 then
    redis.call('HINCRBY', key, field, used - thought)
  end
end
return {0, 0}
",
);
