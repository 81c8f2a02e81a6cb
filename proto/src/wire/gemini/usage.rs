//! Token counts: `usageMetadata`. Every chunk of a stream may have some; the last that counts anything is the answer's.

use crate::error::Result;
use crate::event::Usage;
use crate::json::{Cursor, Kind};

/// The counts of one `usageMetadata` object; none if nothing is counted in it.
pub(super) fn usage(json: &[u8]) -> Result<Option<Usage>> {
    let mut cursor = Cursor::new(json);
    if cursor.kind()? != Kind::Object {
        return Ok(None);
    }
    let (mut candidates, mut thoughts) = (None, None);
    let mut usage = Usage::default();
    cursor.object(|key, cursor| {
        match key {
            b"promptTokenCount" => usage.prompt_tokens = cursor.count()?,
            b"candidatesTokenCount" => candidates = cursor.count()?,
            b"thoughtsTokenCount" => thoughts = cursor.count()?,
            b"totalTokenCount" => usage.total_tokens = cursor.count()?,
            b"cachedContentTokenCount" => usage.cached_tokens = cursor.count()?,
            b"promptTokensDetails" => usage.audio_prompt_tokens = sound(cursor)?,
            b"candidatesTokensDetails" => usage.audio_completion_tokens = sound(cursor)?,
            _ => {}
        }
        Ok(())
    })?;
    usage.reasoning_tokens = thoughts;
    // The candidates' tokens leave the thoughts out (reference of UsageMetadata).
    usage.completion_tokens = match (candidates, thoughts) {
        (None, None) => None,
        (candidates, thoughts) => Some(
            candidates
                .unwrap_or(0u64)
                .saturating_add(thoughts.unwrap_or(0)),
        ),
    };
    let counted = [
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.total_tokens,
    ];
    if counted.iter().all(Option::is_none) {
        return Ok(None);
    }
    usage.raw = Some(String::from_utf8_lossy(json).into());
    Ok(Some(usage))
}

/// How many tokens of a list by modality are sound; none if there is no such entry (reference of ModalityTokenCount).
fn sound(cursor: &mut Cursor<'_>) -> Result<Option<u64>> {
    let mut tokens: Option<u64> = None;
    if cursor.kind()? != Kind::Array {
        return Ok(None);
    }
    cursor.array(|cursor| {
        if cursor.kind()? != Kind::Object {
            return Ok(());
        }
        let (mut audio, mut count) = (false, None);
        cursor.object(|key, cursor| {
            match key {
                b"modality" => audio = cursor.raw()? == br#""AUDIO""#,
                b"tokenCount" => count = cursor.count()?,
                _ => {}
            }
            Ok(())
        })?;
        if let Some(count) = count.filter(|_| audio) {
            tokens = Some(tokens.unwrap_or(0).saturating_add(count));
        }
        Ok(())
    })?;
    Ok(tokens)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_belong_to_the_completion() {
        let json = br#"{"promptTokenCount":8,"candidatesTokenCount":5,"thoughtsTokenCount":30,"totalTokenCount":43,"cachedContentTokenCount":2}"#;
        let usage = usage(json).unwrap().unwrap();
        assert_eq!(
            (usage.prompt_tokens, usage.completion_tokens),
            (Some(8), Some(35))
        );
        assert_eq!(
            (usage.reasoning_tokens, usage.cached_tokens),
            (Some(30), Some(2))
        );
        assert_eq!(usage.total_tokens, Some(43));
    }

    #[test]
    fn sound_is_counted_apart() {
        let json = br#"{"promptTokenCount":40,"promptTokensDetails":[{"modality":"TEXT","tokenCount":8},{"modality":"AUDIO","tokenCount":32}],
            "candidatesTokenCount":5,"candidatesTokensDetails":[{"modality":"TEXT","tokenCount":5}]}"#;
        let usage = usage(json).unwrap().unwrap();
        assert_eq!(
            (usage.audio_prompt_tokens, usage.audio_completion_tokens),
            (Some(32), None)
        );
    }

    #[test]
    fn what_was_not_counted_is_unknown() {
        assert_eq!(usage(br#"{"trafficType":"ON_DEMAND"}"#).unwrap(), None);
        assert_eq!(usage(b"null").unwrap(), None);
        let early = usage(br#"{"promptTokenCount":8,"totalTokenCount":8}"#)
            .unwrap()
            .unwrap();
        assert_eq!(
            (early.completion_tokens, early.reasoning_tokens),
            (None, None)
        );
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let max = u64::MAX;
        let json = format!(r#"{{"candidatesTokenCount":{max},"thoughtsTokenCount":{max}}}"#);
        assert!(
            usage(json.as_bytes())
                .unwrap()
                .unwrap()
                .completion_tokens
                .is_some()
        );
    }
}
