#!/usr/bin/env bash
# C programs, and the examples in C and C++, under valgrind: no invalid access, nothing lost. What the runtime's threads still hold at
# exit is reachable.
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

# A program that was built: runs it and says whether valgrind had anything to say.
memcheck() {
    local name=$1 program=$2
    if env -u OPENAI_API_KEY MOCK="$origin" timeout 300 valgrind -q --leak-check=full --show-leak-kinds=definite,indirect \
        --errors-for-leak-kinds=definite --error-exitcode=9 "$program" < /dev/null > "$LLM_WORK/$name.log" 2>&1; then
        printf 'ok memcheck %s\n' "$name"
    else
        bad "$name"
    fi
}

bad() {
    printf 'not ok memcheck %s\n' "$1"
    tail -n 40 "$LLM_WORK/$1.log" | sed 's/^/# /'
    failed=1
}

flags=(-g "-I$LLM_INCLUDE" "-L$LLM_LIB_DIR" "-Wl,-rpath,$LLM_LIB_DIR")
compile() {
    local name=$1
    shift
    "$@" "${flags[@]}" -o "$LLM_WORK/$name" -lllm -lpthread > "$LLM_WORK/$name.log" 2>&1
}

unset LLM_CONFIG
for name in arguments stream queue cancel; do
    if compile "$name" "${CC:-cc}" -std=c11 -D_GNU_SOURCE "$root/ffi/tests/c/$name.c"; then
        memcheck "$name" "$LLM_WORK/$name"
    else
        bad "$name"
    fi
done

export LLM_CONFIG=$LLM_WORK/llm.toml
write_demo_config "$origin" "$LLM_CONFIG"
for source in "$root"/examples/c/*.c "$root"/examples/cpp/*.cpp; do
    name=example-$(basename "$source" | tr . -)
    case $source in
    *.c) compiler=("${CC:-cc}" -std=c11 -D_GNU_SOURCE) ;;
    *) compiler=("${CXX:-c++}" -std=c++17) ;;
    esac
    if compile "$name" "${compiler[@]}" "$source"; then
        memcheck "$name" "$LLM_WORK/$name"
    else
        bad "$name"
    fi
done
exit "$failed"
