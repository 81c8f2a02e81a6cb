//! What an answer has beside its texts, as it may go: citations, what servers' tools were asked and said, plans, calls of free text.

use std::borrow::Cow;

use libllm_proto::event::PartKind;
use serde_json::Value;

use super::refused;
use crate::config::{Action, Guardrail};
use crate::error::Result;
use crate::policy::guard::redact::whole;
use crate::report::Record;

/// A part's JSON without what may not pass. Nothing if that would be in it still: what is signed goes as it came or not at all.
pub(super) fn screened<'p>(
    rules: &[Guardrail],
    kind: PartKind,
    json: &'p str,
    record: &mut Record,
) -> Result<Option<Cow<'p, str>>> {
    let mut left = Cow::Borrowed(json);
    // It is encrypted: nobody here can read it.
    if kind == PartKind::Redacted {
        return Ok(Some(left));
    }
    for rule in rules.iter().filter(|rule| rule.on_answer) {
        if rule.wanted.shapes.is_empty() && rule.wanted.words.is_empty() {
            continue;
        }
        let mut found = Vec::new();
        let mut see = |text: &mut String| {
            if let Some((clean, shapes)) = whole(&rule.wanted, text) {
                *text = clean;
                found.extend(shapes);
            }
        };
        let clean = match serde_json::from_str::<Value>(&left) {
            Ok(mut value) => {
                texts(&mut value, kind, &mut see);
                value.to_string()
            }
            // What is no JSON is told as a text.
            Err(_) => {
                let mut text = left.clone().into_owned();
                see(&mut text);
                text
            }
        };
        for shape in &found {
            if rule.action == Action::Refuse {
                return Err(refused(rule, format!("{} in the answer", shape.name())));
            }
            record.flag(rule, shape.name(), "answer");
        }
        if found.is_empty() || rule.action == Action::Report {
            continue;
        }
        if kind == PartKind::Signature {
            return Ok(None);
        }
        left = Cow::Owned(clean);
    }
    Ok(Some(left))
}

fn texts(value: &mut Value, kind: PartKind, see: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter_mut().for_each(|item| texts(item, kind, see)),
        Value::Object(object) => {
            for (key, value) in object {
                if !is_opaque(key, kind) {
                    texts(value, kind, see);
                }
            }
        }
        _ => {}
    }
}

// Names, and bytes of any kind: nobody's words, and what goes back as it came.
fn is_opaque(key: &str, kind: PartKind) -> bool {
    let media = matches!(kind, PartKind::Image | PartKind::Audio);
    let name = matches!(key, "id" | "type") || key.ends_with("_id") || key.ends_with("Id");
    let sealed = key.starts_with("encrypted") || matches!(key, "signature" | "thoughtSignature");
    name || sealed || media && matches!(key, "data" | "result" | "b64_json" | "url")
}
