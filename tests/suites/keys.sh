#!/usr/bin/env bash
# Every key of the configuration, every option of a request and every variable does what docs/config.md says, through the C ABI.
# Arguments choose tests by a part of their names.
set -uo pipefail
if ! command -v python3 > /dev/null; then
    printf 'skipped: python3 not found\n'
    exit 0
fi
exec python3 -B "$LLM_ROOT/tests/keys/run.py" "$@"
