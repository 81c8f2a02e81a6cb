//! What `libllm mock` answers over real sockets when nothing goes wrong.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use serde_json::Value;
use support::{CHAT, Client, MESSAGES, Mock, post, text_of};

#[test]
fn streams_tokens_in_both_dialects_and_keeps_the_connection() {
    let mock = Mock::start(&[]);
    assert!(
        mock.first_line
            .starts_with("listening on http://127.0.0.1:")
    );
    let mut client = mock.connect();
    for (path, end) in [
        (CHAT, "data: [DONE]\n\n"),
        (MESSAGES, "\"message_stop\"}\n\n"),
    ] {
        client.send(&post(path, "tokens=3", true, ""));
        let head = client.head().unwrap();
        assert!(head.starts_with("http/1.1 200 ok\n"), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        let chunk = client.chunk().unwrap().unwrap();
        assert_eq!(text_of(&chunk), "w0 w1 w2");
        assert!(String::from_utf8(chunk).unwrap().ends_with(end));
        // Without pace everything is one write.
        assert_eq!(client.chunk().unwrap(), None);
    }
    client.send(&post("/any/prefix/chat/completions", "echo", false, ""));
    let head = client.head().unwrap();
    let body: Value = serde_json::from_slice(&client.body(&head).unwrap()).unwrap();
    assert_eq!(body["choices"][0]["message"]["content"], "good day to you");
    assert_eq!(mock.stats()["requests"], 3);
}

#[test]
fn tokens_come_in_order_and_never_early() {
    let mock = Mock::start(&[]);
    let sent = Instant::now();
    let (mut client, _) = mock.stream(CHAT, "tokens=5;ttft=60ms;pace=20ms");
    client.chunk().unwrap().unwrap(); // the role chunk comes with the head
    for token in 0..5u32 {
        let chunk = client.chunk().unwrap().unwrap();
        let due = Duration::from_millis(60) + Duration::from_millis(20) * token;
        assert!(
            sent.elapsed() >= due,
            "token {token} after {:?}",
            sent.elapsed()
        );
        assert!(text_of(&chunk).ends_with(&format!("w{token}")));
    }
    assert_eq!(client.chunk().unwrap(), None);
    // Unary, all of that time passes before the head.
    let sent = Instant::now();
    mock.ask(&post(MESSAGES, "tokens=5;ttft=60ms;pace=20ms", false, ""));
    assert!(sent.elapsed() >= Duration::from_millis(140));
}

#[test]
fn chunk_bounds_every_write() {
    let mock = Mock::start(&[]);
    let (mut client, _) = mock.stream(CHAT, "tokens=4;chunk=7");
    let mut body = Vec::new();
    while let Some(chunk) = client.chunk().unwrap() {
        assert!(chunk.len() <= 7);
        body.extend(chunk);
    }
    assert_eq!(text_of(&body), "w0 w1 w2 w3");
}

#[test]
fn failures_are_counted_by_mock_key() {
    let mock = Mock::start(&[]);
    let status = |key: &str| {
        let headers = format!("x-mock-key: {key}\r\n");
        let (head, _) = mock.ask(&post(
            CHAT,
            "status=429;times=2;retry_after=1",
            true,
            &headers,
        ));
        assert_eq!(head.contains("retry-after: 1\n"), head.contains(" 429 "));
        head.split(' ').nth(1).unwrap().to_owned()
    };
    let got: Vec<_> = ["a", "a", "b", "a", "b", "b"].map(status).into();
    assert_eq!(got, ["429", "429", "429", "200", "429", "200"]);
}

#[test]
fn named_scripts_and_models_come_from_the_file() {
    let folder = std::env::temp_dir().join(format!("libllm-scripts-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("scripts.toml");
    std::fs::write(&file, "calm = \"text=all%20well\"\ndown = \"status=503\"\n").unwrap();
    let mock = Mock::start(&["--scripts", file.to_str().unwrap()]);
    let (_, body) = mock.ask(&post(CHAT, "@calm", true, ""));
    assert_eq!(text_of(&body), "all well");
    assert!(
        mock.ask(&post(MESSAGES, "@down", true, ""))
            .0
            .contains(" 503 ")
    );
    let (head, body) = mock.ask(&post(CHAT, "@clam", true, ""));
    assert!(head.contains(" 400 ") && String::from_utf8(body).unwrap().contains("closest: calm"));
    let (_, body) = mock.ask("GET /v1/models HTTP/1.1\r\n\r\n");
    let models: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(models["data"][1]["id"], "@calm");
    let (_, body) = mock.ask("GET /v1/models HTTP/1.1\r\nanthropic-version: 2023-06-01\r\n\r\n");
    let models: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&models["first_id"], &models["last_id"]),
        (&"echo".into(), &"@down".into())
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn requests_may_be_chunked_expecting_pipelined_or_old() {
    let mock = Mock::start(&[]);
    let mut client = mock.connect();
    let body = r#"{"model":"text=hi","messages":[{"role":"user","content":""}]}"#;
    let (left, right) = body.split_at(20);
    client.send(&format!(
        "POST {CHAT} HTTP/1.1\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(client.head().unwrap(), "http/1.1 100 continue\n");
    client.send(&format!(
        "{:x}\r\n{left}\r\n{:X};x=1\r\n{right}\r\n0\r\n\r\n",
        left.len(),
        right.len()
    ));
    let head = client.head().unwrap();
    assert!(
        String::from_utf8(client.body(&head).unwrap())
            .unwrap()
            .contains("\"hi\"")
    );

    // Two at once: the second is answered after the first, though it came while the first was waiting.
    let two = post(CHAT, "text=one;ttft=20ms", true, "") + &post(CHAT, "text=two", true, "");
    client.send(&two);
    for expected in ["one", "two"] {
        let head = client.head().unwrap();
        assert_eq!(text_of(&client.body(&head).unwrap()), expected);
    }
    let old = post(CHAT, "text=old", true, "").replace("HTTP/1.1", "HTTP/1.0");
    let (head, body) = mock.ask(&old);
    assert!(head.contains("connection: close") && !head.contains("chunked"));
    assert_eq!(text_of(&body), "old");
}

#[test]
fn what_is_no_request_is_refused() {
    let mock = Mock::start(&[]);
    let asks = |request: &str| {
        let (head, body) = mock.ask(request);
        (head[9..12].to_owned(), String::from_utf8(body).unwrap())
    };
    assert_eq!(asks("GET / HTTP/1.1\r\n\r\n").0, "404");
    assert_eq!(asks(&format!("GET {CHAT} HTTP/1.1\r\n\r\n")).0, "405");
    assert_eq!(
        asks("POST /stats HTTP/1.1\r\ncontent-length: 0\r\n\r\n").0,
        "405"
    );
    assert_eq!(asks("what\r\n\r\n").0, "400");
    let (status, body) = asks(&post(CHAT, "tokns=1", true, ""));
    assert!(
        status == "400" && body.contains("closest: tokens"),
        "{body}"
    );
    let (status, body) = asks(&format!(
        "POST {MESSAGES} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{{}}"
    ));
    assert!(
        status == "400" && body.starts_with("{\"type\":\"error\""),
        "{body}"
    );
    let huge = 65 * 1024 * 1024;
    assert_eq!(
        asks(&format!(
            "POST {CHAT} HTTP/1.1\r\ncontent-length: {huge}\r\n\r\n"
        ))
        .0,
        "413"
    );
    let wide = "x: y\r\n".repeat(120);
    assert_eq!(asks(&format!("GET / HTTP/1.1\r\n{wide}\r\n")).0, "431");
}

#[test]
fn a_long_prompt_is_echoed_whole() {
    let mock = Mock::start(&[]);
    let prompt = "0123456789abcde ".repeat(64 * 1024);
    let body =
        serde_json::json!({"model": "echo", "messages": [{"role": "user", "content": prompt}]});
    let body = body.to_string();
    let request = format!(
        "POST {CHAT} HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (_, answer) = mock.ask(&request);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], prompt);
}

#[test]
fn a_test_authority_vouches_for_the_server() {
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::{
        ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto,
    };

    let folder = std::env::temp_dir().join(format!("libllm-ca-{}", std::process::id()));
    let mock = Mock::start(&["--tls-test-ca", folder.to_str().unwrap()]);
    assert!(
        mock.first_line
            .starts_with("listening on https://127.0.0.1:")
    );
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = std::sync::Arc::new(config);
    for name in ["127.0.0.1", "localhost"] {
        let session = ClientConnection::new(config.clone(), name.try_into().unwrap()).unwrap();
        let mut client = Client::new(StreamOwned::new(session, mock.connect().socket));
        client.send(&post(CHAT, "tokens=3;pace=2ms", true, ""));
        let head = client.head().unwrap();
        assert_eq!(text_of(&client.body(&head).unwrap()), "w0 w1 w2");
        // Broken answers break inside TLS too.
        client.send(&post(CHAT, "tokens=3;pace=2ms;cut=rst;at=2", true, ""));
        client.head().unwrap();
        let (body, _) = client.broken_body();
        assert_eq!(text_of(body.as_bytes()), "w0 w1");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
