//! Answers that come compressed although nobody asked for that: undone as they come, and within a ratio, so that a small answer
//! cannot become a large one.

use std::io::{self, Write};

use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::header::CONTENT_ENCODING;

use crate::error::{Error, ErrorKind, Result};
use crate::wire::Head;

/// How much larger than what came an answer may become (BEHAVIOUR 9).
const RATIO_MAX: u64 = 100;
// A short answer may be a blank page: so much is always allowed.
const ALWAYS: u64 = 64 << 10;

/// The state of one compressed body.
pub(crate) struct Inflate {
    coding: Coding,
    read: u64,
}

enum Coding {
    Gzip(MultiGzDecoder<Room>),
    Zlib(ZlibDecoder<Room>),
    /// Something that was not asked for and cannot be undone.
    Unknown(String),
}

/// What came out of the last piece, and how much may still come.
#[derive(Default)]
struct Room {
    out: Vec<u8>,
    written: u64,
    max: u64,
}

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len() as u64;
        if self.written > self.max {
            return Err(io::Error::from(io::ErrorKind::QuotaExceeded));
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Inflate {
    /// For an answer that says it is compressed.
    pub(crate) fn of(head: &Head) -> Option<Box<Inflate>> {
        let coding = head.headers.get(CONTENT_ENCODING)?.to_str().ok()?.trim();
        let coding = match coding.to_ascii_lowercase().as_str() {
            "" | "identity" => return None,
            "gzip" | "x-gzip" => Coding::Gzip(MultiGzDecoder::new(Room::default())),
            "deflate" => Coding::Zlib(ZlibDecoder::new(Room::default())),
            other => Coding::Unknown(other.chars().take(32).collect()),
        };
        Some(Box::new(Inflate { coding, read: 0 }))
    }

    /// What these bytes mean, as far as they can be undone by now.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        self.read += bytes.len() as u64;
        let max = ALWAYS + self.read.saturating_mul(RATIO_MAX);
        let (undone, room) = match &mut self.coding {
            Coding::Gzip(gzip) => {
                gzip.get_mut().max = max;
                let undone = gzip.write_all(bytes).and_then(|()| gzip.flush());
                (undone, gzip.get_mut())
            }
            Coding::Zlib(zlib) => {
                zlib.get_mut().max = max;
                let undone = zlib.write_all(bytes).and_then(|()| zlib.flush());
                (undone, zlib.get_mut())
            }
            Coding::Unknown(name) => {
                let message = format!("the answer is encoded as {name}, which was not asked for");
                return Err(Error::new(ErrorKind::Protocol, message));
            }
        };
        undone.map_err(|error| unreadable(&error))?;
        Ok(std::mem::take(&mut room.out))
    }

    /// Whether the compressed data has its own end, checksum included.
    pub(crate) fn is_whole(&mut self) -> bool {
        match &mut self.coding {
            Coding::Gzip(gzip) => gzip.try_finish().is_ok(),
            Coding::Zlib(zlib) => zlib.try_finish().is_ok(),
            Coding::Unknown(_) => self.read == 0,
        }
    }
}

fn unreadable(error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::QuotaExceeded {
        let message = format!(
            "answer exceeds the limit of decompression, {RATIO_MAX} times the bytes that came"
        );
        return Error::new(ErrorKind::LimitExceeded, message);
    }
    let message = format!("the answer is not compressed as its head says: {error}");
    Error::new(ErrorKind::Protocol, message)
}
