//! Streams one answer, and says who gave it: `stream [MODEL [PROMPT]]`, configured by the file in LLM_CONFIG or by key variables.

use std::io::Write;
use std::time::Instant;

use futures::StreamExt;
use libllm::{Client, EventType};

fn main() -> Result<(), libllm::Error> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or_else(|| "demo".into());
    let prompt = arguments.next().unwrap_or_else(|| "Say something.".into());
    // Any executor will do; the library brings its own threads.
    futures::executor::block_on(answer(&model, &prompt))
}

async fn answer(model: &str, prompt: &str) -> Result<(), libllm::Error> {
    let client = Client::new("{}")?;
    let began = Instant::now();
    let mut first = None;
    let mut events = client.chat(model, prompt).stream()?;
    let mut out = std::io::stdout();
    while let Some(event) = events.next().await {
        let event = event?;
        let said = match event.kind {
            EventType::Route => writeln!(out, "[route] {}", event.text),
            EventType::Text => {
                first.get_or_insert_with(|| began.elapsed());
                write!(out, "{}", event.text).and_then(|()| out.flush())
            }
            EventType::Done => {
                let first = first.unwrap_or_default().as_millis();
                writeln!(out, "\n[done] first token after {first} ms")
            }
            _ => Ok(()),
        };
        if said.is_err() {
            // Nobody reads any more: dropping the stream cancels the request.
            break;
        }
    }
    Ok(())
}
