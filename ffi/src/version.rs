//! Which library this is, and the end of its threads.

use std::ffi::c_char;

use crate::guard;
use crate::status::llm_status_number;

/// First number of the library's version.
pub const LLM_VERSION_MAJOR: u32 = 0;
/// Second number of the library's version.
pub const LLM_VERSION_MINOR: u32 = 1;
/// Third number of the library's version.
pub const LLM_VERSION_PATCH: u32 = 0;
/// Binary interface of this header; the N of libllm.so.N. Grows only on an incompatible change.
pub const LLM_ABI_VERSION: u32 = 1;

/// Free llm_invoke()'s client and join the runtime's threads once every client is freed, so that leak checkers see a clean exit. Optional.
#[unsafe(no_mangle)]
pub extern "C" fn llm_shutdown(timeout_ms: i32) -> llm_status_number {
    guard::outcome("llm_shutdown", || libllm::shutdown(guard::wait(timeout_ms)))
}

/// Of the loaded library; compare with LLM_VERSION_NUMBER.
#[unsafe(no_mangle)]
pub extern "C" fn llm_version_number() -> u32 {
    guard::value("llm_version_number", NUMBER, || NUMBER)
}

/// Such as "0.1.0 (rustls; linux-x86_64)". Static.
#[unsafe(no_mangle)]
pub extern "C" fn llm_version() -> *const c_char {
    guard::value("llm_version", TEXT.as_ptr(), || TEXT.as_ptr()).cast()
}

/// Of the loaded library; must equal LLM_ABI_VERSION.
#[unsafe(no_mangle)]
pub extern "C" fn llm_abi_version() -> u32 {
    guard::value("llm_abi_version", LLM_ABI_VERSION, || LLM_ABI_VERSION)
}

const NUMBER: u32 = LLM_VERSION_MAJOR << 16 | LLM_VERSION_MINOR << 8 | LLM_VERSION_PATCH;
// Made by build.rs, which knows the target.
const TEXT: &str = concat!(env!("LIBLLM_VERSION_TEXT"), "\0");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_the_package_s_version() {
        let numbers = format!("{LLM_VERSION_MAJOR}.{LLM_VERSION_MINOR}.{LLM_VERSION_PATCH}");
        assert_eq!(numbers, env!("CARGO_PKG_VERSION"));
        assert!(TEXT.starts_with(&format!("{numbers} (rustls; ")));
        assert_eq!(TEXT.contains("jemalloc"), cfg!(feature = "jemalloc"));
    }
}
