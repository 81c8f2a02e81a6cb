//! Token counts of Converse.

use crate::error::Result;
use crate::event::Usage;
use crate::json::{Cursor, Kind};

/// The counts of one `usage` object; none if nothing is counted in it.
pub(super) fn usage(json: &[u8]) -> Result<Option<Usage>> {
    let mut cursor = Cursor::new(json);
    if cursor.kind()? != Kind::Object {
        return Ok(None);
    }
    let (mut input, mut usage) = (None, Usage::default());
    cursor.object(|key, cursor| {
        match key {
            b"inputTokens" => input = cursor.count()?,
            b"outputTokens" => usage.completion_tokens = cursor.count()?,
            b"totalTokens" => usage.total_tokens = cursor.count()?,
            // Nova's own body has the longer names; Converse says both.
            b"cacheReadInputTokens" | b"cacheReadInputTokenCount" => {
                usage.cached_tokens = cursor.count()?.or(usage.cached_tokens);
            }
            b"cacheWriteInputTokens" | b"cacheWriteInputTokenCount" => {
                usage.cache_write_tokens = cursor.count()?.or(usage.cache_write_tokens);
            }
            _ => {}
        }
        Ok(())
    })?;
    // `inputTokens` leaves out what the cache read or wrote (reference of TokenUsage).
    let cache = [usage.cached_tokens, usage.cache_write_tokens];
    let cache = cache.into_iter().flatten().fold(0, u64::saturating_add);
    usage.prompt_tokens = input.map(|tokens: u64| tokens.saturating_add(cache));
    if usage.prompt_tokens.is_none() && usage.completion_tokens.is_none() {
        return Ok(None);
    }
    if usage.total_tokens.is_none() {
        let parts = usage.prompt_tokens.zip(usage.completion_tokens);
        usage.total_tokens = parts.map(|(prompt, completion)| prompt.saturating_add(completion));
    }
    usage.raw = Some(String::from_utf8_lossy(json).into());
    Ok(Some(usage))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_holds_what_the_cache_read_and_wrote() {
        let json = br#"{"inputTokens":10,"outputTokens":4,"totalTokens":7365,"cacheReadInputTokens":7351,"cacheReadInputTokenCount":7351,"cacheWriteInputTokens":0}"#;
        let usage = usage(json).unwrap().unwrap();
        assert_eq!(
            (usage.prompt_tokens, usage.total_tokens),
            (Some(7361), Some(7365))
        );
        assert_eq!(
            (usage.cached_tokens, usage.cache_write_tokens),
            (Some(7351), Some(0))
        );
    }

    #[test]
    fn a_sum_that_was_not_said_is_made() {
        let said = usage(br#"{"inputTokens":1,"outputTokens":2}"#)
            .unwrap()
            .unwrap();
        assert_eq!((said.total_tokens, said.cached_tokens), (Some(3), None));
        let other = usage(br#"{"inputTokens":1,"outputTokens":2,"totalTokens":9}"#);
        assert_eq!(other.unwrap().unwrap().total_tokens, Some(9));
        let half = usage(br#"{"outputTokens":2}"#).unwrap().unwrap();
        assert_eq!((half.prompt_tokens, half.total_tokens), (None, None));
        assert_eq!(usage(b"{}").unwrap(), None);
        assert_eq!(usage(b"null").unwrap(), None);
    }
}
