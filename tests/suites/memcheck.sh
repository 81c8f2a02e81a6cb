#!/usr/bin/env bash
# C programs under valgrind: no invalid access, nothing lost. What the runtime's threads still hold at exit is reachable.
set -uo pipefail
root=$LLM_ROOT
. "$root/tools/examples.sh"
failed=0
if ! command -v valgrind > /dev/null; then
    printf 'skipped: valgrind not found\n'
    exit 0
fi
trap stop_mock EXIT
start_mock || exit 1
for name in arguments stream queue cancel; do
    if "${CC:-cc}" -std=c11 -D_GNU_SOURCE -g "-I$LLM_INCLUDE" "$root/ffi/tests/c/$name.c" -o "$LLM_WORK/$name" "-L$LLM_LIB_DIR" -lllm "-Wl,-rpath,$LLM_LIB_DIR" \
        && env -u LLM_CONFIG -u OPENAI_API_KEY MOCK="$origin" timeout 300 valgrind -q --leak-check=full --show-leak-kinds=definite,indirect \
            --errors-for-leak-kinds=definite --error-exitcode=9 "$LLM_WORK/$name" > "$LLM_WORK/$name.log" 2>&1; then
        printf 'ok memcheck %s\n' "$name"
    else
        printf 'not ok memcheck %s\n' "$name"
        tail -n 40 "$LLM_WORK/$name.log" | sed 's/^/# /'
        failed=1
    fi
done
exit "$failed"
