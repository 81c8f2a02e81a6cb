#!/usr/bin/env bash
# Installs what a build made: usage install.sh BUILT, where BUILT holds cargo's libllm.a and the command libllm.
#
# From the environment: DESTDIR (put before every path), PREFIX (/usr/local), LIBDIR, INCLUDEDIR, BINDIR, MANDIR (below PREFIX
# unless said).
# Paths that are written into files are those without DESTDIR. CC, LD, OBJCOPY and AR as for link.sh.
set -euo pipefail
built=$(realpath "${1:?usage: install.sh BUILT}")
cd "$(dirname "$0")/.."
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
bindir=${BINDIR:-$prefix/bin}
mandir=${MANDIR:-$prefix/share/man}
for path in "$prefix" "$libdir" "$includedir" "$bindir" "$mandir"; do
    [ "${path#/}" != "$path" ] || { printf 'install: %s is not an absolute path\n' "$path" >&2; exit 1; }
done
abi=$(sed -n 's/^#define LLM_ABI_VERSION //p' include/llm.h)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packaging/link.sh "$built/libllm.a" "$work"
lib=${DESTDIR:-}$libdir include=${DESTDIR:-}$includedir bin=${DESTDIR:-}$bindir man=${DESTDIR:-}$mandir
install -d "$lib/pkgconfig" "$lib/cmake/libllm" "$include" "$bin" "$man/man1"
install -m 755 "$work/libllm.so.$abi" "$lib/libllm.so.$abi"
ln -sfn "libllm.so.$abi" "$lib/libllm.so"
install -m 644 "$work/libllm.a" "$lib/libllm.a"
install -m 644 include/llm.h include/llm.hpp include/llm_schema.hpp "$include/"
install -m 755 "$built/libllm" "$bin/libllm"
install -m 644 packaging/libllm.1 "$man/man1/libllm.1"

tools/pkg-config.sh "$prefix" "$libdir" "$includedir" > "$work/libllm.pc"
tools/pkg-config.sh --static "$prefix" "$libdir" "$includedir" > "$work/libllm-static.pc"
install -m 644 "$work/libllm.pc" "$work/libllm-static.pc" "$lib/pkgconfig/"

version=$(tools/pkg-config.sh --version)
# From the folder of libraries to that of headers, so that a moved tree still works.
include_from_lib=$(realpath -m --relative-to="$libdir" "$includedir")
case $(readelf -h "$work/libllm.so.$abi") in *ELF64*) pointer=8 ;; *) pointer=4 ;; esac
for file in packaging/cmake/*.in; do
    name=$(basename "$file" .in)
    sed -e "s|@ABI@|$abi|g" -e "s|@VERSION@|$version|g" -e "s|@INCLUDE_FROM_LIB@|$include_from_lib|g" \
        -e "s|@POINTER@|$pointer|g" "$file" > "$work/$name"
    install -m 644 "$work/$name" "$lib/cmake/libllm/$name"
done
