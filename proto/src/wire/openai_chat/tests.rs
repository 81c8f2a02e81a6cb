//! The fast path against the walk, and the walk against serde_json, over generated streams and broken frames.

use super::reader::Chat;
use crate::event::Batch;
use crate::frame::Frame;
use crate::provider::Quirks;
use crate::wire::{Exchange, Flow, Operation, Reader};

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Bodies of JSON strings: plain, escaped, empty, halves of pairs, not UTF-8 (`~` stands for 0xFF), and broken.
const TEXTS: &[&str] = &[
    " token",
    "x",
    "",
    "\\n",
    "\\u00e9",
    "é😀",
    "\\ud83d",
    "\\ude00",
    "\\ud83d\\ude00",
    "\\\"",
    "\\\\",
    "~",
    "[DONE]",
    "a b",
    "{}",
    "\\x",
    "\t",
];

/// Chunks with a gap `@` for a text and one `#` for padding or a number.
const CHUNKS: &[&str] = &[
    r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"@"},"finish_reason":null}]}"#,
    r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"@"}}],"obfuscation":"@"}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"@"}}],"created":#}"#,
    r#"{"choices":[{"index":1,"delta":{"content":"@"}}]}"#,
    r#"{"choices":[{"delta":{"content":"@"},"index":#}]}"#,
    r#"{"choices":[{"index":0,"delta":{"reasoning_content":"@","content":null}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"reasoning":"@","reasoning_content":"@"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"reasoning_content":"@","reasoning":"@","content":"@"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"reasoning":"@","reasoning_details":[{"text":"@","index":#}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"refusal":"@"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"@"}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"@"}]}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":#,"function":{"arguments":"@"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":#,"id":"@","function":{"name":"f","arguments":"@"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"id":"@","function":{"arguments":"@"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"name":"@","arguments":"@"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"function_call":{"name":"f","arguments":"@"}}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"@"},"finish_reason":"@"}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"@"}}],"usage":{"prompt_tokens":#}}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"@"},"message":{"content":"@"}}]}"#,
    r#"{"choices":[{"index":0,"message":{"content":"@"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"@","content":"@"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"@"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"@","annotations":[#]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"@"}}],"citations":["@"]}"#,
    r#"{"id":"@","model":"@","choices":[{"index":0,"delta":{"content":"@"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"@"}}],"error":null,"service_tier":"@","provider":"@"}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"@"}}],"error":"@"}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":#,"completion_tokens":#}}"#,
    r#"{"object":"@"}"#,
    "null",
];

/// A frame made of a chunk, now and then with a byte changed or cut off.
fn frame(chunk: &str, random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in chunk.bytes() {
        match byte {
            b'@' => out.extend_from_slice(random.pick(TEXTS).as_bytes()),
            b'#' => out.extend_from_slice(random.pick(&["0", "1", "2", "1e0"]).as_bytes()),
            _ => out.push(byte),
        }
    }
    if random.below(60) == 0 {
        let at = random.below(out.len());
        out[at] = random.pick(br#"" {}[]:,\0x"#);
    }
    if random.below(200) == 0 {
        out.truncate(random.below(out.len()));
    }
    for byte in &mut out {
        if *byte == b'~' {
            *byte = 0xff;
        }
    }
    out
}

/// A stream as servers send it: runs of one kind of chunk, mixed with others.
fn stream(random: &mut Random) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for _ in 0..1 + random.below(6) {
        let (chunk, other) = (random.pick(CHUNKS), random.pick(CHUNKS));
        for _ in 0..random.below(12) {
            let chunk = if random.below(8) == 0 { other } else { chunk };
            frames.push(frame(chunk, random));
        }
    }
    frames
}

fn hear(mut reader: Chat, frames: &[Vec<u8>]) -> (Vec<String>, String) {
    let mut batch = Batch::new();
    let mut end = None;
    for data in frames {
        match reader.frame(Frame { name: b"", data }, &mut batch) {
            Ok(Flow::More) => {}
            Ok(Flow::Done) => break,
            Err(error) => {
                end = Some(format!("{error:?}"));
                break;
            }
        }
    }
    let end = end.unwrap_or_else(|| format!("{:?}", reader.finish(&mut batch)));
    (
        batch.iter().map(|event| format!("{event:?}")).collect(),
        end,
    )
}

fn reader() -> Chat {
    let quirks = Quirks::default();
    Chat::new(
        &Exchange {
            stream: true,
            operation: Operation::Chat,
            quirks: &quirks,
            packed: false,
            answer_tool: false,
        },
        false,
        false,
    )
}

#[test]
fn with_and_without_templates_the_events_are_the_same() {
    for seed in 0..8_000 {
        let frames = stream(&mut Random(seed));
        let with = hear(reader(), &frames);
        let without = hear(reader().without_template(), &frames);
        assert_eq!(with, without, "seed {seed}: {}", shown(&frames));
    }
}

#[test]
fn templates_carry_the_usual_streams() {
    let text = r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"@"}}],"usage":null,"obfuscation":"@"}"#;
    let call = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"@"}}]}}]}"#;
    let open = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}"#;
    let thinking = r#"{"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"@"}]}]}}]}"#;
    for (first, chunk) in [("null", text), (open, call), ("null", thinking)] {
        let mut reader = reader();
        let mut batch = Batch::new();
        let mut frames = vec![first.to_string()];
        frames.extend((0..10).map(|number| chunk.replace('@', &format!("t{number}"))));
        let mut matched = 0;
        for data in &frames {
            let frame = Frame {
                name: b"",
                data: data.as_bytes(),
            };
            matched += usize::from(reader.knows(frame.data));
            reader.frame(frame, &mut batch).unwrap();
        }
        // The first chunk of a stream may say more than its text, so the second one is the one that is learned.
        assert!(matched >= 8, "{matched}: {chunk}");
    }
}

#[test]
fn deltas_are_what_serde_json_reads() {
    let mut texts = 0;
    for seed in 0..10_000 {
        let mut random = Random(seed);
        let frames: Vec<Vec<u8>> = (0..8)
            .map(|_| frame(CHUNKS[random.below(2)], &mut random))
            .collect();
        let mut expected = String::new();
        let good = frames.iter().all(|data| {
            let value: Option<serde_json::Value> = serde_json::from_slice(data).ok();
            let delta = value
                .as_ref()
                .map(|value| &value["choices"][0]["delta"]["content"]);
            let text = delta.and_then(|delta| delta.as_str());
            expected.push_str(text.unwrap_or_default());
            text.is_some()
        });
        // serde_json refuses halves of pairs and bytes that are no UTF-8, which are read here all the same.
        if !good {
            continue;
        }
        let mut batch = Batch::new();
        let mut reader = reader();
        for data in &frames {
            reader.frame(Frame { name: b"", data }, &mut batch).unwrap();
        }
        let mut said = String::new();
        for (_, event) in batch.iter() {
            if let crate::event::Event::Text(text) = event {
                texts += 1;
                said.push_str(text);
            }
        }
        assert_eq!(said, expected, "seed {seed}: {}", shown(&frames));
    }
    assert!(texts > 500, "{texts}");
}

fn shown(frames: &[Vec<u8>]) -> String {
    frames
        .iter()
        .map(|data| format!("\n{}", String::from_utf8_lossy(data)))
        .collect()
}
