//! How `libllm mock` breaks its answers, and what it notices of its clients.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use support::{CHAT, MESSAGES, Mock, post, text_of};

#[test]
fn fin_ends_the_body_cleanly_but_early() {
    let mock = Mock::start(&[]);
    for path in [CHAT, MESSAGES] {
        let (mut client, head) = mock.stream(path, "tokens=8;pace=2ms;cut=fin;at=3");
        let body = client.body(&head).unwrap();
        assert_eq!(text_of(&body), "w0 w1 w2");
        let text = String::from_utf8(body).unwrap();
        assert!(!text.contains("[DONE]") && !text.contains("message_stop"));
        assert_eq!(client.rest().unwrap(), 0);
    }
}

#[test]
fn rst_resets_after_the_last_token() {
    let mock = Mock::start(&[]);
    let (mut client, _) = mock.stream(CHAT, "tokens=8;pace=2ms;cut=rst;at=3");
    let (body, error) = client.broken_body();
    assert_eq!(text_of(body.as_bytes()), "w0 w1 w2");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    // Not streamed, too.
    let mut client = mock.connect();
    client.send(&post(CHAT, "tokens=8;cut=rst;at=3", false, ""));
    client.head().unwrap();
    assert_eq!(client.broken_body().1.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn chunk_breaks_off_inside_a_chunk() {
    let mock = Mock::start(&[]);
    let (mut client, _) = mock.stream(MESSAGES, "tokens=8;pace=2ms;cut=chunk;at=3");
    let (body, error) = client.broken_body();
    assert_eq!(text_of(body.as_bytes()), "w0 w1 w2");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_cut_at_the_head_answers_nothing() {
    let mock = Mock::start(&[]);
    let kinds = [
        ("fin", ErrorKind::UnexpectedEof),
        ("rst", ErrorKind::ConnectionReset),
        ("chunk", ErrorKind::UnexpectedEof),
    ];
    for (cut, expected) in kinds {
        let mut client = mock.connect();
        client.send(&post(CHAT, &format!("echo;cut={cut};at=head"), true, ""));
        assert_eq!(client.head().unwrap_err().kind(), expected, "{cut}");
    }
    assert_eq!(mock.stats()["closed_by_client"], 0);
}

#[test]
fn errors_and_garbage_come_in_band() {
    let mock = Mock::start(&[]);
    let (mut client, head) = mock.stream(CHAT, "tokens=4;error=overloaded;at=2");
    let body = String::from_utf8(client.body(&head).unwrap()).unwrap();
    assert!(body.contains("w1") && body.contains("{\"error\":{") && !body.contains("[DONE]"));
    let (mut client, head) = mock.stream(MESSAGES, "tokens=4;garbage;at=2");
    let body = client.body(&head).unwrap();
    assert!(String::from_utf8(body).is_err());
    let (head, body) = mock.ask(&post(CHAT, "status=502;body=html", true, ""));
    assert!(
        head.starts_with("http/1.1 502 bad gateway\ncontent-type: text/html\n"),
        "{head}"
    );
    assert!(body.starts_with(b"<html>"));
    let (head, body) = mock.ask(&post(MESSAGES, "status=529", true, ""));
    assert!(
        head.contains(" 529 ")
            && String::from_utf8(body)
                .unwrap()
                .contains("overloaded_error")
    );
}

#[test]
fn a_stall_is_silent_or_kept_alive() {
    let mock = Mock::start(&[]);
    let start = Instant::now();
    let (mut client, head) = mock.stream(CHAT, "tokens=2;stall=120ms;at=1;keepalive=50ms");
    let body = String::from_utf8(client.body(&head).unwrap()).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(120));
    assert_eq!(body.matches(": keep-alive").count(), 2);
    assert_eq!(text_of(body.as_bytes()), "w0 w1");
}

#[test]
fn a_client_that_goes_away_is_noticed_while_the_answer_waits() {
    let mock = Mock::start(&[]);
    let waits = [
        "tokens=9;pace=20s",
        "tokens=9;ttft=20s",
        "tokens=9;stall=20s;at=head",
        "tokens=9;stall=20s;at=3;pace=1ms",
    ];
    for (closed, script) in waits.into_iter().enumerate() {
        let mut client = mock.connect();
        client.send(&post(CHAT, script, true, ""));
        let stats = mock.stats_until(|stats| stats["live"] == 1);
        assert_eq!(stats["closed_by_client"], closed);
        let left = Instant::now();
        drop(client);
        let stats = mock.stats_until(|stats| stats["live"] == 0);
        assert!(
            left.elapsed() < Duration::from_secs(5),
            "noticed long before the 20 s are over"
        );
        assert_eq!(stats["closed_by_client"], closed + 1);
        assert!(stats["last_close_ms"].is_u64());
    }
    let (_, body) = mock.ask("DELETE /stats HTTP/1.1\r\n\r\n");
    let expected =
        r#"{"requests":0,"live":0,"live_peak":0,"closed_by_client":0,"last_close_ms":null}"#;
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

#[test]
fn a_client_that_stops_reading_and_leaves_is_noticed() {
    let mock = Mock::start(&[]);
    let (client, _) = mock.stream(CHAT, "tokens=1000000");
    mock.stats_until(|stats| stats["live"] == 1);
    drop(client);
    let stats = mock.stats_until(|stats| stats["live"] == 0);
    assert_eq!(stats["closed_by_client"], 1);
}

#[test]
fn a_thousand_streams_at_once_are_all_exact() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        ..limit
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let mock = Mock::start(&[]);
    // None is over before all are open: the first token waits longer than opening takes.
    let request = post(CHAT, "tokens=10;ttft=3s;pace=20ms", true, "");
    let mut clients: Vec<_> = (0..1000)
        .map(|_| {
            let mut client = mock.connect();
            client.send(&request);
            client
        })
        .collect();
    for client in &mut clients {
        let head = client.head().unwrap();
        let body = client.body(&head).unwrap();
        assert_eq!(text_of(&body), "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9");
    }
    let stats = mock.stats();
    assert_eq!(
        (&stats["live"], &stats["requests"]),
        (&0.into(), &1000.into())
    );
    assert_eq!(stats["live_peak"], 1000);
    assert!(
        mock.resident_peak() < 64 << 20,
        "{} bytes",
        mock.resident_peak()
    );
}
