//! The second level: a Redis in which all processes of one configuration keep answers. A request waits for it no longer than for
//! anything there; what it has is put into this process's memory behind everybody's back, even when it came too late.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures::channel::oneshot;

use super::counters::{Counters, count};
use super::entry::Entry;
use super::forgotten::Said;
use super::letter;
use super::mark::Mark;
use super::question::Digest;
use super::{Cache, Question};
use crate::clock;
use crate::process::Process;
use crate::runtime;
use crate::store::{Redis, Waited, answers};

/// What other processes have kept for this question, if it comes in time.
pub(super) async fn find(
    question: &Question,
    key: u128,
    digest: Option<&Digest>,
    waited: &mut Waited,
    process: &'static Process,
) -> Option<Arc<Entry>> {
    let (store, digest) = (question.store.as_ref()?, digest?);
    let counters = &process.counters.cache;
    let asks = store.is_worth_asking(clock::now()) && !waited.is_over(store);
    if !asks || !question.cache.forgotten.is_settled() {
        count(&counters.shared_unavailable);
        return None;
    }
    let (tell, told) = oneshot::channel();
    let fetching = Fetch {
        store: store.clone(),
        name: answers::key(store, digest),
        cache: question.cache.clone(),
        key,
        ttl: question.ttl,
        process,
    };
    // In a task of its own: what comes after the bound is kept all the same.
    if !runtime::try_spawn_here(fetching.run(tell)) {
        return None;
    }
    match waited.wait(store, told).await {
        Some(Ok(Ok(Some(entry)))) => {
            count(&counters.shared_hits);
            Some(entry)
        }
        Some(Ok(Ok(None))) => {
            count(&counters.shared_misses);
            None
        }
        // Redis says nothing, or nothing in time.
        _ => {
            count(&counters.shared_unavailable);
            None
        }
    }
}

struct Fetch {
    store: Arc<Redis>,
    name: String,
    cache: Arc<Cache>,
    key: u128,
    ttl: Duration,
    process: &'static Process,
}

/// An answer that is kept there, or none; or nobody knows.
type Fetched = Result<Option<Arc<Entry>>, ()>;

impl Fetch {
    async fn run(self, tell: oneshot::Sender<Fetched>) {
        // Older than it is by as long as the way takes: then nothing void is taken for good.
        let asked = clock::now();
        let Ok(found) = answers::get(&self.store, &self.name).await else {
            let _ = tell.send(Err(()));
            return;
        };
        let entry = found.and_then(|found| {
            let begun = asked.checked_sub(found.age).unwrap_or(asked);
            let entry = letter::read(&found.body, begun, asked + self.ttl.min(found.left))?;
            Some(Entry {
                there: Some(found.at),
                ..entry
            })
        });
        let entry =
            entry.filter(|entry| entry.until > clock::now() && !self.cache.forgotten.covers(entry));
        let entry = entry.map(Arc::new);
        let late = tell.send(Ok(entry.clone())).is_err();
        // Who was not told may have asked the provider by now, whose answer is newer.
        let newer = late && self.cache.memory().get(self.key).is_some();
        if let Some(entry) = entry.filter(|_| !newer)
            && self.cache.keep(self.key, entry)
            && late
        {
            count(&self.process.counters.cache.shared_late);
        }
    }
}

/// Tells others an answer; nobody waits for that.
pub(super) fn keep(question: &Question, digest: Option<&Digest>, entry: &Arc<Entry>) {
    let (Some(store), Some(digest)) = (&question.store, digest) else {
        return;
    };
    let (name, entry, ttl) = (
        answers::key(store, digest),
        entry.clone(),
        question.shared_ttl,
    );
    let asked = store.clone();
    store.behind(async move {
        let Some(body) = letter::write(&entry) else {
            return;
        };
        let answer = answers::Answer {
            ttl,
            age: clock::now() - entry.begun,
            body,
        };
        // Who finds nothing asks for itself.
        let _ = answers::put(&asked, &name, &answer, &Mark::texts_of(&entry)).await;
    });
}

/// Tells others what is void; whether Redis has heard it.
pub(super) async fn tell(cache: &Cache, store: &Arc<Redis>, mark: &Mark) -> bool {
    let told = answers::forget(store, &mark.text(), &Mark::ALL.text()).await;
    match told {
        Ok(at) => cache.forgotten.sent(mark, at),
        // It may have been taken for told by then, by who said the same before.
        Err(_) => cache.forgotten.send(mark),
    }
    told.is_ok()
}

// The same of all that they have not been told.
async fn tell_rest(cache: &Cache, store: &Arc<Redis>) -> bool {
    for mark in cache.forgotten.unsent() {
        if !tell(cache, store, &mark).await {
            return false;
        }
    }
    true
}

/// Heeds what others say is void, and says what could not be said, for as long as anybody holds both.
pub(crate) async fn heed(store: Weak<Redis>, place: Weak<Mutex<Arc<Cache>>>) {
    while let (Some(store), Some(place)) = (store.upgrade(), place.upgrade()) {
        let cache = crate::lock(&place).clone();
        drop(place);
        if cache.is_shared() && store.is_worth_asking(clock::now()) {
            let told = tell_rest(&cache, &store).await;
            if told && let Ok(news) = answers::news(&store, cache.forgotten.read_until()).await {
                let now = clock::now();
                let theirs = news.marks.iter().filter_map(|(text, at)| {
                    let age = Duration::from_millis(news.now.saturating_sub(*at));
                    let mark = Mark::parse(text).filter(|_| !cache.forgotten.is_own(text, *at));
                    Some(Said {
                        mark: mark?,
                        at: now.checked_sub(age).unwrap_or(now),
                        there: Some(*at),
                    })
                });
                cache.forget_all(theirs.collect());
                cache.forgotten.read(news.now);
            }
        }
        drop((cache, store));
        clock::sleep(LOOK).await;
    }
}

impl Counters {
    /// What the second level counts.
    pub(super) fn shared(&self) -> [(&'static str, &'static str, u64); 4] {
        use std::sync::atomic::Ordering::Relaxed;
        [
            (
                "cache_shared_hits_total",
                "Answers that the shared Redis had.",
                self.shared_hits.load(Relaxed),
            ),
            (
                "cache_shared_misses_total",
                "Questions to which the shared Redis had no answer.",
                self.shared_misses.load(Relaxed),
            ),
            (
                "cache_shared_unavailable_total",
                "Questions of which the shared Redis said nothing, or nothing in time.",
                self.shared_unavailable.load(Relaxed),
            ),
            (
                "cache_shared_late_total",
                "Answers that the shared Redis had too late for who asked; they are kept for the next.",
                self.shared_late.load(Relaxed),
            ),
        ]
    }
}

// What is void elsewhere is told here for a quarter of a second more at most.
const LOOK: Duration = Duration::from_millis(250);
