//! Requests off the wire: HTTP/1.1 heads and bodies, within limits (RFC 9112).

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What a request's head says.
#[derive(Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) keep_alive: bool,
    /// HTTP/1.0 knows no chunks.
    pub(crate) chunks: bool,
    /// `x-mock-key`, empty if there is none.
    pub(crate) mock_key: String,
    /// Whether `anthropic-version` was sent.
    pub(crate) anthropic: bool,
    length: Length,
    expects_continue: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Length {
    Known(usize),
    Chunked,
}

/// Why no request was read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The client closed, before a request or in the middle of it.
    Gone,
    /// This status is the answer, and the last one on this connection.
    Refused(u16, &'static str),
}

impl From<io::Error> for Unread {
    fn from(_: io::Error) -> Unread {
        Unread::Gone
    }
}

/// Reads the next head; what follows it stays in `input`.
pub(crate) async fn read_head<S: AsyncRead + Unpin>(
    socket: &mut S,
    input: &mut BytesMut,
) -> Result<Head, Unread> {
    loop {
        if !input.is_empty()
            && let Some((head, length)) = parse_head(input)?
        {
            input.advance(length);
            return Ok(head);
        }
        if input.len() > HEAD_MAX {
            return Err(Unread::Refused(431, "the head exceeds 64 KiB"));
        }
        fill(socket, input).await?;
    }
}

/// Reads the body that `head` announced.
pub(crate) async fn read_body<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut S,
    input: &mut BytesMut,
    head: &Head,
) -> Result<BytesMut, Unread> {
    if head.expects_continue {
        socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        socket.flush().await?;
    }
    match head.length {
        Length::Known(length) if length > BODY_MAX => Err(TOO_LARGE),
        Length::Known(length) => {
            fill_to(socket, input, length).await?;
            Ok(input.split_to(length))
        }
        Length::Chunked => read_chunks(socket, input).await,
    }
}

fn parse_head(input: &[u8]) -> Result<Option<(Head, usize)>, Unread> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(input) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Unread::Refused(431, "more than 100 headers"));
        }
        Err(_) => return Err(Unread::Refused(400, "the head is no HTTP/1.1")),
    };
    let one_one = request.version == Some(1);
    let mut head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        target: target(request.path.unwrap_or_default()),
        keep_alive: one_one,
        chunks: one_one,
        mock_key: String::new(),
        anthropic: false,
        length: Length::Known(0),
        expects_continue: false,
    };
    let mut lengths = 0;
    for header in request.headers.iter() {
        let value = String::from_utf8_lossy(header.value);
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" => {
                lengths += 1;
                let length = value.parse().map_err(|_| LENGTH_WRONG)?;
                head.length = Length::Known(length);
            }
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => {
                lengths += 1;
                head.length = Length::Chunked;
            }
            "transfer-encoding" => return Err(LENGTH_WRONG),
            "connection" if value.eq_ignore_ascii_case("close") => head.keep_alive = false,
            "expect" => head.expects_continue = value.eq_ignore_ascii_case("100-continue"),
            "x-mock-key" => head.mock_key = value.into_owned(),
            "anthropic-version" => head.anthropic = true,
            _ => {}
        }
    }
    // Two opinions on where a request ends are how requests get smuggled (RFC 9112 6.3).
    if lengths > 1 {
        return Err(LENGTH_WRONG);
    }
    Ok(Some((head, length)))
}

/// Path and query of a request target, which a proxy's client writes with scheme and host.
fn target(target: &str) -> String {
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    target.to_owned()
}

async fn read_chunks<S: AsyncRead + Unpin>(
    socket: &mut S,
    input: &mut BytesMut,
) -> Result<BytesMut, Unread> {
    let mut body = BytesMut::new();
    loop {
        let line = read_line(socket, input).await?;
        let digits = line[..]
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default();
        let size = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok())
            .ok_or(Unread::Refused(400, "a chunk's size is no number"))?;
        if size > BODY_MAX - body.len() {
            return Err(TOO_LARGE);
        }
        if size == 0 {
            // Trailers, up to the empty line.
            while !read_line(socket, input).await?.is_empty() {}
            return Ok(body);
        }
        fill_to(socket, input, size + 2).await?;
        body.extend_from_slice(&input[..size]);
        if &input[size..size + 2] != b"\r\n" {
            return Err(Unread::Refused(400, "a chunk does not end where it said"));
        }
        input.advance(size + 2);
    }
}

async fn read_line<S: AsyncRead + Unpin>(
    socket: &mut S,
    input: &mut BytesMut,
) -> Result<BytesMut, Unread> {
    loop {
        if let Some(at) = input.windows(2).position(|pair| pair == b"\r\n") {
            let mut line = input.split_to(at + 2);
            line.truncate(at);
            return Ok(line);
        }
        if input.len() > LINE_MAX {
            return Err(Unread::Refused(400, "a line between chunks is too long"));
        }
        fill(socket, input).await?;
    }
}

async fn fill_to<S: AsyncRead + Unpin>(
    socket: &mut S,
    input: &mut BytesMut,
    length: usize,
) -> Result<(), Unread> {
    input.reserve(length.saturating_sub(input.len()));
    while input.len() < length {
        fill(socket, input).await?;
    }
    Ok(())
}

async fn fill<S: AsyncRead + Unpin>(socket: &mut S, input: &mut BytesMut) -> Result<(), Unread> {
    match socket.read_buf(input).await? {
        0 => Err(Unread::Gone),
        _ => Ok(()),
    }
}

const TOO_LARGE: Unread = Unread::Refused(413, "the body exceeds 64 MiB");
const LENGTH_WRONG: Unread = Unread::Refused(400, "the length of the body is unclear");
/// BEHAVIOUR section 9: header block 64 KiB.
const HEAD_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;
/// Long prompts with pictures fit.
const BODY_MAX: usize = 64 * 1024 * 1024;
const LINE_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<(Head, usize)>, u16> {
        parse_head(text.as_bytes()).map_err(|unread| match unread {
            Unread::Refused(status, _) => status,
            Unread::Gone => 0,
        })
    }

    #[test]
    fn heads_are_read_or_refused() {
        let text = "POST /v1/messages?beta=true HTTP/1.1\r\nContent-Length: 12\r\nAnthropic-Version: 2023-06-01\r\nX-Mock-Key: k\r\nConnection: close\r\n\r\nrest";
        let (read, length) = head(text).unwrap().unwrap();
        assert_eq!(&text[length..], "rest");
        assert_eq!(
            (read.target.as_str(), read.mock_key.as_str()),
            ("/v1/messages?beta=true", "k")
        );
        assert!(read.anthropic && read.chunks && !read.keep_alive);
        assert_eq!(read.length, Length::Known(12));
        assert_eq!(head("GET / HT"), Ok(None));
        let (read, _) = head("GET http://a.b:1/x/y HTTP/1.0\r\n\r\n")
            .unwrap()
            .unwrap();
        assert_eq!(
            (read.target.as_str(), read.keep_alive, read.chunks),
            ("/x/y", false, false)
        );
    }

    #[test]
    fn unclear_lengths_are_refused() {
        for lines in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: -1",
            "Transfer-Encoding: gzip, chunked",
        ] {
            let text = format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n");
            assert_eq!(head(&text), Err(400), "{lines}");
        }
        assert_eq!(head("\x01\x02 nonsense\r\n\r\n"), Err(400));
    }
}
