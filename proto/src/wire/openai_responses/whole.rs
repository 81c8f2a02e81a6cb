//! A response that came whole: the answer to a request without a stream, and the last event of every stream.

use super::finish::{self, End};
use super::item::Item;
use super::item::Voice;
use super::reader::{Events, start};
use super::said::{Members, Response, Role};
use super::usage::usage;
use crate::error::Result;
use crate::event::{Batch, Event};
use crate::json::{Cursor, Kind};
use crate::wire::Flow;

impl Events {
    /// A response object. `event` is the name of the event that brought it, empty where it is the answer itself.
    pub(super) fn response(
        &mut self,
        json: &[u8],
        event: &[u8],
        batch: &mut Batch,
    ) -> Result<Flow> {
        let mut response = Response::read(json)?;
        start(&response, batch);
        self.rest(&response, batch)?;
        if let Some(usage) = response.usage.map(usage).transpose()?.flatten() {
            batch.push(0, Event::Usage(usage));
        }
        // Some servers end with the right event and leave the object's status as it was when they began.
        let word = event.strip_prefix(b"response.").unwrap_or_default();
        let mut named = Cursor::new(match word {
            b"completed" | b"done" => br#""completed""#,
            b"incomplete" => br#""incomplete""#,
            b"failed" => br#""failed""#,
            b"cancelled" => br#""cancelled""#,
            _ => b"null",
        });
        let named = named.text()?;
        let says_more = |status: &str| !matches!(status, "in_progress" | "queued");
        let said = response.status.filter(|status| says_more(&status.owned()));
        response.status = match (word, said) {
            (b"" | b"done", Some(said)) => Some(said),
            (b"", None) => response.status,
            _ => named,
        };
        let end = finish::push(&response, self.calls > 0, batch)?;
        self.whole = true;
        self.later = matches!(end, End::Later);
        Ok(Flow::Done)
    }

    /// What of the output nothing has said so far. The nth item of a kind here is the nth that the events brought: names and places
    /// may differ.
    fn rest(&mut self, response: &Response<'_>, batch: &mut Batch) -> Result<()> {
        // How far the items that are known were gone through, by kind.
        let mut gone: Vec<(Role, usize)> = Vec::new();
        let (mut index, before) = (0, self.items.len());
        if let Some(output) = response.output {
            Cursor::new(output).array(|cursor| {
                if cursor.kind()? != Kind::Object {
                    return Ok(());
                }
                let json = cursor.raw()?;
                let role = Members::read(json)?.role();
                let at = match gone.iter().position(|(known, _)| *known == role) {
                    Some(at) => at,
                    None => {
                        gone.push((role, 0));
                        gone.len() - 1
                    }
                };
                let place = match self.items.next(role, gone[at].1, before) {
                    Some(place) => {
                        gone[at].1 = place + 1;
                        place
                    }
                    None => {
                        gone[at].1 = before;
                        self.items
                            .push(Item::new(role, Some(index), String::new()))?
                    }
                };
                let (item, mut speech) = self.speech(place, batch);
                if !item.done {
                    speech.item(item, json, index)?;
                }
                index += 1;
                Ok(())
            })?;
        }
        if let (Some(text), 0) = (response.output_text, self.items.len()) {
            let item = Item::new(Role::Message, None, String::new());
            let place = self.items.push(item)?;
            let (_, mut speech) = self.speech(place, batch);
            speech.say(Voice::Text, text);
        }
        Ok(())
    }
}
