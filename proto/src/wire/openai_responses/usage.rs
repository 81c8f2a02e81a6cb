//! Token counts of a response.

use crate::error::Result;
use crate::event::Usage;
use crate::json::{Cursor, Kind};

/// What an object says; nothing if it counts nothing.
pub(super) fn usage(json: &[u8]) -> Result<Option<Usage>> {
    let mut usage = Usage::default();
    let mut ticks = None;
    Cursor::new(json).object(|key, cursor| {
        match key {
            // The second names are those of Chat Completions, which some servers keep.
            b"input_tokens" | b"prompt_tokens" => usage.prompt_tokens = cursor.count()?,
            b"output_tokens" | b"completion_tokens" => usage.completion_tokens = cursor.count()?,
            b"total_tokens" => usage.total_tokens = cursor.count()?,
            b"input_tokens_details" | b"prompt_tokens_details" => {
                details(cursor, |key, count| match key {
                    b"cached_tokens" => usage.cached_tokens = count,
                    b"cache_write_tokens" => usage.cache_write_tokens = count,
                    b"audio_tokens" => usage.audio_prompt_tokens = count,
                    _ => {}
                })?
            }
            b"output_tokens_details" | b"completion_tokens_details" => {
                details(cursor, |key, count| match key {
                    b"reasoning_tokens" => usage.reasoning_tokens = count,
                    b"audio_tokens" => usage.audio_completion_tokens = count,
                    _ => {}
                })?;
            }
            // OpenRouter, "Usage accounting": US dollars.
            b"cost" => {
                let dollars = cursor.real()?;
                usage.cost_microusd = dollars.and_then(Usage::microusd);
            }
            // xAI, "Usage": ten thousand millionths of a US dollar each.
            b"cost_in_usd_ticks" => ticks = cursor.count()?,
            _ => {}
        }
        Ok(())
    })?;
    usage.cost_microusd = usage
        .cost_microusd
        .or(ticks.map(|ticks| ticks.div_ceil(TICKS)));
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

/// Ticks in a millionth of a US dollar: one is 1e-10 dollars (xAI API reference, "cost_in_usd_ticks").
const TICKS: u64 = 10_000;

fn details(cursor: &mut Cursor<'_>, mut take: impl FnMut(&[u8], Option<u64>)) -> Result<()> {
    if cursor.kind()? != Kind::Object {
        return Ok(());
    }
    cursor.object(|key, cursor| {
        take(key, cursor.count()?);
        Ok(())
    })
}
