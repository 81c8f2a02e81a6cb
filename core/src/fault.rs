//! Panics on purpose, to prove that none leaves the library. Only with the feature `fault-injection`, never shipped.

use std::sync::Mutex;

static ARMED: Mutex<Option<String>> = Mutex::new(None);

/// The next [`point`] of this name panics, once; an empty name disarms.
pub fn arm(name: &str) {
    *crate::lock(&ARMED) = (!name.is_empty()).then(|| name.to_owned());
}

/// Panics if this point is armed.
pub fn point(name: &str) {
    let mut armed = crate::lock(&ARMED);
    if armed.as_deref() == Some(name) {
        *armed = None;
        drop(armed);
        panic!("injected at {name}");
    }
}
