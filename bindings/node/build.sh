#!/usr/bin/env bash
# Builds the addon, libllm.node: usage build.sh [OUT]. By default OUT is this machine's package in platforms/.
#
# From the environment: LLM_LIB_DIR (where libllm.a is; target/release), LLM_INCLUDE (where llm.h is; include), CC, NODE_API_HEADERS
# (where node_api.h is; else the npm package node-api-headers, which `npm ci` brings, else what is installed with Node).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(realpath -m "$here/../..")
lib=${LLM_LIB_DIR:-${LLM_TARGET:-$root/target}/release}
headers=${NODE_API_HEADERS:-$here/node_modules/node-api-headers/include}
[ -e "$headers/node_api.h" ] || headers=$(node -p 'require("path").resolve(process.execPath, "../../include/node")')
out=${1:-$here/platforms/linux-$(node -p process.arch)-gnu/libllm.node}
[ -e "$lib/libllm.a" ] || { printf 'build: %s/libllm.a not found: run make build, or set LLM_LIB_DIR\n' "$lib" >&2; exit 1; }
[ -e "$headers/node_api.h" ] || { printf 'build: node_api.h not found: run npm ci, or set NODE_API_HEADERS\n' >&2; exit 1; }

# Of all names only the addon's own two leave it: Node has an OpenSSL of its own, and a host may have another libllm. nodelete: the
# engine's threads outlive the worker that loaded the addon last.
"${CC:-cc}" -std=c11 -O2 -g0 -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror -DLLM_API= \
    -I"$headers" -I"${LLM_INCLUDE:-$root/include}" "$here"/src/*.c "$lib/libllm.a" -o "$out" \
    -Wl,--version-script="$here/src/exports.map" -Wl,--gc-sections,-O1,--as-needed,--strip-all \
    -Wl,-z,nodelete,-z,relro,-z,now,-z,noexecstack -lpthread -ldl -lm
