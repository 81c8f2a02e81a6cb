//! What Google signed goes back to where it was: to the call, or to the message.

use super::super::extra::Owner;
use super::{Message, Rewriter};
use crate::error::Result;
use crate::json::{Cursor, Kind};
use crate::request::splice::{self, Edits};

impl<'r> Rewriter<'r> {
    /// Gives its `extra_content` back to its owner. Returns what the message gets of it.
    pub(super) fn extra(
        &mut self,
        message: &Message<'r>,
        owner: &Owner,
        extra: &[u8],
    ) -> Result<Vec<u8>> {
        let member = [br#""extra_content":"#, extra].concat();
        if *owner == Owner::Message {
            let has = message.find("extra_content").is_some();
            return Ok(if has { Vec::new() } else { member });
        }
        let Some((_, calls)) = message.find("tool_calls") else {
            return Ok(Vec::new());
        };
        let text = &self.text[calls.value.clone()];
        let (mut edits, mut cursor) = (Edits::default(), Cursor::new(text));
        if cursor.kind()? != Kind::Array {
            return Ok(Vec::new());
        }
        let mut number = 0;
        cursor.array(|cursor| {
            if cursor.kind()? != Kind::Object {
                return cursor.skip();
            }
            let members = splice::members(text, cursor)?;
            let close = cursor.position() - 1;
            let id = members.iter().rfind(|(key, _)| key.is("id"));
            let id = id.and_then(|(_, slot)| super::string(text, slot.value.clone()));
            let own = match owner {
                Owner::Call(of) => id.as_ref() == Some(of),
                Owner::Number(of) => number == *of,
                Owner::Message => false,
            };
            if own && !members.iter().any(|(key, _)| key.is("extra_content")) {
                let slots: Vec<_> = members.iter().map(|(_, slot)| slot).collect();
                edits.reshape(&slots, |_| false, member.clone(), close);
            }
            number += 1;
            Ok(())
        })?;
        self.edits.extend(edits.shifted(calls.value.start));
        Ok(Vec::new())
    }
}
