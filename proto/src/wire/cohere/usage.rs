//! Token counts, which both versions of the format write alike: `usage` of version 2, `meta` of version 1.

use crate::error::Result;
use crate::event::Usage;
use crate::json::{Cursor, Kind};

#[derive(Default)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    reasoning: Option<u64>,
}

/// What an object says; nothing if it counts nothing.
pub(super) fn usage(json: &[u8]) -> Result<Option<Usage>> {
    let mut cursor = Cursor::new(json);
    if cursor.kind()? != Kind::Object {
        return Ok(None);
    }
    let (mut tokens, mut billed, mut cached_tokens) = (Counts::default(), Counts::default(), None);
    cursor.object(|key, cursor| {
        match key {
            b"tokens" => tokens = counts(cursor)?,
            b"billed_units" => billed = counts(cursor)?,
            b"cached_tokens" => cached_tokens = cursor.count()?,
            _ => {}
        }
        Ok(())
    })?;
    // `tokens` is what the model saw and wrote; what is billed leaves out the API's own prompt (docs "How does Cohere pricing work").
    let prompt_tokens = tokens.input.or(billed.input);
    let completion_tokens = tokens.output.or(billed.output);
    if prompt_tokens.is_none() && completion_tokens.is_none() {
        return Ok(None);
    }
    let parts = prompt_tokens.zip(completion_tokens);
    Ok(Some(Usage {
        prompt_tokens,
        completion_tokens,
        total_tokens: parts.map(|(prompt, completion)| prompt.saturating_add(completion)),
        cached_tokens,
        reasoning_tokens: tokens.reasoning,
        raw: Some(String::from_utf8_lossy(json).into()),
        ..Usage::default()
    }))
}

fn counts(cursor: &mut Cursor<'_>) -> Result<Counts> {
    let mut counts = Counts::default();
    if cursor.kind()? != Kind::Object {
        cursor.skip()?;
        return Ok(counts);
    }
    cursor.object(|key, cursor| {
        match key {
            b"input_tokens" => counts.input = cursor.count()?,
            b"output_tokens" => counts.output = cursor.count()?,
            b"reasoning_tokens" => counts.reasoning = cursor.count()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(counts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_before_what_is_billed() {
        let json = br#"{"billed_units":{"input_tokens":2,"output_tokens":3},"tokens":{"input_tokens":10.0,"output_tokens":5,"reasoning_tokens":4},"cached_tokens":6}"#;
        let all = usage(json).unwrap().unwrap();
        assert_eq!(
            (all.prompt_tokens, all.completion_tokens),
            (Some(10), Some(5))
        );
        assert_eq!((all.total_tokens, all.cached_tokens), (Some(15), Some(6)));
        assert_eq!(all.reasoning_tokens, Some(4));
        assert_eq!(all.raw.as_deref().map(str::as_bytes), Some(&json[..]));
        let billed = usage(br#"{"tokens":null,"billed_units":{"input_tokens":2}}"#);
        let billed = billed.unwrap().unwrap();
        assert_eq!((billed.prompt_tokens, billed.total_tokens), (Some(2), None));
        for nothing in [
            "{}",
            "null",
            "[]",
            r#"{"tokens":{}}"#,
            r#"{"api_version":{}}"#,
        ] {
            assert_eq!(usage(nothing.as_bytes()).unwrap(), None, "{nothing}");
        }
    }
}
