//! Answers that all processes of one Redis find, each under the digest of its question, and what of them is to be forgotten: an
//! answer that began before a word about it was given is nobody's any more, wherever it is kept.
//!
//! ```text
//! PREFIX answer:DIGEST  hash   at: ms when it was asked · born: of which list · marks: what makes it void · body
//! PREFIX forgotten      zset   mark -> ms when it was said, by Redis's clock; and the list's own name, last of all
//! ```
//! The list may be lost, by an eviction or a restart: every answer names the one that it was kept under, and is void under another.

use std::sync::Arc;
use std::time::Duration;

use super::redis::{Lost, Patience, Redis, Script};

/// An answer's name there.
pub(crate) fn key(redis: &Redis, digest: &[u8]) -> String {
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    redis.key("answer:") + &hex
}

/// What is known of an answer that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// For how long it is kept on.
    pub(crate) left: Duration,
    /// How long ago it was asked for.
    pub(crate) age: Duration,
    /// When that was by Redis's clock, in ms.
    pub(crate) at: u64,
    pub(crate) body: Vec<u8>,
}

/// An answer to keep.
pub(crate) struct Answer {
    /// For how long.
    pub(crate) ttl: Duration,
    /// How long ago it was asked for.
    pub(crate) age: Duration,
    pub(crate) body: Vec<u8>,
}

/// What is kept under this name and not void. One that comes late is told as well.
pub(crate) async fn get(redis: &Arc<Redis>, key: &str) -> Result<Option<Found>, Lost> {
    // Whoever asks waits no longer than for anything; a large answer that takes its time is no sign that Redis is slow.
    let patience = behind(redis);
    let forgotten = redis.key(FORGOTTEN);
    let none: &[&str] = &[];
    let keys = &[key, &forgotten];
    let told = redis.run_for(&GET, keys, &none, patience).await?;
    let found: Option<(u64, u64, u64, Vec<u8>)> =
        ::redis::from_redis_value(told).map_err(|_| Lost::Unanswered)?;
    Ok(found.map(|(left, age, at, body)| Found {
        left: Duration::from_millis(left),
        age: Duration::from_millis(age),
        at,
        body,
    }))
}

/// Keeps an answer, unless one of its marks was forgotten since.
pub(crate) async fn put(
    redis: &Arc<Redis>,
    key: &str,
    answer: &Answer,
    marks: &[String],
) -> Result<(), Lost> {
    let forgotten = redis.key(FORGOTTEN);
    let (ttl, age) = (ms(answer.ttl).to_string(), ms(answer.age).to_string());
    let marks = marks.join("\n");
    let arguments: &[&[u8]] = &[
        ttl.as_bytes(),
        age.as_bytes(),
        marks.as_bytes(),
        &answer.body,
    ];
    let keys = &[key, &forgotten];
    let told = redis.run_for(&PUT, keys, &arguments, behind(redis)).await;
    told.map(drop)
}

/// Makes void what bears this mark and was asked for until now; `all` is what stands for every mark. Says when that was, by Redis's
/// clock.
pub(crate) async fn forget(redis: &Arc<Redis>, mark: &str, all: &str) -> Result<u64, Lost> {
    let (most, kept) = (MARKS_MAX.to_string(), ms(KEPT).to_string());
    let arguments: &[&str] = &[mark, all, &most, &kept];
    let (patience, list) = (redis.patience(), redis.key(FORGOTTEN));
    let told = redis
        .run_for(&FORGET, &[&list], &arguments, patience)
        .await?;
    ::redis::from_redis_value(told).map_err(|_| Lost::Unanswered)
}

/// What was said since a moment of Redis's clock.
pub(crate) struct News {
    /// The moment of this answer.
    pub(crate) now: u64,
    /// Marks, and when each was said.
    pub(crate) marks: Vec<(String, u64)>,
}

/// What others forgot since then.
pub(crate) async fn news(redis: &Arc<Redis>, since: u64) -> Result<News, Lost> {
    let since = since.to_string();
    let arguments: &[&str] = &[&since];
    let (patience, list) = (behind(redis), redis.key(FORGOTTEN));
    let told = redis.run_for(&NEWS, &[&list], &arguments, patience).await?;
    let (now, marks): (u64, Vec<(String, u64)>) =
        ::redis::from_redis_value(told).map_err(|_| Lost::Unanswered)?;
    Ok(News { now, marks })
}

// Nobody waits for it, and it is larger than what others ask.
fn behind(redis: &Redis) -> Patience {
    Patience {
        bound: BEHIND.max(redis.bound()),
        grace: Duration::ZERO,
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const FORGOTTEN: &str = "forgotten";
// What nobody waits for may take as long as that; then Redis is not there.
const BEHIND: Duration = Duration::from_secs(1);
// More names than anybody forgets in a day. Above that the oldest give way to one that stands for all before it.
const MARKS_MAX: u64 = 10_000;
// Nothing is kept for longer than a day (the longest time that a configuration takes), and no request lasts for another.
const KEPT: Duration = Duration::from_secs(2 * 86_400);

static GET: Script = Script::new(
    r"
local kept = redis.call('HMGET', KEYS[1], 'at', 'born', 'marks', 'body')
if not kept[4] then return false end
local void = redis.call('ZRANGE', KEYS[2], -1, -1)[1] ~= kept[2]
if not void then
  for mark in string.gmatch(kept[3], '[^\n]+') do
    local said = redis.call('ZSCORE', KEYS[2], mark)
    if said and tonumber(said) >= tonumber(kept[1]) then
      void = true
      break
    end
  end
end
if void then
  redis.call('DEL', KEYS[1])
  return false
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return {math.max(redis.call('PTTL', KEYS[1]), 0), math.max(now - kept[1], 0), tonumber(kept[1]), kept[4]}
",
);

static PUT: Script = Script::new(
    r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = now - ARGV[2]
for mark in string.gmatch(ARGV[3], '[^\n]+') do
  local said = redis.call('ZSCORE', KEYS[2], mark)
  if said and tonumber(said) >= at then return 0 end
end
local born = redis.call('ZRANGE', KEYS[2], -1, -1)[1]
if not born or string.sub(born, 1, 5) ~= 'born ' then
  born = 'born ' .. string.format('%d', now)
  redis.call('ZADD', KEYS[2], 'inf', born)
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'at', string.format('%d', at), 'born', born, 'marks', ARGV[3], 'body', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
",
);

static FORGET: Script = Script::new(
    r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function say(mark, at)
  local said = redis.call('ZSCORE', KEYS[1], mark)
  if not said or tonumber(said) < at then redis.call('ZADD', KEYS[1], string.format('%d', at), mark) end
end
say(ARGV[1], now)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[4])
local over = redis.call('ZCOUNT', KEYS[1], '-inf', '(inf') - ARGV[3]
if over > 0 then
  local last = redis.call('ZRANGE', KEYS[1], over - 1, over - 1, 'WITHSCORES')
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, over - 1)
  say(ARGV[2], tonumber(last[2]))
end
return now
",
);

static NEWS: Script = Script::new(
    r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local said = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '(inf', 'WITHSCORES')
local marks = {}
for at = 1, #said, 2 do
  marks[#marks + 1] = {said[at], tonumber(said[at + 1])}
end
return {now, marks}
",
);
