#!/usr/bin/env bash
# Builds FOLDER/libllm.node for examples and shared cases, with the libllm.a of LLM_LIB_DIR: usage node-addon.sh FOLDER.
#
# node_api.h comes from the npm package that bindings/node names; without npm or network, from what is installed with Node.
set -euo pipefail
package=$(cd "$(dirname "$0")/../bindings/node" && pwd)
mkdir -p "$1"
cd "$1"
export NODE_API_HEADERS=$package/node_modules/node-api-headers/include
if [ ! -e "$NODE_API_HEADERS/node_api.h" ]; then
    NODE_API_HEADERS=$PWD/package/include
    version=$(node -p 'require(process.argv[1]).devDependencies["node-api-headers"]' "$package/package.json")
    { npm pack --silent "node-api-headers@$version" && tar -xzf "node-api-headers-$version.tgz"; } > /dev/null 2>&1 || true
fi
"$package/build.sh" "$PWD/libllm.node"
