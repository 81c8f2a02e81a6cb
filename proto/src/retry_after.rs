//! How long a provider asks to wait, and whether it forbids another try: from headers in all their forms, and from the body.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use libllm_proto::retry_after::{WAIT_MAX, advise};
//!
//! let mut headers = http::HeaderMap::new();
//! headers.insert("retry-after", "2".parse()?);
//! let advice = advise(&headers, b"", SystemTime::UNIX_EPOCH, WAIT_MAX);
//! assert_eq!(advice.wait, Some(Duration::from_secs(2)));
//! assert!(!advice.too_long);
//! # Ok::<(), http::header::InvalidHeaderValue>(())
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;

use crate::error::Result;
use crate::json::{Cursor, Kind};

/// The longest wait that is waited out (BEHAVIOUR 3).
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// A longer wait is no advice but a mistake or a refusal, and is not passed on; quotas are renewed at least monthly.
const PLAUSIBLE: Duration = Duration::from_secs(31 * 24 * 3600);

/// What a provider says about trying again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// `Some(false)` forbids another try here, `Some(true)` allows one whatever the status.
    pub retry: Option<bool>,
    /// Not before this; `None` if nothing was said or nothing plausible.
    pub wait: Option<Duration>,
    /// The wait is longer than the cap: not here.
    pub too_long: bool,
    /// The header that decided, `body`, or `None` if nothing was said.
    pub source: Option<&'static str>,
}

/// Reads the advice. Dates count against the answer's own `Date`, or else against `now`; a wait above `cap` is too long.
pub fn advise(headers: &HeaderMap, body: &[u8], now: SystemTime, cap: Duration) -> Advice {
    let should_retry = text(headers, SHOULD_RETRY);
    let pushback = text(headers, PUSHBACK);
    if should_retry == Some("false") {
        return Advice {
            retry: Some(false),
            source: Some(SHOULD_RETRY),
            ..Advice::default()
        };
    }
    // gRPC A6: a pushback that is negative or unreadable means "do not retry".
    if pushback.is_some_and(|value| value.parse::<u64>().is_err()) {
        return Advice {
            retry: Some(false),
            source: Some(PUSHBACK),
            ..Advice::default()
        };
    }
    let clock = clock(headers, || now);
    let milliseconds = ["retry-after-ms", "x-ms-retry-after-ms", PUSHBACK];
    let found = milliseconds
        .iter()
        .find_map(|name| Some((*name, whole_milliseconds(text(headers, name)?)?)))
        .or_else(|| {
            Some((
                "retry-after",
                retry_after(text(headers, "retry-after")?, clock)?,
            ))
        })
        .or_else(|| Some(("body", from_body(body)?)))
        .or_else(|| from_resets(headers, clock));
    let forced = should_retry == Some("true");
    Advice {
        retry: forced.then_some(true),
        wait: found
            .map(|(_, wait)| wait)
            .filter(|wait| *wait <= PLAUSIBLE),
        too_long: found.is_some_and(|(_, wait)| wait > cap),
        source: found
            .map(|(name, _)| name)
            .or(forced.then_some(SHOULD_RETRY)),
    }
}

const SHOULD_RETRY: &str = "x-should-retry";
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Remaining and reset of each budget: OpenAI "rate limits", Anthropic "rate limits".
const BUDGETS: &[(&str, &str)] = &[
    (
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    (
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ),
    (
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ),
    (
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
    ),
    (
        "anthropic-ratelimit-output-tokens-remaining",
        "anthropic-ratelimit-output-tokens-reset",
    ),
];

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A plain decimal number: no sign, no exponent, no word such as "inf".
fn decimal(value: &str) -> Option<f64> {
    let plain = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { value.parse().ok() } else { None }
}

/// Seconds as a duration; what no duration holds is the longest one.
fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)
}

/// Rounded up, because a wait is a floor.
fn whole_milliseconds(value: &str) -> Option<Duration> {
    decimal(value).map(|value| seconds(value.ceil() / 1000.0))
}

/// RFC 9110 10.2.3; fractions of a second as the SDKs of OpenAI and Anthropic take them.
fn retry_after(value: &str, clock: SystemTime) -> Option<Duration> {
    decimal(value)
        .map(seconds)
        .or_else(|| date(value).map(|at| until(at, clock)))
}

fn date(value: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(value).ok()
}

/// A time that is over means now.
fn until(at: SystemTime, clock: SystemTime) -> Duration {
    at.duration_since(clock).unwrap_or_default()
}

/// The latest reset among the budgets that are used up.
fn from_resets(headers: &HeaderMap, clock: SystemTime) -> Option<(&'static str, Duration)> {
    BUDGETS
        .iter()
        .filter(|(remaining, _)| text(headers, remaining) == Some("0"))
        .filter_map(|(_, reset)| Some((*reset, reset_wait(text(headers, reset)?, clock)?)))
        .max_by_key(|(_, wait)| *wait)
}

/// The time by the answer's own clock, if it tells.
pub(crate) fn clock(headers: &HeaderMap, now: impl FnOnce() -> SystemTime) -> SystemTime {
    text(headers, "date").and_then(date).unwrap_or_else(now)
}

/// Seconds, a Go duration, or an RFC 3339 time.
pub(crate) fn reset_wait(value: &str, clock: SystemTime) -> Option<Duration> {
    decimal(value)
        .map(seconds)
        .or_else(|| go_duration(value))
        .or_else(|| timestamp(value).map(|at| until(at, clock)))
}

/// Such as `1h2m3.5s` or `28ms` (Go, `time.ParseDuration`, without a sign).
fn go_duration(value: &str) -> Option<Duration> {
    let mut rest = value;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.')?;
        let number = decimal(&rest[..digits])?;
        rest = &rest[digits..];
        let len = rest
            .find(|char: char| char.is_ascii_digit())
            .unwrap_or(rest.len());
        let scale = match &rest[..len] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        rest = &rest[len..];
        sum += number * scale;
    }
    (!value.is_empty()).then(|| seconds(sum))
}

/// RFC 3339, such as `2026-03-01T12:00:01Z` or `2026-03-01T13:00:01.5+01:00`.
fn timestamp(value: &str) -> Option<SystemTime> {
    if value.len() < "2026-03-01T12:00:01Z".len() {
        return None;
    }
    let number = |from: usize, to: usize| value.get(from..to)?.parse::<u32>().ok();
    let marks = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")];
    let marked = marks
        .iter()
        .all(|(at, mark)| value.as_bytes()[*at..].starts_with(*mark));
    if !marked || !matches!(value.as_bytes()[10], b'T' | b't' | b' ') {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = value.get(19..)?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let fraction: f64 = if zone == 0 {
        0.0
    } else {
        format!("0{}", &rest[..zone]).parse().ok()?
    };
    let offset = match rest[zone..].split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign, offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if sign == "+" { seconds } else { -seconds }
        }
    };
    let day = days(i64::from(year), i64::from(month), i64::from(day));
    let time = i64::from(hour * 3600 + minute * 60 + second);
    let unix = u64::try_from(day * 86_400 + time - offset).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(unix) + seconds(fraction))
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // A year that begins in March ends with the leap day.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = year / 4 - year / 100 + year / 400;
    let from_year_0 = 365 * year + leaps + (153 * month + 2) / 5 + day - 1;
    from_year_0 - 719_468
}

/// The `retryDelay` of a google.rpc.RetryInfo among `error.details`, in an object or an array of one.
pub(crate) fn from_body(body: &[u8]) -> Option<Duration> {
    let mut delay = None;
    // What was found before the JSON broke counts.
    let _ = find_delay(&mut Cursor::new(body), &mut delay);
    delay
}

fn find_delay(cursor: &mut Cursor<'_>, delay: &mut Option<Duration>) -> Result<()> {
    match cursor.kind()? {
        Kind::Array => cursor.array(|cursor| find_delay(cursor, delay)),
        Kind::Object => cursor.object(|key, cursor| match key {
            b"error" | b"details" => find_delay(cursor, delay),
            b"retryDelay" => {
                if let Some(text) = cursor.text()? {
                    *delay = go_duration(&text.owned());
                }
                Ok(())
            }
            _ => Ok(()),
        }),
        _ => cursor.skip(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_counts_leap_days_and_offsets() {
        let unix = |text: &str| {
            timestamp(text).map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_millis())
        };
        assert_eq!(unix("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(unix("2000-02-29T23:59:59Z"), Some(951_868_799_000));
        assert_eq!(unix("2026-03-01T12:00:00Z"), Some(1_772_366_400_000));
        assert_eq!(
            unix("2026-03-01T13:30:00.250+01:30"),
            Some(1_772_366_400_250)
        );
        for bad in [
            "",
            "soon",
            "2026-03-01",
            "2026-13-01T00:00:00Z",
            "2026-03-01T12:00:00",
        ] {
            assert_eq!(unix(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_go_duration_needs_a_unit_each() {
        let table = [
            ("6m0s", Some(360_000)),
            ("28ms", Some(28)),
            ("1h2m3.5s", Some(3_723_500)),
        ];
        for (text, expected) in table {
            assert_eq!(
                go_duration(text).map(|wait| wait.as_millis()),
                expected,
                "{text}"
            );
        }
        for bad in ["", "5", "s", "5x", "-5s", "1.2.3s"] {
            assert_eq!(go_duration(bad), None, "{bad}");
        }
    }
}
