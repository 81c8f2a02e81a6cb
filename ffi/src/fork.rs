//! Tells core of forks, so that it need not ask the kernel for the process's number at each call.

use std::sync::Once;

/// Registers the child's side of fork() with the C library, once. A child made by the bare system call is not told; it must
/// not use a library at all (clone(2)).
pub(crate) fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        // SAFETY: the handler is async-signal-safe, and stays mapped as long as the process lives (-z nodelete).
        let refused = unsafe { libc::pthread_atfork(None, None, Some(child)) };
        if refused == 0 {
            libllm::tells_of_forks();
        }
    });
}

extern "C" fn child() {
    libllm::forked();
}
