//! Forgetting what is kept, by a name, a model or a tag: the operation `cache.invalidate`.

use std::sync::{Arc, Mutex};

use serde::Deserialize;

use super::Cache;
use super::entry::Entry;
use crate::call::Answered;
use crate::client::Client;
use crate::clock;
use crate::error::{Error, ErrorKind, Result, Status};
use crate::options::Options;
use crate::queue::{EventType, Queue};
use crate::report::{self, Record};
use crate::store::Memory;
use crate::ticket::Ticket;

/// What is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Answers to questions of this name.
    Key(String),
    /// Answers that were asked of this model or alias, or that this target gave.
    Model(String),
    /// Answers that carry this tag.
    Tag(String),
    /// All.
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    key: Option<String>,
    model: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    all: bool,
}

impl What {
    fn parse(request: &[u8]) -> Result<What> {
        let bad = |why: String| {
            let message = format!("{OPERATION}: {why}");
            Error::new(ErrorKind::InvalidArgument, message)
        };
        let said: Said = serde_json::from_slice(request).map_err(|error| bad(error.to_string()))?;
        let all = said.all.then_some(What::All);
        let named = [
            said.key.map(What::Key),
            said.model.map(What::Model),
            said.tag.map(What::Tag),
            all,
        ];
        let mut named = named.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(what), None) => Ok(what),
            _ => Err(bad(EXPECTED.to_owned())),
        }
    }

    fn is(&self, entry: &Entry) -> bool {
        match self {
            What::Key(key) => entry.name.as_ref() == Some(key),
            What::Model(model) => *entry.asked == **model || entry.facts.target.text() == model,
            What::Tag(tag) => entry.tags.contains(tag),
            What::All => true,
        }
    }
}

/// Whether something is to be forgotten instead of asked.
pub(crate) fn is_asked(options: &Options) -> bool {
    options.operation.as_deref() == Some(OPERATION)
}

impl Cache {
    // A tenant's own are meant where one is named, else everybody's.
    fn forget(&self, what: &What, tenant: Option<&str>) -> usize {
        let meant = |entry: &Entry| {
            tenant.is_none_or(|tenant| entry.tenant.as_deref() == Some(tenant)) && what.is(entry)
        };
        self.memory
            .get()
            .map_or(0, |memory: &Memory<Entry>| memory.remove(meant))
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
        let what = What::parse(request)?;
        let (cache, tenant) = (self.cache(), options.tenant.clone());
        self.begin(queue, user_data, seen, move |mut ticket, _| async move {
            let removed = cache.forget(&what, tenant.as_deref());
            tell(removed, &mut ticket, place);
        })
    }
}

fn tell(removed: usize, ticket: &mut Ticket, place: Option<Arc<Mutex<Option<Answered>>>>) {
    let record = Record::new(ticket.started());
    let took = clock::now() - ticket.started();
    let done = report::done(&record, ticket.id(), false, took);
    let result = format!(r#"{{"object":"{OPERATION}","removed":{removed}"#);
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
const EXPECTED: &str =
    "expected one of \"key\", \"model\", \"tag\" with a string, or \"all\": true";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_meant() {
        let parse = |json: &str| What::parse(json.as_bytes());
        assert_eq!(parse(r#"{"key":"k"}"#).unwrap(), What::Key("k".into()));
        assert_eq!(parse(r#"{"model":"m"}"#).unwrap(), What::Model("m".into()));
        assert_eq!(parse(r#"{"tag":"t"}"#).unwrap(), What::Tag("t".into()));
        assert_eq!(parse(r#"{"all":true}"#).unwrap(), What::All);
        for wrong in [
            "{}",
            r#"{"all":false}"#,
            r#"{"key":"k","tag":"t"}"#,
            r#"{"keys":"k"}"#,
            "[]",
            "",
        ] {
            let error = parse(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong}");
            assert!(error.message().starts_with("cache.invalidate: "), "{error}");
        }
    }
}
