//! What stays where it was: a bounded map from a key to a name, in which what nobody asks for is forgotten.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who answered last, by key. Two generations instead of a list in the order of use: when the younger one is full, the older one
/// goes.
#[derive(Debug)]
pub(crate) struct Pins {
    young: HashMap<u64, Pin>,
    old: HashMap<u64, Pin>,
    /// Of each generation.
    max: usize,
}

#[derive(Clone, Debug)]
struct Pin {
    name: Arc<str>,
    at: Instant,
}

impl Pins {
    /// Holds at least so many keys, and at most twice as many.
    pub(crate) fn new(max: usize) -> Pins {
        Pins {
            young: HashMap::new(),
            old: HashMap::new(),
            max,
        }
    }

    /// Who answered last.
    pub(crate) fn get(&self, key: u64, now: Instant) -> Option<&Arc<str>> {
        let pin = self.young.get(&key).or_else(|| self.old.get(&key))?;
        (now.saturating_duration_since(pin.at) < KEPT).then_some(&pin.name)
    }

    /// This one has answered.
    pub(crate) fn set(&mut self, key: u64, name: &Arc<str>, now: Instant) {
        if self.young.len() >= self.max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        let name = name.clone();
        self.young.insert(key, Pin { name, at: now });
    }
}

impl Default for Pins {
    fn default() -> Pins {
        Pins::new(KEYS_MAX)
    }
}

// Prompt caches keep what was not used for 5 to 10 minutes (OpenAI's and Anthropic's guides on prompt caching, 2026).
const KEPT: Duration = Duration::from_secs(600);
// Some megabytes at most.
const KEYS_MAX: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_used_and_is_bounded() {
        let start = Instant::now();
        let (mut pins, name): (_, Arc<str>) = (Pins::new(10), "a/b".into());
        pins.set(0, &name, start);
        for key in 1..1_000 {
            let used = pins.get(0, start).cloned();
            assert_eq!(used.as_deref(), Some("a/b"), "{key}");
            pins.set(0, &name, start);
            pins.set(key, &name, start);
            assert!(pins.young.len() + pins.old.len() <= 20, "{key}");
        }
        assert_eq!(pins.get(1, start), None);
    }

    #[test]
    fn forgets_what_is_not_asked_for() {
        let start = Instant::now();
        let (mut pins, name): (_, Arc<str>) = (Pins::new(10), "a/b".into());
        pins.set(7, &name, start);
        assert!(pins.get(7, start + KEPT / 2).is_some());
        assert_eq!(pins.get(7, start + KEPT), None);
        pins.set(7, &name, start + KEPT);
        assert!(pins.get(7, start + KEPT).is_some());
    }
}
