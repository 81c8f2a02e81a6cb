//! Panics on purpose, for tests: never in a shipped library, never in the header.

use std::ffi::c_char;

use crate::guard::{self, LLM_NTS};
use crate::status::llm_status_number;

/// Makes the next visit of a fault point panic: the name of an export, or of a place inside the library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn llm_fault_arm(name: *const c_char) -> llm_status_number {
    guard::outcome("llm_fault_arm", || {
        // SAFETY: NUL-terminated.
        let name = unsafe { guard::text(name, LLM_NTS, "name") }?;
        libllm::fault::arm(name);
        Ok(())
    })
}
