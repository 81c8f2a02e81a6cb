//! Chat Completions requests in the words of Bedrock: Converse, and the bodies that InvokeModel carries.
#![cfg(feature = "bedrock")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Encoded, Operation, Target, Unsupported};
use libllm_proto::{Error, ErrorKind, Request};
use serde_json::{Value, json};

fn encode(
    wire: &str,
    model: &str,
    stream: bool,
    mode: Unsupported,
    request: &Value,
) -> Result<Encoded, Error> {
    let target = Target {
        provider: "bedrock",
        model,
        base_url: "https://host",
        stream,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        unsupported: mode,
        extra_body: None,
    };
    let request = Request::parse(request.to_string())?;
    wire::find(wire).unwrap().encode(&request, &target)
}

/// The body, and the report as `param action`.
fn said(wire: &str, model: &str, request: &Value) -> (Value, Vec<String>) {
    let encoded = encode(wire, model, true, Unsupported::Drop, request).unwrap();
    let body = serde_json::from_slice(encoded.http.body()).unwrap();
    let report = encoded.dropped.iter();
    let report = report.map(|it| format!("{} {}", it.param, it.action));
    (body, report.collect())
}

fn join(mut base: Value, more: Value) -> Value {
    let members = more.as_object().unwrap().clone();
    base.as_object_mut().unwrap().extend(members);
    base
}

/// A request with these members and a greeting becomes the greeting's body with those.
#[track_caller]
fn check(model: &str, members: Value, expected: Value, report: &[&str]) {
    let hi = json!({"messages": [{"role": "user", "content": "hi"}]});
    let (body, told) = said("bedrock_converse", model, &join(hi, members));
    let hi = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]});
    assert_eq!(body, join(hi, expected));
    assert_eq!(told, report);
}

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

#[test]
fn models_stand_in_paths() {
    let request = json!({"messages": [{"role": "user", "content": "hi"}]});
    let events = "application/vnd.amazon.eventstream";
    for (wire, stream, operation, accept) in [
        ("bedrock_converse", false, "converse", "application/json"),
        ("bedrock_converse", true, "converse-stream", events),
        ("bedrock_invoke", false, "invoke", "application/json"),
        (
            "bedrock_invoke",
            true,
            "invoke-with-response-stream",
            events,
        ),
    ] {
        let model = "arn:aws:bedrock:us-east-1:1:inference-profile/meta.llama3-v1:0";
        let http = encode(wire, model, stream, Unsupported::Drop, &request)
            .unwrap()
            .http;
        let path = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fmeta.llama3-v1%3A0";
        assert_eq!(
            http.uri().to_string(),
            format!("https://host/model/{path}/{operation}")
        );
        assert_eq!(http.headers()["accept"], accept);
    }
}

#[test]
fn parameters_have_other_places() {
    check(
        "amazon.nova-lite-v1:0",
        json!({
            "max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "stop": ["x"], "service_tier": "priority", "metadata": {"a": "b"},
            "guardrailConfig": {"guardrailIdentifier": "g"}, "top_k": 3, "additionalModelRequestFields": {"z": 1},
            "inferenceConfig": {"topP": 0.8},
        }),
        json!({
            "inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "topP": 0.8, "stopSequences": ["x"]},
            "serviceTier": {"type": "priority"}, "requestMetadata": {"a": "b"},
            "guardrailConfig": {"guardrailIdentifier": "g"}, "additionalModelRequestFields": {"top_k": 3, "z": 1},
        }),
        &[],
    );
    check(
        "m",
        json!({"seed": 1, "n": 1, "user": "u", "service_tier": "auto", "metadata": {}}),
        json!({}),
        &["seed dropped", "user dropped"],
    );
    check(
        "m",
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}}}}),
        json!({"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{\"a\":1}", "name": "n"}}}}}),
        &[],
    );
    check(
        "m",
        json!({"response_format": {"type": "json_object"}}),
        json!({}),
        &["response_format dropped"],
    );
}

#[test]
fn efforts_are_said_as_the_models_vendor_does() {
    let more = |fields: Value| json!({"additionalModelRequestFields": fields});
    let converted: &[&str] = &["reasoning_effort converted"];
    for (model, effort, expected, report) in [
        (
            CLAUDE,
            "low",
            more(json!({"thinking": {"type": "enabled", "budget_tokens": 2048}})),
            converted,
        ),
        (
            "anthropic.claude-opus-4-6-v1",
            "high",
            more(json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}})),
            &[],
        ),
        (
            "amazon.nova-2-lite-v1:0",
            "medium",
            more(json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}})),
            &[],
        ),
        (
            "openai.gpt-oss-20b-1:0",
            "high",
            more(json!({"reasoning_effort": "high"})),
            &[],
        ),
        (CLAUDE, "none", json!({}), &[]),
        ("m", "high", json!({}), &["reasoning_effort dropped"]),
    ] {
        check(model, json!({"reasoning_effort": effort}), expected, report);
    }
    check(
        CLAUDE,
        json!({"reasoning_effort": "low", "max_tokens": 100, "temperature": 0.1, "top_p": 1.0}),
        json!({
            "inferenceConfig": {"maxTokens": 2148, "topP": 1.0},
            "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        }),
        &[
            "reasoning_effort converted",
            "max_tokens converted",
            "temperature dropped",
        ],
    );
}

#[test]
fn a_budget_is_not_asked_for_where_claude_would_refuse_it() {
    let call =
        json!({"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let tool = json!({"type": "function", "function": {"name": "f"}});
    let result = json!({"role": "tool", "tool_call_id": "t1", "content": "r"});
    let user = json!({"role": "user", "content": "q"});
    let signed = json!({"kind": "signature", "provider": "bedrock", "index": 0,
        "data": {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}}});
    let calling = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let thinking = join(calling.clone(), json!({"libllm_parts": [signed]}));
    let answered = json!({"role": "assistant", "content": "a"});
    let dropped: &[&str] = &["reasoning_effort dropped"];
    let converted: &[&str] = &["reasoning_effort converted"];
    for (model, messages, report) in [
        (CLAUDE, json!([user, calling, result]), dropped),
        (CLAUDE, json!([user, thinking, result]), converted),
        (
            CLAUDE,
            json!([user, calling, result, answered, user]),
            converted,
        ),
        (CLAUDE, json!([user, answered]), dropped),
        // Adaptive thinking has no such rule, and neither have others' models.
        (
            "anthropic.claude-opus-4-6-v1",
            json!([user, calling, result]),
            &[],
        ),
        (
            "amazon.nova-2-lite-v1:0",
            json!([user, calling, result]),
            &[],
        ),
    ] {
        let request = json!({"messages": messages, "tools": [tool], "reasoning_effort": "low"});
        let (body, told) = said("bedrock_converse", model, &request);
        assert_eq!(told, report, "{model}: {messages}");
        let asks = body.get("additionalModelRequestFields").is_some();
        assert_eq!(asks, report != dropped, "{model}: {messages}");
    }
}

#[test]
fn tools_and_the_choice_among_them() {
    let tool = json!({"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object"}, "strict": true},
        "cache_control": {"type": "ephemeral", "ttl": "1h"}});
    let spec = json!([
        {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}, "strict": true}},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
    ]);
    for (choice, said) in [
        (json!("auto"), json!({"auto": {}})),
        (json!("required"), json!({"any": {}})),
        (
            json!({"type": "function", "function": {"name": "f"}}),
            json!({"tool": {"name": "f"}}),
        ),
    ] {
        check(
            "m",
            json!({"tools": [tool], "tool_choice": choice}),
            json!({"toolConfig": {"tools": spec, "toolChoice": said}}),
            &[],
        );
    }
    check(
        "m",
        json!({"tools": [tool], "tool_choice": "none", "parallel_tool_calls": false}),
        json!({}),
        &["parallel_tool_calls dropped", "tool_choice converted"],
    );
    check(
        CLAUDE,
        json!({"tools": [tool], "tool_choice": "required", "reasoning_effort": "low"}),
        json!({"toolConfig": {"tools": spec, "toolChoice": {"any": {}}}}),
        &["reasoning_effort dropped"],
    );
}

#[test]
fn a_conversation_keeps_its_blocks_and_signatures() {
    let signed = r#"{"reasoningContent":{"reasoningText":{"text":"t","signature":"c2ln\/"}}}"#;
    let request = json!({"messages": [
        {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "content": [
            {"type": "text", "text": "q"},
            {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,aGk="}},
            {"type": "image_url", "image_url": {"url": "https://h/p.png"}},
            {"type": "file", "file": {"file_data": "data:text/csv;base64,aGk=", "filename": "a_b.csv"}},
            {"type": "file", "file": {"file_id": "s3://b/k.pdf"}},
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
            {"type": "file", "file": {"file_data": "data:image/png;base64,aGk="}},
            {"type": "video_url", "video_url": {"url": "https://h/v.mp4"}},
        ]},
        {"role": "assistant", "content": "  ", "reasoning": "t",
         "tool_calls": [{"id": "a/b", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1.0}"}}],
         "libllm_parts": [
            {"kind": "signature", "provider": "bedrock", "index": 0, "data": "SIGNED"},
            {"kind": "signature", "provider": "gemini", "index": 1, "data": {"text": "x"}},
            {"kind": "image", "provider": "bedrock", "index": 2, "data": {"image": {}}},
         ]},
        {"role": "tool", "tool_call_id": "a/b", "content": "r", "is_error": true},
        {"role": "user", "content": "more"},
    ]});
    let text = request.to_string().replace("\"SIGNED\"", signed);
    let target = Target {
        provider: "bedrock",
        model: CLAUDE,
        base_url: "https://h",
        stream: true,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        unsupported: Unsupported::Drop,
        extra_body: None,
    };
    let request = Request::parse(text).unwrap();
    let encoded = wire::find("bedrock_converse")
        .unwrap()
        .encode(&request, &target)
        .unwrap();
    let body = String::from_utf8(encoded.http.body().to_vec()).unwrap();
    assert!(body.contains(signed), "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let expected = json!({
        "system": [{"text": "s"}, {"cachePoint": {"type": "default"}}],
        "messages": [
            {"role": "user", "content": [
                {"text": "q"},
                {"image": {"format": "jpeg", "source": {"bytes": "aGk="}}},
                {"document": {"format": "csv", "name": "a b", "source": {"bytes": "aGk="}}},
                {"document": {"format": "pdf", "name": "document 3", "source": {"s3Location": {"uri": "s3://b/k.pdf"}}}},
                {"audio": {"format": "mp3", "source": {"bytes": "aGk="}}},
                {"image": {"format": "png", "source": {"bytes": "aGk="}}},
            ]},
            {"role": "assistant", "content": [
                serde_json::from_str::<Value>(signed).unwrap(),
                {"toolUse": {"toolUseId": "a_b", "name": "f", "input": {"a": 1.0}}},
            ]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "a_b", "content": [{"text": "r"}], "status": "error"}},
                {"text": "more"},
            ]},
        ],
    });
    assert_eq!(body, expected);
    let report: Vec<String> = encoded
        .dropped
        .iter()
        .map(|it| format!("{} {}", it.param, it.action))
        .collect();
    let dropped = [
        "messages[1].content[2] dropped",
        "messages[1].content[7] dropped",
        "messages[2].libllm_parts[1] dropped",
        "messages[2].libllm_parts[2] dropped",
        "messages[2].tool_calls[0].id converted",
        "messages[3].tool_call_id converted",
    ];
    assert_eq!(report, dropped);
}

#[test]
fn invoke_carries_what_the_models_vendor_takes() {
    let request = json!({
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}],
        "max_tokens": 9, "temperature": 0.5, "stop": "x",
    });
    for (model, expected) in [
        (
            "amazon.titan-text-express-v1",
            json!({"inputText": "s\n\nUser: hi\nBot:",
            "textGenerationConfig": {"maxTokenCount": 9, "temperature": 0.5, "stopSequences": ["x"]}}),
        ),
        (
            "mistral.mistral-7b-instruct-v0:2",
            json!({"prompt": "<s>[INST] s\n\nhi [/INST]", "max_tokens": 9, "temperature": 0.5, "stop": ["x"]}),
        ),
        (
            "meta.llama2-13b-chat-v1",
            json!({"prompt": "<s>[INST] <<SYS>>\ns\n<</SYS>>\n\nhi [/INST]", "max_gen_len": 9, "temperature": 0.5}),
        ),
        (
            "cohere.command-text-v14",
            json!({"prompt": "s\n\nUser: hi\nChatbot:", "max_tokens": 9, "temperature": 0.5, "stop_sequences": ["x"]}),
        ),
        (
            "us.amazon.nova-lite-v1:0",
            json!({"schemaVersion": "messages-v1", "system": [{"text": "s"}],
            "messages": [{"role": "user", "content": [{"text": "hi"}]}],
            "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "stopSequences": ["x"]}}),
        ),
    ] {
        assert_eq!(
            said("bedrock_invoke", model, &request).0,
            expected,
            "{model}"
        );
    }
    let tools = join(
        request,
        json!({"tools": [{"type": "function", "function": {"name": "f"}}], "response_format": {"type": "json_object"}}),
    );
    let (_, report) = said("bedrock_invoke", "meta.llama3-8b-instruct-v1:0", &tools);
    assert_eq!(
        report,
        ["stop dropped", "tools dropped", "response_format dropped"]
    );
}

#[test]
#[cfg(all(feature = "anthropic", feature = "openai", feature = "cohere"))]
fn invoke_carries_other_wires_without_the_model() {
    let request = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9});
    let messages = json!([{"role": "user", "content": "hi"}]);
    for (model, expected) in [
        (
            CLAUDE,
            json!({"messages": messages, "max_tokens": 9, "anthropic_version": "bedrock-2023-05-31"}),
        ),
        (
            "mistral.mistral-large-2407-v1:0",
            json!({"messages": messages, "max_tokens": 9}),
        ),
        (
            "cohere.command-r-v1:0",
            json!({"message": "hi", "max_tokens": 9}),
        ),
        ("m", json!({"messages": messages, "max_tokens": 9})),
    ] {
        assert_eq!(
            said("bedrock_invoke", model, &request).0,
            expected,
            "{model}"
        );
    }
}

#[test]
fn what_has_no_place_is_an_error_where_one_is_wanted() {
    let request = json!({"messages": [{"role": "user", "content": "hi"}], "seed": 1});
    for (wire, model) in [
        ("bedrock_converse", "m"),
        ("bedrock_invoke", "meta.llama3-v1:0"),
    ] {
        let error = encode(wire, model, true, Unsupported::Error, &request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().starts_with("seed"), "{error}");
    }
}

#[test]
fn what_belongs_to_converse_itself_is_no_part_of_a_models_body() {
    let request = json!({"messages": [{"role": "user", "content": "hi"}], "metadata": {"k": "v"}, "service_tier": "flex"});
    let model = "us.amazon.nova-lite-v1:0";
    let (body, told) = said("bedrock_invoke", model, &request);
    let turns = json!([{"role": "user", "content": [{"text": "hi"}]}]);
    assert_eq!(
        body,
        json!({"schemaVersion": "messages-v1", "messages": turns})
    );
    assert_eq!(told, ["metadata dropped", "service_tier dropped"]);
    let request = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "reasoning_effort": "low",
        "guardrailConfig": {"guardrailIdentifier": "g"}});
    let (reasons, told) = said("bedrock_invoke", "amazon.nova-2-lite-v1:0", &request);
    let reasoning = json!({"type": "enabled", "maxReasoningEffort": "low"});
    assert_eq!(
        reasons["inferenceConfig"],
        json!({"maxTokens": 9, "reasoningConfig": reasoning})
    );
    assert_eq!(told, ["guardrailConfig dropped"]);
    assert_eq!(reasons.as_object().unwrap().len(), 3, "{reasons}");
    let request = json!({"messages": [{"role": "user", "content": "hi"}], "metadata": {"k": "v"}, "service_tier": "flex"});
    let (body, told) = said("bedrock_converse", model, &request);
    assert_eq!(body["requestMetadata"], json!({"k": "v"}));
    assert_eq!(body["serviceTier"], json!({"type": "flex"}));
    assert_eq!(told, [""; 0]);
}

#[test]
fn documents_are_no_part_of_novas_own_body() {
    let file = |data: &str| json!({"type": "file", "file": {"file_data": data, "filename": "a"}});
    let request = json!({"messages": [{"role": "user", "content": [
        file("data:application/pdf;base64,aGk="), {"type": "text", "text": "hi"}, file("data:image/png;base64,aGk=")]}]});
    let nova = "us.amazon.nova-lite-v1:0";
    let (body, report) = said("bedrock_invoke", nova, &request);
    let picture = json!({"image": {"format": "png", "source": {"bytes": "aGk="}}});
    assert_eq!(
        body["messages"][0]["content"],
        json!([{"text": "hi"}, picture])
    );
    assert_eq!(report, ["messages[0].content[0] dropped"]);
    let (body, report) = said("bedrock_converse", nova, &request);
    assert_eq!(body["messages"][0]["content"].as_array().unwrap().len(), 3);
    assert!(report.is_empty(), "{report:?}");
}
