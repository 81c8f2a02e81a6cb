#!/usr/bin/env bash
# `make install` as others meet it: consumers in C and C++ that know the installed files alone, by gcc, clang, pkg-config and CMake,
# shared and static, staged and moved; and a static library that gets along with a host's own Rust.
set -uo pipefail
root=$LLM_ROOT
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
run() {
    env -i PATH=/usr/bin:/bin timeout 60 "$@" < /dev/null
}

# Staged below DESTDIR for a prefix that does not exist, then moved to another: nothing may remember where it was.
staged=$LLM_WORK/staged prefix=$LLM_WORK/prefix
# Where distributions put libraries, so that not everything is where the defaults would put it.
lib=lib/$(gcc -print-multiarch 2> /dev/null || true)
libdir=$prefix/${lib%/}
check 'installs' env DESTDIR="$staged" PREFIX=/opt/llm "LIBDIR=/opt/llm/${lib%/}" "$root/packaging/install.sh" "$LLM_LIB_DIR"
check 'nothing knows of DESTDIR' bash -c "! grep -rI '$staged' '$staged'"
mv "$staged/opt/llm" "$prefix" || exit 1

abi=$(sed -n 's/^#define LLM_ABI_VERSION //p' "$LLM_INCLUDE/llm.h")
shared=$libdir/libllm.so.$abi
readelf -dW "$shared" > "$LLM_WORK/dynamic"
check 'the soname has the number of the ABI' grep -q "SONAME.*\[libllm.so.$abi\]" "$LLM_WORK/dynamic"
check 'stays mapped after dlclose, relocated before use' bash -c "grep -q 'FLAGS_1.*NOW.*NODELETE' '$LLM_WORK/dynamic'"
check 'needs what the tested library needs' diff <(readelf -dW "$LLM_LIB_DIR/libllm.so" | grep -o 'NEEDED.*' | sort) <(grep -o 'NEEDED.*' "$LLM_WORK/dynamic" | sort)
nm -D --defined-only "$shared" | awk '$2 != "A" { print $3 }' | sort > "$LLM_WORK/exported"
check 'exports llm_* and nothing else, with a version' diff <(sed "s/\$/@@LIBLLM_$abi/" "$root/ffi/llm.symbols") "$LLM_WORK/exported"
nm -g --defined-only "$libdir/libllm.a" | awk 'NF == 3 { print $3 }' | sort > "$LLM_WORK/visible"
check 'the archive shows llm_* and nothing else' diff "$root/ffi/llm.symbols" "$LLM_WORK/visible"
check 'the command runs' run "$prefix/bin/libllm" --help

# By hand and by pkg-config, which learns of the move.
export PKG_CONFIG_LIBDIR=$libdir/pkgconfig
words() { pkg-config --define-variable=prefix="$prefix" "$@"; }
cp "$root"/tests/package/consumer.* "$root"/tests/package/host.* "$LLM_WORK/"
cd "$LLM_WORK" || exit 1
for pair in gcc:g++ clang:clang++; do
    cc=${pair%:*} cxx=${pair#*:}
    if ! command -v "$cc" > /dev/null || ! command -v "$cxx" > /dev/null; then
        printf 'skipped: %s not found\n' "$cc"
        continue
    fi
    check "$cc by hand" "$cc" -std=c99 -Wall -Wextra -Werror "-I$prefix/include" consumer.c -o hand "-L$libdir" -lllm "-Wl,-rpath,$libdir"
    check "$cc by hand, runs" run ./hand
    check "$cc needs the soname" bash -c "readelf -dW hand | grep -q 'NEEDED.*libllm.so.$abi'"
    if command -v pkg-config > /dev/null; then
        read -ra dynamic <<< "$(words --cflags --libs libllm)"
        read -ra static <<< "$(words --cflags --libs libllm-static)"
        read -ra whole <<< "$(words --cflags --libs --static libllm)"
        check "$cxx by pkg-config" "$cxx" -std=c++17 consumer.cpp -o cpp-shared "${dynamic[@]}" "-Wl,-rpath,$libdir"
        check "$cxx by pkg-config, runs" run ./cpp-shared
        check "$cc static" "$cc" -std=c99 consumer.c -o c-static "${static[@]}"
        check "$cc static, runs without libllm.so" bash -c "! ldd c-static | grep libllm && timeout 60 ./c-static"
        check "$cxx static" "$cxx" -std=c++17 consumer.cpp -o cpp-static "${static[@]}"
        check "$cxx static, runs" run ./cpp-static
        # The C library warns that its resolver still loads modules; the models used here ask no resolver.
        check "$cc -static, without any shared library" "$cc" -std=c99 -static consumer.c -o c-whole "${whole[@]}"
        check "$cc -static, runs" run ./c-whole
    else
        printf 'skipped: pkg-config not found\n'
    fi
done

if command -v cmake > /dev/null && command -v ctest > /dev/null; then
    for pair in gcc:g++ clang:clang++; do
        cc=${pair%:*} cxx=${pair#*:}
        command -v "$cxx" > /dev/null || continue
        check "cmake $cc finds the package" cmake -S "$root/tests/package/cmake" -B "cmake-$cc" -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" \
            -DSOURCES="$LLM_WORK" -DCMAKE_PREFIX_PATH="$prefix"
        check "cmake $cc builds, C and C++, shared and static" cmake --build "cmake-$cc"
        check "cmake $cc runs" ctest --no-tests=error --test-dir "cmake-$cc" --output-on-failure
    done
else
    printf 'skipped: cmake not found\n'
fi

# The library is linked anew, so the C ABI is asked anew: threads, sockets, cancelling, dlclose.
. "$root/tools/examples.sh"
trap stop_mock EXIT
start_mock || exit 1
programs=$root/ffi/tests/c
for name in stream cancel load; do
    check "$name.c compiles" "${CC:-cc}" -std=c11 -D_GNU_SOURCE "-I$prefix/include" "$programs/$name.c" -o "abi-$name" "-L$libdir" -lllm "-Wl,-rpath,$libdir" -lpthread -ldl
    check "$name.c, installed, shared" env -u LLM_CONFIG -u OPENAI_API_KEY MOCK="$origin" timeout 120 "./abi-$name" "$shared"
done
check 'stream.c compiles, static' "${CC:-cc}" -std=c11 -D_GNU_SOURCE "-I$prefix/include" "$programs/stream.c" -o abi-static "$libdir/libllm.a" -lpthread -ldl -lm
check 'stream.c, installed, static' env -u LLM_CONFIG -u OPENAI_API_KEY MOCK="$origin" timeout 120 ./abi-static

# A host with Rust of its own, in either order, and one that uses the very names that libllm.a has inside.
rustc=${RUSTC:-rustc}
check 'a host in Rust compiles' "$rustc" --edition 2024 -O --crate-type staticlib host.rs -o libhost.a
needs=(-lpthread -ldl -lm -lgcc_s)
for order in 'libhost.a llm' 'llm libhost.a'; do
    read -ra archives <<< "${order//llm/$libdir/libllm.a}"
    check "links beside a host's Rust: $order" "${CC:-cc}" "-I$prefix/include" host.c -o host "${archives[@]}" "${needs[@]}"
    check "runs beside a host's Rust: $order" run ./host
done
readelf -sW "$LLM_LIB_DIR/libllm.a" 2> /dev/null | awk '$5 == "GLOBAL" && $4 == "FUNC" && $7 != "UND" && $8 !~ /^(llm_|__)/ { print $8 }' \
    | grep -E '^[a-z_][a-z0-9_]*$' | sort -u | head -n 60 > inside
{
    printf 'void abort(void);\n'
    sed 's/.*/void &(void);\nvoid &(void) { abort(); }/' inside
} > names.c
check 'the names inside were found' grep -q ring_core inside
check "links with a host's functions of the same names" "${CC:-cc}" -std=c99 "-I$prefix/include" -fno-builtin consumer.c names.c -o names "$libdir/libllm.a" "${needs[@]}"
check "runs with a host's functions of the same names" run ./names
exit "$failed"
