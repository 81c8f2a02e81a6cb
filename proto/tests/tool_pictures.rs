//! What a tool shows that is no text, on its way to services of OpenAI's format.
#![cfg(feature = "openai")]
#![allow(clippy::unwrap_used)] // a test fails by panicking

use libllm_proto::provider::Quirks;
use libllm_proto::wire::{self, Encoded, Operation, Target, Unsupported};
use libllm_proto::{Request, Result};

/// A request to a service that takes pictures in results and cache markers, or none of them.
fn encode(body: &str, knows: bool, unsupported: Unsupported) -> Result<Encoded> {
    let quirks = Quirks {
        tool_pictures: knows,
        cache_markers: knows,
        ..Quirks::PLAIN
    };
    let target = Target {
        provider: "house",
        model: "m",
        base_url: "https://house.example/v1",
        stream: false,
        operation: Operation::Chat,
        quirks: &quirks,
        unsupported,
        extra_body: None,
    };
    let wire = wire::find("openai_chat").unwrap();
    wire.encode(&Request::parse(body.to_owned())?, &target)
}

#[test]
fn what_a_tool_shows_is_shown_by_the_user_behind_the_results() {
    const PICTURE: &str = r#"{"type":"image_url","image_url":{"url":"u","n":1.0}}"#;
    const CALLS: &str = r#"{"role":"user","content":"q"},{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"f","arguments":"{}"}}]}"#;
    let result = |id: &str, content: &str| {
        format!(r#"{{"role":"tool","tool_call_id":"{id}","content":{content}}}"#)
    };
    let text = r#"{"type":"text","text":"t"}"#;
    let marked = r#"{"type":"text","text":"t","cache_control":{"type":"ephemeral"}}"#;
    let file = r#"{"cache_control":{"type":"ephemeral"},"type":"file","file":{"file_id":"f"}}"#;
    let bare = r#"{"type":"file","file":{"file_id":"f"}}"#;
    let (one, two) = (
        format!("[{marked}, {PICTURE}]"),
        format!("[{PICTURE},{file}]"),
    );
    let user = format!(r#"{{"role":"user","content":[{PICTURE},{PICTURE},{bare}]}}"#);
    for (after, around) in [
        ("", format!(",{user}")),
        (
            r#" , {"role":"user","content":"more"}"#,
            format!(r#" , {user},{{"role":"user","content":"more"}}"#),
        ),
    ] {
        let said = format!(
            r#"{{"messages":[{CALLS},{},{}{after}]}}"#,
            result("a", &one),
            result("b", &two)
        );
        let encoded = encode(&said, false, Unsupported::Drop).unwrap();
        let expected = format!(
            r#"{{"messages":[{CALLS},{},{}{around}],"model":"m"}}"#,
            result("a", &format!("[{text}]")),
            result("b", "\"\"")
        );
        assert_eq!(std::str::from_utf8(encoded.http.body()), Ok(&*expected));
        let report: Vec<_> = encoded
            .dropped
            .iter()
            .map(|it| (&*it.param, it.action))
            .collect();
        assert!(
            report.contains(&("messages[2].content", "converted")),
            "{report:?}"
        );
        // Who takes them there gets them there, and so does who is to be passed everything.
        for (knows, mode) in [(true, Unsupported::Drop), (false, Unsupported::Pass)] {
            let encoded = encode(&said, knows, mode).unwrap();
            let body = std::str::from_utf8(encoded.http.body()).unwrap();
            assert!(body.starts_with(&said[..said.len() - 1]) && encoded.dropped.is_empty());
        }
    }
    // Text alone stays as it is, and parts that nobody here knows stay where they are.
    for content in [
        format!("[{text}]"),
        r#"[{"type":"odd"}]"#.to_owned(),
        "\"t\"".to_owned(),
    ] {
        let said = format!(r#"{{"messages":[{CALLS},{}]}}"#, result("a", &content));
        let encoded = encode(&said, false, Unsupported::Drop).unwrap();
        let expected = format!("{},\"model\":\"m\"}}", &said[..said.len() - 1]);
        assert_eq!(std::str::from_utf8(encoded.http.body()), Ok(&*expected));
        assert!(encoded.dropped.is_empty());
    }
}
