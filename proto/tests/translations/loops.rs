//! A loop of tools with signed thinking: what a provider signed goes back to it byte for byte through every caller's format, and to
//! nobody else.

use libllm_proto::wire::Unsupported;
use serde_json::{Value, json};

use super::answers::{hear, written};
use super::asked::{Asked, ask};
use super::provider::{self, Holds, SIGNATURE, Said};
use super::{FACES, WIRES};

/// The wires whose answers are signed, and the text between the quotes that must go back.
const SIGNING: &[(&str, &str)] = &[
    ("anthropic", "bW9jay1zaWduYXR1cmU"),
    ("vertex_anthropic", "bW9jay1zaWduYXR1cmU"),
    ("bedrock_invoke", "bW9jay1zaWduYXR1cmU"),
    ("openai_responses", "bW9jay1yZWFzb25pbmc"),
    ("bedrock_converse", SIGNATURE),
    ("gemini", SIGNATURE),
    ("vertex", SIGNATURE),
];

const CLAUDE: [&str; 3] = ["anthropic", "vertex_anthropic", "bedrock_invoke"];

/// The next request of a loop: the question, the answer in the caller's own format, and the tool's result.
fn next(path: &str, answer: &Value) -> Value {
    let parameters = json!({"type": "object", "properties": {"probe": {"type": "array"}}});
    match path {
        "/v1/chat/completions" => {
            let turn = &answer["choices"][0]["message"];
            let id = &turn["tool_calls"][0]["id"];
            json!({"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}, turn,
                {"role": "tool", "tool_call_id": id, "content": "probe-result"}],
                "tools": [{"type": "function", "function": {"name": "probe_f", "parameters": parameters}}]})
        }
        "/v1/messages" => {
            let blocks = answer["content"].as_array().unwrap();
            let call = blocks
                .iter()
                .find(|block| block["type"] == "tool_use")
                .unwrap();
            let result = json!({"type": "tool_result", "tool_use_id": call["id"], "content": "probe-result"});
            json!({"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"},
                {"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}],
                "tools": [{"name": "probe_f", "input_schema": parameters}]})
        }
        _ => {
            let mut input = vec![json!({"type": "message", "role": "user", "content": "hi"})];
            let output = answer["output"].as_array().unwrap();
            input.extend(output.iter().cloned());
            let call = output
                .iter()
                .find(|item| item["type"] == "function_call")
                .unwrap();
            input.push(json!({"type": "function_call_output", "call_id": call["call_id"], "output": "probe-result"}));
            json!({"model": "m", "max_output_tokens": 64, "input": input,
                "tools": [{"type": "function", "name": "probe_f", "parameters": parameters, "strict": false}]})
        }
    }
}

fn model(wire: &str) -> (&'static str, &'static str) {
    *WIRES.iter().find(|(name, _)| *name == wire).unwrap()
}

/// The second request of a loop that began at `from` and goes on at `to`.
fn looped(
    path: &str,
    from: &str,
    to: &str,
    mode: Unsupported,
) -> Result<Asked, libllm_proto::Error> {
    let Said { head, pieces } = provider::answer(from, Holds::Call, false);
    let (batches, ending) = hear(from, head, provider::operation(from), false, &pieces);
    ending.unwrap();
    let bytes = written(path, from, &batches, false);
    let answer: Value = serde_json::from_slice(&bytes).unwrap();
    ask(path, model(to), &next(path, &answer), mode)
}

#[test]
fn what_a_provider_signed_goes_back_to_it_byte_for_byte() {
    for (path, _) in FACES {
        for (wire, signature) in SIGNING {
            let asked = looped(path, wire, wire, Unsupported::Drop).unwrap();
            let place = format!("{wire} through {path}");
            // Thoughts that nobody signed may stay here; what is signed may not.
            let mut dropped = asked.dropped.iter();
            let told = dropped.find(|told| !told.param.ends_with("reasoning"));
            assert!(told.is_none(), "{place}: {told:?}");
            assert!(asked.body.contains(signature), "{place}: {}", asked.body);
            assert!(
                asked.body.contains("probe-result") && asked.body.contains("probe_f"),
                "{place}"
            );
        }
    }
}

#[test]
fn what_another_provider_signed_is_dropped_and_told() {
    let mut wrong = Vec::new();
    for (path, _) in FACES {
        for (from, signature) in SIGNING {
            for (to, _) in WIRES {
                // Claude's signatures hold wherever it is served; where its own format carries them, nothing else is said of them.
                let same = path == "/v1/messages" && CLAUDE.contains(from) && CLAUDE.contains(&to);
                // A completion has no earlier turns.
                if to == *from || same || to == "openai_completions" {
                    continue;
                }
                let asked = looped(path, from, to, Unsupported::Drop).unwrap();
                let told = asked.dropped.iter().any(|told| told.action == "dropped");
                if asked.body.contains(signature) || !asked.body.contains("probe-result") || !told {
                    let said = (&asked.body, &asked.dropped);
                    wrong.push(format!("{from} to {to} through {path}: {said:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
