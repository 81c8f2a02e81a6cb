#!/usr/bin/env bash
# Breaks proto's framers and readers by hand, as it were: a seeded sample of cargo-mutants' mutants, and how many of them the tests of
# proto catch. `tools/mutants.sh [COUNT] [SEED]`; the outcomes lie in $LLM_TARGET/mutants/mutants.out.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${LLM_TARGET:-$PWD/target}
count=${1:-60}
seed=${2:-1}
out=$target/mutants
mkdir -p "$out"
# Nobody reads backtraces of these builds.
export CARGO_PROFILE_DEV_DEBUG=0

mutants=$(command -v cargo-mutants || true)
if [ -z "$mutants" ]; then
    mutants=$target/tools/bin/cargo-mutants
    # Kept with the build: it takes minutes, once.
    [ -x "$mutants" ] || "$cargo" install cargo-mutants --version 27.1.0 --locked --root "$target/tools" --target-dir "$target/tools/build"
fi

# The tests that read answers; what writes requests is not changed, and each of its test programs would be linked for every mutant.
tests=(-C=--lib)
for test in proto/tests/*.rs proto/tests/*/main.rs; do
    name=${test#proto/tests/}
    name=${name%.rs}
    case ${name%/main} in *request* | *encode* | mock | retry_after) ;; *) tests+=(-C="--test=${name%/main}") ;; esac
done
where=(-p libllm-proto -f 'proto/src/frame/**' -f 'proto/src/wire/**/reader*.rs' -f 'proto/src/wire/**/walk.rs' -f 'proto/src/wire/**/stream*.rs')
"$mutants" mutants --list --json "${where[@]}" > "$out/all.json"
# The names that were drawn, and as patterns that match them alone. cargo-mutants 27.1 runs deletions of a struct's field whatever
# it is told to choose (five here); they are not drawn and do not count.
python3 - "$out" "$count" "$seed" << 'PY'
import json, pathlib, random, re, sys
out, count, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
names = sorted(mutant["name"] for mutant in json.loads((out / "all.json").read_text()) if mutant["genre"] != "StructField")
drawn = sorted(random.Random(seed).sample(names, min(count, len(names))))
special = re.compile(r"([\\.+*?()|\[\]{}^$#&~-])")
(out / "drawn").write_text("".join(name + "\n" for name in drawn))
(out / "patterns").write_text("".join("^" + special.sub(r"\\\1", name) + "$\n" for name in drawn))
PY
patterns=()
while IFS= read -r pattern; do patterns+=(--re "$pattern"); done < "$out/patterns"

# Exit code 2 says that some were missed, which the figures below say too.
code=0
"$mutants" mutants "${where[@]}" "${patterns[@]}" --jobs 1 "${tests[@]}" --no-shuffle --colors never -o "$out" || code=$?
[ "$code" -le 3 ] || exit "$code"

python3 - "$out" << 'PY'
import collections, json, pathlib, sys
out = pathlib.Path(sys.argv[1])
drawn = set((out / "drawn").read_text().splitlines())
ends = collections.defaultdict(list)
for outcome in json.loads((out / "mutants.out/outcomes.json").read_text())["outcomes"]:
    mutant = outcome["scenario"]["Mutant"] if isinstance(outcome["scenario"], dict) else None
    if mutant and mutant["name"] in drawn:
        ends[outcome["summary"]].append(mutant["name"])
caught, missed = len(ends["CaughtMutant"]) + len(ends["Timeout"]), len(ends["MissedMutant"])
for name in ends["MissedMutant"]:
    print("missed:", name)
print(f"{caught} of {caught + missed} mutants caught ({100 * caught / max(1, caught + missed):.0f} %), {len(ends['Unviable'])} did not compile")
PY
