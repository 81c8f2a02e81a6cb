//! Plays a reply onto a socket: framing, timing, breaking off, and noticing that the client went away.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use libllm_proto::mock::{Cut, Reply, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connection::Socket;
use super::http1::Head;

/// What is left of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ended {
    /// The next request may come.
    Open,
    /// To be closed properly.
    Shut,
    /// To be closed by a reset.
    Reset,
}

/// How the client learns where the body ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    Length(usize),
    Chunked,
    /// By the end of the connection.
    Close,
}

/// Plays `reply`; an error says that the client went away first.
pub(crate) async fn play(
    socket: &mut impl Socket,
    input: &mut BytesMut,
    reply: Reply,
    head: &Head,
    arrived: Instant,
) -> io::Result<Ended> {
    let mut line = Line {
        socket,
        input,
        arrived,
        out: Vec::new(),
    };
    line.wait(reply.head_at).await?;
    if let Some(cut) = reply.cut_head {
        return line.cut_head(cut).await;
    }
    let framing = match reply.length {
        Some(length) => Framing::Length(length),
        None if head.chunks => Framing::Chunked,
        None => Framing::Close,
    };
    let keep_alive = head.keep_alive && framing != Framing::Close;
    line.head(&reply, framing, keep_alive);
    // Bytes are held back by one step: what follows at once (the end, a cut) leaves in the same write.
    let mut holds_body = false;
    for step in reply.body {
        match step {
            Step::Until(offset) => {
                line.flush().await?;
                holds_body = false;
                line.wait(offset).await?;
            }
            Step::Bytes(bytes) => {
                if std::mem::replace(&mut holds_body, true) {
                    line.flush().await?;
                }
                line.body(&bytes, framing);
            }
            Step::Cut(cut) => return line.cut(cut, framing).await,
        }
    }
    line.end(framing);
    line.flush().await?;
    Ok(if keep_alive { Ended::Open } else { Ended::Shut })
}

/// Head of a page of JSON outside any script.
pub(crate) fn head_of_page(status: u16, length: usize, keep_alive: bool) -> String {
    let connection = if keep_alive { "keep-alive" } else { "close" };
    format!(
        "HTTP/1.1 {status} {}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: {connection}\r\n\r\n",
        reason(status)
    )
}

/// An answer under way.
struct Line<'a, S> {
    socket: &'a mut S,
    input: &'a mut BytesMut,
    arrived: Instant,
    out: Vec<u8>,
}

impl<S: Socket> Line<'_, S> {
    fn head(&mut self, reply: &Reply, framing: Framing, keep_alive: bool) {
        let status = reply.status;
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
        for (name, value) in &reply.headers {
            head.extend([name, ": ", value.as_str(), "\r\n"]);
        }
        let date = httpdate::fmt_http_date(SystemTime::now());
        head.extend(["date: ", &date, "\r\n"]);
        match framing {
            // RFC 9110 8.6: no length where there can be no content.
            Framing::Length(_) if matches!(status, 204 | 304) => {}
            Framing::Length(length) => head.push_str(&format!("content-length: {length}\r\n")),
            Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
            Framing::Close => {}
        }
        if !keep_alive {
            head.push_str("connection: close\r\n");
        }
        head.push_str("\r\n");
        self.out.extend_from_slice(head.as_bytes());
    }

    fn body(&mut self, bytes: &[u8], framing: Framing) {
        if framing == Framing::Chunked {
            self.out
                .extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
            self.out.extend_from_slice(bytes);
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.out.extend_from_slice(bytes);
        }
    }

    fn end(&mut self, framing: Framing) {
        if framing == Framing::Chunked {
            self.out.extend_from_slice(b"0\r\n\r\n");
        }
    }

    async fn cut(&mut self, cut: Cut, framing: Framing) -> io::Result<Ended> {
        match cut {
            Cut::Fin => self.end(framing),
            // A chunk that says 64 bytes and has 6.
            Cut::Chunk => self.out.extend_from_slice(b"40\r\ndata: "),
            Cut::Rst => {}
        }
        self.flush().await?;
        Ok(match cut {
            Cut::Rst => Ended::Reset,
            Cut::Fin | Cut::Chunk => Ended::Shut,
        })
    }

    async fn cut_head(&mut self, cut: Cut) -> io::Result<Ended> {
        if cut == Cut::Chunk {
            self.out.extend_from_slice(b"HTTP/1.1 2");
        }
        self.flush().await?;
        Ok(match cut {
            Cut::Rst => Ended::Reset,
            Cut::Fin | Cut::Chunk => Ended::Shut,
        })
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.socket.write_all(&self.out).await?;
        self.out.clear();
        self.socket.flush().await
    }

    /// Waits until `offset` from the request's arrival, or until the client closes.
    async fn wait(&mut self, offset: Duration) -> io::Result<()> {
        let until = self.arrived + offset;
        if until <= Instant::now() {
            return Ok(());
        }
        let mut sleep = pin!(tokio::time::sleep_until(until.into()));
        // A client may send its next request early, but not without bound.
        while self.input.len() < EARLY_MAX {
            let mut read = pin!(self.socket.read_buf(self.input));
            let read = poll_fn(|cx| match sleep.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => read.as_mut().poll(cx).map(Some),
            });
            match read.await {
                None => return Ok(()),
                Some(Ok(0)) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Some(read) => {
                    read?;
                }
            }
        }
        sleep.await;
        Ok(())
    }
}

/// The reason phrase; clients ignore it (RFC 9112 4).
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

/// Bytes of early requests kept while an answer is under way.
const EARLY_MAX: usize = 64 * 1024;
