//! The model's words: events that borrow from the bytes, and the reused batch that carries them out of one read.

use std::sync::Arc;

mod kept;
mod packed;

pub use kept::Place;

/// One thing the model or its provider said. Borrows from the bytes it was read from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The provider's names for the answer; may come more than once, the first non-empty value counts.
    Start {
        /// The answer's id.
        id: Option<&'a str>,
        /// The model that answers, in the provider's words.
        model: Option<&'a str>,
    },
    /// Answer text, a delta.
    Text(&'a str),
    /// Reasoning text, a delta.
    Reasoning(&'a str),
    /// Refusal text, a delta; never mixed into the text.
    Refusal(&'a str),
    /// Tool call number `index` of this choice begins. `index` counts calls from 0 without gaps.
    ToolCall {
        /// Number of the call within the choice.
        index: u32,
        /// The provider's id; `None` where the wire has none.
        id: Option<&'a str>,
        /// The function's name.
        name: &'a str,
    },
    /// Raw JSON text of tool call `index`'s arguments, a delta.
    ToolArgs {
        /// Number of the call within the choice.
        index: u32,
        /// A piece of JSON text.
        arguments: &'a str,
    },
    /// What must survive byte for byte but is no text.
    Part {
        /// What it is.
        kind: PartKind,
        /// The provider's index of the content block, or a running number.
        index: u32,
        /// The provider's own JSON.
        json: &'a str,
    },
    /// Usage so far; each replaces the one before.
    Usage(Usage),
    /// This choice is finished.
    Finish {
        /// In OpenAI's terms; `None` where the provider's word has no equal.
        reason: Option<Finish>,
        /// The provider's own word.
        raw: Option<&'a str>,
    },
    /// A provider event nobody here knows, byte for byte.
    Raw(&'a [u8]),
    /// The whole answer of an operation that is answered in one piece.
    Result {
        /// What it is, if it is not JSON.
        media_type: Option<&'a str>,
        /// A JSON object, or bytes.
        data: &'a [u8],
    },
}

/// What an [`Event::Part`] carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it; CONTRACTS of PART lists them
pub enum PartKind {
    Signature,
    Redacted,
    Encrypted,
    Citation,
    ServerTool,
    Image,
    Audio,
    Plan,
    CustomTool,
}

impl PartKind {
    /// The `kind` in the PART event's JSON.
    pub fn name(self) -> &'static str {
        match self {
            PartKind::Signature => "signature",
            PartKind::Redacted => "redacted",
            PartKind::Encrypted => "encrypted",
            PartKind::Citation => "citation",
            PartKind::ServerTool => "server_tool",
            PartKind::Image => "image",
            PartKind::Audio => "audio",
            PartKind::Plan => "plan",
            PartKind::CustomTool => "custom_tool",
        }
    }
}

/// Why a choice ended, in OpenAI's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // OpenAI's own words
pub enum Finish {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
}

impl Finish {
    /// OpenAI's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Finish::Stop => "stop",
            Finish::Length => "length",
            Finish::ToolCalls => "tool_calls",
            Finish::ContentFilter => "content_filter",
        }
    }
}

/// Tokens as the provider counted them. `None` is unknown, never 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the answer.
    pub completion_tokens: Option<u64>,
    /// Sum as the provider said it, else of the two above.
    pub total_tokens: Option<u64>,
    /// Prompt tokens read from the provider's cache.
    pub cached_tokens: Option<u64>,
    /// Prompt tokens written to the provider's cache.
    pub cache_write_tokens: Option<u64>,
    /// Those of them that are to be kept for an hour.
    pub cache_write_hour_tokens: Option<u64>,
    /// Completion tokens spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Prompt tokens that are sound.
    pub audio_prompt_tokens: Option<u64>,
    /// Completion tokens that are sound.
    pub audio_completion_tokens: Option<u64>,
    /// What the provider says this cost, in millionths of a US dollar.
    pub cost_microusd: Option<u64>,
    /// The provider's own JSON object. Shared, because usage is handed on as a value.
    pub raw: Option<Arc<str>>,
}

#[cfg(any(feature = "openai", feature = "responses"))]
impl Usage {
    /// US dollars as a provider says them, in millionths; unknown if they are no cost: less than nothing, or no number.
    pub(crate) fn microusd(dollars: f64) -> Option<u64> {
        let cost = (dollars * 1e6).round();
        (0.0..=COST_MAX).contains(&cost).then_some(cost as u64)
    }
}

// More than a JSON number can say to the last digit is no cost either.
#[cfg(any(feature = "openai", feature = "responses"))]
const COST_MAX: f64 = 9_007_199_254_740_992.0;

/// The events of one read, copied once out of the network's buffer. Reuse it: [`Batch::clear`] keeps its memory.
#[derive(Debug, Default)]
pub struct Batch {
    stored: Vec<Stored>,
    data: String,
    raw: Vec<u8>,
    usages: Vec<Usage>,
    /// An answer has one, which may be large: it is moved here.
    result: Vec<u8>,
    items: usize,
    joins: bool,
}

#[derive(Clone, Copy, Debug)]
struct Stored {
    tag: Tag,
    choice: u32,
    index: u32,
    start: usize,
    mid: usize,
    end: usize,
}

#[derive(Clone, Copy, Debug)]
enum Tag {
    Start {
        id: bool,
        model: bool,
    },
    Text,
    Reasoning,
    Refusal,
    ToolCall {
        id: bool,
    },
    ToolArgs,
    Part(PartKind),
    Usage,
    Finish(Option<Finish>, bool),
    Raw,
    /// Whether it has a media type.
    Result(bool),
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Whether a delta is joined to the one before it, if that is of the same kind, choice and index: for whoever does not
    /// care where one ended and the next began.
    pub fn set_joining(&mut self, joins: bool) {
        self.joins = joins;
    }

    /// Copies one event of answer number `choice` in. An empty delta says nothing and is not kept.
    pub fn push(&mut self, choice: u32, event: Event<'_>) {
        if self.joins && self.joined(choice, &event) {
            return;
        }
        let start = self.data.len();
        let (tag, index) = match event {
            Event::Text("") | Event::Reasoning("") | Event::Refusal("") => return,
            Event::ToolArgs { arguments: "", .. } => return,
            Event::Start { id, model } => {
                self.data.push_str(id.unwrap_or_default());
                let mid = self.data.len();
                self.data.push_str(model.unwrap_or_default());
                let tag = Tag::Start {
                    id: id.is_some(),
                    model: model.is_some(),
                };
                return self.store(tag, choice, 0, start, mid);
            }
            Event::Text(text) => (self.text(Tag::Text, text), 0),
            Event::Reasoning(text) => (self.text(Tag::Reasoning, text), 0),
            Event::Refusal(text) => (self.text(Tag::Refusal, text), 0),
            Event::ToolCall { index, id, name } => {
                self.data.push_str(id.unwrap_or_default());
                let mid = self.data.len();
                self.data.push_str(name);
                self.items += 1;
                return self.store(
                    Tag::ToolCall { id: id.is_some() },
                    choice,
                    index,
                    start,
                    mid,
                );
            }
            Event::ToolArgs { index, arguments } => (self.text(Tag::ToolArgs, arguments), index),
            Event::Part { kind, index, json } => (self.text(Tag::Part(kind), json), index),
            Event::Usage(usage) => {
                self.usages.push(usage);
                (Tag::Usage, (self.usages.len() - 1) as u32)
            }
            Event::Finish { reason, raw } => {
                self.data.push_str(raw.unwrap_or_default());
                (Tag::Finish(reason, raw.is_some()), 0)
            }
            Event::Result { media_type, data } => {
                return self.push_result(data.to_vec(), media_type.map(str::to_owned));
            }
            Event::Raw(bytes) => {
                let start = self.raw.len();
                self.raw.extend_from_slice(bytes);
                let end = self.raw.len();
                self.stored.push(Stored {
                    tag: Tag::Raw,
                    choice,
                    index: 0,
                    start,
                    mid: start,
                    end,
                });
                return;
            }
        };
        self.store(tag, choice, index, start, start);
    }

    /// Takes the whole answer of an operation that is answered in one piece; a media type says that it is not JSON. The last one
    /// counts.
    pub fn push_result(&mut self, data: Vec<u8>, media_type: Option<String>) {
        let start = self.data.len();
        self.data
            .push_str(media_type.as_deref().unwrap_or_default());
        self.result = data;
        self.items += 1;
        self.store(Tag::Result(media_type.is_some()), 0, 0, start, start);
    }

    /// Like [`Batch::push`] for a delta whose text `write` appends to what is here; `event` is that delta without a text.
    #[cfg_attr(
        not(feature = "openai"),
        allow(dead_code, reason = "one wire makes texts in place")
    )]
    pub(crate) fn push_made(
        &mut self,
        choice: u32,
        event: &Event<'_>,
        write: impl FnOnce(&mut String),
    ) {
        let start = self.data.len();
        write(&mut self.data);
        if self.data.len() == start {
            return;
        }
        // Behind the last delta already; an empty one joins it to that.
        if self.joins && self.joined(choice, event) {
            return;
        }
        let (tag, index) = match *event {
            Event::Text(_) => (Tag::Text, 0),
            Event::Reasoning(_) => (Tag::Reasoning, 0),
            Event::Refusal(_) => (Tag::Refusal, 0),
            Event::ToolArgs { index, .. } => (Tag::ToolArgs, index),
            // Nothing else has a text alone.
            _ => return self.data.truncate(start),
        };
        self.items += 1;
        self.store(tag, choice, index, start, start);
    }

    /// The events in order, each with its choice.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Event<'_>)> {
        self.stored
            .iter()
            .map(|stored| (stored.choice, self.view(stored)))
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.stored.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// Whether an item is among them: text, reasoning, refusal, tool call, arguments, part or result. The first item commits a call.
    pub fn has_item(&self) -> bool {
        self.items > 0
    }

    /// Bytes of payload that wait.
    pub fn bytes(&self) -> usize {
        self.data.len() + self.raw.len() + self.result.len()
    }

    /// Bytes of [`Event::Raw`] that wait.
    pub(crate) fn raw_len(&self) -> usize {
        self.raw.len()
    }

    /// How many [`Event::Usage`] wait.
    #[cfg_attr(
        not(feature = "bedrock"),
        allow(dead_code, reason = "carriers that count themselves ask")
    )]
    pub(crate) fn usages_len(&self) -> usize {
        self.usages.len()
    }

    /// Bytes of memory it holds for payloads, used or not.
    pub fn memory(&self) -> usize {
        self.data.capacity() + self.raw.capacity() + self.result.capacity()
    }

    /// Forgets the events, keeps the memory.
    pub fn clear(&mut self) {
        self.stored.clear();
        self.data.clear();
        self.raw.clear();
        self.usages.clear();
        self.result = Vec::new();
        self.items = 0;
    }

    fn text(&mut self, tag: Tag, text: &str) -> Tag {
        self.data.push_str(text);
        self.items += 1;
        tag
    }

    // A delta ends where the data does, so joining is appending.
    fn joined(&mut self, choice: u32, event: &Event<'_>) -> bool {
        let Some(last) = self.stored.last_mut() else {
            return false;
        };
        let text = match (last.tag, event) {
            (Tag::Text, Event::Text(text))
            | (Tag::Reasoning, Event::Reasoning(text))
            | (Tag::Refusal, Event::Refusal(text)) => text,
            (Tag::ToolArgs, Event::ToolArgs { index, arguments }) if *index == last.index => {
                arguments
            }
            _ => return false,
        };
        if last.choice != choice {
            return false;
        }
        self.data.push_str(text);
        last.end = self.data.len();
        true
    }

    fn store(&mut self, tag: Tag, choice: u32, index: u32, start: usize, mid: usize) {
        let end = self.data.len();
        self.stored.push(Stored {
            tag,
            choice,
            index,
            start,
            mid,
            end,
        });
    }

    fn view(&self, stored: &Stored) -> Event<'_> {
        let whole = || &self.data[stored.start..stored.end];
        let first = || &self.data[stored.start..stored.mid];
        let second = || &self.data[stored.mid..stored.end];
        let index = stored.index;
        match stored.tag {
            Tag::Start { id, model } => Event::Start {
                id: id.then(first),
                model: model.then(second),
            },
            Tag::Text => Event::Text(whole()),
            Tag::Reasoning => Event::Reasoning(whole()),
            Tag::Refusal => Event::Refusal(whole()),
            Tag::ToolCall { id } => Event::ToolCall {
                index,
                id: id.then(first),
                name: second(),
            },
            Tag::ToolArgs => Event::ToolArgs {
                index,
                arguments: whole(),
            },
            Tag::Part(kind) => Event::Part {
                kind,
                index,
                json: whole(),
            },
            Tag::Usage => Event::Usage(self.usages[index as usize].clone()),
            Tag::Finish(reason, raw) => Event::Finish {
                reason,
                raw: raw.then(whole),
            },
            Tag::Raw => Event::Raw(&self.raw[stored.start..stored.end]),
            Tag::Result(typed) => Event::Result {
                media_type: typed.then(whole),
                data: &self.result,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_that_is_made_in_place_is_a_delta_like_any_other() {
        let deltas = [(0, "one"), (0, ""), (0, " two"), (1, "other"), (0, "three")];
        for joins in [false, true] {
            let (mut pushed, mut made) = (Batch::new(), Batch::new());
            pushed.set_joining(joins);
            made.set_joining(joins);
            for (choice, text) in deltas {
                for event in [Event::Text as fn(_) -> _, Event::Reasoning] {
                    pushed.push(choice, event(text));
                    made.push_made(choice, &event(""), |out| out.push_str(text));
                }
            }
            let args = |arguments| Event::ToolArgs {
                index: 2,
                arguments,
            };
            pushed.push(0, args("{}"));
            made.push_made(0, &args(""), |out| out.push_str("{}"));
            assert!(pushed.iter().eq(made.iter()), "{made:?}");
            assert_eq!((pushed.bytes(), made.has_item()), (made.bytes(), true));
        }
    }

    #[test]
    fn what_is_no_delta_is_not_made() {
        let mut batch = Batch::new();
        batch.push_made(0, &Event::Raw(b""), |out| out.push_str("text"));
        assert_eq!((batch.len(), batch.bytes()), (0, 0));
    }
}
