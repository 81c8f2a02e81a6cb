//! A block of a kind that has no words of ours: put together from its beginning and its deltas, to be kept and sent back as it is.
//!
//! What all blocks have in common tells how: a delta says members of its block, text that goes on and values that replace (Anthropic
//! docs "Streaming messages"; `compaction_delta` in "Compaction").

use crate::error::Result;
use crate::json::Cursor;

/// The members of a block, each as it is written.
pub(super) struct Other(Vec<(Vec<u8>, Vec<u8>)>);

impl Other {
    /// A block as it begins.
    pub(super) fn begin(block: &[u8]) -> Result<Other> {
        let mut other = Other(Vec::new());
        other.join_members(block, |_| true)?;
        Ok(other)
    }

    /// Adds what a delta says; its type is its own, not the block's.
    pub(super) fn join(&mut self, delta: &[u8]) -> Result<()> {
        self.join_members(delta, |name| name != b"type")
    }

    fn join_members(&mut self, json: &[u8], takes: impl Fn(&[u8]) -> bool) -> Result<()> {
        if json.is_empty() {
            return Ok(());
        }
        let mut cursor = Cursor::new(json);
        cursor.enter_object()?;
        while let Some(name) = cursor.key()? {
            let value = cursor.raw()?;
            if !takes(name.raw()) {
                continue;
            }
            match self.0.iter_mut().find(|(known, _)| known == name.raw()) {
                None => self.0.push((name.raw().to_vec(), value.to_vec())),
                Some((_, text)) if text.starts_with(b"\"") && value.starts_with(b"\"") => {
                    text.pop();
                    text.extend_from_slice(&value[1..]);
                }
                Some((_, said)) => *said = value.to_vec(),
            }
        }
        Ok(())
    }

    /// The block as JSON.
    pub(super) fn json(&self) -> Vec<u8> {
        let members: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| [b"\"", &name[..], b"\":", value].concat())
            .collect();
        [&b"{"[..], &members.join(&b','), b"}"].concat()
    }
}
