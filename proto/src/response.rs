//! A whole answer: the fold over events. No clock and no request number here; what needs one is the caller's to add.
//!
//! ```
//! use libllm_proto::{Batch, Event, Finish, Response};
//!
//! let mut batch = Batch::new();
//! batch.push(0, Event::Text("Hel"));
//! batch.push(0, Event::Text("lo"));
//! batch.push(0, Event::Finish { reason: Some(Finish::Stop), raw: Some("end_turn") });
//! let mut response = Response::default();
//! response.absorb(&batch);
//! response.finish(true);
//! assert_eq!(response.text(), Some("Hello"));
//! assert_eq!(response.message_json(true, &|_, _| String::new()), r#"{"role":"assistant","content":"Hello"}"#);
//! ```

use crate::event::{Batch, Event, Finish, PartKind, Usage};
use crate::json;
use crate::json::write::Object;

mod view;

/// A whole answer, or what has come of it.
#[derive(Clone, Debug, Default)]
pub struct Response {
    id: Option<Box<str>>,
    model: Option<Box<str>>,
    provider: Option<Box<str>>,
    choices: Vec<Choice>,
    // It comes last, and streams wait long for it.
    usage: Option<Box<Usage>>,
    /// Of an operation that is answered in one piece.
    result: Option<Whole>,
    /// Of text, reasoning and refusals only their presence is noted.
    without_text: bool,
}

/// The answer of an operation that is answered in one piece.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole {
    /// What it is, if it is not JSON.
    pub media_type: Option<Box<str>>,
    /// A JSON object, or bytes; empty where results are not kept.
    pub data: Box<[u8]>,
}

/// One of the answers to a request.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Its number.
    pub index: u32,
    /// The text, if text is kept.
    pub text: String,
    /// The reasoning, if text is kept.
    pub reasoning: String,
    /// The refusal, if text is kept.
    pub refusal: String,
    /// Calls of the caller's tools, in order.
    pub tool_calls: Vec<ToolCall>,
    /// What must survive byte for byte.
    pub parts: Vec<Part>,
    /// Why it ended, in OpenAI's terms.
    pub finish: Option<Finish>,
    /// The provider's own word for it.
    pub finish_raw: Option<Box<str>>,
}

/// A call of one of the caller's tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Its number within the choice.
    pub index: u32,
    /// The provider's id, if its format has one.
    pub id: Option<Box<str>>,
    /// The function's name.
    pub name: String,
    /// The arguments as the model wrote them.
    pub arguments: String,
    /// The arguments parse and the answer is whole.
    pub complete: bool,
}

/// What must survive byte for byte but is no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Its place in the answer.
    pub index: u32,
    /// The provider's own JSON.
    pub json: Box<str>,
}

/// Makes the id of a tool call whose format has none, from the numbers of its choice and of the call.
pub type MakeId<'a> = &'a dyn Fn(u32, u32) -> String;

impl Response {
    /// Whether text, reasoning, refusals and results are kept; they are, unless this says otherwise before the first event.
    pub fn keep_text(&mut self, keep: bool) {
        self.without_text = !keep;
    }

    /// Names the provider, so that the parts of this answer can say whose they are.
    pub fn set_provider(&mut self, provider: &str) {
        self.provider = Some(provider.into());
    }

    /// Takes the events of a batch in.
    pub fn absorb(&mut self, batch: &Batch) {
        for (choice, event) in batch.iter() {
            self.take(choice, event);
        }
    }

    /// The answer has ended. Tool calls are complete only if it is `whole`: its terminal marker came.
    pub fn finish(&mut self, whole: bool) {
        for call in self
            .choices
            .iter_mut()
            .flat_map(|choice| &mut choice.tool_calls)
        {
            call.complete = whole && json::check(call.arguments_json().as_bytes()).is_ok();
        }
    }

    /// The provider's name for the answer: the first that was not empty.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The model that answered, in the provider's words: the first that was not empty.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The answer of an operation that is answered in one piece.
    pub fn result(&self) -> Option<&Whole> {
        self.result.as_ref()
    }

    /// Whether there are parts, which say whose they are: [`Response::set_provider`].
    pub fn has_parts(&self) -> bool {
        self.choices.iter().any(|choice| !choice.parts.is_empty())
    }

    /// The answers, by their number.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// The text of the first answer.
    pub fn text(&self) -> Option<&str> {
        Some(self.choices.first()?.text.as_str())
    }

    /// Tokens as the provider counted them, if it did.
    pub fn usage(&self) -> Option<&Usage> {
        self.usage.as_deref()
    }

    /// The first answer as the turn to append to `messages`, JSON: text only if asked for, calls, and the parts that must go
    /// back. Every wire can say it.
    pub fn message_json(&self, with_text: bool, make_id: MakeId<'_>) -> String {
        let mut out = String::new();
        self.write_message(with_text, make_id, &mut out);
        out
    }

    /// Appends what [`Response::message_json`] says.
    pub fn write_message(&self, with_text: bool, make_id: MakeId<'_>, out: &mut String) {
        let mut message = Object::begin(out);
        match self.choices.first() {
            Some(choice) => self.message(choice, with_text, make_id, &mut message),
            None => self.message(&Choice::default(), with_text, make_id, &mut message),
        }
        message.end();
    }

    /// Forgets the usage, and says what it was: what comes next is of another request.
    pub fn take_usage(&mut self) -> Option<Usage> {
        self.usage.take().map(|usage| *usage)
    }

    /// Replaces the usage.
    pub fn set_usage(&mut self, usage: Option<Usage>) {
        self.usage = usage.map(Box::new);
    }

    /// The answer as a `chat.completion` object. `created` is not in it: there is no clock here.
    pub fn chat_completion_json(&self, make_id: MakeId<'_>) -> String {
        let mut out = String::new();
        let mut answer = Object::begin(&mut out);
        answer
            .maybe("id", self.id())
            .text("object", "chat.completion")
            .maybe("model", self.model())
            .list("choices", &self.choices, |object, choice| {
                object
                    .count("index", Some(choice.index.into()))
                    .object("message", |message| {
                        self.message(choice, true, make_id, message)
                    })
                    .maybe("finish_reason", choice.finish.map(Finish::name));
            });
        match &self.usage {
            Some(usage) => answer.object("usage", |object| view::usage(usage, object)),
            None => answer.raw("usage", "null"),
        };
        answer.end();
        out
    }

    fn take(&mut self, number: u32, event: Event<'_>) {
        match event {
            Event::Start { id, model } => {
                first(&mut self.id, id);
                first(&mut self.model, model);
                return;
            }
            Event::Usage(usage) => {
                self.usage = Some(Box::new(usage));
                return;
            }
            Event::Result { media_type, data } => {
                self.result = Some(Whole {
                    media_type: media_type.map(Box::from),
                    data: match self.without_text {
                        true => Box::default(),
                        false => data.into(),
                    },
                });
                return;
            }
            Event::Raw(_) => return,
            _ => {}
        }
        let keep = !self.without_text;
        let choice = self.choice(number);
        match event {
            Event::Text(text) if keep => choice.text.push_str(text),
            Event::Reasoning(text) if keep => choice.reasoning.push_str(text),
            Event::Refusal(text) if keep => choice.refusal.push_str(text),
            Event::ToolCall { index, id, name } => {
                let call = choice.call(index);
                first(&mut call.id, id);
                if call.name.is_empty() {
                    call.name.push_str(name);
                }
            }
            Event::ToolArgs { index, arguments } => {
                choice.call(index).arguments.push_str(arguments)
            }
            Event::Part { kind, index, json } => {
                choice.parts.push(Part {
                    kind,
                    index,
                    json: json.into(),
                });
            }
            Event::Finish { reason, raw } => {
                choice.finish = reason;
                first(&mut choice.finish_raw, raw);
            }
            _ => {}
        }
    }

    /// The choice of this number; choices stay sorted.
    fn choice(&mut self, number: u32) -> &mut Choice {
        let place = match self
            .choices
            .binary_search_by_key(&number, |choice| choice.index)
        {
            Ok(place) => place,
            Err(place) => {
                // Mostly there is one, and it is there for as long as the answer takes.
                self.choices.reserve_exact(1);
                self.choices.insert(
                    place,
                    Choice {
                        index: number,
                        ..Choice::default()
                    },
                );
                place
            }
        };
        &mut self.choices[place]
    }

    fn message(
        &self,
        choice: &Choice,
        with_text: bool,
        make_id: MakeId<'_>,
        message: &mut Object<'_>,
    ) {
        let kept = |text: &'_ String| with_text && !text.is_empty();
        message.text("role", "assistant");
        match kept(&choice.text) {
            true => message.text("content", &choice.text),
            false => message.raw("content", "null"),
        };
        if kept(&choice.refusal) {
            message.text("refusal", &choice.refusal);
        }
        if kept(&choice.reasoning) {
            message.text("reasoning", &choice.reasoning);
        }
        if !choice.tool_calls.is_empty() {
            message.list("tool_calls", &choice.tool_calls, |object, call| {
                view::call(choice, call, make_id, object);
            });
        }
        let parts = choice.parts.iter();
        // A reader only hands on JSON that it has read.
        let mut parts = parts
            .filter_map(|part| Some((part, json::as_written(&part.json)?)))
            .peekable();
        if parts.peek().is_some() {
            message.list("libllm_parts", parts, |object, (part, data)| {
                object.text("kind", part.kind.name());
                if let Some(provider) = &self.provider {
                    object.text("provider", provider);
                }
                object
                    .count("index", Some(part.index.into()))
                    .raw("data", data);
            });
        }
    }
}

impl Choice {
    /// The call of this number; a call's beginning comes before its arguments, but nothing here depends on it.
    fn call(&mut self, index: u32) -> &mut ToolCall {
        let place = match self
            .tool_calls
            .binary_search_by_key(&index, |call| call.index)
        {
            Ok(place) => place,
            Err(place) => {
                self.tool_calls.insert(
                    place,
                    ToolCall {
                        index,
                        ..ToolCall::default()
                    },
                );
                place
            }
        };
        &mut self.tool_calls[place]
    }
}

impl ToolCall {
    /// The arguments as JSON text: none are an empty object.
    fn arguments_json(&self) -> &str {
        match self.arguments.trim() {
            "" | "null" => "{}",
            _ => &self.arguments,
        }
    }
}

/// Usage as Chat Completions prints it.
pub(crate) fn usage_json(usage: &Usage) -> String {
    let mut json = String::new();
    let mut object = Object::begin(&mut json);
    view::usage(usage, &mut object);
    object.end();
    json
}

const WORD_MAX: usize = 512;

/// Keeps the first word that says something.
fn first(place: &mut Option<Box<str>>, word: Option<&str>) {
    if place.is_none() {
        // A name, not a novel: it travels in a terminal event.
        let word = word.filter(|word| !word.is_empty());
        *place = word.map(|word| Box::from(&word[..word.floor_char_boundary(WORD_MAX)]));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
