//! Many calls over one HTTP/2 connection, against a server that refuses, goes away, stalls and falls silent as it is told.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must not")]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use libllm::{Client, Delivered, EventType, Options, Queue};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const DONE: &str = "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn delta(text: &str) -> String {
    let choice = serde_json::json!({"index": 0, "delta": {"content": text}});
    format!(
        "data: {}\n\n",
        serde_json::json!({"id": "c", "model": "m", "choices": [choice]})
    )
}

type Later = Pin<Box<dyn Future<Output = ()> + Send>>;
/// What the server does with its n-th request, from 0.
type Act = dyn Fn(usize, Call) -> Later + Send + Sync;

/// A request and the way to answer it.
struct Call {
    body: RecvStream,
    answer: SendResponse<Bytes>,
    /// Asks the connection to say that it is going away.
    leave: Arc<AtomicBool>,
}

impl Call {
    async fn read(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(data) = self.body.data().await {
            let data = data.unwrap();
            let _ = self.body.flow_control().release_capacity(data.len());
            all.extend_from_slice(&data);
        }
        all
    }

    fn begin(&mut self) -> SendStream<Bytes> {
        let head = http::Response::builder().header("content-type", "text/event-stream");
        self.answer
            .send_response(head.body(()).unwrap(), false)
            .unwrap()
    }

    async fn say(mut self, text: &str) {
        self.read().await;
        let mut stream = self.begin();
        let _ = stream.send_data((delta(text) + DONE).into(), true);
    }
}

struct Server {
    base: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn start(most: u32, act: impl Fn(usize, Call) -> Later + Send + Sync + 'static) -> Server {
        let (tell, told) = mpsc::channel();
        let (connections, requests) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (opened, seen) = (connections.clone(), requests.clone());
        std::thread::spawn(move || {
            let act: Arc<Act> = Arc::new(act);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                while let Ok((socket, _)) = listener.accept().await {
                    opened.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(serve(socket, most, act.clone(), seen.clone()));
                }
            });
        });
        let base = format!("http://{}/v1", told.recv().unwrap());
        Server {
            base,
            connections,
            requests,
        }
    }

    fn client(&self, more: Value) -> Client {
        let mut house = serde_json::json!({"wire": "openai_chat", "base_url": self.base, "http2": {"mode": "prior_knowledge"}});
        for (key, value) in more.as_object().unwrap() {
            house[key] = value.clone();
        }
        let config = serde_json::json!({"providers": {"s": house}, "retry": {"max_attempts": 1}});
        Client::new(&config.to_string()).unwrap()
    }

    fn counts(&self) -> (usize, usize) {
        (
            self.connections.load(Ordering::SeqCst),
            self.requests.load(Ordering::SeqCst),
        )
    }
}

async fn serve(socket: TcpStream, most: u32, act: Arc<Act>, seen: Arc<AtomicUsize>) {
    let Ok(mut connection): Result<Connection<_, Bytes>, _> = Builder::new()
        .max_concurrent_streams(most)
        .handshake(socket)
        .await
    else {
        return;
    };
    let leave = Arc::new(AtomicBool::new(false));
    while let Some(Ok((request, answer))) = connection.accept().await {
        assert_eq!(request.uri().path(), "/v1/chat/completions");
        assert!(request.headers().get("host").is_none());
        let call = Call {
            body: request.into_body(),
            answer,
            leave: leave.clone(),
        };
        tokio::spawn(act(seen.fetch_add(1, Ordering::SeqCst), call));
        tokio::task::yield_now().await;
        if leave.load(Ordering::SeqCst) {
            connection.graceful_shutdown();
        }
    }
}

fn empty() -> Value {
    serde_json::json!({})
}

fn submit(client: &Client, queue: &Queue, prompt: &str) -> u64 {
    let body =
        serde_json::json!({"model": "s/m", "messages": [{"role": "user", "content": prompt}]});
    client
        .submit_json(queue, body.to_string().as_bytes(), &Options::default(), 0)
        .unwrap()
}

/// The text and the terminal event of each of so many requests.
fn finish(queue: &Queue, count: usize) -> Vec<(String, EventType, Value)> {
    let (mut texts, mut ends) = (std::collections::HashMap::<u64, String>::new(), Vec::new());
    while ends.len() < count {
        let mut take = |event: &Delivered| match event.kind {
            EventType::Text => *texts.entry(event.request).or_default() += event.text(),
            kind if kind.is_terminal() => {
                let text = texts.remove(&event.request).unwrap_or_default();
                ends.push((text, kind, serde_json::from_str(event.text()).unwrap()));
            }
            _ => {}
        };
        let taken = queue
            .poll(64, Some(Duration::from_secs(60)), &mut take)
            .unwrap();
        assert!(taken > 0, "nothing came for a minute");
    }
    ends
}

fn ask(client: &Client) -> (String, EventType, Value) {
    let queue = Queue::new(0).unwrap();
    submit(client, &queue, "hi");
    finish(&queue, 1).remove(0)
}

fn succeeds(client: &Client) {
    let (text, kind, last) = ask(client);
    assert_eq!((text.as_str(), kind), ("ok", EventType::Done), "{last}");
    assert_eq!(last["attempts"].as_array().unwrap().len(), 1, "{last}");
}

#[test]
fn a_hundred_streams_share_one_connection() {
    // Nobody is answered before all have asked.
    let (all, asked) = watch::channel(0);
    let all = Arc::new(all);
    let server = Server::start(128, move |_, call| {
        let (all, mut asked) = (all.clone(), asked.clone());
        Box::pin(async move {
            all.send_modify(|count| *count += 1);
            asked.wait_for(|count| *count >= 100).await.unwrap();
            call.say("ok").await;
        })
    });
    let client = server.client(empty());
    let queue = Queue::new(0).unwrap();
    (0..100).for_each(|_| {
        submit(&client, &queue, "hi");
    });
    for (text, kind, last) in finish(&queue, 100) {
        assert_eq!((text.as_str(), kind), ("ok", EventType::Done), "{last}");
    }
    assert_eq!(server.counts(), (1, 100));
    succeeds(&client);
    assert_eq!(server.counts(), (1, 101));
}

#[test]
fn no_connection_gets_more_streams_than_its_peer_takes() {
    for (peer, ours) in [(4, 128), (128, 4), (1, 128)] {
        let (all, asked) = watch::channel(0);
        let all = Arc::new(all);
        let server = Server::start(peer, move |_, call| {
            let (all, mut asked) = (all.clone(), asked.clone());
            Box::pin(async move {
                all.send_modify(|count| *count += 1);
                asked.wait_for(|count| *count >= 8).await.unwrap();
                call.say("ok").await;
            })
        });
        let client = server
            .client(serde_json::json!({"http2": {"mode": "prior_knowledge", "max_streams": ours}}));
        let queue = Queue::new(0).unwrap();
        (0..8).for_each(|_| {
            submit(&client, &queue, "hi");
        });
        for (text, kind, last) in finish(&queue, 8) {
            assert_eq!((text.as_str(), kind), ("ok", EventType::Done), "{last}");
        }
        let connections = 8 / peer.min(ours) as usize;
        assert_eq!(server.counts(), (connections, 8), "{peer} {ours}");
    }
}

#[test]
fn a_refused_stream_is_tried_again_once_and_free() {
    let server = Server::start(128, |number, mut call| {
        Box::pin(async move {
            match number {
                1 | 3 | 4 => call.answer.send_reset(Reason::REFUSED_STREAM),
                _ => call.say("ok").await,
            }
        })
    });
    let client = server.client(empty());
    succeeds(&client);
    succeeds(&client);
    assert_eq!(server.requests.load(Ordering::SeqCst), 3);
    let (_, _, last) = ask(&client);
    assert_eq!(last["kind"], "connection_lost", "{last}");
    assert_eq!(last["attempts"].as_array().unwrap().len(), 1, "{last}");
    assert_eq!(server.requests.load(Ordering::SeqCst), 5);
}

#[test]
fn a_connection_that_goes_away_ends_its_streams_and_takes_no_more() {
    let server = Server::start(128, |_, call| {
        Box::pin(async move {
            call.leave.store(true, Ordering::SeqCst);
            call.say("ok").await;
        })
    });
    let client = server.client(empty());
    for number in 1..=5 {
        succeeds(&client);
        assert_eq!(server.requests.load(Ordering::SeqCst), number);
    }
}

#[test]
fn a_stream_that_nobody_reads_stops_itself_alone() {
    // All in one, and as tokens come: in a frame each.
    for frames in [1, 1000] {
        nobody_reads(frames);
    }
}

fn nobody_reads(frames: usize) {
    let flood = delta(&"x".repeat(1000)).repeat(1000 / frames);
    let server = Server::start(128, move |_, mut call| {
        let flood = flood.clone();
        Box::pin(async move {
            let asked = String::from_utf8(call.read().await).unwrap();
            if asked.contains("quiet") {
                return call.say("ok").await;
            }
            let mut stream = call.begin();
            for _ in 0..frames {
                stream.send_data(flood.clone().into(), false).unwrap();
            }
            stream.send_data(DONE.into(), true).unwrap();
        })
    });
    let client = server.client(empty());
    let (unread, read) = (Queue::new(64 << 10).unwrap(), Queue::new(0).unwrap());
    (0..20).for_each(|_| {
        submit(&client, &unread, "loud");
    });
    for _ in 0..20 {
        submit(&client, &read, "quiet");
        let (text, kind, last) = finish(&read, 1).remove(0);
        assert_eq!((text.as_str(), kind), ("ok", EventType::Done), "{last}");
    }
    for (text, kind, last) in finish(&unread, 20) {
        assert_eq!((text.len(), kind), (1_000_000, EventType::Done), "{last}");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn whoever_leaves_gives_its_part_of_the_connections_window_back() {
    const LEAVE: usize = 20;
    let server = Server::start(128, |number, mut call| {
        Box::pin(async move {
            let (mut stream, piece) = (call.begin(), delta(&"x".repeat(1000)));
            let leaves = number < LEAVE;
            for _ in 0..if leaves { 10 } else { 300 } {
                stream.send_data(piece.clone().into(), false).unwrap();
            }
            if leaves {
                let reason = std::future::poll_fn(|cx| stream.poll_reset(cx)).await;
                assert_eq!(reason.unwrap(), Reason::CANCEL);
            } else {
                stream.send_data(DONE.into(), true).unwrap();
            }
        })
    });
    // One window for all that one connection brings: a quarter of what they leave.
    let client =
        server.client(serde_json::json!({"http2": {"mode": "prior_knowledge", "max_streams": 1}}));
    for _ in 0..LEAVE {
        let (queue, mut heard) = (Queue::new(0).unwrap(), 0);
        let number = submit(&client, &queue, "hi");
        while heard < 10_000 {
            let mut take = |event: &Delivered| match event.kind {
                EventType::Text => heard += event.text().len(),
                kind => assert!(!kind.is_terminal(), "{}", event.text()),
            };
            let wait = Some(Duration::from_secs(60));
            assert!(queue.poll(64, wait, &mut take).unwrap() > 0);
        }
        libllm::cancel(number).unwrap();
        let (_, kind, last) = finish(&queue, 1).remove(0);
        assert_eq!(
            (kind, &last["kind"]),
            (EventType::Error, &"canceled".into())
        );
    }
    let (text, kind, last) = ask(&client);
    assert_eq!((text.len(), kind), (300_000, EventType::Done), "{last}");
    assert_eq!(server.counts(), (1, LEAVE + 1));
}

#[test]
fn a_canceled_stream_is_reset_and_its_neighbours_go_on() {
    let (reset, seen) = mpsc::channel();
    let reset = Mutex::new(reset);
    let server = Server::start(128, move |number, mut call| {
        let reset = reset.lock().unwrap().clone();
        Box::pin(async move {
            if number > 0 {
                return call.say("ok").await;
            }
            let mut stream = call.begin();
            stream.send_data(delta("Hel").into(), false).unwrap();
            let reason = std::future::poll_fn(|cx| stream.poll_reset(cx)).await;
            reset.send(reason.unwrap()).unwrap();
        })
    });
    let client = server.client(empty());
    let queue = Queue::new(0).unwrap();
    let number = submit(&client, &queue, "hi");
    let mut begun = false;
    while !begun {
        let mut take = |event: &Delivered| begun |= event.kind == EventType::Text;
        assert!(
            queue
                .poll(64, Some(Duration::from_secs(60)), &mut take)
                .unwrap()
                > 0
        );
    }
    succeeds(&client);
    libllm::cancel(number).unwrap();
    assert_eq!(
        seen.recv_timeout(Duration::from_secs(10)).unwrap(),
        Reason::CANCEL
    );
    succeeds(&client);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_request_larger_than_any_window_arrives_whole() {
    let server = Server::start(128, |_, mut call| {
        Box::pin(async move {
            let length = call.read().await.len().to_string();
            let mut stream = call.begin();
            let _ = stream.send_data((delta(&length) + DONE).into(), true);
        })
    });
    let client = server.client(empty());
    let queue = Queue::new(0).unwrap();
    submit(&client, &queue, &"y".repeat(3_000_000));
    let (text, kind, last) = finish(&queue, 1).remove(0);
    assert_eq!(kind, EventType::Done, "{last}");
    assert!(text.parse::<usize>().unwrap() > 3_000_000);
}

#[test]
fn a_stream_that_is_reset_or_cut_keeps_its_text_and_says_so() {
    for (end, kind) in [
        (Some(Reason::INTERNAL_ERROR), "connection_lost"),
        (None, "stream_truncated"),
    ] {
        // What is reset may take what was sent before with it: not until that is read.
        let (read, told) = watch::channel(false);
        let server = Server::start(128, move |_, mut call| {
            let mut told = told.clone();
            Box::pin(async move {
                let mut stream = call.begin();
                stream
                    .send_data(delta("Hel").into(), end.is_none())
                    .unwrap();
                if let Some(reason) = end {
                    told.wait_for(|read| *read).await.unwrap();
                    stream.send_reset(reason);
                }
            })
        });
        let client = server.client(empty());
        let queue = Queue::new(0).unwrap();
        submit(&client, &queue, "hi");
        let mut last = Value::Null;
        let mut text = String::new();
        while last.is_null() {
            let mut take = |event: &Delivered| match event.kind {
                EventType::Text => text += event.text(),
                kind if kind.is_terminal() => last = serde_json::from_str(event.text()).unwrap(),
                _ => {}
            };
            assert!(
                queue
                    .poll(64, Some(Duration::from_secs(60)), &mut take)
                    .unwrap()
                    > 0
            );
            read.send_replace(!text.is_empty());
        }
        assert_eq!(
            (text.as_str(), &last["kind"]),
            ("Hel", &kind.into()),
            "{last}"
        );
        assert_eq!(server.requests.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_connection_that_answers_no_ping_is_given_up() {
    // Speaks just enough to begin, then nothing: its settings, and the head and first words of an answer.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let (mut reader, mut writer) = (socket.try_clone().unwrap(), socket);
                std::io::Write::write_all(&mut writer, &[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
                // Reads on and says nothing, until the other side gives up.
                let _ = std::io::copy(&mut reader, &mut std::io::sink());
            });
        }
    });
    let server = Server {
        base,
        connections: Arc::default(),
        requests: Arc::default(),
    };
    let settings = serde_json::json!({"mode": "prior_knowledge", "ping_s": 0.2});
    let (_, kind, last) = ask(&server.client(serde_json::json!({"http2": settings})));
    assert_eq!(
        (kind, &last["kind"]),
        (EventType::Error, &"connection_lost".into()),
        "{last}"
    );
}

#[test]
fn a_server_of_the_older_kind_is_an_error_and_no_hang() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let answer =
                b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = std::io::Write::write_all(&mut socket, answer);
        }
    });
    let server = Server {
        base,
        connections: Arc::default(),
        requests: Arc::default(),
    };
    let client = server.client(empty());
    let queue = Queue::new(0).unwrap();
    (0..5).for_each(|_| {
        submit(&client, &queue, "hi");
    });
    for (_, kind, last) in finish(&queue, 5) {
        assert_eq!(kind, EventType::Error, "{last}");
        assert!(
            ["protocol", "connection_lost"].contains(&last["kind"].as_str().unwrap()),
            "{last}"
        );
    }
}
