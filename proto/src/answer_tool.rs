//! JSON that fits a schema, from models that cannot be held to one: they must call a tool whose arguments have that schema, and its
//! arguments are the answer's text again on their way back.
//!
//! A wire offers the tool ([`demand`]) and marks its request ([`mark`]); whoever reads the answer is told so by
//! [`Exchange::answer_tool`](crate::wire::Exchange::answer_tool), and hears through an [`Unwrapped`].

use serde_json::value::RawValue;

use crate::chat::{Chat, Report, ResponseFormat, Tool, ToolChoice};
use crate::error::Result;
use crate::event::{Batch, Event, Finish};
use crate::frame::Frame;
use crate::wire::{Ending, Flow, Reader};

/// Has the answer come by a tool, if one of a schema is wanted and nothing stands in the way. Then no format is wanted any more;
/// otherwise the wire reports what becomes of it.
#[allow(dead_code)] // a build may have no wire that needs it
pub(crate) fn demand(chat: &mut Chat, report: &mut Report) -> Result<bool> {
    let Some(ResponseFormat::JsonSchema { schema, .. }) = &chat.response_format else {
        return Ok(false);
    };
    // Arguments are an object, whatever an answer may be.
    if !is_object(schema) || chat.tools.iter().any(is_named_so) {
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
    if let Some(ResponseFormat::JsonSchema {
        schema,
        description,
        ..
    }) = chat.response_format.take()
    {
        chat.tools.push(Tool::Function {
            path: FORMAT.to_owned(),
            name: NAME.to_owned(),
            description: Some(description.unwrap_or_else(|| PURPOSE.to_owned())),
            parameters: Some(schema),
            strict: None,
            cache_control: None,
        });
    }
    chat.tool_choice = Some(choice);
    let why = "the model has no structured outputs: a tool was sent whose arguments are the answer";
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
}

impl Unwrapped {
    pub(crate) fn new(reader: Box<dyn Reader>) -> Unwrapped {
        Unwrapped {
            reader,
            said: Batch::new(),
            answers: Vec::new(),
            callers: Vec::new(),
        }
    }

    fn hand_on(&mut self, batch: &mut Batch) {
        for (choice, event) in self.said.iter() {
            match event {
                Event::ToolCall { index, name, .. } if name == NAME => {
                    self.answers.push((choice, index));
                }
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
                Event::Finish {
                    reason: Some(Finish::ToolCalls),
                    raw,
                } if !self.callers.contains(&choice) => {
                    let reason = Some(Finish::Stop);
                    batch.push(choice, Event::Finish { reason, raw });
                }
                other => batch.push(choice, other),
            }
        }
        self.said.clear();
    }
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

    fn finish(&mut self, batch: &mut Batch) -> Result<Ending> {
        let ending = self.reader.finish(&mut self.said);
        self.hand_on(batch);
        ending
    }
}

const FORMAT: &str = "response_format";

/// What the tool is called.
const NAME: &str = "json_answer";

/// What it is for, where the caller does not say.
const PURPOSE: &str = "Gives the answer to the user. Call it once, with the whole answer.";
