#!/usr/bin/env bash
# The short form of the host-safety suite: what the library does to the process that it is in. The long form is `make soak`.
set -uo pipefail
if ! command -v python3 > /dev/null || ! command -v "${CC:-cc}" > /dev/null || ! command -v "${CXX:-c++}" > /dev/null; then
    printf 'skipped: python3 or a C and C++ compiler not found\n'
    exit 0
fi
PYTHONDONTWRITEBYTECODE=1 exec python3 "$LLM_ROOT/tests/host/run.py"
