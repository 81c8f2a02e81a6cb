//! The tables hold the numbers of include/llm.h, all of them and no others.

use libllm_schema::{CLASSES, CONDITIONS, EVENTS, FLAGS};

fn header() -> String {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../include/llm.h");
    std::fs::read_to_string(place).expect("include/llm.h is there")
}

/// `NAME = NUMBER` and `NAME NUMBER` for names that begin so.
fn numbers(prefix: &str) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    for line in header().lines() {
        let line = line.trim().trim_start_matches("#define ");
        let Some(rest) = line.strip_prefix(prefix) else {
            continue;
        };
        let mut words = rest
            .split([' ', '=', ',', ';'])
            .filter(|word| !word.is_empty());
        let (name, number) = (
            words.next(),
            words.next().and_then(|word| word.parse().ok()),
        );
        if let (Some(name), Some(number)) = (name, number) {
            found.push((name.to_owned(), number));
        }
    }
    found.sort();
    found
}

#[test]
fn events_are_those_of_the_header() {
    let mut ours: Vec<(String, i64)> = EVENTS
        .iter()
        .map(|one| (one.name.to_owned(), i64::from(one.number)))
        .collect();
    ours.sort();
    assert_eq!(ours, numbers("LLM_EVENT_"));
}

#[test]
fn flags_are_those_of_the_header() {
    let mut ours: Vec<(String, i64)> = FLAGS
        .iter()
        .map(|one| (one.name.to_owned(), i64::from(one.bit)))
        .collect();
    ours.sort();
    assert_eq!(ours, numbers("LLM_OPT_"));
}

#[test]
fn conditions_name_statuses_of_the_header_and_classes_of_the_table() {
    let statuses = numbers("LLM_ERR_");
    assert!(statuses.len() > 20);
    for one in CONDITIONS {
        for status in one.statuses {
            let name = status.trim_start_matches("LLM_ERR_");
            assert!(statuses.iter().any(|(known, _)| known == name), "{status}");
        }
        if let Some(class) = one.class {
            assert!(CLASSES.iter().any(|known| known.name == class), "{class}");
        }
    }
    for (place, class) in CLASSES.iter().enumerate() {
        let above = &CLASSES[..place];
        assert!(
            class.base == "LLMError" || above.iter().any(|known| known.name == class.base),
            "{} comes before {}",
            class.name,
            class.base
        );
    }
}
