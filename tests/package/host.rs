//! A host's own Rust, as a static library beside libllm.a: it panics, unwinds and formats, all with its own copy of the standard
//! library.

/// 7, by way of a panic that is caught.
#[unsafe(no_mangle)]
pub extern "C" fn host_answer() -> i32 {
    std::panic::set_hook(Box::new(|_| ()));
    let caught = std::panic::catch_unwind(|| {
        let text = format!("{:?}", std::thread::current().id());
        assert!(text.is_empty(), "a thread has an id");
    });
    if caught.is_err() { 7 } else { 0 }
}
