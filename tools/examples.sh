# Building and running the examples; sourced by tools/demo.sh, tools/live.sh and tests/suites/examples.sh.
#
# Every example takes the model as its only argument (default: `default_model` of the configuration), finds the configuration in
# LLM_CONFIG, prints the answer and exits with 0. Wants: LLM_LIB_DIR, LLM_BIN, LLM_WORK, root (the repository).

# Two providers of the scripted server: the first is overloaded, the second answers in another dialect after a moment.
write_demo_config() {
    local origin=$1 file=$2
    cat > "$file" << TOML
default_model = "demo"

[providers.primary]
wire = "openai_chat"
base_url = "$origin/v1"
auth = "none"

[providers.backup]
wire = "anthropic"
base_url = "$origin"
auth = "none"

[models.demo]
targets = [
  { model = "primary/status=529" },
  { model = "backup/tokens=12;pace=30ms" },
]
TOML
}

# Starts the scripted provider on a free port of loopback; sets `origin` and `mock_pid`.
start_mock() {
    local log=$LLM_WORK/mock.log
    "$LLM_BIN" mock --listen 127.0.0.1:0 > "$log" 2>&1 &
    mock_pid=$!
    for _ in $(seq 100); do
        origin=$(sed -n 's/^listening on //p' "$log")
        [ -z "$origin" ] || return 0
        kill -0 "$mock_pid" 2> /dev/null || break
        sleep 0.05
    done
    cat "$log"
    return 1
}

stop_mock() {
    [ -z "${mock_pid:-}" ] || kill "$mock_pid" 2> /dev/null || true
    mock_pid=
}

# GET of the scripted provider's own pages, without curl.
ask_mock() {
    local place=${origin#http://}
    exec 3<> "/dev/tcp/${place%:*}/${place##*:}" || return 1
    printf '%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" "$2" "$place" >&3
    sed '1,/^\r*$/d' <&3
    exec 3>&-
}

# Builds every example whose toolchain is here; prints one line each: language, name, command. What keeps an SDK needs that SDK too.
build_examples() {
    local source name out
    mkdir -p "$LLM_WORK/bin"
    if command -v "${CC:-cc}" > /dev/null; then
        for source in "$root"/examples/c/*.c; do
            name=$(basename "$source" .c) out=$LLM_WORK/bin/c-$(basename "$source" .c)
            "${CC:-cc}" -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -I"$root/include" "$source" -o "$out" \
                -L"$LLM_LIB_DIR" -lllm -Wl,-rpath,"$LLM_LIB_DIR" -lpthread >&2 || out=false
            printf 'c\t%s\t%s\n' "$name" "$out"
        done
    else
        printf 'skipped: %s not found\n' "${CC:-cc}"
    fi
    if command -v "${CXX:-c++}" > /dev/null; then
        for source in "$root"/examples/cpp/*.cpp; do
            name=$(basename "$source" .cpp) out=$LLM_WORK/bin/cpp-$(basename "$source" .cpp)
            "${CXX:-c++}" -std=c++17 -O1 -g -Wall -Wextra -Werror -I"$root/include" "$source" -o "$out" \
                -L"$LLM_LIB_DIR" -lllm -Wl,-rpath,"$LLM_LIB_DIR" -lpthread >&2 || out=false
            printf 'cpp\t%s\t%s\n' "$name" "$out"
        done
    else
        printf 'skipped: %s not found\n' "${CXX:-c++}"
    fi
    rust_examples
    python_examples
    go_examples
    node_examples
    java_examples
}

# Rust examples are cargo targets of the crate `libllm`, whose sources are in examples/rust.
rust_examples() {
    local source name
    for source in "$root"/examples/rust/*.rs; do
        [ -e "$source" ] || continue
        name=$(basename "$source" .rs)
        if (cd "$root" && "${CARGO:-cargo}" build -q --profile ci -p libllm --example "$name") >&2; then
            printf 'rust\t%s\t%s\n' "$name" "$LLM_LIB_DIR/examples/$name"
        else
            printf 'rust\t%s\tfalse\n' "$name"
        fi
    done
}

# Python examples run from the sources, with the library that was built.
python_examples() {
    local source name out
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null; then
        printf 'skipped: python3 (3.10 or newer) not found\n'
        return
    fi
    for source in "$root"/examples/python/*.py; do
        name=$(basename "$source" .py) out=$LLM_WORK/bin/python-$(basename "$source" .py)
        printf '#!/bin/sh\nPYTHONPATH="%s" LIBLLM_PATH="%s" exec python3 -B "%s" "$@"\n' \
            "$root/bindings/python/src" "$LLM_LIB_DIR" "$source" > "$out"
        chmod +x "$out"
        printf 'python\t%s\t%s\n' "$name" "$out"
    done
    python_sdks
}

# Programs that keep OpenAI's or Anthropic's SDK, of the versions that bindings/python is tested with: those of this Python, if it has
# them, else in an environment of their own, if pip can bring them.
python_sdks() {
    local source name out python=python3 needs
    needs=$(grep -E '^(openai|anthropic|httpx2)==' "$root/bindings/python/tests/requirements.txt")
    if ! python3 -c 'import anthropic, httpx2, openai' 2> /dev/null; then
        python=$LLM_WORK/python/bin/python
        # shellcheck disable=SC2086 # some words
        { python3 -m venv "$LLM_WORK/python" && "$python" -m pip install -q --disable-pip-version-check $needs; } >&2 || true
    fi
    if ! "$python" -c 'import anthropic, httpx2, openai' 2> /dev/null; then
        printf 'skipped: python packages openai and anthropic not found\n'
        return
    fi
    for source in "$root"/examples/python/sdk/*.py; do
        name=sdk/$(basename "$source" .py) out=$LLM_WORK/bin/python-$(basename "$source" .py)
        printf '#!/bin/sh\nPYTHONPATH="%s" LIBLLM_PATH="%s" exec "%s" -B "%s" "$@"\n' \
            "$root/bindings/python/src" "$LLM_LIB_DIR" "$python" "$source" > "$out"
        chmod +x "$out"
        printf 'python\t%s\t%s\n' "$name" "$out"
    done
}

# Go examples are files of one module each for itself, linked with the shared library of the build tree.
go_examples() {
    local source name out
    if ! (cd "$root/examples/go" && GOTOOLCHAIN=local go list -m) > /dev/null 2>&1; then
        printf 'skipped: go (1.24 or newer) not found\n'
        return
    fi
    for source in "$root"/examples/go/*.go; do
        name=$(basename "$source" .go) out=$LLM_WORK/bin/go-$(basename "$source" .go)
        (cd "$root/examples/go" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_CFLAGS="-O2 -g -I$root/include" \
            CGO_LDFLAGS="-L$LLM_LIB_DIR -lllm -Wl,-rpath,$LLM_LIB_DIR" go build -tags libllm_env -o "$out" "$source") >&2 || out=false
        printf 'go\t%s\t%s\n' "$name" "$out"
    done
    # Programs that keep an SDK are of a module that has the SDKs, if go can bring them.
    if ! (cd "$root/examples/go/sdk" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly go mod download) >&2; then
        printf 'skipped: go modules of openai-go and anthropic-sdk-go not found\n'
        return
    fi
    for source in "$root"/examples/go/sdk/*/main.go; do
        name=sdk/$(basename "$(dirname "$source")") out=$LLM_WORK/bin/go-sdk-$(basename "$(dirname "$source")")
        (cd "$root/examples/go/sdk" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_CFLAGS="-O2 -g -I$root/include" \
            CGO_LDFLAGS="-L$LLM_LIB_DIR -lllm -Wl,-rpath,$LLM_LIB_DIR" go build -tags libllm_env -o "$out" "./${name#sdk/}") >&2 || out=false
        printf 'go\t%s\t%s\n' "$name" "$out"
    done
}

# Node examples run from the sources, by the package's name, with an addon that is built for them here.
node_examples() {
    local source name out needs folder=$LLM_WORK/node
    if ! node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2> /dev/null; then
        printf 'skipped: node (18 or newer) not found\n'
        return
    fi
    "$root/tools/node-addon.sh" "$folder" >&2 || printf 'node: the addon does not build\n' >&2
    node_sdks "$folder" >&2
    mkdir -p "$folder/node_modules"
    ln -sfn "$root/bindings/node" "$folder/node_modules/libllm"
    cp "$root"/examples/node/*.mjs "$folder/"
    for source in "$root"/examples/node/*.mjs; do
        name=$(basename "$source" .mjs) out=$LLM_WORK/bin/node-$(basename "$source" .mjs)
        needs=$(sed -n "s/^import .* from '\(openai\|@anthropic-ai\/sdk\)';/\1/p" "$source")
        if [ -n "$needs" ] && [ ! -e "$folder/node_modules/$needs" ]; then
            printf 'skipped: npm package %s not found\n' "$needs"
            continue
        fi
        printf '#!/bin/sh\nLIBLLM_NODE="%s" exec node "%s" "$@"\n' "$folder/libllm.node" "$folder/$name.mjs" > "$out"
        chmod +x "$out"
        printf 'node\t%s\t%s\n' "$name" "$out"
    done
}

# The official SDKs of the versions that bindings/node is tested with, if npm can bring them.
node_sdks() {
    local wanted='const { devDependencies: all } = require(process.argv[1]);
        console.log(["openai", "@anthropic-ai/sdk"].map((name) => `${name}@${all[name]}`).join(" "))'
    # shellcheck disable=SC2046 # two words
    (cd "$1" && printf '{ "private": true }\n' > package.json \
        && npm install --silent --no-save --no-audit --no-fund --ignore-scripts $(node -e "$wanted" "$root/bindings/node/package.json")) || true
}

# Java's one file runs from its source over the shared library. It is written for what JDK 17 has of foreign functions.
java_examples() {
    local out=$LLM_WORK/bin/java-Stream
    if ! command -v java > /dev/null || ! grep -q '^jdk.incubator.foreign@' <<< "$(java --list-modules 2> /dev/null)"; then
        printf 'skipped: java (17, with jdk.incubator.foreign) not found\n'
        return
    fi
    printf '#!/bin/sh\nexec java --add-modules jdk.incubator.foreign --enable-native-access=ALL-UNNAMED -Djava.library.path="%s" "%s" "$@"\n' \
        "$LLM_LIB_DIR" "$root/examples/java/Stream.java" > "$out"
    chmod +x "$out"
    printf 'java\tStream\t%s\n' "$out"
}
