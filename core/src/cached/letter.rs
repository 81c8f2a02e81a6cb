//! An answer as bytes, on its way to other processes and back. Whoever cannot read it asks for itself.

use std::borrow::Cow;
use std::time::Instant;

use libllm_proto::event::Batch;
use libllm_proto::wire::{self, Dropped};
use serde::{Deserialize, Serialize};

use super::entry::{Entry, Facts};
use crate::target::Target;

/// What stands before the events.
#[derive(Serialize, Deserialize)]
struct Head<'t> {
    provider: Cow<'t, str>,
    model: Cow<'t, str>,
    wire: Cow<'t, str>,
    dropped: Vec<[Cow<'t, str>; 3]>,
    request_id: Option<Cow<'t, str>>,
    asked: Cow<'t, str>,
    tenant: Option<Cow<'t, str>>,
    tags: Cow<'t, [String]>,
    name: Option<Cow<'t, str>>,
}

/// Writes an answer; `None` if it is too long to be sent about.
pub(super) fn write(entry: &Entry) -> Option<Vec<u8>> {
    if entry.events.bytes() > LETTER_MAX {
        return None;
    }
    let facts = &entry.facts;
    let dropped = facts
        .dropped
        .iter()
        .map(|dropped| [&dropped.param, dropped.action, &dropped.why].map(Cow::Borrowed));
    let head = Head {
        provider: facts.target.provider().into(),
        model: facts.target.model().into(),
        wire: facts.wire.into(),
        dropped: dropped.collect(),
        request_id: facts.request_id.as_deref().map(Cow::Borrowed),
        asked: Cow::Borrowed(&entry.asked),
        tenant: entry.tenant.as_deref().map(Cow::Borrowed),
        tags: Cow::Borrowed(&entry.tags),
        name: entry.name.as_deref().map(Cow::Borrowed),
    };
    let head = serde_json::to_vec(&head).ok()?;
    let mut letter = Vec::with_capacity(VERSION.len() + 4 + head.len() + entry.events.cost());
    letter.extend_from_slice(VERSION);
    letter.extend_from_slice(&(head.len() as u32).to_le_bytes());
    letter.extend_from_slice(&head);
    entry.events.pack(&mut letter);
    (letter.len() <= LETTER_MAX).then_some(letter)
}

/// The answer that [`write`] wrote, asked for at `begun` and kept `until` then.
pub(super) fn read(letter: &[u8], begun: Instant, until: Instant) -> Option<Entry> {
    // Whoever else writes there may have written anything.
    if letter.len() > LETTER_MAX {
        return None;
    }
    let (length, rest) = letter.strip_prefix(VERSION)?.split_first_chunk()?;
    let (head, events) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let head: Head<'_> = serde_json::from_slice(head).ok()?;
    let dropped = head.dropped.into_iter().map(|[param, action, why]| {
        let action = ACTIONS.iter().find(|known| **known == action)?;
        Some(Dropped {
            param: param.into_owned(),
            action,
            why: why.into_owned(),
        })
    });
    Some(Entry {
        facts: Facts {
            target: Target::new(&head.provider, &head.model),
            wire: wire::find(&head.wire)?.name(),
            dropped: dropped.collect::<Option<_>>()?,
            request_id: head.request_id.map(Cow::into_owned),
            similarity: None,
        },
        events: Batch::unpack(events)?,
        asked: head.asked.into(),
        tenant: head.tenant.map(Into::into),
        tags: head.tags.into_owned(),
        name: head.name.map(Cow::into_owned),
        begun,
        there: None,
        until,
    })
}

/// Another one is another format.
const VERSION: &[u8] = b"llm1";
/// One connection carries the answers and what limits need to know, which is waited for 5 ms as a rule: 256 KiB are 2 ms of a gigabit.
const LETTER_MAX: usize = 256 << 10;
/// What may happen to a parameter, and what a guardrail does.
const ACTIONS: [&str; 5] = ["dropped", "clamped", "converted", "redacted", "reported"];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use libllm_proto::event::Event;

    use super::*;
    use crate::cached::probe::answer;
    use crate::clock;

    #[test]
    #[cfg(feature = "openai")]
    fn comes_back_as_it_was() {
        let mut entry = answer();
        entry.tenant = Some("t".into());
        entry.tags = vec!["\"tag\"".into()];
        entry.name = Some("k".into());
        entry.facts.request_id = Some("r".into());
        entry.facts.dropped = ACTIONS
            .map(|action| Dropped {
                param: "n".into(),
                action,
                why: "so".into(),
            })
            .into();
        let letter = write(&entry).unwrap();
        let again = read(&letter, entry.begun, entry.until).unwrap();
        assert_eq!(format!("{entry:?}"), format!("{again:?}"));
        for end in 0..letter.len() {
            assert!(
                read(&letter[..end], entry.begun, entry.until).is_none(),
                "{end}"
            );
        }
        let mut other = letter.clone();
        other[3] = b'2';
        assert!(read(&other, entry.begun, entry.until).is_none());
    }

    #[test]
    fn a_long_answer_stays_at_home() {
        let mut entry = answer();
        let text = "x".repeat(LETTER_MAX);
        entry.events.push(0, Event::Text(&text));
        assert!(write(&entry).is_none());
        let now = clock::now();
        assert!(read(b"", now, now).is_none());
    }
}
