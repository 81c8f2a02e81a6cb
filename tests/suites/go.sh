#!/usr/bin/env bash
# The Go package: vetted, its tests under the race detector against `libllm mock`, and linked in each way that it can be linked.
set -uo pipefail
package=$LLM_ROOT/bindings/go
if ! command -v go > /dev/null; then
    printf 'skipped: go not found\n'
    exit 0
fi
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly
wanted=$(sed -n 's/^go //p' "$package/go.mod") found=$(go env GOVERSION)
if [ "$(printf '%s\n' "$wanted" "${found#go}" | sort -V | head -n 1)" != "$wanted" ]; then
    printf 'skipped: go %s not found (there is %s)\n' "$wanted" "${found#go}"
    exit 0
fi
failed=0
ulimit -n "$(ulimit -Hn)"

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

cd "$package" || exit 1
export CGO_ENABLED=1 CGO_CFLAGS="-O2 -g -I$LLM_INCLUDE"
shared="-L$LLM_LIB_DIR -lllm -Wl,-rpath,$LLM_LIB_DIR"

check 'gofmt' bash -c 'found=$(gofmt -l . ../../examples/go) && [ -z "$found" ] || { echo "$found"; exit 1; }'
check 'go vet' env CGO_LDFLAGS="$shared" go vet -tags libllm_env ./...

# What runs with the library asks this machine alone; only what go itself downloads goes through a proxy.
direct=(env)
for name in http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY; do
    direct+=(-u "$name")
done

CGO_LDFLAGS=$shared timeout 500 go test -tags libllm_env -race -count=1 -exec "${direct[*]}" -v . > "$LLM_WORK/tests" 2>&1
code=$?
sed -n 's/^--- PASS: \([^ ]*\).*/ok \1/p; s/^--- FAIL: \([^ ]*\).*/not ok \1/p' "$LLM_WORK/tests"
if [ "$code" -ne 0 ]; then
    printf 'not ok go test: exit code %s\n' "$code"
    grep -v '^=== \|^--- PASS' "$LLM_WORK/tests" | head -n 60 | sed 's/^/# /'
    failed=1
fi

# A program that is linked so, and what it is linked with.
runs() { "${direct[@]}" "$LLM_WORK/$1" 'mock/tokens=3' > "$LLM_WORK/said" && grep -q 'w0 w1 w2' "$LLM_WORK/said"; }
needs() { readelf -d "$LLM_WORK/$1" > "$LLM_WORK/said" && grep -q 'NEEDED.*libllm' "$LLM_WORK/said"; }
example=$LLM_ROOT/examples/go
cd "$example" || exit 1
check 'links the static library' env CGO_LDFLAGS="-L$LLM_LIB_DIR" go build -tags libllm_static -o "$LLM_WORK/static" stream.go
check 'runs with the static library' runs static
check 'needs no shared library then' bash -c "! readelf -d '$LLM_WORK/static' | grep 'NEEDED.*libllm'"
if command -v pkg-config > /dev/null; then
    mkdir -p "$LLM_WORK/pkgconfig"
    printf 'Name: libllm\nDescription: of the build tree\nVersion: 0\nLibs: %s\nCflags: -I%s\n' "$shared" "$LLM_INCLUDE" \
        > "$LLM_WORK/pkgconfig/libllm.pc"
    check 'links by pkg-config' env -u CGO_CFLAGS PKG_CONFIG_PATH="$LLM_WORK/pkgconfig" go build -o "$LLM_WORK/shared" stream.go
    check 'runs with the shared library' runs shared
    check 'needs the shared library then' needs shared
else
    printf 'skipped: pkg-config not found\n'
fi
exit "$failed"
