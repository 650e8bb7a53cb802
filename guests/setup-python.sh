#!/usr/bin/env bash
# Makes componentize-py available for the Python guest, in guests/.toolchain/python.
#
# It may be run again and again: what is there already stays. Where it cannot be had it says what is missing and fails; build.sh does
# without that guest then, except under CI.
set -euo pipefail

guests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$guests/.toolchain/python
version=0.25.1

say() { printf 'setup-python: %s\n' "$*" >&2; }
die() {
  printf 'setup-python: missing: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf 'setup-python:   %s\n' "$@" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

there() { [ -x "$venv/bin/componentize-py" ] && [ "$("$venv/bin/componentize-py" --version 2>/dev/null)" = "componentize-py $version" ]; }

if there; then
  say "componentize-py $version is there already"
  exit 0
fi
command -v python3 >/dev/null 2>&1 || die "python3" "apt-get install python3 python3-venv"
mkdir -p "$guests/.toolchain"
if ! python3 -m venv --clear "$venv" >"$guests/.toolchain/venv.log" 2>&1; then
  # Debian keeps the part that puts pip into a venv in a package of its own.
  say "apt-get install python3-venv"
  { as_root apt-get install -y --no-install-recommends python3-venv ||
    { as_root apt-get update && as_root apt-get install -y --no-install-recommends python3-venv; }; } \
    >>"$guests/.toolchain/venv.log" 2>&1 || die "python3-venv" "apt's own words: $guests/.toolchain/venv.log"
  python3 -m venv --clear "$venv" >>"$guests/.toolchain/venv.log" 2>&1 ||
    die "a venv of Python" "its own words: $guests/.toolchain/venv.log"
fi
say "pip install componentize-py==$version"
# pip's own words name the index it asks, which may be a private one.
"$venv/bin/pip" install --quiet --disable-pip-version-check "componentize-py==$version" >"$guests/.toolchain/pip.log" 2>&1 ||
  die "componentize-py $version" "pip's own words: $guests/.toolchain/pip.log"
there || die "componentize-py $version in $venv, though pip has installed it"
