//! Starts `libllm mock` and speaks to it in raw HTTP/1.1, so that a test sees every chunk and how a connection ended.
#![allow(
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "tests; each file uses its part of this module"
)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A running mock; killed when dropped.
pub struct Mock {
    child: Child,
    pub address: SocketAddr,
    pub first_line: String,
}

impl Mock {
    pub fn start(options: &[&str]) -> Mock {
        let mut child = Command::new(env!("CARGO_BIN_EXE_libllm"))
            .arg("mock")
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first_line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut first_line).unwrap();
        let address = first_line.trim().rsplit('/').next().unwrap();
        Mock {
            address: address.parse().unwrap(),
            first_line,
            child,
        }
    }

    pub fn connect(&self) -> Client<TcpStream> {
        let socket = TcpStream::connect(self.address).unwrap();
        // A hang fails the test instead of stopping it.
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client::new(socket)
    }

    /// Sends one streamed request on a connection of its own, and reads its head.
    pub fn stream(&self, path: &str, script: &str) -> (Client<TcpStream>, String) {
        let mut client = self.connect();
        client.send(&post(path, script, true, ""));
        let head = client.head().unwrap();
        (client, head)
    }

    /// One request on a connection of its own: head and body.
    pub fn ask(&self, request: &str) -> (String, Vec<u8>) {
        let mut client = self.connect();
        client.send(request);
        let head = client.head().unwrap();
        let body = client.body(&head).unwrap();
        (head, body)
    }

    pub fn stats(&self) -> Value {
        let (_, body) = self.ask("GET /stats HTTP/1.1\r\n\r\n");
        serde_json::from_slice(&body).unwrap()
    }

    /// Asks for the stats until they are as wanted.
    pub fn stats_until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let stats = self.stats();
            if wanted(&stats) {
                return stats;
            }
            assert!(start.elapsed() < PATIENCE, "the stats stay {stats}");
        }
    }

    /// Most memory the server has held, in bytes.
    pub fn resident_peak(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

pub const CHAT: &str = "/v1/chat/completions";
pub const MESSAGES: &str = "/v1/messages";
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A request for `script`; `headers` are whole lines.
pub fn post(path: &str, script: &str, stream: bool, headers: &str) -> String {
    let body = json!({
        "model": script,
        "stream": stream,
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "good day to you"}],
    })
    .to_string();
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: mock\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

/// One connection, seen byte by byte.
pub struct Client<S> {
    pub socket: S,
    input: Vec<u8>,
}

impl<S: Read + Write> Client<S> {
    pub fn new(socket: S) -> Client<S> {
        Client {
            socket,
            input: Vec::new(),
        }
    }

    pub fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).unwrap();
    }

    /// A response's head, in lower case.
    pub fn head(&mut self) -> io::Result<String> {
        let mut head = String::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(head);
            }
            head.push_str(&line.to_ascii_lowercase());
            head.push('\n');
        }
    }

    /// The next chunk of a chunked body, `None` after the last.
    pub fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let size = usize::from_str_radix(&self.line()?, 16).unwrap();
        let chunk = self.exactly(size)?;
        assert_eq!(self.line()?, "");
        Ok((size > 0).then_some(chunk))
    }

    pub fn body(&mut self, head: &str) -> io::Result<Vec<u8>> {
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if let Some(length) = length {
            return self.exactly(length.parse().unwrap());
        }
        let mut body = Vec::new();
        if head.contains("transfer-encoding: chunked") {
            while let Some(chunk) = self.chunk()? {
                body.extend(chunk);
            }
        } else {
            body.append(&mut self.input);
            self.socket.read_to_end(&mut body)?;
        }
        Ok(body)
    }

    /// The body up to where it broke, and the error it broke with.
    pub fn broken_body(&mut self) -> (String, io::Error) {
        let mut body = Vec::new();
        loop {
            match self.chunk() {
                Ok(Some(chunk)) => body.extend(chunk),
                Ok(None) => panic!("the body is whole: {}", String::from_utf8_lossy(&body)),
                Err(error) => return (String::from_utf8(body).unwrap(), error),
            }
        }
    }

    /// Reads what comes after an answer; 0 is a proper close.
    pub fn rest(&mut self) -> io::Result<usize> {
        self.socket.read(&mut [0; 64])
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.input.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.input.drain(..at + 2).take(at).collect();
                return Ok(String::from_utf8(line).unwrap());
            }
            self.fill()?;
        }
    }

    fn exactly(&mut self, size: usize) -> io::Result<Vec<u8>> {
        while self.input.len() < size {
            self.fill()?;
        }
        Ok(self.input.drain(..size).collect())
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        match self.socket.read(&mut bytes)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.input.extend_from_slice(&bytes[..count]);
                Ok(())
            }
        }
    }
}

/// The text that a stream's `content` or `text` deltas join to.
pub fn text_of(body: &[u8]) -> String {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .filter_map(|data| {
            let event: Value = serde_json::from_str(data).unwrap();
            let text = event
                .pointer("/choices/0/delta/content")
                .or(event.pointer("/delta/text"));
            text.and_then(Value::as_str).map(str::to_owned)
        })
        .collect()
}
