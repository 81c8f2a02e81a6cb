#!/usr/bin/env bash
# The Node package: built with the static library of LLM_LIB_DIR in a copy of its sources, its types and tests, and what is packed
# installed offline into an empty project. Variables: LLM_EXITS, LLM_WORKERS as in test/process.test.js.
set -uo pipefail
for tool in node npm; do
    if ! command -v "$tool" > /dev/null; then
        printf 'skipped: %s not found\n' "$tool"
        exit 0
    fi
done
if ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 18 || (a == 18 && b >= 18) ? 0 : 1)'; then
    printf 'skipped: node 18.18 not found (there is %s)\n' "$(node --version)"
    exit 0
fi
package=$LLM_WORK/node
failed=0

check() {
    local name=$1
    shift
    if "$@" > "$LLM_WORK/log" 2>&1; then
        printf 'ok %s\n' "$name"
    else
        printf 'not ok %s\n' "$name"
        tail -n 30 "$LLM_WORK/log" | sed 's/^/# /'
        failed=1
    fi
}

# npm may need a proxy; the tests talk to this host only, and to none through a proxy.
direct=(env)
for name in http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY LLM_CONFIG LIBLLM_NODE; do
    direct+=(-u "$name")
done

# Symbols that leave the addon, and those of the C library that it needs: Debian 12 has 2.36.
exports() {
    local found
    found=$(nm -D --defined-only "$addon" | awk '{ print $3 }' | sort | paste -sd' ')
    [ "$found" = 'napi_register_module_v1 node_api_module_get_api_version_v1' ] || { echo "exports: $found"; return 1; }
}
old_glibc() {
    local newest
    newest=$(objdump -T "$addon" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
    [ "$(printf '%s\n' "$newest" 2.36 | sort -V | tail -n 1)" = 2.36 ] || { echo "needs glibc $newest"; return 1; }
}
# Every name that it does not have itself is Node-API's or a library's that it names: nothing of libuv, nothing of V8.
node_api_alone() {
    local others
    others=$(nm -D --undefined-only "$addon" | awk '{ print $NF }' | grep -v '@\|^napi_\|^node_api_\|^_ITM_\|^__gmon_start__' | paste -sd' ')
    [ -z "$others" ] || { echo "needs $others"; return 1; }
}

# Both packages into an empty project, without network and with an empty cache; no script runs.
installs() {
    (cd "$package" && npm pack --silent --ignore-scripts --pack-destination "$LLM_WORK" . ./platforms/linux-"$arch"-gnu) || return 1
    mkdir "$LLM_WORK/project"
    cd "$LLM_WORK/project" || return 1
    printf '{ "private": true }\n' > package.json
    npm install --silent --offline --no-audit --no-fund --cache "$LLM_WORK/cache" --foreground-scripts "$LLM_WORK"/libllm-*.tgz
}
scriptless() { ! grep -E '"(pre|post)?(install|prepare)"' "$LLM_WORK"/project/node_modules/{libllm,@libllm/*}/package.json; }
small() { [ "$(cd "$LLM_WORK/project" && find -L node_modules/libllm -name node_modules -prune -o -type f -print | grep -c -v 'index\|generated\|lib/\|package.json\|README')" -eq 0 ]; }
says() { (cd "$LLM_WORK/project" && timeout 60 "${direct[@]}" node "$@") > "$LLM_WORK/said" && grep -qx 'w0 w1 w2' "$LLM_WORK/said"; }

mkdir -p "$package"
(cd "$LLM_ROOT/bindings/node" && tar -c --exclude node_modules --exclude build --exclude '*.node' .) | tar -x -C "$package" || exit 1
cd "$package" || exit 1
if ! npm ci --silent --ignore-scripts --no-audit --no-fund > "$LLM_WORK/log" 2>&1; then
    printf 'not ok npm ci: the development packages of package-lock.json\n'
    tail -n 30 "$LLM_WORK/log" | sed 's/^/# /'
    exit 1
fi
arch=$(node -p process.arch)
addon=$package/platforms/linux-$arch-gnu/libllm.node
mkdir -p "$(dirname "$addon")"
check 'builds with the static library' ./build.sh
[ -e "$addon" ] || exit 1
check 'lets out its own two names alone' exports
check 'loads with the glibc of Debian 12' old_glibc
check 'needs Node-API alone' node_api_alone
check 'tsc: the types, and their use from ESM and CJS' npx --no-install tsc -p test/types
check 'tsc: the types where those of Node are not' npx --no-install tsc -p test/types/tsconfig.browser.json
check 'tsd' npx --no-install tsd
check 'tsc: await using' npx --no-install tsc -p test/using

timeout 400 "${direct[@]}" node --expose-gc --test --test-concurrency=2 --test-reporter=tap \
    test/*.test.js test/*.test.mjs build/using/using.test.mjs > "$LLM_WORK/tests" 2>&1
code=$?
sed -nE 's/^ *(not ok|ok) [0-9]+ - (.*)/\1 \2/p' "$LLM_WORK/tests"
if [ "$code" -ne 0 ]; then
    failed=1
    printf 'not ok node --test: exit code %s\n' "$code"
    grep -A 25 '^ *not ok' "$LLM_WORK/tests" | head -n 80 | sed 's/^/# /'
fi

check 'installs from what is packed, offline' installs
check 'runs no script' scriptless
check 'packs nothing else' small
ask="new LLM().chat('mock/tokens=3', 'x').then((answer) => console.log(answer.text))"
check 'runs there by require' says -e "const { LLM } = require('libllm'); $ask"
check 'runs there by import' says --input-type=module -e "import { LLM } from 'libllm'; $ask"
check 'runs there in a worker' says -e "new (require('worker_threads').Worker)(\"const { LLM } = require('libllm'); $ask\", { eval: true })"
exit "$failed"
