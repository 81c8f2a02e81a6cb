//! Whatever a newer library says decodes: words are kept, fields that nobody knows are skipped, and what is missing has its default.

use libllm_schema::{ChatRequest, Content, ContentPart, Done, Failure, FinishReason, Part, Phase};

fn read<T: for<'de> serde::Deserialize<'de>>(json: &str) -> T {
    serde_json::from_str(json).expect("it decodes")
}

#[test]
fn unknown_words_and_fields_are_no_errors() {
    let done: Done = read(
        r#"{"finish_reason":"a word of tomorrow","novelty":{"a":[1]},"usage":{"total_tokens":3,"source":"hearsay","moods":7},
            "attempts":[{"ms":1.5,"mood":"good"}]}"#,
    );
    assert_eq!(
        done.finish_reason,
        Some(FinishReason::Other("a word of tomorrow".into()))
    );
    assert_eq!(
        (done.usage.total_tokens, done.usage.source.as_str()),
        (Some(3), "hearsay")
    );
    assert_eq!((done.attempts[0].ms, done.id), (1.5, None));
    let failure: Failure = read(r#"{"kind":"weather","phase":"dreaming","x":1}"#);
    assert_eq!(failure.phase, Phase::Other("dreaming".into()));
    let part: Part = read(r#"{"kind":"smell","data":{"x":1}}"#);
    assert_eq!(part.kind.as_str(), "smell");
}

#[test]
fn nothing_at_all_is_all_defaults() {
    assert_eq!(read::<Done>("{}"), Done::default());
    assert_eq!(read::<Failure>("{}"), Failure::default());
}

#[test]
fn parts_of_kinds_that_nobody_knows_are_kept_and_written_back() {
    let json = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"of":"rain","type":"smell"}]},{"role":"wizard","content":"x"}]}"#;
    let request: ChatRequest = read(json);
    let Some(Content::Parts(parts)) = &request.messages[0].content else {
        panic!("no parts");
    };
    assert!(matches!(&parts[0], ContentPart::Text(part) if part.text == "a"));
    assert!(matches!(&parts[1], ContentPart::Unknown(value) if value["of"] == "rain"));
    assert_eq!(
        serde_json::to_string(&request).expect("it is written"),
        json
    );
}
