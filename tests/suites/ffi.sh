#!/usr/bin/env bash
# The C ABI from outside: the header under every standard, what the library exports, and C programs (ffi/tests/c) that use it in
# this process and over real sockets, among them one on a build that panics on purpose.
set -uo pipefail
root=$LLM_ROOT
. "$root/tools/examples.sh"
programs=$root/ffi/tests/c
failed=0

check() {
    local name=$1
    shift
    if "$@" > "$LLM_WORK/log" 2>&1; then
        printf 'ok %s\n' "$name"
    else
        printf 'not ok %s\n' "$name"
        tail -n 20 "$LLM_WORK/log" | sed 's/^/# /'
        failed=1
    fi
}

# The header, alone, with every warning an error.
strict=(-Wall -Wextra -Wpedantic -Wconversion -Wundef -Werror "-I$LLM_INCLUDE")
for cc in gcc clang; do
    if ! command -v "$cc" > /dev/null; then
        printf 'skipped: %s not found\n' "$cc"
        continue
    fi
    for standard in c99 c11 c17 c2x; do
        check "header $cc $standard" "$cc" "-std=$standard" "${strict[@]}" -c "$programs/header.c" -o "$LLM_WORK/header.o"
    done
    check "header $cc short enums" "$cc" -std=c11 -fshort-enums "${strict[@]}" -c "$programs/header.c" -o "$LLM_WORK/header.o"
    for standard in c++11 c++14 c++17 c++20; do
        check "header $cc $standard" "$cc" -x c++ "-std=$standard" "${strict[@]}" -c "$programs/header.c" -o "$LLM_WORK/header.o"
    done
    check "llm.hpp $cc c++17" "$cc" -x c++ -std=c++17 "${strict[@]}" -fsyntax-only "$LLM_INCLUDE/llm.hpp"
    check "llm.hpp $cc c++20" "$cc" -x c++ -std=c++20 "${strict[@]}" -fsyntax-only "$LLM_INCLUDE/llm.hpp"
done

# What the library exports, and how it was linked.
nm -D --defined-only "$LLM_LIB_DIR/libllm.so" | awk '{ print $NF }' | sed 's/@.*//' | sort > "$LLM_WORK/exported"
check 'exports the functions of the header and nothing else' diff "$root/ffi/llm.symbols" "$LLM_WORK/exported"
readelf -dW "$LLM_LIB_DIR/libllm.so" > "$LLM_WORK/dynamic"
check 'soname' grep -q 'SONAME.*\[libllm.so\]' "$LLM_WORK/dynamic"
check 'stays mapped after dlclose' grep -q 'FLAGS_1.*NODELETE' "$LLM_WORK/dynamic"
check 'relocated before use' grep -q 'FLAGS_1.*NOW' "$LLM_WORK/dynamic"
check 'needs no text relocation or static TLS' bash -c "! grep -E 'TEXTREL|STATIC_TLS' '$LLM_WORK/dynamic'"
check 'needs nothing but the C library' bash -c "! grep NEEDED '$LLM_WORK/dynamic' | grep -vE 'lib(c|m|gcc_s|pthread|dl|rt)\.so|ld-linux'"

# A program that names every function of the list links.
{
    printf '#include "llm.h"\ntypedef void (*any)(void);\nextern any all[];\nany all[] = {\n'
    sed 's/.*/(any)&,/' "$root/ffi/llm.symbols"
    printf '};\nint main(void) { return all[0] == 0; }\n'
} > "$LLM_WORK/symbols.c"

build() {
    local name=$1 source=$2 folder=$3
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -g -Wall -Wextra -Wpedantic -Werror "-I$LLM_INCLUDE" "$source" -o "$LLM_WORK/$name" \
        "-L$folder" -lllm "-Wl,-rpath,$folder" -lpthread -ldl
}
check 'every function links' build symbols "$LLM_WORK/symbols.c" "$LLM_LIB_DIR"
check 'every function is there at run time' "$LLM_WORK/symbols"
check 'the header runs' build header "$programs/header.c" "$LLM_LIB_DIR"
check 'versions of header and library agree' "$LLM_WORK/header"

# Runs a program that prints its own `ok` lines.
run() {
    local name=$1 code
    shift
    env -u LLM_CONFIG -u OPENAI_API_KEY MOCK="$origin" timeout 240 "$LLM_WORK/$name" "$@"
    code=$?
    if [ "$code" -ne 0 ]; then
        printf 'not ok %s: exit code %s\n' "$name" "$code"
        failed=1
    fi
}

trap stop_mock EXIT
ulimit -n "$(ulimit -Hn)"
start_mock || exit 1
for name in arguments stream queue cancel http host many load; do
    if ! build "$name" "$programs/$name.c" "$LLM_LIB_DIR"; then
        printf 'not ok %s does not compile\n' "$name"
        failed=1
        continue
    fi
    printf '# %s\n' "$name"
    case $name in
    # The bar is 24 KiB, in bench/run.py; it is missed by half a KiB, and half a KiB more is what the allocator varies by.
    many) run many 9500 25600 ;;
    load) run load "$LLM_LIB_DIR/libllm.so" ;;
    *) run "$name" ;;
    esac
done

# The same library with panics on purpose; its own copy, so that nothing else ever loads it.
target=$(dirname "$LLM_LIB_DIR")
fault=$target/fault
mkdir -p "$fault"
if (cd "$root" && "${CARGO:-cargo}" build -q -p libllm-ffi --features fault-injection --target-dir "$target") && cp "$target/debug/libllm.so" "$fault/"; then
    check 'a shipped library cannot be told to panic' bash -c "! strings '$LLM_LIB_DIR/libllm.so' | grep -q llm_fault_arm"
    if build fault "$programs/fault.c" "$fault"; then
        printf '# fault\n'
        run fault 2> "$LLM_WORK/panics"
        printf '# %s panics injected\n' "$(grep -c 'injected at' "$LLM_WORK/panics")"
    else
        printf 'not ok fault does not compile\n'
        failed=1
    fi
else
    printf 'not ok the build with fault-injection\n'
    failed=1
fi
exit "$failed"
