#!/usr/bin/env bash
# Makes Debian packages of what a build made: usage deb.sh BUILT OUT, where BUILT is as for install.sh.
#
# libllmN (the shared library), libllm-dev and libllm-tools, for the machine's own architecture, with dpkg-deb alone: no source
# package. The same commit gives the same bytes: times are those of SOURCE_DATE_EPOCH, else of the last
# commit, else of Cargo.toml.
set -euo pipefail
built=$(realpath "${1:?usage: deb.sh BUILT OUT}")
mkdir -p "${2:?usage: deb.sh BUILT OUT}"
out=$(realpath "$2")
cd "$(dirname "$0")/.."
abi=$(sed -n 's/^#define LLM_ABI_VERSION //p' include/llm.h)
upstream=$(tools/pkg-config.sh --version)
version=$upstream-1
arch=$(dpkg --print-architecture)
triplet=$("${CC:-cc}" -print-multiarch)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || stat -c %Y Cargo.toml)}
export SOURCE_DATE_EPOCH
maintainer='libllm contributors <libllm@users.noreply.github.com>'
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

DESTDIR=$work/all PREFIX=/usr LIBDIR=/usr/lib/$triplet packaging/install.sh "$built"

# Moves installed files, named from /usr, into the tree of a package.
take() {
    local package=$1 path
    shift
    for path in "$@"; do
        mkdir -p "$work/$package/usr/$(dirname "$path")"
        mv "$work/all/usr/$path" "$work/$package/usr/$path"
    done
}
take "libllm$abi" "lib/$triplet/libllm.so.$abi"
# A library is no program (Debian policy 10.9).
chmod 644 "$work/libllm$abi/usr/lib/$triplet/libllm.so.$abi"
take libllm-dev include "lib/$triplet/libllm.so" "lib/$triplet/libllm.a" "lib/$triplet/pkgconfig" "lib/$triplet/cmake"
gzip -9n "$work/all/usr/share/man/man1/libllm.1"
take libllm-tools bin/libllm share/man/man1/libllm.1.gz
"${STRIP:-strip}" --strip-all --remove-section=.comment "$work/libllm-tools/usr/bin/libllm"
if [ -n "$(find "$work/all" ! -type d)" ]; then
    printf 'deb: belongs to no package: %s\n' "$(find "$work/all" ! -type d)" >&2
    exit 1
fi

# Packages of the C library and of the unwinder that a file needs.
needs() {
    local versions libc unwinder
    versions=$(readelf -VW "$1")
    libc=$(grep -o 'GLIBC_[0-9.]*' <<< "$versions" | sed 's/GLIBC_//' | sort -uV | tail -n 1)
    unwinder=$(grep -o 'GCC_[0-9.]*' <<< "$versions" | sed 's/GCC_//; s/\.0$//' | sort -uV | tail -n 1)
    printf 'libc6 (>= %s), libgcc-s1 (>= %s)' "$libc" "$unwinder"
}

documents() {
    local package=$1 doc=$work/$1/usr/share/doc/$1
    mkdir -p "$doc"
    # A field's text is indented by one blank, its empty lines are dots.
    sed 's/^$/./; s/^/ /' LICENSE-MIT > "$work/mit"
    sed -e "/@MIT@/{r $work/mit" -e 'd}' packaging/debian/copyright > "$doc/copyright"
    gzip -9n < CHANGELOG.md > "$doc/changelog.gz"
    printf 'libllm (%s) unstable; urgency=medium\n\n  * Packages of libllm %s, built from its own repository.\n\n -- %s  %s\n' \
        "$version" "$upstream" "$maintainer" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n > "$doc/changelog.Debian.gz"
    case $package in
    libllm-dev)
        mkdir "$doc/examples"
        cp examples/c/*.c examples/cpp/*.cpp "$doc/examples/"
        ;;
    libllm-tools) gzip -9n < docs/mock.md > "$doc/mock.md.gz" ;;
    esac
}

build() {
    local package=$1 tree=$work/$1 file
    documents "$package"
    file=$(find "$tree/usr" -name 'libllm.so.*' -type f -o -path '*/bin/*' -type f | head -n 1)
    mkdir "$tree/DEBIAN"
    if [ "$package" = "libllm$abi" ]; then
        printf 'libllm %s libllm%s (>= %s)\n' "$abi" "$abi" "$upstream" > "$tree/DEBIAN/shlibs"
        {
            printf 'libllm.so.%s libllm%s #MINVER#\n' "$abi" "$abi"
            printf ' LIBLLM_%s@LIBLLM_%s %s\n' "$abi" "$abi" "$upstream"
            sed "s/.*/ &@LIBLLM_$abi $upstream/" ffi/llm.symbols
        } > "$tree/DEBIAN/symbols"
        printf 'activate-noawait ldconfig\n' > "$tree/DEBIAN/triggers"
    fi
    (cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum) > "$tree/DEBIAN/md5sums"
    {
        # The paragraph of this package out of the common file, with what all have after its first line.
        sed "s/@ABI@/$abi/g; s/@VERSION@/$version/g; s/@NEEDS@/${file:+$(needs "$file")}/g" packaging/debian/control \
            | awk -v RS= -v name="Package: $package" 'index($0, name "\n") == 1' \
            | sed "1a Source: libllm\nVersion: $version\nArchitecture: $arch\nMaintainer: $maintainer\nPriority: optional\nHomepage: https://github.com/libllm/libllm\nInstalled-Size: $(du -ks --apparent-size "$tree/usr" | cut -f1)"
    } > "$tree/DEBIAN/control"
    find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$tree" "$out/${package}_${version}_$arch.deb"
}
for package in "libllm$abi" libllm-dev libllm-tools; do
    build "$package"
done
