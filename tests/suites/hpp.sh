#!/usr/bin/env bash
# llm.hpp: compiles without a warning as C++17 to C++23 by every compiler that is here, with exceptions and without; does what its
# comments say, against models in process and over real sockets, under sanitizers too; names every option that docs/config.md names.
set -uo pipefail
root=$LLM_ROOT
. "$root/tools/examples.sh"
tests=$root/tests/hpp
failed=0
check() {
    local name=$1
    shift
    if "$@" > "$LLM_WORK/log" 2>&1; then
        printf 'ok %s\n' "$name"
    else
        printf 'not ok %s\n' "$name"
        grep -vE '^ok ' "$LLM_WORK/log" | tail -n 20 | sed 's/^/# /'
        failed=1
    fi
}
# Runs a program that prints its own `ok` lines.
run() {
    local name=$1 code
    shift
    printf '# %s\n' "$name"
    env -u LLM_CONFIG -u OPENAI_API_KEY MOCK="$origin" timeout 120 "$@"
    code=$?
    if [ "$code" -ne 0 ]; then
        printf 'not ok %s: exit code %s\n' "$name" "$code"
        failed=1
    fi
}

strict=(-Wall -Wextra -Wpedantic -Werror "-I$LLM_INCLUDE")
# What a program may ask of its own headers as well.
stricter=(-Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Wnon-virtual-dtor)
link=("-L$LLM_LIB_DIR" -lllm "-Wl,-rpath,$LLM_LIB_DIR" -lpthread)
trap stop_mock EXIT
start_mock || exit 1
cd "$LLM_WORK" || exit 1

compilers=()
for cxx in g++ clang++; do
    if command -v "$cxx" > /dev/null; then
        compilers+=("$cxx")
    else
        printf 'skipped: %s not found\n' "$cxx"
    fi
done
for cxx in "${compilers[@]}"; do
    for standard in c++17 c++20 c++2b; do
        check "$cxx $standard" "$cxx" -x c++ "-std=$standard" "${strict[@]}" "${stricter[@]}" -fsyntax-only "$tests/throwing.cpp"
    done
    check "$cxx c++17 without exceptions" "$cxx" -x c++ -std=c++17 -fno-exceptions -fno-rtti "${strict[@]}" "${stricter[@]}" -fsyntax-only "$tests/expecting.cpp"
    check "$cxx c++20, the concepts of iterators" "$cxx" -x c++ -std=c++20 "${strict[@]}" -fsyntax-only "$tests/values.cpp"
done

# Run by each compiler; under sanitizers by the first, whose runtimes come with it on Debian.
build() {
    local out=$1 cxx=$2
    shift 2
    check "$out compiles" "$cxx" -g -O1 "${strict[@]}" "$@" -o "$out" "${link[@]}"
}
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
sanitize=(-fsanitize=address,undefined -fno-sanitize-recover=all)
first=${compilers[0]:-} last=${compilers[-1]:-}
if [ -n "$first" ]; then
    build values-17 "$first" -std=c++17 "${sanitize[@]}" "$tests/values.cpp" && run values ./values-17
    build throwing-17 "$last" -std=c++17 "$tests/throwing.cpp" && run "throwing, C++17, $last" ./throwing-17
    build throwing-2b "$first" -std=c++2b "${sanitize[@]}" "$tests/throwing.cpp" && run "throwing, C++23, $first, sanitizers" ./throwing-2b
    build expecting-20 "$first" -std=c++20 -fno-exceptions "${sanitize[@]}" "$tests/expecting.cpp" && run "expecting, C++20, $first, sanitizers" ./expecting-20
    build schema-17 "$first" -std=c++17 "${stricter[@]}" "${sanitize[@]}" "$tests/schema.cpp" && run "llm_schema.hpp, sanitizers" ./schema-17
    check 'half of a program without exceptions' "$last" -std=c++17 -fno-exceptions "${strict[@]}" -c "$tests/mixed.cpp" -o mixed.o
    build mixed "$first" -std=c++20 "$tests/mixed.cpp" mixed.o && run mixed ./mixed
fi

# The programs of docs/cpp.md.
awk '/^```cpp$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > ("doc" n ".cpp") }' "$root/docs/cpp.md"
for program in doc1 doc2 doc3; do
    if [ -n "$first" ]; then
        build "$program" "$first" -std=c++17 "$program.cpp" && check "$program runs" timeout 60 "./$program"
    fi
done

# Keys of the table in docs/config.md.
sed -n '/^## Options of one request/,/^## /p' "$root/docs/config.md" | grep '^| `' | cut -d'|' -f2 | grep -o '`[a-z_]*`' | tr -d '`' | sort -u > keys
check 'the documented options were found' grep -qx max_attempts keys
while read -r key; do
    check "options say $key" grep -qE "\"$key\"|raw\.$key" "$LLM_INCLUDE/llm.hpp"
done < keys
exit "$failed"
