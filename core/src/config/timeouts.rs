//! Limits in time: the client's, and what a provider, a target or a request says otherwise.

use std::time::Duration;

use super::scope::Table;
use crate::error::Result;

/// The limits of one candidate, nothing left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// From sending the request to the answer's first item.
    pub first_token: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// While nothing but keep-alives comes.
    pub keepalive_only: Duration,
    /// For the whole request, retries included.
    pub total: Option<Duration>,
    /// Until a consumer that reads nothing loses its stream.
    pub consumer_stall: Duration,
}

/// What one `timeouts` table says; `None` leaves it to the table above, and the last of them to the defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields of `Timeouts`
pub struct TimeoutsOverride {
    pub connect: Option<Duration>,
    pub first_token: Option<Duration>,
    pub idle: Option<Duration>,
    pub keepalive_only: Option<Duration>,
    /// For a whole answer that is not streamed; streams have no total of their own.
    pub total_unary: Option<Duration>,
    pub consumer_stall: Option<Duration>,
}

impl TimeoutsOverride {
    /// These limits where they are set, else those of the table `above`.
    pub fn or(&self, above: &TimeoutsOverride) -> TimeoutsOverride {
        TimeoutsOverride {
            connect: self.connect.or(above.connect),
            first_token: self.first_token.or(above.first_token),
            idle: self.idle.or(above.idle),
            keepalive_only: self.keepalive_only.or(above.keepalive_only),
            total_unary: self.total_unary.or(above.total_unary),
            consumer_stall: self.consumer_stall.or(above.consumer_stall),
        }
    }

    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        *self == TimeoutsOverride::default()
    }

    /// Fills what is still open with the defaults.
    pub fn resolve(&self, stream: bool) -> Timeouts {
        let total_unary = self.total_unary.unwrap_or(TOTAL_UNARY);
        Timeouts {
            connect: self.connect.unwrap_or(CONNECT),
            first_token: self.first_token.unwrap_or(FIRST_TOKEN),
            idle: self.idle.unwrap_or(IDLE),
            keepalive_only: self.keepalive_only.unwrap_or(KEEPALIVE_ONLY),
            total: (!stream).then_some(total_unary),
            consumer_stall: self.consumer_stall.unwrap_or(CONSUMER_STALL),
        }
    }

    /// Reads a `timeouts` table.
    pub(super) fn read(table: &Table<'_>) -> Result<TimeoutsOverride> {
        table.check(KEYS, &[])?;
        Ok(TimeoutsOverride {
            connect: table.seconds("connect")?,
            first_token: table.seconds("first_token")?,
            idle: table.seconds("idle")?,
            keepalive_only: table.seconds("keepalive_only")?,
            total_unary: table.seconds("total_unary")?,
            consumer_stall: table.seconds("consumer_stall")?,
        })
    }

    /// Reads the `timeouts` table inside another, if it is there.
    pub(super) fn read_in(table: &Table<'_>) -> Result<TimeoutsOverride> {
        match table.table("timeouts")? {
            Some(timeouts) => TimeoutsOverride::read(&timeouts),
            None => Ok(TimeoutsOverride::default()),
        }
    }
}

/// A limit that a request may switch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// This long.
    After(Duration),
    /// No limit.
    Never,
}

impl Limit {
    /// Reads C's milliseconds: 0 leaves the default (`None`), a negative number is no limit.
    ///
    /// ```
    /// use libllm::config::Limit;
    /// assert_eq!(Limit::from_ms(0), None);
    /// assert_eq!(Limit::from_ms(-1), Some(Limit::Never));
    /// assert_eq!(Limit::from_ms(20), Some(Limit::After(std::time::Duration::from_millis(20))));
    /// ```
    pub fn from_ms(ms: i64) -> Option<Limit> {
        match u64::try_from(ms) {
            Ok(0) => None,
            // Beyond what a monotonic clock can be asked for there is no limit.
            Ok(ms) if Duration::from_millis(ms) >= NEVER => Some(Limit::Never),
            Ok(ms) => Some(Limit::After(Duration::from_millis(ms))),
            Err(_) => Some(Limit::Never),
        }
    }

    /// As a duration that may be added to any clock.
    pub(crate) fn duration(self) -> Duration {
        match self {
            Limit::After(duration) => duration,
            Limit::Never => NEVER,
        }
    }
}

// BEHAVIOUR.md section 4.
const CONNECT: Duration = Duration::from_secs(5);
const FIRST_TOKEN: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(120);
const KEEPALIVE_ONLY: Duration = Duration::from_secs(300);
const TOTAL_UNARY: Duration = Duration::from_secs(600);
const CONSUMER_STALL: Duration = Duration::from_secs(60);

/// A hundred years: no process lives so long, and no clock overflows.
pub(crate) const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

const KEYS: &[&str] = &[
    "connect",
    "first_token",
    "idle",
    "keepalive_only",
    "total_unary",
    "consumer_stall",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_table_wins_and_the_defaults_fill_the_rest() {
        let first = |seconds| TimeoutsOverride {
            first_token: Some(Duration::from_secs(seconds)),
            ..TimeoutsOverride::default()
        };
        let client = TimeoutsOverride {
            idle: Some(IDLE * 2),
            ..first(1)
        };
        let timeouts = first(300).or(&client).resolve(true);
        assert_eq!(timeouts.first_token, Duration::from_secs(300));
        assert_eq!((timeouts.idle, timeouts.connect), (IDLE * 2, CONNECT));
        assert_eq!(timeouts.total, None);
        assert_eq!(client.resolve(false).total, Some(TOTAL_UNARY));
    }

    #[test]
    fn any_number_of_milliseconds_is_a_limit() {
        assert_eq!(Limit::from_ms(i64::MAX), Some(Limit::Never));
        assert_eq!(Limit::from_ms(i64::MIN), Some(Limit::Never));
        let now = std::time::Instant::now();
        assert!(now.checked_add(Limit::Never.duration()).is_some());
    }
}
