#!/usr/bin/env bash
# The rules by which `make conformance` judges, and its driver's compilation; the recordings themselves are `make conformance`.
set -uo pipefail
cd "$LLM_ROOT"
if ! command -v python3 > /dev/null; then
    printf 'skipped: python3 not found\n'
    exit 0
fi
failed=0
PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover -v -s tests/conformance -p 'test_*.py' 2> "$LLM_WORK/log" || failed=1
sed -E 's/^(.*) \.\.\. ok$/ok \1/; s/^(.*) \.\.\. (FAIL|ERROR)$/not ok \1/' "$LLM_WORK/log"
if "${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -I"$LLM_INCLUDE" tests/conformance/driver.c -o "$LLM_WORK/driver" -L"$LLM_LIB_DIR" -lllm; then
    printf 'ok the driver compiles\n'
else
    printf 'not ok the driver compiles\n'
    failed=1
fi
exit "$failed"
