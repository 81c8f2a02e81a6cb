//! Whole calls over real sockets, against a server that says exactly what it is told to, and breaks where it is told to.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must not")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use libllm::{Client, Delivered, ErrorKind, EventType, Options, Queue};

const STREAM: &str = "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hel\"},\"finish_reason\":null}]}\n\n\
data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"},\"finish_reason\":null}]}\n\n\
data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
data: [DONE]\n\n";

/// What a server does with its n-th request, from 0. False closes the connection.
type Act = dyn Fn(usize, &mut TcpStream) -> bool + Send + Sync;

struct Server {
    base: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn start(act: impl Fn(usize, &mut TcpStream) -> bool + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let (connections, requests) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen, count, act) = (
            connections.clone(),
            requests.clone(),
            Arc::new(act) as Arc<Act>,
        );
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                seen.fetch_add(1, Ordering::SeqCst);
                let (count, act) = (count.clone(), act.clone());
                std::thread::spawn(move || serve(stream, &count, &*act));
            }
        });
        Server {
            base,
            connections,
            requests,
        }
    }

    fn client(&self, attempts: u32) -> Client {
        let base = &self.base;
        let config = format!(
            r#"{{"providers":{{"s":{{"wire":"openai_chat","base_url":"{base}","auth":"none"}}}},"retry":{{"max_attempts":{attempts}}}}}"#
        );
        Client::new(&config).unwrap()
    }
}

fn serve(mut stream: TcpStream, count: &AtomicUsize, act: &Act) {
    while read_request(&mut stream) {
        let number = count.fetch_add(1, Ordering::SeqCst);
        if !act(number, &mut stream) {
            return;
        }
    }
}

fn read_request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..end]).to_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .to_owned();
            if seen.len() >= end + 4 + length.parse::<usize>().unwrap() {
                return true;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(count) => seen.extend_from_slice(&buffer[..count]),
        }
    }
}

fn chunked(stream: &mut TcpStream, body: &[u8]) {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    // In one piece: were the last chunk to come after the answer's end, the next request might not find the connection free yet.
    let mut answer = format!("{head}{:x}\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer.extend_from_slice(b"\r\n0\r\n\r\n");
    // The client may have gone.
    let _ = stream.write_all(&answer);
}

fn refuse(stream: &mut TcpStream, status: &str, headers: &str) {
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: 2\r\n\r\n{{}}"
    );
    let _ = stream.write_all(answer.as_bytes());
}

/// A request's text, its terminal events, and what the last one said.
struct Outcome {
    text: String,
    ends: usize,
    last: serde_json::Value,
    kind: EventType,
}

fn ask(client: &Client) -> Outcome {
    let queue = Queue::new(0).unwrap();
    let body = br#"{"model":"s/m","messages":[{"role":"user","content":"hi"}]}"#;
    client
        .submit_json(&queue, body, &Options::default(), 0)
        .unwrap();
    let mut outcome = Outcome {
        text: String::new(),
        ends: 0,
        last: serde_json::Value::Null,
        kind: EventType::Text,
    };
    while outcome.ends == 0 {
        let mut take = |event: &Delivered| {
            assert_eq!(outcome.ends, 0, "something came after the terminal event");
            match event.kind {
                EventType::Text => outcome.text += event.text(),
                kind if kind.is_terminal() => {
                    outcome.ends += 1;
                    outcome.kind = kind;
                    outcome.last = serde_json::from_str(event.text()).unwrap();
                }
                _ => {}
            }
        };
        let taken = queue
            .poll(64, Some(Duration::from_secs(10)), &mut take)
            .unwrap();
        assert!(taken > 0, "nothing came for ten seconds");
    }
    assert_eq!(
        queue.poll(64, Some(Duration::ZERO), &mut |_| {}).unwrap(),
        0
    );
    queue.release();
    outcome
}

#[test]
fn a_stream_cut_at_any_byte_is_a_prefix_and_one_typed_error() {
    let whole = STREAM.find("data: [DONE]").unwrap();
    for broken in [false, true] {
        let server = Server::start(move |number, stream| {
            let cut = number % (whole - 80);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
            let framed = if broken {
                "transfer-encoding: chunked\r\n\r\nffff\r\n"
            } else {
                "connection: close\r\n\r\n"
            };
            let _ = stream.write_all(format!("{head}{framed}").as_bytes());
            let _ = stream.write_all(&STREAM.as_bytes()[..cut]);
            false
        });
        let client = server.client(1);
        for cut in 0..whole - 80 {
            let outcome = ask(&client);
            assert_eq!(outcome.kind, EventType::Error, "cut at {cut}");
            let kind = if broken {
                "connection_lost"
            } else {
                "stream_truncated"
            };
            assert_eq!(outcome.last["kind"], kind, "cut at {cut}");
            assert!(
                "Hello".starts_with(&outcome.text),
                "cut at {cut}: {:?}",
                outcome.text
            );
            assert_eq!(
                server.requests.load(Ordering::SeqCst),
                cut + 1,
                "one attempt each"
            );
        }
    }
}

#[test]
fn a_connection_survives_done_and_serves_the_next_request() {
    let server = Server::start(|_, stream| {
        chunked(stream, STREAM.as_bytes());
        true
    });
    let client = server.client(1);
    for _ in 0..5 {
        let outcome = ask(&client);
        assert_eq!(
            (outcome.kind, outcome.text.as_str()),
            (EventType::Done, "Hello"),
            "{}",
            outcome.last
        );
        assert_eq!(outcome.last["finish_reason"], "stop");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_pooled_connection_that_died_costs_no_attempt() {
    // Closes after each answer without saying so.
    let server = Server::start(|_, stream| {
        chunked(stream, STREAM.as_bytes());
        false
    });
    let client = server.client(1);
    for number in 1..=5 {
        let outcome = ask(&client);
        assert_eq!(outcome.kind, EventType::Done, "{}", outcome.last);
        assert_eq!(outcome.last["attempts"].as_array().unwrap().len(), 1);
        assert_eq!(
            server.requests.load(Ordering::SeqCst),
            number,
            "each request is seen once"
        );
    }
}

#[test]
fn refusals_before_the_first_token_are_tried_again_and_told() {
    let server = Server::start(|number, stream| {
        match number {
            0 => refuse(stream, "503 Service Unavailable", "retry-after-ms: 5\r\n"),
            1 => refuse(stream, "429 Too Many Requests", "retry-after-ms: 5\r\n"),
            _ => chunked(stream, STREAM.as_bytes()),
        }
        true
    });
    let outcome = ask(&server.client(3));
    assert_eq!(
        (outcome.kind, outcome.text.as_str()),
        (EventType::Done, "Hello")
    );
    let trail: Vec<_> = outcome.last["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tried| &tried["kind"])
        .collect();
    assert_eq!(trail[0], "unavailable");
    assert_eq!(trail[1], "rate_limited");
    assert!(trail[2].is_null());
}

#[test]
fn nothing_is_tried_again_once_a_token_was_delivered() {
    let server = Server::start(|_, stream| {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&STREAM.as_bytes()[..STREAM.find("\n\n").unwrap() + 2]);
        false
    });
    let outcome = ask(&server.client(3));
    assert_eq!(
        (outcome.text.as_str(), &outcome.last["kind"]),
        ("Hel", &"stream_truncated".into())
    );
    assert_eq!(outcome.last["phase"], "stream");
    assert_eq!(server.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn redirects_are_refused_and_a_large_head_is_read() {
    let server = Server::start(|number, stream| {
        match number {
            0 => refuse(
                stream,
                "307 Temporary Redirect",
                "location: /v1/elsewhere\r\n",
            ),
            _ => {
                let filler = "x".repeat(20_000);
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-filler: {filler}\r\nconnection: close\r\n\r\n"
                );
                let _ = stream.write_all(head.as_bytes());
                let _ = stream.write_all(STREAM.as_bytes());
            }
        }
        number == 0
    });
    let client = server.client(1);
    assert_eq!(ask(&client).last["kind"], "redirect_refused");
    let outcome = ask(&client);
    assert_eq!(outcome.text, "Hello", "{}", outcome.last);
}

#[test]
fn cancel_closes_the_socket_and_says_so_once() {
    let (closed, seen) = std::sync::mpsc::channel();
    let closed = std::sync::Mutex::new(closed);
    let server = Server::start(move |_, stream| {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&STREAM.as_bytes()[..STREAM.find("\n\n").unwrap() + 2]);
        // Ends when the client's side does.
        let _ = stream.read(&mut [0; 1]);
        closed.lock().unwrap().send(()).unwrap();
        false
    });
    let client = server.client(1);
    let queue = Queue::new(0).unwrap();
    let body = br#"{"model":"s/m","messages":[{"role":"user","content":"hi"}]}"#;
    let id = client
        .submit_json(&queue, body, &Options::default(), 7)
        .unwrap();
    let mut ends = Vec::new();
    while ends.is_empty() {
        let mut take = |event: &Delivered| {
            assert_eq!((event.request, event.user_data), (id, 7));
            match event.kind {
                EventType::Text => libllm::cancel(id).unwrap(),
                kind if kind.is_terminal() => ends.push(event.status),
                _ => {}
            }
        };
        assert!(
            queue
                .poll(64, Some(Duration::from_secs(10)), &mut take)
                .unwrap()
                > 0
        );
    }
    assert_eq!(ends, [libllm::Status::Canceled]);
    seen.recv_timeout(Duration::from_secs(10))
        .expect("the server sees the close");
    assert_eq!(libllm::cancel(id).unwrap_err().kind(), ErrorKind::NoRequest);
    queue.release();
}

#[test]
fn a_key_that_the_provider_repeats_is_not_the_number_of_an_answer() {
    let canary = "0123456789abcdef0123456789abcdef";
    let server = Server::start(move |_, stream| {
        let body = r#"{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}"#;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req-{canary}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes());
        true
    });
    let config = format!(
        r#"{{"providers":{{"s":{{"wire":"openai_chat","base_url":"{}","api_key":"{canary}"}}}}}}"#,
        server.base
    );
    let outcome = ask(&Client::new(&config).unwrap());
    assert_eq!(outcome.last["finish_reason"], "stop", "{}", outcome.last);
    assert_eq!(outcome.last["request_id"], "req-***");
    assert!(!outcome.last.to_string().contains(canary));
}

#[test]
fn a_key_that_the_provider_repeats_is_in_no_error() {
    let canary = "0123456789abcdef0123456789abcdef";
    let server = Server::start(move |_, stream| {
        let body =
            format!(r#"{{"error":{{"message":"bad key {canary}","code":"{canary}","type":"t"}}}}"#);
        let head = format!(
            "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\nx-request-id: {canary}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes());
        true
    });
    let config = format!(
        r#"{{"providers":{{"s":{{"wire":"openai_chat","base_url":"{}","api_key":"{canary}"}}}}}}"#,
        server.base
    );
    let outcome = ask(&Client::new(&config).unwrap());
    assert_eq!(outcome.last["kind"], "auth");
    assert!(
        !outcome.last.to_string().contains(canary),
        "{}",
        outcome.last
    );
}
