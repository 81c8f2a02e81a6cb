//! Legacy completions: what is asked, and what is heard.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::decoder::End;
use libllm_proto::provider::Quirks;
use libllm_proto::request::Request;
use libllm_proto::wire::{self, Encoded, Exchange, Head, Operation, Target, Unsupported};
use libllm_proto::{ErrorKind, Result};
use serde_json::{Value, json};

fn encode(request: Value, stream: bool) -> Result<Encoded> {
    let request = Request::parse(request.to_string())?;
    Operation::Completion.check(&request)?;
    let quirks = Quirks::default();
    wire::find("openai_completions").unwrap().encode(
        &request,
        &Target {
            provider: "p",
            model: "m",
            base_url: "https://h/v1",
            stream,
            operation: Operation::Completion,
            quirks: &quirks,
            unsupported: Unsupported::Drop,
            extra_body: None,
        },
    )
}

fn body(encoded: &Encoded) -> Value {
    serde_json::from_slice(encoded.http.body()).unwrap()
}

#[test]
fn a_prompt_is_what_system_and_user_say() {
    let messages = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Once"}]}]);
    let said = encode(
        json!({"messages": messages, "max_completion_tokens": 5, "logprobs": true, "top_logprobs": 2, "best_of": 3, "reasoning_effort": "low"}),
        true,
    );
    let said = said.unwrap();
    assert_eq!(said.http.uri(), "https://h/v1/completions");
    assert_eq!(
        body(&said),
        json!({"model": "m", "prompt": "Be brief.\nOnce", "max_tokens": 5, "logprobs": 2, "best_of": 3, "stream": true,
            "stream_options": {"include_usage": true}})
    );
    let dropped: Vec<_> = said.dropped.iter().map(|it| it.param.as_str()).collect();
    assert_eq!(dropped, ["messages", "reasoning_effort"]);
}

#[test]
fn a_prompt_of_the_callers_own_needs_no_messages() {
    let said = encode(
        json!({"prompt": ["a", "b"], "suffix": "c", "echo": true}),
        false,
    )
    .unwrap();
    assert_eq!(
        body(&said),
        json!({"model": "m", "prompt": ["a", "b"], "suffix": "c", "echo": true})
    );
    assert!(said.dropped.is_empty());
    let error = encode(json!({"input": "a"}), false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn text_stands_beside_the_choices_number() {
    let quirks = Quirks::default();
    let exchange = Exchange {
        stream: true,
        operation: Operation::Completion,
        quirks: &quirks,
        packed: false,
        answer_tool: false,
    };
    let wire = wire::find("openai_completions").unwrap();
    // Together says each text twice.
    let stream = r#"data: {"id":"c","model":"m","choices":[{"index":0,"text":"Hi \ud83d","delta":{"content":"Hi \ud83d"},"finish_reason":null}]}

data: {"id":"c","model":"m","choices":[{"index":1,"text":"other","finish_reason":null}]}

data: {"id":"c","model":"m","choices":[{"index":0,"text":"\ude00 there","finish_reason":null}]}

data: {"id":"c","model":"m","choices":[{"index":0,"text":"","finish_reason":"length"},{"index":1,"text":"","finish_reason":"eos"}]}

data: [DONE]

"#;
    let mut head = Head::new(200);
    support::every_cut(stream.as_bytes(), |cut, pieces| {
        let heard = support::hear(wire, &exchange, &head, pieces, End::Clean);
        assert_eq!(heard.text(), "Hi \u{1f600} there", "{cut}");
        assert_eq!(heard.finish.as_deref(), Some("length"), "{cut}");
        assert!(!heard.ending.unwrap().incomplete, "{cut}");
    });
    let whole = r#"{"id":"c","choices":[{"text":"Hi","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    head.headers
        .insert("content-type", "application/json".parse().unwrap());
    let heard = support::hear(wire, &exchange, &head, &[whole.as_bytes()], End::Clean);
    assert_eq!(heard.text(), "Hi");
    assert!(heard.ending.is_ok());
}
