#!/usr/bin/env bash
# What may go wrong between two machines, in every place, for every dialect, streamed and not, over real sockets; what each must come
# to stands in tests/faults/expected.py, the matrix in docs/faults.md. Arguments choose cases by parts of their names.
set -uo pipefail
for tool in python3 openssl; do
    if ! command -v "$tool" > /dev/null; then
        printf 'skipped: %s not found\n' "$tool"
        exit 0
    fi
done
ulimit -n "$(ulimit -Hn)"
exec timeout 300 python3 -B "$LLM_ROOT/tests/faults/run.py" "$@"
