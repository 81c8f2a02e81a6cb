//! Providers' scripted answers, each in its wire's own dialect: those of `libllm mock` where it speaks it, else written here.

use super::support::aws;
use http::HeaderName;
use libllm_proto::base64;
use libllm_proto::mock::{self, Ask, Dialect, Kind, Scripts, Step, Turn};
use libllm_proto::wire::{Head, Operation};
use serde_json::{Value, json};

/// A head and a body, in pieces as they would leave.
pub(crate) struct Said {
    pub(crate) head: Head,
    pub(crate) pieces: Vec<Vec<u8>>,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Text,
    /// Text behind reasoning.
    Reasoning,
    /// Reasoning, and a call.
    Call,
}

pub(crate) const TEXT: &str = "The \"answer\"\n\u{e9}";
pub(crate) const ARGS: &str = r#"{"probe":["b",1.5]}"#;

/// The operation by which a wire is asked.
pub(crate) fn operation(wire: &str) -> Operation {
    match wire {
        "openai_completions" => Operation::Completion,
        _ => Operation::Chat,
    }
}

/// Whether the wire's answers can hold it.
pub(crate) fn can_say(wire: &str, holds: Holds) -> bool {
    match wire {
        "openai_completions" => holds == Holds::Text,
        "cohere_v1" => holds != Holds::Reasoning,
        _ => true,
    }
}

/// A good answer.
pub(crate) fn answer(wire: &str, holds: Holds, stream: bool) -> Said {
    if let Some(dialect) = dialect(wire) {
        let reasons = if wire == "cohere_v1" {
            ""
        } else {
            ";reasoning=2"
        };
        let text = "text=The \"answer\"%0A\u{e9}";
        let script = match holds {
            Holds::Text => text.to_owned(),
            Holds::Reasoning => format!("{text}{reasons}"),
            Holds::Call => format!("{text}{reasons};tool=probe_f:{ARGS}"),
        };
        let said = scripted(dialect, &script, stream);
        return match wire {
            "bedrock_invoke" if stream => carried(said),
            _ => said,
        };
    }
    match (wire, stream) {
        ("bedrock_converse", true) => converse_stream(holds, None),
        ("bedrock_converse", false) => converse(holds),
        (_, stream) => gemini(holds, stream, None),
    }
}

/// A refusal of this kind.
pub(crate) fn refusal(wire: &str, kind: Kind) -> Said {
    if wire != "bedrock_invoke"
        && let Some(dialect) = dialect(wire)
    {
        let reply = mock::refuse(dialect, kind, "probe: no", TURN);
        return collected(reply);
    }
    let (status, google, amazon) = match kind {
        Kind::RateLimited => (429, "RESOURCE_EXHAUSTED", "ThrottlingException"),
        Kind::Auth => (401, "UNAUTHENTICATED", "AccessDeniedException"),
        Kind::InvalidRequest => (400, "INVALID_ARGUMENT", "ValidationException"),
        _ => (500, "INTERNAL", "InternalServerException"),
    };
    let mut head = head_of("application/json");
    head.status = status;
    let body = match wire.starts_with("bedrock") {
        true => {
            let value = amazon.parse().unwrap();
            head.headers.insert("x-amzn-errortype", value);
            json!({ "message": "probe: no" })
        }
        false => json!({"error": {"code": status, "message": "probe: no", "status": google}}),
    };
    Said {
        head,
        pieces: vec![body.to_string().into_bytes()],
    }
}

/// A stream that breaks off with the dialect's own error behind its first words; none where the dialect has no such thing.
pub(crate) fn broken(wire: &str) -> Option<Said> {
    const SCRIPT: &str = "tokens=4;error=overloaded;at=2";
    match (wire, dialect(wire)) {
        ("bedrock_invoke", _) => {
            let mut said = carried(scripted(Dialect::Anthropic, "text=a", true));
            said.pieces.truncate(3);
            said.pieces.push(exception());
            Some(said)
        }
        ("bedrock_converse", _) => Some(converse_stream(Holds::Text, Some(exception()))),
        (_, Some(dialect)) => Some(scripted(dialect, SCRIPT, true)),
        (_, None) => {
            let error =
                json!({"error": {"code": 503, "message": "probe: no", "status": "UNAVAILABLE"}});
            Some(gemini(Holds::Text, true, Some(error)))
        }
    }
}

fn dialect(wire: &str) -> Option<Dialect> {
    Some(match wire {
        "openai_chat" | "azure_openai" => Dialect::OpenaiChat,
        "openai_responses" => Dialect::OpenaiResponses,
        "openai_completions" => Dialect::OpenaiCompletions,
        "anthropic" | "vertex_anthropic" | "bedrock_invoke" => Dialect::Anthropic,
        "cohere" => Dialect::Cohere,
        "cohere_v1" => Dialect::CohereV1,
        "ollama" => Dialect::Ollama,
        _ => return None,
    })
}

const TURN: Turn = Turn {
    number: 7,
    attempt: 1,
    created: 1_700_000_000,
};

fn scripted(dialect: Dialect, script: &str, stream: bool) -> Said {
    let body = json!({"model": script, "stream": stream, "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}],
        "message": "hi", "prompt": "hi", "input": "hi", "stream_options": {"include_usage": true}});
    let ask = Ask::parse(dialect, body.to_string().as_bytes()).unwrap();
    let script = Scripts::default().find(&ask.model).unwrap();
    collected(mock::answer(&script, &ask, TURN))
}

fn collected(reply: mock::Reply) -> Said {
    let mut head = Head::new(reply.status);
    for (name, value) in &reply.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        head.headers.insert(name, value.parse().unwrap());
    }
    let pieces = reply.body.filter_map(|step| match step {
        Step::Bytes(bytes) => Some(bytes.to_vec()),
        _ => None,
    });
    let pieces = pieces.collect();
    Said { head, pieces }
}

fn head_of(content_type: &'static str) -> Head {
    let mut head = Head::new(200);
    let value = content_type.parse().unwrap();
    head.headers.insert("content-type", value);
    head
}

const EVENTS: &str = "application/vnd.amazon.eventstream";

/// The events of a stream, each in the envelope that InvokeModel has for it.
fn carried(said: Said) -> Said {
    let text = String::from_utf8(said.pieces.concat()).unwrap();
    let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let carried = events.map(|event| {
        let payload = json!({"bytes": base64::encode(event.as_bytes())});
        aws::event("chunk", &payload.to_string())
    });
    Said {
        head: head_of(EVENTS),
        pieces: carried.collect(),
    }
}

fn exception() -> Vec<u8> {
    let payload = json!({"message": "probe: no"});
    aws::exception("serviceUnavailableException", &payload.to_string())
}

/// What the provider signed. Its text is escaped in a way of its own, which must not change.
pub(crate) const SIGNATURE: &str = "c2lnbmVk/+8=";

fn converse_stream(holds: Holds, error: Option<Vec<u8>>) -> Said {
    let event = |name, payload: Value| aws::event(name, &payload.to_string());
    let delta = |index: u32, delta: Value| {
        event(
            "contentBlockDelta",
            json!({"contentBlockIndex": index, "delta": delta}),
        )
    };
    let stop = |index: u32| event("contentBlockStop", json!({ "contentBlockIndex": index }));
    let mut pieces = vec![event("messageStart", json!({"role": "assistant"}))];
    if holds != Holds::Text {
        pieces.push(delta(0, json!({"reasoningContent": {"text": "r0 "}})));
        pieces.push(delta(0, json!({"reasoningContent": {"text": "r1"}})));
        pieces.push(delta(
            0,
            json!({"reasoningContent": {"signature": SIGNATURE}}),
        ));
        pieces.push(stop(0));
    }
    let (first, rest) = TEXT.split_at(4);
    pieces.push(delta(1, json!({ "text": first })));
    let Said { head, .. } = converse(holds);
    let head = Head {
        headers: head_of(EVENTS).headers,
        ..head
    };
    if let Some(error) = error {
        pieces.push(error);
        return Said { head, pieces };
    }
    pieces.push(delta(1, json!({ "text": rest })));
    pieces.push(stop(1));
    if holds == Holds::Call {
        let start = json!({"toolUse": {"toolUseId": "tooluse_1", "name": "probe_f"}});
        pieces.push(event(
            "contentBlockStart",
            json!({"contentBlockIndex": 2, "start": start}),
        ));
        let (first, rest) = ARGS.split_at(5);
        for piece in [first, rest] {
            pieces.push(delta(2, json!({"toolUse": {"input": piece}})));
        }
        pieces.push(stop(2));
    }
    pieces.push(event(
        "messageStop",
        json!({"stopReason": stop_reason(holds)}),
    ));
    pieces.push(event(
        "metadata",
        json!({"usage": amazon_usage(), "metrics": {"latencyMs": 1}}),
    ));
    Said { head, pieces }
}

fn stop_reason(holds: Holds) -> &'static str {
    match holds {
        Holds::Call => "tool_use",
        _ => "end_turn",
    }
}

fn amazon_usage() -> Value {
    json!({"inputTokens": 12, "outputTokens": 5, "totalTokens": 17})
}

fn converse(holds: Holds) -> Said {
    let mut content = Vec::new();
    if holds != Holds::Text {
        content.push(json!({"reasoningContent": {"reasoningText": {"text": "r0 r1", "signature": SIGNATURE}}}));
    }
    content.push(json!({ "text": TEXT }));
    if holds == Holds::Call {
        let input: Value = serde_json::from_str(ARGS).unwrap();
        content.push(
            json!({"toolUse": {"toolUseId": "tooluse_1", "name": "probe_f", "input": input}}),
        );
    }
    let body = json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": stop_reason(holds),
        "usage": amazon_usage(), "metrics": {"latencyMs": 1}});
    Said {
        head: head_of("application/json"),
        pieces: vec![body.to_string().into_bytes()],
    }
}

fn gemini(holds: Holds, stream: bool, error: Option<Value>) -> Said {
    let mut parts = Vec::new();
    if holds != Holds::Text {
        parts.push(json!({"text": "r0 r1", "thought": true}));
    }
    parts.push(json!({ "text": TEXT }));
    if holds == Holds::Call {
        let args: Value = serde_json::from_str(ARGS).unwrap();
        parts.push(json!({"functionCall": {"name": "probe_f", "args": args, "id": "call-1"}, "thoughtSignature": SIGNATURE}));
    }
    let response = |parts: Value, reason: Value| {
        let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
        if reason.is_string() {
            candidate["finishReason"] = reason;
        }
        json!({"candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "r-1",
            "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 5, "totalTokenCount": 17}})
    };
    if !stream {
        let body = response(json!(parts), json!("STOP"));
        return Said {
            head: head_of("application/json; charset=UTF-8"),
            pieces: vec![body.to_string().into_bytes()],
        };
    }
    let mut said: Vec<Value> = parts
        .into_iter()
        .map(|part| response(json!([part]), Value::Null))
        .collect();
    said.push(error.unwrap_or_else(|| response(json!([{"text": ""}]), json!("STOP"))));
    let pieces = said
        .iter()
        .map(|chunk| format!("data: {chunk}\r\n\r\n").into_bytes());
    Said {
        head: head_of("text/event-stream"),
        pieces: pieces.collect(),
    }
}
