//! Token counts, wherever and however a provider puts them.

use std::borrow::Cow;

use crate::error::Result;
use crate::event::Usage;
use crate::json::{Cursor, Kind};

/// The last usage object that was seen. It is kept as text: some providers repeat it in every chunk, and reading it once is enough.
#[derive(Debug, Default)]
pub(super) struct Latest {
    raw: Vec<u8>,
    unsaid: bool,
    /// Of an answer that has only one.
    once: Option<Usage>,
}

impl Latest {
    /// Takes the JSON text of a usage object; an empty one says nothing.
    pub(super) fn take(&mut self, raw: &[u8]) {
        if says_something(raw) && self.raw != raw {
            self.raw.clear();
            self.raw.extend_from_slice(raw);
            self.unsaid = true;
        }
    }

    /// Reads the usage object that comes next: where it is not repeated, there is nothing to wait for.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let start = cursor.position();
        let mut usage = read(cursor)?;
        let raw = cursor.since(start);
        if says_something(raw) {
            usage.raw = Some(text(raw).into());
            self.once = Some(usage);
        }
        Ok(())
    }

    /// What has not been said yet.
    pub(super) fn say(&mut self) -> Option<Usage> {
        if self.once.is_some() {
            return self.once.take();
        }
        if !std::mem::take(&mut self.unsaid) {
            return None;
        }
        // The text was walked over where it was found: it cannot be malformed.
        let mut usage = read(&mut Cursor::new(&self.raw)).ok()?;
        usage.raw = Some(text(&self.raw).into());
        Some(usage)
    }
}

/// The text of what was read. It is ASCII, unless somebody jokes.
fn text(raw: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(raw) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(raw),
    }
}

/// Whether an object has room for a member.
fn says_something(raw: &[u8]) -> bool {
    raw.len() >= br#"{"a":0}"#.len()
}

/// Reads the usage object that comes next, but for its text.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Usage> {
    let mut usage = Usage::default();
    // The detailed objects are the format's own place; the members beside them are older or a vendor's.
    let (mut cached_beside, mut written_beside, mut reasoned_beside) = (None, None, None);
    let (mut cost_in, mut ticks) = (None, None);
    cursor.object(|key, cursor| {
        match key {
            b"prompt_tokens" => usage.prompt_tokens = cursor.count()?,
            b"completion_tokens" => usage.completion_tokens = cursor.count()?,
            b"total_tokens" => usage.total_tokens = cursor.count()?,
            b"prompt_tokens_details" if cursor.kind()? == Kind::Object => {
                cursor.object(|key, cursor| {
                    match key {
                        b"cached_tokens" => usage.cached_tokens = cursor.count()?,
                        b"cache_write_tokens" => usage.cache_write_tokens = cursor.count()?,
                        // LiteLLM's name.
                        b"cache_creation_tokens" => {
                            written_beside = cursor.count()?.or(written_beside);
                        }
                        b"audio_tokens" => usage.audio_prompt_tokens = cursor.count()?,
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            b"completion_tokens_details" if cursor.kind()? == Kind::Object => {
                cursor.object(|key, cursor| {
                    match key {
                        b"reasoning_tokens" => usage.reasoning_tokens = cursor.count()?,
                        b"audio_tokens" => usage.audio_completion_tokens = cursor.count()?,
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            // DeepSeek's name, that of Moonshot and of TGI, and Anthropic's where a gateway lets it stand.
            b"prompt_cache_hit_tokens" | b"cached_tokens" | b"cache_read_input_tokens" => {
                cached_beside = cursor.count()?.or(cached_beside);
            }
            b"cache_creation_input_tokens" => {
                written_beside = cursor.count()?.or(written_beside);
            }
            // Perplexity, "Chat completions": of its deep research.
            b"reasoning_tokens" => reasoned_beside = cursor.count()?,
            b"cost" => cost_in = cost(cursor)?,
            // xAI API reference, "cost_in_usd_ticks": 1e-10 US dollars each.
            b"cost_in_usd_ticks" => ticks = cursor.count()?,
            _ => {}
        }
        Ok(())
    })?;
    usage.cached_tokens = usage.cached_tokens.or(cached_beside);
    usage.cache_write_tokens = usage.cache_write_tokens.or(written_beside);
    usage.reasoning_tokens = usage.reasoning_tokens.or(reasoned_beside);
    let dollars = cost_in.and_then(Usage::microusd);
    usage.cost_microusd = dollars.or(ticks.map(|ticks| ticks.div_ceil(TICKS)));
    if usage.total_tokens.is_none() {
        let parts = usage.prompt_tokens.zip(usage.completion_tokens);
        usage.total_tokens = parts.map(|(prompt, completion)| prompt.saturating_add(completion));
    }
    Ok(usage)
}

/// Ticks in a millionth of a US dollar.
const TICKS: u64 = 10_000;

/// US dollars: a number (OpenRouter, "Usage accounting"), or an object whose `total_cost` it is (Perplexity, "Chat completions").
fn cost(cursor: &mut Cursor<'_>) -> Result<Option<f64>> {
    if cursor.kind()? != Kind::Object {
        return cursor.real();
    }
    let mut total = None;
    cursor.object(|key, cursor| {
        if key == b"total_cost" {
            total = cursor.real()?;
        }
        Ok(())
    })?;
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(raw: &str) -> Usage {
        let mut latest = Latest::default();
        latest.take(raw.as_bytes());
        let usage = latest.say().unwrap();
        assert_eq!(usage.raw.as_deref(), Some(raw));
        assert_eq!(latest.say(), None);
        Usage { raw: None, ..usage }
    }

    #[test]
    fn counts_are_read_from_every_place() {
        let all = usage(
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2,"audio_tokens":1},
               "completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":2},"prompt_cache_hit_tokens":9,"cost":0.00123}"#,
        );
        let expected = Usage {
            prompt_tokens: Some(10),
            completion_tokens: Some(5),
            total_tokens: Some(16),
            cached_tokens: Some(4),
            cache_write_tokens: Some(2),
            cache_write_hour_tokens: None,
            reasoning_tokens: Some(3),
            audio_prompt_tokens: Some(1),
            audio_completion_tokens: Some(2),
            cost_microusd: Some(1230),
            raw: None,
        };
        assert_eq!(all, expected);
        assert_eq!(
            usage(r#"{"prompt_cache_hit_tokens":7}"#).cached_tokens,
            Some(7)
        );
        // As LiteLLM and Perplexity have it.
        let beside = usage(
            r#"{"prompt_tokens":10,"cache_read_input_tokens":4,"cache_creation_input_tokens":2,"reasoning_tokens":3,
               "prompt_tokens_details":{"cached_tokens":null},"completion_tokens_details":{}}"#,
        );
        assert_eq!(
            (beside.cached_tokens, beside.cache_write_tokens),
            (Some(4), Some(2))
        );
        assert_eq!(beside.reasoning_tokens, Some(3));
        let written = usage(r#"{"prompt_tokens_details":{"cache_creation_tokens":5}}"#);
        assert_eq!(written.cache_write_tokens, Some(5));
        let both = usage(
            r#"{"reasoning_tokens":9,"completion_tokens_details":{"reasoning_tokens":3},"cache_creation_input_tokens":9,
               "prompt_tokens_details":{"cache_write_tokens":2,"cached_tokens":0},"cache_read_input_tokens":9}"#,
        );
        assert_eq!(
            (
                both.reasoning_tokens,
                both.cache_write_tokens,
                both.cached_tokens
            ),
            (Some(3), Some(2), Some(0)),
            "the format's own place goes first"
        );
        let object =
            usage(r#"{"prompt_tokens":1,"completion_tokens":2,"cost":{"total_cost":"0.5"}}"#);
        assert_eq!(
            (object.total_tokens, object.cost_microusd),
            (Some(3), Some(500_000))
        );
        let ticks = usage(r#"{"prompt_tokens":1,"cost_in_usd_ticks":37756000}"#);
        assert_eq!(ticks.cost_microusd, Some(3776));
    }

    #[test]
    fn odd_numbers_are_clamped_and_unknown_ones_stay_unknown() {
        let odd = usage(
            r#"{"prompt_tokens":-1,"completion_tokens":18446744073709551616,"total_tokens":null}"#,
        );
        assert_eq!(odd.prompt_tokens, Some(0));
        assert_eq!(odd.completion_tokens, Some((1 << 53) - 1));
        assert_eq!(odd.cached_tokens, None);
        let wrong = usage(r#"{"prompt_tokens":{},"prompt_tokens_details":[],"cost":-1}"#);
        assert_eq!((wrong.prompt_tokens, wrong.cost_microusd), (None, None));
        for (cost, known) in [("1e400", None), ("-0.0", Some(0)), ("0", Some(0))] {
            let said = usage(&format!(r#"{{"prompt_tokens":1,"cost":{cost}}}"#));
            assert_eq!(said.cost_microusd, known, "{cost}");
        }
    }

    #[test]
    fn an_empty_object_replaces_nothing() {
        let mut latest = Latest::default();
        latest.take(br#"{"prompt_tokens":1}"#);
        latest.take(b"{ }");
        assert_eq!(latest.say().and_then(|usage| usage.prompt_tokens), Some(1));
    }
}
