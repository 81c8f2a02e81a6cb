//! Connections that are kept: what may be sent once more for free, and what may not.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must not")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use libllm::{Client, Delivered, Options, Queue};
use serde_json::{Value, json};

const ANSWER: &str = r#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}"#;

/// Answers so many requests of a connection, then does `last` with the next one and closes.
fn server(
    whole: usize,
    last: impl Fn(&mut TcpStream) + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let (seen, last) = (Arc::new(AtomicUsize::new(0)), Arc::new(last));
    let count = seen.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (count, last) = (count.clone(), last.clone());
            std::thread::spawn(move || {
                for number in 0.. {
                    if !request(&mut stream) {
                        return;
                    }
                    count.fetch_add(1, Ordering::SeqCst);
                    if number == whole {
                        return last(&mut stream);
                    }
                    let length = ANSWER.len();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
                    );
                    stream.write_all((head + ANSWER).as_bytes()).unwrap();
                }
            });
        }
    });
    (base, seen)
}

fn request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(b"}") {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(count) => seen.extend_from_slice(&buffer[..count]),
        }
    }
    true
}

fn client(base: &str) -> Client {
    let house = json!({"wire": "openai_chat", "base_url": base});
    let config = json!({"providers": {"s": house}, "retry": {"max_attempts": 1}});
    Client::new(&config.to_string()).unwrap()
}

fn ask(client: &Client) -> Value {
    let queue = Queue::new(0).unwrap();
    let body =
        json!({"model": "s/m", "stream": false, "messages": [{"role": "user", "content": "hi"}]});
    client
        .submit_json(&queue, body.to_string().as_bytes(), &Options::default(), 0)
        .unwrap();
    let mut last = Value::Null;
    while last.is_null() {
        let mut take = |event: &Delivered| {
            if event.kind.is_terminal() {
                last = serde_json::from_str(event.text()).unwrap();
            }
        };
        let taken = queue
            .poll(64, Some(Duration::from_secs(10)), &mut take)
            .unwrap();
        assert!(taken > 0, "nothing came for ten seconds");
    }
    last
}

#[test]
fn a_kept_connection_that_dies_silently_costs_one_free_try() {
    let (base, seen) = server(1, |_| {});
    let client = client(&base);
    for number in 0..4 {
        let last = ask(&client);
        assert_eq!(last["finish_reason"], "stop", "{last}");
        assert_eq!(last["attempts"].as_array().unwrap().len(), 1, "{last}");
        // The first on each connection is answered, the second is not and goes out again.
        assert_eq!(seen.load(Ordering::SeqCst), 1 + 2 * number);
    }
}

#[test]
fn a_new_connection_that_dies_silently_costs_an_attempt() {
    let (base, seen) = server(0, |_| {});
    assert_eq!(ask(&client(&base))["kind"], "connection_lost");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[test]
fn once_a_byte_of_an_answer_came_the_request_was_seen() {
    for said in ["H", "HTTP/1.1 200 OK\r\ncontent-ty"] {
        let (base, seen) = server(1, |stream| stream.write_all(said.as_bytes()).unwrap());
        let client = client(&base);
        assert_eq!(ask(&client)["finish_reason"], "stop");
        let last = ask(&client);
        assert_eq!(last["kind"], "connection_lost", "{said:?}: {last}");
        assert_eq!(seen.load(Ordering::SeqCst), 2, "{said:?}: sent once");
    }
}

#[test]
fn a_kept_connection_that_dies_at_work_may_have_been_heard() {
    let (base, seen) = server(1, |_| std::thread::sleep(Duration::from_millis(2200)));
    let client = client(&base);
    assert_eq!(ask(&client)["finish_reason"], "stop");
    let last = ask(&client);
    assert_eq!(last["kind"], "connection_lost", "{last}");
    assert_eq!(seen.load(Ordering::SeqCst), 2, "sent once");
}
