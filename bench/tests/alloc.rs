//! After a stream's start the decoder allocates nothing per token: counted, in each kind of stream, however it is cut.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "../benches/decoder/ours.rs"]
#[allow(
    dead_code,
    reason = "the benchmark's module has more than this test needs"
)]
mod ours;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use libllm_bench::answer::{self, Body};
use libllm_proto::event::Batch;
use libllm_proto::wire::Wire;

struct Counting;

// Per thread: the harness's own threads allocate when they like.
thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends may free after its locals are gone.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing and cannot fail.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TOKENS: usize = 4000;
// Above the length of any event here.
const LONGEST: usize = 400;

/// Allocations while the second half of the tokens comes in reads of this size, and the deltas of all of them.
fn allocations(wire: &'static dyn Wire, body: &Body, read: usize) -> (u64, String) {
    let (mut batch, mut said) = (Batch::new(), String::with_capacity(body.bytes.len()));
    // The start: buffers have met events cut in every way, and the batch more events than a read brings.
    ours::decode(wire, body.bytes.chunks(64 * 1024), &mut batch, |_| {});
    let mut decoder = ours::decoder(wire);
    // What comes after the last token (finish, usage) is no token.
    let (mut start, rest) = body.bytes[..body.ends[TOKENS - 1]].split_at(body.ends[TOKENS / 2]);
    let mut feed = |bytes: &[u8]| {
        batch.clear();
        decoder.push(bytes, &mut batch).unwrap();
        ours::deltas(&batch, &mut |text| said.push_str(text));
    };
    for size in (1..=LONGEST).cycle() {
        let (read, left) = start.split_at(size.min(start.len()));
        feed(read);
        start = left;
        if start.is_empty() {
            break;
        }
    }
    let before = COUNT.get();
    rest.chunks(read).for_each(&mut feed);
    (COUNT.get() - before, said)
}

fn check(wire: &'static dyn Wire, body: &Body, text: &str) {
    for read in [1, 7, 100, 293, 1460, 16 * 1024] {
        let (count, said) = allocations(wire, body, read);
        assert!(
            text.starts_with(&said) && said.len() * 2 > text.len(),
            "other text in reads of {read}"
        );
        assert_eq!(count, 0, "allocations in reads of {read} bytes");
    }
}

#[test]
fn the_allocator_counts() {
    let before = COUNT.get();
    drop(std::hint::black_box(Vec::<u8>::with_capacity(100)));
    assert_eq!(COUNT.get() - before, 1);
}

#[test]
fn a_chat_token_allocates_nothing() {
    check(
        ours::CHAT,
        &answer::chat_stream(TOKENS),
        &answer::text(TOKENS),
    );
}

#[test]
fn a_padded_chat_token_allocates_nothing() {
    check(
        ours::CHAT,
        &answer::padded_chat_stream(TOKENS),
        &answer::text(TOKENS),
    );
}

#[test]
fn a_dated_chat_token_allocates_nothing() {
    check(
        ours::CHAT,
        &answer::dated_chat_stream(TOKENS),
        &answer::text(TOKENS),
    );
}

#[test]
fn a_messages_token_allocates_nothing() {
    check(
        ours::MESSAGES,
        &answer::messages_stream(TOKENS),
        &answer::text(TOKENS),
    );
}

#[test]
fn a_piece_of_arguments_allocates_nothing() {
    check(
        ours::CHAT,
        &answer::tool_stream(TOKENS),
        &answer::tool_pieces(TOKENS).concat(),
    );
}
