//! Rankings, lists of models, moderation, and counts of tokens.

use libllm_proto::ErrorKind;
use libllm_proto::wire::Operation::{CountTokens, Models, Moderation, Rerank};
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
