//! The bytes of one connection: TCP, TLS over it, or TLS through a TLS tunnel, as one type; and how much was heard on it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

// For whoever lags. Less than the 8 KiB that hyper's read buffer begins with: a read that fills it doubles it.
const SIP: u64 = 4 << 10;
// For whoever keeps up: a burst is read at once. One less than what hyper's buffer may grow to by it.
const GULP: u64 = (32 << 10) - 1;

/// A socket, with any number of TLS sessions around it.
pub(crate) enum Stream {
    /// No TLS.
    Plain(TcpStream),
    /// TLS, perhaps through a proxy that is itself spoken to by TLS.
    Tls(Box<TlsStream<Stream>>),
}

/// What is known of a connection from outside: how many times bytes came on it, which tells a request that was seen from one
/// that was not; and whether the one who reads it lags.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    count: AtomicU64,
    lags: AtomicBool,
}

impl Heard {
    /// The count so far.
    pub(crate) fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }

    /// What is read waits for its consumer, or does not: less or more is then read at a time.
    pub(crate) fn lag(&self, lags: bool) {
        self.0.lags.store(lags, Ordering::Relaxed);
    }

    fn add(&self) {
        self.0.count.fetch_add(1, Ordering::Relaxed);
    }

    fn mouthful(&self) -> u64 {
        match self.0.lags.load(Ordering::Relaxed) {
            true => SIP,
            false => GULP,
        }
    }
}

/// A stream that counts what it reads, bytes of the protocol inside and not TLS's own, and reads in sips for whoever lags.
///
/// hyper's read buffer grows with what one read brings, up to the 64 KiB of a header block. A stream that waits for its consumer
/// holds two of those, and a batch made of one: 235 KiB a stream were measured, and 70 with sips (`tests/host/memory.c`,
/// 200 streams, 2026-11-21), at the same CPU time for 800 MB. Whoever keeps up reads a burst of 22 KB in one call, not in six.
pub(crate) struct Counted {
    stream: Take<Stream>,
    heard: Heard,
}

impl Counted {
    pub(crate) fn new(stream: Stream) -> Counted {
        Counted {
            stream: stream.take(GULP),
            heard: Heard::default(),
        }
    }

    /// What is known of it, which outlives the stream.
    pub(crate) fn heard(&self) -> Heard {
        self.heard.clone()
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let mouthful = self.heard.mouthful();
        self.stream.set_limit(mouthful);
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.heard.add();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Stream::Tls(tls) => Pin::new(&mut **tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Stream::Tls(tls) => Pin::new(&mut **tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Stream::Tls(tls) => Pin::new(&mut **tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Plain(tcp) => tcp.is_write_vectored(),
            Stream::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(&mut **tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(&mut **tls).poll_shutdown(cx),
        }
    }
}
