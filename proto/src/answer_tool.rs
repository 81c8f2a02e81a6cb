//! JSON that fits a schema, from models that cannot be held to one: they must call a tool whose arguments have that schema, and its
//! arguments are the answer's text again on their way back.
//!
//! A wire offers the tool ([`demand`]) and marks its request ([`mark`]); whoever reads the answer is told so by
//! [`Exchange::answer_tool`](crate::wire::Exchange::answer_tool), and hears through an [`Unwrapped`].
//!
//! Models like to say what they are about to do before they call a tool (Nova, and Claude before 4.5). That is no part of the JSON: text
//! waits until the tool is called, and is reasoning then, or until the answer ends without it, and is the answer.

use serde_json::json;
use serde_json::value::RawValue;

use crate::chat::body::raw;
use crate::chat::{Chat, Report, ResponseFormat, Tool, ToolChoice};
use crate::error::Result;
use crate::event::{Batch, Event, Finish};
use crate::frame::Frame;
use crate::wire::{Ending, Flow, Reader};

/// Has the answer come by a tool, if JSON is wanted and nothing stands in the way. Then no format is wanted any more; otherwise the wire
/// reports what becomes of it. Where no schema is given any object fits, which is what JSON without one means.
#[allow(dead_code)] // a build may have no wire that needs it
pub(crate) fn demand(chat: &mut Chat, report: &mut Report) -> Result<bool> {
    let fits = match &chat.response_format {
        // Arguments are an object, whatever an answer may be.
        Some(ResponseFormat::JsonSchema { schema, .. }) => is_object(schema),
        Some(ResponseFormat::JsonObject) => true,
        _ => false,
    };
    if !fits || chat.tools.iter().any(is_named_so) {
        return Ok(false);
    }
    let choice = match chat.tool_choice {
        // The turn will be a call of the caller's own, which has a schema of its own.
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Foreign { .. }) => {
            let why = "the model has no structured outputs, and a tool is to be called";
            chat.response_format = None;
            report.dropped(FORMAT, why)?;
            return Ok(false);
        }
        Some(ToolChoice::None) if !chat.tools.is_empty() => ToolChoice::Named(NAME.to_owned()),
        // Of one tool alone it means that one; beside others the model may call those first.
        _ => ToolChoice::Required,
    };
    let (schema, purpose, why) = match chat.response_format.take() {
        Some(ResponseFormat::JsonSchema {
            schema,
            description,
            ..
        }) => (
            schema,
            description.unwrap_or_else(|| PURPOSE.to_owned()),
            "the model has no structured outputs: a tool was sent whose arguments are the answer",
        ),
        _ => (
            raw(&json!({ "type": "object", "additionalProperties": true }))?,
            ANY_PURPOSE.to_owned(),
            "the model has no JSON mode: a tool was sent whose arguments, any object, are the answer",
        ),
    };
    chat.tools.push(Tool::Function {
        path: FORMAT.to_owned(),
        name: NAME.to_owned(),
        description: Some(purpose),
        parameters: Some(schema),
        strict: None,
        cache_control: None,
    });
    chat.tool_choice = Some(choice);
    report.converted(FORMAT, why);
    Ok(true)
}

/// Says of a request that its answer comes by the tool.
#[allow(dead_code)] // a build may have no wire that needs it
pub(crate) fn mark(http: &mut http::Request<bytes::Bytes>) {
    http.extensions_mut().insert(Mark);
}

/// Whether a request's answer comes by the tool.
pub(crate) fn is_marked(http: &http::Request<bytes::Bytes>) -> bool {
    http.extensions().get::<Mark>().is_some()
}

#[derive(Clone, Copy)]
struct Mark;

fn is_object(schema: &RawValue) -> bool {
    let schema: Option<serde_json::Value> = serde_json::from_str(schema.get()).ok();
    schema.is_some_and(|schema| schema["type"] == "object")
}

fn is_named_so(tool: &Tool) -> bool {
    matches!(tool, Tool::Function { name, .. } if name == NAME)
}

/// A reader whose calls of the tool are text.
pub(crate) struct Unwrapped {
    reader: Box<dyn Reader>,
    said: Batch,
    /// The calls of the tool: choice and number.
    answers: Vec<(u32, u32)>,
    /// Choices that called another tool.
    callers: Vec<u32>,
    /// Text of choices that have not called the tool yet.
    waiting: Vec<(u32, String)>,
}

impl Unwrapped {
    pub(crate) fn new(reader: Box<dyn Reader>) -> Unwrapped {
        Unwrapped {
            reader,
            said: Batch::new(),
            answers: Vec::new(),
            callers: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn hand_on(&mut self, batch: &mut Batch) {
        for (choice, event) in self.said.iter() {
            match event {
                Event::ToolCall { index, name, .. } if name == NAME => {
                    self.answers.push((choice, index));
                    if let Some(text) = taken(&mut self.waiting, choice) {
                        batch.push(choice, Event::Reasoning(&text));
                    }
                }
                Event::Text(text) if self.answers.iter().any(|answer| answer.0 == choice) => {
                    batch.push(choice, Event::Reasoning(text));
                }
                Event::Text(text) => wait(&mut self.waiting, choice, text),
                Event::ToolCall { index, id, name } => {
                    self.callers.push(choice);
                    let index = among_others(&self.answers, choice, index);
                    batch.push(choice, Event::ToolCall { index, id, name });
                }
                Event::ToolArgs { index, arguments } if self.answers.contains(&(choice, index)) => {
                    // It was to be called once: two answers are no JSON.
                    let first = self.answers.iter().find(|answer| answer.0 == choice);
                    if first == Some(&(choice, index)) {
                        batch.push(choice, Event::Text(arguments));
                    }
                }
                Event::ToolArgs { index, arguments } => {
                    let index = among_others(&self.answers, choice, index);
                    batch.push(choice, Event::ToolArgs { index, arguments });
                }
                Event::Finish { reason, raw } => {
                    if let Some(text) = taken(&mut self.waiting, choice) {
                        batch.push(choice, Event::Text(&text));
                    }
                    let reason = match reason {
                        Some(Finish::ToolCalls) if !self.callers.contains(&choice) => {
                            Some(Finish::Stop)
                        }
                        reason => reason,
                    };
                    batch.push(choice, Event::Finish { reason, raw });
                }
                other => batch.push(choice, other),
            }
        }
        self.said.clear();
    }
}

fn wait(waiting: &mut Vec<(u32, String)>, choice: u32, text: &str) {
    match waiting.iter_mut().find(|(known, _)| *known == choice) {
        Some((_, waits)) => waits.push_str(text),
        None => waiting.push((choice, text.to_owned())),
    }
}

fn taken(waiting: &mut Vec<(u32, String)>, choice: u32) -> Option<String> {
    let place = waiting.iter().position(|(known, _)| *known == choice)?;
    Some(waiting.swap_remove(place).1)
}

/// A call's number where those of the tool do not count.
fn among_others(answers: &[(u32, u32)], choice: u32, number: u32) -> u32 {
    let before = |answer: &&(u32, u32)| answer.0 == choice && answer.1 < number;
    number - answers.iter().filter(before).count() as u32
}

impl Reader for Unwrapped {
    fn frame(&mut self, frame: Frame<'_>, batch: &mut Batch) -> Result<Flow> {
        let flow = self.reader.frame(frame, &mut self.said);
        self.hand_on(batch);
        flow
    }

    fn lost(&mut self, batch: &mut Batch) {
        self.reader.lost(&mut self.said);
        self.hand_on(batch);
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<Ending> {
        let ending = self.reader.finish(&mut self.said);
        self.hand_on(batch);
        let ending = ending?;
        // Whoever never said that a choice was finished has finished it now.
        for (choice, text) in std::mem::take(&mut self.waiting) {
            batch.push(choice, Event::Text(&text));
        }
        Ok(ending)
    }
}

const FORMAT: &str = "response_format";

/// What the tool is called.
const NAME: &str = "json_answer";

/// What it is for, where the caller does not say.
const PURPOSE: &str = "Gives the answer to the user. Call it once, with the whole answer.";

/// The same where the conversation alone says what the object holds.
const ANY_PURPOSE: &str = "Gives the answer to the user: the JSON object that the conversation asks for, with all of its members. \
                           Call it once, with the whole answer.";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    /// Says something at its end, and that the end is none.
    struct Cut;

    impl Reader for Cut {
        fn frame(&mut self, _: Frame<'_>, _: &mut Batch) -> Result<Flow> {
            Ok(Flow::More)
        }

        fn finish(&mut self, batch: &mut Batch) -> Result<Ending> {
            batch.push(0, Event::Reasoning("so far"));
            batch.push(0, Event::Text("no answer yet"));
            Err(Error::new(ErrorKind::StreamTruncated, "cut"))
        }
    }

    #[test]
    fn what_was_heard_before_an_error_is_handed_on() {
        let (mut reader, mut batch) = (Unwrapped::new(Box::new(Cut)), Batch::new());
        let error = reader.finish(&mut batch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamTruncated);
        let heard: Vec<_> = batch.iter().collect();
        assert!(
            matches!(heard[..], [(0, Event::Reasoning("so far"))]),
            "{heard:?}"
        );
    }
}
