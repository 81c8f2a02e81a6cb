//! What a process spent while Redis was away: it is added there once it is back, and no part of it twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use super::redis::{Owed, Script};

/// Sums that are to be told, by the key and the field that they belong to: however long Redis is away, they are as many as budgets.
#[derive(Default)]
pub(super) struct Alone(Mutex<State>);

#[derive(Default)]
struct State {
    spent: BTreeMap<(String, u64), Spent>,
    /// Sent before, and perhaps not heard.
    again: VecDeque<Owed>,
}

#[derive(Clone, Copy, Default)]
struct Spent {
    amount: u64,
    /// How long the key is kept.
    seconds: u64,
}

impl Alone {
    /// One more that was spent. Says no to budgets beyond so many.
    pub(super) fn add(&self, key: String, field: u64, amount: u64, seconds: u64) -> bool {
        let spent = &mut crate::lock(&self.0).spent;
        if spent.len() >= SUMS_MAX && !spent.contains_key(&(key.clone(), field)) {
            return false;
        }
        let sum = spent.entry((key, field)).or_default();
        sum.amount = sum.amount.saturating_add(amount);
        sum.seconds = seconds;
        true
    }

    /// What is to be told next, under a name that nobody else uses if it was never told; nothing if all was.
    pub(super) fn next(&self, name: impl FnOnce(&str) -> String) -> Option<Owed> {
        let mut state = crate::lock(&self.0);
        if let Some(owed) = state.again.pop_front() {
            return Some(owed);
        }
        let (mut keys, mut arguments, mut kept) = (Vec::new(), vec![0], 0);
        while keys.len() < BATCH
            && let Some(((key, field), sum)) = state.spent.pop_first()
        {
            keys.push(key);
            arguments.extend([field, sum.amount, sum.seconds].map(whole));
            kept = sum.seconds.max(kept);
        }
        if keys.is_empty() {
            return None;
        }
        arguments[0] = whole(kept);
        keys.insert(0, name(&format!("once:{:032x}", fastrand::u128(..))));
        Some(Owed {
            script: &ADD,
            keys,
            arguments,
            refusals: 0,
            once: true,
        })
    }

    /// Nobody knows whether it was heard.
    pub(super) fn again(&self, owed: Owed) {
        crate::lock(&self.0).again.push_back(owed);
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

// Who is told the same again knows it by its first key, which is kept for as long as any of the sums matters.
static ADD: Script = Script::new(
    r"
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) then return {0, 0} end
for at = 2, #KEYS do
  redis.call('HINCRBY', KEYS[at], ARGV[at * 3 - 4], ARGV[at * 3 - 3])
  redis.call('EXPIRE', KEYS[at], ARGV[at * 3 - 2])
end
return {1, 0}
",
);

// As many as there are names that are limited (`admit::LIMITERS_MAX`).
const SUMS_MAX: usize = 10_000;
// A script that takes Redis a millisecond.
const BATCH: usize = 256;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_told_once_and_again_under_the_same_name() {
        let alone = Alone::default();
        for (key, field, amount) in [("a", 1, 3), ("a", 1, 4), ("a", 2, 5), ("b", 1, u64::MAX)] {
            assert!(alone.add(key.to_owned(), field, amount, 60));
        }
        let told = alone.next(str::to_owned).unwrap();
        assert_eq!(told.keys[1..], ["a", "a", "b"]);
        assert_eq!(told.arguments, [60, 1, 7, 60, 2, 5, 60, 1, i64::MAX, 60]);
        let name = told.keys[0].clone();
        assert!(alone.next(str::to_owned).is_none());
        alone.again(told);
        assert_eq!(alone.next(str::to_owned).unwrap().keys[0], name);
    }

    #[test]
    fn many_budgets_are_told_in_parts() {
        let alone = Alone::default();
        let kept = (0..SUMS_MAX as u64 + 1).filter(|n| alone.add(n.to_string(), 0, 1, 60));
        assert_eq!(kept.count(), SUMS_MAX);
        assert!(alone.add("7".to_owned(), 0, 1, 60), "it is known");
        let mut told = 0;
        while let Some(owed) = alone.next(str::to_owned) {
            assert!(owed.keys.len() <= BATCH + 1);
            told += owed.keys.len() - 1;
        }
        assert_eq!(told, SUMS_MAX);
    }
}
