//! One event of 16 MiB in pieces of 1 KiB takes about twice as long as one of 8 MiB.
//!
//! Each in a process of its own that maps every large buffer anew. Otherwise the smaller event's buffers come from a heap that is
//! warm already while the larger one's, above the 32 MiB from which glibc always maps, are faulted in page by page: that measured
//! 4.4 to 5.7 instead of 2.1 (2026-11-21, AMD EPYC), and nearly all of it was the allocator's.

use std::process::Command;
use std::time::Duration;

use libllm_bench::answer;
use libllm_proto::event::Batch;

use crate::{consume, ours, ratio};

/// The bar: at most 2.2 times the time for twice the bytes.
pub(crate) fn bar() -> bool {
    let what = "one event in pieces of 1 KiB, 16 MiB against 8 MiB";
    ratio::compare(what, 1, 2.2, || in_child(16), || in_child(8))
}

/// Whether this process is to decode one event only.
pub(crate) fn is_child() -> bool {
    std::env::var_os(SIZE).is_some()
}

/// Decodes one event; prints the nanoseconds of CPU time it took.
pub(crate) fn child() {
    let size = std::env::var(SIZE).ok().and_then(|size| size.parse().ok());
    let body = answer_of(size.expect("the parent says the size"));
    let mut batch = Batch::new();
    let took = ratio::cpu_of(|| {
        ours::decode(
            ours::CHAT,
            body.as_bytes().chunks(1024),
            &mut batch,
            consume,
        );
    });
    println!("{}", took.as_nanos());
}

fn in_child(mib: usize) -> Duration {
    let this = std::env::current_exe().expect("this program");
    let done = Command::new(this)
        .env(SIZE, mib.to_string())
        .env("MALLOC_MMAP_THRESHOLD_", "131072")
        .output()
        .expect("this program runs");
    let nanos = String::from_utf8_lossy(&done.stdout).trim().parse();
    Duration::from_nanos(nanos.expect("the child prints a number"))
}

fn answer_of(mib: usize) -> String {
    let mut body = format!("data: {}\n\n", answer::chat_word(&"a".repeat(mib << 20)));
    body.push_str(&format!(
        "data: {}\n\n",
        answer::chat_chunk("{}", "\"stop\"")
    ));
    body + "data: [DONE]\n\n"
}

const SIZE: &str = "BENCH_ONE_EVENT_MIB";
