//! A line of the call log: who asked what, of whom, when, how it went and what it cost.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libllm_proto::json::write::Object;

use super::{Account, Ended, key_id};
use crate::report;
use crate::secret::Secret;
use crate::trail::{self, Attempt};

/// Shorter keys are words, which lines are full of.
const KEY_MIN: usize = 8;

/// What of a prompt or an answer is kept, in bytes of JSON.
const CONTENT_MAX: usize = 16 << 10;

/// The line, its end included. Whatever looks like a key is taken out of all of it.
pub(super) fn line(account: &Account, ended: &Ended<'_>, now: SystemTime) -> String {
    let mut json = String::with_capacity(1024);
    let key = ended.record.key.as_ref().map(Secret::expose);
    let mut object = Object::begin(&mut json);
    object
        .text("time", &rfc3339(now))
        .count("request", Some(account.request))
        .text("operation", account.operation)
        .flag("stream", account.stream)
        .maybe("model", account.model.as_deref());
    object.object("who", |who| {
        who.maybe("tenant", account.tenant.as_deref())
            .maybe("session", account.session.as_deref())
            .maybe("user", account.user.as_deref())
            .maybe("key", key.map(key_id).as_deref());
    });
    object.made("tags", |out| list(&account.tags, out));
    object.object("metadata", |metadata| {
        for (name, value) in &account.metadata {
            // The caller's own words may need escapes.
            let quoted = serde_json::Value::from(name.as_str()).to_string();
            metadata.text(&quoted[1..quoted.len() - 1], value);
        }
    });
    outcome(&mut object, ended);
    object.list("attempts", &ended.record.attempts, |object, tried| {
        attempt(object, tried);
    });
    times(&mut object, ended);
    if account.capture {
        content(&mut object, "prompt", account.prompt.as_deref());
        let made_id = |choice, index| report::tool_id(account.request, choice, index);
        let answer = ended.record.response.message_json(true, &made_id);
        let there = !ended.record.response.choices().is_empty();
        content(&mut object, "answer", there.then_some(&*answer));
    }
    object.end();
    json.push('\n');
    // A provider may say it again, wherever it likes.
    if let Some(key) = key.filter(|key| key.len() >= KEY_MIN) {
        json = json.replace(key, "***");
    }
    crate::log::redact(&json).into_owned()
}

fn outcome(object: &mut Object<'_>, ended: &Ended<'_>) {
    let (record, error) = (ended.record, ended.error);
    let (response, usage) = (&record.response, record.response.usage());
    let first = response.choices().first();
    let filled = |text: &&str| !text.is_empty();
    object
        .maybe("target", Some(record.target.text()).filter(filled))
        .maybe("provider", Some(record.target.provider()).filter(filled))
        .maybe("answered_by", response.model())
        .maybe("response", response.id())
        .maybe("request_id", record.request_id.as_deref())
        .text("status", ended.status().name())
        .maybe("kind", error.map(|error| error.kind().name()))
        .maybe("message", error.map(|error| error.message()))
        .maybe(
            "finish_reason",
            first.and_then(|choice| choice.finish.map(|finish| finish.name())),
        )
        .flag("incomplete", record.incomplete);
    object.object("tokens", |tokens| trail::tokens(usage, tokens));
    object.object("cost", |cost| trail::cost(record.cost, cost));
    match record.cached {
        true => object.object("cache", |cache| report::kept(record, cache)),
        false => object.raw("cache", "null"),
    };
}

fn attempt(object: &mut Object<'_>, tried: &Attempt) {
    object
        .text("target", tried.target.text())
        .text("reason", tried.reason.name());
    trail::outcome(object, tried);
}

fn times(object: &mut Object<'_>, ended: &Ended<'_>) {
    let record = ended.record;
    object.object("timing", |timing| {
        let gap = record.pieces.gaps.max().map(|max| max / 1000);
        timing
            .thousandths("queue_ms", record.queued.map(us))
            .thousandths("overhead_ms", ended.overhead().map(us))
            .thousandths("dispatch_ms", ended.dispatch().map(us))
            .thousandths("connect_ms", record.connect.map(us))
            .thousandths("ttft_ms", record.first_item.map(us))
            .thousandths("max_gap_ms", gap)
            .thousandths("total_ms", Some(us(ended.at - record.began)));
    });
}

// JSON as it came, on one line; of what is too long its beginning, as a text.
fn content(object: &mut Object<'_>, key: &str, json: Option<&str>) {
    match json {
        None => object.raw(key, "null"),
        Some(json) if json.len() <= CONTENT_MAX => {
            object.raw(key, &json.replace(['\n', '\r'], " "))
        }
        Some(json) => object.text(key, &json[..json.floor_char_boundary(CONTENT_MAX)]),
    };
}

fn list(texts: &[String], out: &mut String) {
    out.push_str(&serde_json::Value::from(texts.to_vec()).to_string());
}

fn us(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

/// A time in UTC, to the millisecond (RFC 3339).
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Years from March 1 of year 0 on, in cycles of 400: leap days are then at the end of a year.
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let date = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (1_795_305_600, "2026-11-22T00:00:00.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
        ] {
            let time = UNIX_EPOCH + Duration::new(seconds, 7_000_000);
            assert_eq!(rfc3339(time), text);
        }
    }

    #[test]
    fn content_is_one_line_and_bounded() {
        let mut out = String::new();
        let mut object = Object::begin(&mut out);
        content(&mut object, "a", Some("[1,\n2]"));
        content(&mut object, "b", Some(&"é".repeat(CONTENT_MAX)));
        content(&mut object, "c", None);
        object.end();
        let told: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(told["a"], serde_json::json!([1, 2]));
        assert_eq!(told["b"].as_str().map(str::len), Some(CONTENT_MAX));
        assert!(told["c"].is_null() && !out.contains('\n'));
    }
}
