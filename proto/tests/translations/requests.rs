//! What becomes of each thing that a caller can ask for.
//!
//! Long: it is the list of those things, in each of three formats.

use libllm_proto::wire::Unsupported;
use serde_json::{Value, json};

use super::asked::ask;
use super::{FACES, WIRES};

/// One thing to ask for: the request without it, what is laid over that, and a text that shows it where it is said as it is.
struct Probe {
    name: &'static str,
    base: Value,
    more: Value,
    needle: &'static str,
}

fn probe(name: &'static str, base: &Value, more: Value, needle: &'static str) -> Probe {
    Probe {
        name,
        base: base.clone(),
        more,
        needle,
    }
}

fn with(base: &Value, more: &Value) -> Value {
    let mut all = base.clone();
    let members = more.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(members);
    all
}

/// The cells of a face's table.
pub(crate) fn rows(path: &str) -> Vec<(String, Vec<&'static str>)> {
    let probes = match path {
        "/v1/chat/completions" => chat(),
        "/v1/messages" => messages(),
        _ => responses(),
    };
    let row = |probe: &Probe| {
        let cells = WIRES.iter().map(|wire| cell(path, *wire, probe)).collect();
        (probe.name.to_owned(), cells)
    };
    probes.iter().map(row).collect()
}

fn cell(path: &str, wire: (&str, &str), probe: &Probe) -> &'static str {
    let whole = with(&probe.base, &probe.more);
    let Ok(without) = ask(path, wire, &probe.base, Unsupported::Drop) else {
        return "refused";
    };
    let Ok(asked) = ask(path, wire, &whole, Unsupported::Drop) else {
        return "refused";
    };
    let changed = asked.body != without.body;
    let new = asked.dropped.iter();
    let new = new.filter(|told| !without.dropped.contains(told));
    let mut actions: Vec<&str> = new.map(|told| told.action).collect();
    actions.sort_unstable();
    actions.dedup();
    let said = changed && asked.body.contains(probe.needle);
    let strict = ask(path, wire, &whole, Unsupported::Error);
    let lax = ask(path, wire, &probe.base, Unsupported::Error);
    if actions.contains(&"dropped") || actions.contains(&"clamped") {
        if strict.is_ok() {
            return UNREFUSED;
        }
    } else if lax.is_ok() && strict.is_err() {
        return UNTOLD;
    }
    match actions.as_slice() {
        [] if said => "yes",
        [] if !changed && NEUTRAL.contains(&probe.name) => "default",
        [] if changed => "converted",
        [] => LOST,
        actions if actions.contains(&"dropped") && !said => "dropped",
        actions if actions.contains(&"dropped") => "converted",
        _ => "converted",
    }
}

/// What must not be, each as a cell.
const LOST: &str = "lost in silence";
const UNREFUSED: &str = "dropped where dropping is an error";
const UNTOLD: &str = "an error where nothing was dropped";

/// What some provider does without being asked.
const NEUTRAL: &[&str] = &[
    "tool choice `auto`",
    "parallel tools",
    "`response_format` text",
    "tool choice `none`",
    "reasoning `none`",
    "document: its name",
];

fn schema() -> Value {
    json!({"type": "object", "properties": {"probe_a": {"type": "string"}}, "required": ["probe_a"], "additionalProperties": false})
}

const PNG: &str = "iVBORw0KGgo=";
const PDF: &str = "JVBERi0xLjQ=";

fn chat() -> Vec<Probe> {
    let user = |content: Value| json!({"role": "user", "content": content});
    let base = json!({"model": "m", "max_tokens": 64, "messages": [user(json!("hi"))]});
    let said = |messages: Value| json!({ "messages": messages });
    let part = |part: Value| said(json!([user(json!([{"type": "text", "text": "hi"}, part]))]));
    let text = with(
        &base,
        &said(json!([user(json!([{"type": "text", "text": "hi"}]))])),
    );
    let function = json!({"type": "function", "function": {"name": "probe_f", "description": "d", "parameters": schema()}});
    let tools = json!({ "tools": [function] });
    let tooled = with(&base, &tools);
    let choice = |choice: Value| json!({ "tool_choice": choice });
    let call = json!({"id": "call_12345", "type": "function", "function": {"name": "probe_f", "arguments": "{\"probe_a\":\"b\"}"}});
    let turn = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let result = |more: Value| {
        with(
            &json!({"role": "tool", "tool_call_id": "call_12345", "content": "probe-result"}),
            &more,
        )
    };
    let looped = |more: Value| said(json!([user(json!("hi")), turn, result(more)]));
    let plain = |name, more, needle| probe(name, &base, more, needle);
    vec![
        plain(
            "system text",
            said(json!([{"role": "system", "content": "probe-system"}, user(json!("hi"))])),
            "probe-system",
        ),
        plain(
            "developer text",
            said(json!([{"role": "developer", "content": "probe-system"}, user(json!("hi"))])),
            "probe-system",
        ),
        plain(
            "earlier turns",
            said(
                json!([user(json!("hi")), {"role": "assistant", "content": "probe-turn"}, user(json!("go on"))]),
            ),
            "probe-turn",
        ),
        plain(
            "an answer begun",
            said(json!([user(json!("hi")), {"role": "assistant", "content": "probe-begun"}])),
            "probe-begun",
        ),
        plain(
            "name of a speaker",
            said(json!([{"role": "user", "name": "probe-name", "content": "hi"}])),
            "probe-name",
        ),
        probe(
            "picture by address",
            &text,
            part(json!({"type": "image_url", "image_url": {"url": "https://h/probe.png"}})),
            "https://h/probe.png",
        ),
        probe(
            "picture in base64",
            &text,
            part(
                json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}}),
            ),
            PNG,
        ),
        probe(
            "document in base64",
            &text,
            part(
                json!({"type": "file", "file": {"filename": "probe.pdf", "file_data": format!("data:application/pdf;base64,{PDF}")}}),
            ),
            PDF,
        ),
        probe(
            "uploaded file",
            &text,
            part(json!({"type": "file", "file": {"file_id": "probe-file"}})),
            "probe-file",
        ),
        probe(
            "sound",
            &text,
            part(
                json!({"type": "input_audio", "input_audio": {"data": "cHJvYmU=", "format": "wav"}}),
            ),
            "cHJvYmU=",
        ),
        probe(
            "cache marker",
            &text,
            said(json!([user(
                json!([{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}])
            )])),
            "",
        ),
        plain("tools", tools, "probe_a"),
        probe("tool choice `auto`", &tooled, choice(json!("auto")), ""),
        probe("tool choice `none`", &tooled, choice(json!("none")), ""),
        probe(
            "tool choice `required`",
            &tooled,
            choice(json!("required")),
            "",
        ),
        probe(
            "tool choice: one tool",
            &tooled,
            choice(json!({"type": "function", "function": {"name": "probe_f"}})),
            "",
        ),
        probe(
            "no parallel tools",
            &tooled,
            json!({"parallel_tool_calls": false}),
            "",
        ),
        probe(
            "calls and their results",
            &tooled,
            looped(json!({})),
            "probe-result",
        ),
        probe(
            "a result that is an error",
            &with(&tooled, &looped(json!({}))),
            looped(json!({"is_error": true})),
            "",
        ),
        plain(
            "JSON schema",
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": schema()}}}),
            "probe_a",
        ),
        plain(
            "JSON of any kind",
            json!({"response_format": {"type": "json_object"}}),
            "",
        ),
        probe(
            "reasoning effort",
            &with(&base, &json!({"max_tokens": 4096})),
            json!({"reasoning_effort": "low"}),
            "",
        ),
        plain("`max_tokens`", json!({"max_tokens": 77}), "77"),
        plain("`temperature`", json!({"temperature": 0.25}), "0.25"),
        plain("`top_p`", json!({"top_p": 0.75}), "0.75"),
        plain("`stop`", json!({"stop": ["probe-stop"]}), "probe-stop"),
        plain("`seed`", json!({"seed": 77123}), "77123"),
        plain("`n`", json!({"n": 3}), "3"),
        plain(
            "`frequency_penalty`",
            json!({"frequency_penalty": 0.375}),
            "0.375",
        ),
        plain(
            "`presence_penalty`",
            json!({"presence_penalty": 0.375}),
            "0.375",
        ),
        plain("`logit_bias`", json!({"logit_bias": {"77123": 1}}), "77123"),
        plain(
            "`logprobs`",
            json!({"logprobs": true, "top_logprobs": 3}),
            "3",
        ),
        plain("`user`", json!({"user": "probe-user"}), "probe-user"),
        plain(
            "`metadata`",
            json!({"metadata": {"probe": "probe-meta"}}),
            "probe-meta",
        ),
        plain(
            "`service_tier`",
            json!({"service_tier": "priority"}),
            "priority",
        ),
        plain("`verbosity`", json!({"verbosity": "low"}), "low"),
        plain(
            "`prompt_cache_key`",
            json!({"prompt_cache_key": "probe-key"}),
            "probe-key",
        ),
        plain("`store`", json!({"store": true}), "store"),
        plain(
            "a member that nobody knows",
            json!({"probe_member": "probe-value"}),
            "probe-value",
        ),
    ]
}

fn messages() -> Vec<Probe> {
    let user = |content: Value| json!({"role": "user", "content": content});
    let base = json!({"model": "m", "max_tokens": 64, "messages": [user(json!("hi"))]});
    let said = |messages: Value| json!({ "messages": messages });
    let text = with(
        &base,
        &said(json!([user(json!([{"type": "text", "text": "hi"}]))])),
    );
    let part = |part: Value| said(json!([user(json!([{"type": "text", "text": "hi"}, part]))]));
    let tools =
        json!({"tools": [{"name": "probe_f", "description": "d", "input_schema": schema()}]});
    let tooled = with(&base, &tools);
    let choice = |choice: Value| json!({ "tool_choice": choice });
    let call = json!({"type": "tool_use", "id": "toolu_12345", "name": "probe_f", "input": {"probe_a": "b"}});
    let looped = |more: Value| {
        let result =
            json!({"type": "tool_result", "tool_use_id": "toolu_12345", "content": "probe-result"});
        said(
            json!([user(json!("hi")), {"role": "assistant", "content": [call]}, user(json!([with(&result, &more)]))]),
        )
    };
    let source =
        |kind: &str, data: &str| json!({"type": "base64", "media_type": kind, "data": data});
    let plain = |name, more, needle| probe(name, &base, more, needle);
    vec![
        plain(
            "system text",
            json!({"system": "probe-system"}),
            "probe-system",
        ),
        plain(
            "earlier turns",
            said(
                json!([user(json!("hi")), {"role": "assistant", "content": "probe-turn"}, user(json!("go on"))]),
            ),
            "probe-turn",
        ),
        plain(
            "an answer begun",
            said(json!([user(json!("hi")), {"role": "assistant", "content": "probe-begun"}])),
            "probe-begun",
        ),
        probe(
            "picture by address",
            &text,
            part(json!({"type": "image", "source": {"type": "url", "url": "https://h/probe.png"}})),
            "https://h/probe.png",
        ),
        probe(
            "picture in base64",
            &text,
            part(json!({"type": "image", "source": source("image/png", PNG)})),
            PNG,
        ),
        probe(
            "document in base64",
            &text,
            part(json!({"type": "document", "source": source("application/pdf", PDF)})),
            PDF,
        ),
        probe(
            "cache marker",
            &text,
            said(json!([user(
                json!([{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}])
            )])),
            "",
        ),
        plain("tools", tools, "probe_a"),
        probe(
            "tool choice `auto`",
            &tooled,
            choice(json!({"type": "auto"})),
            "",
        ),
        probe(
            "tool choice `none`",
            &tooled,
            choice(json!({"type": "none"})),
            "",
        ),
        probe(
            "tool choice `any`",
            &tooled,
            choice(json!({"type": "any"})),
            "",
        ),
        probe(
            "tool choice: one tool",
            &tooled,
            choice(json!({"type": "tool", "name": "probe_f"})),
            "",
        ),
        probe(
            "no parallel tools",
            &with(&tooled, &choice(json!({"type": "auto"}))),
            choice(json!({"type": "auto", "disable_parallel_tool_use": true})),
            "",
        ),
        probe(
            "calls and their results",
            &tooled,
            looped(json!({})),
            "probe-result",
        ),
        probe(
            "a result that is an error",
            &with(&tooled, &looped(json!({}))),
            looped(json!({"is_error": true})),
            "",
        ),
        plain(
            "JSON schema",
            json!({"output_config": {"format": {"type": "json_schema", "schema": schema()}}}),
            "probe_a",
        ),
        probe(
            "thinking",
            &with(&base, &json!({"max_tokens": 4096})),
            json!({"thinking": {"type": "enabled", "budget_tokens": 2048}}),
            "",
        ),
        plain("`max_tokens`", json!({"max_tokens": 77}), "77"),
        plain("`temperature`", json!({"temperature": 0.25}), "0.25"),
        plain("`top_p`", json!({"top_p": 0.75}), "0.75"),
        plain("`top_k`", json!({"top_k": 77}), "77"),
        plain(
            "`stop_sequences`",
            json!({"stop_sequences": ["probe-stop"]}),
            "probe-stop",
        ),
        plain(
            "`metadata.user_id`",
            json!({"metadata": {"user_id": "probe-user"}}),
            "probe-user",
        ),
        plain(
            "a member that nobody knows",
            json!({"probe_member": "probe-value"}),
            "probe-value",
        ),
    ]
}

fn responses() -> Vec<Probe> {
    let user = |content: Value| json!({"type": "message", "role": "user", "content": content});
    let base = json!({"model": "m", "max_output_tokens": 64, "input": [user(json!("hi"))]});
    let said = |input: Value| json!({ "input": input });
    let text = with(
        &base,
        &said(json!([user(json!([{"type": "input_text", "text": "hi"}]))])),
    );
    let part = |part: Value| {
        said(json!([user(
            json!([{"type": "input_text", "text": "hi"}, part])
        )]))
    };
    let tools = json!({"tools": [{"type": "function", "name": "probe_f", "description": "d", "parameters": schema(), "strict": true}]});
    let tooled = with(&base, &tools);
    let choice = |choice: Value| json!({ "tool_choice": choice });
    let looped = said(json!([user(json!("hi")),
        {"type": "function_call", "call_id": "call_12345", "name": "probe_f", "arguments": "{\"probe_a\":\"b\"}"},
        {"type": "function_call_output", "call_id": "call_12345", "output": "probe-result"}]));
    let turn = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "probe-turn"}]});
    let plain = |name, more, needle| probe(name, &base, more, needle);
    vec![
        plain(
            "`instructions`",
            json!({"instructions": "probe-system"}),
            "probe-system",
        ),
        plain(
            "earlier turns",
            said(json!([user(json!("hi")), turn, user(json!("go on"))])),
            "probe-turn",
        ),
        probe(
            "picture by address",
            &text,
            part(json!({"type": "input_image", "image_url": "https://h/probe.png"})),
            "https://h/probe.png",
        ),
        probe(
            "picture in base64",
            &text,
            part(
                json!({"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}")}),
            ),
            PNG,
        ),
        probe(
            "document in base64",
            &text,
            part(
                json!({"type": "input_file", "filename": "probe.pdf", "file_data": format!("data:application/pdf;base64,{PDF}")}),
            ),
            PDF,
        ),
        plain("tools", tools, "probe_a"),
        probe("tool choice `auto`", &tooled, choice(json!("auto")), ""),
        probe("tool choice `none`", &tooled, choice(json!("none")), ""),
        probe(
            "tool choice `required`",
            &tooled,
            choice(json!("required")),
            "",
        ),
        probe(
            "tool choice: one tool",
            &tooled,
            choice(json!({"type": "function", "name": "probe_f"})),
            "",
        ),
        probe(
            "no parallel tools",
            &tooled,
            json!({"parallel_tool_calls": false}),
            "",
        ),
        probe("calls and their results", &tooled, looped, "probe-result"),
        plain(
            "JSON schema",
            json!({"text": {"format": {"type": "json_schema", "name": "n", "strict": true, "schema": schema()}}}),
            "probe_a",
        ),
        plain(
            "JSON of any kind",
            json!({"text": {"format": {"type": "json_object"}}}),
            "",
        ),
        probe(
            "reasoning effort",
            &with(&base, &json!({"max_output_tokens": 4096})),
            json!({"reasoning": {"effort": "low"}}),
            "",
        ),
        plain(
            "`max_output_tokens`",
            json!({"max_output_tokens": 77}),
            "77",
        ),
        plain("`temperature`", json!({"temperature": 0.25}), "0.25"),
        plain("`top_p`", json!({"top_p": 0.75}), "0.75"),
        plain("`user`", json!({"user": "probe-user"}), "probe-user"),
        plain(
            "`metadata`",
            json!({"metadata": {"probe": "probe-meta"}}),
            "probe-meta",
        ),
        plain(
            "`service_tier`",
            json!({"service_tier": "priority"}),
            "priority",
        ),
        plain(
            "`text.verbosity`",
            json!({"text": {"verbosity": "low"}}),
            "low",
        ),
        plain(
            "`prompt_cache_key`",
            json!({"prompt_cache_key": "probe-key"}),
            "probe-key",
        ),
        plain("`truncation`", json!({"truncation": "auto"}), "auto"),
    ]
}

#[test]
fn nothing_is_lost_in_silence() {
    let mut wrong = Vec::new();
    for (path, _) in FACES {
        for (name, cells) in rows(path) {
            for ((wire, _), cell) in WIRES.iter().zip(cells) {
                if [LOST, UNREFUSED, UNTOLD].contains(&cell) {
                    wrong.push(format!("{name} from {path} to {wire}: {cell}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a conversation is made of reaches every provider that has conversations.
#[test]
fn what_must_survive_does() {
    const MUST: &[&str] = &[
        "system text",
        "`instructions`",
        "earlier turns",
        "tools",
        "calls and their results",
        "`temperature`",
        "`top_p`",
    ];
    for (path, _) in FACES {
        for (name, cells) in rows(path) {
            for ((wire, _), cell) in WIRES.iter().zip(cells) {
                if MUST.contains(&name.as_str()) && *wire != "openai_completions" {
                    // Of the two ways to draw, newer Claude takes one; they are asked for one at a time here.
                    assert!(
                        matches!(cell, "yes" | "converted"),
                        "{name} from {path} to {wire}: {cell}"
                    );
                }
            }
        }
    }
}
