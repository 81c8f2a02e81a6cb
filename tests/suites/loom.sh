#!/usr/bin/env bash
# Every interleaving of small scenarios (tools/loom.sh).
set -uo pipefail
cd "$LLM_ROOT" || exit 1
tools/loom.sh > "$LLM_WORK/log" 2>&1
code=$?
sed -n -e 's/^test \(.*\) \.\.\. ok$/ok \1/p' -e 's/^test \(.*\) \.\.\. FAILED$/not ok \1/p' "$LLM_WORK/log"
# A deadlock that loom finds ends the process: then the name is in what it said last.
[ "$code" -eq 0 ] || tail -n 40 "$LLM_WORK/log"
exit "$code"
