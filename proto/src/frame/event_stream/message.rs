//! One message: its prelude, its checksums, its headers by type, its payload.

use crate::error::{Error, ErrorKind, Result};

/// The first twelve bytes of a message, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prelude {
    /// Bytes of the whole message.
    pub(super) total: usize,
    headers: usize,
}

impl Prelude {
    /// Bytes of a prelude.
    pub(super) const LEN: usize = 12;

    /// Reads the prelude that `bytes` begin with, as soon as all of it is there.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Prelude>> {
        let Some((total, headers, crc)) = word(bytes, 0)
            .zip(word(bytes, 4))
            .zip(word(bytes, 8))
            .map(|((total, headers), crc)| (total as usize, headers as usize, crc))
        else {
            return Ok(None);
        };
        if crc32fast::hash(&bytes[..8]) != crc {
            return Err(bad("the checksum of an event's lengths is wrong"));
        }
        if headers > HEADERS_MAX {
            let message = format!("event exceeds the limit of {HEADERS_MAX} bytes of headers");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        // Saturating: where usize has 32 bits, the sum of two lengths need not fit.
        if total < headers.saturating_add(AROUND) {
            return Err(bad("an event's length is less than its parts"));
        }
        Ok(Some(Prelude { total, headers }))
    }
}

/// One message, checked. Borrows from the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its headers.
    pub headers: Headers<'a>,
    /// Its payload. Any bytes.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message that is exactly `bytes`.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Message<'a>> {
        let prelude = Prelude::read(bytes)?.filter(|prelude| prelude.total == bytes.len());
        let prelude = prelude.ok_or_else(|| bad("an event's length is not its own"))?;
        let end = bytes.len() - 4;
        if word(bytes, end) != Some(crc32fast::hash(&bytes[..end])) {
            return Err(bad("the checksum of an event is wrong"));
        }
        let (headers, payload) = bytes[Prelude::LEN..end].split_at(prelude.headers);
        let headers = Headers(headers);
        headers.check()?;
        Ok(Message { headers, payload })
    }
}

/// The headers of a message. Their grammar was checked, and no name comes twice.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a>(&'a [u8]);

/// A header's name and value.
pub type Header<'a> = (&'a str, Value<'a>);

/// A header's value. The discriminants of the format are in the order of the variants, but for `Bool`, which has two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// An integer of 1 byte.
    Byte(i8),
    /// An integer of 2 bytes.
    Short(i16),
    /// An integer of 4 bytes.
    Int(i32),
    /// An integer of 8 bytes.
    Long(i64),
    /// Any bytes.
    Bytes(&'a [u8]),
    /// Text.
    Text(&'a str),
    /// Milliseconds since 1970.
    Timestamp(i64),
    /// A UUID.
    Uuid([u8; 16]),
}

impl<'a> Headers<'a> {
    /// The headers in order.
    pub fn iter(self) -> impl Iterator<Item = Header<'a>> {
        let mut rest = self.0;
        // What was checked does not fail.
        std::iter::from_fn(move || read(&mut rest).ok().flatten())
    }

    /// The text of the header of this name, if it is there and is text.
    pub fn text(self, name: &str) -> Option<&'a str> {
        let value = self.iter().find(|(known, _)| *known == name)?.1;
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn check(self) -> Result<()> {
        let mut rest = self.0;
        let mut names: Vec<&str> = Vec::new();
        while let Some((name, _)) = read(&mut rest)? {
            // AWS sends three or four; a search is quickest.
            if names.contains(&name) {
                return Err(bad("a header of an event comes twice"));
            }
            if names.len() == HEADER_COUNT_MAX {
                let message = format!("event exceeds the limit of {HEADER_COUNT_MAX} headers");
                return Err(Error::new(ErrorKind::LimitExceeded, message));
            }
            names.push(name);
        }
        Ok(())
    }
}

/// The header that `rest` begins with; moves behind it.
fn read<'a>(rest: &mut &'a [u8]) -> Result<Option<Header<'a>>> {
    if rest.is_empty() {
        return Ok(None);
    }
    let [len] = array(rest)?;
    let name = text(take(rest, usize::from(len))?)?;
    if name.is_empty() {
        return Err(bad("a header of an event has no name"));
    }
    let [kind] = array(rest)?;
    let value = match kind {
        0 => Value::Bool(true),
        1 => Value::Bool(false),
        2 => Value::Byte(i8::from_be_bytes(array(rest)?)),
        3 => Value::Short(i16::from_be_bytes(array(rest)?)),
        4 => Value::Int(i32::from_be_bytes(array(rest)?)),
        5 => Value::Long(i64::from_be_bytes(array(rest)?)),
        6 => Value::Bytes(sized(rest)?),
        7 => Value::Text(text(sized(rest)?)?),
        8 => Value::Timestamp(i64::from_be_bytes(array(rest)?)),
        9 => Value::Uuid(array(rest)?),
        _ => return Err(bad("a header of an event is of no known type")),
    };
    Ok(Some((name, value)))
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8]> {
    let (part, tail) = rest
        .split_at_checked(len)
        .ok_or_else(|| bad("a header of an event ends behind the headers"))?;
    *rest = tail;
    Ok(part)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    bytes.copy_from_slice(take(rest, N)?);
    Ok(bytes)
}

fn sized<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let len = u16::from_be_bytes(array(rest)?);
    take(rest, usize::from(len))
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| bad("a header of an event is no UTF-8"))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

fn bad(message: &str) -> Error {
    Error::new(ErrorKind::Protocol, message)
}

/// Prelude and the last checksum: the shortest message.
const AROUND: usize = Prelude::LEN + 4;

/// Bytes of all headers of a message (the format's own limit, 128 KiB).
const HEADERS_MAX: usize = 128 * 1024;

/// Headers of a message; the most that AWS services are known to send is ten.
const HEADER_COUNT_MAX: usize = 256;
