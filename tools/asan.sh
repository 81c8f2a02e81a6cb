#!/usr/bin/env bash
# The C suite and the examples in C on a library with AddressSanitizer and LeakSanitizer: what valgrind sees, and writes past the end of
# what is on the stack or static. The sanitizer's runtime is rustc's own; on the stable toolchain its flag wants RUSTC_BOOTSTRAP.
# `tools/asan.sh [PROGRAM...]`, LLM_BIN a command libllm that is built already; prints `ok NAME` and `not ok NAME`.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
cargo=${CARGO:-cargo}
target=${LLM_TARGET:-$root/target}
host=$(rustc -vV | sed -n 's/^host: //p')
export LLM_WORK=$target/asan/work
lib=$target/asan/$host/debug
runtime=$(rustc --print sysroot)/lib/rustlib/$host/lib/librustc-stable_rt.asan.a
mkdir -p "$LLM_WORK"
. tools/examples.sh

# With --target, build scripts and procedural macros are spared.
RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address "$cargo" build -p libllm-ffi --target "$host" --target-dir "$target/asan" || exit 1
if [ -z "${LLM_BIN:-}" ]; then
    "$cargo" build -p libllm-gateway --target-dir "$target" || exit 1
    export LLM_BIN=$target/debug/libllm
fi

# The program is instrumented by the C compiler, and linked with the runtime that the library was made for.
build() {
    local source=$1 out=$2
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -g -fsanitize=address -Iinclude -c "$source" -o "$out.o" \
        && "${CC:-cc}" "$out.o" -o "$out" -Wl,--whole-archive "$runtime" -Wl,--no-whole-archive -Wl,--export-dynamic \
            "-L$lib" -lllm "-Wl,-rpath,$lib" -lpthread -ldl -lm
}

failed=0
run() {
    local name=$1 source=$2
    shift 2
    if ! build "$source" "$LLM_WORK/$name" > "$LLM_WORK/$name.log" 2>&1; then
        printf 'not ok asan %s does not compile\n' "$name"
        tail -n 20 "$LLM_WORK/$name.log"
        failed=1
        return
    fi
    ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1 \
        timeout 600 "$LLM_WORK/$name" "$@" < /dev/null > "$LLM_WORK/$name.log" 2>&1
    local code=$?
    if [ "$code" -eq 0 ]; then
        printf 'ok asan %s\n' "$name"
    else
        printf 'not ok asan %s (exit code %s)\n' "$name" "$code"
        grep -v '^ok ' "$LLM_WORK/$name.log" | tail -n 40
        failed=1
    fi
}

[ -f "$runtime" ] || { printf 'skipped: %s not found\n' "$runtime"; exit 0; }
trap stop_mock EXIT
start_mock || exit 1
unset LLM_CONFIG OPENAI_API_KEY
export MOCK=$origin
[ $# -gt 0 ] || set -- arguments stream queue cancel
for name in "$@"; do run "$name" "ffi/tests/c/$name.c"; done
export LLM_CONFIG=$LLM_WORK/llm.toml
write_demo_config "$origin" "$LLM_CONFIG"
for source in examples/c/*.c; do run "example-$(basename "$source" .c)" "$source"; done
exit "$failed"
