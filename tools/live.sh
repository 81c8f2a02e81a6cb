#!/usr/bin/env bash
# A small set against real providers: one streamed answer for each key in the environment, through the C example. It costs
# fractions of a cent and says what it skipped.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
target=${LLM_TARGET:-$root/target}
export LLM_LIB_DIR=$target/ci LLM_BIN=$target/ci/libllm LLM_WORK=$target/live
. "$root/tools/examples.sh"
unset LLM_CONFIG

# Key variable and a small model of each provider.
models='
OPENAI_API_KEY      openai/gpt-5-nano
ANTHROPIC_API_KEY   anthropic/claude-haiku-4-5
MISTRAL_API_KEY     mistral/mistral-small-latest
GROQ_API_KEY        groq/llama-3.1-8b-instant
DEEPSEEK_API_KEY    deepseek/deepseek-chat
XAI_API_KEY         xai/grok-4-fast-non-reasoning
OPENROUTER_API_KEY  openrouter/openai/gpt-5-nano
TOGETHER_API_KEY    together/meta-llama/Llama-3.3-70B-Instruct-Turbo
FIREWORKS_API_KEY   fireworks/accounts/fireworks/models/llama-v3p1-8b-instruct
PERPLEXITY_API_KEY  perplexity/sonar
'

rm -rf "$LLM_WORK"
mkdir -p "$LLM_WORK"
build_examples > "$LLM_WORK/examples.tsv"
command=$(awk -F '\t' '$1 == "c" { print $3; exit }' "$LLM_WORK/examples.tsv")
passed=0 failed=0
while read -r variable model; do
    [ -n "$variable" ] || continue
    if [ -z "${!variable:-}" ]; then
        printf 'skipped: %s (%s is not set)\n' "$model" "$variable"
    elif answer=$("$command" "$model" < /dev/null) && [ -n "$answer" ]; then
        printf 'ok: %s: %s\n' "$model" "$(printf '%s' "$answer" | tr '\n' ' ' | cut -c1-80)"
        passed=$((passed + 1))
    else
        printf 'FAILED: %s\n' "$model"
        failed=$((failed + 1))
    fi
done <<< "$models"
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
