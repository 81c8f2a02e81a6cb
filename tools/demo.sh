#!/usr/bin/env bash
# Runs every example whose toolchain is here, on a scripted provider of which the first target is overloaded: the answers come
# from the second. With an argument such as openai/gpt-5-mini it asks that model with the key in the environment instead.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
target=${LLM_TARGET:-$root/target}
model=${1:-}
export LLM_LIB_DIR=$target/ci LLM_BIN=$target/ci/libllm LLM_WORK=$target/demo
. "$root/tools/examples.sh"

rm -rf "$LLM_WORK"
mkdir -p "$LLM_WORK"
trap stop_mock EXIT
if [ -z "$model" ]; then
    start_mock
    export LLM_CONFIG=$LLM_WORK/llm.toml
    write_demo_config "$origin" "$LLM_CONFIG"
    printf 'a scripted provider listens on %s; the configuration is %s:\n\n' "$origin" "$LLM_CONFIG"
    sed 's/^/    /' "$LLM_CONFIG"
fi

failures=0
build_examples > "$LLM_WORK/examples.tsv"
while IFS=$'\t' read -r language name command; do
    case $language in skipped:*) printf '\n%s\n' "$language"; continue ;; esac
    printf '\n== %s: %s%s\n' "$language" "$name" "${model:+ $model}"
    if "$command" ${model:+"$model"} < /dev/null; then
        [ -n "$model" ] || printf -- '-- the provider has seen: %s\n' "$(ask_mock GET /stats)"
    else
        printf -- '-- failed\n'
        failures=$((failures + 1))
    fi
done < "$LLM_WORK/examples.tsv"

if [ -z "$model" ]; then
    printf '\nEvery request went to `primary` first, which answers 529, and then to `backup`: two requests for each answer above.\n'
fi
[ "$failures" -eq 0 ]
