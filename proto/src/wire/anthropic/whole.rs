//! A message that came whole: the same events as its stream would have meant.

use super::block::{Members, Role};
use super::push::{push_arguments, push_citations, push_finish, push_part, push_text};
use super::reader::MessagesReader;
use super::said::Message;
use crate::error::Result;
use crate::event::{Batch, Event, PartKind};
use crate::frame::Frame;
use crate::json::Cursor;
use crate::wire::Flow;

impl MessagesReader {
    /// A message that came whole.
    pub(super) fn message(&mut self, body: &[u8], batch: &mut Batch) -> Result<Flow> {
        let message = Message::read(body)?;
        message.push_start(batch);
        let blocks = self.content(message.content, batch)?;
        self.overlay(message.usage, batch)?;
        match message.stop_reason {
            Some(reason) => {
                push_finish(reason, message.stop_details, batch)?;
                self.whole = true;
            }
            // Servers that copy the format leave the word out. The body is one object that has come whole, so what it holds is the answer.
            None if blocks > 0 => {
                let (reason, raw) = (None, None);
                batch.push(0, Event::Finish { reason, raw });
                self.whole = true;
            }
            None => {}
        }
        Ok(if self.whole { Flow::Done } else { Flow::More })
    }

    /// Blocks that came whole; says how many.
    pub(super) fn content(&mut self, content: Option<&[u8]>, batch: &mut Batch) -> Result<u32> {
        let mut index = 0;
        if let Some(content) = content {
            Cursor::new(content).array(|cursor| {
                self.block(index, cursor.raw()?, batch)?;
                index += 1;
                Ok(())
            })?;
        }
        Ok(index)
    }

    fn block(&mut self, index: u32, block: &[u8], batch: &mut Batch) -> Result<()> {
        let members = Members::read(block)?;
        match members.role() {
            Role::Text => {
                push_text(members.text, &mut self.scratch, batch);
                push_citations(index, members.citations, batch)?;
            }
            Role::Thinking => {
                if let Some(text) = members.thinking {
                    batch.push(0, Event::Reasoning(text.decode(&mut self.scratch)));
                }
                if members
                    .signature
                    .is_some_and(|signature| !signature.is_empty())
                {
                    push_part(PartKind::Signature, index, block, batch);
                }
            }
            Role::Tool => {
                let call = self.tool_call(&members, batch)?;
                push_arguments(call, members.input.unwrap_or_default(), batch);
            }
            Role::Redacted => push_part(PartKind::Redacted, index, block, batch),
            Role::ServerCall | Role::ServerResult | Role::Other => {
                push_part(PartKind::ServerTool, index, block, batch);
            }
            Role::Unknown => {
                if members.kind.is_some() {
                    push_part(PartKind::ServerTool, index, block, batch);
                }
                self.skip(
                    Frame {
                        name: b"",
                        data: block,
                    },
                    batch,
                );
            }
        }
        Ok(())
    }
}
