#!/usr/bin/env bash
# The interfaces against those of the last release: `abidiff` for the shared library, `cargo semver-checks` for the Rust crate. Each
# says why it is skipped where it cannot run. What the C header promises is compared without tools or tags: `libllm-tools abi --check`.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${LLM_TARGET:-$PWD/target}

tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2> /dev/null || true)
if [ -z "$tag" ]; then
    printf 'skipped: no tag v* of a release to compare with\n'
    exit 0
fi

# Types are needed of our own crate only.
library() {
    (cd "$1" && "$cargo" build -q -p libllm-ffi --config 'profile.dev.package.libllm-ffi.debug="full"' --target-dir "$target/abi/build")
    cp "$target/abi/build/debug/libllm.so" "$2"
}
if command -v abidiff > /dev/null; then
    old=$target/abi/$tag.so new=$target/abi/now.so
    mkdir -p "$target/abi"
    if [ ! -e "$old" ]; then
        rm -rf "$target/abi/source"
        mkdir "$target/abi/source"
        git archive "$tag" | tar -x -C "$target/abi/source"
        library "$target/abi/source" "$old"
    fi
    library . "$new"
    # Only the numbers decide whether a break is allowed.
    number() { sed -n 's/^#define LLM_ABI_VERSION //p'; }
    if [ "$(git show "$tag:include/llm.h" | number)" = "$(number < include/llm.h)" ]; then
        # Added functions and values of enums are not reported, nor what the file allows.
        if ! abidiff --no-added-syms --suppressions packaging/abidiff.suppr "$old" "$new"; then
            printf 'abidiff: the binary interface has changed since %s; see above\n' "$tag" >&2
            exit 1
        fi
    else
        printf 'skipped: LLM_ABI_VERSION has grown since %s\n' "$tag"
    fi
else
    printf 'skipped: abidiff not found (Debian: abigail-tools)\n'
fi

if "$cargo" semver-checks --version > /dev/null 2>&1; then
    "$cargo" semver-checks --package libllm --baseline-rev "$tag"
else
    printf 'skipped: cargo-semver-checks not found\n'
fi
