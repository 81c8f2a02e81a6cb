#!/usr/bin/env bash
# Prints libllm.pc for a prefix; with --static libllm-static.pc, which names the archive where both libraries lie side by side
# (`pkg-config --static libllm` leaves that choice to the linker). `Libs.private` is what the archive needs; the unwinder comes with
# every C compiler.   usage: pkg-config.sh [--static] PREFIX [LIBDIR [INCLUDEDIR]] | --version
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
if [ "${1:-}" = --version ]; then
    printf '%s\n' "$version"
    exit 0
fi
name=libllm libs='-L${libdir} -lllm' flags=
if [ "${1:-}" = --static ]; then
    name=libllm-static libs='${libdir}/libllm.a' flags=' -DLLM_STATIC'
    shift
fi
prefix=${1:?usage: pkg-config.sh [--static] PREFIX [LIBDIR [INCLUDEDIR]]}
libdir=${2:-$prefix/lib} includedir=${3:-$prefix/include}
# Below the prefix they are said from it, so that pkg-config can move them with it.
below() {
    if [ "${1#"$prefix"/}" != "$1" ]; then
        printf '${prefix}/%s' "${1#"$prefix"/}"
    else
        printf '%s' "$1"
    fi
}
needs='-lpthread -ldl -lm'
cat << PC
prefix=$prefix
libdir=$(below "$libdir")
includedir=$(below "$includedir")

Name: $name
Description: An LLM client and gateway inside your process
URL: https://github.com/libllm/libllm
Version: $version
PC
if [ "$name" = libllm ]; then
    printf 'Libs: %s\nLibs.private: %s\n' "$libs" "$needs"
else
    printf 'Libs: %s %s\n' "$libs" "$needs"
fi
printf 'Cflags: -I${includedir}%s\n' "$flags"
