#!/usr/bin/env bash
# Every interleaving of small scenarios of the queue, its bell, cancel, a shard's inbox and the gate before a connection: the modules
# `races` of core, on loom's threads and atomics. `tools/loom.sh [FILTER]`; LOOM_MAX_PREEMPTIONS (3) widens or narrows the search.
# A build of its own, because the cfg reaches every crate; ours has a name of its own, because tokio would answer to loom's.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
export RUSTFLAGS="${RUSTFLAGS:-} --cfg llm_loom"
# What is explored runs a hundred thousand times, the rest hardly at all.
quick=(--config 'profile.test.debug=false')
for package in loom generator libllm; do quick+=(--config "profile.test.package.$package.opt-level=1"); done
exec "$cargo" test "${quick[@]}" -p libllm --lib --target-dir "${LLM_TARGET:-$PWD/target}/loom" "${1:-races::}"
