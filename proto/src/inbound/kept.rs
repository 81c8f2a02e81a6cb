//! What one provider signed or encrypted, carried through a format that has no place for it: as an opaque text that the caller's
//! SDK sends back with the turn, byte for byte.

use serde_json::value::RawValue;

use crate::chat::body::{Body, raw};
use crate::event::PartKind;

/// How such a text begins. No provider's own begins so: theirs are base64.
const MARK: &str = "libllm:";

/// A part as an opaque text.
pub(super) fn seal(kind: PartKind, provider: &str, index: usize, json: &str) -> Option<String> {
    let part = element(kind, provider, index, json)?;
    Some(format!("{MARK}{part}"))
}

/// The element of `libllm_parts` that an opaque text is, if it is one of ours.
pub(super) fn open(text: &str) -> Option<Box<RawValue>> {
    serde_json::from_str(text.strip_prefix(MARK)?).ok()
}

/// An element of `libllm_parts`; with an empty `provider`, of whoever understands its format.
pub(super) fn element(
    kind: PartKind,
    provider: &str,
    index: usize,
    json: &str,
) -> Option<Box<RawValue>> {
    let mut body = Body::default();
    body.say("kind", &kind.name()).ok()?;
    if !provider.is_empty() {
        body.say("provider", &provider).ok()?;
    }
    body.say("index", &index).ok()?;
    // A reader only hands on JSON that it has read.
    body.set("data", serde_json::from_str(json).ok()?);
    raw(&body).ok()
}

/// What is signed or encrypted must go back; what is shown to people need not.
pub(super) fn goes_back(kind: PartKind) -> bool {
    use PartKind::{Encrypted, Plan, Redacted, Signature};
    matches!(kind, Encrypted | Plan | Redacted | Signature)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_part_comes_back_byte_for_byte() {
        let data = r#"{"thoughtSignature":"a+/=","n":1.50,"x":"\u00e9"}"#;
        let text = seal(PartKind::Signature, "gemini", 3, data).unwrap();
        let part = open(&text).unwrap();
        assert_eq!(
            part.get(),
            format!(r#"{{"kind":"signature","provider":"gemini","index":3,"data":{data}}}"#)
        );
        for foreign in ["", "EqQB", "libllm:", "libllm:{", "libllm:{}x"] {
            assert!(open(foreign).is_none(), "{foreign}");
        }
    }
}
