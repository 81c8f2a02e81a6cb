//! Every format that comes as server-sent events: one event of text through the decoder, against serde_json into types that borrow.
//!
//! The types say what a client of that format would declare: the text and the names and numbers beside it that change. Payloads
//! were split and checked to be UTF-8 beforehand, for free. The shapes are those of the formats' references, numbers included
//! that change from event to event (`sequence_number` of Responses, the token counts of Gemini).

use std::borrow::Cow;

use libllm_bench::answer;
use libllm_proto::event::Batch;
use libllm_proto::wire::{self, Wire};
use serde::Deserialize;

use crate::{consume, ours, ratio};

/// The bar of every format.
const BAR: f64 = 0.6;
const EVENTS: usize = 4096;

/// One format: what comes before the text, the event of one word, what comes behind, and how the yardstick reads the event.
struct Format {
    wire: &'static str,
    before: &'static [(&'static str, &'static str)],
    event: &'static str,
    word: fn(usize, &str) -> String,
    after: &'static [(&'static str, &'static str)],
    typed: Typed,
}

/// Reads one event and gives its text.
type Typed = fn(&str, &mut dyn FnMut(&str));

/// The bars: one line a format.
pub(crate) fn bars() -> bool {
    let met: Vec<bool> = FORMATS.iter().map(bar).collect();
    !met.contains(&false)
}

fn bar(format: &Format) -> bool {
    let wire: &'static dyn Wire = wire::find(format.wire).expect("a wire of this build");
    let words: Vec<String> = (0..EVENTS)
        .map(|index| {
            let text = serde_json::to_string(answer::word(index)).expect("a string is JSON");
            (format.word)(index, &text)
        })
        .collect();
    let mut body = Vec::new();
    let mut say = |name: &str, json: &str| {
        if !name.is_empty() {
            body.extend_from_slice(format!("event: {name}\n").as_bytes());
        }
        body.extend_from_slice(format!("data: {json}\n\n").as_bytes());
    };
    format
        .before
        .iter()
        .for_each(|(name, json)| say(name, json));
    words.iter().for_each(|json| say(format.event, json));
    format.after.iter().for_each(|(name, json)| say(name, json));
    let reads: Vec<&[u8]> = body.chunks(16 * 1024).collect();
    same_text(format, wire, &reads);
    let mut batch = Batch::new();
    ratio::compare(
        &format!("{}, an event of {} bytes", format.wire, words[0].len()),
        EVENTS as u32,
        BAR,
        || ratio::cpu_of(|| ours::decode(wire, reads.iter().copied(), &mut batch, consume)),
        || {
            ratio::cpu_of(|| {
                words
                    .iter()
                    .for_each(|json| (format.typed)(json, &mut |text| consume(text)));
            })
        },
    )
}

/// A reader that skipped its events would be fast.
fn same_text(format: &Format, wire: &'static dyn Wire, reads: &[&[u8]]) {
    let mut heard = String::new();
    let take = |text: &str| heard.push_str(text);
    ours::decode(wire, reads.iter().copied(), &mut Batch::new(), take);
    assert_eq!(heard, answer::text(EVENTS), "{}", format.wire);
    let mut typed = String::new();
    (0..EVENTS).for_each(|index| {
        let text = serde_json::to_string(answer::word(index)).expect("a string is JSON");
        (format.typed)(&(format.word)(index, &text), &mut |text| {
            typed.push_str(text)
        });
    });
    assert_eq!(typed, heard, "{}", format.wire);
}

// serde's own `Option<Cow<str>>` always copies; a newtype borrows where the string has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

macro_rules! shape {
    ($name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(dead_code, reason = "fields are parsed to be measured")]
        struct $name<'a> {
            $(#[serde(borrow)] $field: $type,)*
        }
    };
}

shape!(Completion { id: &'a str, model: &'a str, choices: Vec<CompletionChoice<'a>> });
shape!(CompletionChoice { text: Text<'a>, finish_reason: Option<&'a str> });
shape!(ResponsesDelta { r#type: &'a str, item_id: &'a str, delta: Text<'a> });
shape!(MessagesDelta { r#type: &'a str, delta: TextDelta<'a> });
shape!(TextDelta { r#type: &'a str, text: Text<'a> });
shape!(CohereDelta { r#type: &'a str, delta: CohereMessage<'a> });
shape!(CohereMessage { message: CohereContent<'a> });
shape!(CohereContent { content: CohereText<'a> });
shape!(CohereText { text: Text<'a> });

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "fields are parsed to be measured")]
struct Gemini<'a> {
    #[serde(borrow)]
    candidates: Vec<Candidate<'a>>,
    usage_metadata: GeminiUsage,
    #[serde(borrow)]
    model_version: &'a str,
    #[serde(borrow)]
    response_id: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "fields are parsed to be measured")]
struct Candidate<'a> {
    #[serde(borrow)]
    content: Content<'a>,
    index: u32,
}

shape!(Content { parts: Vec<Part<'a>>, role: &'a str });
shape!(Part { text: Text<'a> });

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "fields are parsed to be measured")]
struct GeminiUsage {
    prompt_token_count: u64,
    candidates_token_count: u64,
    total_token_count: u64,
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a str) -> T {
    serde_json::from_str(json).expect("the bench's own events are well-formed")
}

const FORMATS: &[Format] = &[
    Format {
        wire: "openai_chat",
        before: &[],
        event: "",
        word: |_, text| answer::chat_chunk(&format!("{{\"content\":{text}}}"), "null"),
        after: &[
            (
                "",
                r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            ),
            ("", "[DONE]"),
        ],
        typed: |json, take| crate::typed::payloads(&[json], take),
    },
    Format {
        wire: "openai_completions",
        before: &[],
        event: "",
        word: |_, text| {
            format!(
                "{{\"id\":\"cmpl-bench0000000000000000000\",\"object\":\"text_completion\",\"created\":1767225600,\
                 \"choices\":[{{\"text\":{text},\"index\":0,\"logprobs\":null,\"finish_reason\":null}}],\
                 \"model\":\"bench-model\"}}"
            )
        },
        after: &[
            (
                "",
                r#"{"id":"c","model":"m","choices":[{"text":"","index":0,"finish_reason":"stop"}]}"#,
            ),
            ("", "[DONE]"),
        ],
        typed: |json, take| {
            let event: Completion<'_> = parsed(json);
            event.choices.iter().for_each(|choice| take(&choice.text.0));
        },
    },
    Format {
        wire: "openai_responses",
        before: &[
            (
                "response.created",
                r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","model":"bench-model","output":[]}}"#,
            ),
            (
                "response.output_item.added",
                r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}"#,
            ),
            (
                "response.content_part.added",
                r#"{"type":"response.content_part.added","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}"#,
            ),
        ],
        event: "response.output_text.delta",
        word: |index, text| {
            format!(
                "{{\"type\":\"response.output_text.delta\",\"sequence_number\":{},\"item_id\":\"msg_1\",\
                 \"output_index\":0,\"content_index\":0,\"delta\":{text},\"logprobs\":[],\"obfuscation\":\"{}\"}}",
                index + 3,
                &"aVk3Qm9xZT7uL2Rk"[..1 + index * 7 % 16]
            )
        },
        after: &[(
            "response.completed",
            r#"{"type":"response.completed","sequence_number":9000,"response":{"id":"resp_1","object":"response","status":"completed","model":"bench-model","output":[],"usage":{"input_tokens":21,"output_tokens":4096,"total_tokens":4117}}}"#,
        )],
        typed: |json, take| take(&parsed::<ResponsesDelta<'_>>(json).delta.0),
    },
    Format {
        wire: "anthropic",
        before: &[
            (
                "message_start",
                r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"bench-model","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":21,"output_tokens":1}}}"#,
            ),
            (
                "content_block_start",
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            ),
        ],
        event: "content_block_delta",
        word: |_, text| {
            format!(
                "{{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":{text}}}}}"
            )
        },
        after: &[
            (
                "content_block_stop",
                r#"{"type":"content_block_stop","index":0}"#,
            ),
            (
                "message_delta",
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":4096}}"#,
            ),
            ("message_stop", r#"{"type":"message_stop"}"#),
        ],
        typed: |json, take| take(&parsed::<MessagesDelta<'_>>(json).delta.text.0),
    },
    Format {
        wire: "cohere",
        before: &[
            (
                "message-start",
                r#"{"id":"c1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}"#,
            ),
            (
                "content-start",
                r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
            ),
        ],
        event: "content-delta",
        word: |_, text| {
            format!(
                "{{\"type\":\"content-delta\",\"index\":0,\"delta\":{{\"message\":{{\"content\":{{\"text\":{text}}}}}}}}}"
            )
        },
        after: &[
            ("content-end", r#"{"type":"content-end","index":0}"#),
            (
                "message-end",
                r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":21,"output_tokens":4096}}}}"#,
            ),
        ],
        typed: |json, take| take(&parsed::<CohereDelta<'_>>(json).delta.message.content.text.0),
    },
    Format {
        wire: "gemini",
        before: &[],
        event: "",
        word: |index, text| {
            format!(
                "{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":{text}}}],\"role\":\"model\"}},\"index\":0}}],\
                 \"usageMetadata\":{{\"promptTokenCount\":21,\"candidatesTokenCount\":{},\"totalTokenCount\":{},\
                 \"promptTokensDetails\":[{{\"modality\":\"TEXT\",\"tokenCount\":21}}]}},\
                 \"modelVersion\":\"bench-model\",\"responseId\":\"bench00000000000000000\"}}",
                index + 1,
                index + 22
            )
        },
        after: &[(
            "",
            r#"{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":21,"candidatesTokenCount":4096,"totalTokenCount":4117},"modelVersion":"bench-model","responseId":"bench00000000000000000"}"#,
        )],
        typed: |json, take| {
            let event: Gemini<'_> = parsed(json);
            let parts = event.candidates.iter().flat_map(|it| &it.content.parts);
            parts.for_each(|part| take(&part.text.0));
        },
    },
];
