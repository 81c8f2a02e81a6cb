//! The part of a hit that a benchmark measures: the question's hash, and the look in the table.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use libllm_proto::event::{Batch, Event};

use super::entry::{Entry, Facts};
use super::{Cache, Question};
use crate::clock;
use crate::config::{Config, SystemEnvironment};
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::process;
use crate::request::Request;
use crate::route::Notes;
use crate::target::Target;

/// A cache in which many answers are kept.
#[doc(hidden)]
pub struct Probe(Box<Question>);

impl Probe {
    /// Keeps an answer to each of these requests.
    pub fn new<'r>(requests: impl IntoIterator<Item = &'r Request>) -> Result<Probe> {
        let config = Config::parse("[cache]\nenabled = true", &SystemEnvironment)?;
        let cache = Arc::new(Cache::new(config.cache.max_bytes, process::current()));
        let question = Question::of(
            &Mutex::new(cache),
            &config,
            &Options::default(),
            None,
            None,
            (None, &Notes::default()),
        );
        let probe = Probe(question.ok_or_else(|| Error::new(ErrorKind::Internal, "no question"))?);
        for request in requests {
            if let Some(seen) = probe.0.see_text(request, None, false) {
                probe.0.cache.keep(seen.key, Arc::new(answer()));
            }
        }
        Ok(probe)
    }

    /// Whether an answer to this request is kept: hashes it, and looks.
    pub fn hit(&self, request: &Request) -> bool {
        let seen = self.0.see_text(request, None, false);
        seen.is_some_and(|seen| self.0.cache.memory().get(seen.key).is_some())
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Probe")
    }
}

/// Some answer.
pub(super) fn answer() -> Entry {
    let mut events = Batch::new();
    events.push(0, Event::Text("an answer"));
    Entry {
        facts: Facts {
            target: Target::new("house", "m"),
            wire: "openai_chat",
            dropped: Vec::new(),
            request_id: None,
            similarity: None,
        },
        events,
        asked: "house/m".into(),
        tenant: None,
        tags: Vec::new(),
        name: None,
        begun: clock::now(),
        there: None,
        until: clock::now() + Duration::from_secs(3600),
    }
}
