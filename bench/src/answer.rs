//! What the mock says: words, and the bodies that carry them in each dialect. Clients know it too, and so can tell a
//! whole answer from a short one.

use serde_json::Value;

/// The words of an answer, in turn. Escapes and a three-byte character are among them, as in real text.
const WORDS: [&str; 16] = [
    " one",
    " stream",
    " of",
    " many",
    " each",
    " token",
    " is",
    " a",
    " word,",
    "\n",
    " then",
    " \"so\"",
    " on",
    " \u{2192}",
    " to",
    " end.",
];

/// Bytes of the JSON of a chat chunk whose word has four bytes: the event that every decoder figure speaks of.
pub const NOMINAL_EVENT: usize = 293;

/// Text of the unary answer, about 1 KiB as in most chats.
const UNARY_WORDS: usize = 220;

/// A body and the places where the mock may stop writing.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The bytes, without HTTP framing.
    pub bytes: Vec<u8>,
    /// Ends of events.
    pub ends: Vec<usize>,
}

impl Body {
    fn event(&mut self, event: &str) {
        self.bytes.extend_from_slice(event.as_bytes());
        self.ends.push(self.bytes.len());
    }

    fn data(&mut self, json: &str) {
        self.event(&format!("data: {json}\n\n"));
    }

    fn named(&mut self, name: &str, json: &str) {
        self.event(&format!("event: {name}\ndata: {json}\n\n"));
    }
}

/// Word number `index` of any answer.
pub fn word(index: usize) -> &'static str {
    WORDS[index % WORDS.len()]
}

/// The text of a streamed answer of `tokens` words.
pub fn text(tokens: usize) -> String {
    (0..tokens).map(word).collect()
}

/// The text of the unary answer.
pub fn unary_text() -> String {
    text(UNARY_WORDS)
}

/// The JSON of one chat chunk that carries `delta`.
pub fn chat_chunk(delta: &str, finish: &str) -> String {
    format!(
        "{{{CHUNK_HEAD}\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\
         \"finish_reason\":{finish}}}],\"usage\":null}}"
    )
}

/// The JSON of the chat chunk of one word.
pub fn chat_word(word: &str) -> String {
    chat_chunk(&format!("{{\"content\":{}}}", quoted(word)), "null")
}

/// A Chat Completions stream: role, `tokens` words, finish, usage, `[DONE]`; `tokens + 4` events.
pub fn chat_stream(tokens: usize) -> Body {
    let mut body = Body::default();
    body.data(&chat_chunk(
        "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}",
        "null",
    ));
    (0..tokens).for_each(|index| body.data(&chat_word(word(index))));
    body.data(&chat_chunk("{}", "\"stop\""));
    body.data(&format!(
        "{{{CHUNK_HEAD}\"choices\":[],\"usage\":{}}}",
        usage(tokens)
    ));
    body.event("data: [DONE]\n\n");
    body
}

/// The same with a field after the choices whose length changes from event to event, as OpenAI pads its stream.
pub fn padded_chat_stream(tokens: usize) -> Body {
    let mut body = Body::default();
    for index in 0..tokens {
        let mut json = chat_word(word(index));
        json.pop();
        json.push_str(&format!(
            ",\"obfuscation\":\"{}\"}}",
            &PADDING[..1 + index * 7 % 16]
        ));
        body.data(&json);
    }
    body.data(&chat_chunk("{}", "\"stop\""));
    body.event("data: [DONE]\n\n");
    body
}

/// The same with a time that changes from event to event before the choices, so that no event begins like the last one.
pub fn dated_chat_stream(tokens: usize) -> Body {
    let mut body = Body::default();
    for index in 0..tokens {
        let created = format!("\"created\":{}", 1_767_225_600 + index);
        body.data(&chat_word(word(index)).replace(CREATED, &created));
    }
    body.data(&chat_chunk("{}", "\"stop\""));
    body.event("data: [DONE]\n\n");
    body
}

/// A Chat Completions stream of one tool call whose arguments come in `tokens` pieces.
pub fn tool_stream(tokens: usize) -> Body {
    let call = |function: &str| format!("{{\"tool_calls\":[{{\"index\":0,{function}}}]}}");
    let mut body = Body::default();
    let open = "\"id\":\"call_bench0\",\"type\":\"function\",\"function\":{\"name\":\"note\",\"arguments\":\"\"}";
    body.data(&chat_chunk(&call(open), "null"));
    for piece in tool_pieces(tokens) {
        let function = format!("\"function\":{{\"arguments\":{}}}", quoted(&piece));
        body.data(&chat_chunk(&call(&function), "null"));
    }
    body.data(&chat_chunk("{}", "\"tool_calls\""));
    body.event("data: [DONE]\n\n");
    body
}

/// The pieces of the arguments of [`tool_stream`]; joined they are a JSON object.
pub fn tool_pieces(tokens: usize) -> Vec<String> {
    let member = |index: usize| match index {
        0 => "{\"k0\":0".to_owned(),
        _ => format!(",\"k{index}\":{}", index % 10),
    };
    let mut pieces: Vec<String> = (0..tokens).map(member).collect();
    if let Some(last) = pieces.last_mut() {
        last.push('}');
    }
    pieces
}

/// A Messages stream of `tokens` words in one text block.
pub fn messages_stream(tokens: usize) -> Body {
    let mut body = Body::default();
    body.named(
        "message_start",
        "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench0\",\"type\":\"message\",\"role\":\"assistant\",\
         \"model\":\"bench-model\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\
         \"usage\":{\"input_tokens\":21,\"output_tokens\":1}}}",
    );
    body.named(
        "content_block_start",
        "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}",
    );
    for index in 0..tokens {
        let text = quoted(word(index));
        let delta = format!("{{\"type\":\"text_delta\",\"text\":{text}}}");
        let json = format!("{{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{delta}}}");
        body.named("content_block_delta", &json);
    }
    body.named(
        "content_block_stop",
        "{\"type\":\"content_block_stop\",\"index\":0}",
    );
    let usage = format!("{{\"output_tokens\":{tokens}}}");
    body.named(
        "message_delta",
        &format!(
            "{{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\",\
             \"stop_sequence\":null}},\"usage\":{usage}}}"
        ),
    );
    body.named("message_stop", "{\"type\":\"message_stop\"}");
    body
}

/// The unary answer.
pub fn chat_unary() -> Vec<u8> {
    format!(
        "{{\"id\":\"{ID}\",\"object\":\"chat.completion\",\"created\":1767225600,\"model\":\"{MODEL}\",\
         \"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":{},\"refusal\":null}},\
         \"logprobs\":null,\"finish_reason\":\"stop\"}}],\"usage\":{}}}",
        quoted(&unary_text()),
        usage(UNARY_WORDS),
    )
    .into_bytes()
}

fn usage(tokens: usize) -> String {
    format!(
        "{{\"prompt_tokens\":21,\"completion_tokens\":{tokens},\"total_tokens\":{},\
         \"prompt_tokens_details\":{{\"cached_tokens\":0}},\
         \"completion_tokens_details\":{{\"reasoning_tokens\":0}}}}",
        tokens + 21
    )
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

const ID: &str = "chatcmpl-bench000000000000000000000000";
const MODEL: &str = "bench-model-2026-01-01";
const CHUNK_HEAD: &str = concat!(
    "\"id\":\"chatcmpl-bench000000000000000000000000\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,",
    "\"model\":\"bench-model-2026-01-01\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench0\","
);
const CREATED: &str = "\"created\":1767225600";
const PADDING: &str = "aZ3kQ9xT0mB7wR5e";

#[cfg(test)]
mod tests {
    use super::*;

    fn events(body: &Body) -> Vec<Value> {
        let text = std::str::from_utf8(&body.bytes).unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }

    #[test]
    fn the_nominal_event_has_the_size_that_figures_speak_of() {
        assert_eq!(chat_word(" one").len(), NOMINAL_EVENT);
    }

    #[test]
    fn a_chat_stream_says_its_text() {
        for body in [
            chat_stream(40),
            padded_chat_stream(40),
            dated_chat_stream(40),
        ] {
            let said: String = events(&body)
                .iter()
                .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
                .collect();
            assert_eq!(said, text(40));
            assert_eq!(*body.ends.last().unwrap(), body.bytes.len());
        }
        assert_eq!(chat_stream(40).ends.len(), 44);
    }

    #[test]
    fn a_dated_stream_has_no_two_events_that_begin_alike() {
        let created: Vec<i64> = events(&dated_chat_stream(9))[..9]
            .iter()
            .map(|event| event["created"].as_i64().unwrap())
            .collect();
        assert!(created.is_sorted_by(|a, b| a < b), "{created:?}");
    }

    #[test]
    fn a_messages_stream_says_its_text() {
        let deltas = events(&messages_stream(40));
        let said: String = deltas
            .iter()
            .filter_map(|event| event["delta"]["text"].as_str())
            .collect();
        assert_eq!(said, text(40));
    }

    #[test]
    fn tool_arguments_join_to_an_object() {
        let joined: String = events(&tool_stream(30))
            .iter()
            .filter_map(|event| {
                event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str()
            })
            .collect();
        assert_eq!(joined, tool_pieces(30).concat());
        let object: Value = serde_json::from_str(&joined).unwrap();
        assert_eq!(object.as_object().unwrap().len(), 30);
    }

    #[test]
    fn the_unary_answer_has_about_a_kilobyte_of_text() {
        let body: Value = serde_json::from_slice(&chat_unary()).unwrap();
        assert_eq!(body["choices"][0]["message"]["content"], unary_text());
        assert!(
            (900..1200).contains(&unary_text().len()),
            "{}",
            unary_text().len()
        );
    }
}
