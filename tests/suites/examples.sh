#!/usr/bin/env bash
# Every example runs against the scripted provider, survives the failover and prints the answer of the second target.
set -uo pipefail
root=$LLM_ROOT
. "$root/tools/examples.sh"
failed=0
trap stop_mock EXIT
start_mock || exit 1
export LLM_CONFIG=$LLM_WORK/llm.toml
write_demo_config "$origin" "$LLM_CONFIG"

fail() {
    printf 'not ok %s/%s: %s\n' "$language" "$name" "$1"
    failed=1
}

build_examples > "$LLM_WORK/examples.tsv"
while IFS=$'\t' read -r language name command; do
    case $language in skipped:*) printf '%s\n' "$language"; continue ;; esac
    source=$(find "$root/examples/$language/$name".* "$root/bindings/$language/sdktest/$name/main.go" 2> /dev/null | head -n 1)
    lines=$(wc -l < "$source")
    ask_mock DELETE /stats > /dev/null
    if ! timeout 60 "$command" < /dev/null > "$LLM_WORK/out" 2> "$LLM_WORK/err"; then
        fail "exit code not 0: $(tail -c 500 "$LLM_WORK/err")"
    elif ! grep -q 'w0 w1 .*w11' "$LLM_WORK/out"; then
        fail "the twelve words of the second target are not in its output: $(tail -c 500 "$LLM_WORK/out")"
    elif ! cat "$LLM_WORK/out" "$LLM_WORK/err" | grep -q 'first token after'; then
        fail 'the time to its first token is not in its output'
    elif [ "$lines" -ge 60 ]; then
        fail "$lines lines; an example has fewer than 60"
    else
        printf 'ok %s/%s (provider: %s)\n' "$language" "$name" "$(ask_mock GET /stats)"
    fi
done < "$LLM_WORK/examples.tsv"
exit "$failed"
