#!/usr/bin/env bash
# The shared cases of tests/cases in every language whose toolchain is here: each as its file says, and the same in all of them.
# CASES=cut,tool runs only those whose names begin so.
set -uo pipefail
root=$LLM_ROOT
cases=$root/tests/cases
failed=0
runners=()

# Builds a runner: its name, then the command. What does not build is a failed test.
build() {
    local name=$1
    shift
    if ! "$@" > "$LLM_WORK/$name.log" 2>&1; then
        printf 'not ok cases of %s: its runner does not build\n' "$name"
        tail -n 20 "$LLM_WORK/$name.log" | sed 's/^/# /'
        failed=1
        return 1
    fi
}

link=("-I$LLM_INCLUDE" "-L$LLM_LIB_DIR" -lllm "-Wl,-rpath,$LLM_LIB_DIR")
if command -v "${CC:-cc}" > /dev/null; then
    build c "${CC:-cc}" -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror "$cases/runners/runner.c" -o "$LLM_WORK/c" "${link[@]}" \
        && runners+=("c=$LLM_WORK/c")
else
    printf 'skipped: %s not found\n' "${CC:-cc}"
fi
if command -v "${CXX:-c++}" > /dev/null; then
    build cpp "${CXX:-c++}" -std=c++17 -O1 -g -Wall -Wextra -Werror "$cases/runners/runner.cpp" -o "$LLM_WORK/cpp" "${link[@]}" \
        && runners+=("cpp=$LLM_WORK/cpp")
else
    printf 'skipped: %s not found\n' "${CXX:-c++}"
fi

rust() {
    (cd "$root" && "${CARGO:-cargo}" build --profile "${LLM_PROFILE:-ci}" -p libllm --example cases --message-format json) \
        | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' > "$LLM_WORK/rust"
    [ -s "$LLM_WORK/rust" ]
}
build rust rust && runners+=("rust=$(cat "$LLM_WORK/rust")")

go_runner() {
    cd "$cases/runners/go" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_CFLAGS="-O2 -g -I$LLM_INCLUDE" \
        CGO_LDFLAGS="-L$LLM_LIB_DIR -lllm -Wl,-rpath,$LLM_LIB_DIR" go build -tags libllm_env -o "$LLM_WORK/go" .
}
if (cd "$cases/runners/go" && GOTOOLCHAIN=local go list -m) > /dev/null 2>&1; then
    build go go_runner && runners+=("go=$LLM_WORK/go")
else
    printf 'skipped: go (1.24 or newer) not found\n'
fi

if node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2> /dev/null; then
    if build node "$root/tools/node-addon.sh" "$LLM_WORK/addon"; then
        node="env LIBLLM_PACKAGE=$root/bindings/node LIBLLM_NODE=$LLM_WORK/addon/libllm.node node $cases/runners/runner"
        runners+=("node=$node.js" "node-esm=$node.mjs" "node-worker=$node.js worker")
    fi
else
    printf 'skipped: node (18 or newer) not found\n'
fi

if python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null; then
    python="env PYTHONPATH=$root/bindings/python/src LIBLLM_PATH=$LLM_LIB_DIR python3 -B $cases/runners/runner.py"
    runners+=("python=$python sync" "python-async=$python async")
else
    printf 'skipped: python3 (3.10 or newer) not found\n'
    exit "$failed"
fi

# Proxies and configurations of whoever runs this are not part of a case.
alone=(env -u LLM_CONFIG)
for name in http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY; do
    alone+=(-u "$name")
done
timeout 500 "${alone[@]}" python3 -B "$cases/run.py" "${runners[@]}" || failed=1

# Whoever says something else is found out: a language that forgets a field, one that changes it, one that loses an item.
first=${runners[0]#*=}
lies() {
    local name=$1 case=$2 lie=$3
    printf '%s\n' "$lie" > "$LLM_WORK/lie.sed"
    printf '#!/bin/sh\n%s | sed -u -f %s\n' "$first" "$LLM_WORK/lie.sed" > "$LLM_WORK/liar"
    chmod +x "$LLM_WORK/liar"
    if CASES=$case "${alone[@]}" python3 -B "$cases/run.py" "honest=$first" "liar=$LLM_WORK/liar" > "$LLM_WORK/liar.log" 2>&1 \
        || ! grep -q '^# liar is not as honest' "$LLM_WORK/liar.log"; then
        printf 'not ok %s goes unnoticed\n' "$name"
        failed=1
    else
        printf 'ok %s is found out\n' "$name"
    fi
}
lies 'a forgotten request id' error_400 's/"request_id":"[^"]*"/"request_id":null/'
lies 'another wait' error_429_ms 's/1500,/1400,/g'
lies 'a lost attempt' retries_used_up 's/"attempts":\[{[^}]*},/"attempts":[/'
lies 'a lost word' text_unicode 's/ back/ /'
exit "$failed"
