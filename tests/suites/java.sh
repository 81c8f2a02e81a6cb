#!/usr/bin/env bash
# Java reaches the library with one file over llm.h: the example streams, names the first token's time, and says why a request failed.
set -uo pipefail
root=$LLM_ROOT
if ! command -v java > /dev/null; then
    printf 'skipped: java not found\n'
    exit 0
fi
. "$root/tools/examples.sh"
mkdir -p "$LLM_WORK/bin"
line=$(java_examples)
case $line in
    skipped:*)
        printf '%s\n' "$line"
        exit 0
        ;;
esac
stream=$LLM_WORK/bin/java-Stream
failed=0
trap stop_mock EXIT
start_mock || exit 1
printf '[providers.scripted]\nwire = "openai_chat"\nbase_url = "%s/v1"\nauth = "none"\n' "$origin" > "$LLM_WORK/llm.toml"
export LLM_CONFIG=$LLM_WORK/llm.toml

check() {
    local name=$1 code=$2 words=$3 found
    shift 3
    timeout 120 "$stream" "$@" > "$LLM_WORK/out" 2> "$LLM_WORK/err"
    found=$?
    if [ "$found" -eq "$code" ] && grep -q "$words" "$LLM_WORK/out"; then
        printf 'ok java: %s\n' "$name"
    else
        printf 'not ok java: %s (exit code %s)\n' "$name" "$found"
        tail -n 10 "$LLM_WORK/out" "$LLM_WORK/err" | sed 's/^/# /'
        failed=1
    fi
}
check 'streams over a socket' 0 '^w0 w1 w2 w3$' 'scripted/tokens=4;pace=5ms'
check 'names the time of the first token' 0 'first token after [0-9]* ms' 'scripted/tokens=2'
check 'says why a request failed' 1 '"kind":"rate_limited".*"request_id":"req_' 'scripted/status=429;times=9'
check 'says that an answer was cut' 1 '"kind":"stream_truncated"' 'scripted/tokens=4;cut=fin;at=2'
exit "$failed"
