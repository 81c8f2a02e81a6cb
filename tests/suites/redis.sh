#!/usr/bin/env bash
# Limits, budgets and answers that processes share in a real redis-server, on a free port of loopback: exact under load, and nothing is lost
# when it is killed. Variables: see tests/redis/run.py.
set -uo pipefail
PATH=$PATH:/usr/sbin
for command in python3 redis-server; do
    if ! command -v "$command" > /dev/null; then
        printf 'skipped: %s not found\n' "$command"
        exit 0
    fi
done
unset LLM_CONFIG LLM_LOG
exec python3 -B "$LLM_ROOT/tests/redis/run.py"
