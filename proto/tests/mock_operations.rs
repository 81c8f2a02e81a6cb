//! What is asked beside conversations, said by every wire that knows it, is understood by the scripted provider; what that answers
//! is heard as what it is.
#![cfg(all(
    feature = "openai",
    feature = "anthropic",
    feature = "cohere",
    feature = "ollama",
    feature = "gemini",
    feature = "bedrock"
))]
#![allow(clippy::unwrap_used)] // a test fails by panicking

use http::{HeaderName, HeaderValue};
use libllm_proto::decoder::{Decoder, End, Limits};
use libllm_proto::mock::{Place, Reply, Scripts, Step, Turn, answer, list};
use libllm_proto::operation::{self, Operation};
use libllm_proto::provider::{Quirks, TokenCounts};
use libllm_proto::wire::{self, Exchange, Head, Target, Unsupported};
use libllm_proto::{Batch, Error, ErrorKind, Request, Response};
use serde_json::{Value, json};

const TURN: Turn = Turn {
    number: 3,
    attempt: 1,
    created: 1_700_000_000,
};

/// The quirks of a provider that knows the operation in this format.
fn quirks(wire: &str, operation: Operation) -> Quirks {
    let token_counts = match (operation, wire) {
        (Operation::CountTokens, "openai_responses") => TokenCounts::Responses,
        (Operation::CountTokens, "openai_chat") => TokenCounts::Tokenize,
        _ => TokenCounts::None,
    };
    Quirks {
        token_counts,
        ..Quirks::PLAIN
    }
}

/// What a wire says to `script`, as path with query and body.
fn said(wire: &str, operation: Operation, script: &str, request: &Value) -> (String, Vec<u8>) {
    let quirks = quirks(wire, operation);
    let wire = wire::find(wire).unwrap();
    let request = Request::parse_any(request.to_string()).unwrap();
    let target = Target {
        provider: "house",
        model: script,
        base_url: "http://h/v1",
        stream: false,
        operation,
        quirks: &quirks,
        unsupported: Unsupported::Drop,
        extra_body: None,
    };
    let http = operation::encode(wire, &request, &target).unwrap().http;
    let place = http.uri().path_and_query().unwrap().to_string();
    (place, http.body().to_vec())
}

fn played(reply: Reply) -> (Head, Vec<u8>) {
    let mut head = Head::new(reply.status);
    for (name, value) in &reply.headers {
        let value = HeaderValue::from_str(value).unwrap();
        head.headers.append(HeaderName::from_static(name), value);
    }
    let bytes = reply.body.filter_map(|step| match step {
        Step::Bytes(bytes) => Some(bytes),
        _ => None,
    });
    (head, bytes.collect::<Vec<_>>().concat())
}

fn heard(wire: &str, operation: Operation, head: Head, body: &[u8]) -> Result<Response, Error> {
    let wire = wire::find(wire).unwrap();
    let exchange = Exchange {
        stream: false,
        operation,
        quirks: &Quirks::PLAIN,
        packed: false,
        answer_tool: false,
    };
    let now = std::time::SystemTime::UNIX_EPOCH;
    let mut decoder = Decoder::new(wire, &exchange, head, Limits::default(), false, now);
    let (mut batch, mut response) = (Batch::new(), Response::default());
    response.keep_text(true);
    decoder.push(body, &mut batch)?;
    decoder.finish(End::Clean, &mut batch)?;
    response.absorb(&batch);
    Ok(response)
}

/// Asks, answers and hears.
fn round(
    wire: &str,
    operation: Operation,
    script: &str,
    request: Value,
) -> Result<Response, Error> {
    let (target, body) = said(wire, operation, script, &request);
    let path = target.split('?').next().unwrap();
    let place = Place::of(path).unwrap_or_else(|| panic!("{target} is no place"));
    assert_eq!(place.operation, operation, "{target}");
    let ask = place.ask(&target, &body).unwrap();
    assert_eq!(ask.model, script, "{target}");
    let script = Scripts::default().find(&ask.model).unwrap();
    let (head, body) = played(answer(&script, &ask, TURN));
    heard(wire, operation, head, &body)
}

fn result(wire: &str, operation: Operation, script: &str, request: Value) -> Value {
    let response = round(wire, operation, script, request).unwrap();
    serde_json::from_slice(&response.result().unwrap().data).unwrap()
}

const EMBEDDERS: &[&str] = &[
    "openai_chat",
    "azure_openai",
    "cohere",
    "cohere_v1",
    "ollama",
    "gemini",
    "vertex",
];

#[test]
fn a_text_has_the_same_vector_whoever_is_asked() {
    let asked = json!({"input": ["a tree", "a house"]});
    let vector = |answer: &Value, at: usize| answer["data"][at]["embedding"].clone();
    let first = result("openai_chat", Operation::Embeddings, "echo", asked.clone());
    assert_eq!(vector(&first, 0).as_array().unwrap().len(), 8);
    assert_ne!(vector(&first, 0), vector(&first, 1));
    for wire in EMBEDDERS {
        let answer = result(wire, Operation::Embeddings, "echo", asked.clone());
        for at in [0, 1] {
            assert_eq!(vector(&answer, at), vector(&first, at), "{wire}");
        }
        // The Gemini API counts no tokens of them.
        let counted = if *wire == "gemini" {
            Value::Null
        } else {
            json!(4)
        };
        assert_eq!(answer["usage"]["prompt_tokens"], counted, "{wire}");
        // Texts may be one, and vectors as long as is wished.
        let single = json!({"input": "a tree", "dimensions": 3});
        let answer = result(wire, Operation::Embeddings, "echo", single);
        assert_eq!(vector(&answer, 0).as_array().unwrap().len(), 3, "{wire}");
    }
}

#[test]
fn documents_with_more_of_the_question_come_first() {
    let asked =
        json!({"query": "red fish", "documents": ["a dog", "One red FISH", "a fish"], "top_n": 2});
    for wire in ["openai_chat", "cohere", "cohere_v1"] {
        let answer = result(wire, Operation::Rerank, "echo", asked.clone());
        let places: Vec<_> = (answer["results"].as_array().unwrap().iter())
            .map(|one| (one["index"].clone(), one["relevance_score"].clone()))
            .collect();
        assert_eq!(
            places,
            [(json!(1), json!(1.0)), (json!(2), json!(0.5))],
            "{wire}"
        );
    }
    let mut asked = asked;
    asked["return_documents"] = json!(true);
    let answer = result("openai_chat", Operation::Rerank, "echo", asked);
    assert_eq!(answer["results"][0]["document"]["text"], "One red FISH");
}

#[test]
fn a_script_says_what_is_flagged_counted_and_drawn() {
    let asked = json!({"input": ["one", "two"]});
    for (script, flagged) in [("echo", false), ("refusal=violence", true)] {
        let answer = result("openai_chat", Operation::Moderation, script, asked.clone());
        assert_eq!(answer["results"].as_array().unwrap().len(), 2);
        assert_eq!(answer["results"][1]["flagged"], flagged);
        assert_eq!(answer["results"][1]["categories"]["violence"], flagged);
    }
    let asked = json!({"messages": [{"role": "user", "content": "so many words"}]});
    for wire in [
        "anthropic",
        "gemini",
        "openai_chat",
        "openai_responses",
        "vertex",
        "vertex_anthropic",
    ] {
        for (script, tokens) in [("echo", 3), ("tokens=77", 77)] {
            let answer = result(wire, Operation::CountTokens, script, asked.clone());
            assert_eq!(answer["prompt_tokens"], tokens, "{wire}");
            assert_eq!(answer["source"], "provider", "{wire}");
        }
    }
    let asked = json!({"prompt": "a red fish", "n": 2});
    let answer = result("openai_chat", Operation::Images, "echo", asked.clone());
    let pictures = answer["data"].as_array().unwrap();
    assert_eq!(pictures.len(), 2);
    assert_eq!(pictures[1]["revised_prompt"], "a red fish");
    let bytes = libllm_proto::base64::decode(pictures[1]["b64_json"].as_str().unwrap());
    assert!(bytes.unwrap().starts_with(b"\x89PNG\r\n"));
    let asked = json!({"prompt": "x", "response_format": "url"});
    let answer = result("openai_chat", Operation::Images, "echo", asked);
    assert!(
        answer["data"][0]["url"]
            .as_str()
            .unwrap()
            .starts_with("https://mock.invalid/")
    );
}

#[test]
fn what_is_spoken_is_written_down() {
    let asked = json!({"input": "good day", "voice": "v", "response_format": "opus"});
    let answer = round("openai_chat", Operation::Speech, "echo", asked).unwrap();
    let sound = answer.result().unwrap();
    assert_eq!(sound.media_type.as_deref(), Some("audio/opus"));
    let data = libllm_proto::base64::encode(&sound.data);
    for (format, text) in [
        ("json", "good day"),
        ("verbose_json", "good day"),
        ("text", "good day\n"),
        ("srt", "1\n00:00:00,000 --> 00:00:02,000\ngood day\n\n"),
        (
            "vtt",
            "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\ngood day\n\n",
        ),
    ] {
        let file = json!({"data": data, "content_type": "audio/ogg"});
        let asked = json!({"file": file, "response_format": format});
        let answer = result("openai_chat", Operation::Transcription, "echo", asked);
        assert_eq!(answer["text"], text, "{format}");
    }
}

#[test]
fn lists_are_read_by_the_wire_whose_they_are() {
    for wire in [
        "openai_chat",
        "anthropic",
        "cohere",
        "cohere_v1",
        "gemini",
        "ollama",
    ] {
        let (target, _) = said(wire, Operation::Models, "", &json!({}));
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let dialect = Place::of_list(path, query, wire == "anthropic").unwrap();
        let page = list(dialect, ["echo", "@slow"].into_iter());
        let mut head = Head::new(200);
        head.headers
            .insert("content-type", HeaderValue::from_static("application/json"));
        let answer = heard(wire, Operation::Models, head, page.as_bytes()).unwrap();
        let read: Value = serde_json::from_slice(&answer.result().unwrap().data).unwrap();
        let names: Vec<_> = read["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["id"])
            .collect();
        assert_eq!(names, ["echo", "@slow"], "{wire} {page}");
    }
    assert_eq!(Place::of_list("/v1/files", "", false), None);
}

#[test]
fn what_goes_wrong_does_so_here_too() {
    for wire in EMBEDDERS {
        let kind = |script: &str| {
            let failed = round(wire, Operation::Embeddings, script, json!({"input": "a"}));
            failed.err().map(|error| error.kind())
        };
        assert_eq!(kind("status=429"), Some(ErrorKind::RateLimited), "{wire}");
        assert_eq!(
            kind("error=unavailable"),
            Some(ErrorKind::Unavailable),
            "{wire}"
        );
        assert_eq!(kind("garbage"), Some(ErrorKind::Protocol), "{wire}");
        assert_eq!(kind("cut=fin"), Some(ErrorKind::EmptyResponse), "{wire}");
        assert_eq!(kind("tool=f"), Some(ErrorKind::InvalidRequest), "{wire}");
        assert_eq!(kind("ttft=1s"), None, "{wire}");
    }
}

#[test]
fn what_lacks_something_is_told_what() {
    let wrong = |path: &str, body: &str| {
        let place = Place::of(path).unwrap();
        place.ask(path, body.as_bytes()).unwrap_err()
    };
    for (path, body, why) in [
        (
            "/v1/embeddings",
            r#"{"input":"a"}"#,
            "missing field `model`",
        ),
        (
            "/v1/embeddings",
            r#"{"model":"echo"}"#,
            "missing field `input`",
        ),
        (
            "/v2/embed",
            r#"{"model":"echo","input":"a"}"#,
            "missing field `texts`",
        ),
        (
            "/rerank",
            r#"{"model":"echo","query":"a"}"#,
            "missing field `documents`",
        ),
        (
            "/v1/audio/transcriptions",
            r#"{"model":"echo"}"#,
            "the body is no form",
        ),
        (
            "/v1/messages/count_tokens",
            r#"{"model":"echo"}"#,
            "missing field `messages`",
        ),
        (
            "/m/models/echo:countTokens",
            "{}",
            "missing field `contents`",
        ),
        (
            "/v1/embeddings",
            r#"{"model":"echo","input":"a","dimensions":0}"#,
            "dimensions: expected 1 to 6144",
        ),
    ] {
        assert_eq!(wrong(path, body), why, "{path} {body}");
    }
    assert!(wrong("/model/a%zz/converse", "{}").starts_with("model: expected two hex digits"));
}
