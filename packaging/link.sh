#!/usr/bin/env bash
# Makes what is installed out of cargo's archive: `libllm.a` and `libllm.so.N` in OUT, both of them letting out llm_* alone.
#
# cargo's archive shows all of Rust's standard library and of its C parts to whoever links it, and carries bitcode that a host's own
# link-time optimization cannot read: a host with other Rust code in it would see symbols twice. So everything that llm_* needs is
# linked into one object whose other names are local, and the shared library is linked from that same object, with a soname and a
# symbol version that cargo cannot give it. Wants GNU ld and objcopy.
set -euo pipefail
cd "$(dirname "$0")/.."
archive=$(realpath "${1:?usage: link.sh ARCHIVE OUT}")
out=${2:?usage: link.sh ARCHIVE OUT}
abi=$(sed -n 's/^#define LLM_ABI_VERSION //p' include/llm.h)
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mapfile -t wanted < <(sed 's/^/--undefined=/' ffi/llm.symbols)
# Groups are dissolved: a host that has one of the same name would drop ours, whose names are local by then.
"${LD:-ld}" --relocatable --gc-sections --force-group-allocation "${wanted[@]}" "$archive" -o "$work/all.o"
"${OBJCOPY:-objcopy}" --keep-global-symbols=ffi/llm.symbols --strip-debug --remove-section=.llvmbc --remove-section=.llvmcmd \
    --remove-section=.comment "$work/all.o" "$work/local.o"
# A second run, because a name is known to be unneeded only once it is local.
"${OBJCOPY:-objcopy}" --strip-unneeded "$work/local.o" "$work/libllm.o"

rm -f "$out/libllm.a"
"${AR:-ar}" rcsD "$out/libllm.a" "$work/libllm.o"

sed "s/@ABI@/$abi/" packaging/libllm.map > "$work/map"
# nodelete and now as in ffi/build.rs; defs: what is not found here would be missing in the host.
"${CC:-cc}" -shared "$work/libllm.o" -o "$out/libllm.so.$abi" -Wl,--version-script="$work/map" -Wl,-soname,"libllm.so.$abi" \
    -Wl,-z,nodelete,-z,relro,-z,now,-z,noexecstack,-z,defs -Wl,--gc-sections,-O1,--as-needed,--strip-all -lpthread -ldl -lm
