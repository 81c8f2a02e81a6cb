#!/usr/bin/env bash
# The optional feature `jemalloc`: such a library says so, and loads by dlopen into programs that were not linked with it. Without
# `disable_initial_exec_tls` it would need static TLS, and Python and Node could not load it at all.
set -uo pipefail
root=$LLM_ROOT
target=$(dirname "$LLM_LIB_DIR")
own=$target/jemalloc
failed=0

# Profile dev: what is asked is how thread-local memory is reached, which no profile changes.
mkdir -p "$own"
if ! (cd "$root" && "${CARGO:-cargo}" build -q -p libllm-ffi --features jemalloc --target-dir "$target") || ! cp "$target/debug/libllm.so" "$own/"; then
    printf 'not ok the build with jemalloc\n'
    exit 1
fi
library=$own/libllm.so

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

with_tool() {
    if command -v "$1" > /dev/null; then
        return 0
    fi
    printf 'skipped: %s not found\n' "$1"
    return 1
}

check 'needs no static TLS' bash -c "! readelf -dW '$library' | grep STATIC_TLS"
check 'exports no allocator' bash -c "! nm -D --defined-only '$library' | grep -v ' llm_'"
if "${CC:-cc}" -std=c11 -D_GNU_SOURCE "-I$LLM_INCLUDE" "$root/ffi/tests/c/load.c" -o "$LLM_WORK/load" -ldl -lpthread; then
    "$LLM_WORK/load" "$library" || failed=1
else
    printf 'not ok load does not compile\n'
    failed=1
fi
if with_tool python3; then
    check 'loads and answers in Python' python3 - "$library" << 'PY'
import ctypes, sys
llm = ctypes.CDLL(sys.argv[1])
llm.llm_version.restype = ctypes.c_char_p
assert b"jemalloc" in llm.llm_version(), llm.llm_version()
token = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.c_void_p)
said = []
request = b'{"model":"mock/tokens=100","messages":[{"role":"user","content":"hi"}]}'
status = llm.llm_invoke(None, request, token(lambda text, size, ctx: said.append(text[:size]) or 0), None)
assert status == 0, status
assert b"".join(said) == b" ".join(b"w%d" % n for n in range(100)), said
PY
fi
# Node has no dlopen for plain libraries, but a native module is one: process.dlopen() maps it, and then finds no module in it.
if with_tool node; then
    check 'loads in Node' node -e '
        try { process.dlopen({ exports: {} }, process.argv[1]); }
        catch (error) {
            if (/static TLS|cannot allocate memory/.test(error.message) || !/did not self-register/.test(error.message)) throw error;
        }
        const maps = require("fs").readFileSync("/proc/self/maps", "utf8");
        if (!maps.includes(process.argv[1])) throw new Error("not mapped");
    ' "$library"
fi
exit "$failed"
