//! What is recorded is played again: the same answers without a server, and no secret in any file.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must not")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use libllm::{Client, Delivered, EventType, Options, Queue};
use serde_json::{Value, json};

const KEY: &str = "sk-canary-0123456789";
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nset-cookie: canary=1\r\nx-request-id: req_1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";

/// A folder that is gone with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }

    fn files(&self) -> Vec<(String, String)> {
        let mut files: Vec<_> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, std::fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    fn exchange(&self, number: usize) -> Value {
        serde_json::from_str(&self.files()[number].1).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a server does, one after the other.
enum Do {
    Say(Vec<u8>),
    /// A chunk, which is a piece to whoever reads it, however it travels.
    Chunk(Vec<u8>),
    /// Until the other side has gone.
    Wait,
}

/// Does with its n-th connection what the n-th list says, then closes it.
fn server(answers: Vec<Vec<Do>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (stream, steps) in listener.incoming().flatten().zip(answers) {
            serve(stream, steps);
        }
    });
    base
}

fn serve(mut stream: TcpStream, steps: Vec<Do>) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"}") {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the request ends early");
        seen.extend_from_slice(&buffer[..count]);
    }
    assert!(
        String::from_utf8_lossy(&seen).contains(KEY),
        "the key is sent as ever"
    );
    for step in steps {
        match step {
            Do::Say(bytes) => stream.write_all(&bytes).unwrap(),
            Do::Chunk(bytes) => {
                let head = format!("{:x}\r\n", bytes.len());
                stream
                    .write_all(&[head.as_bytes(), &bytes, b"\r\n"].concat())
                    .unwrap();
            }
            Do::Wait => drop(stream.read(&mut [0])),
        }
    }
}

fn stream(pieces: Vec<Vec<u8>>) -> Vec<Do> {
    let mut steps = vec![Do::Say(HEAD.as_bytes().to_vec())];
    steps.extend(pieces.into_iter().map(Do::Chunk));
    steps
}

fn client(base: &str, more: Value) -> Client {
    let house = json!({"wire": "openai_chat", "base_url": base, "api_key": KEY, "headers": {"x-team": "canary-team"}});
    let mut config = json!({"providers": {"s": house}, "retry": {"max_attempts": 1}});
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    Client::new(&config.to_string()).unwrap()
}

/// Every event of one request, but for times.
fn ask(client: &Client, prompt: &str) -> Vec<(EventType, String)> {
    let queue = Queue::new(0).unwrap();
    let body = json!({"model": "s/m", "messages": [{"role": "user", "content": prompt}]});
    let options = Options::default();
    client
        .submit_json(&queue, body.to_string().as_bytes(), &options, 0)
        .unwrap();
    let mut events = Vec::new();
    while !events
        .last()
        .is_some_and(|(kind, _): &(EventType, String)| kind.is_terminal())
    {
        let mut take = |event: &Delivered| {
            let mut text = event.text().to_owned();
            if event.kind.is_terminal() {
                let mut last: Value = serde_json::from_str(&text).unwrap();
                last["timing"] = Value::Null;
                last["attempts"][0]["ms"] = Value::Null;
                text = last.to_string();
            }
            events.push((event.kind, text));
        };
        let taken = queue
            .poll(64, Some(Duration::from_secs(10)), &mut take)
            .unwrap();
        assert!(taken > 0, "nothing came for ten seconds");
    }
    events
}

fn text(events: &[(EventType, String)]) -> String {
    let texts = events.iter().filter(|(kind, _)| *kind == EventType::Text);
    texts.map(|(_, text)| text.as_str()).collect()
}

fn last(events: &[(EventType, String)]) -> Value {
    serde_json::from_str(&events.last().unwrap().1).unwrap()
}

fn delta(text: &str) -> Vec<u8> {
    let choice = json!({"index": 0, "delta": {"content": text}});
    format!(
        "data: {}\n\n",
        json!({"id": "c", "model": "m", "choices": [choice]})
    )
    .into_bytes()
}

const DONE: &[u8] = b"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[test]
fn a_recording_is_played_with_its_pieces_and_holds_no_secret() {
    let folder = Folder::new("pieces");
    let euro = delta("€");
    let middle = euro.iter().position(|byte| *byte == 0xe2).unwrap() + 1;
    let canary = delta(KEY);
    let pieces = vec![
        delta("Hel"),
        euro[..middle].to_vec(),
        euro[middle..].to_vec(),
        // A provider that repeats the key, cut in two.
        canary[..canary.len() / 2].to_vec(),
        canary[canary.len() / 2..].to_vec(),
        DONE.to_vec(),
    ];
    let base = server(vec![stream(pieces)]);
    let recorded = ask(&client(&base, json!({"record": folder.0})), "hi");
    assert_eq!(text(&recorded), format!("Hel€{KEY}"));
    let files = folder.files();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].0, "000001.json");
    assert!(!files[0].1.contains("canary"), "{}", files[0].1);
    let exchange = folder.exchange(0);
    let pieces = exchange["answer"]["pieces"].as_array().unwrap();
    assert!(
        pieces.iter().any(|piece| piece.get("base64").is_some()),
        "{exchange}"
    );
    assert_eq!(exchange["answer"]["end"], "complete");

    // Nobody listens there any more.
    let played = ask(&client(&base, json!({"replay": folder.0})), "hi");
    assert_eq!(text(&played), format!("Hel€{}", "x".repeat(KEY.len())));
    assert_eq!(last(&played), last(&recorded));
    assert_eq!(
        played,
        ask(&client(&base, json!({"replay": folder.0})), "hi")
    );
}

#[test]
fn the_same_request_gets_one_recording_after_the_other_and_then_an_error() {
    let folder = Folder::new("order");
    let answer = |text| stream(vec![delta(text), DONE.to_vec()]);
    let base = server(vec![answer("one"), answer("two")]);
    let recording = client(&base, json!({"record": folder.0}));
    assert_eq!(text(&ask(&recording, "hi")), "one");
    assert_eq!(text(&ask(&recording, "hi")), "two");
    let playing = client(
        &base,
        json!({"replay": folder.0, "retry": {"max_attempts": 3}}),
    );
    assert_eq!(text(&ask(&playing, "hi")), "one");
    assert_eq!(text(&ask(&playing, "hi")), "two");
    for prompt in ["hi", "something else"] {
        let failed = last(&ask(&playing, prompt));
        assert_eq!(
            (&failed["kind"], &failed["status"]),
            (&"config".into(), &"LLM_ERR_CONFIG".into()),
            "{failed}"
        );
        assert!(
            failed["message"]
                .as_str()
                .unwrap()
                .contains("/v1/chat/completions"),
            "{failed}"
        );
        assert_eq!(failed["attempts"].as_array().unwrap().len(), 1, "{failed}");
    }
}

#[test]
fn what_failed_fails_again_in_the_same_way() {
    let folder = Folder::new("failures");
    let json = |status: &str, body: &str| {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        vec![Do::Say(format!("{head}{body}").into_bytes())]
    };
    let base = server(vec![
        json(
            "401 Unauthorized",
            &format!(r#"{{"error":{{"message":"bad key {KEY}"}}}}"#),
        ),
        // No end.
        stream(vec![delta("Hel")]),
        vec![],
    ]);
    let recording = client(&base, json!({"record": folder.0}));
    let prompts = ["refused", "cut", "silent", "nobody"];
    let mut recorded: Vec<_> = prompts[..3]
        .iter()
        .map(|prompt| ask(&recording, prompt))
        .collect();
    let unreachable = client("http://127.0.0.1:1/v1", json!({"record": folder.0}));
    recorded.push(ask(&unreachable, prompts[3]));
    let kinds: Vec<_> = recorded
        .iter()
        .map(|events| last(events)["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["auth", "connection_lost", "connection_lost", "connect"]
    );
    assert!(
        folder
            .files()
            .iter()
            .all(|(_, text)| !text.contains("canary"))
    );

    let playing = client(&base, json!({"replay": folder.0}));
    for (prompt, before) in prompts[..3].iter().zip(&recorded) {
        let again = ask(&playing, prompt);
        let (mut before, mut again) = (last(before), last(&again));
        // What was hidden stays so.
        for told in [&mut before, &mut again] {
            told["message"] = Value::Null;
            told["body"] = Value::Null;
            told["attempts"] = Value::Null;
        }
        assert_eq!(again, before, "{prompt}");
    }
    let playing = client("http://127.0.0.1:1/v1", json!({"replay": folder.0}));
    assert_eq!(last(&ask(&playing, prompts[3]))["phase"], "connect");
}

#[test]
fn a_stream_that_was_canceled_is_played_as_far_as_it_was_read() {
    let folder = Folder::new("canceled");
    let mut steps = stream(vec![delta("Hel")]);
    steps.push(Do::Wait);
    let base = server(vec![steps]);
    let recording = client(&base, json!({"record": folder.0}));
    let queue = Queue::new(0).unwrap();
    let body = json!({"model": "s/m", "messages": [{"role": "user", "content": "hi"}]});
    let number = recording
        .submit_json(&queue, body.to_string().as_bytes(), &Options::default(), 0)
        .unwrap();
    let mut over = false;
    while !over {
        let mut take = |event: &Delivered| match event.kind {
            EventType::Text => libllm::cancel(number).unwrap(),
            kind => over |= kind.is_terminal(),
        };
        assert!(
            queue
                .poll(64, Some(Duration::from_secs(10)), &mut take)
                .unwrap()
                > 0
        );
    }
    assert_eq!(folder.exchange(0)["answer"]["end"], "left");
    let played = ask(&client(&base, json!({"replay": folder.0})), "hi");
    assert_eq!(
        (text(&played).as_str(), &last(&played)["kind"]),
        ("Hel", &"connection_lost".into())
    );
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let folder = Folder::new("unreadable");
    let refused = |path: &Path| {
        let config = json!({"replay": path});
        let error = Client::new(&config.to_string()).unwrap_err();
        assert_eq!(error.kind(), libllm::ErrorKind::Config);
        error.message().to_owned()
    };
    assert!(refused(&folder.0).contains("unreadable"));
    std::fs::create_dir_all(&folder.0).unwrap();
    let request =
        json!({"method": "POST", "url": "http://h/", "headers": [], "body": {"text": ""}});
    let answer = json!({"status": 200, "headers": [], "pieces": [{"ms": 0, "base64": "?"}], "end": "complete"});
    for (text, words) in [
        ("{".to_owned(), "EOF"),
        (
            json!({"libllm_exchange": 2, "request": request, "answer": answer}).to_string(),
            "format 2",
        ),
        (
            json!({"libllm_exchange": 1, "request": request}).to_string(),
            "an answer or a failure",
        ),
        (
            json!({"libllm_exchange": 1, "request": request, "answer": answer}).to_string(),
            "no base64",
        ),
    ] {
        std::fs::write(folder.0.join("000007.json"), text).unwrap();
        let message = refused(&folder.0);
        assert!(
            message.contains("000007.json") && message.contains(words),
            "{message}"
        );
    }
    std::fs::remove_file(folder.0.join("000007.json")).unwrap();
    std::fs::write(folder.0.join("notes.json"), "not a recording").unwrap();
    Client::new(&json!({"replay": folder.0}).to_string()).unwrap();
}
