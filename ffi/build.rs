//! Linker arguments of the shared library, and the text that llm_version() gives.

use std::env;
use std::path::Path;

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
    #[cfg(unix)]
    if os == "linux" {
        link_name(Path::new(&var("OUT_DIR")));
    }
}

/// Puts the name that the loader looks for beside the library, so that what is linked to a library in target/ also runs.
#[cfg(unix)]
fn link_name(out: &Path) {
    // target/PROFILE/build/PACKAGE/out
    let Some(folder) = out
        .ancestors()
        .nth(3)
        .filter(|folder| folder.join("build").is_dir())
    else {
        return;
    };
    let link = folder.join(format!("libllm.so.{ABI}"));
    if link.symlink_metadata().is_err()
        && let Err(error) = std::os::unix::fs::symlink("libllm.so", &link)
    {
        println!("cargo:warning={}: {error}", link.display());
    }
}

fn arguments(os: &str) -> Vec<String> {
    match os {
        // nodelete: thread-local destructors must outlive dlclose(). relro, now: no writable function pointers after loading.
        // What is exported needs no script of ours: rustc's own lets the `no_mangle` functions out and nothing else.
        "linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly" => vec![
            format!("-Wl,-soname,libllm.so.{ABI}"),
            "-Wl,-z,nodelete".into(),
            "-Wl,-z,relro,-z,now".into(),
        ],
        "macos" | "ios" => vec![format!("-Wl,-install_name,@rpath/libllm.{ABI}.dylib")],
        _ => Vec::new(),
    }
}
