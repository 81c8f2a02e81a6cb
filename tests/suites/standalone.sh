#!/usr/bin/env bash
# Header and library in an empty folder, without Rust or the repository: they compile and run as C and C++, shared and static, and
# pkg-config says how.
set -uo pipefail
root=$LLM_ROOT
. "$root/tools/examples.sh"
failed=0
check() {
    local name=$1
    shift
    if "$@" > "$LLM_WORK/log" 2>&1; then
        printf 'ok %s\n' "$name"
    else
        printf 'not ok %s\n' "$name"
        tail -n 20 "$LLM_WORK/log"
        failed=1
    fi
}

trap stop_mock EXIT
start_mock || exit 1
export LLM_CONFIG=$LLM_WORK/llm.toml
write_demo_config "$origin" "$LLM_CONFIG"

prefix=$LLM_WORK/prefix
mkdir -p "$prefix/lib/pkgconfig" "$prefix/include"
cp "$LLM_LIB_DIR/libllm.so" "$LLM_LIB_DIR/libllm.a" "$prefix/lib/"
cp "$LLM_INCLUDE/llm.h" "$LLM_INCLUDE/llm.hpp" "$prefix/include/"
cp "$root"/examples/c/*.c "$root"/examples/cpp/*.cpp "$LLM_WORK/"
"$root/tools/pkg-config.sh" "$prefix" > "$prefix/lib/pkgconfig/libllm.pc"
cd "$LLM_WORK" || exit 1
flags=(-Wall -Wextra -D_GNU_SOURCE "-I$prefix/include")

run() {
    env -i PATH=/usr/bin:/bin LLM_CONFIG="$LLM_CONFIG" timeout 60 "$@" < /dev/null
}
c_source=$(ls ./*.c | grep -v readme | head -n 1)
cpp_source=$(ls ./*.cpp | head -n 1)
check 'compiles as C' "${CC:-cc}" -std=c99 "${flags[@]}" "$c_source" -o c-shared "-L$prefix/lib" -lllm "-Wl,-rpath,$prefix/lib"
check 'runs as C' run ./c-shared
check 'compiles as C++' "${CXX:-c++}" -std=c++17 "${flags[@]}" "$cpp_source" -o cpp-shared "-L$prefix/lib" -lllm "-Wl,-rpath,$prefix/lib"
check 'runs as C++' run ./cpp-shared

awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$root/README.md" > readme.c
check 'the program of the README compiles' "${CC:-cc}" -std=c99 "${flags[@]}" -Werror readme.c -o readme "-L$prefix/lib" -lllm

if command -v pkg-config > /dev/null; then
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    read -ra shared <<< "$(pkg-config --cflags --libs libllm)"
    read -ra static <<< "$(pkg-config --cflags --libs --static libllm | sed 's/ -lllm\>//')"
    check 'compiles by pkg-config' "${CC:-cc}" -std=c99 -D_GNU_SOURCE "$c_source" -o c-pkg "${shared[@]}" "-Wl,-rpath,$prefix/lib"
    check 'runs, compiled by pkg-config' run ./c-pkg
    check 'links statically' "${CC:-cc}" -std=c99 -D_GNU_SOURCE "$c_source" -o c-static "-I$prefix/include" "$prefix/lib/libllm.a" "${static[@]}"
    check 'runs, linked statically' run ./c-static
    check 'needs no libllm.so when static' bash -c 'test -x c-static && ! ldd ./c-static | grep libllm'
else
    printf 'skipped: pkg-config not found\n'
fi
exit "$failed"
