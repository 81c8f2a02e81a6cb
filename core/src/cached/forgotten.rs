//! What was forgotten lately: an answer that was asked for before is not kept any more when it comes, and other processes are told,
//! at once or when they can be reached again.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use super::entry::Entry;
use super::mark::Mark;
use crate::clock;

/// The words about what is void, of this process and of others.
#[derive(Default)]
pub(super) struct Forgotten(Mutex<State>);

#[derive(Default)]
struct State {
    recent: VecDeque<Said>,
    /// Everything that was asked for until then is void: more was forgotten than is remembered.
    floor: Option<Instant>,
    /// Still to be told.
    unsent: Vec<Mark>,
    /// What Redis was told by this process, with the moment that it was told there.
    own: VecDeque<(String, u64)>,
    /// The moment of Redis's clock up to which its list was read.
    read: u64,
}

/// What is void, and up to when.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) mark: Mark,
    /// What was asked for until then. Where others said it, it may be later than that, by as long as their word was under way.
    pub(super) at: Instant,
    /// The same by Redis's clock, in ms, as soon as it was said there.
    pub(super) there: Option<u64>,
}

impl Said {
    /// Said by this process, now.
    pub(super) fn here(mark: Mark) -> Said {
        Said {
            mark,
            at: clock::now(),
            there: None,
        }
    }

    /// Whether it makes this answer void. What Redis knows of both is exact; an answer that began after a word that came late is
    /// not lost for that.
    pub(super) fn voids(&self, entry: &Entry) -> bool {
        let before = match (entry.there, self.there) {
            (Some(begun), Some(at)) => begun <= at,
            _ => entry.begun <= self.at,
        };
        before && self.mark.is_of(entry)
    }
}

impl Forgotten {
    /// Notes what is void from now on.
    pub(super) fn note(&self, said: &Said) {
        let (mut state, mut said) = (crate::lock(&self.0), said.clone());
        // Others may tell later of what they forgot earlier.
        if let Some(known) = state.recent.iter().find(|known| known.mark == said.mark) {
            said.there = match (known.there, said.there) {
                (Some(known), Some(there)) => Some(known.max(there)),
                // What Redis has not heard yet is known by this process's clock alone.
                _ => None,
            };
            said.at = said.at.max(known.at);
        }
        state.recent.retain(|known| known.mark != said.mark);
        state.recent.push_back(said);
        if state.recent.len() > RECENT_MAX {
            let first = state.recent.pop_front();
            state.floor = state.floor.max(first.map(|said| said.at));
        }
    }

    /// Whether an answer is void.
    pub(super) fn covers(&self, entry: &Entry) -> bool {
        let state = crate::lock(&self.0);
        state.floor.is_some_and(|floor| entry.begun <= floor)
            || state.recent.iter().any(|said| said.voids(entry))
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
        if let Some(said) = state.recent.iter_mut().find(|said| said.mark == *mark) {
            said.there = said.there.max(Some(at));
        }
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

    fn said(name: &str, at: Instant) -> Said {
        Said {
            mark: tag(name),
            at,
            there: None,
        }
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
        forgotten.note(&said("other", after));
        forgotten.note(&said("prices", before));
        assert!(!forgotten.covers(&entry));
        forgotten.note(&said("prices", after));
        assert!(forgotten.covers(&entry));
    }

    #[test]
    fn what_redis_knows_of_both_is_exact_however_late_the_word_came() {
        let forgotten = Forgotten::default();
        let mut entry = answer();
        entry.tags = vec!["prices".into()];
        let late = entry.begun + Duration::from_secs(1);
        forgotten.note(&Said {
            there: Some(9),
            ..said("prices", late)
        });
        assert!(forgotten.covers(&entry));
        entry.there = Some(10);
        assert!(!forgotten.covers(&entry));
        entry.there = Some(9);
        assert!(forgotten.covers(&entry));
        // Said here once more: until Redis has heard it, this process's clock says.
        entry.there = Some(10);
        forgotten.note(&said("prices", late));
        assert!(forgotten.covers(&entry));
        forgotten.sent(&tag("prices"), 11);
        assert!(forgotten.covers(&entry));
        entry.there = Some(12);
        assert!(!forgotten.covers(&entry));
    }

    #[test]
    fn what_is_no_longer_remembered_by_name_is_void_all_the_same() {
        let forgotten = Forgotten::default();
        let mut entry = answer();
        entry.tags = vec!["n0".into()];
        let other = answer();
        for number in 0..=RECENT_MAX {
            let at = other.begun + Duration::from_millis(1);
            forgotten.note(&said(&format!("n{number}"), at));
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
