//! Requests in OpenAI's Responses format.
#![cfg(feature = "responses")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

use libllm_proto::provider::Quirks;
use libllm_proto::request::Request;
use libllm_proto::wire::{self, Encoded, Operation, Target, Unsupported};
use libllm_proto::{ErrorKind, Result};
use serde_json::{Value, json};

struct Asked {
    operation: Operation,
    unsupported: Unsupported,
    stream: bool,
    model: &'static str,
    extra: Option<&'static str>,
}

const CHAT: Asked = Asked {
    operation: Operation::Chat,
    unsupported: Unsupported::Drop,
    stream: false,
    model: "gpt-4o",
    extra: None,
};

fn encode(asked: &Asked, request: &str) -> Result<Encoded> {
    let request = Request::parse(request.to_owned())?;
    asked.operation.check(&request)?;
    let quirks = Quirks::default();
    wire::find("openai_responses").unwrap().encode(
        &request,
        &Target {
            provider: "p",
            model: asked.model,
            base_url: "https://h/v1",
            stream: asked.stream,
            operation: asked.operation,
            quirks: &quirks,
            unsupported: asked.unsupported,
            extra_body: asked.extra.map(str::as_bytes),
        },
    )
}

/// A chat with one user's word and these members.
fn ask(members: Value) -> Value {
    let mut request = json!({"messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in members.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

fn body(encoded: &Encoded) -> Value {
    serde_json::from_slice(encoded.http.body()).unwrap()
}

fn said(members: Value) -> Value {
    body(&encode(&CHAT, &ask(members).to_string()).unwrap())
}

/// Names and fates of what did not fit.
fn report(encoded: &Encoded) -> Vec<(&str, &str)> {
    let all = encoded.dropped.iter();
    all.map(|it| (it.param.as_str(), it.action)).collect()
}

fn input(messages: Value) -> Value {
    said(json!({ "messages": messages }))["input"].clone()
}

#[test]
fn a_plain_question_is_said_plainly_and_not_stored() {
    let encoded = encode(
        &Asked {
            stream: true,
            ..CHAT
        },
        &ask(json!({})).to_string(),
    )
    .unwrap();
    assert_eq!(encoded.http.uri(), "https://h/v1/responses");
    assert_eq!(encoded.http.headers()["accept"], "text/event-stream");
    assert_eq!(
        body(&encoded),
        json!({"model": "gpt-4o", "input": [{"role": "user", "content": "hi"}], "store": false, "stream": true})
    );
    assert!(encoded.dropped.is_empty());
}

#[test]
fn messages_are_items() {
    let pdf = "data:application/pdf;base64,JVBERi0=";
    let png = "data:image/png;base64,aGk=";
    let said = input(json!([
        {"role": "system", "content": "s"},
        {"role": "developer", "content": [{"type": "text", "text": "d"}]},
        {"role": "user", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "https://h/i.png", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": png}},
            {"type": "file", "file": {"file_data": pdf}},
            {"type": "file", "file": {"file_id": "file-1", "filename": "n"}},
            {"type": "input_file", "file_url": "https://h/a.pdf"}
        ]},
        {"role": "assistant", "content": "a", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}},
            {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "free"}}
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "2"}]},
        {"role": "assistant", "refusal": "no"}
    ]));
    assert_eq!(
        said,
        json!([
            {"role": "system", "content": "s"},
            {"role": "developer", "content": [{"type": "input_text", "text": "d"}]},
            {"role": "user", "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "https://h/i.png", "detail": "low"},
                {"type": "input_image", "image_url": png, "detail": "auto"},
                {"type": "input_file", "filename": "file.pdf", "file_data": pdf},
                {"type": "input_file", "file_id": "file-1"},
                {"type": "input_file", "file_url": "https://h/a.pdf"}
            ]},
            {"role": "assistant", "content": "a"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "free"},
            {"type": "function_call_output", "call_id": "c1", "output": "1"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "2"}]},
            {"role": "assistant", "content": "no"}
        ])
    );
}

#[test]
fn tools_and_the_choice_among_them_lie_flat() {
    let grammar =
        json!({"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: a"}});
    let said = said(json!({
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true}},
            {"type": "function", "function": {"name": "g"}},
            {"type": "custom", "custom": {"name": "h", "format": grammar}},
            {"type": "web_search"}
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": false
    }));
    assert_eq!(
        said["tools"],
        json!([
            {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true},
            {"type": "function", "name": "g", "parameters": {"type": "object", "properties": {}}, "strict": false},
            {"type": "custom", "name": "h", "format": {"type": "grammar", "syntax": "lark", "definition": "start: a"}},
            {"type": "web_search"}
        ])
    );
    assert_eq!(
        said["tool_choice"],
        json!({"type": "function", "name": "f"})
    );
    assert_eq!(said["parallel_tool_calls"], false);
}

#[test]
fn choices_have_the_formats_words() {
    let tool = json!([{"type": "function", "function": {"name": "f"}}]);
    let allowed =
        json!({"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]});
    for (written, expected) in [
        (json!("auto"), json!("auto")),
        (json!("none"), json!("none")),
        (json!("required"), json!("required")),
        (
            json!({"type": "custom", "custom": {"name": "h"}}),
            json!({"type": "custom", "name": "h"}),
        ),
        (
            json!({"type": "allowed_tools", "allowed_tools": allowed}),
            json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}),
        ),
        (json!({"type": "web_search"}), json!({"type": "web_search"})),
    ] {
        assert_eq!(
            said(json!({"tools": tool, "tool_choice": written}))["tool_choice"],
            expected
        );
    }
    let none = encode(&CHAT, &ask(json!({"tool_choice": "auto"})).to_string()).unwrap();
    assert_eq!(body(&none).get("tool_choice"), None);
}

#[test]
fn members_have_their_place_or_are_reported() {
    let schema = json!({"type": "object", "properties": {}});
    let request = ask(json!({
        "max_tokens": 5, "temperature": 0.5, "top_p": 1, "metadata": {"k": "v"}, "user": "u", "service_tier": "flex", "seed": 1, "n": 1,
        "stop": ["x"], "frequency_penalty": 0, "logit_bias": {"1": 2}, "reasoning_effort": "low", "verbosity": "low", "top_logprobs": 2,
        "logprobs": true, "prompt_cache_key": "k", "truncation": "auto", "web_search_options": {"search_context_size": "low"},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": schema, "strict": true}},
        "extra_body": {"max_tool_calls": 2}
    }));
    let asked = Asked {
        extra: Some(r#"{"seed":7}"#),
        ..CHAT
    };
    let encoded = encode(&asked, &request.to_string()).unwrap();
    let mut said = body(&encoded);
    said.as_object_mut().unwrap().remove("input");
    assert_eq!(
        said,
        json!({
            "model": "gpt-4o", "max_output_tokens": 16, "temperature": 0.5, "top_p": 1, "metadata": {"k": "v"}, "user": "u",
            "service_tier": "flex", "reasoning": {"effort": "low"}, "top_logprobs": 2, "prompt_cache_key": "k", "truncation": "auto",
            "text": {"format": {"type": "json_schema", "name": "n", "description": "d", "schema": schema, "strict": true}, "verbosity": "low"},
            "tools": [{"type": "web_search", "search_context_size": "low"}], "store": false, "max_tool_calls": 2, "seed": 7,
            "include": ["reasoning.encrypted_content", "message.output_text.logprobs"]
        })
    );
    assert_eq!(
        report(&encoded),
        [
            ("max_tokens", "clamped"),
            ("web_search_options", "converted"),
            ("logit_bias", "dropped"),
            ("seed", "dropped"),
            ("stop", "dropped"),
        ]
    );
    let strict = Asked {
        unsupported: Unsupported::Error,
        ..CHAT
    };
    let error = encode(&strict, &ask(json!({"seed": 1})).to_string()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let passed = Asked {
        unsupported: Unsupported::Pass,
        ..CHAT
    };
    let all = encode(
        &passed,
        &ask(json!({"seed": 1, "max_tokens": 5})).to_string(),
    )
    .unwrap();
    assert_eq!(
        (&body(&all)["seed"], &body(&all)["max_output_tokens"]),
        (&json!(1), &json!(5))
    );
}

#[test]
fn encrypted_reasoning_is_asked_for_where_it_exists_and_is_not_stored() {
    let include = |model, members: Value| {
        let asked = Asked { model, ..CHAT };
        body(&encode(&asked, &ask(members).to_string()).unwrap())["include"].clone()
    };
    let encrypted = json!(["reasoning.encrypted_content"]);
    for model in [
        "gpt-5-mini",
        "openai/gpt-5.5",
        "o3",
        "o4-mini",
        "openai.gpt-6",
        "codex-mini-latest",
    ] {
        assert_eq!(include(model, json!({})), encrypted, "{model}");
        assert_eq!(
            include(model, json!({"store": true})),
            Value::Null,
            "{model}"
        );
    }
    for model in [
        "gpt-4o",
        "gpt-5-chat-latest",
        "omni",
        "gpt-4.1-nano",
        "llama",
    ] {
        assert_eq!(include(model, json!({})), Value::Null, "{model}");
        assert_eq!(
            include(model, json!({"reasoning_effort": "high"})),
            encrypted,
            "{model}"
        );
    }
    let own = json!({"include": ["reasoning.encrypted_content", "file_search_call.results"]});
    assert_eq!(include("o3", own.clone()), own["include"]);
    let kept = encode(&CHAT, &ask(json!({"background": true})).to_string()).unwrap();
    assert_eq!(
        body(&kept).get("store"),
        None,
        "the provider would refuse it"
    );
}

#[test]
fn what_was_encrypted_goes_back_byte_for_byte_to_whom_it_belongs() {
    let first = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"g\u0041AA+/=", "x":1.50}"#;
    let second = r#"{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"two"}"#;
    let custom = r#"{"type":"custom_tool_call","call_id":"c9","name":"p","input":"i"}"#;
    let picture = r#"{"type":"image_generation_call","id":"ig","result":"aGk="}"#;
    let part = |kind: &str, by: &str, index: u32, data: &str| {
        format!(r#"{{"kind":"{kind}","provider":"{by}","index":{index},"data":{data}}}"#)
    };
    let parts = [
        part("encrypted", "p", 2, second),
        part("encrypted", "p", 0, first),
        part("custom_tool", "p", 4, custom),
        part("image", "p", 5, picture),
        part("citation", "p", 1, "{}"),
        part("signature", "other", 0, "{}"),
    ]
    .join(",");
    let request = format!(
        r#"{{"messages":[{{"role":"user","content":"q"}},{{"role":"assistant","reasoning":"so","libllm_parts":[{parts}],"tool_calls":[
            {{"id":"c1","type":"function","function":{{"name":"f","arguments":"{{}}"}}}},{{"id":"c2","type":"function","function":{{"name":"g","arguments":"{{}}"}}}}]}},
            {{"role":"tool","tool_call_id":"c1","content":"1"}},{{"role":"tool","tool_call_id":"c9","content":"2"}}]}}"#
    );
    let encoded = encode(&CHAT, &request).unwrap();
    let text = String::from_utf8(encoded.http.body().to_vec()).unwrap();
    // Each item of reasoning stands before the call that it led to.
    let call = |id: &str, name: &str| {
        format!(r#"{{"type":"function_call","call_id":"{id}","name":"{name}","arguments":"{{}}"}}"#)
    };
    let turn = [
        first,
        &call("c1", "f"),
        second,
        &call("c2", "g"),
        custom,
        picture,
    ]
    .join(",");
    assert!(text.contains(&turn), "{text}");
    assert!(text.contains(r#"{"type":"function_call_output","call_id":"c1","output":"1"}"#));
    assert!(text.contains(r#"{"type":"custom_tool_call_output","call_id":"c9","output":"2"}"#));
    assert_eq!(
        report(&encoded),
        [("messages[1].libllm_parts[1]", "dropped")]
    );
    let plain = json!({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "reasoning": "so"}]});
    let encoded = encode(&CHAT, &plain.to_string()).unwrap();
    assert_eq!(report(&encoded), [("messages[1].reasoning", "dropped")]);
}

#[test]
fn a_request_in_this_format_goes_through_as_it_was_written() {
    let asked = Asked {
        operation: Operation::Responses,
        stream: true,
        extra: Some(r#"{"user":"u"}"#),
        ..CHAT
    };
    let request = r#"{ "model":"a/b", "input":[{"role":"user","content":"hi"}],"temperature":0.50, "novel":{"x":1e3} ,"extra_body":{"top_p":1}}"#;
    let encoded = encode(&asked, request).unwrap();
    assert_eq!(
        std::str::from_utf8(encoded.http.body()).unwrap(),
        r#"{ "model":"gpt-4o", "input":[{"role":"user","content":"hi"}],"temperature":0.50, "novel":{"x":1e3} ,"stream":true,"top_p":1,"user":"u"}"#
    );
    let error = encode(&asked, r#"{"messages":[{"role":"user","content":"hi"}]}"#).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(
        encode(&CHAT, r#"{"input":"hi"}"#).unwrap_err().message(),
        "messages is missing"
    );
}

#[test]
fn an_operation_finds_its_sibling_among_openais_formats() {
    let of = |name: &str, operation| {
        wire::for_operation(wire::find(name).unwrap(), operation, &Quirks::PLAIN).name()
    };
    assert_eq!(of("openai_responses", Operation::Chat), "openai_responses");
    assert_eq!(
        of("openai_responses", Operation::Responses),
        "openai_responses"
    );
    if cfg!(feature = "openai") {
        assert_eq!(of("openai_chat", Operation::Responses), "openai_responses");
        assert_eq!(of("openai_chat", Operation::Chat), "openai_chat");
        assert_eq!(
            of("openai_responses", Operation::Completion),
            "openai_completions"
        );
    }
    if cfg!(feature = "anthropic") {
        assert_eq!(of("anthropic", Operation::Responses), "anthropic");
    }
}
