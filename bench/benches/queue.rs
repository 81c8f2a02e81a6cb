//! The completion queue, through the public API: an event in and out, and whole calls without a socket.
//!
//! `lines/N`: N events pushed, then one poll, on one thread: lock, buffer and bell, no wake-up. `calls/...`: a call of a
//! `mock/...` model from submission to its terminal event, 100 in flight, the runtime's thread on the other side: everything of
//! libllm but the socket, wake-ups across threads included.
#![allow(missing_docs, reason = "no one links a benchmark")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use libllm::{Client, Delivered, EventType, Options, Queue};

criterion_group!(benches, lines, calls);
criterion_main!(benches);

/// What an event costs by itself.
fn lines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lines");
    let queue = Queue::new(0).expect("a queue");
    for count in [1, 64] {
        group.throughput(Throughput::Elements(count));
        group.bench_function(count.to_string(), |bench| {
            bench.iter(|| {
                for _ in 0..count {
                    assert!(queue.push_log(3, " token"));
                }
                let mut taken = 0;
                while taken < count {
                    taken += poll(&queue, Some(Duration::ZERO), &mut |event| {
                        black_box(event.data());
                    });
                }
            });
        });
    }
    group.finish();
}

/// What a call costs without a socket.
fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("calls");
    let client = Client::new(CONFIG).expect("a configuration");
    let queue = Queue::new(0).expect("a queue");
    for (name, script) in [
        ("one_token", "tokens=1;pace=0"),
        ("64_tokens_at_once", "tokens=64;pace=0"),
    ] {
        let request = format!(
            "{{\"model\":\"mock/{script}\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]}}"
        );
        group.throughput(Throughput::Elements(IN_FLIGHT));
        group.bench_function(name, |bench| {
            bench.iter(|| {
                for _ in 0..IN_FLIGHT {
                    client
                        .submit_json(&queue, request.as_bytes(), &Options::default(), 0)
                        .expect("a good request");
                }
                let mut left = IN_FLIGHT;
                while left > 0 {
                    poll(&queue, None, &mut |event| match event.kind {
                        EventType::Done => left -= 1,
                        EventType::Error => panic!("{}", event.text()),
                        _ => {
                            black_box(event.data());
                        }
                    });
                }
            });
        });
    }
    group.finish();
}

fn poll(queue: &Queue, timeout: Option<Duration>, take: &mut dyn FnMut(&Delivered)) -> u64 {
    queue.poll(256, timeout, take).expect("the only consumer") as u64
}

const IN_FLIGHT: u64 = 100;
/// Whatever keys the environment holds, nothing here leaves the process.
const CONFIG: &str = "{\"default_model\":\"mock/echo\"}";
