//! The JSON cursor against the vectors, and against serde_json over generated and damaged documents.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::error::Result;
use libllm_proto::json::{self, COUNT_MAX, Cursor, DEPTH_MAX, Kind};
use libllm_proto::{ErrorKind, refusal};
use serde_json::{Map, Value};
use support::{Random, bytes, cases, vectors};

/// The whole input as serde_json would have it.
fn value(input: &[u8]) -> Result<Value> {
    let mut cursor = Cursor::new(input);
    let value = next(&mut cursor)?;
    cursor.end()?;
    Ok(value)
}

fn next(cursor: &mut Cursor<'_>) -> Result<Value> {
    Ok(match cursor.kind()? {
        Kind::Null => cursor.null().map(|()| Value::Null)?,
        Kind::Bool => Value::Bool(cursor.bool()?),
        Kind::String => Value::String(cursor.string()?.owned()),
        Kind::Number => number(cursor)?,
        Kind::Array => {
            let mut items = Vec::new();
            cursor.array(|cursor| {
                items.push(next(cursor)?);
                Ok(())
            })?;
            Value::Array(items)
        }
        Kind::Object => {
            let mut members = Map::new();
            cursor.enter_object()?;
            while let Some(key) = cursor.key()? {
                members.insert(key.owned(), next(cursor)?);
            }
            Value::Object(members)
        }
    })
}

/// An integer where serde_json has one.
fn number(cursor: &mut Cursor<'_>) -> Result<Value> {
    let number = cursor.number()?;
    let text = std::str::from_utf8(number.text()).unwrap();
    if let Ok(integer) = text.parse::<u64>() {
        return Ok(Value::from(integer));
    }
    match text.parse::<i64>() {
        Ok(integer) if integer != 0 => Ok(Value::from(integer)),
        _ => Ok(number.as_f64().map_or(Value::Null, Value::from)),
    }
}

#[test]
fn every_json_vector_means_what_it_should() {
    let file = vectors("json_limits.json");
    let mut passed = 0;
    for case in cases(&file) {
        let input = bytes(&case["input_b64"]);
        let id = case["id"].as_str().unwrap();
        let read = value(&input);
        let error = |named: bool| refusal::from_value(&input, named);
        match case["expected"].as_str().unwrap() {
            "accept" => {
                let read = read.unwrap_or_else(|error| panic!("{id}: {error}"));
                assert!(error(false).is_none(), "{id}");
                match serde_json::from_slice::<Value>(&input) {
                    Ok(expected) => assert_eq!(read, expected, "{id}"),
                    Err(_) => assert!(id == "bom-json", "{id}"),
                }
            }
            "accept_last" => assert_eq!(read.unwrap()["content"], "b", "{id}"),
            "accept_null" => {
                let read = read.unwrap();
                assert!(
                    read.as_object().unwrap().values().all(Value::is_null),
                    "{id}: {read}"
                );
            }
            "accept_replace" => {
                let text = read.unwrap()["content"].as_str().unwrap().to_owned();
                assert!(
                    !text.is_empty() && text.chars().all(|char| char == '\u{fffd}'),
                    "{id}"
                );
            }
            "accept_clamp" => {
                let mut tokens = None;
                Cursor::new(&input)
                    .object(|_, cursor| {
                        cursor.object(|_, cursor| {
                            tokens = cursor.count()?;
                            Ok(())
                        })
                    })
                    .unwrap();
                let expected = if id == "negative-tokens" {
                    0
                } else {
                    COUNT_MAX
                };
                assert_eq!(tokens, Some(expected), "{id}");
            }
            "error_object" => {
                read.unwrap();
                assert!(error(false).is_some(), "{id}");
            }
            "error_object_if_event_error" => {
                read.unwrap();
                assert!(error(false).is_none(), "{id}");
                assert!(error(true).is_some(), "{id}");
            }
            "reject" if matches!(id, "empty" | "whitespace") => assert!(json::is_blank(&input)),
            "reject" | "reject_or_split" => {
                assert!(read.is_err(), "{id}");
                let error = json::check(&input).unwrap_err();
                let limit = id.starts_with("deep-");
                let kind = if limit {
                    ErrorKind::LimitExceeded
                } else {
                    ErrorKind::Protocol
                };
                assert_eq!(error.kind(), kind, "{id}");
            }
            "reject_shape" => {
                assert!(!read.unwrap().is_object(), "{id}");
                assert!(error(false).is_none(), "{id}");
            }
            other => panic!("{id}: unknown expectation {other}"),
        }
        passed += 1;
    }
    assert_eq!(passed, 39);
}

#[test]
fn a_value_that_breaks_off_is_told_from_one_that_is_malformed() {
    let whole = br#"{"a":[1.5e-3,-2,true,false,null,"x\u00e9\n"],"b":{"c":NaN},"d":-Infinity}"#;
    assert!(!json::is_cut(whole));
    for at in 0..whole.len() {
        assert!(
            json::is_cut(&whole[..at]),
            "{}",
            String::from_utf8_lossy(&whole[..at])
        );
    }
    for malformed in [
        r#"{"a":1}}"#,
        r#"{"a" {"#,
        "<html>",
        "error",
        r#"["\x"#,
        "[1,}",
        "{\"a\":tru,",
    ] {
        assert!(!json::is_cut(malformed.as_bytes()), "{malformed}");
    }
}

#[test]
fn depth_is_limited_where_it_says() {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    let most = DEPTH_MAX as usize;
    assert!(json::check(&nested(most)).is_ok());
    assert_eq!(
        json::check(&nested(most + 1)).unwrap_err().kind(),
        ErrorKind::LimitExceeded
    );
    // The levels the caller entered count.
    let mut cursor = Cursor::new(b"[[[]]]");
    cursor
        .array(|cursor| cursor.array(|cursor| cursor.skip()))
        .unwrap();
    let inner = [&b"{\"a\":"[..], &nested(most), b"}"].concat();
    let skipped = Cursor::new(&inner).object(|_, _| Ok(()));
    assert_eq!(skipped.unwrap_err().kind(), ErrorKind::LimitExceeded);
}

/// What serde_json takes we take with the same meaning; what only we take holds one of the named leniencies.
#[test]
fn serde_json_agrees_but_for_the_named_leniencies() {
    let mut random = Random(20261121);
    let (mut accepted, mut refused, mut lenient) = (0, 0, 0);
    for round in 0..60_000 {
        let mut document = Vec::new();
        generate(&mut random, 0, &mut document);
        for _ in 0..random.below(4) {
            mutate(&mut random, &mut document);
        }
        let shown = || String::from_utf8_lossy(&document).into_owned();
        let ours = value(&document);
        assert_eq!(
            ours.is_ok(),
            json::check(&document).is_ok(),
            "round {round}: {}",
            shown()
        );
        match (serde_json::from_slice::<Value>(&document), ours) {
            (Ok(theirs), Ok(ours)) => {
                assert!(
                    same(&ours, &theirs),
                    "round {round}: {ours} {theirs}: {}",
                    shown()
                );
                accepted += 1;
            }
            (Ok(_), Err(error)) => panic!("round {round}: {error}: {}", shown()),
            (Err(_), Err(_)) => refused += 1,
            (Err(error), Ok(ours)) => {
                assert!(
                    has_leniency(&document),
                    "round {round}: {error}: {ours}: {}",
                    shown()
                );
                lenient += 1;
            }
        }
    }
    assert!(
        accepted > 10_000 && refused > 10_000 && lenient > 500,
        "{accepted} {refused} {lenient}"
    );
}

/// Equal, but for the last digit of a float: serde_json rounds some of them to a neighbour.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .all(|(key, a)| theirs.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            a == b || a.to_bits().abs_diff(b.to_bits()) <= 1
        }
        _ => ours == theirs,
    }
}

/// Whether one of the named leniencies may be at work: without them serde_json reads the document.
fn has_leniency(document: &[u8]) -> bool {
    let text = String::from_utf8_lossy(document).into_owned();
    let mut plain = text.trim_start_matches('\u{feff}').to_owned();
    for word in ["NaN", "-Infinity", "Infinity"] {
        plain = plain.replace(word, "null");
    }
    let plain = replace_surrogates(&plain);
    match serde_json::from_str::<Value>(&plain) {
        Ok(_) => true,
        Err(error) => error.to_string().contains("number out of range"),
    }
}

/// `\ud8xx` to `\u00xx`: an escape that serde_json takes in its place.
fn replace_surrogates(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    for at in 0..out.len().saturating_sub(5) {
        let surrogate = out[at] == b'\\'
            && out[at + 1] == b'u'
            && matches!(out[at + 2], b'd' | b'D')
            && matches!(out[at + 3], b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F');
        if surrogate {
            out[at + 2] = b'0';
        }
    }
    String::from_utf8(out).unwrap()
}

fn generate(random: &mut Random, depth: usize, out: &mut Vec<u8>) {
    blank(random, out);
    match random.below(if depth < 5 { 9 } else { 6 }) {
        0 => out.extend_from_slice(
            [
                &b"null"[..],
                b"true",
                b"false",
                b"NaN",
                b"Infinity",
                b"-Infinity",
            ][random.below(6)],
        ),
        1 | 2 => number_text(random, out),
        3..=5 => string_text(random, out),
        6 | 7 => {
            out.push(b'{');
            for member in 0..random.below(5) {
                if member > 0 {
                    out.push(b',');
                }
                blank(random, out);
                string_text(random, out);
                blank(random, out);
                out.push(b':');
                generate(random, depth + 1, out);
            }
            out.push(b'}');
        }
        _ => {
            out.push(b'[');
            for element in 0..random.below(5) {
                if element > 0 {
                    out.push(b',');
                }
                generate(random, depth + 1, out);
            }
            out.push(b']');
        }
    }
    blank(random, out);
}

fn blank(random: &mut Random, out: &mut Vec<u8>) {
    if random.below(6) == 0 {
        out.push([b' ', b'\n', b'\r', b'\t'][random.below(4)]);
    }
}

fn number_text(random: &mut Random, out: &mut Vec<u8>) {
    let text = match random.below(8) {
        0 => random.below(10).to_string(),
        1 => format!("-{}", random.below(100_000)),
        2 => random.next().to_string(),
        3 => format!("{}.{}", random.below(1000), random.below(1000)),
        4 => format!("{}e{}", random.below(10), random.below(30)),
        5 => format!("-{}.5E-{}", random.below(10), random.below(30)),
        6 => "1e999".to_owned(),
        _ => (random.next() as i64).to_string(),
    };
    out.extend_from_slice(text.as_bytes());
}

fn string_text(random: &mut Random, out: &mut Vec<u8>) {
    const PIECES: &[&str] = &[
        "a",
        "content",
        " ",
        "é",
        "你好",
        "😀",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\b\\f\\r\\t",
        "\\u00e9",
        "\\u0000",
        "\\ud83d\\ude00",
        "\\uD83D",
        "\\ude00",
        "long enough for a word or two",
        "\u{7f}",
        "\u{2028}",
    ];
    out.push(b'"');
    for _ in 0..random.below(6) {
        out.extend_from_slice(PIECES[random.below(PIECES.len())].as_bytes());
    }
    out.push(b'"');
}

fn mutate(random: &mut Random, document: &mut Vec<u8>) {
    const BYTES: &[u8] = b"{}[]\",:\\'0123456789-+.eEtfnuNIa \n\x00\x1f\xff\xc3\xed";
    let at = random
        .below(document.len().max(1))
        .min(document.len().saturating_sub(1));
    match random.below(6) {
        0 => document.truncate(at),
        1 if !document.is_empty() => {
            document.remove(at);
        }
        2 if !document.is_empty() => document[at] = BYTES[random.below(BYTES.len())],
        3 => document.insert(at, BYTES[random.below(BYTES.len())]),
        4 => document.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        _ => {}
    }
}

#[test]
fn a_strict_cursor_takes_what_serde_json_takes() {
    let strict = |input: &[u8]| {
        let mut cursor = Cursor::strict(input);
        cursor.skip().and_then(|()| cursor.end()).is_ok()
    };
    let mut seen = 0;
    for case in cases(&vectors("json_limits.json")) {
        let input = bytes(&case["input_b64"]);
        // Each text, each beginning of it, and each with one byte changed.
        for end in (0..=input.len()).take(400) {
            let mut texts = vec![input[..end].to_vec()];
            for byte in b"{}[],:\"\\ 0-.eNItn\x01" {
                let mut text = input.clone();
                if let Some(place) = text.get_mut(end) {
                    *place = *byte;
                    texts.push(text);
                }
            }
            for text in texts.iter().filter(|text| text.len() < 2000) {
                if std::str::from_utf8(text).is_err() {
                    continue;
                }
                let taken = serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
                // serde_json skips what is nested deeper than anybody reads.
                let deep = text
                    .iter()
                    .filter(|byte| matches!(byte, b'{' | b'['))
                    .count()
                    > 128;
                assert!(
                    strict(text) == taken || deep,
                    "{}",
                    String::from_utf8_lossy(text)
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 10_000, "{seen}");
}

#[test]
fn what_a_cursor_read_leniently_is_no_json_for_others() {
    for (json, good) in [
        (r#"{"a":NaN}"#, false),
        (r#"[-Infinity]"#, false),
        (r#"{"a":"NaN, Infinity"}"#, true),
        (r#"{"name":null}"#, true),
        ("1e999", true),
    ] {
        let read = Cursor::new(json.as_bytes()).raw().unwrap();
        assert_eq!(read, json.as_bytes());
        assert_eq!(json::as_written(json).is_some(), good, "{json}");
    }
}
