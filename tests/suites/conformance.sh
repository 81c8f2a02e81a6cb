#!/usr/bin/env bash
# The rules by which `make conformance` judges, and its driver's compilation; the recordings themselves are `make conformance`.
set -uo pipefail
cd "$LLM_ROOT"
if ! command -v python3 > /dev/null; then
    printf 'skipped: python3 not found\n'
    exit 0
fi
passed=0 failed=0
PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover -v -s tests/conformance -p 'test_*.py' 2> "$LLM_WORK/log"
code=$?
cat "$LLM_WORK/log"
passed=$(grep -c ' \.\.\. ok$' "$LLM_WORK/log")
failed=$(grep -cE ' \.\.\. (FAIL|ERROR)$' "$LLM_WORK/log")
[ "$code" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
if "${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -I"$LLM_INCLUDE" tests/conformance/driver.c -o "$LLM_WORK/driver" -L"$LLM_LIB_DIR" -lllm; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
fi
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
