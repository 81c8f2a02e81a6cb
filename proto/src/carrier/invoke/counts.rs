//! Token counts that Bedrock adds to an answer: headers of a whole one, `amazon-bedrock-invocationMetrics` in the last piece of a
//! streamed one (user guide, "Monitor model invocation", and recorded).

use crate::error::Result;
use crate::event::Usage;
use crate::json::{Cursor, Kind};
use crate::wire::Head;

/// Counts of the carrier's own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
}

impl Counts {
    /// Of an answer's headers.
    pub(super) fn of_head(head: &Head) -> Counts {
        let count = |name: &str| head.header(name)?.trim().parse().ok();
        Counts {
            input: count("x-amzn-bedrock-input-token-count"),
            output: count("x-amzn-bedrock-output-token-count"),
            cache_read: count("x-amzn-bedrock-cache-read-input-token-count"),
            cache_write: count("x-amzn-bedrock-cache-write-input-token-count"),
        }
    }

    /// Of the metrics in a piece, if it has any.
    pub(super) fn of_piece(piece: &[u8]) -> Result<Option<Counts>> {
        let mut found = None;
        let mut cursor = Cursor::new(piece);
        if memchr::memmem::find(piece, METRICS).is_none() || cursor.kind()? != Kind::Object {
            return Ok(None);
        }
        cursor.object(|key, cursor| {
            if key == METRICS && cursor.kind()? == Kind::Object {
                let mut counts = Counts::default();
                cursor.object(|key, cursor| {
                    match key {
                        b"inputTokenCount" => counts.input = cursor.count()?,
                        b"outputTokenCount" => counts.output = cursor.count()?,
                        b"cacheReadInputTokenCount" => counts.cache_read = cursor.count()?,
                        b"cacheWriteInputTokenCount" => counts.cache_write = cursor.count()?,
                        _ => {}
                    }
                    Ok(())
                })?;
                found = Some(counts);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// In our terms; none if nothing was counted.
    pub(super) fn usage(self) -> Option<Usage> {
        if self.input.is_none() && self.output.is_none() {
            return None;
        }
        let cache = [self.cache_read, self.cache_write];
        let cache = cache.into_iter().flatten().fold(0, u64::saturating_add);
        let prompt = self.input.map(|input| input.saturating_add(cache));
        let sum = prompt.zip(self.output);
        Some(Usage {
            prompt_tokens: prompt,
            completion_tokens: self.output,
            total_tokens: sum.map(|(prompt, output)| prompt.saturating_add(output)),
            cached_tokens: self.cache_read,
            cache_write_tokens: self.cache_write,
            ..Usage::default()
        })
    }
}

const METRICS: &[u8] = b"amazon-bedrock-invocationMetrics";
