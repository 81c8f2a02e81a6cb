//! What a request is told that is wrong with it, and what it keeps.

use super::*;

/// Each with the whole message of its refusal.
const BAD: &[(&str, &str)] = &[
    (
        "",
        "the request is malformed JSON: EOF while parsing a value at line 1 column 0",
    ),
    ("[]", "the request: expected an object, found an array"),
    ("null", "the request: expected an object, found null"),
    (
        "{\"model\":\"m\",\n \"messages\":[}",
        "the request is malformed JSON: expected value at line 2 column 14",
    ),
    (
        "{\"messages\":[{\"role\":\"user\"}],}",
        "the request is malformed JSON: key must be a string at line 1 column 31",
    ),
    (
        "{\"messages\":[{\"role\":\"user\"}]} x",
        "the request is malformed JSON: trailing characters at line 1 column 32",
    ),
    (
        "{\"messages\":[{\"role\":\"user\"}],\"a\":NaN}",
        "the request is malformed JSON: expected value at line 1 column 35",
    ),
    ("{}", "messages is missing"),
    (r#"{"messages":[]}"#, "messages is empty"),
    (
        r#"{"messages":"hi"}"#,
        "messages: expected an array, found a string",
    ),
    (
        r#"{"messages":null}"#,
        "messages: expected an array, found null",
    ),
    (
        r#"{"messages":["hi"]}"#,
        "messages[0]: expected an object, found a string",
    ),
    (
        r#"{"messages":[{"content":"x"}]}"#,
        "messages[0].role is missing",
    ),
    (
        r#"{"messages":[{"role":7}]}"#,
        "messages[0].role: expected a string, found a number",
    ),
    (
        r#"{"messages":[{"role":"a"},{"role":"b"},{"role":"c","content":5}]}"#,
        "messages[2].content: expected a string or an array, found a number",
    ),
    (
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},"b"]}]}"#,
        "messages[0].content[1]: expected an object, found a string",
    ),
    (
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":{}}]}]}"#,
        "messages[0].content[0].text: expected a string, found an object",
    ),
    (
        r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":{}}}]}]}"#,
        "messages[0].tool_calls[0].function.arguments: expected a string, found an object",
    ),
    (
        r#"{"messages":[{"role":"tool","tool_call_id":1}]}"#,
        "messages[0].tool_call_id: expected a string, found a number",
    ),
];

/// Members beside good messages.
const BAD_MEMBERS: &[(&str, &str)] = &[
    (r#""model":5"#, "model: expected a string, found a number"),
    (
        r#""stream":"yes""#,
        "stream: expected true or false, found a string",
    ),
    (
        r#""temperature":"0.5""#,
        "temperature: expected a number, found a string",
    ),
    (
        r#""max_tokens":1.5"#,
        "max_tokens: expected a whole number, found 1.5",
    ),
    (
        r#""max_tokens":-1"#,
        "max_tokens: expected at least 0, found -1",
    ),
    (r#""n":0"#, "n: expected at least 1, found 0"),
    (
        r#""n":-99999999999999999999"#,
        "n: expected at least 1, found -99999999999999999999",
    ),
    (
        r#""stop":[1]"#,
        "stop[0]: expected a string, found a number",
    ),
    (
        r#""stop":{}"#,
        "stop: expected a string or an array, found an object",
    ),
    (r#""tools":{}"#, "tools: expected an array, found an object"),
    (
        r#""tools":[{"type":"function","function":{}}]"#,
        "tools[0].function.name is missing",
    ),
    (
        r#""tools":[{"function":{"name":"a"}},{"function":{"name":null}}]"#,
        "tools[1].function.name: expected a string, found null",
    ),
    (
        r#""tool_choice":1"#,
        "tool_choice: expected a string or an object, found a number",
    ),
    (
        r#""extra_body":[]"#,
        "extra_body: expected an object, found an array",
    ),
];

#[test]
fn a_refusal_says_where_and_why() {
    for (text, message) in BAD {
        let error = Request::parse(*text).unwrap_err();
        assert_eq!(
            (error.message(), error.kind()),
            (*message, ErrorKind::InvalidArgument),
            "{text}"
        );
    }
    for (member, message) in BAD_MEMBERS {
        let error = Request::parse(with(member)).unwrap_err();
        assert_eq!(
            (error.message(), error.kind()),
            (*message, ErrorKind::InvalidArgument),
            "{member}"
        );
    }
}

#[test]
fn nulls_and_unknown_members_are_good() {
    for member in [
        r#""model":null"#,
        r#""tools":null"#,
        r#""stop":null"#,
        r#""stop":"a""#,
        r#""stop":["a","b"]"#,
        r#""seed":-5"#,
        r#""seed":123456789012345678901234567890"#,
        r#""n":2"#,
        r#""tools":[{"type":"web_search"}]"#,
        r#""vendor":{"deep":[1e400,"\ud800"]}"#,
    ] {
        assert!(Request::parse(with(member)).is_ok(), "{member}");
    }
}

#[test]
fn what_is_no_utf8_is_refused_by_place() {
    let error = Request::parse(&b"{\"model\":\"\xff\"}"[..]).unwrap_err();
    assert_eq!(error.message(), "the request is not UTF-8 at byte 10");
}

#[test]
fn depth_is_bounded() {
    let nested = format!(r#""x":{}{}"#, "[".repeat(200), "]".repeat(200));
    let error = Request::parse(with(&nested)).unwrap_err();
    assert_eq!(
        error.message(),
        "json nests deeper than the limit of 128 levels"
    );
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn the_number_of_members_is_bounded() {
    let many: Vec<String> = (0..=FIELDS_MAX)
        .map(|number| format!(r#""k{number}":0"#))
        .collect();
    let error = Request::parse(with(&many.join(","))).unwrap_err();
    assert_eq!(error.message(), "the request has more than 1024 members");
}

#[test]
fn members_are_found_by_name_and_the_last_of_a_name_counts() {
    let request = Request::parse(
        "\u{feff}{\"model\":\"a\",\"n\":3,\"messages\":[{\"role\":\"user\"}],\"stream\" : true,\"mod\\u0065l\":\"b\\/c\"} ",
    )
    .unwrap();
    assert_eq!(request.model(), Some("b/c"));
    assert_eq!((request.stream(), request.n()), (Some(true), 3));
    assert_eq!(request.field("stream"), Some(&b"true"[..]));
    assert_eq!(request.field("nothing"), None);
    let keys: Vec<&str> = request.fields().map(|(key, _)| key).collect();
    assert_eq!(keys, ["n", "messages", "stream", "model"]);
    assert!(request.source().starts_with(b"{"));
}

#[test]
fn another_model_leaves_every_other_byte_alone() {
    let request =
        Request::parse(r#"{ "model":"a", "x":1.0, "messages":[{"role":"user"}] }"#).unwrap();
    let other = request.with_model("b\"").unwrap();
    assert_eq!(
        other.source(),
        r#"{ "model":"b\"", "x":1.0, "messages":[{"role":"user"}] }"#
    );
    assert_eq!(other.model(), Some("b\""));
}

#[test]
fn a_draft_becomes_the_same_type() {
    let draft = Request::new("mock/echo")
        .system("s")
        .user("hi")
        .assistant("ho");
    let request = draft
        .tool_result("call_1", "42")
        .set("temperature", 0.25)
        .set("stream", true)
        .build()
        .unwrap();
    assert_eq!(request.model(), Some("mock/echo"));
    assert_eq!(request.stream(), Some(true));
    assert_eq!(
        request.field("messages"),
        Some(
            &br#"[{"content":"s","role":"system"},{"content":"hi","role":"user"},{"content":"ho","role":"assistant"},{"content":"42","role":"tool","tool_call_id":"call_1"}]"#[..]
        )
    );
    assert_eq!(
        Request::new("m").build().unwrap_err().message(),
        "messages is empty"
    );
    let wrong = Request::new("m")
        .user("x")
        .set("temperature", "hot")
        .build();
    assert_eq!(
        wrong.unwrap_err().message(),
        "temperature: expected a number, found a string"
    );
}

fn with(members: &str) -> String {
    format!(r#"{{"messages":[{{"role":"user","content":"x"}}],{members}}}"#)
}
