//! What is kept in this process: weighed in bytes, each for a time of its own.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

/// What can be kept.
pub(crate) trait Kept: Send + Sync + 'static {
    /// What it takes, itself and its key included.
    fn bytes(&self) -> usize;
    /// When it is to go.
    fn until(&self) -> Instant;
}

/// Values by their keys, which are hashes already.
pub(crate) struct Memory<V: Kept> {
    values: Cache<u128, Arc<V>, Hashed>,
}

impl<V: Kept> Memory<V> {
    /// Makes room for so many bytes. Nothing is taken before something is kept.
    pub(crate) fn new(max_bytes: usize) -> Memory<V> {
        let weight = |_: &u128, value: &Arc<V>| u32::try_from(value.bytes()).unwrap_or(u32::MAX);
        let values = Cache::builder()
            .max_capacity(max_bytes as u64)
            .weigher(weight)
            .expire_after(AtItsTime)
            .build_with_hasher(Hashed);
        Memory { values }
    }

    /// What is kept under this key.
    pub(crate) fn get(&self, key: u128) -> Option<Arc<V>> {
        self.values.get(&key)
    }

    /// Keeps a value, perhaps in the place of what seems less wanted.
    pub(crate) fn put(&self, key: u128, value: Arc<V>) {
        self.values.insert(key, value);
    }

    /// Forgets what `which` says; how many that were.
    pub(crate) fn remove(&self, which: impl Fn(&V) -> bool) -> usize {
        let chosen: Vec<Arc<u128>> = self
            .values
            .iter()
            .filter(|(_, value)| which(value))
            .map(|(key, _)| key)
            .collect();
        // Somebody else may have been faster.
        let removed = chosen
            .iter()
            .filter(|key| self.values.remove(&***key).is_some());
        removed.count()
    }

    /// Everything that is kept.
    pub(crate) fn all(&self) -> Vec<(u128, Arc<V>)> {
        self.values
            .iter()
            .map(|(key, value)| (*key, value))
            .collect()
    }

    /// How many bytes are kept, in how many values.
    pub(crate) fn size(&self) -> (u64, u64) {
        self.values.run_pending_tasks();
        (self.values.weighted_size(), self.values.entry_count())
    }
}

struct AtItsTime;

impl<V: Kept> Expiry<u128, Arc<V>> for AtItsTime {
    fn expire_after_create(&self, _: &u128, value: &Arc<V>, now: Instant) -> Option<Duration> {
        Some(value.until().saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        _: &u128,
        value: &Arc<V>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(value.until().saturating_duration_since(now))
    }
}

/// The hash of what is a keyed hash already: nobody outside can choose where it falls.
#[derive(Clone, Copy, Default)]
struct Hashed;

impl BuildHasher for Hashed {
    type Hasher = Taken;

    fn build_hasher(&self) -> Taken {
        Taken(0)
    }
}

#[derive(Default)]
struct Taken(u64);

impl Hasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct Value(usize, Instant);

    impl Kept for Value {
        fn bytes(&self) -> usize {
            self.0
        }
        fn until(&self) -> Instant {
            self.1
        }
    }

    fn value(bytes: usize, left: Duration) -> Arc<Value> {
        Arc::new(Value(bytes, crate::clock::now() + left))
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn what_is_kept_is_found_until_its_time_has_come() {
        let memory = Memory::new(1000);
        memory.put(1, value(10, HOUR));
        memory.put(2, value(10, Duration::ZERO));
        assert_eq!(memory.get(1).unwrap().0, 10);
        assert!(memory.get(2).is_none());
        // What takes its place has a time of its own.
        memory.put(1, value(20, Duration::ZERO));
        assert!(memory.get(1).is_none());
        memory.put(1, value(30, HOUR));
        assert_eq!(memory.get(1).unwrap().0, 30);
    }

    #[test]
    fn bytes_are_bounded() {
        let memory = Memory::new(1000);
        for key in 0..100 {
            memory.put(key, value(100, HOUR));
        }
        memory.put(1000, value(1001, HOUR));
        let (bytes, values) = memory.size();
        assert!(
            bytes <= 1000 && values <= 10 && values > 0,
            "{bytes} in {values}"
        );
        assert!(memory.get(1000).is_none());
    }

    #[test]
    fn what_is_chosen_goes_and_is_counted() {
        let memory = Memory::new(10_000);
        for key in 0..10 {
            memory.put(key, value(key as usize, HOUR));
        }
        assert_eq!(memory.remove(|value| value.0 % 2 == 0), 5);
        assert_eq!(memory.remove(|value| value.0 % 2 == 0), 0);
        assert_eq!(memory.all().len(), 5);
        assert!(memory.get(4).is_none() && memory.get(5).is_some());
    }
}
