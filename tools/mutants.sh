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

mutants=$(command -v cargo-mutants || true)
if [ -z "$mutants" ]; then
    mutants=$target/tools/bin/cargo-mutants
    # Kept with the build: it takes minutes, once.
    [ -x "$mutants" ] || "$cargo" install cargo-mutants --version 27.1.0 --locked --root "$target/tools" --target-dir "$target/tools/build"
fi

where=(-p libllm-proto -f 'proto/src/frame/**' -f 'proto/src/wire/**/reader*.rs' -f 'proto/src/wire/**/walk.rs' -f 'proto/src/wire/**/stream*.rs')
"$mutants" mutants --list --json "${where[@]}" > "$out/all.json"
# The names that were drawn, as patterns that match them alone.
python3 - "$out/all.json" "$count" "$seed" > "$out/drawn" << 'PY'
import json, random, re, sys
names = sorted(mutant["name"] for mutant in json.load(open(sys.argv[1])))
drawn = random.Random(int(sys.argv[3])).sample(names, min(int(sys.argv[2]), len(names)))
special = re.compile(r"([\\.+*?()|\[\]{}^$#&~-])")
print("\n".join("^" + special.sub(r"\\\1", name) + "$" for name in sorted(drawn)))
PY
patterns=()
while IFS= read -r pattern; do patterns+=(--re "$pattern"); done < "$out/drawn"

# Exit code 2 says that some were missed, which the figures below say too.
code=0
"$mutants" mutants "${where[@]}" "${patterns[@]}" --jobs 1 --timeout 300 --baseline skip --no-shuffle --colors never -o "$out" || code=$?
[ "$code" -le 3 ] || exit "$code"

python3 - "$out/mutants.out/outcomes.json" << 'PY'
import json, sys
told = json.load(open(sys.argv[1]))
caught, missed = told["caught"] + told["timeout"], told["missed"]
print(f"{caught} of {caught + missed} mutants caught ({100 * caught / max(1, caught + missed):.0f} %), {told['unviable']} did not compile")
PY
