//! Services that speak OpenAI's format with words of their own: what their rows make of a request, and what is said of it.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

use libllm_proto::wire::{Operation, Target, Unsupported};
use libllm_proto::{Error, ErrorKind, Request, operation, provider};
use serde_json::{Value, json};

/// The path and the body of a request to a row's service, and the report.
fn said(
    row: &str,
    operation: Operation,
    mode: Unsupported,
    request: &Value,
) -> Result<(String, Value, Vec<String>), Error> {
    let row = provider::find(row).unwrap();
    let target = Target {
        provider: row.id,
        model: "m",
        base_url: row.base_url,
        stream: false,
        operation,
        quirks: &row.quirks,
        unsupported: mode,
        extra_body: None,
    };
    let request = Request::parse_any(request.to_string())?;
    let encoded = operation::encode(row.wire()?, &request, &target)?;
    let mut body: Value = serde_json::from_slice(encoded.http.body()).unwrap();
    body.as_object_mut().unwrap().remove("model");
    let report = encoded.dropped.iter();
    let report = report.map(|it| format!("{} {}", it.param, it.action));
    let path = encoded.http.uri().path().to_owned();
    Ok((path, body, report.collect()))
}

#[track_caller]
fn check(row: &str, operation: Operation, request: Value, expected: Value, report: &[&str]) {
    let (_, body, told) = said(row, operation, Unsupported::Drop, &request).unwrap();
    assert_eq!(body, expected);
    assert_eq!(told, report);
}

#[track_caller]
fn chat(more: Value, expected: Value, report: &[&str]) {
    let with = |members: Value| {
        let mut all = json!({"messages": [{"role": "user", "content": "hi"}]});
        let members = members.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(members);
        all
    };
    check(
        "mistral",
        Operation::Chat,
        with(more),
        with(expected),
        report,
    );
}

#[test]
fn mistral_has_names_and_members_of_its_own() {
    chat(
        json!({"seed": 7, "top_p": 0.5, "safe_prompt": true, "n": 1, "metadata": {"a": "b"}, "prompt_cache_key": "k"}),
        json!({"random_seed": 7, "top_p": 0.5, "safe_prompt": true, "n": 1, "metadata": {"a": "b"}, "prompt_cache_key": "k"}),
        &["seed converted"],
    );
    chat(
        json!({"logit_bias": {"5": 1}, "logprobs": false, "service_tier": "auto", "user": "u", "store": null, "modalities": ["text"]}),
        json!({}),
        &["logit_bias dropped", "user dropped"],
    );
    chat(
        json!({"reasoning_effort": "low", "temperature": 1.7}),
        json!({"reasoning_effort": "high", "temperature": 1.5}),
        &["reasoning_effort clamped", "temperature clamped"],
    );
    chat(
        json!({"reasoning_effort": "none", "temperature": 1.5}),
        json!({"reasoning_effort": "none", "temperature": 1.5}),
        &[],
    );
    chat(
        json!({"extra_body": {"seed": 1}, "seed": 2}),
        json!({"random_seed": 2, "seed": 1}),
        &["seed converted"],
    );
}

#[test]
fn mistral_knows_functions_with_parameters() {
    let bare = json!({"type": "function", "function": {"name": "f", "cache_control": {"type": "ephemeral"}}});
    let custom = json!({"type": "custom", "custom": {"name": "c"}});
    let own = json!({"type": "web_search"});
    let parameters = json!({"type": "object", "properties": {}});
    chat(
        json!({"tools": [bare, custom, own]}),
        json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": parameters}}, own]}),
        &["tools[0].cache_control dropped", "tools[1] dropped"],
    );
}

#[test]
fn mistral_is_told_a_conversation_in_its_own_parts() {
    let file = json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}});
    let sound = json!({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}});
    let marked = json!({"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}});
    let picture =
        json!({"type": "image_url", "image_url": {"url": "https://h/i", "detail": "low"}});
    chat(
        json!({"messages": [
            {"role": "developer", "content": "d", "name": "x"},
            {"role": "user", "name": "n", "content": [file, sound, marked, picture, {"type": "file", "file": {"file_id": "u"}}]},
            {"role": "assistant", "content": null, "refusal": "no"},
            {"role": "user", "content": "again"},
            {"role": "assistant", "content": "a begin"},
        ]}),
        json!({"messages": [
            {"role": "system", "content": "d"},
            {"role": "user", "content": [
                {"type": "document_url", "document_url": "data:application/pdf;base64,JVBERi0=", "document_name": "a.pdf"},
                {"type": "input_audio", "input_audio": "aGk="}, {"type": "text", "text": "t"}, picture, {"type": "file", "file_id": "u"},
            ]},
            {"role": "assistant", "content": "no"},
            {"role": "user", "content": "again"},
            {"role": "assistant", "content": "a begin", "prefix": true},
        ]}),
        &[
            "messages[0].name dropped",
            "messages[1].cache_control dropped",
            "messages[0].role converted",
        ],
    );
}

#[test]
fn members_go_as_they_are_where_that_is_wanted_and_are_refused_where_that_is() {
    let request =
        json!({"messages": [{"role": "user", "content": "hi"}], "seed": 7, "logit_bias": {"5": 1}});
    let (_, body, report) = said("mistral", Operation::Chat, Unsupported::Pass, &request).unwrap();
    assert_eq!((body, report), (request.clone(), Vec::new()));
    let error = said("mistral", Operation::Chat, Unsupported::Error, &request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn vectors_and_rankings_are_asked_for_in_the_service_s_names() {
    use Operation::{Embeddings, Rerank};
    let asked = json!({"input": ["a"], "dimensions": 256, "encoding_format": "float", "user": "u", "input_type": "query"});
    check(
        "mistral",
        Embeddings,
        asked.clone(),
        json!({"input": ["a"], "output_dimension": 256, "encoding_format": "float", "input_type": "query"}),
        &["dimensions converted", "user dropped"],
    );
    check(
        "voyage",
        Embeddings,
        asked.clone(),
        json!({"input": ["a"], "output_dimension": 256, "input_type": "query"}),
        &["dimensions converted", "user dropped"],
    );
    check(
        "voyage",
        Embeddings,
        json!({"input": "a", "encoding_format": "base64"}),
        json!({"input": "a", "encoding_format": "base64"}),
        &[],
    );
    check(
        "voyage",
        Rerank,
        json!({"query": "q", "documents": ["a"], "top_n": 1, "return_documents": true}),
        json!({"query": "q", "documents": ["a"], "top_k": 1, "return_documents": true}),
        &["top_n converted"],
    );
    check(
        "perplexity",
        Embeddings,
        json!({"input": "a", "dimensions": 128, "encoding_format": "float"}),
        json!({"input": "a", "dimensions": 128}),
        &[],
    );
    check(
        "perplexity",
        Embeddings,
        json!({"input": "a", "encoding_format": "base64"}),
        json!({"input": "a", "encoding_format": "base64_int8"}),
        &["encoding_format converted"],
    );
    // Who says nothing of a vocabulary speaks OpenAI's.
    check("jina", Embeddings, asked.clone(), asked, &[]);
}

#[test]
fn vectors_of_perplexity_have_a_version_in_their_path_and_conversations_none() {
    let path = |operation, request: &Value| {
        said("perplexity", operation, Unsupported::Drop, request)
            .unwrap()
            .0
    };
    let embeddings = json!({"input": "a"});
    let conversation = json!({"messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(path(Operation::Embeddings, &embeddings), "/v1/embeddings");
    assert_eq!(path(Operation::Chat, &conversation), "/chat/completions");
}
