//! The JSON reader against serde_json: what the strict one accepts, ours reads the same; what breaks off is known to.

use libllm_proto::json::{self, Cursor, Kind};
use serde_json::{Map, Number, Value};

/// Any bytes as one JSON value.
pub(crate) fn differential(data: &[u8]) {
    let ours = json::check(data);
    let read = read_all(data);
    // A string's spelling is looked at when it is read, not when it is skipped; nothing is refused there.
    assert_eq!(
        ours.is_ok(),
        read.is_some(),
        "skipping and reading differ: {ours:?}"
    );
    let Ok(strict) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let read = read.unwrap_or_else(|| panic!("refused: {ours:?}"));
    assert!(same(&read, &strict), "{read:?} is not {strict:?}");
    breaks_off(data.trim_ascii());
}

/// Every beginning of an object or a list breaks off.
fn breaks_off(text: &[u8]) {
    if !text.starts_with(b"{") && !text.starts_with(b"[") {
        return;
    }
    // All of a short one, and places all over a long one.
    for end in (1..text.len()).step_by(1 + text.len() / 256) {
        let cut = &text[..end];
        assert!(json::check(cut).is_err(), "half a value is one: {cut:?}");
        assert!(
            json::is_cut(cut),
            "does not seem to break off: {}",
            String::from_utf8_lossy(cut)
        );
    }
}

fn read_all(data: &[u8]) -> Option<Value> {
    let mut cursor = Cursor::new(data);
    let value = read(&mut cursor)?;
    cursor.end().ok().map(|()| value)
}

fn read(cursor: &mut Cursor<'_>) -> Option<Value> {
    Some(match cursor.kind().ok()? {
        Kind::Object => {
            let mut members = Map::new();
            cursor.enter_object().ok()?;
            while let Some(key) = cursor.key().ok()? {
                members.insert(key.owned(), read(cursor)?);
            }
            Value::Object(members)
        }
        Kind::Array => {
            let mut values = Vec::new();
            cursor.enter_array().ok()?;
            while cursor.element().ok()? {
                values.push(read(cursor)?);
            }
            Value::Array(values)
        }
        Kind::String => {
            let text = cursor.string().ok()?;
            let mut scratch = String::new();
            let decoded = text.decode(&mut scratch).to_owned();
            assert_eq!(decoded, text.owned(), "two ways to read one string");
            // Bytes that are no UTF-8 are replaced when they are decoded, and equal nothing.
            let is_text = std::str::from_utf8(text.raw()).is_ok();
            assert!(
                text.is(&decoded) || !is_text,
                "a string is not itself: {decoded:?}"
            );
            Value::String(decoded)
        }
        Kind::Number => number(cursor)?,
        Kind::Bool => Value::Bool(cursor.bool().ok()?),
        Kind::Null => {
            cursor.null().ok()?;
            Value::Null
        }
    })
}

fn number(cursor: &mut Cursor<'_>) -> Option<Value> {
    let number = cursor.number().ok()?;
    if let Some(count) = number.as_u64_clamped() {
        assert!(
            count <= json::COUNT_MAX,
            "{count} is no exact number everywhere"
        );
    }
    let real = number.as_f64().and_then(Number::from_f64);
    Some(real.map_or(Value::Null, Value::Number))
}

/// Whether two values are the same, numbers as far as both readers round alike.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a == b || (a - b).abs() <= a.abs().max(b.abs()) * 1e-14,
            _ => false,
        },
        // What no f64 holds is null to us (BEHAVIOUR 9: overflow).
        (Value::Null, Value::Number(number)) => !number.as_f64().is_some_and(f64::is_finite),
        (a, b) => a == b,
    }
}
