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

# Lines of code of a program, without comments, blank lines and imports.
code_lines() {
    awk '/^"""/ { if (!/""".*"""/) inside = !inside; next }
        /^import \($/ { inside = 1; next } inside && /^\)$/ { inside = 0; next } inside { next }
        /^[ \t]*(\/\/|#|$)/ || /^(import|from|package) / { next } { count++ } END { print count + 0 }' "$1"
}

# What keeps an SDK, by the imports that tell so.
kept=0
build_examples > "$LLM_WORK/examples.tsv"
while IFS=$'\t' read -r language name command; do
    case $language in skipped:*) printf '%s\n' "$language"; continue ;; esac
    source=$(find "$root/examples/$language/$name".* "$root/examples/$language/$name/main.go" 2> /dev/null | head -n 1)
    lines=$(wc -l < "$source")
    ask_mock DELETE /stats > /dev/null
    if ! timeout 60 "$command" < /dev/null > "$LLM_WORK/out" 2> "$LLM_WORK/err"; then
        fail "exit code not 0: $(tail -c 500 "$LLM_WORK/err")"
    elif ! grep -q 'w0 w1 .*w11' "$LLM_WORK/out"; then
        fail "the twelve words of the second target are not in its output: $(tail -c 500 "$LLM_WORK/out")"
    elif ! grep -q 'first token after' "$LLM_WORK/out" "$LLM_WORK/err"; then
        fail 'the time to its first token is not in its output'
    elif [ "$lines" -ge 60 ]; then
        fail "$lines lines; an example has fewer than 60"
    elif grep -qiE "^ *(import|from) .*(openai|anthropic)|^[[:space:]]\"github.com/(openai|anthropics)/" "$source" && kept=$((kept + 1)) \
        && [ "$(code_lines "$source")" -gt 20 ]; then
        fail "$(code_lines "$source") lines of code; a program that keeps its SDK has at most 20"
    else
        printf 'ok %s/%s (provider: %s)\n' "$language" "$name" "$(ask_mock GET /stats)"
    fi
done < "$LLM_WORK/examples.tsv"
# Two SDKs in each language that is here and found them.
wanted=$(grep -cE $'^(go\tsdk/|python\tsdk/|node\t(openai|anthropic)\t)' "$LLM_WORK/examples.tsv")
if [ "$kept" -eq "$wanted" ]; then
    printf 'ok %s programs that keep their SDK in at most 20 lines\n' "$kept"
else
    printf 'not ok %s programs that keep their SDK were counted, not %s\n' "$kept" "$wanted"
    failed=1
fi
exit "$failed"
