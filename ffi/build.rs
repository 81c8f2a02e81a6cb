//! Linker arguments of the shared library, and the text that llm_version() gives.

use std::env;

// LLM_ABI_VERSION; a test compares the two.
const ABI: u32 = 1;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let var = |name: &str| env::var(name).unwrap_or_default();
    let os = var("CARGO_CFG_TARGET_OS");
    let allocator = if env::var_os("CARGO_FEATURE_JEMALLOC").is_some() {
        "jemalloc; "
    } else {
        ""
    };
    let target = format!("{os}-{}", var("CARGO_CFG_TARGET_ARCH"));
    let version = var("CARGO_PKG_VERSION");
    println!("cargo:rustc-env=LIBLLM_VERSION_TEXT={version} (rustls; {allocator}{target})");
    for argument in arguments(&os) {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
}

fn arguments(os: &str) -> Vec<String> {
    match os {
        // nodelete: thread-local destructors must outlive dlclose(). relro, now: no writable function pointers after loading.
        // What is exported needs no script of ours: rustc's own lets the `no_mangle` functions out and nothing else.
        "linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly" => vec![
            // Without a number, so that the file alone can be vendored and linked; packaging/link.sh links the one that is installed.
            "-Wl,-soname,libllm.so".into(),
            "-Wl,-z,nodelete".into(),
            "-Wl,-z,relro,-z,now".into(),
        ],
        "macos" | "ios" => vec![format!("-Wl,-install_name,@rpath/libllm.{ABI}.dylib")],
        _ => Vec::new(),
    }
}
