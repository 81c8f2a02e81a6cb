//! An answer as it is kept: its events, and what is said of it beside them.

use std::time::Instant;

use libllm_proto::event::Batch;
use libllm_proto::wire::Dropped;

use crate::report::Record;
use crate::store::Kept;
use crate::target::Target;

/// Who answered, and how it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(super) target: Target,
    pub(super) wire: &'static str,
    pub(super) dropped: Vec<Dropped>,
    pub(super) request_id: Option<String>,
    /// How alike the question was that it answers, if that was another one.
    pub(super) similarity: Option<f32>,
}

impl Facts {
    pub(super) fn of(record: &Record) -> Facts {
        Facts {
            target: record.target.clone(),
            wire: record.wire,
            dropped: record.dropped.clone(),
            request_id: record.request_id.clone(),
            similarity: None,
        }
    }

    /// What a call whose answer this is says of it.
    pub(super) fn tell(&self, record: &mut Record) {
        record.target = self.target.clone();
        record.wire = self.wire;
        record.dropped = self.dropped.clone();
        record.request_id = self.request_id.clone();
        record.cached = true;
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) facts: Facts,
    pub(super) events: Batch,
    /// The model as it was asked for.
    pub(super) asked: Box<str>,
    pub(super) tenant: Option<Box<str>>,
    pub(super) tags: Vec<String>,
    /// The name that was given to the question.
    pub(super) name: Option<String>,
    /// When it was asked for: what was forgotten since is void.
    pub(super) begun: Instant,
    /// The same by Redis's clock, in ms, if it comes from there.
    pub(super) there: Option<u64>,
    pub(super) until: Instant,
}

impl Kept for Entry {
    fn bytes(&self) -> usize {
        let dropped = self.facts.dropped.iter();
        let texts = self.tags.iter().chain(&self.name).map(String::len);
        size_of::<Entry>()
            + KEPT_COST
            + self.events.cost()
            + self.facts.target.text().len()
            + self.asked.len()
            + self.tenant.as_deref().map_or(0, str::len)
            + texts.sum::<usize>()
            + dropped
                .map(|dropped| size_of::<Dropped>() + dropped.param.len() + dropped.why.len())
                .sum::<usize>()
    }

    fn until(&self) -> Instant {
        self.until
    }
}

/// The key, its place in the table, and what is noted of its use and its age: about what moka takes.
const KEPT_COST: usize = 256;
