#!/usr/bin/env bash
# What every commit must pass, cheapest first. All builds here use the dev profile, but the last, which the tests use as well.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${LLM_TARGET:-$PWD/target}

step() { printf '\n== %s\n' "$*"; }

step 'format'
"$cargo" fmt --all --check

step 'architecture and header'
"$cargo" run -q -p libllm-tools -- arch
"$cargo" run -q -p libllm-tools -- header --check

step 'generated types and tables'
"$cargo" run -q -p libllm-generate -- --check
"$cargo" test -q -p libllm-proto --test translations

step 'binary interface'
"$cargo" run -q -p libllm-tools -- abi --check
tools/abi.sh

step 'licences, sources, bans'
deny=$(command -v cargo-deny || true)
if [ -z "$deny" ]; then
    deny=$target/tools/bin/cargo-deny
    # Kept with the build: it takes minutes, once. Nothing that it does is slow enough to be worth optimising it.
    [ -x "$deny" ] || "$cargo" install cargo-deny --version 0.20.2 --locked --debug --root "$target/tools" --target-dir "$target/tools/build"
fi
"$deny" --log-level error check --hide-inclusion-graph bans licenses sources

step 'clippy, all features of the default build'
"$cargo" clippy --workspace --all-targets -- -D warnings

# A build with no wire, and with each alone: a `cfg` that is wrong shows as an unused import or a missing name.
wires=$(sed -n '/^\[features\]/,/^\[/s/^\([a-z0-9_-]*\) *= *\[.*/\1/p' proto/Cargo.toml | grep -v '^default$')
for subset in '' $wires; do
    step "clippy, wires: ${subset:-none}"
    "$cargo" clippy -p libllm-proto -p libllm -p libllm-ffi --no-default-features ${subset:+--features "$subset"} -- -D warnings
done

step 'documentation'
RUSTDOCFLAGS='-D warnings' "$cargo" doc --workspace --no-deps --lib

step 'exported symbols'
"$cargo" build --profile ci -p libllm-ffi
"$cargo" run -q -p libllm-tools -- symbols "$target/ci/libllm.so"

printf '\ncheck: all passed\n'
