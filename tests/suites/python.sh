#!/usr/bin/env bash
# The Python package: installed into a clean venv with the library of LLM_LIB_DIR, then its tests, types and lints.
# Arguments go to pytest. Variables: PYTHON (python3), LLM_EXITS (50; how many processes are ended in mid-stream or idle).
set -uo pipefail
python=${PYTHON:-python3}
package=$LLM_ROOT/bindings/python
venv=$LLM_WORK/venv
if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2> /dev/null; then
    printf 'skipped: python3 (3.10 or newer, with venv) not found\n'
    exit 0
fi
failed=0

# Runs the rest of the arguments as the test named first.
check() {
    local name=$1
    shift
    if "$@" > "$LLM_WORK/out" 2>&1; then
        printf 'ok %s\n' "$name"
    else
        printf 'not ok %s\n' "$name"
        sed 's/^/# /' "$LLM_WORK/out"
        failed=1
    fi
}

# A wheel for every Python of this platform, with the library in it.
wheel() {
    "$venv/bin/pip" wheel -q --disable-pip-version-check --no-deps -w "$LLM_WORK/wheel" "$package" || return 1
    local made
    made=$("$python" -m zipfile -l "$LLM_WORK"/wheel/libllm-*-py3-none-linux_*.whl) || return 1
    grep -q 'libllm/libllm.so' <<< "$made" && grep -q 'libllm/py.typed' <<< "$made"
}

# pip may need a proxy; the tests talk to this host only, and to none through a proxy.
unproxied() {
    env -u http_proxy -u https_proxy -u all_proxy -u no_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY -u NO_PROXY "$@"
}

# Nothing of the source tree is on the path: what is installed must do.
installed() {
    (cd / && unproxied "$venv/bin/python" -I -c 'import libllm; print(libllm.Client().chat("mock/text=hello", "x").text)') > "$LLM_WORK/said" \
        && grep -qx hello "$LLM_WORK/said"
}

# One by one: each is a program of its own. The package's types are the installed ones.
examples_types() {
    local source
    for source in "$LLM_ROOT"/examples/python/*.py; do
        "$venv/bin/mypy" --strict --cache-dir "$LLM_WORK/mypy" --config-file= "$source" || return 1
    done
}

"$python" -m venv "$venv" || exit 1
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
unset LIBLLM_PATH PYTHONPATH LLM_CONFIG
check 'python: pip install in a clean venv' "$venv/bin/pip" install -q "$package"
check 'python: the installed package answers' installed
check 'python: the wheel is py3-none and has the library' wheel
if ! "$venv/bin/pip" install -q -r "$package/tests/requirements.txt"; then
    printf 'not ok python: the packages of tests/requirements.txt\n'
    exit 1
fi
# LiteLLM is read, not installed: what it needs is none of ours.
check 'python: the wheel of LiteLLM' "$venv/bin/pip" download -q --no-deps --only-binary :all: -d "$LLM_WORK/litellm" -r "$package/tests/litellm.txt"
export LITELLM_WHEEL=$LLM_WORK/litellm
cd "$package" || exit 1
check 'python: ruff check' "$venv/bin/ruff" check --no-cache .
check 'python: ruff format' "$venv/bin/ruff" format --no-cache --check .
check 'python: mypy --strict' "$venv/bin/mypy" --strict --cache-dir "$LLM_WORK/mypy"
check 'python: ruff check of the examples' "$venv/bin/ruff" check --no-cache --config pyproject.toml "$LLM_ROOT/examples/python"
check 'python: mypy --strict of the examples' examples_types
unproxied timeout 400 "$venv/bin/pytest" -v -p no:cacheprovider --no-header --tb=short "$@" 2>&1 | awk '
    / PASSED/ { print "ok python: " $1; next }
    / (FAILED|ERROR) / && /%\]/ { print "not ok python: " $1; next }
    { print "# " $0 }'
code=${PIPESTATUS[0]}
[ "$code" -eq 0 ] || failed=1
exit "$failed"
