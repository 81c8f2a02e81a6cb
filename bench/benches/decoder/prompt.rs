//! A prompt of 1 MB to a target of the same dialect, against one look of serde_json that skips it.
//!
//! **Ours** is what stands between the caller's bytes and the socket: the request's index and the body that is sent. Over the C ABI
//! the bytes are copied once more, which is printed beside it. **Theirs** reads the same bytes into `IgnoredAny`. The text has the
//! escapes that prompts have, and one character in eighty that is no ASCII.

use std::hint::black_box;

use bytes::Bytes;
use libllm_bench::answer;
use libllm_proto::provider::Quirks;
use libllm_proto::request::Request;
use libllm_proto::wire::{self, Operation, Target, Unsupported};

use crate::ratio;

/// The bars: what a caller asks in, and the target of the same format.
pub(crate) fn bars() -> bool {
    let prompt = serde_json::to_string(&answer::text(SIZE / 5)).expect("a string is JSON");
    let chat = format!(
        "{{\"model\":\"openai/gpt-5\",\"stream\":true,\"messages\":[{{\"role\":\"system\",\"content\":\"Be brief.\"}},\
         {{\"role\":\"user\",\"content\":{prompt}}}],\"temperature\":0.5}}"
    );
    let wire = wire::find("openai_chat").expect("a wire of this build");
    let target = Target {
        provider: "openai",
        model: "gpt-5",
        base_url: "https://api.example/v1",
        stream: true,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        unsupported: Unsupported::Drop,
        extra_body: None,
    };
    let ours = |bytes: Bytes| {
        let request = Request::parse(bytes).expect("the bench's own request is well-formed");
        wire.encode(&request, &target).expect("it can be said")
    };
    let given = Bytes::copy_from_slice(chat.as_bytes());
    let sent = ours(given.clone()).http.into_body();
    let sent: serde_json::Value = serde_json::from_slice(&sent).expect("what is sent is JSON");
    assert_eq!(sent["messages"][1]["content"], answer::text(SIZE / 5));
    let theirs = || serde_json::from_str::<serde::de::IgnoredAny>(&chat).expect("JSON");
    let theirs = || {
        ratio::cpu_of(|| {
            black_box(theirs());
        })
    };
    let size = chat.len() / 1000;
    let copied = || ours(Bytes::copy_from_slice(chat.as_bytes()));
    ratio::compare(
        &format!("a prompt of {size} KB, copied first, against serde_json's skip"),
        1,
        BAR + COPY,
        || ratio::cpu_of(|| drop(black_box(copied()))),
        theirs,
    );
    ratio::compare(
        &format!("a prompt of {size} KB to its own dialect, against serde_json's skip"),
        1,
        BAR,
        || ratio::cpu_of(|| drop(black_box(ours(given.clone())))),
        theirs,
    )
}

const BAR: f64 = 1.3;
/// What the copy may cost: it is memory's speed, not ours.
const COPY: f64 = 0.2;
/// About a megabyte, in words of five bytes in the mean.
const SIZE: usize = 1_000_000;
