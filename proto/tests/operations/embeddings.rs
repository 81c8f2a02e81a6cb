//! Vectors.

use libllm_proto::ErrorKind;
use libllm_proto::provider::Quirks;
use libllm_proto::wire::Operation::Embeddings;
use libllm_proto::wire::{Encoded, Target, Unsupported, find};
use serde_json::{Value, json};

use super::{Asked, encode, said};

#[test]
fn openais_format_is_the_callers_own() {
    let request = json!({"model": "a/b", "input": [[1, 2], [3]], "dimensions": 2, "encoding_format": "base64", "user": "u",
        "stream": true, "stream_options": {}, "novel": 1.50, "extra_body": {"inner": 2}});
    for (wire, place) in [
        ("openai_chat", "POST https://h/embeddings"),
        (
            "azure_openai",
            "POST https://h/openai/deployments/m%2F1/embeddings?api-version=2024-10-21",
        ),
    ] {
        let (at, body, dropped) = said(wire, Embeddings, &request);
        assert_eq!(at, place);
        assert_eq!(
            body,
            json!({"model": "m/1", "input": [[1, 2], [3]], "dimensions": 2, "encoding_format": "base64", "user": "u", "novel": 1.50,
                "inner": 2, "over": 1})
        );
        assert!(dropped.is_empty());
    }
    let error = encode("openai_chat", Embeddings, &json!({"model": "m"})).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::InvalidArgument, "input is missing")
    );
}

#[test]
fn others_are_asked_in_their_own_words() {
    let request = json!({"model": "m", "input": ["a", "b"], "dimensions": 5, "input_type": "query", "user": "u", "novel": [1]});
    let content = |text: &str| json!({"model": "models/m%2F1", "content": {"parts": [{"text": text}]}, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 5});
    let cohere = json!({"model": "m/1", "texts": ["a", "b"], "input_type": "search_query", "output_dimension": 5,
        "embedding_types": ["float"], "novel": [1], "over": 1});
    for (wire, place, body) in [
        ("cohere", "POST https://h/v2/embed", cohere.clone()),
        ("cohere_v1", "POST https://h/v1/embed", cohere),
        (
            "gemini",
            "POST https://h/models/m%2F1:batchEmbedContents",
            json!({"requests": [content("a"), content("b")], "novel": [1], "over": 1}),
        ),
        (
            "vertex",
            "POST https://h/publishers/google/models/m%2F1:predict",
            json!({"instances": [{"content": "a", "task_type": "RETRIEVAL_QUERY"}, {"content": "b", "task_type": "RETRIEVAL_QUERY"}],
                "parameters": {"outputDimensionality": 5}, "novel": [1], "over": 1}),
        ),
        (
            "ollama",
            "POST https://h/api/embed",
            json!({"model": "m/1", "input": ["a", "b"], "dimensions": 5, "input_type": "query", "novel": [1], "over": 1}),
        ),
    ] {
        let (at, asked, dropped) = said(wire, Embeddings, &request);
        assert_eq!((at.as_str(), asked), (place, body));
        assert_eq!(dropped, ["dropped user"], "{wire}");
    }
}

#[test]
fn bedrock_asks_each_vendors_model_as_it_wants() {
    let asked = |model: &str, request: Value| -> (String, Value, Vec<String>) {
        let encoded = encoded_of("bedrock_invoke", model, &request);
        let encoded = match encoded {
            Ok(encoded) => encoded,
            Err(error) => return (error.message().to_owned(), Value::Null, Vec::new()),
        };
        let dropped = encoded
            .dropped
            .iter()
            .map(|one| one.param.clone())
            .collect();
        let body = serde_json::from_slice(encoded.http.body()).unwrap();
        (encoded.http.uri().path().to_owned(), body, dropped)
    };
    let request = json!({"model": "m", "input": "a", "dimensions": 256, "encoding_format": "base64", "normalize": true});
    assert_eq!(
        asked("amazon.titan-embed-text-v2:0", request.clone()),
        (
            "/model/amazon.titan-embed-text-v2%3A0/invoke".to_owned(),
            json!({"inputText": "a", "dimensions": 256, "normalize": true}),
            vec!["encoding_format".to_owned()]
        )
    );
    let nova = asked(
        "us.amazon.nova-2-multimodal-embeddings-v1:0",
        json!({"input": ["a"], "dimensions": 256, "input_type": "query"}),
    );
    assert_eq!(
        nova.1,
        json!({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams":
            {"embeddingPurpose": "GENERIC_RETRIEVAL", "embeddingDimension": 256, "text": {"truncationMode": "END", "value": "a"}}})
    );
    let cohere = asked("cohere.embed-english-v3", json!({"input": ["a", "b"]}));
    assert_eq!(
        cohere.1,
        json!({"texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["float"]})
    );
    assert_eq!(cohere.2, ["input_type"]);
    let two = asked("amazon.titan-embed-text-v1", json!({"input": ["a", "b"]}));
    assert_eq!(
        two.0,
        "input: the model takes one text a request, and there are 2"
    );
}

#[test]
fn what_only_openai_takes_is_refused_elsewhere() {
    for wire in ["cohere", "cohere_v1", "gemini", "vertex", "ollama"] {
        let error = encode(wire, Embeddings, &json!({"input": [[1, 2]]})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{wire}");
        assert!(error.message().starts_with("input[0]:"), "{error}");
    }
    // A content of the provider's own goes as it is.
    let own = json!({"input": [{"content": [{"type": "text", "text": "a"}]}]});
    assert_eq!(said("cohere", Embeddings, &own).1["inputs"], own["input"]);
    let own = json!({"input": [{"parts": [{"text": "a"}]}]});
    assert_eq!(
        said("gemini", Embeddings, &own).1["requests"][0]["content"],
        own["input"][0]
    );
    let packed = json!({"input": "a", "encoding_format": "base64"});
    assert_eq!(
        said("cohere", Embeddings, &packed).1["embedding_types"],
        json!(["base64"])
    );
    assert_eq!(
        said("gemini", Embeddings, &packed).2,
        ["dropped encoding_format"]
    );
}

#[test]
fn openais_answer_stays_as_it_came() {
    let asked = Asked::of("openai_chat", Embeddings);
    let body = b"\xef\xbb\xbf {\"id\":\"e\",\"object\":\"list\",\n\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1.50,-2e-3,NaN]}],\"model\":\"m-1\",\"novel\":{\"a\":1},\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}\n";
    let heard = asked.hear(body);
    assert_eq!(
        heard.data.as_deref(),
        Some(&b"{\"id\":\"e\",\"object\":\"list\",\n\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1.50,-2e-3,null]}],\"model\":\"m-1\",\"novel\":{\"a\":1},\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}"[..])
    );
    assert_eq!(
        (heard.id.as_deref(), heard.model.as_deref()),
        (Some("e"), Some("m-1"))
    );
    assert_eq!(heard.tokens(), (Some(3), Some(3)));
    // Voyage counts the total alone.
    let heard = asked.hear(br#"{"data":[],"usage":{"total_tokens":12}}"#);
    assert_eq!(heard.tokens(), (Some(12), Some(12)));
}

#[test]
fn base64_that_nobody_asked_for_becomes_numbers() {
    let body = br#"{"data":[{"embedding":"AACAPwAAAL8=","index":0},{"index":1,"embedding":"AACAPw==","more":"AACA"}],"model":"m"}"#;
    let mut asked = Asked::of("openai_chat", Embeddings);
    assert_eq!(
        asked.hear(body).data.as_deref(),
        Some(&br#"{"data":[{"embedding":[1.0,-0.5],"index":0},{"index":1,"embedding":[1.0],"more":"AACA"}],"model":"m"}"#[..])
    );
    asked.quirks.int8_vectors = true;
    assert_eq!(
        asked.hear(body).json()["data"][1]["embedding"],
        json!([0, 0, -128, 63])
    );
    asked.packed = true;
    assert_eq!(asked.hear(body).data.as_deref(), Some(&body[..]));
    asked.packed = false;
    assert_eq!(
        asked.fail(br#"{"data":[{"embedding":"*"}]}"#).kind(),
        ErrorKind::Protocol
    );
}

#[test]
fn every_format_is_heard_as_openais() {
    let two = json!([[1.5, -2], [3, 4]]);
    let vectors = |heard: &Value| {
        let data = heard["data"].as_array().unwrap();
        for (number, item) in data.iter().enumerate() {
            assert_eq!(
                (&item["object"], &item["index"]),
                (&json!("embedding"), &json!(number))
            );
        }
        Value::Array(data.iter().map(|item| item["embedding"].clone()).collect())
    };
    for (wire, body, expected, tokens) in [
        (
            "cohere",
            r#"{"id":"c","texts":["x"],"embeddings":{"float":[[1.5,-2],[3,4]]},"meta":{"billed_units":{"input_tokens":7}}}"#,
            two.clone(),
            Some(7),
        ),
        (
            "cohere_v1",
            r#"{"id":"c","embeddings":[[1.5,-2],[3,4]],"meta":{"billed_units":{"input_tokens":7}}}"#,
            two.clone(),
            Some(7),
        ),
        (
            "gemini",
            "{\n \"embeddings\": [ {\"values\": [ 1.5,\n -2 ]}, {\"values\": [3, 4]} ], \"usageMetadata\": {\"promptTokenCount\": 261}}",
            two.clone(),
            Some(261),
        ),
        (
            "gemini",
            r#"{"embedding":{"values":[1]}}"#,
            json!([[1]]),
            None,
        ),
        (
            "vertex",
            r#"{"predictions":[{"embeddings":{"values":[1.5,-2],"statistics":{"token_count":3,"truncated":false}}},{"embeddings":{"statistics":{"token_count":4},"values":[3,4]}}],"metadata":{}}"#,
            two.clone(),
            Some(7),
        ),
        (
            "vertex",
            r#"{"instances":[{"embeddings":{"values":[9]}}],"predictions":[{"other":{"values":[8]},"embeddings":{"values":[1]}}]}"#,
            json!([[1]]),
            None,
        ),
        (
            "ollama",
            r#"{"model":"m","embeddings":[[1.5,-2],[3,4]],"total_duration":5,"prompt_eval_count":8}"#,
            two.clone(),
            Some(8),
        ),
        (
            "vertex",
            r#"{"predictions":[{"textEmbedding":[1.5,-2],"imageEmbedding":[3,4]}],"deployedModelId":"1"}"#,
            two.clone(),
            None,
        ),
        (
            "vertex",
            r#"{"predictions":[{"videoEmbeddings":[{"startOffsetSec":0,"endOffsetSec":7,"embedding":[1.5,-2]},{"embedding":[3,4]}]}]}"#,
            two.clone(),
            None,
        ),
        ("ollama", r#"{"embedding":[1.5]}"#, json!([[1.5]]), None),
        (
            "bedrock_invoke",
            r#"{"embedding":[1.5],"inputTextTokenCount":5,"embeddingsByType":{"float":[1.5]}}"#,
            json!([[1.5]]),
            Some(5),
        ),
        (
            "bedrock_invoke",
            r#"{"embeddings":[{"embeddingType":"TEXT","embedding":[1.5]}]}"#,
            json!([[1.5]]),
            None,
        ),
        (
            "bedrock_invoke",
            r#"{"id":"c","embeddings":[[1.5,-2],[3,4]],"response_type":"embeddings_floats"}"#,
            two.clone(),
            None,
        ),
        (
            "bedrock_invoke",
            r#"{"embeddings":{"float":[[1.5]]},"response_type":"embeddings_by_type"}"#,
            json!([[1.5]]),
            None,
        ),
    ] {
        let heard = Asked::of(wire, Embeddings).hear(body.as_bytes());
        assert_eq!(vectors(&heard.json()), expected, "{body}");
        assert_eq!(heard.tokens(), (tokens, tokens), "{body}");
        assert_eq!(heard.json()["object"], "list");
    }
    let headers = [
        ("content-type", "application/json"),
        ("x-amzn-bedrock-input-token-count", "10"),
    ];
    let asked = Asked {
        headers: &headers,
        ..Asked::of("bedrock_invoke", Embeddings)
    };
    assert_eq!(
        asked
            .hear(br#"{"embeddings":[{"embedding":[1]}]}"#)
            .tokens(),
        (Some(10), Some(10))
    );
}

#[test]
fn an_answer_without_a_vector_for_each_text_is_none() {
    for (wire, body) in [
        ("vertex", r#"{"predictions":[]}"#),
        ("vertex", r#"{"predictions":[{"textEmbedding":null}]}"#),
        (
            "vertex",
            r#"{"predictions":[{"embeddings":{"values":[1]}},{}]}"#,
        ),
        (
            "vertex",
            r#"{"predictions":[null,{"embeddings":{"values":[1]}}]}"#,
        ),
        ("vertex", r#"{"predictions":[{"videoEmbeddings":[{}]}]}"#),
        ("gemini", r#"{"embeddings":[]}"#),
        ("gemini", r#"{"embeddings":[{"values":[1]},{}]}"#),
        ("gemini", r#"{"embedding":{}}"#),
    ] {
        let error = Asked::of(wire, Embeddings).fail(body.as_bytes());
        assert_eq!(error.kind(), ErrorKind::Protocol, "{body}");
    }
}

/// What is sent to this model.
fn encoded_of(wire: &str, model: &str, request: &Value) -> libllm_proto::Result<Encoded> {
    let request = libllm_proto::Request::parse_any(request.to_string())?;
    let quirks = Quirks::default();
    let target = Target {
        provider: "p",
        model,
        base_url: "https://h",
        stream: false,
        operation: Embeddings,
        quirks: &quirks,
        unsupported: Unsupported::Drop,
        extra_body: None,
    };
    libllm_proto::operation::encode(find(wire).unwrap(), &request, &target)
}

/// The body for this model.
fn body_of(wire: &str, model: &str, request: &Value) -> Value {
    let encoded = encoded_of(wire, model, request).unwrap();
    serde_json::from_slice(encoded.http.body()).unwrap()
}

#[test]
fn models_of_pictures_and_texts_have_words_of_their_own_on_vertex() {
    let asked = |model: &'static str| {
        let request = json!({"input": ["a", {"text": "b", "image": {"gcsUri": "gs://b/i"}}], "dimensions": 256});
        body_of("vertex", model, &request)
    };
    let picture = json!({"text": "b", "image": {"gcsUri": "gs://b/i"}});
    assert_eq!(
        asked("multimodalembedding@001"),
        json!({"instances": [{"text": "a"}, picture], "parameters": {"dimension": 256}})
    );
    assert_eq!(
        asked("text-embedding-005"),
        json!({"instances": [{"content": "a"}, picture], "parameters": {"outputDimensionality": 256}})
    );
}

#[test]
fn kinds_of_numbers_that_cohere_sends_beside_have_their_names() {
    let body =
        br#"{"embeddings":{"int8":[[1],[2]],"float":[[0.1],[0.2]],"base64":["AA==","AQ=="]}}"#;
    let heard = Asked::of("cohere", Embeddings).hear(body).json();
    assert_eq!(
        heard["data"][1],
        json!({"object": "embedding", "index": 1, "embedding": [0.2], "embeddings": {"int8": [2], "base64": "AQ=="}})
    );
    let alone = Asked::of("cohere_v1", Embeddings).hear(br#"{"embeddings":{"int8":[[18,-7]]}}"#);
    assert_eq!(alone.json()["data"][0]["embedding"], json!([18, -7]));
}
