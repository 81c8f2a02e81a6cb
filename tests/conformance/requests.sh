#!/usr/bin/env bash
# requests.py, with what the schemas' validator needs: from the system if it is there, else in an environment of its own.
#
#   tests/conformance/requests.sh WORK [SPECS] [arguments of requests.py]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$1 specs=${2:-$here/../../../shared/recordings/specs}
shift $(($# < 2 ? $# : 2))
if [ ! -f "$specs/validate.py" ]; then
    printf 'requests: no schemas in %s, nothing is compared\n' "$specs"
    exit 0
fi
python=python3
if ! python3 -W ignore -c 'import jsonschema, yaml, botocore' 2> /dev/null; then
    python=$work/venv/bin/python
    [ -x "$python" ] || python3 -m venv "$work/venv"
    "$python" -m pip install --quiet jsonschema pyyaml botocore
fi
exec "$python" -W ignore "$here/requests.py" --specs "$specs" "$@"
