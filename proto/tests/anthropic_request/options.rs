//! Tools, limits, reasoning, sampling and every other member.

use serde_json::json;

use super::*;

#[test]
fn tools_keep_their_schemas_and_markers() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "number", "minimum": 1.0}}});
    let tools = json!([
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema, "strict": true}, "cache_control": {"type": "ephemeral"}},
        {"type": "function", "function": {"name": "g", "strict": false}},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        {"type": "custom", "custom": {"name": "h"}},
    ]);
    let expected = json!([
        {"name": "f", "description": "d", "input_schema": schema, "strict": true, "cache_control": {"type": "ephemeral"}},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
    ]);
    check(
        OLD,
        json!({"tools": tools}),
        json!({"tools": expected}),
        &["tools[3] dropped"],
    );
    let one = json!([{"type": "function", "function": {"name": "f", "parameters": schema}}]);
    let said = json!([{"name": "f", "input_schema": schema}]);
    for (choice, parallel, expected) in [
        (json!("auto"), json!(null), json!({"type": "auto"})),
        (json!("none"), json!(false), json!({"type": "none"})),
        (json!("required"), json!(true), json!({"type": "any"})),
        (
            json!({"type": "function", "function": {"name": "f"}}),
            json!(false),
            json!({"type": "tool", "name": "f", "disable_parallel_tool_use": true}),
        ),
        (json!({"type": "any"}), json!(null), json!({"type": "any"})),
        (
            json!(null),
            json!(false),
            json!({"type": "auto", "disable_parallel_tool_use": true}),
        ),
    ] {
        let members = json!({"tools": one, "tool_choice": choice, "parallel_tool_calls": parallel});
        check(
            OLD,
            members,
            json!({"tools": said, "tool_choice": expected}),
            &[],
        );
    }
    check(
        OLD,
        json!({"tool_choice": "auto", "parallel_tool_calls": false, "tools": []}),
        json!({}),
        &[],
    );
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}});
    check(
        OLD,
        json!({"tools": one, "tool_choice": allowed}),
        json!({"tools": said}),
        &["tool_choice dropped"],
    );
}

#[test]
fn a_limit_is_always_said() {
    let hi = json!([{"role": "user", "content": "hi"}]);
    let (body, report) = said(OLD, Unsupported::Error, &json!({"messages": hi}));
    assert_eq!(
        (&body["max_tokens"], report),
        (&json!(8192), vec!["max_tokens converted".into()])
    );
    let thinking = json!({"type": "enabled", "budget_tokens": 20_000});
    let (body, _) = said(
        OLD,
        Unsupported::Error,
        &json!({"messages": hi, "thinking": thinking}),
    );
    assert_eq!(body["max_tokens"], 28_192);
    check(
        OLD,
        json!({"max_completion_tokens": 7}),
        json!({"max_tokens": 7}),
        &[],
    );
}

#[test]
fn effort_is_a_budget_for_older_models() {
    let thinking = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
    check(
        OLD,
        json!({"reasoning_effort": "low"}),
        json!({"thinking": thinking(2048), "max_tokens": 2057}),
        &["reasoning_effort converted", "max_tokens converted"],
    );
    check(
        OLD,
        json!({"reasoning_effort": "minimal", "max_tokens": 5000}),
        json!({"thinking": thinking(1024), "max_tokens": 5000}),
        &["reasoning_effort converted"],
    );
    check(OLD, json!({"reasoning_effort": "none"}), json!({}), &[]);
    check(
        OLD,
        json!({"reasoning_effort": "odd"}),
        json!({}),
        &["reasoning_effort dropped"],
    );
    check(
        "MiniMax-M2",
        json!({"reasoning_effort": "high"}),
        json!({"thinking": thinking(16384), "max_tokens": 16393}),
        &["reasoning_effort converted", "max_tokens converted"],
    );
    // What thinking cannot be combined with wins over it.
    let own = json!({"type": "enabled", "budget_tokens": 3000});
    check(
        OLD,
        json!({"reasoning_effort": "low", "thinking": own, "max_tokens": 4000}),
        json!({"thinking": own, "max_tokens": 4000}),
        &["reasoning_effort dropped"],
    );
    check(
        OLD,
        json!({"reasoning_effort": "none", "thinking": own, "max_tokens": 4000}),
        json!({"thinking": own, "max_tokens": 4000}),
        &["reasoning_effort dropped"],
    );
    let prefill = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]);
    check(
        OLD,
        json!({"reasoning_effort": "low", "messages": prefill}),
        json!({"messages": prefill}),
        &["reasoning_effort dropped"],
    );
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    check(
        OLD,
        json!({"reasoning_effort": "low", "tools": tools, "tool_choice": "required"}),
        json!({"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "any"}}),
        &["reasoning_effort dropped"],
    );
    let calls = json!([{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "c", "content": "x"}]);
    let (body, report) = said(
        OLD,
        Unsupported::Drop,
        &json!({"messages": calls, "max_tokens": 9, "reasoning_effort": "low"}),
    );
    assert_eq!(
        (body.get("thinking"), report),
        (None, vec!["reasoning_effort dropped".into()])
    );
}

#[test]
fn effort_is_effort_for_newer_models() {
    let adaptive = |effort: &str| json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}});
    check(
        NEW,
        json!({"reasoning_effort": "xhigh"}),
        adaptive("xhigh"),
        &[],
    );
    check(
        NEW,
        json!({"reasoning_effort": "minimal"}),
        adaptive("low"),
        &["reasoning_effort converted"],
    );
    check(
        "claude-sonnet-4-6",
        json!({"reasoning_effort": "xhigh"}),
        adaptive("high"),
        &["reasoning_effort clamped"],
    );
    check(
        NEW,
        json!({"reasoning_effort": "none"}),
        json!({"thinking": {"type": "disabled"}}),
        &[],
    );
    let own = json!({"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max", "task_budget": {"type": "tokens", "total": 9}}});
    let mut asked = own.clone();
    asked["reasoning_effort"] = "low".into();
    check(NEW, asked, own, &[]);
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    check(
        NEW,
        json!({"reasoning_effort": "low", "tools": tools, "tool_choice": "required"}),
        json!({"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "any"}, "output_config": {"effort": "low"}}),
        &[],
    );
}

#[test]
fn sampling_is_what_the_model_takes() {
    check(
        OLD,
        json!({"temperature": 0.5, "top_k": 3}),
        json!({"temperature": 0.5, "top_k": 3}),
        &[],
    );
    check(
        OLD,
        json!({"temperature": 1.5, "top_p": 1}),
        json!({"temperature": 1}),
        &["temperature clamped"],
    );
    check(
        OLD,
        json!({"temperature": 0.5, "top_p": 0.9}),
        json!({"temperature": 0.5}),
        &["top_p dropped"],
    );
    check(
        "claude-sonnet-4-20250514",
        json!({"temperature": 0.5, "top_p": 0.9}),
        json!({"temperature": 0.5, "top_p": 0.9}),
        &[],
    );
    check(
        NEW,
        json!({"temperature": 0, "top_p": 0.9, "top_k": 1}),
        json!({}),
        &["temperature dropped", "top_p dropped", "top_k dropped"],
    );
    check(NEW, json!({"temperature": 1.0}), json!({}), &[]);
    check_mode(
        NEW,
        Unsupported::Pass,
        json!({"temperature": 1.5}),
        json!({"temperature": 1.5}),
        &[],
    );
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});
    check(
        OLD,
        json!({"thinking": thinking, "temperature": 0, "top_p": 0.96, "top_k": 3}),
        json!({"thinking": thinking, "top_p": 0.96}),
        &["temperature dropped", "top_k dropped"],
    );
}

#[test]
fn an_answer_of_a_shape_is_asked_for_where_the_model_knows_how() {
    let schema = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": schema}});
    let said = json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    check(OLD, json!({"response_format": format}), said.clone(), &[]);
    check(
        "claude-2.1",
        json!({"response_format": format}),
        json!({}),
        &["response_format dropped"],
    );
    check_mode(
        "claude-sonnet-4-20250514",
        Unsupported::Pass,
        json!({"response_format": format}),
        said,
        &[],
    );
    check(
        "claude-opus-5",
        json!({"response_format": {"type": "json_object"}}),
        json!({}),
        &["response_format dropped"],
    );
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let offered = json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}]);
    for choice in [
        json!("required"),
        json!({"type": "function", "function": {"name": "f"}}),
    ] {
        check(
            "claude-opus-5-5",
            json!({"tools": tools, "tool_choice": choice}),
            json!({"tools": offered}),
            &["tool_choice dropped"],
        );
    }
    check(
        OLD,
        json!({"response_format": {"type": "text"}}),
        json!({}),
        &[],
    );
}

#[test]
fn other_members_are_said_reported_or_passed_on() {
    check(
        OLD,
        json!({"stop": ["a", "\n", "b"]}),
        json!({"stop_sequences": ["a", "b"]}),
        &["stop dropped"],
    );
    check(
        OLD,
        json!({"stop": "a", "user": "u1"}),
        json!({"stop_sequences": ["a"], "metadata": {"user_id": "u1"}}),
        &[],
    );
    check(
        OLD,
        json!({"metadata": {"k": "v", "user_id": "u2"}, "safety_identifier": "s"}),
        json!({"metadata": {"user_id": "u2"}}),
        &["metadata dropped"],
    );
    for (tier, expected, report) in [
        ("auto", json!({"service_tier": "auto"}), &[][..]),
        (
            "default",
            json!({"service_tier": "standard_only"}),
            &["service_tier converted"][..],
        ),
        (
            "priority",
            json!({"service_tier": "auto"}),
            &["service_tier converted"][..],
        ),
        ("flex", json!({}), &["service_tier dropped"][..]),
    ] {
        check(OLD, json!({"service_tier": tier}), expected, report);
    }
    let unsupported = json!({"logit_bias": {"1": 2}, "n": 2, "seed": 4, "presence_penalty": 0.5, "frequency_penalty": 1, "logprobs": true, "top_logprobs": 2, "verbosity": "low"});
    let names: Vec<String> = unsupported
        .as_object()
        .unwrap()
        .keys()
        .map(|name| format!("{name} dropped"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check(OLD, unsupported.clone(), json!({}), &names);
    check_mode(
        OLD,
        Unsupported::Pass,
        unsupported.clone(),
        unsupported,
        &[],
    );
    let neutral = json!({"n": 1, "store": false, "logprobs": false, "presence_penalty": 0, "seed": null, "stream": true, "stream_options": {"include_usage": true}, "modalities": ["text"]});
    check(OLD, neutral, json!({}), &[]);
    let foreign = json!({"container": "c1", "cache_control": {"type": "ephemeral"}, "speed": "fast", "a_new_member": {"x": 1.0}});
    check(OLD, foreign.clone(), foreign, &[]);
    check(
        OLD,
        json!({"stop": "a", "stop_sequences": ["b"]}),
        json!({"stop_sequences": ["a"]}),
        &["stop_sequences dropped"],
    );
}
