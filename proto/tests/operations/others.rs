//! Rankings, lists of models, moderation, and counts of tokens.

use libllm_proto::provider::{Quirks, TokenCounts};
use libllm_proto::wire::Operation::{CountTokens, Models, Moderation, Rerank};
use libllm_proto::wire::{self, Target, Unsupported};
use libllm_proto::{Error, ErrorKind, Request, operation};
use serde_json::{Value, json};

use super::{Asked, encode, said};

#[test]
fn a_ranking_is_asked_for_in_each_providers_words() {
    let request = json!({"model": "m", "query": "q", "documents": ["a", {"text": "b", "id": 1}], "top_n": 1, "return_documents": true, "stream": true});
    let plain = json!({"model": "m/1", "query": "q", "documents": request["documents"], "top_n": 1, "return_documents": true, "over": 1});
    for (wire, place, body, dropped) in [
        (
            "openai_chat",
            "POST https://h/rerank",
            plain.clone(),
            vec![],
        ),
        ("cohere_v1", "POST https://h/v1/rerank", plain, vec![]),
        (
            "cohere",
            "POST https://h/v2/rerank",
            json!({"model": "m/1", "query": "q", "documents": ["a", "b"], "top_n": 1, "over": 1}),
            vec![
                "converted documents[1]".to_owned(),
                "dropped return_documents".to_owned(),
            ],
        ),
    ] {
        assert_eq!(
            said(wire, Rerank, &request),
            (place.to_owned(), body, dropped)
        );
    }
    for lacking in [
        json!({"query": "q"}),
        json!({"documents": []}),
        json!({"query": null, "documents": []}),
    ] {
        let error = encode("cohere", Rerank, &lacking).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
    let own = json!({"query": "q", "documents": [{"title": "t"}]});
    assert_eq!(
        said("cohere", Rerank, &own).1["documents"],
        json!([r#"{"title":"t"}"#])
    );
}

#[test]
fn every_ranking_is_heard_alike() {
    let results =
        json!([{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 1e-5}]);
    for (wire, body, tokens) in [
        (
            "openai_chat",
            r#"{"model":"m","usage":{"total_tokens":15},"results":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":1e-5}]}"#,
            Some(15),
        ),
        (
            "openai_chat",
            r#"{"object":"list","data":[{"relevance_score":0.9,"index":1},{"score":1e-5,"index":0}],"model":"m","usage":{"total_tokens":15}}"#,
            Some(15),
        ),
        (
            "cohere",
            r#"{"id":"r","results":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":1e-5}],"meta":{"billed_units":{"search_units":1}}}"#,
            None,
        ),
    ] {
        let heard = Asked::of(wire, Rerank).hear(body.as_bytes());
        assert_eq!(heard.json()["results"], results, "{body}");
        assert_eq!(heard.tokens(), (tokens, tokens));
    }
    for document in [r#""a \"text\"""#, r#"{"text":"a \"text\""}"#] {
        let body =
            format!(r#"{{"results":[{{"index":0,"relevance_score":1,"document":{document}}}]}}"#);
        let heard = Asked::of("cohere_v1", Rerank).hear(body.as_bytes());
        assert_eq!(
            heard.json()["results"][0]["document"],
            json!({"text": "a \"text\""})
        );
    }
    assert_eq!(
        Asked::of("cohere", Rerank).fail(br#"{"id":"r"}"#).kind(),
        ErrorKind::Protocol
    );
}

#[test]
fn models_are_listed_by_all_who_can() {
    for (wire, place, body) in [
        (
            "openai_chat",
            "GET https://h/models",
            r#"{"object":"list","data":[{"id":"a","object":"model","created":1},{"object":"model","id":"b/c"}]}"#,
        ),
        (
            "openai_chat",
            "GET https://h/models",
            r#"[{"id":"a","created":1},{"id":"b/c"},{"no":"id"}]"#,
        ),
        (
            "anthropic",
            "GET https://h/v1/models?limit=1000",
            r#"{"data":[{"type":"model","id":"a","created":1},{"id":"b/c"}],"has_more":false,"last_id":"b/c"}"#,
        ),
        (
            "gemini",
            "GET https://h/models?pageSize=1000",
            r#"{"models":[{"name":"models/a","created":1},{"name":"b/c"}]}"#,
        ),
        (
            "ollama",
            "GET https://h/api/tags",
            r#"{"models":[{"name":"a","created":1},{"name":"b/c"}]}"#,
        ),
        (
            "cohere",
            "GET https://h/v1/models?page_size=1000",
            r#"{"models":[{"name":"a","created":1},{"name":"b/c"}],"next_page_token":""}"#,
        ),
    ] {
        assert_eq!(
            said(wire, Models, &json!({})),
            (place.to_owned(), Value::Null, vec![])
        );
        let heard = Asked::of(wire, Models).hear(body.as_bytes()).json();
        assert_eq!(heard["data"][0]["id"], "a", "{wire}");
        assert_eq!(heard["data"][0]["object"], "model");
        assert_eq!(heard["data"][0]["created"], 1);
        assert_eq!(heard["data"][1]["id"], "b/c");
        assert_eq!(
            (heard["data"].as_array().unwrap().len(), &heard["next_page"]),
            (2, &Value::Null)
        );
    }
    let version = encode("anthropic", Models, &json!({})).unwrap();
    assert!(version.http.headers().contains_key("anthropic-version"));
    for (wire, next, asked) in [
        (
            "anthropic",
            r#"{"data":[{"id":"a"}],"has_more":true,"last_id":"a&b"}"#,
            "https://h/v1/models?limit=5&after_id=a%26b",
        ),
        (
            "gemini",
            r#"{"models":[],"nextPageToken":"a&b"}"#,
            "https://h/models?limit=5&pageToken=a%26b&pageSize=1000",
        ),
    ] {
        let heard = Asked::of(wire, Models).hear(next.as_bytes()).json();
        let request = json!({"model": "x", "page": heard["next_page"], "limit": 5, "messages": []});
        let mut request = request;
        request.as_object_mut().unwrap().remove("messages");
        assert_eq!(said(wire, Models, &request).0, format!("GET {asked}"));
    }
}

#[test]
fn a_verdict_says_whether_anything_was_flagged() {
    let request = json!({"input": ["a", "b"], "model": "m"});
    let (place, body, _) = said("openai_chat", Moderation, &request);
    assert_eq!(
        (place.as_str(), &body["input"]),
        ("POST https://h/moderations", &request["input"])
    );
    let asked = Asked::of("openai_chat", Moderation);
    let whole =
        br#"{"id":"modr-1","model":"m","results":[{"flagged":true,"categories":{"a":true}}]}"#;
    assert_eq!(asked.hear(whole).data.as_deref(), Some(&whole[..]));
    let without = asked.hear(br#"{"id":"m","results":[{"categories":{"a":false,"b":true},"category_scores":{"b":0.9}}, {"categories":{"a":false}},{}]}"#);
    assert_eq!(
        String::from_utf8(without.data.unwrap()).unwrap(),
        r#"{"id":"m","results":[{"flagged":true,"categories":{"a":false,"b":true},"category_scores":{"b":0.9}}, {"flagged":false,"categories":{"a":false}},{}]}"#
    );
    assert_eq!(asked.fail(b"{}").kind(), ErrorKind::Protocol);
}

#[test]
fn who_counts_is_asked_about_the_whole_conversation() {
    let request = json!({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}], "max_tokens": 5,
        "temperature": 0.5, "stop": ["x"], "tools": [{"type": "function", "function": {"name": "f"}}]});
    let (place, body, _) = said("anthropic", CountTokens, &request);
    assert_eq!(place, "POST https://h/v1/messages/count_tokens");
    let mut members: Vec<&str> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    members.sort_unstable();
    assert_eq!(members, ["messages", "model", "over", "system", "tools"]);
    let (place, body, _) = said("gemini", CountTokens, &request);
    assert_eq!(place, "POST https://h/models/m%2F1:countTokens");
    let inner = &body["generateContentRequest"];
    assert_eq!(
        (&inner["model"], &inner["contents"][0]["role"]),
        (&json!("models/m%2F1"), &json!("user"))
    );
    assert!(inner["systemInstruction"].is_object() && inner["tools"].is_array());
    let (place, body, _) = said("vertex", CountTokens, &request);
    assert_eq!(
        place,
        "POST https://h/publishers/google/models/m%2F1:countTokens"
    );
    assert!(body["contents"].is_array() && body.get("over").is_none());
    for (wire, answer) in [
        (
            "openai_responses",
            r#"{"object":"response.input_tokens","input_tokens":42}"#,
        ),
        (
            "openai_chat",
            r#"{"count":42,"max_model_len":4096,"tokens":[1,2,3]}"#,
        ),
        ("vertex_anthropic", r#"{"input_tokens":42}"#),
        ("bedrock_converse", r#"{"inputTokens":42}"#),
        ("bedrock_invoke", r#"{"inputTokens":42}"#),
        ("anthropic", r#"{"input_tokens":42}"#),
        ("gemini", r#"{"totalTokens":42,"promptTokensDetails":[]}"#),
        (
            "vertex",
            r#"{"totalTokens":42,"totalBillableCharacters":9}"#,
        ),
    ] {
        let heard = Asked::of(wire, CountTokens).hear(answer.as_bytes());
        assert_eq!(
            heard.json(),
            json!({"object": "token_count", "prompt_tokens": 42, "source": "provider"})
        );
        assert_eq!(heard.usage, None, "counting costs nothing");
    }
}

#[test]
fn who_counts_at_another_place_is_asked_there() {
    let request = json!({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}], "max_tokens": 50,
        "temperature": 0.5, "stop": ["x"], "user": "u", "tools": [{"type": "function", "function": {"name": "f"}}]});
    let count = |wire: &str, model: &str, token_counts| {
        let quirks = Quirks {
            token_counts,
            ..Quirks::PLAIN
        };
        let wire = wire::for_operation(wire::find(wire).unwrap(), CountTokens, &quirks);
        let request = Request::parse_any(request.to_string()).unwrap();
        let target = Target {
            provider: "house",
            model,
            base_url: "https://h/v1",
            stream: false,
            operation: CountTokens,
            quirks: &quirks,
            unsupported: Unsupported::Drop,
            extra_body: None,
        };
        let http = operation::encode(wire, &request, &target)?.http;
        let body: Value = serde_json::from_slice(http.body()).unwrap();
        Ok::<_, Error>((http.uri().to_string(), body))
    };
    let names = |body: &Value| {
        let members = body.as_object().unwrap().keys();
        let mut names: Vec<String> = members.cloned().collect();
        names.sort_unstable();
        names.join(" ")
    };
    for wire in ["openai_chat", "openai_responses", "openai_completions"] {
        let (place, body) = count(wire, "m", TokenCounts::Responses).unwrap();
        assert_eq!(place, "https://h/v1/responses/input_tokens");
        assert_eq!(names(&body), "input model tools");
        let (place, body) = count(wire, "m", TokenCounts::Messages).unwrap();
        assert_eq!(place, "https://h/v1/messages/count_tokens");
        assert_eq!(names(&body), "messages model system tools");
        let (place, body) = count(wire, "m", TokenCounts::Tokenize).unwrap();
        assert_eq!(place, "https://h/tokenize");
        assert_eq!(names(&body), "messages model tools");
        assert_eq!(body["messages"], request["messages"]);
        let refused = count(wire, "m", TokenCounts::None).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "{wire}");
    }
    let plain = TokenCounts::None;
    let (place, body) = count("vertex_anthropic", "claude-x@1", plain).unwrap();
    assert_eq!(
        place,
        "https://h/v1/publishers/anthropic/models/count-tokens:rawPredict"
    );
    assert_eq!(
        (&body["model"], &body["anthropic_version"]),
        (&json!("claude-x@1"), &json!("vertex-2023-10-16"))
    );
    assert_eq!(
        names(&body),
        "anthropic_version messages model system tools"
    );
    let claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let counted =
        "https://h/v1/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens".to_owned();
    let (place, body) = count("bedrock_converse", claude, plain).unwrap();
    assert_eq!(place, counted);
    assert_eq!(
        names(&body["input"]["converse"]),
        "messages system toolConfig"
    );
    let (place, body) = count("bedrock_invoke", claude, plain).unwrap();
    assert_eq!(place, counted);
    let carried = body["input"]["invokeModel"]["body"].as_str().unwrap();
    let carried = libllm_proto::base64::decode(carried).unwrap();
    let carried: Value = serde_json::from_slice(&carried).unwrap();
    assert_eq!(
        (&carried["anthropic_version"], &carried["max_tokens"]),
        (&json!("bedrock-2023-05-31"), &json!(50))
    );
    for wire in ["bedrock_converse", "bedrock_invoke"] {
        let refused = count(wire, "amazon.nova-lite-v1:0", plain).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "{wire}");
    }
}
