#!/usr/bin/env bash
# The catalog anew from the newest package `litellm`: its price file becomes proto/data/models.tsv, its licence the notice beside it.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --dest "$work" litellm
python3 - "$work" <<'PYTHON'
import pathlib, sys, zipfile

work = pathlib.Path(sys.argv[1])
wheel = next(work.glob("litellm-*.whl"))
with zipfile.ZipFile(wheel) as package:
    names = package.namelist()
    prices = next(n for n in names if n.startswith("litellm/model_prices_and_context_window"))
    licence = next(n for n in names if n.endswith(".dist-info/licenses/LICENSE"))
    (work / "prices.json").write_bytes(package.read(prices))
    (work / "LICENSE").write_bytes(package.read(licence))
(work / "version").write_text(wheel.name.split("-")[1])
PYTHON
cp "$work/LICENSE" proto/data/LICENSE.litellm
${CARGO:-cargo} run --quiet -p libllm-models -- "$work/prices.json" "$(cat "$work/version")" "$(date -u +%F)" proto/data/models.tsv
