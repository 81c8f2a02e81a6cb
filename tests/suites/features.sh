#!/usr/bin/env bash
# A build with one format alone: what it lacks is refused by name, in the configuration and in a plan.
set -uo pipefail
cd "$LLM_ROOT" || exit 1
"${CARGO:-cargo}" test --profile ci -p libllm --no-default-features --features openai --lib --test config \
    -- not_built missing > "$LLM_WORK/log" 2>&1
code=$?
sed -n -e 's/^test \(.*\) \.\.\. ok$/ok \1/p' -e 's/^test \(.*\) \.\.\. FAILED$/not ok \1/p' "$LLM_WORK/log"
[ "$code" -eq 0 ] || tail -n 40 "$LLM_WORK/log"
exit "$code"
