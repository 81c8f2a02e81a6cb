use serde_json::json;

use super::*;

fn read(request: serde_json::Value) -> Chat {
    let mut whole = json!({"messages": [{"role": "user", "content": "hi"}]});
    whole
        .as_object_mut()
        .unwrap()
        .extend(request.as_object().unwrap().clone());
    Chat::read(&Request::parse(whole.to_string()).unwrap()).unwrap()
}

#[test]
fn members_are_taken_by_name_and_the_rest_stays_in_order() {
    let mut chat = read(
        json!({"zeta": 1, "n": 2, "alpha": null, "stop": "a", "beta": {"x": 1.50}, "model": "m", "stream": true}),
    );
    assert_eq!(chat.params.take::<u64>("n").unwrap(), Some(2));
    assert_eq!(chat.params.take::<u64>("n").unwrap(), None);
    assert_eq!(chat.params.take_strings("stop").unwrap(), ["a"]);
    let error = chat.params.take::<String>("zeta").unwrap_err();
    assert_eq!(
        error.message(),
        "zeta: invalid type: integer `1`, expected a string"
    );
    let rest: Vec<_> = chat
        .params
        .rest()
        .map(|(name, value)| format!("{name}={}", value.get()))
        .collect();
    assert_eq!(rest, [r#"beta={"x":1.5}"#], "null says nothing");
}

#[test]
fn a_member_left_out_is_missed_only_if_it_asked_for_something() {
    for (name, value, expected) in [
        ("n", "1", Standing::Neutral),
        ("n", "2", Standing::Known),
        ("logprobs", "false", Standing::Neutral),
        ("seed", "0", Standing::Known),
        ("top_k", "1", Standing::Foreign),
        ("thinking", "{}", Standing::Foreign),
    ] {
        let value = RawValue::from_string(value.into()).unwrap();
        assert_eq!(standing(name, &value), expected, "{name} {value}");
    }
}

#[test]
fn text_that_must_not_change_stays_as_it_was_written() {
    let source = r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{ \"a\": 1.0 }"}}],
        "libllm_parts":[{"kind":"signature","index":3,"data":{ "type":"thinking", "n":1.0 }}]}],
        "tools":[{"type":"function","function":{"name":"f","parameters":{ "b":1.50 }}},{"type":"x_1", "n":2.0}]}"#;
    let chat = Chat::read(&Request::parse(source).unwrap()).unwrap();
    let message = &chat.messages[0];
    assert_eq!(
        (message.role, message.content.len(), message.plain),
        (Role::Assistant, 0, true)
    );
    assert_eq!(message.tool_calls[0].arguments, r#"{ "a": 1.0 }"#);
    assert_eq!(
        (message.parts[0].index, message.parts[0].data.get()),
        (3, r#"{ "type":"thinking", "n":1.0 }"#)
    );
    let Tool::Function {
        parameters: Some(schema),
        ..
    } = &chat.tools[0]
    else {
        panic!("{:?}", chat.tools)
    };
    assert_eq!(schema.get(), r#"{ "b":1.50 }"#);
    assert!(
        matches!(&chat.tools[1], Tool::Foreign(json) if json.get() == r#"{"type":"x_1", "n":2.0}"#)
    );
}

#[test]
fn choices_of_tools_and_shapes_are_read() {
    let choice = |value: serde_json::Value| read(json!({"tool_choice": value})).tool_choice;
    assert!(matches!(choice(json!("any")), Some(ToolChoice::Required)));
    assert!(choice(json!(null)).is_none());
    assert!(
        matches!(choice(json!({"function": {"name": "f"}})), Some(ToolChoice::Named(name)) if name == "f")
    );
    assert!(
        matches!(choice(json!({"type": "tool", "name": "f"})), Some(ToolChoice::Foreign { kind, .. }) if kind == "tool")
    );
    let legacy = read(json!({"function_call": {"name": "g"}, "functions": [{"name": "g"}]}));
    assert!(matches!(legacy.tool_choice, Some(ToolChoice::Named(name)) if name == "g"));
    assert_eq!(legacy.tools.len(), 1);
    let format = |value: serde_json::Value| read(json!({"response_format": value})).response_format;
    assert!(matches!(
        format(json!({"type": "json_object"})),
        Some(ResponseFormat::JsonObject)
    ));
    assert!(
        matches!(format(json!({"type": "grammar"})), Some(ResponseFormat::Foreign(kind)) if kind == "grammar")
    );
    let schema = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}}});
    assert!(
        matches!(format(schema), Some(ResponseFormat::JsonSchema { schema, .. }) if schema.get() == r#"{"a":1}"#)
    );
}

#[test]
fn addresses_of_pictures_are_read() {
    let source = |text: &str| Source::parse(text, "p").map_err(|error| error.message().to_owned());
    let inline = Source::Base64 {
        media_type: "image/png".into(),
        data: "AAA=".into(),
    };
    assert_eq!(source("data:image/PNG;charset=x;base64,AAA="), Ok(inline));
    assert_eq!(source("https://h/a"), Ok(Source::Url("https://h/a".into())));
    for bad in [
        "",
        "/a",
        "ftp://h",
        "data:image/png;base64",
        "data:image/png,AA",
        "data:;base64,AA",
    ] {
        assert!(source(bad).unwrap_err().starts_with("p: "), "{bad}");
    }
}
