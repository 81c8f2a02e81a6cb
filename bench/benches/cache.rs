//! What a hit in the cache costs before its events are delivered: the hash of a request that is parsed already, as every request is, and
//! the look in a table of a thousand answers.
//!
//! `hit/N`: a request of N bytes as SDKs write it. `hit_spaced/N`: the same with blanks between its tokens, which are taken out.
#![allow(missing_docs, reason = "no one links a benchmark")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use libllm::{CacheProbe, Request};

criterion_group!(benches, hits);
criterion_main!(benches);

fn hits(criterion: &mut Criterion) {
    for (name, spaced) in [("hit", false), ("hit_spaced", true)] {
        let mut group = criterion.benchmark_group(name);
        for size in [300, 8 << 10] {
            let requests: Vec<Request> = (0..ANSWERS)
                .map(|number| request(number, size, spaced))
                .collect();
            let probe = CacheProbe::new(&requests).expect("a good configuration");
            // As in life, another one each time.
            let mut next = 0;
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(size.to_string(), |bench| {
                bench.iter(|| {
                    next = (next + 7) % ANSWERS;
                    assert!(probe.hit(black_box(&requests[next])));
                });
            });
        }
        group.finish();
    }
}

/// Prose with a line end here and there, as prompts are.
fn request(number: usize, size: usize, spaced: bool) -> Request {
    let (colon, comma) = if spaced { (": ", ", ") } else { (":", ",") };
    let head = format!(
        "{{\"model\"{colon}\"house/m\"{comma}\"temperature\"{colon}0.2{comma}\"stream\"{colon}true{comma}\"messages\"{colon}[{{\"role\"{colon}\"system\"{comma}\"content\"{colon}\"Be brief. {number}\"}}{comma}{{\"role\"{colon}\"user\"{comma}\"content\"{colon}\""
    );
    let tail = "\"}]}";
    let line = "the quick brown fox jumps over the lazy dog and then looks for another one;\\n";
    let room = size.saturating_sub(head.len() + tail.len());
    let mut prose = line.repeat(room / line.len());
    prose.push_str(&"x".repeat(room - prose.len()));
    Request::parse(format!("{head}{prose}{tail}")).expect("a good request")
}

const ANSWERS: usize = 1000;
