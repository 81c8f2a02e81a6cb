//! The conversation: system text, parts, calls and their results, parts of earlier answers.

use serde_json::{Value, json};

use super::*;

#[test]
fn system_and_developer_text_goes_before_the_conversation() {
    let hi = json!({"role": "user", "content": "hi"});
    check_messages(
        json!([{"role": "system", "content": "Be brief."}, hi]),
        json!("Be brief."),
        json!([hi]),
        &[],
    );
    check_messages(
        json!([
            {"role": "developer", "content": [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
            {"role": "system", "content": "B", "cache_control": {"type": "ephemeral"}},
            {"role": "system", "content": ""},
            hi,
            {"role": "system", "content": "late"},
        ]),
        json!([
            {"type": "text", "text": "A", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "text", "text": "B", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "late"},
        ]),
        json!([hi]),
        &["messages[4] converted"],
    );
}

#[test]
fn pictures_and_documents_go_by_address_by_bytes_or_by_number() {
    let marker = json!({"type": "ephemeral"});
    let parts = json!([
        {"type": "text", "text": "Look", "cache_control": marker},
        {"type": "image_url", "image_url": {"url": "https://h/a.png", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,iVBO="}, "cache_control": marker},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "JVBERi0x"}},
        {"type": "file", "file": {"file_data": "data:text/plain;charset=utf-8;base64,aGk=", "filename": "a.txt"}},
        {"type": "file", "file": {"file_data": "data:image/jpeg;base64,/9j/"}},
        {"type": "file", "file": {"file_data": "https://h/a.pdf"}},
        {"type": "file", "file": {"file_id": "file_1"}},
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
        {"type": "text", "text": ""},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/zip;base64,UEsD"}},
    ]);
    check_messages(
        json!([{"role": "user", "content": parts}]),
        Value::Null,
        json!([{"role": "user", "content": [
            {"type": "text", "text": "Look", "cache_control": marker},
            {"type": "image", "source": {"type": "url", "url": "https://h/a.png"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO="}, "cache_control": marker},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "a.pdf"},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}, "title": "a.txt"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/"}},
            {"type": "document", "source": {"type": "url", "url": "https://h/a.pdf"}},
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
            {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
        ]}]),
        &[
            "messages[0].content[11] dropped",
            "messages[0].content[12] dropped",
        ],
    );
}

#[test]
fn results_of_parallel_calls_are_one_turn() {
    check_messages(
        json!([
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": "\n\n", "tool_calls": [
                {"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1.0}"}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}, "cache_control": {"type": "ephemeral"}},
            ]},
            {"role": "tool", "tool_call_id": "functions.f:0", "content": "sunny"},
            {"role": "tool", "tool_call_id": "c2", "is_error": true, "cache_control": {"type": "ephemeral"}, "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "https://h/a.png"}},
            ]},
            {"role": "user", "content": "and?"},
        ]),
        Value::Null,
        json!([
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "functions_f_0", "name": "f", "input": {"a": 1.0}},
                {"type": "tool_use", "id": "c2", "name": "g", "input": {}, "cache_control": {"type": "ephemeral"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "functions_f_0", "content": "sunny"},
                {"type": "tool_result", "tool_use_id": "c2", "is_error": true, "cache_control": {"type": "ephemeral"}, "content": [
                    {"type": "text", "text": "see"},
                    {"type": "image", "source": {"type": "url", "url": "https://h/a.png"}},
                ]},
                {"type": "text", "text": "and?"},
            ]},
        ]),
        &[
            "messages[1].tool_calls[0].id converted",
            "messages[2].tool_call_id converted",
        ],
    );
}

#[test]
fn calls_of_the_time_before_tools_are_calls() {
    check(
        OLD,
        json!({
            "functions": [{"name": "f", "parameters": {"type": "object"}}],
            "function_call": {"name": "f"},
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
                {"role": "function", "name": "f", "content": "done"},
            ],
        }),
        json!({
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "tool", "name": "f"},
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "call_function_1", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_function_1", "content": "done"}]},
            ],
        }),
        &[],
    );
}

#[test]
fn signed_parts_go_back_first_in_their_turn_and_byte_for_byte() {
    let turn = r#"{"role":"assistant","content":"So: 4","reasoning":"hm","libllm_parts":[
        {"kind":"server_tool","provider":"anthropic","index":1,"data":{"type":"server_tool_use","id":"s","name":"web_search","input":{"q":1.50}}},
        {"kind":"signature","provider":"anthropic","index":0,"data":{"signature": "c2ln", "type":"thinking","thinking":"h\u006d"}},
        {"kind":"redacted","index":2,"data":{"type":"redacted_thinking","data":"ZQ=="}},
        {"kind":"citation","provider":"anthropic","index":3,"data":{"type":"char_location"}},
        {"kind":"encrypted","provider":"openai","index":0,"data":{"type":"reasoning"}},
        {"kind":"signature","provider":"gemini","index":0,"data":"abc"}]}"#;
    let request = format!(
        r#"{{"max_tokens":9,"messages":[{{"role":"user","content":"2+2"}},{turn},{{"role":"user","content":"sure?"}}]}}"#
    );
    let target = Target {
        provider: "anthropic",
        model: OLD,
        base_url: "https://host",
        stream: false,
        operation: Operation::Chat,
        quirks: &Quirks::PLAIN,
        unsupported: Unsupported::Drop,
        extra_body: None,
    };
    let request = Request::parse(request).unwrap();
    let encoded = wire::find("anthropic")
        .unwrap()
        .encode(&request, &target)
        .unwrap();
    let body = std::str::from_utf8(encoded.http.body()).unwrap();
    let expected = concat!(
        r#"{"role":"assistant","content":[{"signature": "c2ln", "type":"thinking","thinking":"h\u006d"},"#,
        r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{"q":1.50}},"#,
        r#"{"type":"redacted_thinking","data":"ZQ=="},{"type":"text","text":"So: 4"}]}"#
    );
    assert!(body.contains(expected), "{body}");
    let report: Vec<_> = encoded
        .dropped
        .iter()
        .map(|it| (it.param.as_str(), it.why.as_str()))
        .collect();
    // The two of other providers come first in order of place.
    assert_eq!(report.len(), 2, "{report:?}");
    assert!(report.iter().all(
        |(param, why)| param.starts_with("messages[1].libllm_parts[")
            && *why == "another provider's part"
    ));
}

#[test]
fn reasoning_without_a_signature_stays_here_and_is_reported() {
    check_messages(
        json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "reasoning_content": "c"}, {"role": "user", "content": "d"}]),
        Value::Null,
        json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "d"}]),
        &["messages[1].reasoning dropped"],
    );
}

#[test]
fn the_last_message_may_be_the_beginning_of_the_answer() {
    check_messages(
        json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "{ "}]),
        Value::Null,
        json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "{"}]),
        &["messages converted"],
    );
    check_messages(
        json!([{"role": "user", "content": "a", "name": "bob"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": null}, {"role": "assistant", "content": null, "refusal": "no"}]),
        Value::Null,
        json!([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, {"role": "assistant", "content": "no"}]),
        &["messages[0].name dropped"],
    );
}
