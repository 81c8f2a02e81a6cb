//! How much may be spent in an hour, a day or a month of the calendar, in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A part of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Period {
    Hour,
    Day,
    Month,
}

impl Period {
    pub(crate) const ALL: [Period; 3] = [Period::Hour, Period::Day, Period::Month];

    /// How people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Period::Hour => "hour",
            Period::Day => "day",
            Period::Month => "month",
        }
    }

    /// The number of the period that `now` is in, and how long it lasts still.
    pub(crate) fn at(self, now: SystemTime) -> (u64, Duration) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (number, end) = match self {
            Period::Hour => fixed(since.as_secs(), HOUR),
            Period::Day => fixed(since.as_secs(), DAY),
            Period::Month => month(since.as_secs() / DAY),
        };
        (number, Duration::from_secs(end).saturating_sub(since))
    }
}

/// The present periods, looked up once for all that is counted in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calendar {
    numbers: [u64; Period::ALL.len()],
}

impl Calendar {
    pub(crate) fn at(now: SystemTime) -> Calendar {
        let numbers = Period::ALL.map(|period| period.at(now).0);
        Calendar { numbers }
    }

    /// The number of a period.
    pub(crate) fn number(&self, period: Period) -> u64 {
        self.numbers[period as usize]
    }

    /// Those of all, in their order.
    pub(crate) fn numbers(&self) -> [u64; Period::ALL.len()] {
        self.numbers
    }
}

fn fixed(seconds: u64, length: u64) -> (u64, u64) {
    let number = seconds / length;
    (number, (number + 1) * length)
}

// Months since 1970-01, and the second in which the next one begins. Years are taken to begin with March, so that a leap day is a year's
// last, and months have 153 days in five; then nothing is counted up. Asked several times for each request that a budget counts.
fn month(days: u64) -> (u64, u64) {
    let shifted = days + DAYS_TO_1970;
    let (era, day) = (shifted / ERA, shifted % ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * from_march + 2) / 5;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year + u64::from(from_march >= 10);
    let end = days - of_month + month_days(year, month);
    ((year - 1970) * 12 + month, end * DAY)
}

fn month_days(year: u64, month: u64) -> u64 {
    match month {
        1 => 28 + u64::from(is_leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
/// In four hundred years.
const ERA: u64 = 146_097;
/// From 0000-03-01.
const DAYS_TO_1970: u64 = 719_468;

/// What was spent in the present period, in millionths of a dollar.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    number: u64,
    microusd: u64,
}

impl Spent {
    /// Whether `amount` may be spent in the period of this number.
    pub(crate) fn has_room(&mut self, number: u64, budget: u64, amount: u64) -> bool {
        self.turn(number);
        // Free or not: what is used up is used up.
        self.microusd < budget && self.microusd.saturating_add(amount) <= budget
    }

    /// Counts what is about to be spent in the period of this number.
    pub(crate) fn take(&mut self, number: u64, amount: u64) {
        self.turn(number);
        self.microusd = self.microusd.saturating_add(amount);
    }

    /// Replaces an estimate of that period by what was spent.
    pub(crate) fn correct(&mut self, number: u64, taken: u64, spent: u64) {
        if self.number == number {
            self.microusd = self.microusd.saturating_add(spent).saturating_sub(taken);
        }
    }

    /// What was spent in the period that `now` is in.
    pub(crate) fn microusd(&self, period: Period, now: SystemTime) -> u64 {
        match period.at(now).0 > self.number {
            true => 0,
            false => self.microusd,
        }
    }

    // Never back: a wall clock may be set.
    fn turn(&mut self, number: u64) {
        if number > self.number {
            *self = Spent {
                number,
                microusd: 0,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    // `date -u -d 2026-11-21T20:15:30 +%s` and the like.
    const NOVEMBER: u64 = 1_795_292_130;

    #[test]
    fn periods_are_the_calendars() {
        let left = |period: Period, now| period.at(at(now)).1.as_secs();
        assert_eq!(left(Period::Hour, NOVEMBER), 44 * 60 + 30);
        assert_eq!(left(Period::Day, NOVEMBER), 3 * 3_600 + 44 * 60 + 30);
        assert_eq!(
            left(Period::Month, NOVEMBER),
            9 * DAY + 3 * 3_600 + 44 * 60 + 30
        );
        let months = |now| Period::Month.at(at(now)).0;
        assert_eq!(months(0), 0);
        assert_eq!(months(NOVEMBER), 56 * 12 + 10);
        // 2028-02-28, the 29th, and March of that leap year.
        let leap = 1_835_308_800;
        assert_eq!(months(leap + DAY), months(leap));
        assert_eq!(months(leap + 2 * DAY), months(leap) + 1);
        assert_eq!(left(Period::Month, leap + DAY), DAY);
    }

    #[test]
    fn months_are_those_of_counting_days() {
        let (mut number, mut begins) = (0, 0);
        while number < 12 * 500 {
            let length = month_days(1970 + number / 12, number % 12);
            let next = begins + length;
            for day in [begins, begins + 1, next - 1] {
                assert_eq!(month(day), (number, next * DAY), "day {day}");
            }
            (number, begins) = (number + 1, next);
        }
    }

    #[test]
    fn a_budget_is_never_exceeded_by_what_was_thought() {
        let mut spent = Spent::default();
        let now = at(NOVEMBER);
        let (number, left) = Period::Day.at(now);
        for _ in 0..4 {
            assert!(spent.has_room(number, 100, 25));
            spent.take(number, 25);
        }
        assert!(!spent.has_room(number, 100, 1));
        assert!(!spent.has_room(number, 100, 0));
        assert!(spent.has_room(Calendar::at(now + left).number(Period::Day), 100, 100));
        assert_eq!(spent.microusd(Period::Day, now + left), 0);
    }

    #[test]
    fn what_is_more_than_a_number_holds_is_more_than_any_budget() {
        let mut spent = Spent::default();
        spent.take(9, 7);
        for amount in [u64::MAX, u64::MAX - 6, u64::MAX / 2 + 1] {
            assert!(!spent.has_room(9, u64::MAX / 2, amount));
        }
        spent.take(9, u64::MAX);
        assert!(!spent.has_room(9, u64::MAX, 1));
    }

    #[test]
    fn what_was_spent_replaces_the_estimate_in_its_own_period() {
        let mut spent = Spent::default();
        let now = at(NOVEMBER);
        let number = Period::Hour.at(now).0;
        spent.take(number, 80);
        spent.correct(number, 80, 10);
        assert_eq!(spent.microusd(Period::Hour, now), 10);
        let next = now + Duration::from_secs(HOUR);
        spent.take(Period::Hour.at(next).0, 5);
        spent.correct(number, 10, 90);
        assert_eq!(spent.microusd(Period::Hour, next), 5);
        // A clock that is set back opens no new budget.
        assert!(!spent.has_room(number, 5, 1));
    }
}
