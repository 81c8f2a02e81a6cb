//! The little of HTTP/1.1 that the mock's clients say: a head, and a body of a stated length.

use memchr::memmem;

/// A request whose bytes are all there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) body: &'a [u8],
    /// Bytes of the whole, head and body.
    pub(super) len: usize,
}

/// The first request in `bytes`: `Ok(None)` while it is not all there.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Request<'_>>, &'static str> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > HEAD_MAX {
            Err("head exceeds 64 KiB")
        } else {
            Ok(None)
        };
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "head is no text")?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err("no request line");
    };
    let mut length = 0;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or("a header without a colon")?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value
                .trim()
                .parse()
                .map_err(|_| "content-length is no number")?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("a chunked request; state its length");
        }
    }
    if length > BODY_MAX {
        return Err("body exceeds 16 MiB");
    }
    let start = end + 4;
    let Some(body) = bytes.get(start..start + length) else {
        return Ok(None);
    };
    Ok(Some(Request {
        method,
        path,
        body,
        len: start + length,
    }))
}

impl Request<'_> {
    /// Whether a stream is asked for.
    pub(super) fn wants_stream(&self) -> bool {
        memmem::find(self.body, b"\"stream\":true").is_some()
            || memmem::find(self.body, b"\"stream\": true").is_some()
    }
}

const HEAD_MAX: usize = 64 * 1024;
const BODY_MAX: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] =
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n{\"stream\":true}GET ";

    #[test]
    fn a_request_is_read_once_it_is_whole() {
        let len = ONE.len() - 4;
        for cut in 0..len {
            assert_eq!(parse(&ONE[..cut]), Ok(None), "cut at {cut}");
        }
        let request = parse(ONE).unwrap().unwrap();
        assert_eq!(
            (request.method, request.path),
            ("POST", "/v1/chat/completions")
        );
        assert_eq!(request.len, len);
        assert!(request.wants_stream());
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let long = vec![b'a'; HEAD_MAX + 1];
        let bad: [&[u8]; 5] = [
            b"GET\r\n\r\n",
            b"GET / HTTP/1.1\r\nbad\r\n\r\n",
            b"GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
            b"GET / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
            &long,
        ];
        bad.iter().for_each(|bytes| assert!(parse(bytes).is_err()));
    }
}
