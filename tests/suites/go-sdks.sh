#!/usr/bin/env bash
# OpenAI's and Anthropic's own Go SDKs over the package's transport, against `libllm mock`; a module of its own (bindings/go/sdktest), because
# who uses the package needs no SDK.
set -uo pipefail
module=$LLM_ROOT/bindings/go/sdktest
if ! command -v go > /dev/null; then
    printf 'skipped: go not found\n'
    exit 0
fi
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly
wanted=$(sed -n 's/^go //p' "$module/go.mod") found=$(go env GOVERSION)
if [ "$(printf '%s\n' "$wanted" "${found#go}" | sort -V | head -n 1)" != "$wanted" ]; then
    printf 'skipped: go %s not found (there is %s)\n' "$wanted" "${found#go}"
    exit 0
fi
cd "$module" || exit 1
export CGO_ENABLED=1 CGO_CFLAGS="-O2 -I$LLM_INCLUDE" CGO_LDFLAGS="-L$LLM_LIB_DIR -lllm -Wl,-rpath,$LLM_LIB_DIR"

# What runs with the library asks this machine alone; only what go itself downloads goes through a proxy.
direct=(env)
for name in http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY; do
    direct+=(-u "$name")
done
timeout 800 go test -vet=off -tags libllm_env -count=1 -exec "${direct[*]}" -v . > "$LLM_WORK/tests" 2>&1
code=$?
sed -n 's/^--- PASS: \([^ ]*\).*/ok go sdks: \1/p; s/^--- FAIL: \([^ ]*\).*/not ok go sdks: \1/p' "$LLM_WORK/tests"
if [ "$code" -ne 0 ]; then
    printf 'not ok go sdks: exit code %s\n' "$code"
    grep -v '^=== \|^--- PASS' "$LLM_WORK/tests" | head -n 60 | sed 's/^/# /'
fi
exit "$((code != 0))"
