#!/usr/bin/env bash
# What a wheel brings with it: a list of all it depends on (SBOM, CycloneDX), and whether something of that is known to be unsafe. usage: audit.sh WHEEL DIR
# Writes DIR/talkpath.cdx.json (the wheel alone) and DIR/talkpath-all.cdx.json (with the extras of the server and the agent stack).
# Ends with 1 where the advisory database knows of a hole, and with 2 where it cannot be asked.
set -euo pipefail
wheel=$(realpath "${1:?wheel}"); out=${2:?folder}
mkdir -p "$out"; out=$(realpath "$out")
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1

python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet 'cyclonedx-bom>=7,<8' 'pip-audit>=2.9,<3'
list() { # NAME REQUIREMENT: installs it alone, and says what came
  python3 -m venv --without-pip "$work/$1"
  "$work/tools/bin/pip" --python "$work/$1/bin/python" install --quiet "$2"
  "$work/tools/bin/cyclonedx-py" environment "$work/$1/bin/python" --pyproject "$(dirname "$0")/../pyproject.toml" \
    --output-reproducible --of JSON -o "$out/$1.cdx.json"
}
list talkpath "$wheel"
list talkpath-all "$wheel[agentstack,cli,fast,phone,report]"

# Not talkpath itself: the database need not know it.
"$work/tools/bin/pip" --python "$work/talkpath-all/bin/python" freeze --exclude talkpath >"$work/requirements.txt"
status=0
"$work/tools/bin/pip-audit" --strict --no-deps --disable-pip -r "$work/requirements.txt" >"$work/said" 2>&1 || status=$?
cat "$work/said"
if [ "$status" != 0 ] && ! grep -q '^Found ' "$work/said"; then exit 2; fi
exit "$status"
