//! Token counts of Messages: `message_start` says some, `message_delta` says them again or says more; the later word wins.

use crate::error::Result;
use crate::event::Usage;
use crate::json::{Cursor, Kind};

/// What was said so far, member by member, in the order of first mention.
#[derive(Default)]
pub(super) struct Counts(Vec<(Vec<u8>, Vec<u8>)>);

impl Counts {
    /// Lays one `usage` object over what was said before; a null says nothing.
    pub(super) fn overlay(&mut self, usage: &[u8]) -> Result<()> {
        let mut cursor = Cursor::new(usage);
        if cursor.kind()? != Kind::Object {
            return Ok(());
        }
        cursor.object(|key, cursor| {
            let null = cursor.kind()? == Kind::Null;
            let value = cursor.raw()?;
            match self.0.iter().position(|(known, _)| known == key) {
                Some(_) if null => {}
                Some(place) => value.clone_into(&mut self.0[place].1),
                None if self.0.len() < MEMBERS_MAX => self.0.push((key.to_vec(), value.to_vec())),
                None => {}
            }
            Ok(())
        })
    }

    /// What was said in our terms, or nothing if no count was.
    pub(super) fn usage(&self) -> Result<Option<Usage>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let input = self.count(b"input_tokens")?;
        let cached_tokens = self.count(b"cache_read_input_tokens")?;
        let cache_write_tokens = self.count(b"cache_creation_input_tokens")?;
        let completion_tokens = self.count(b"output_tokens")?;
        // `input_tokens` leaves out what the cache read or wrote (Anthropic docs "prompt caching", tracking cache performance).
        let prompt_tokens = input.map(|tokens| {
            let cache = cached_tokens
                .unwrap_or(0)
                .saturating_add(cache_write_tokens.unwrap_or(0));
            tokens.saturating_add(cache)
        });
        Ok(Some(Usage {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens
                .zip(completion_tokens)
                .map(|(a, b)| a.saturating_add(b)),
            cached_tokens,
            cache_write_tokens,
            // Anthropic docs "prompt caching", 1-hour cache duration.
            cache_write_hour_tokens: self
                .within(b"cache_creation", b"ephemeral_1h_input_tokens")?,
            reasoning_tokens: self.within(b"output_tokens_details", b"thinking_tokens")?,
            raw: Some(self.raw().into()),
            ..Usage::default()
        }))
    }

    fn value(&self, key: &[u8]) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_slice())
    }

    fn count(&self, key: &[u8]) -> Result<Option<u64>> {
        self.value(key)
            .map_or(Ok(None), |value| Cursor::new(value).count())
    }

    fn within(&self, object: &[u8], name: &[u8]) -> Result<Option<u64>> {
        let Some(details) = self.value(object) else {
            return Ok(None);
        };
        let mut cursor = Cursor::new(details);
        let mut tokens = None;
        if cursor.kind()? == Kind::Object {
            cursor.object(|key, cursor| {
                if key == name {
                    tokens = cursor.count()?;
                }
                Ok(())
            })?;
        }
        Ok(tokens)
    }

    fn raw(&self) -> String {
        let mut text = Vec::from(*b"{");
        for (key, value) in &self.0 {
            if text.len() > 1 {
                text.push(b',');
            }
            // Keys come with their escapes undone; serde_json puts them back. It cannot fail on a string.
            let key = String::from_utf8_lossy(key);
            text.extend(serde_json::to_vec(&key).unwrap_or_default());
            text.push(b':');
            text.extend_from_slice(value);
        }
        text.push(b'}');
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Members of a `usage` object that are kept; the API has a dozen.
const MEMBERS_MAX: usize = 64;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fold(objects: &[&str]) -> Usage {
        let mut counts = Counts::default();
        for object in objects {
            counts.overlay(object.as_bytes()).unwrap();
        }
        counts.usage().unwrap().unwrap()
    }

    #[test]
    fn the_prompt_holds_what_the_cache_read_and_wrote() {
        let usage = fold(&[
            r#"{"input_tokens":4,"cache_creation_input_tokens":10,"cache_read_input_tokens":100,"output_tokens":1,
                "cache_creation":{"ephemeral_5m_input_tokens":7,"ephemeral_1h_input_tokens":3}}"#,
            r#"{"output_tokens":7,"cache_read_input_tokens":null,"output_tokens_details":{"thinking_tokens":3}}"#,
        ]);
        assert_eq!(usage.prompt_tokens, Some(114));
        assert_eq!(
            (usage.completion_tokens, usage.total_tokens),
            (Some(7), Some(121))
        );
        assert_eq!(
            (usage.cached_tokens, usage.cache_write_tokens),
            (Some(100), Some(10))
        );
        assert_eq!(usage.reasoning_tokens, Some(3));
        assert_eq!(usage.cache_write_hour_tokens, Some(3));
        let raw: serde_json::Value = serde_json::from_str(usage.raw.as_deref().unwrap()).unwrap();
        assert_eq!(
            (&raw["output_tokens"], &raw["cache_read_input_tokens"]),
            (&7.into(), &100.into())
        );
    }

    #[test]
    fn what_was_not_said_is_unknown() {
        let usage = fold(&[r#"{"output_tokens":2}"#]);
        assert_eq!(
            (usage.prompt_tokens, usage.total_tokens, usage.cached_tokens),
            (None, None, None)
        );
        let mut counts = Counts::default();
        counts.overlay(b"null").unwrap();
        assert_eq!(counts.usage().unwrap(), None);
    }

    #[test]
    fn absurd_counts_do_not_overflow_and_members_are_bounded() {
        let max = u64::MAX;
        let usage = fold(&[&format!(
            r#"{{"input_tokens":{max},"cache_read_input_tokens":{max},"output_tokens":{max}}}"#
        )]);
        assert!(usage.total_tokens.is_some());
        let many: Vec<_> = (0..1000).map(|n| format!("\"k{n}\":{n}")).collect();
        let raw = fold(&[&format!("{{{}}}", many.join(","))]).raw.unwrap();
        assert_eq!(raw.matches(':').count(), MEMBERS_MAX);
    }
}
