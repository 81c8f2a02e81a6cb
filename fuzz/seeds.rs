//! First inputs for every target, and dictionaries of the words in them: `fuzz-seeds FOLDER` writes `FOLDER/TARGET/*` and
//! `FOLDER/TARGET.dict`. Bytes come from tests/vectors, from the scripted provider and from the documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use libllm_proto::mock::{Ask, Dialect, Script, Step, Turn, answer};
use libllm_proto::provider::rows;
use libllm_proto::{Batch, Event, Finish};
use serde_json::Value;

fn main() -> io::Result<()> {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "target/fuzz/seeds".to_owned());
    let mut seeds = Seeds::default();
    vectors(&mut seeds)?;
    played(&mut seeds);
    written(&mut seeds)?;
    for (target, inputs) in &seeds.0 {
        let place = Path::new(&folder).join(target);
        fs::create_dir_all(&place)?;
        for (number, input) in inputs.iter().enumerate() {
            fs::write(place.join(format!("seed-{number:03}")), input)?;
        }
        fs::write(place.with_extension("dict"), dictionary(inputs))?;
    }
    Ok(())
}

/// Inputs by target.
#[derive(Default)]
struct Seeds(BTreeMap<String, BTreeSet<Vec<u8>>>);

impl Seeds {
    fn add(&mut self, target: &str, input: impl Into<Vec<u8>>) {
        let input = input.into();
        if input.len() <= SEED_MAX {
            self.0.entry(target.to_owned()).or_default().insert(input);
        }
    }

    /// With choices before it: the first byte as given, a limit that cuts nothing usual, and a place in the middle.
    fn add_chosen(&mut self, target: &str, choice: u8, bytes: &[u8]) {
        let middle = (bytes.len() / 2) as u16;
        let [low, high] = middle.to_le_bytes();
        let mut input = vec![choice, 200, low, high];
        input.extend_from_slice(bytes);
        self.add(target, input);
    }
}

fn vectors(seeds: &mut Seeds) -> io::Result<()> {
    for case in cases("sse_cases")? {
        seeds.add_chosen("sse", 64, &base64(&case["input_b64"]));
    }
    for case in cases("framing")? {
        let bytes = base64(&case["input_b64"]);
        match case["framing"].as_str().unwrap_or_default() {
            "ndjson" => seeds.add_chosen("ndjson", 64, &bytes),
            "json_array" => seeds.add_chosen("json_array", 64, &bytes),
            _ => seeds.add_chosen("sse", 64, &bytes),
        }
        seeds.add_chosen("body", 255, &bytes);
    }
    for case in cases("eventstream_cases")? {
        let stream = base64(&case["input_b64"]);
        seeds.add_chosen("event_stream", 255, &stream);
        // The first message, taken apart again.
        if let Some((headers, payload)) = first_message(&stream) {
            let mut parts = vec![headers.len() as u8, payload.len() as u8];
            parts.extend([headers, payload].concat());
            parts.extend(parts.clone());
            seeds.add_chosen("event_stream_sealed", 255, &parts);
        }
    }
    for case in cases("json_limits")? {
        seeds.add("json", base64(&case["input_b64"]));
    }
    for case in cases("retry_after")? {
        seeds.add_chosen("retry_after", 60, &head_and_body(&case["headers"], b""));
    }
    for case in cases("malformed_responses")? {
        let body = base64(&case["body_b64"]);
        let json = case["headers"]["content-type"] == "application/json";
        match case["dialect"].as_str().unwrap_or_default() {
            "openai-chat" => seeds.add_chosen("openai_chat", u8::from(json), &body),
            "anthropic" => seeds.add_chosen("anthropic", u8::from(json), &body),
            _ => {}
        }
        let refusal = head_and_body(&case["headers"], &body);
        seeds.add_chosen(
            "refusal",
            case["status"].as_u64().unwrap_or_default() as u8,
            &refusal,
        );
        seeds.add_chosen("retry_after", 60, &refusal);
    }
    Ok(())
}

/// Headers and payload of a stream's first message, where a byte can say their lengths.
fn first_message(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let number = |at: usize| {
        stream
            .get(at..at + 4)?
            .try_into()
            .ok()
            .map(u32::from_be_bytes)
    };
    let (total, headers) = (number(0)? as usize, number(4)? as usize);
    let rest = stream.get(12..total.checked_sub(4)?)?;
    let (headers, payload) = rest.split_at_checked(headers)?;
    (headers.len() < 256 && payload.len() < 256).then_some((headers, payload))
}

fn cases(name: &str) -> io::Result<Vec<Value>> {
    let text = fs::read(root().join(format!("tests/vectors/{name}.json")))?;
    let file: Value = serde_json::from_slice(&text)?;
    Ok(file["cases"].as_array().cloned().unwrap_or_default())
}

fn head_and_body(headers: &Value, body: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for (name, value) in headers.as_object().into_iter().flatten() {
        text.push_str(&format!("{name}: {}\n", value.as_str().unwrap_or_default()));
    }
    text.push('\n');
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Answers as the scripted provider gives them, in each of its dialects, as a stream and as one object.
fn played(seeds: &mut Seeds) {
    for text in SCRIPTS {
        seeds.add_chosen("script", 1, text.as_bytes());
        let Ok(script) = Script::parse(text) else {
            continue;
        };
        let script = Arc::new(script);
        for (dialect, target) in DIALECTS {
            for stream in [true, false] {
                let answer = play(&script, *dialect, stream);
                seeds.add_chosen(target, u8::from(!stream), &answer);
                if stream {
                    seeds.add_chosen("passed", 255, &answer);
                }
            }
        }
    }
}

fn play(script: &Arc<Script>, dialect: Dialect, stream: bool) -> Vec<u8> {
    let ask = Ask::chat(dialect, "m", stream, "say this");
    let turn = Turn {
        number: 1,
        attempt: 1,
        created: 1,
    };
    let mut bytes = Vec::new();
    for step in answer(script, &ask, turn).body {
        if let Step::Bytes(piece) = step {
            bytes.extend_from_slice(&piece);
        }
    }
    bytes
}

/// What callers post, each in the format of its face, towards every wire in turn.
fn posted(seeds: &mut Seeds) {
    let chats = REQUESTS.iter().map(|body| (0, body));
    for (face, body) in chats.chain(POSTED.iter().map(|(face, body)| (*face, body))) {
        for wire in 0..WIRES {
            let mut input = vec![0, face, wire, 0];
            input.extend_from_slice(body.as_bytes());
            seeds.add("posted", input);
        }
    }
}

/// Answers of what is asked beside conversations, to every wire and operation in turn; which is which is the target's to say.
fn operations(seeds: &mut Seeds) {
    for asked in 0..ASKED {
        for answer in RESULTS {
            seeds.add_chosen("operations", asked, answer.as_bytes());
        }
    }
}

fn written(seeds: &mut Seeds) -> io::Result<()> {
    posted(seeds);
    operations(seeds);
    for (number, request) in REQUESTS.iter().enumerate() {
        for row in [0, 20, 40, 60] {
            seeds.add_chosen("request", number as u8, request.as_bytes());
            let mut input = vec![row & 3, row, row, 0];
            input.extend_from_slice(request.as_bytes());
            seeds.add("request", input);
        }
    }
    for name in ["docs/config.md", "README.md"] {
        for (number, block) in fs::read_to_string(root().join(name))?
            .split("```")
            .enumerate()
        {
            if let Some(text) = block.strip_prefix("toml\n").filter(|_| number % 2 == 1) {
                seeds.add("config", text);
            }
        }
    }
    for (target, lines) in ANSWERS {
        for end in ["\n", "\r\n"] {
            seeds.add_chosen(target, 0, lines.replace('\n', end).as_bytes());
        }
        // As the one line that is no stream.
        let last = lines.trim_end().lines().last().unwrap_or_default();
        seeds.add_chosen(target, 1, last.trim_start_matches("data: ").as_bytes());
        seeds.add_chosen(target, 128, last.as_bytes());
    }
    PROXIES.iter().for_each(|text| seeds.add("proxy", *text));
    CONFIGS.iter().for_each(|text| seeds.add("config", *text));
    OPTIONS.iter().for_each(|text| seeds.add("options", *text));
    rows()
        .iter()
        .step_by(7)
        .for_each(|row| seeds.add("url", row.base_url));
    URLS.iter().for_each(|text| seeds.add("url", *text));
    for calls in CALLS {
        seeds.add("abi", *calls);
    }
    let (mut batch, mut packed) = (Batch::new(), Vec::new());
    batch.push(0, Event::Text("hello"));
    let (reason, raw) = (Some(Finish::Stop), Some("end_turn"));
    batch.push(0, Event::Finish { reason, raw });
    batch.pack(&mut packed);
    seeds.add("packed", packed);
    Ok(())
}

/// What stands in quotes, and what stands before a colon or an equals sign: names that no fuzzer guesses.
fn dictionary(inputs: &BTreeSet<Vec<u8>>) -> String {
    let mut words = BTreeSet::new();
    for input in inputs {
        let text = String::from_utf8_lossy(input);
        let quoted = text.split('"').skip(1).step_by(2);
        let named = text.split(['\n', '{', ',', ';', '=', ' ', '"', ':']);
        for word in quoted.chain(named) {
            let plain = word
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
            if plain && (2..=40).contains(&word.len()) {
                words.insert(word.to_owned());
            }
        }
    }
    words
        .iter()
        .take(400)
        .map(|word| format!("\"{word}\"\n"))
        .collect()
}

fn base64(value: &Value) -> Vec<u8> {
    libllm_proto::base64::decode(value.as_str().unwrap_or_default()).expect("base64 in a vector")
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Longer vectors are tests' work: a fuzzer is quick on short inputs.
const SEED_MAX: usize = 4096;

const DIALECTS: &[(Dialect, &str)] = &[
    (Dialect::OpenaiChat, "openai_chat"),
    (Dialect::OpenaiResponses, "openai_responses"),
    (Dialect::OpenaiCompletions, "openai_completions"),
    (Dialect::Anthropic, "anthropic"),
    (Dialect::Gemini, "gemini"),
    (Dialect::GeminiArray, "gemini"),
    (Dialect::Bedrock, "bedrock_converse"),
];

const SCRIPTS: &[&str] = &[
    "echo",
    "tokens=3",
    "text=a%20%22b%22%20%C3%A9%F0%9F%98%80",
    "tokens=4;reasoning=2;pace=1ms;chunk=7",
    "tokens=2;tool=f:%7B%22a%22%3A1%7D;tool=g:%7B%7D",
    "tokens=2;n=2;usage=none;keepalive=1s",
    "refusal=no",
    "status=429;times=2;retry_after=1;body=html",
    "status=500;body=empty",
    "tokens=5;error=overloaded;at=2",
    "tokens=5;cut=rst;at=3",
    "tokens=5;cut=chunk;at=head",
    "tokens=5;stall=5s;at=1;garbage;at=2",
    "tokens=3;finish=length;jitter=1ms;ttft=2ms",
];

const REQUESTS: &[&str] = &[
    r#"{"model":"p/m","messages":[{"role":"user","content":"hi"}]}"#,
    r#"{"messages":[{"role":"system","content":"s"},{"role":"developer","content":"d"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk=","detail":"low"}},{"type":"image_url","image_url":{"url":"https://h/i.png"}}]}],"max_tokens":5,"temperature":0.50,"top_p":1,"stop":["a","b"],"n":2,"stream":true,"stream_options":{"include_usage":true},"seed":1,"user":"u","logit_bias":{"5":1}}"#,
    r#"{"model":"m","messages":[{"role":"user","content":"w"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"call_1","content":"4"}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"integer"}}},"strict":true}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{}}}}"#,
    r#"{"model":"m","messages":[{"role":"user","content":"x","cache_control":{"type":"ephemeral"}},{"role":"assistant","content":"y","reasoning_content":"z","libllm":{"parts":[{"provider":"anthropic","kind":"signature","index":0,"json":{"type":"thinking"}}]}},{"role":"user","content":"x"}],"reasoning_effort":"high","thinking":{"type":"enabled","budget_tokens":1024},"max_completion_tokens":9000,"extra_body":{"a":[1.50,1e400]},"metadata":{"k":"v"},"top_k":4,"service_tier":"auto"}"#,
    r#"{"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}},{"type":"file","file":{"file_id":"f","filename":"n.pdf","file_data":"data:application/pdf;base64,aGk="}}]},{"role":"assistant","refusal":"no"}],"audio":{"voice":"v"},"modalities":["text"],"functions":[{"name":"f"}],"function_call":"auto"}"#,
];

/// More than there are: a wire is chosen by the remainder.
const WIRES: u8 = 12;

/// The place of a face in the target's list, and a body of its format.
const POSTED: &[(u8, &str)] = &[
    (
        1,
        r#"{"model":"m","max_tokens":8,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"c2ln"},{"type":"redacted_thinking","data":"eA=="},{"type":"tool_use","id":"t1","name":"f","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"4"}],"is_error":false}]}],"tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"f"},"thinking":{"type":"enabled","budget_tokens":1024},"stop_sequences":["x"],"top_k":4,"stream":true}"#,
    ),
    (
        2,
        r#"{"model":"m","instructions":"s","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"data:image/png;base64,aGk="}]},{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"eA=="},{"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1}"},{"type":"function_call_output","call_id":"c1","output":"4"}],"tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":true}],"text":{"format":{"type":"json_schema","name":"n","schema":{}}},"reasoning":{"effort":"low"},"max_output_tokens":9,"store":false,"include":["reasoning.encrypted_content"],"stream":true}"#,
    ),
    (2, r#"{"model":"m","input":"hi"}"#),
];

const CONFIGS: &[&str] = &[
    r#"{"default_model":"a","models":{"a":{"targets":["openai/m",{"model":"mock/echo","timeouts":{"first_token":1.5}}],"strategy":"order","fallbacks":{"any":["mock/echo"]}}},"providers":{"p":{"wire":"openai_chat","base_url":"http://h/v1","auth":"bearer","api_key":"env:K","headers":{"x-a":"b"},"quirks":{"terminal_marker":"none","stream_usage":false},"timeouts":{"idle":1}}},"timeouts":{"connect":1,"total_unary":"never"},"retry":{"max_attempts":2,"on_partial":"error"},"params":{"unsupported":"error"},"memory":{"per_stream":"1 MiB","max_event":65536},"runtime":{"threads":2}}"#,
    "[providers.openai]\napi_key = \"file:k\"\norganization = \"o\"\n\n[[models.a.targets]]\nmodel = \"openai/gpt-5\"\n",
    "[providers.p]\nwire = \"anthropic\"\nbase_url = \"https://h\"\nauth = \"header:x-key\"\napi_key = \"sk-1\"\nidle_pool_s = 4\ntls = { ca_file = \"k\", server_name = \"n\" }\n",
    "# 1\n[timeouts]\nfirst_token = 0x10\nidle = 1_0\nkeepalive_only = inf\nconsumer_stall = 1979-05-27\n[memory]\nper_process = 512\n",
];

const OPTIONS: &[&str] = &[
    r#"{"timeout_ms":-1,"first_token_timeout_ms":20,"idle_timeout_ms":0,"max_attempts":2,"fallbacks":["a","b/c"],"on_partial":"error","unsupported":"pass"}"#,
    r#"{"headers":{"X-Team":"t"},"base_url":"http://h/v1/","api_key":"k","idempotency_key":"i","extra_body":{"a":[1.50]}}"#,
    r#"{"strategy":"order","cache":true}"#,
];

/// Answers in the dialects that the scripted provider does not play to this program.
const ANSWERS: &[(&str, &str)] = &[
    (
        "cohere",
        r#"data: {"type":"message-start","id":"c1","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}

data: {"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will"}}}

data: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}

data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi \ud83d"}}}}

data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"so"}}}}

data: {"type":"content-end","index":0}

data: {"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"t1","type":"function","function":{"name":"f","arguments":""}}}}}

data: {"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"a\":1}"}}}}}

data: {"type":"tool-call-end","index":0}

data: {"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":2,"text":"Hi","sources":[]}}}}

data: {"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":3,"output_tokens":2},"tokens":{"input_tokens":9,"output_tokens":2}}}}

"#,
    ),
    (
        "cohere",
        r#"{"id":"c1","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":"Hi"}],"tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{}"}}]},"usage":{"tokens":{"input_tokens":9,"output_tokens":2}}}"#,
    ),
    (
        "cohere_v1",
        r#"{"is_finished":false,"event_type":"stream-start","generation_id":"g1"}
{"is_finished":false,"event_type":"text-generation","text":"Hi"}
{"is_finished":false,"event_type":"citation-generation","citations":[{"start":0,"end":2,"text":"Hi","document_ids":["d"]}]}
{"is_finished":false,"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":{"a":1}}]}
{"is_finished":true,"event_type":"stream-end","finish_reason":"COMPLETE","response":{"text":"Hi","generation_id":"g1","meta":{"tokens":{"input_tokens":3,"output_tokens":2}}}}
"#,
    ),
    (
        "cohere_v1",
        r#"{"text":"Hi","generation_id":"g1","finish_reason":"MAX_TOKENS","tool_calls":[{"name":"f","parameters":{}}],"meta":{"billed_units":{"input_tokens":3,"output_tokens":2}}}"#,
    ),
    (
        "ollama",
        r#"{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"Hi","thinking":"so"},"done":false}
{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}
{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":""},"done_reason":"stop","done":true,"prompt_eval_count":3,"eval_count":2}
"#,
    ),
    (
        "ollama",
        r#"{"model":"m","response":"Hi","done":false}
{"error":"model fell over"}
{"model":"m","response":"","done":true,"done_reason":"length","eval_count":2}
"#,
    ),
    (
        "gemini",
        r#"data: {"candidates":[{"content":{"parts":[{"text":"Hm","thought":true}],"role":"model"},"index":0}],"modelVersion":"g","responseId":"r"}

data: {"candidates":[{"content":{"parts":[{"text":"Hi \ud83d"},{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2ln"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"thoughtsTokenCount":4,"totalTokenCount":9}}

"#,
    ),
    (
        "gemini",
        r#"[{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"aGk="}},{"executableCode":{"code":"1"}}]},"index":1}]}
,
{"promptFeedback":{"blockReason":"SAFETY"},"candidates":[{"finishReason":"MAX_TOKENS","index":1,"groundingMetadata":{"a":1}}]}]"#,
    ),
    (
        "bedrock_converse",
        r#"{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"Hm","signature":"s"}}},{"text":"Hi"},{"toolUse":{"toolUseId":"t","name":"f","input":{"a":1}}},{"citationsContent":{"content":[{"text":"b"}],"citations":[{}]}}]}},"stopReason":"tool_use","usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}"#,
    ),
    (
        "bedrock_invoke",
        r#"{"inputTextTokenCount":3,"results":[{"tokenCount":2,"outputText":"Hi","completionReason":"FINISH"}]}"#,
    ),
    (
        "bedrock_invoke",
        r#"{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#,
    ),
];

/// As many as there are pairs of a wire and what is answered in one piece.
const ASKED: u8 = 27;

const RESULTS: &[&str] = &[
    r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1e-3]},{"index":1,"embedding":"AACAPw=="}],"model":"m","usage":{"prompt_tokens":2,"total_tokens":2}}"#,
    r#"{"embeddings":{"float":[[1,2.5]],"int8":[[1,-128]],"base64":["AACAPw=="]},"embedding":{"values":[1]},"predictions":[{"embeddings":{"values":[2],"statistics":{"token_count":5}}}],"meta":{"billed_units":{"input_tokens":5}}}"#,
    r#"{"embeddings":[{"values":[1,2]}],"embedding":[3],"embeddingsByType":{"float":[1]},"inputTextTokenCount":3,"prompt_eval_count":5,"usageMetadata":{"promptTokenCount":3}}"#,
    r#"{"id":"r","model":"m","results":[{"index":1,"relevance_score":0.9,"document":{"text":"a"},"flagged":true,"categories":{"violence":true},"category_scores":{"violence":0.9}}],"usage":{"total_tokens":9}}"#,
    r#"{"data":[{"id":"a","owned_by":"x","b64_json":"aGk=","url":"u"}],"models":[{"name":"models/a"}],"has_more":true,"last_id":"a","nextPageToken":"n","created":1}"#,
    r#"{"text":"hi","usage":{"input_tokens":5},"input_tokens":17,"totalTokens":7}"#,
    r#"{"error":{"message":"over","type":"rate_limit","code":429}}"#,
];

const PROXIES: &[&str] = &[
    "http://user:pass%40@p.example:8080/\n.example.com,10.0.0.0/8,[::1]:80,*",
    "socks5h://[::1]:1080\nlocalhost,h:443",
    "https://p\n192.168.0.0/16, fe80::/10 ,a.b.",
    "p:3128",
    "socks5://:@p:0",
];

const URLS: &[&str] = &[
    "http://localhost:11434",
    "0.0.0.0:11434/",
    "https://[::1]:8080/v1/",
    "[::]:80",
    "HTTP://user:pw@h/",
    "https://h/?a=b#c",
    "https://h.example:443//a//b/",
    "//h",
    ":80",
];

const CALLS: &[&[u8]] = &[
    // A client and a queue; two requests; polls until they are over.
    &[
        0, 0, 0, 1, 0, 0, 2, 0, 0, 2, 1, 0, 5, 132, 0, 5, 132, 0, 5, 132, 0,
    ],
    // Cancelled, paused and resumed in flight.
    &[
        0, 1, 0, 1, 3, 0, 2, 4, 0, 2, 3, 0, 9, 0, 1, 8, 1, 0, 5, 132, 0, 9, 0, 0, 5, 132, 0,
    ],
    // Blocking calls, a reload, metrics, a wake callback.
    &[
        0, 2, 0, 11, 0, 2, 12, 0, 37, 10, 0, 3, 18, 0, 0, 1, 0, 0, 17, 1, 0, 2, 2, 0, 17, 2, 0,
    ],
    // Handles freed under running requests; NULL.
    &[
        0, 0, 0, 1, 1, 0, 2, 3, 0, 2, 12, 0, 14, 0, 0, 16, 0, 0, 19, 2, 0, 19, 5, 0,
    ],
    // Closing, draining, logging to a queue.
    &[
        0, 0, 0, 1, 0, 0, 18, 11, 0, 2, 9, 0, 2, 7, 0, 13, 0, 0, 15, 0, 2, 5, 132, 0, 18, 1, 0,
    ],
];
