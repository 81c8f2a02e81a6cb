//! Framers: the same frames however the bytes are cut, none longer than the limit, memory in proportion; and for the two formats
//! that are simple enough, what a few lines of specification say.

use libllm_proto::frame::{Frame, Framer, Framing};
use libllm_proto::wire::Flow;
use libllm_proto::{ErrorKind, Result, json};
use serde_json::value::RawValue;

use crate::input::{self, Knobs};
use crate::memory;

/// Server-sent events, against the specification's own words.
pub(crate) fn sse(data: &[u8]) {
    let Some((knobs, body)) = input::split(data) else {
        return;
    };
    let framed = check(Framing::Sse, knobs, body);
    assert_eq!(
        framed.frames,
        events(body),
        "not what the specification says"
    );
    assert_eq!(framed.failed, None);
}

/// Lines of JSON.
pub(crate) fn ndjson(data: &[u8]) {
    let Some((knobs, body)) = input::split(data) else {
        return;
    };
    let framed = check(Framing::Ndjson, knobs, body);
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<Owned> = lines
        .filter(|line| !line.is_empty())
        .map(|line| (Vec::new(), line.to_vec()))
        .collect();
    assert_eq!(framed.frames, lines, "not the lines that are not blank");
    assert_eq!(framed.failed, None);
}

/// Whole bodies.
pub(crate) fn body(data: &[u8]) {
    let Some((knobs, body)) = input::split(data) else {
        return;
    };
    let framed = check(Framing::Body, knobs, body);
    let blank = body.trim_ascii().is_empty();
    assert_eq!(framed.frames.len(), usize::from(!blank));
}

/// Elements of a JSON array, as another reader finds them.
pub(crate) fn json_array(data: &[u8]) {
    let Some((knobs, body)) = input::split(data) else {
        return;
    };
    let framed = check(Framing::JsonArray, knobs, body);
    let elements = serde_json::from_slice::<Vec<&RawValue>>(body).ok();
    let object = serde_json::from_slice::<&RawValue>(body).ok();
    let object = object.filter(|value| value.get().starts_with('{'));
    if let Some(elements) = elements.or(object.map(|object| vec![object])) {
        let elements = elements.iter().map(|value| value.get().as_bytes().to_vec());
        let elements: Vec<Owned> = elements.map(|text| (Vec::new(), text)).collect();
        assert_eq!((framed.failed, framed.frames), (None, elements));
    }
}

/// AWS event streams, their checksums as they come: most are wrong.
pub(crate) fn event_stream(data: &[u8]) {
    if let Some((knobs, body)) = input::split(data) {
        check(Framing::EventStream, knobs, body);
    }
}

/// AWS event streams whose checksums are right: what stands in the messages is what is looked at. A message is made of a byte for
/// the length of its headers, one for that of its payload, and those bytes.
pub(crate) fn event_stream_sealed(data: &[u8]) {
    let Some((knobs, mut rest)) = input::split(data) else {
        return;
    };
    let (mut stream, mut payloads) = (Vec::new(), Vec::new());
    while let Some((&[headers, payload], behind)) = rest.split_first_chunk::<2>() {
        let (headers, behind) = behind.split_at(behind.len().min(headers.into()));
        let (payload, behind) = behind.split_at(behind.len().min(payload.into()));
        seal(&mut stream, headers, payload);
        payloads.push(payload);
        rest = behind;
    }
    let framed = check(Framing::EventStream, knobs, &stream);
    for (frame, payload) in framed.frames.iter().zip(&payloads) {
        let is_error = frame.0 == b"error" && frame.1 != *payload;
        assert!(frame.1 == *payload || is_error, "{frame:?} of {payload:?}");
        if is_error && let Err(error) = json::check(&frame.1) {
            let deep = error.message().contains("deep");
            assert!(deep, "{error}: {}", String::from_utf8_lossy(&frame.1));
        }
    }
    match framed.failed {
        None => assert_eq!(framed.frames.len(), payloads.len()),
        Some((_, message)) => assert!(!message.contains("checksum"), "{message}"),
    }
}

/// Adds a message with its lengths and checksums.
fn seal(stream: &mut Vec<u8>, headers: &[u8], payload: &[u8]) {
    let begin = stream.len();
    let total = 16 + headers.len() + payload.len();
    stream.extend_from_slice(&(total as u32).to_be_bytes());
    stream.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    stream.extend_from_slice(&crc(&stream[begin..]).to_be_bytes());
    stream.extend_from_slice(headers);
    stream.extend_from_slice(payload);
    stream.extend_from_slice(&crc(&stream[begin..]).to_be_bytes());
}

/// CRC-32 as in IEEE 802.3, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), bit);
    !bytes.iter().fold(!0, byte)
}

/// A frame's name and data.
type Owned = (Vec<u8>, Vec<u8>);

#[derive(Debug, PartialEq)]
struct Framed {
    frames: Vec<Owned>,
    failed: Option<(ErrorKind, String)>,
}

/// Checks what holds for every framer; says what the whole body was framed as.
fn check(framing: Framing, knobs: Knobs, body: &[u8]) -> Framed {
    let whole = framed(framing, &[body], WIDE);
    let frame_max = usize::from(knobs.0[0]);
    for pieces in input::cuts(knobs, body) {
        assert_eq!(framed(framing, &pieces, WIDE), whole, "cut as {pieces:?}");
        let tight = framed(framing, &pieces, frame_max);
        assert!(
            whole.frames.starts_with(&tight.frames),
            "{tight:?} of {whole:?}"
        );
        // An exception is told as JSON, in which a byte may take six.
        let told_max = match framing {
            Framing::EventStream => 64 + 6 * frame_max,
            _ => frame_max,
        };
        let long = tight.frames.iter().find(|frame| frame.1.len() > told_max);
        assert_eq!(long, None, "a frame of more than {frame_max} bytes");
        if let Some((kind, message)) = &tight.failed {
            let own = whole.failed.as_ref().map(|failed| failed.0);
            let named = *kind == ErrorKind::LimitExceeded && message.contains("max_event");
            assert!(named || Some(*kind) == own, "{message}");
        }
        let (peak, ()) = memory::peak(|| push(framing, &pieces, WIDE, &mut |_| {}).unwrap_or(()));
        assert!(
            peak <= 16 * 1024 + 16 * body.len(),
            "{peak} bytes for {}",
            body.len()
        );
    }
    whole
}

fn framed(framing: Framing, pieces: &[&[u8]], frame_max: usize) -> Framed {
    let mut frames = Vec::new();
    let mut keep = |frame: Frame<'_>| frames.push((frame.name.to_vec(), frame.data.to_vec()));
    let failed = push(framing, pieces, frame_max, &mut keep).err();
    Framed {
        frames,
        failed: failed.map(|error| (error.kind(), error.message().to_owned())),
    }
}

fn push(
    framing: Framing,
    pieces: &[&[u8]],
    frame_max: usize,
    keep: &mut dyn FnMut(Frame<'_>),
) -> Result<()> {
    let mut framer = Framer::new(framing, frame_max);
    let mut sink = |frame: Frame<'_>| {
        keep(frame);
        Ok(Flow::More)
    };
    for piece in pieces {
        framer.push(piece, &mut sink)?;
    }
    framer.finish(&mut sink).map(|_| ())
}

/// The events of a whole stream, word for word as WHATWG HTML interprets them; at its end an event needs no blank line.
fn events(body: &[u8]) -> Vec<Owned> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let (mut name, mut data) = (Vec::new(), None::<Vec<u8>>);
    let mut events = Vec::new();
    for line in lines(body).chain([&b""[..]]) {
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            _ if line.is_empty() => {
                let name = std::mem::take(&mut name);
                events.extend(data.take().map(|data| (name, data)));
            }
            b"event" => name = value.to_vec(),
            b"data" => match &mut data {
                None => data = Some(value.to_vec()),
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            },
            _ => {}
        }
    }
    events
}

/// Lines that end with LF, CR or CR LF, or with the body.
fn lines(mut body: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let end = body.iter().position(|byte| b"\r\n".contains(byte));
        let (line, rest) = body.split_at(end.unwrap_or(body.len()));
        let crlf = rest.starts_with(b"\r\n");
        body = rest.get(if crlf { 2 } else { 1 }..).unwrap_or_default();
        Some(line)
    })
}

/// A limit that no input reaches.
const WIDE: usize = 1 << 24;
