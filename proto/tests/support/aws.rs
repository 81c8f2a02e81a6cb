//! Event streams of AWS, as Bedrock's answers are framed.

use libllm_proto::base64;

/// One message of the framing.
fn message(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(name.len() as u8);
        head.extend_from_slice(name.as_bytes());
        head.push(7);
        head.extend_from_slice(&(value.len() as u16).to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let total = 16 + head.len() + payload.len();
    let mut bytes = (total as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(&(head.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(payload.as_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

/// An event of this name.
pub(crate) fn event(name: &str, payload: &str) -> Vec<u8> {
    message(
        &[(":event-type", name), (":message-type", "event")],
        payload,
    )
}

/// An error inside the stream.
pub(crate) fn exception(name: &str, payload: &str) -> Vec<u8> {
    message(
        &[(":exception-type", name), (":message-type", "exception")],
        payload,
    )
}

/// Events one after another.
pub(crate) fn events(all: &[(&str, &str)]) -> Vec<u8> {
    all.iter()
        .flat_map(|(name, json)| event(name, json))
        .collect()
}

/// Pieces of a body, as InvokeModelWithResponseStream sends them.
pub(crate) fn chunks(pieces: &[&str]) -> Vec<u8> {
    let chunk = |piece: &&str| {
        let text = base64::encode(piece.as_bytes());
        event("chunk", &format!("{{\"bytes\":\"{text}\",\"p\":\"abc\"}}"))
    };
    pieces.iter().flat_map(chunk).collect()
}
