#!/usr/bin/env bash
# `make deb`: three packages, built, installed by dpkg into an empty root, used from there and removed again; and what Debian's own
# checker would say about them, as far as it can be asked without it.
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
for tool in dpkg dpkg-deb pkg-config; do
    if ! command -v "$tool" > /dev/null; then
        printf 'skipped: %s not found\n' "$tool"
        exit 0
    fi
done
export CC=${CC:-cc}
# Smaller packages take ten seconds longer.
export DPKG_DEB_COMPRESSOR_LEVEL=0
# One time for both builds, whatever is committed meanwhile.
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2> /dev/null || echo 1700000000)
export SOURCE_DATE_EPOCH
abi=$(sed -n 's/^#define LLM_ABI_VERSION //p' "$LLM_INCLUDE/llm.h")
out=$LLM_WORK/debs
check 'builds' "$root/packaging/deb.sh" "$LLM_LIB_DIR" "$out"
check 'the same commit gives the same bytes' bash -c "'$root/packaging/deb.sh' '$LLM_LIB_DIR' '$LLM_WORK/again' && diff -r '$out' '$LLM_WORK/again'"

field() { dpkg-deb -f "$1" "$2"; }
for deb in "$out"/*.deb; do
    package=$(field "$deb" Package)
    unpacked=$LLM_WORK/unpacked/$package
    mkdir -p "$LLM_WORK/unpacked"
    check "$package unpacks" dpkg-deb -R "$deb" "$unpacked"
    check "$package is named after its fields" test "$(basename "$deb")" = "${package}_$(field "$deb" Version)_$(field "$deb" Architecture).deb"
    check "$package has every field" bash -c "for f in Source Version Architecture Maintainer Section Priority Depends Description Installed-Size; do [ -n \"\$(dpkg-deb -f '$deb' \$f)\" ] || exit 1; done"
    check "$package leaves no placeholder" bash -c "! grep -rIl '@[A-Z]*@' '$unpacked/DEBIAN/control' '$unpacked/usr/share' '$unpacked'/usr/lib/*/cmake '$unpacked'/usr/lib/*/pkgconfig 2> /dev/null | grep ."
    check "$package belongs to root, writable by nobody else" bash -c "! dpkg-deb -c '$deb' | grep -vE '^(d|-)rw.r-.r-. root/root |^lrwxrwxrwx root/root '"
    check "$package lies below /usr" test -z "$(find "$unpacked" -mindepth 1 -maxdepth 1 ! -name usr ! -name DEBIAN)"
    check "$package has its checksums" bash -c "cd '$unpacked' && md5sum --quiet -c DEBIAN/md5sums && [ \$(find usr -type f | wc -l) = \$(wc -l < DEBIAN/md5sums) ]"
    check "$package has copyright and changelogs" bash -c "cd '$unpacked/usr/share/doc/$package' && grep -q 'Permission is hereby granted' copyright && zgrep -q '^libllm (' changelog.Debian.gz && gzip -t changelog.gz"
    # ELF files: no path of the build, no symbol table that nobody reads.
    while read -r file; do
        check "$package: $(basename "$file") is stripped and has no run path" bash -c "! readelf -SW '$file' | grep -qE ' \.(symtab|debug_info)' && ! readelf -dW '$file' | grep -E 'RPATH|RUNPATH'"
    done < <(find "$unpacked/usr" -type f \( -name '*.so.*' -o -path '*/bin/*' \) -exec sh -c 'readelf -h "$1" > /dev/null 2>&1' _ {} \; -print)
done
library=$LLM_WORK/unpacked/libllm$abi
check 'the library says how to depend on it' grep -q "^libllm $abi libllm$abi (>= " "$library/DEBIAN/shlibs"
check 'each symbol has the version it came with' bash -c "[ \$(grep -c '^ llm_' '$library/DEBIAN/symbols') = \$(wc -l < '$root/ffi/llm.symbols') ]"
check 'the loader is told' grep -q ldconfig "$library/DEBIAN/triggers"
check 'development files want exactly this library' bash -c "dpkg-deb -f '$out'/libllm-dev_*.deb Depends | grep -q 'libllm$abi (= '"

# Installed by dpkg into a root of its own. The C library is the machine's: that dependency alone is waived.
fake=$LLM_WORK/root
mkdir -p "$fake/var/lib/dpkg/updates" "$fake/var/lib/dpkg/info" "$fake/var/lib/dpkg/triggers"
: > "$fake/var/lib/dpkg/status"
install_into() {
    env PATH="$PATH:/usr/sbin:/sbin" dpkg --root="$fake" --force-not-root --force-depends --force-script-chrootless --log=/dev/null "$@"
}
check 'dpkg installs' install_into --install "$out"/*.deb
check 'all three are installed' bash -c "[ \$(dpkg --root='$fake' -l 'libllm*' | grep -c '^ii') = 3 ]"
check 'nothing but the C library is missing' bash -c "! dpkg --root='$fake' --audit | grep -E '^ libllm' && ! grep -E 'depends on libllm.*(not installed|however)' '$LLM_WORK/log'"

triplet=$("$CC" -print-multiarch)
libdir=$fake/usr/lib/$triplet
export PKG_CONFIG_LIBDIR=$libdir/pkgconfig PKG_CONFIG_SYSROOT_DIR=$fake PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
cd "$LLM_WORK" || exit 1
run() {
    env -i PATH=/usr/bin:/bin LD_LIBRARY_PATH="$libdir" timeout 60 "$@" < /dev/null
}
read -ra shared <<< "$(pkg-config --cflags --libs libllm)"
read -ra static <<< "$(pkg-config --cflags --libs libllm-static)"
check 'C compiles from it' "$CC" -std=c99 "$root/tests/package/consumer.c" -o c-shared "${shared[@]}"
check 'and needs the library by its soname' bash -c "readelf -dW c-shared | grep -q 'NEEDED.*libllm.so.$abi'"
check 'C runs from it' run ./c-shared
check 'C++ compiles from it, static' "${CXX:-c++}" -std=c++17 "$root/tests/package/consumer.cpp" -o cpp-static "${static[@]}"
check 'C++ runs from it, static' run ./cpp-static
check 'an example of the package compiles' "$CC" -std=c11 -D_GNU_SOURCE "$fake/usr/share/doc/libllm-dev/examples/blocking.c" -o example "${shared[@]}"
check 'the command runs from it' run "$fake/usr/bin/libllm" --help
check 'dpkg removes' install_into --purge libllm-tools libllm-dev "libllm$abi"
check 'and leaves nothing' test -z "$(find "$fake/usr" ! -type d 2> /dev/null)"

# Debian's own checker, where it is installed; it is not among the tools that CI needs.
if command -v lintian > /dev/null; then
    # The tag is about Debian's own archive: a first upload answers a request for it.
    check 'lintian finds nothing' lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$out"/*.deb
fi
exit "$failed"
