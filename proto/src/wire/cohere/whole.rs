//! A message of version 2 that came whole: the same events as its stream would have meant.

use super::push::{push_arguments, push_citations, push_finish};
use super::reader::Events;
use super::said::Call;
use super::usage::usage;
use crate::error::Result;
use crate::event::{Batch, Event};
use crate::json::{Cursor, Kind, Str};
use crate::wire::Flow;

#[derive(Default)]
struct Whole<'a> {
    id: Option<Str<'a>>,
    finish_reason: Option<Str<'a>>,
    usage: Option<&'a [u8]>,
    content: Option<&'a [u8]>,
    plan: Option<Str<'a>>,
    calls: Option<&'a [u8]>,
    citations: Option<&'a [u8]>,
}

impl<'a> Whole<'a> {
    fn read(body: &'a [u8]) -> Result<Whole<'a>> {
        let mut whole = Whole::default();
        Cursor::new(body).object(|key, cursor| {
            match key {
                b"id" => whole.id = cursor.text()?,
                b"finish_reason" => whole.finish_reason = cursor.text()?,
                b"usage" => whole.usage = Some(cursor.raw()?),
                b"message" if cursor.kind()? == Kind::Object => cursor.object(|key, cursor| {
                    match key {
                        b"content" => whole.content = Some(cursor.raw()?),
                        b"tool_plan" => whole.plan = cursor.text()?,
                        b"tool_calls" => whole.calls = Some(cursor.raw()?),
                        b"citations" => whole.citations = Some(cursor.raw()?),
                        _ => {}
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(whole)
    }
}

impl Events {
    /// A message that came whole.
    pub(super) fn message(&mut self, body: &[u8], batch: &mut Batch) -> Result<Flow> {
        let whole = Whole::read(body)?;
        self.start(whole.id, batch);
        if let Some(content) = whole.content {
            self.content(content, batch)?;
        }
        self.push_plan(whole.plan.map_or(b"", |plan| plan.raw()), batch);
        each(whole.calls, |cursor| {
            let call = Call::read(cursor)?;
            let index = self.calls.begin(call.id, call.name, batch)?;
            push_arguments(index, call.arguments, batch)
        })?;
        let citations = whole.citations.unwrap_or(b"null");
        self.citations = push_citations(self.citations, citations, batch)?;
        if let Some(usage) = usage(whole.usage.unwrap_or(b"null"))? {
            batch.push(0, Event::Usage(usage));
        }
        let Some(word) = whole.finish_reason else {
            return Ok(Flow::More);
        };
        push_finish(word, body, &self.calls, batch)?;
        self.whole = true;
        Ok(Flow::Done)
    }

    fn content(&mut self, content: &[u8], batch: &mut Batch) -> Result<()> {
        let mut cursor = Cursor::new(content);
        if let Kind::String = cursor.kind()? {
            let text = cursor.string()?;
            batch.push(0, Event::Text(text.decode(&mut self.scratch)));
            return Ok(());
        }
        each(Some(content), |cursor| {
            let (mut text, mut thinking) = (None, None);
            cursor.object(|key, cursor| {
                match key {
                    b"text" => text = cursor.text()?,
                    b"thinking" => thinking = cursor.text()?,
                    _ => {}
                }
                Ok(())
            })?;
            if let Some(thinking) = thinking {
                batch.push(0, Event::Reasoning(thinking.decode(&mut self.scratch)));
            }
            if let Some(text) = text {
                batch.push(0, Event::Text(text.decode(&mut self.scratch)));
            }
            Ok(())
        })
    }
}

/// The objects of a list, if it is one.
fn each<'a>(
    json: Option<&'a [u8]>,
    mut object: impl FnMut(&mut Cursor<'a>) -> Result<()>,
) -> Result<()> {
    let mut cursor = Cursor::new(json.unwrap_or(b"null"));
    if cursor.kind()? != Kind::Array {
        return Ok(());
    }
    cursor.array(|cursor| match cursor.kind()? {
        Kind::Object => object(cursor),
        _ => cursor.skip(),
    })
}
