//! SSE bytes to text deltas: the decoder against serde_json into borrowing types, over the same answer.
//!
//! What is compared: **ours** is everything from the bytes of a read to the delta in a batch (SSE framing, JSON, escapes, the
//! copy into the batch) and reading it back; **theirs** is `serde_json::from_str` of payloads that were split and checked to be
//! UTF-8 beforehand, for free, and reading the delta. The event is the 293-byte chat chunk of `answer.rs`.
#![allow(clippy::print_stdout, reason = "figures are what this program is for")]
#![allow(missing_docs, reason = "no one links a benchmark")]

mod linear;
mod ours;
mod prompt;
mod ratio;
mod typed;
mod wires;

use std::hint::black_box;

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use libllm_bench::answer::{self, Body};
use libllm_proto::event::Batch;

fn main() {
    if linear::is_child() {
        return linear::child();
    }
    let mut criterion = Criterion::default().configure_from_args();
    streams(&mut criterion);
    serde(&mut criterion);
    criterion.final_summary();
    // `--test` runs each benchmark once and `--list` none: figures would mean nothing.
    if std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        return;
    }
    let met = [
        bar("reads of 16 KiB", READ),
        bar("reads of one event", EVENT),
        wires::bars(),
        prompt::bars(),
        linear::bar(),
    ];
    if met.contains(&false) && std::env::var_os("BENCH_CHECK").is_some() {
        std::process::exit(1);
    }
}

/// Each kind of stream, in large reads and event by event.
fn streams(criterion: &mut Criterion) {
    let kinds = [
        ("chat", ours::CHAT, answer::chat_stream(TOKENS)),
        (
            "chat_padded",
            ours::CHAT,
            answer::padded_chat_stream(TOKENS),
        ),
        ("chat_dated", ours::CHAT, answer::dated_chat_stream(TOKENS)),
        ("tool_arguments", ours::CHAT, answer::tool_stream(TOKENS)),
        ("messages", ours::MESSAGES, answer::messages_stream(TOKENS)),
    ];
    let mut group = group(criterion, "decoder");
    let mut batch = Batch::new();
    for (name, wire, body) in &kinds {
        for (size, read) in [("16k", READ), ("event", EVENT)] {
            let reads = reads(body, read);
            group.bench_function(format!("{name}/{size}"), |bench| {
                bench.iter(|| {
                    ours::decode(*wire, reads.iter().copied(), &mut batch, consume);
                });
            });
        }
    }
}

/// The yardsticks.
fn serde(criterion: &mut Criterion) {
    let body = answer::chat_stream(TOKENS);
    let payloads = payloads(&body);
    let mut group = group(criterion, "serde_json");
    group.bench_function("payloads", |bench| {
        bench.iter(|| typed::payloads(&payloads, consume))
    });
    group.bench_function("sse", |bench| {
        bench.iter(|| typed::sse(&body.bytes, consume))
    });
}

/// The decoder's bar: at most 0.4 of serde_json's time.
fn bar(what: &str, read: usize) -> bool {
    let body = answer::chat_stream(TOKENS);
    let (payloads, reads) = (payloads(&body), reads(&body, read));
    let mut batch = Batch::new();
    ratio::compare(
        &format!("SSE to text delta, {what}, ours against serde_json, per token"),
        TOKENS as u32,
        0.4,
        || ratio::cpu_of(|| ours::decode(ours::CHAT, reads.iter().copied(), &mut batch, consume)),
        || ratio::cpu_of(|| typed::payloads(&payloads, consume)),
    )
}

fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(TOKENS as u64));
    group
}

/// The answer in reads of `size` bytes, or event by event.
fn reads(body: &Body, size: usize) -> Vec<&[u8]> {
    if size != EVENT {
        return body.bytes.chunks(size).collect();
    }
    let starts = std::iter::once(0).chain(body.ends.iter().copied());
    starts
        .zip(&body.ends)
        .map(|(start, &end)| &body.bytes[start..end])
        .collect()
}

fn payloads(body: &Body) -> Vec<&str> {
    let text = std::str::from_utf8(&body.bytes).expect("text");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").collect()
}

fn consume(text: &str) {
    black_box(text.as_bytes());
}

const TOKENS: usize = 4096;
const READ: usize = 16 * 1024;
const EVENT: usize = 0;
