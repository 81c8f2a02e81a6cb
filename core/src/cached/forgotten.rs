//! What was forgotten lately: an answer that was asked for before is not kept any more when it comes, and other processes are told,
//! at once or when they can be reached again.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use super::entry::Entry;
use super::mark::Mark;

/// The words about what is void, of this process and of others.
#[derive(Default)]
pub(super) struct Forgotten(Mutex<State>);

#[derive(Default)]
struct State {
    /// Each with the moment up to which it holds.
    recent: VecDeque<(Mark, Instant)>,
    /// Everything that was asked for until then is void: more was forgotten than is remembered.
    floor: Option<Instant>,
    /// Still to be told.
    unsent: Vec<Mark>,
    /// What Redis was told by this process, with the moment that it was told there.
    own: VecDeque<(String, u64)>,
    /// The moment of Redis's clock up to which its list was read.
    read: u64,
}

impl Forgotten {
    /// Notes what is void from now on.
    pub(super) fn note(&self, mark: &Mark, at: Instant) {
        let mut state = crate::lock(&self.0);
        // Others may tell later of what they forgot earlier.
        let known = state.recent.iter().find(|(other, _)| other == mark);
        let at = known.map_or(at, |(_, known)| at.max(*known));
        state.recent.retain(|(other, _)| other != mark);
        state.recent.push_back((mark.clone(), at));
        if state.recent.len() > RECENT_MAX {
            let first = state.recent.pop_front();
            state.floor = state.floor.max(first.map(|(_, at)| at));
        }
    }

    /// Whether an answer is void.
    pub(super) fn covers(&self, entry: &Entry) -> bool {
        let state = crate::lock(&self.0);
        let void = |(mark, at): &(Mark, Instant)| entry.begun <= *at && mark.is_of(entry);
        state.floor.is_some_and(|floor| entry.begun <= floor) || state.recent.iter().any(void)
    }

    /// Others are to be told.
    pub(super) fn send(&self, mark: &Mark) {
        let mut state = crate::lock(&self.0);
        if state.unsent.contains(mark) {
            return;
        }
        if state.unsent.len() >= RECENT_MAX {
            state.unsent = vec![Mark::ALL];
        }
        state.unsent.push(mark.clone());
    }

    /// What others are still to be told.
    pub(super) fn unsent(&self) -> Vec<Mark> {
        crate::lock(&self.0).unsent.clone()
    }

    /// Whether nobody waits to be told: until then nothing is taken from others.
    pub(super) fn is_settled(&self) -> bool {
        crate::lock(&self.0).unsent.is_empty()
    }

    /// Redis was told, at this moment of its clock.
    pub(super) fn sent(&self, mark: &Mark, at: u64) {
        let mut state = crate::lock(&self.0);
        state.unsent.retain(|other| other != mark);
        state.own.push_back((mark.text(), at));
        if state.own.len() > RECENT_MAX {
            state.own.pop_front();
        }
    }

    /// Up to which moment of Redis's clock its list was read.
    pub(super) fn read_until(&self) -> u64 {
        crate::lock(&self.0).read
    }

    /// The list was read up to there.
    pub(super) fn read(&self, until: u64) {
        crate::lock(&self.0).read = until;
    }

    /// Whether it was this process that told Redis so.
    pub(super) fn is_own(&self, text: &str, at: u64) -> bool {
        let state = crate::lock(&self.0);
        state.own.iter().any(|own| own.0 == text && own.1 == at)
    }
}

/// More names than anybody forgets while one request runs; above that what is older counts as forgotten whole.
const RECENT_MAX: usize = 1000;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cached::probe::answer;

    fn tag(name: &str) -> Mark {
        Mark::asked(format!(r#"{{"tag":"{name}"}}"#).as_bytes(), None).unwrap()
    }

    #[test]
    fn what_was_asked_for_before_is_void_and_what_comes_after_is_not() {
        let forgotten = Forgotten::default();
        let mut entry = answer();
        entry.tags = vec!["prices".into()];
        let (before, after) = (
            entry.begun - Duration::from_millis(1),
            entry.begun + Duration::from_millis(1),
        );
        forgotten.note(&tag("other"), after);
        forgotten.note(&tag("prices"), before);
        assert!(!forgotten.covers(&entry));
        forgotten.note(&tag("prices"), after);
        assert!(forgotten.covers(&entry));
    }

    #[test]
    fn what_is_no_longer_remembered_by_name_is_void_all_the_same() {
        let forgotten = Forgotten::default();
        let mut entry = answer();
        entry.tags = vec!["n0".into()];
        let other = answer();
        for number in 0..=RECENT_MAX {
            let at = other.begun + Duration::from_millis(1);
            forgotten.note(&tag(&format!("n{number}")), at);
        }
        assert!(forgotten.covers(&entry) && forgotten.covers(&other));
        entry.begun += Duration::from_millis(2);
        assert!(!forgotten.covers(&entry));
    }

    #[test]
    fn what_cannot_be_told_is_told_later_and_at_last_as_all() {
        let forgotten = Forgotten::default();
        for number in 0..RECENT_MAX {
            forgotten.send(&tag(&format!("n{number}")));
            forgotten.send(&tag(&format!("n{number}")));
        }
        assert_eq!(forgotten.unsent().len(), RECENT_MAX);
        forgotten.send(&tag("more"));
        assert_eq!(forgotten.unsent(), [Mark::ALL, tag("more")]);
        forgotten.sent(&Mark::ALL, 5);
        forgotten.sent(&tag("more"), 6);
        assert!(forgotten.is_settled() && forgotten.is_own(&tag("more").text(), 6));
        assert!(!forgotten.is_own(&tag("more").text(), 7));
    }
}
