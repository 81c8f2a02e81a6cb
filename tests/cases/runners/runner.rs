//! Runs shared cases with the Rust API: one case a line in, its result a line out.

use std::io::{BufRead, Write};

use futures::StreamExt;
use libllm::config::Limit;
use libllm::error::Retry;
use libllm::{Client, Error, EventType, Options, OwnedEvent, Request};
use serde_json::{Map, Value, json};

type Result<T, E = Error> = std::result::Result<T, E>;

fn main() -> std::io::Result<()> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let column: Vec<&str> = line.split('\t').collect();
        let mut result = Map::new();
        result.insert("case".into(), column[0].into());
        if let Err(error) = futures::executor::block_on(run(&column, &mut result)) {
            result.insert("error".into(), failure(&error));
        }
        writeln!(std::io::stdout(), "{}", Value::Object(result))?;
    }
    Ok(())
}

// Columns of a line, as ../run.py writes them.
const CONFIG: usize = 1;
const REQUEST: usize = 2;
const PROVIDER: usize = 4;
const OPERATION: usize = 5;
const TIMEOUT: usize = 6;
const FIRST_TOKEN: usize = 7;
const FLAGS: usize = 8;
const COLD: usize = 9;
const CANCEL_AFTER: usize = 10;
const CALL: usize = 11;
const TIMES: usize = 12;
// Of the four kinds of questions, in their order.
const CHOICE: usize = 13;
const HOOKS: usize = 14;
const KINDS: [&str; 4] = ["before", "token", "attempt", "after"];

async fn run(column: &[&str], result: &mut Map<String, Value>) -> Result<()> {
    let text_alone = column[CALL] == "text";
    let streams = column[CALL] == "stream" || text_alone;
    if streams {
        result.insert("returned".into(), true.into());
    }
    let client = Client::new(column[CONFIG])?;
    for _ in 1..column[TIMES].parse().unwrap_or(1) {
        let request = request(column)?;
        client
            .call(request)
            .options(options(column)?)
            .send()
            .await?;
    }
    let chat = client.call(request(column)?).options(options(column)?);
    if !streams {
        let answer = chat.send().await?;
        result.insert("response".into(), parsed(answer.json()));
        return Ok(());
    }
    let mut events = chat.stream()?;
    result.remove("returned");
    let cancel_after = column[CANCEL_AFTER].parse().unwrap_or(-1);
    let (mut items, mut seen) = (Vec::new(), 0);
    let mut ended = Ok(());
    while let Some(event) = events.next().await {
        match event {
            Err(error) => ended = Err(error),
            Ok(event) if text_alone => {
                if event.kind == EventType::Text && event.choice.to_string() == column[CHOICE] {
                    items.push(item(&event));
                }
            }
            Ok(event) if event.kind == EventType::Done => {
                result.insert("done".into(), parsed(&event.text));
            }
            Ok(event) => {
                items.push(item(&event));
                if event.kind == EventType::Ask {
                    answer(events.request(), column, &event)?;
                    continue;
                }
                seen += i32::from(!matches!(event.kind, EventType::Route | EventType::Raw));
                if seen == cancel_after {
                    let _ = libllm::cancel(events.request());
                }
            }
        }
    }
    result.insert("items".into(), items.into());
    ended
}

/// Operations have requests of other shapes.
fn request(column: &[&str]) -> Result<Request> {
    let text = column[REQUEST].to_owned();
    match column[OPERATION] {
        "" => Request::parse(text),
        _ => Request::parse_any(text),
    }
}

/// What the host says to a question: JSON, or `!` and the words of a refusal.
fn answer(request: u64, column: &[&str], event: &OwnedEvent) -> Result<()> {
    let question = parsed(&event.text);
    let kind = KINDS.iter().position(|kind| question["kind"] == *kind);
    let said = column[HOOKS + kind.expect("a kind that docs/hooks.md names")];
    match said.strip_prefix('!') {
        Some(words) => {
            let words = json!({ "message": words }).to_string();
            libllm::answer(request, libllm::Status::Canceled as i32, &words)
        }
        None => libllm::answer(request, 0, said),
    }
}

fn options(column: &[&str]) -> Result<Options> {
    let flags: u32 = column[FLAGS].parse().unwrap_or_default();
    let limit = |at: usize| column[at].parse().ok().and_then(Limit::from_ms);
    let text = |at: usize| (!column[at].is_empty()).then(|| column[at].to_owned());
    let mut options = Options {
        provider: text(PROVIDER),
        operation: text(OPERATION),
        timeout: limit(TIMEOUT),
        first_token_timeout: limit(FIRST_TOKEN),
        raw: flags & 1 != 0,
        no_coalesce: flags & 2 != 0,
        no_cache: flags & 4 != 0,
        message: flags & 8 != 0,
        ..Options::default()
    };
    if !column[COLD].is_empty() {
        options.merge_json(column[COLD])?;
    }
    Ok(options)
}

fn item(event: &OwnedEvent) -> Value {
    let (kind, carries_json) = match event.kind {
        EventType::Text => ("text", false),
        EventType::Reasoning => ("reasoning", false),
        EventType::Refusal => ("refusal", false),
        EventType::ToolCall => ("tool_call", true),
        EventType::ToolArgs => ("tool_args", false),
        EventType::Part => ("part", true),
        EventType::Route => ("route", true),
        EventType::Raw => ("raw", false),
        EventType::Result => ("result", false),
        EventType::Ask => ("ask", true),
        _ => ("unknown", false),
    };
    let data = if carries_json {
        parsed(&event.text)
    } else {
        event.text.clone().into()
    };
    json!([kind, event.choice, event.index, data])
}

/// What the error's own functions say; `json` has what it has no function for.
fn failure(error: &Error) -> Value {
    json!({
        "status": error.status().name(),
        "http_status": error.http_status(),
        "retry_after_ms": error.retry_after().map(|wait| wait.as_millis() as u64),
        "message": error.message(),
        "fields": {
            "kind": error.kind().name(),
            "type": error.provider_type(),
            "code": error.code(),
            "param": error.param(),
            "request_id": error.request_id(),
            "retryable": error.retry() != Retry::Never,
            "phase": error.phase().name(),
            "body": error.body(),
        },
        "json": parsed(&libllm::error_json(error)),
    })
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}
