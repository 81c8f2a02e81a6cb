//! What faces read of a request, and refuse.

use bytes::Bytes;
use libllm_proto::event::PartKind;
use libllm_proto::inbound::{self, Taker};
use libllm_proto::wire::Unsupported;
use libllm_proto::{ErrorKind, Event};
use serde_json::{Value, json};

use super::{PATHS, data, dropped, face, facts, read, said_of, taker, written};

#[test]
fn a_message_request_is_read_into_our_words() {
    let schema = r#"{"type":"object","properties":{"z":{"maximum":1.50},"a":{}}}"#;
    let body = format!(
        r#"{{"model":"openai/x","max_tokens":50,"stream":true,"temperature":0.5,"top_k":3,"stop_sequences":["S"],
        "system":[{{"type":"text","text":"be brief","cache_control":{{"type":"ephemeral"}}}}],
        "metadata":{{"user_id":"u"}},"service_tier":"standard_only","thinking":{{"type":"enabled","budget_tokens":4000}},
        "tools":[{{"name":"f","description":"d","input_schema":{schema}}},{{"type":"web_search_20250305","name":"web_search"}}],
        "tool_choice":{{"type":"tool","name":"f","disable_parallel_tool_use":true}},
        "messages":[
          {{"role":"user","content":[{{"type":"text","text":"look"}},
             {{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"AAAA"}}}}]}},
          {{"role":"assistant","content":[{{"type":"thinking","thinking":"hm","signature":"s"}},
             {{"type":"text","text":"I call"}},{{"type":"tool_use","id":"t1","name":"f","input":{{"a":1.50}}}}]}},
          {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t1","is_error":true,
             "content":[{{"type":"text","text":"no"}},{{"type":"image","source":{{"type":"url","url":"https://h/i.png"}}}}]}},
             {{"type":"text","text":"go on"}}]}}
        ],"container":"c"}}"#
    );
    let asked = face(PATHS[1])
        .read(&Bytes::from(body), taker("openai_chat"))
        .unwrap();
    let source = std::str::from_utf8(asked.request.source()).unwrap();
    assert!(source.contains(schema), "schemas stay as written: {source}");
    let said = said_of(&asked);
    assert_eq!(
        said["messages"],
        json!([
            {"role": "system", "content": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]},
            {"role": "user", "content": [{"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
            {"role": "assistant", "content": [{"type": "text", "text": "I call"}], "reasoning": "hm",
             "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1.50}"}}],
             "libllm_parts": [{"kind": "signature", "index": 0,
                "data": {"type": "thinking", "thinking": "hm", "signature": "s"}}]},
            {"role": "tool", "tool_call_id": "t1", "is_error": true, "content": [{"type": "text", "text": "no"}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://h/i.png"}},
                {"type": "text", "text": "go on"}]},
        ])
    );
    for (name, value) in [
        ("max_tokens", json!(50)),
        ("stop", json!(["S"])),
        ("user", json!("u")),
        ("service_tier", json!("default")),
        ("reasoning_effort", json!("medium")),
        ("parallel_tool_calls", json!(false)),
        (
            "tool_choice",
            json!({"type": "function", "function": {"name": "f"}}),
        ),
        ("stream", json!(true)),
    ] {
        assert_eq!(said[name], value, "{name}");
    }
    assert_eq!(
        dropped(&asked),
        [
            "messages[2].content[0].content[1]",
            "tools[1]",
            "thinking",
            "top_k",
            "container",
        ]
    );
    let rich = read(
        PATHS[1],
        &json!({"model": "m", "max_tokens": 1, "top_k": 3, "messages": [{"role": "user", "content": [
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}]}),
        "cohere",
    );
    assert!(rich.dropped.is_empty());
    assert_eq!(
        said_of(&rich)["messages"][0]["content"][0]["cache_control"]["type"],
        "ephemeral"
    );
}

#[test]
fn a_response_request_is_read_into_our_words() {
    let asked = read(
        PATHS[2],
        &json!({"model": "m", "instructions": "be brief", "max_output_tokens": 9, "store": true, "include": ["x"],
        "reasoning": {"effort": "low", "summary": "auto"}, "text": {"verbosity": "low", "format":
            {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}},
        "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": true}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "f"}, "truncation": "auto",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "q"}, {"type": "input_image", "image_url": "https://h/i"}]},
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "e"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I call", "annotations": []}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
            {"type": "web_search_call", "id": "w"},
        ]}),
        "openai_chat",
    );
    let said = said_of(&asked);
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    assert_eq!(
        said["messages"],
        json!([
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "image_url", "image_url": {"url": "https://h/i"}}]},
            {"role": "assistant", "content": [{"type": "text", "text": "I call"}], "reasoning": "hm",
             "tool_calls": [call("c1"), call("c2")],
             "libllm_parts": [{"kind": "encrypted", "index": 1, "data":
                {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "e"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "two"}]},
        ])
    );
    assert_eq!(said["max_completion_tokens"], 9);
    assert_eq!(said["reasoning_effort"], "low");
    assert_eq!(said["verbosity"], "low");
    assert_eq!(said["response_format"]["json_schema"]["name"], "n");
    assert_eq!(said["tools"].as_array().unwrap().len(), 1);
    assert_eq!(dropped(&asked), ["input[7]", "tools[1]", "truncation"]);
    let echo = face(PATHS[2]).echo(br#"{"temperature":0.50}"#).unwrap();
    let echo: Value = serde_json::from_str(&format!("{{{}}}", &echo[1..])).unwrap();
    assert_eq!(echo["temperature"], 0.5);
    assert_eq!(echo["tool_choice"], "auto");
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let message =
        |content: Value| json!({"model": "m", "messages": [{"role": "user", "content": content}]});
    for (path, body, why) in [
        (PATHS[0], json!({"model": "m"}), "messages"),
        (
            PATHS[1],
            json!({"model": "m", "messages": [{"content": "x"}]}),
            "messages[0].role: is missing",
        ),
        (
            PATHS[1],
            json!({"model": "m", "messages": [{"role": "x", "content": "x"}]}),
            "messages[0].role",
        ),
        (
            PATHS[1],
            message(json!([{"type": "text", "text": 5}])),
            "messages[0].content[0].text",
        ),
        (
            PATHS[1],
            message(json!([{"type": "image"}])),
            "messages[0].content[0].source: is missing",
        ),
        (
            PATHS[1],
            message(json!([{"type": "tool_result"}])),
            "messages[0].content[0].tool_use_id: is missing",
        ),
        (PATHS[2], json!({"model": "m"}), "input: is missing"),
        (
            PATHS[2],
            json!({"model": "m", "input": [{"type": "item_reference", "id": "x"}]}),
            "input[0]",
        ),
        (
            PATHS[2],
            json!({"model": "m", "input": "x", "background": true}),
            "background",
        ),
        (
            PATHS[2],
            json!({"model": "m", "input": [{"type": "function_call"}]}),
            "input[0].call_id: is missing",
        ),
    ] {
        let bytes = Bytes::from(body.to_string());
        let error = face(path).read(&bytes, taker("openai_chat")).unwrap_err();
        assert!(error.message().contains(why), "{path} {why}: {error}");
    }
}

#[test]
fn nothing_is_dropped_in_silence_where_dropping_is_an_error() {
    let strict = Taker {
        wire: "openai_chat",
        unsupported: Unsupported::Error,
    };
    let body = Bytes::from_static(
        br#"{"model":"m","max_tokens":1,"top_k":1,"messages":[{"role":"user","content":"x"}]}"#,
    );
    let error = face(PATHS[1]).read(&body, strict).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn no_bytes_that_a_caller_sends_are_fatal() {
    let whole = json!({"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": "q"}]}],
        "system": "s", "messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {}}]}],
        "tools": [{"name": "f", "input_schema": {}}], "stream": true})
    .to_string();
    for path in PATHS {
        for end in 0..=whole.len() {
            for byte in [
                None,
                Some(b'{'),
                Some(b'"'),
                Some(b'\\'),
                Some(0xff),
                Some(b'9'),
            ] {
                let mut bytes = whole.as_bytes()[..end].to_vec();
                match byte {
                    None => {}
                    Some(byte) if end < whole.len() => {
                        bytes.push(byte);
                        bytes.extend_from_slice(&whole.as_bytes()[end + 1..]);
                    }
                    Some(_) => continue,
                }
                let bytes = Bytes::from(bytes);
                // Either is good; a panic is not.
                let _ = inbound::Outline::read(&bytes);
                let _ = inbound::routed(&bytes, br#"{"model":"x"}"#);
                let _ = face(path).echo(&bytes);
                let _ = face(path).read(&bytes, taker("openai_chat"));
            }
        }
    }
}

#[test]
fn what_must_go_back_comes_back_through_every_format() {
    // A provider's signature as its own JSON, with blanks that are line ends and numbers spelled its own way.
    let signed = "{\"thoughtSignature\":\"c2ln\",\n\"n\":1.50}";
    let events = [
        Event::Reasoning("hm"),
        Event::Part {
            kind: PartKind::Signature,
            index: 3,
            json: signed,
        },
        Event::Text("x"),
    ];
    let message: Value =
        serde_json::from_slice(&written(PATHS[1], facts(false), &events, 9, true)).unwrap();
    let back = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": "again"},
    ]});
    let asked = read(PATHS[1], &back, "gemini");
    let source = std::str::from_utf8(asked.request.source()).unwrap();
    let part = format!(
        "\"libllm_parts\":[{{\"kind\":\"signature\",\"provider\":\"p\",\"index\":3,\"data\":{signed}}}]"
    );
    assert!(source.contains(&part), "{source}");

    let response: Value =
        serde_json::from_slice(&written(PATHS[2], facts(false), &events, 9, true)).unwrap();
    let mut input = vec![json!({"role": "user", "content": "q"})];
    input.extend(response["output"].as_array().unwrap().clone());
    let asked = read(PATHS[2], &json!({"model": "m", "input": input}), "gemini");
    let source = std::str::from_utf8(asked.request.source()).unwrap();
    assert!(source.contains(&part), "{source}");
    assert_eq!(said_of(&asked)["messages"][1]["reasoning"], "hm");

    let chunks = data(&written(PATHS[0], facts(true), &events, 9, true));
    let parts: Vec<&Value> = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"].get("libllm_parts"))
        .collect();
    assert_eq!(parts[0][0]["data"]["thoughtSignature"], "c2ln");
    assert_eq!(parts[0][0]["provider"], "p");
}
