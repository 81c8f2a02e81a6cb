//! The mock and the drains as processes: every stream exact, every count as asked.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

struct Mock {
    process: Child,
    address: String,
}

impl Mock {
    fn start() -> Mock {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bench-mock"));
        let mut process = command
            .args(["0", "2"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Mock {
            process,
            address: line.trim().to_owned(),
        }
    }

    fn get(&self, path: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nhost: mock\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        // The mock keeps connections; its answer ends where its length says.
        while !ended(&bytes) {
            let mut piece = [0; 4096];
            let count = socket.read(&mut piece).unwrap();
            assert!(count > 0, "closed early");
            bytes.extend_from_slice(&piece[..count]);
        }
        let text = String::from_utf8(bytes).unwrap();
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn stats(&self) -> Value {
        serde_json::from_str(&self.get("/stats")).unwrap()
    }

    fn drive(&self, client: &str, schedule: &str, args: &[&str]) -> Value {
        let base = format!("http://{}{schedule}/v1", self.address);
        let mut command = Command::new(client);
        let done = command
            .arg(base)
            .args(args)
            .env("BENCH_VERIFY", "1")
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        serde_json::from_slice(&done.stdout).unwrap()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ended(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| body.len() == length.parse::<usize>().unwrap())
}

const CLIENTS: [&str; 2] = [
    env!("CARGO_BIN_EXE_bench-hyper"),
    env!("CARGO_BIN_EXE_bench-reqwest"),
];

#[test]
fn every_answer_is_exact_in_each_mode() {
    let mock = Mock::start();
    for client in CLIENTS {
        for (schedule, mode) in [
            ("/c/0/0/64/a", "unary"),
            ("/c/0/0/64/a", "stream"),
            ("/c/2000/500/9/w", "stream"),
        ] {
            let line = mock.drive(client, schedule, &[mode, "8", "3", "1"]);
            assert_eq!(line["requests"], 24, "{line}");
            assert_eq!(
                (&line["failed"], &line["inexact"]),
                (&0.into(), &0.into()),
                "{line}"
            );
        }
    }
    let stats = mock.stats();
    // Per client and mode: one request to begin with, then eight workers' four.
    assert_eq!(stats["requests"], 2 * 3 * (1 + 8 * 4), "{stats}");
    assert_eq!(
        (&stats["live"], &stats["live_peak"]),
        (&0.into(), &8.into()),
        "{stats}"
    );
}

#[test]
fn the_mock_keeps_its_schedule() {
    let mock = Mock::start();
    for client in CLIENTS {
        let line = mock.drive(client, "/c/30000/5000/11/w", &["stream", "4", "1", "0"]);
        // Never early: 30 ms to the first token, 50 more to the last.
        assert!(
            line["added_first_us"]["p50"].as_i64().unwrap() >= 0,
            "{line}"
        );
        assert!(
            line["added_total_us"]["p50"].as_i64().unwrap() >= 0,
            "{line}"
        );
        assert_eq!(line["tokens"], 44);
    }
    // A write per token: of the request that begins a run, and of four workers'.
    assert!(mock.stats()["writes"].as_u64().unwrap() >= 2 * (4 + 1) * 11);
}

#[test]
fn the_mock_says_what_it_would_say() {
    let mock = Mock::start();
    let text = mock.get("/c/0/0/64/a/v1/text");
    assert_eq!(text, libllm_bench::answer::text(64));
    assert_eq!(
        mock.get("/c/0/0/64/a/v1/unary-text"),
        libllm_bench::answer::unary_text()
    );
    assert!(mock.get("/nothing/here").contains("no such path"));
    assert_eq!(mock.stats()["requests"], 0);
}

#[test]
fn a_client_that_leaves_is_counted() {
    let mock = Mock::start();
    let mut socket = TcpStream::connect(&mock.address).unwrap();
    let body = "{\"stream\":true}";
    write!(
        socket,
        "POST /c/0/60000000/3/w/v1/chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut first = [0; 16];
    socket.read_exact(&mut first).unwrap();
    assert_eq!(mock.stats()["live"], 1);
    drop(socket);
    while mock.stats()["live"] != 0 {}
    assert_eq!(mock.stats()["closed_by_client"], 1);
}
