//! Streamed JSON arrays against the vectors, however the bytes are cut.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use libllm_proto::frame::{Frame, Framer, Framing, JsonArray};
use libllm_proto::wire::Flow;
use libllm_proto::{Error, ErrorKind, json};
use serde_json::Value;
use support::{Random, bytes, cases, every_cut, vectors};

const MAX: usize = 32 << 20;

fn hear(pieces: &[&[u8]], max: usize) -> (Vec<Vec<u8>>, Option<Error>) {
    let mut seen = Vec::new();
    let mut framer = Framer::new(Framing::JsonArray, max);
    let mut sink = |frame: Frame<'_>| {
        assert!(frame.name.is_empty());
        seen.push(frame.data.to_vec());
        Ok(Flow::More)
    };
    let failed = pieces
        .iter()
        .find_map(|piece| framer.push(piece, &mut sink).err());
    let error = failed.or_else(|| framer.finish(&mut sink).err());
    (seen, error)
}

#[test]
fn every_vector_is_read_however_it_is_cut() {
    let file = vectors("framing.json");
    let mut passed = 0;
    let arrays = cases(&file).iter();
    for case in arrays.filter(|case| case["framing"] == "json_array") {
        let input = bytes(&case["input_b64"]);
        every_cut(&input, |cut, pieces| {
            let (elements, error) = hear(pieces, MAX);
            let mut items: Vec<Value> = Vec::new();
            let mut end = match error.as_ref().map(Error::kind) {
                None if elements.is_empty() => "clean_empty",
                None => "clean",
                Some(ErrorKind::StreamTruncated) => "truncated",
                Some(ErrorKind::Protocol) => "parse_error",
                Some(kind) => panic!("{kind:?}"),
            };
            for element in &elements {
                let item: Value = serde_json::from_slice(element).unwrap();
                if item.get("error").is_some() {
                    end = "error";
                    break;
                }
                items.push(item);
            }
            let expected = case["expected_items"].as_array().unwrap();
            assert_eq!(&items, expected, "{}, {cut}", case["id"]);
            assert_eq!(
                end, case["expected_end"],
                "{}, {cut}: {error:?}",
                case["id"]
            );
        });
        passed += 1;
    }
    assert_eq!(passed, 8);
}

#[test]
fn elements_of_every_kind_are_told_apart() {
    let input = "\u{feff} [ {\"a\":[1,{\"b\":\"]}\\\"\"}]} , \"x,]\\\\\" ,1.5e3,true ,\r\n[[],{}], null\n] \n";
    let expected = [
        "{\"a\":[1,{\"b\":\"]}\\\"\"}]}",
        "\"x,]\\\\\"",
        "1.5e3",
        "true",
        "[[],{}]",
        "null",
    ];
    every_cut(input.as_bytes(), |cut, pieces| {
        let (seen, error) = hear(pieces, MAX);
        assert_eq!(seen, expected.map(|text| text.as_bytes().to_vec()), "{cut}");
        assert!(error.is_none(), "{cut}: {error:?}");
    });
    for cut in "\u{feff}".len()..input.trim_end().len() {
        if !input.is_char_boundary(cut) {
            continue;
        }
        let (seen, error) = hear(&[&input.as_bytes()[..cut]], MAX);
        assert!(
            expected
                .map(|text| text.as_bytes().to_vec())
                .starts_with(&seen),
            "{cut}"
        );
        let kind = error.map(|error| error.kind());
        assert_eq!(kind, Some(ErrorKind::StreamTruncated), "{cut}");
    }
}

#[test]
fn what_is_no_array_is_refused() {
    for (input, kind) in [
        ("x", ErrorKind::Protocol),
        ("[,1]", ErrorKind::Protocol),
        ("[1,]", ErrorKind::Protocol),
        ("[1,,2]", ErrorKind::Protocol),
        ("[1 2]", ErrorKind::Protocol),
        ("[:1]", ErrorKind::Protocol),
        ("[}", ErrorKind::Protocol),
        ("[1}", ErrorKind::Protocol),
        ("[]]", ErrorKind::Protocol),
        ("[] []", ErrorKind::Protocol),
        ("{} {}", ErrorKind::Protocol),
        ("\u{fe00}[]", ErrorKind::Protocol),
        ("[", ErrorKind::StreamTruncated),
        ("[1,", ErrorKind::StreamTruncated),
        ("[\"a", ErrorKind::StreamTruncated),
        ("{\"a\":", ErrorKind::StreamTruncated),
    ] {
        every_cut(input.as_bytes(), |cut, pieces| {
            let (_, error) = hear(pieces, MAX);
            assert_eq!(
                error.map(|error| error.kind()),
                Some(kind),
                "{input}, {cut}"
            );
        });
    }
    let (seen, error) = hear(&[b" \n"], MAX);
    assert!(
        seen.is_empty() && error.is_none(),
        "a blank body is no array, and no error here"
    );
}

#[test]
fn an_element_beyond_the_limit_is_an_error_that_names_it() {
    let fits = format!("[{}, 1]", "9".repeat(99));
    let long = format!("[{}, 1]", "9".repeat(100));
    every_cut(long.as_bytes(), |cut, pieces| {
        let (seen, error) = hear(pieces, 99);
        let error = error.unwrap();
        assert!(seen.is_empty(), "{cut}");
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{cut}");
        assert!(error.message().contains("max_event"), "{error}");
    });
    every_cut(fits.as_bytes(), |cut, pieces| {
        assert_eq!(hear(pieces, 99).0.len(), 2, "{cut}");
    });
}

#[test]
fn an_element_lies_in_the_read_it_came_with_and_nothing_follows_a_sink_that_is_done() {
    let read = b"[{\"x\":1}, {\"y\":2}]";
    let inside = read.as_ptr_range();
    let mut count = 0;
    let flow = JsonArray::new(MAX).push(read, &mut |frame| {
        assert!(inside.contains(&frame.data.as_ptr()), "it was copied");
        count += 1;
        Ok(Flow::Done)
    });
    assert_eq!((flow.unwrap(), count), (Flow::Done, 1));
}

/// Any good array gives its elements; any text at all is read or refused alike however it is cut.
#[test]
fn arrays_made_by_chance_are_taken_apart() {
    let mut random = Random(5);
    for _ in 0..400 {
        let elements: Vec<Value> = (0..random.below(5))
            .map(|_| value(&mut random, 3))
            .collect();
        let mut text = Value::from(elements.clone()).to_string();
        if random.below(3) == 0 {
            text = serde_json::to_string_pretty(&elements).unwrap();
        }
        let (seen, error) = hear(&support::random_cut(text.as_bytes(), random.next()), MAX);
        let read: Vec<Value> = seen
            .iter()
            .map(|element| serde_json::from_slice(element).unwrap())
            .collect();
        assert!(read == elements && error.is_none(), "{text}: {error:?}");
        let mut broken = text.into_bytes();
        for _ in 0..1 + random.below(3) {
            let at = random.below(broken.len());
            broken[at] = b"[]{},:\"\\ 1n"[random.below(11)];
        }
        let (seen, error) = hear(&[&broken], MAX);
        every_cut(&broken, |cut, pieces| {
            let (other, end) = hear(pieces, MAX);
            let text = String::from_utf8_lossy(&broken);
            assert_eq!(seen, other, "{text}, {cut}");
            let kind = |error: &Option<Error>| error.as_ref().map(Error::kind);
            assert_eq!(kind(&error), kind(&end), "{text}, {cut}");
        });
        // What is no array as a whole does not pass as one, element by element.
        if error.is_none() && seen.iter().all(|element| json::check(element).is_ok()) {
            assert!(
                json::check(&broken).is_ok(),
                "{}",
                String::from_utf8_lossy(&broken)
            );
        }
    }
}

fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 4 } else { 6 }) {
        0 => Value::Null,
        1 => Value::from(random.next()),
        2 => Value::from(["", "],[{", "\"\\", "é\n"][random.below(4)]),
        3 => Value::from(random.below(2) == 0),
        4 => (0..random.below(3))
            .map(|_| value(random, depth - 1))
            .collect(),
        _ => {
            let member = |random: &mut Random| {
                let name = format!("k{}}}", random.below(9));
                (name, value(random, depth - 1))
            };
            Value::Object((0..random.below(3)).map(|_| member(random)).collect())
        }
    }
}
