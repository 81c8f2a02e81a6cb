//! Forgetting what is kept, by a name, a model or a tag, here and in other processes: the operation `cache.invalidate`.

use std::sync::{Arc, Mutex};

use super::entry::Entry;
use super::forgotten::Said;
use super::mark::Mark;
use super::{Cache, second};
use crate::call::Answered;
use crate::client::Client;
use crate::clock;
use crate::error::{Result, Status};
use crate::options::Options;
use crate::queue::{EventType, Queue};
use crate::report::{self, Record};
use crate::store::Memory;
use crate::ticket::Ticket;

/// Whether something is to be forgotten instead of asked.
pub(crate) fn is_asked(options: &Options) -> bool {
    options.operation.as_deref() == Some(OPERATION)
}

impl Cache {
    /// Makes void what bears this mark and was asked for until then; how many of those were kept here.
    pub(super) fn forget(&self, said: &Said) -> usize {
        // First: what comes in between is not kept.
        self.forgotten.note(said);
        // Who comes from now on does not read along with what began before. Whoever reads already does to the end.
        self.flights.clear();
        self.memory.get().map_or(0, |memory: &Memory<Entry>| {
            memory.remove(|entry| said.voids(entry))
        })
    }

    /// The same of several marks, in one walk through what is kept: thousands of them may come at once.
    pub(super) fn forget_all(&self, marks: Vec<Said>) {
        if let [said] = &marks[..] {
            self.forget(said);
            return;
        }
        for said in &marks {
            self.forgotten.note(said);
        }
        if !marks.is_empty() {
            self.flights.clear();
            let void = |entry: &Entry| self.forgotten.covers(entry);
            self.memory
                .get()
                .map(|memory: &Memory<Entry>| memory.remove(void));
        }
    }
}

impl Client {
    /// Forgets what the request says. Its answer, how many that were, comes as any other operation's.
    pub(crate) fn invalidate(
        &self,
        queue: &Queue,
        request: &[u8],
        options: &Options,
        user_data: usize,
        place: Option<Arc<Mutex<Option<Answered>>>>,
        seen: impl FnOnce(u64),
    ) -> Result<u64> {
        let mark = Mark::asked(request, options.tenant.as_deref())?;
        let (cache, store) = (self.cache(), self.store());
        self.begin(queue, user_data, seen, move |mut ticket, _| async move {
            let removed = cache.forget(&Said::here(mark.clone()));
            let told = match store {
                None => None,
                Some(store) => {
                    cache.share();
                    cache.forgotten.send(&mark);
                    Some(second::tell(&cache, &store, &mark).await)
                }
            };
            tell(removed, told, &mut ticket, place);
        })
    }
}

fn tell(
    removed: usize,
    told: Option<bool>,
    ticket: &mut Ticket,
    place: Option<Arc<Mutex<Option<Answered>>>>,
) {
    let record = Record::new(ticket.started());
    let took = clock::now() - ticket.started();
    let done = report::done(&record, ticket.id(), false, took);
    let told = told.map_or_else(String::new, |told| format!(r#","shared":{told}"#));
    let result = format!(r#"{{"object":"{OPERATION}","removed":{removed}{told}"#);
    if let Some(place) = place {
        let json = format!(r#"{result},"libllm":{done}}}"#);
        *crate::lock(&place) = Some(Answered {
            text: String::new(),
            json,
        });
    }
    ticket.result(&format!("{result}}}"));
    ticket.process().counters.finished(Status::Ok, None);
    ticket.finish(EventType::Done, Status::Ok, &done);
}

/// The operation's name.
const OPERATION: &str = "cache.invalidate";
