//! Pictures and other things in a tool's result. The format's results are text ("For tool messages, only type `text` is supported", API
//! reference, "Create chat completion"), and most servers refuse others there: so the user shows them, behind the results of that turn.

use super::marks::unmark;
use super::{Message, Rewriter, string};
use crate::error::Result;
use crate::json::{Cursor, Kind};

/// Parts that a user can say.
const SHOWN: &[&str] = &["image_url", "input_audio", "file", "video_url"];

impl<'r> Rewriter<'r> {
    /// Takes what is no text out of a result, and has it shown where the results end. Says whether the result's content is another.
    pub(super) fn show(&mut self, message: &Message<'r>, start: usize) -> Result<bool> {
        let role = message.find("role");
        let role = role.and_then(|(_, slot)| string(self.text, slot.value.clone()));
        if role.as_deref() != Some("tool") {
            self.show_before(start);
            return Ok(false);
        }
        let Some((_, slot)) = message.find("content") else {
            return Ok(false);
        };
        let content = &self.text[slot.value.clone()];
        if self.target.quirks.tool_pictures || Cursor::new(content).kind()? != Kind::Array {
            return Ok(false);
        }
        let [kept, shown] = parted(content)?;
        if shown.is_empty() {
            return Ok(false);
        }
        let kept = match kept.is_empty() {
            true => b"\"\"".to_vec(),
            false => self.listed(&kept)?,
        };
        let shown = self.listed(&shown)?;
        if !self.shown.is_empty() {
            self.shown.push(b',');
        }
        self.shown.extend_from_slice(&shown[1..shown.len() - 1]);
        self.edits.replace(slot.value.clone(), kept);
        self.note(true, message.place("content"), || {
            "a tool's result is text there: the user shows the rest".to_owned()
        });
        Ok(true)
    }

    /// Parts as an array, without marks that the service does not know.
    fn listed(&self, parts: &[&[u8]]) -> Result<Vec<u8>> {
        let list = [b"[", parts.join(&b',').as_slice(), b"]"].concat();
        match self.target.quirks.cache_markers {
            true => Ok(list),
            false => Ok(unmark(&list, &[], |_| {})?.apply(&list)),
        }
    }

    fn show_before(&mut self, start: usize) {
        if let Some(message) = self.shown_by_user() {
            let with = [message.as_slice(), b","].concat();
            self.edits.replace(start..start, with);
        }
    }

    /// The conversation ends with results.
    pub(super) fn show_last(&mut self, end: usize) {
        if let Some(message) = self.shown_by_user() {
            let with = [b",", message.as_slice()].concat();
            self.edits.replace(end..end, with);
        }
    }

    fn shown_by_user(&mut self) -> Option<Vec<u8>> {
        let parts = std::mem::take(&mut self.shown);
        let message = || [br#"{"role":"user","content":["#, parts.as_slice(), b"]}"].concat();
        (!parts.is_empty()).then(message)
    }
}

/// The parts that may stay, and those that the user says.
fn parted(content: &[u8]) -> Result<[Vec<&[u8]>; 2]> {
    let (mut kept, mut shown) = (Vec::new(), Vec::new());
    Cursor::new(content).array(|cursor| {
        let part = cursor.raw()?;
        let mut moves = false;
        let mut inside = Cursor::new(part);
        if inside.kind()? == Kind::Object {
            inside.object(|key, cursor| {
                if key == b"type"
                    && let Some(kind) = cursor.text()?
                {
                    moves = SHOWN.iter().any(|name| kind.is(name));
                }
                Ok(())
            })?;
        }
        match moves {
            true => shown.push(part),
            false => kept.push(part),
        }
        Ok(())
    })?;
    Ok([kept, shown])
}
