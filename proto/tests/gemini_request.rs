//! Chat Completions requests in the words of Gemini's generateContent.
#![cfg(feature = "gemini")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Encoded, Operation, Target, Unsupported};
use libllm_proto::{Error, ErrorKind, Request};
use serde_json::{Value, json};

fn encode_to(
    wire: &str,
    model: &str,
    stream: bool,
    mode: Unsupported,
    request: &Value,
) -> Result<Encoded, Error> {
    let target = Target {
        provider: "gemini",
        model,
        base_url: "https://host/base",
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
fn said_by(model: &str, request: &Value) -> (Value, Vec<String>) {
    let encoded = encode_to("gemini", model, false, Unsupported::Drop, request).unwrap();
    let body = serde_json::from_slice(encoded.http.body()).unwrap();
    let report = encoded.dropped.iter();
    let report = report.map(|it| format!("{} {}", it.param, it.action));
    (body, report.collect())
}

/// A request with these members and a greeting becomes the greeting's body with those.
#[track_caller]
fn check(model: &str, members: Value, expected: Value, report: &[&str]) {
    let join = |mut base: Value, more: Value| {
        let members = more.as_object().unwrap().clone();
        base.as_object_mut().unwrap().extend(members);
        base
    };
    let request = join(
        json!({"messages": [{"role": "user", "content": "hi"}]}),
        members,
    );
    let hi = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    let (body, told) = said_by(model, &request);
    assert_eq!(body, join(hi, expected));
    assert_eq!(told, report);
}

const FLASH: &str = "gemini-2.5-flash";
const PRO3: &str = "gemini-3-pro-preview";

#[test]
fn models_stand_in_paths() {
    let request = json!({"messages": [{"role": "user", "content": "hi"}]});
    for (wire, model, stream, path) in [
        (
            "gemini",
            "gemini-x",
            false,
            "models/gemini-x:generateContent",
        ),
        (
            "gemini",
            "models/g x?",
            true,
            "models/g%20x%3F:streamGenerateContent?alt=sse",
        ),
        (
            "gemini",
            "tunedModels/t/u",
            false,
            "tunedModels/t%2Fu:generateContent",
        ),
        (
            "vertex",
            "gemini-x",
            false,
            "publishers/google/models/gemini-x:generateContent",
        ),
    ] {
        let http = encode_to(wire, model, stream, Unsupported::Drop, &request)
            .unwrap()
            .http;
        assert_eq!(http.uri().to_string(), format!("https://host/base/{path}"));
        let accept = if stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        assert_eq!(http.headers()["accept"], accept);
    }
}

#[test]
#[cfg(feature = "anthropic")]
fn claude_travels_without_its_model() {
    let request = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9});
    for (stream, method) in [(false, "rawPredict"), (true, "streamRawPredict")] {
        let model = "claude-haiku-4-5@20251001";
        let said = encode_to(
            "vertex_anthropic",
            model,
            stream,
            Unsupported::Drop,
            &request,
        );
        let http = said.unwrap().http;
        let path = format!("/base/publishers/anthropic/models/{model}:{method}");
        assert_eq!(http.uri().path(), path);
        assert!(http.headers().get("anthropic-version").is_none());
        let body: Value = serde_json::from_slice(http.body()).unwrap();
        let mut expected = json!({
            "messages": [{"role": "user", "content": "hi"}],
            "max_tokens": 9,
            "anthropic_version": "vertex-2023-10-16",
        });
        if stream {
            expected["stream"] = true.into();
        }
        assert_eq!(body, expected);
    }
}

#[test]
fn parameters_have_other_names() {
    check(
        FLASH,
        json!({
            "temperature": 0.5, "top_p": 0.9, "top_k": 5, "seed": 1, "n": 2, "stop": "x",
            "max_tokens": 1, "max_completion_tokens": 2, "presence_penalty": 1, "frequency_penalty": 1,
            "logprobs": true, "top_logprobs": 3, "modalities": ["text", "audio"], "audio": {"voice": "Kore"},
            "safetySettings": [], "cachedContent": "c", "generationConfig": {"mediaResolution": "LOW", "seed": 2},
        }),
        json!({
            "generationConfig": {
                "temperature": 0.5, "topP": 0.9, "topK": 5, "seed": 2, "candidateCount": 2, "stopSequences": ["x"],
                "maxOutputTokens": 2, "presencePenalty": 1, "frequencyPenalty": 1, "responseLogprobs": true, "logprobs": 3,
                "responseModalities": ["TEXT", "AUDIO"], "mediaResolution": "LOW",
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
            },
            "safetySettings": [], "cachedContent": "c",
        }),
        &[],
    );
    check(
        FLASH,
        json!({"n": 1, "logprobs": false, "modalities": ["text"], "user": "u", "logit_bias": {"1": 1}, "store": false}),
        json!({}),
        &["logit_bias dropped", "user dropped"],
    );
    let request = json!({"messages": [{"role": "user", "content": "hi"}], "user": "u"});
    let error = encode_to("gemini", FLASH, false, Unsupported::Error, &request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let passed = encode_to("gemini", FLASH, false, Unsupported::Pass, &request).unwrap();
    let body: Value = serde_json::from_slice(passed.http.body()).unwrap();
    assert_eq!(body["user"], "u");
}

#[test]
fn efforts_are_budgets_or_levels() {
    let thinks = |config: Value| json!({"generationConfig": {"thinkingConfig": config}});
    let converted: &[&str] = &["reasoning_effort converted"];
    let dropped: &[&str] = &["reasoning_effort dropped"];
    for (model, effort, expected, report) in [
        (
            FLASH,
            "low",
            thinks(json!({"thinkingBudget": 1024, "includeThoughts": true})),
            converted,
        ),
        (FLASH, "none", thinks(json!({"thinkingBudget": 0})), &[]),
        (
            "gemini-2.5-pro",
            "none",
            thinks(json!({"thinkingBudget": 128})),
            converted,
        ),
        (
            PRO3,
            "low",
            thinks(json!({"thinkingLevel": "low", "includeThoughts": true})),
            &[],
        ),
        (
            PRO3,
            "medium",
            thinks(json!({"thinkingLevel": "high", "includeThoughts": true})),
            converted,
        ),
        (
            "gemini-3-flash",
            "none",
            thinks(json!({"thinkingLevel": "minimal"})),
            converted,
        ),
        (
            "gemini-3-flash",
            "max",
            thinks(json!({"thinkingLevel": "high", "includeThoughts": true})),
            converted,
        ),
        ("gemini-2.0-flash", "high", json!({}), dropped),
        ("gemini-2.0-flash", "none", json!({}), &[]),
        ("gemma-3", "high", json!({}), dropped),
        (FLASH, "huge", json!({}), dropped),
    ] {
        check(model, json!({"reasoning_effort": effort}), expected, report);
    }
}

#[test]
fn tools_and_schemas_stay_as_written() {
    let schema = json!({"type": "object", "properties": {"a": {"$ref": "#/x"}}, "additionalProperties": false});
    check(
        FLASH,
        json!({
            "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}}, {"googleSearch": {}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
            "parallel_tool_calls": false,
        }),
        json!({
            "tools": [
                {"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": schema}]},
                {"googleSearch": {}},
            ],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
            "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema},
        }),
        &["parallel_tool_calls dropped"],
    );
    for (choice, mode) in [("auto", "AUTO"), ("none", "NONE"), ("required", "ANY")] {
        check(
            FLASH,
            json!({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": choice}),
            json!({
                "tools": [{"functionDeclarations": [{"name": "f"}]}],
                "toolConfig": {"functionCallingConfig": {"mode": mode}},
            }),
            &[],
        );
    }
    // The format's own members do not take the place of what was said before.
    check(
        FLASH,
        json!({"contents": []}),
        json!({}),
        &["contents dropped"],
    );
    check(
        FLASH,
        json!({"tool_choice": "auto", "response_format": {"type": "json_object"}}),
        json!({"generationConfig": {"responseMimeType": "application/json"}}),
        &[],
    );
}

#[test]
fn media_are_sent_along_or_by_address() {
    let request = json!({"messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [
            {"type": "text", "text": "a"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            {"type": "image_url", "image_url": "https://h/p.JPG?x=1"},
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
            {"type": "file", "file": {"file_data": "JVBERi0="}},
            {"type": "file", "file": {"file_id": "gs://b/v.mp4"}},
            {"type": "novel"},
        ]},
        {"role": "user", "content": ""},
    ]});
    let (body, report) = said_by(FLASH, &request);
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [{"role": "user", "parts": [
            {"text": "a"},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://h/p.JPG?x=1"}},
            {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}},
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
            {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"}},
        ]}],
    });
    assert_eq!(body, expected);
    assert_eq!(report, ["messages[1].content[6] dropped"]);
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

#[test]
fn signed_parts_go_back_byte_for_byte_at_their_places() {
    let signed =
        r#"{"functionCall":{"name":"f","args":{"a":1.0},"id":"p1"},"thoughtSignature":"c2ln\/"}"#;
    let thought = r#"{"text":"t","thought":true,"thoughtSignature":"x"}"#;
    let middle = r#"{"text":"two ","thoughtSignature":"y"}"#;
    let kept = |index: u32, kind: &str, provider: &str, data: &str| {
        let data: Value = serde_json::from_str(data).unwrap();
        json!({"kind": kind, "index": index, "provider": provider, "data": data})
    };
    let request = json!({"messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "one two three", "reasoning": "t",
         "tool_calls": [call("c0", "g", ""), call("c1", "f", "{\"a\": 1.0}")],
         "libllm_parts": [
            kept(3, "signature", "gemini", signed),
            kept(0, "signature", "gemini", thought),
            kept(2, "signature", "gemini", middle),
            kept(4, "citation", "gemini", "{}"),
            kept(5, "signature", "anthropic", "{\"type\":\"thinking\"}"),
            kept(6, "signature", "gemini", "{\"functionCall\":{\"name\":\"gone\"},\"thoughtSignature\":\"z\"}"),
            kept(7, "signature", "gemini", "{\"text\":\"changed\",\"thoughtSignature\":\"z\"}"),
         ]},
        {"role": "tool", "tool_call_id": "c1", "content": "{\"r\":1.0}"},
        {"role": "tool", "tool_call_id": "c0", "content": "plain"},
        {"role": "tool", "tool_call_id": "c0", "content": "bad", "is_error": true},
    ]});
    // As text, so that the parts' own spelling counts.
    let text = request.to_string().replace(
        &serde_json::from_str::<Value>(signed).unwrap().to_string(),
        signed,
    );
    let target_body = |model: &str| {
        let target = Target {
            provider: "gemini",
            model,
            base_url: "https://h",
            stream: true,
            operation: Operation::Chat,
            quirks: &Quirks::PLAIN,
            unsupported: Unsupported::Drop,
            extra_body: None,
        };
        let request = Request::parse(text.clone()).unwrap();
        let encoded = wire::find("gemini")
            .unwrap()
            .encode(&request, &target)
            .unwrap();
        let report: Vec<String> = encoded
            .dropped
            .iter()
            .map(|it| format!("{} {}", it.param, it.action))
            .collect();
        (
            String::from_utf8(encoded.http.body().to_vec()).unwrap(),
            report,
        )
    };
    let (body, report) = target_body(FLASH);
    assert!(body.contains(signed), "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let expected = json!([
        {"role": "user", "parts": [{"text": "q"}]},
        {"role": "model", "parts": [
            parse(thought), {"text": "one "}, parse(middle), {"text": "three"},
            {"functionCall": {"name": "g", "args": {}}}, parse(signed),
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "p1", "name": "f", "response": {"r": 1.0}}},
            {"functionResponse": {"name": "g", "response": {"output": "plain"}}},
            {"functionResponse": {"name": "g", "response": {"error": "bad"}}},
        ]},
    ]);
    assert_eq!(body["contents"], expected);
    let dropped = [
        "messages[1].libllm_parts[4] dropped",
        "messages[1].libllm_parts[6] dropped",
        "messages[1].libllm_parts[5] dropped",
    ];
    assert_eq!(report, dropped);
    // Newer models refuse a first call without a signature: it came from elsewhere.
    let (body, report) = target_body(PRO3);
    let body: Value = serde_json::from_str(&body).unwrap();
    let call = &body["contents"][1]["parts"][4];
    assert_eq!(call["thoughtSignature"], "skip_thought_signature_validator");
    assert!(report.contains(&"messages[1].tool_calls[0] converted".to_owned()));
}

#[test]
fn results_may_hold_pictures_where_the_model_takes_them() {
    let request = json!({"messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": null, "tool_calls": [call("c", "f", "{}")]},
        {"role": "tool", "tool_call_id": "c", "content": [
            {"type": "text", "text": "see"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        ]},
    ]});
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "aGk="}});
    let inside = said_by(PRO3, &request).0;
    let result = &inside["contents"][2]["parts"];
    assert_eq!(result[0]["functionResponse"]["parts"], json!([picture]));
    let beside = said_by(FLASH, &request).0;
    assert_eq!(beside["contents"][2]["parts"][1], picture);
}

#[test]
fn arguments_that_are_no_object_are_refused_with_their_place() {
    let request = json!({"messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "tool_calls": [call("c", "f", "[1]")]},
    ]});
    let error = encode_to("gemini", FLASH, true, Unsupported::Drop, &request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(
        error
            .message()
            .starts_with("messages[1].tool_calls[0].function.arguments")
    );
}
